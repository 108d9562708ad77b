package configs

import (
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// A place is where a key and its value begin in a text; -1 where unknown. A table's header is both.
type place struct{ key, value int }

// places finds keys of a text that is valid TOML. Paths are as At describes them.
type places map[string]place

// find returns the place of key, or of the innermost table or array around it that the text has.
func (p places) find(key string) place {
	for key != "" {
		if at, ok := p[key]; ok {
			return at
		}
		key = parentPath(key)
	}
	return place{-1, -1}
}

// childPath returns the path of key within the table at path, quoting it where TOML would.
func childPath(path, key string) string {
	if quoted := key == "" || strings.ContainsFunc(key, func(r rune) bool { return !isBare(r) }); quoted {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

func itemPath(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// parentPath cuts the last key or index off.
func parentPath(path string) string {
	quoted := false
	cut := 0
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case (c == '.' || c == '[') && !quoted:
			cut = i
		}
	}
	return path[:cut]
}

func isBare(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
}

// A locator walks over valid TOML and notes where each key stands. The toml package tells the places of keys only
// up to repeated tables: of [[rule]] it knows the last.
type locator struct {
	text  string
	pos   int
	items map[string]int // how many items each array of tables has so far
	at    places
}

// locate returns where every key of text stands. On text that is not valid TOML it returns what it has understood.
func locate(text string) places {
	l := &locator{text: strings.TrimPrefix(text, "\ufeff"), items: map[string]int{}, at: places{}}
	skipped := len(text) - len(l.text)
	table := ""
	for l.blank(); l.pos < len(l.text); l.blank() {
		start := l.pos
		if l.peek() == '[' {
			table = l.header()
		} else {
			l.pair(table)
		}
		if l.pos == start {
			break // nothing that TOML allows here
		}
	}
	if skipped > 0 {
		for k, p := range l.at {
			l.at[k] = place{p.key + skipped, p.value + skipped}
		}
	}
	return l.at
}

// peek returns the byte at the position, 0 at the end.
func (l *locator) peek() byte {
	if l.pos < len(l.text) {
		return l.text[l.pos]
	}
	return 0
}

func (l *locator) take(s string) bool {
	if strings.HasPrefix(l.text[l.pos:], s) {
		l.pos += len(s)
		return true
	}
	return false
}

// blank skips white space, line ends and comments.
func (l *locator) blank() {
	for {
		switch l.peek() {
		case ' ', '\t', '\r', '\n':
			l.pos++
		case '#':
			if n := strings.IndexByte(l.text[l.pos:], '\n'); n >= 0 {
				l.pos += n
			} else {
				l.pos = len(l.text)
			}
		default:
			return
		}
	}
}

// header reads [a.b] or [[a.b]] and returns the path of the table it opens.
func (l *locator) header() string {
	start := l.pos
	l.take("[")
	array := l.take("[")
	keys := l.key()
	path := ""
	for i, k := range keys {
		path = childPath(path, k)
		if n := l.items[path]; n > 0 && (i < len(keys)-1 || !array) {
			path = itemPath(path, n-1)
		}
		l.note(path, start, start)
	}
	if array {
		l.items[path]++
		path = itemPath(path, l.items[path]-1)
		l.note(path, start, start)
	}
	l.blank()
	for l.take("]") {
	}
	return path
}

// note keeps the first place that is told for a path.
func (l *locator) note(path string, key, value int) {
	if _, ok := l.at[path]; !ok {
		l.at[path] = place{key, value}
	}
}

// pair reads key = value within the table at path.
func (l *locator) pair(path string) {
	start := l.pos
	keys := l.key()
	l.blank()
	if !l.take("=") {
		return
	}
	l.blank()
	for i, k := range keys {
		path = childPath(path, k)
		if n := l.items[path]; n > 0 && i < len(keys)-1 {
			path = itemPath(path, n-1)
		}
		l.note(path, start, l.pos)
	}
	l.value(path)
}

// key reads a dotted key and leaves the position after it.
func (l *locator) key() []string {
	var keys []string
	for {
		l.blank()
		start := l.pos
		switch l.peek() {
		case '"', '\'':
			l.str()
			keys = append(keys, unquote(l.text[start:l.pos]))
		default:
			for l.pos < len(l.text) && isBare(rune(l.peek())) {
				l.pos++
			}
			keys = append(keys, l.text[start:l.pos])
		}
		l.blank()
		if !l.take(".") {
			return keys
		}
	}
}

// unquote returns the string that a TOML literal stands for.
func unquote(literal string) string {
	var v struct{ S string }
	if _, err := toml.Decode("S="+literal, &v); err != nil {
		return literal
	}
	return v.S
}

// str skips a string of any of TOML's four kinds.
func (l *locator) str() {
	quote := l.text[l.pos : l.pos+1]
	end := strings.Repeat(quote, 3)
	if !l.take(end) {
		end = quote
		l.pos++
	}
	for l.pos < len(l.text) {
		switch {
		case l.peek() == '\\' && quote == `"`:
			l.pos = min(l.pos+2, len(l.text))
		case l.take(end):
			for len(end) == 3 && l.take(quote) { // up to two quotes may stand before the closing three
			}
			return
		default:
			l.pos++
		}
	}
}

// value skips a value, noting the keys inside it.
func (l *locator) value(path string) {
	switch l.peek() {
	case '"', '\'':
		l.str()
	case '[':
		l.pos++
		for i := 0; ; i++ {
			if l.blank(); l.pos == len(l.text) || l.take("]") {
				return
			}
			l.note(itemPath(path, i), l.pos, l.pos)
			before := l.pos
			l.value(itemPath(path, i))
			l.blank()
			if !l.take(",") && l.pos == before {
				return
			}
		}
	case '{':
		l.pos++
		for {
			if l.blank(); l.pos == len(l.text) || l.take("}") {
				return
			}
			before := l.pos
			l.pair(path)
			l.blank()
			if !l.take(",") && l.pos == before {
				return
			}
		}
	default:
		n := strings.IndexAny(l.text[l.pos:], ",]}#\r\n")
		if n < 0 {
			n = len(l.text) - l.pos
		}
		l.pos += n
	}
}

package suggest

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/saypro/veritail/parsers/stamp"
)

// An exprWriter writes the pattern of a group.
type exprWriter struct {
	strings.Builder
	s    *suggester
	g    *lineGroup
	used map[string]int // fields that were given to captures
}

// pattern writes the pattern of a group.
func (s *suggester) pattern(g *lineGroup) string {
	w := exprWriter{s: s, g: g, used: map[string]int{}}
	for i := range g.head {
		if i > 0 {
			w.WriteString(`\s+`)
		}
		w.part(i)
	}
	if g.text {
		if g.head > 0 {
			w.WriteString(`\s+`)
		}
		w.WriteString(`(?<message>.*)`)
	}
	return w.String() + `\s*`
}

// name returns a field for a capture: field itself, or with a number behind it if it is in use.
func (w *exprWriter) name(field string) string {
	w.used[field]++
	if n := w.used[field]; n > 1 {
		return fmt.Sprintf("%s%d", field, n)
	}
	return field
}

// unnamed returns a field for a capture whose meaning is not known.
func (w *exprWriter) unnamed() string {
	w.s.fields++
	return fmt.Sprintf("app.field%d", w.s.fields)
}

func (w *exprWriter) f(format string, args ...any) { fmt.Fprintf(w, format, args...) }

// part writes what takes part i of the group's lines. The first line tells its form: the others have the same.
func (w *exprWriter) part(i int) {
	p := w.g.lines[0][i]
	switch p.kind {
	case partStamp:
		w.s.stamps[p.layout] = true
		w.f("%s(?<_time>%s)%s", quote(p.open), stamp.Expr(p.layout), quote(p.close))
	case partLevel:
		for text := range w.texts(i) {
			w.s.levels[levelPart.FindStringSubmatch(text)[2]] = true
		}
		m := levelPart.FindStringSubmatch(p.text)
		w.f("%s(?<%s>[A-Za-z]+)%s", quote(m[1]), w.name("log.level"), quote(m[3]))
	case partProgram:
		w.program(p.text)
	case partPair:
		w.pair(i, p.text)
	case partQuoted:
		if w.all(i, requestText) {
			w.f(`"(?<%s>[A-Z]+) (?<%s>[^" ]*)(?: HTTP/(?<%s>[0-9.]+))?"`, w.name("http.request.method"), w.name("url.original"), w.name("http.version"))
		} else {
			w.f(`"(?<%s>%%{QUOTED})"`, w.unnamed())
		}
	case partGroup:
		open, close := p.text[:1], p.text[len(p.text)-1:]
		w.f("%s(?<%s>[^%s]*)%s", quote(open), w.unnamed(), classOf(close[0]), quote(close))
	case partAddress:
		w.address(p.text)
	case partNumber:
		w.number(p.text)
	default:
		w.word(i, p.text)
	}
}

// texts yields part i of each line of the group.
func (w *exprWriter) texts(i int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, l := range w.g.lines {
			if !yield(l[i].text) {
				return
			}
		}
	}
}

// all reports whether part i of all lines matches re.
func (w *exprWriter) all(i int, re *regexp.Regexp) bool {
	for text := range w.texts(i) {
		if !re.MatchString(text) {
			return false
		}
	}
	return true
}

var requestText = regexp.MustCompile(`^"([A-Z]{3,8}) (\S+)(?: HTTP/[0-9.]+)?"$`)

func (w *exprWriter) program(text string) {
	colon := ""
	if strings.HasSuffix(text, ":") {
		colon = ":"
	}
	if strings.Contains(text, "[") {
		w.f(`(?<%s>[^\s\[\]:]+)\[%%{INT:%s:int}\]%s`, w.name("process.name"), w.name("process.pid"), colon)
	} else {
		w.f(`(?<%s>[^\s\[\]:]+)%s`, w.name("process.name"), colon)
	}
}

func (w *exprWriter) address(text string) {
	m := addressPart.FindStringSubmatch(text)
	side := "source"
	if w.used["source.address"] > 0 {
		side = "destination"
	}
	w.f("%s(?<%s>[0-9A-Fa-f.:]+?)", quote(m[1]), w.name(side+".address"))
	if m[3] != "" {
		w.f(":%%{INT:%s:int}", w.name(side+".port"))
	}
	w.WriteString(quote(m[4]))
}

func (w *exprWriter) number(text string) {
	m := numberPart.FindStringSubmatch(text)
	if unit := m[3]; unit != "" && w.used["event.duration"] == 0 {
		w.f("%s%%{NUMBER:%s:%s}%s%s", quote(m[1]), w.name("event.duration"), unit, unit, quote(m[4]))
	} else {
		w.f("%s(?<%s>-?[0-9.]+)%s%s", quote(m[1]), w.unnamed(), unit, quote(m[4]))
	}
}

// word writes what takes a word: itself, if it is the same in more lines than two, else a capture.
func (w *exprWriter) word(i int, text string) {
	first, same := w.g.lines[0], len(w.g.lines) > 2
	for other := range w.texts(i) {
		same = same && other == text
	}
	switch {
	case same && plainText(text):
		w.WriteString(quote(text))
	case i > 0 && first[i-1].kind == partStamp && i+1 < w.g.head && first[i+1].kind == partProgram:
		w.f(`(?<%s>\S+)`, w.name("host.name"))
	default:
		w.f(`(?<%s>\S+)`, w.unnamed())
	}
}

// pair writes what takes part i, which is text in the first line: key=value.
func (w *exprWriter) pair(i int, text string) {
	m := pairPart.FindStringSubmatch(text)
	key, value, end := m[1], m[2], quote(m[3])
	if layout, ok := stampValue(value); ok && w.used["_time"] == 0 && w.g.stamp() < 0 {
		w.s.stamps[layout] = true
		w.f(`%s="?(?<%s>%s)"?%s`, quote(key), w.name("_time"), stamp.Expr(layout), end)
		return
	}
	quoted, bare := false, false
	for text := range w.texts(i) {
		_, v, _ := strings.Cut(text, "=")
		if strings.HasPrefix(v, `"`) {
			quoted = true
		} else {
			bare = true
		}
	}
	field := pairNames[strings.ToLower(key)]
	if field == "" {
		field = "app." + strings.ToLower(strings.ReplaceAll(key, "-", "_"))
	}
	field, typ, _ := strings.Cut(field, ":")
	field = w.name(field)
	w.WriteString(quote(key) + "=")
	switch {
	case typ == "int" && !quoted:
		w.f("%%{INT:%s:int}", field)
	case quoted && bare:
		w.f(`(?:"(?<%s>%%{QUOTED})"|(?<%s>[^\s",;]*))`, field, field)
	case quoted:
		w.f(`"(?<%s>%%{QUOTED})"`, field)
	default:
		w.f(`(?<%s>[^\s",;]*)`, field)
	}
	w.WriteString(end)
}

// quote returns the expression of a text.
func quote(text string) string { return regexp.QuoteMeta(text) }

// classOf writes a byte as a member of a class.
func classOf(c byte) string {
	if c == ']' || c == '\\' || c == '^' || c == '-' {
		return `\` + string(c)
	}
	return string(c)
}

// plainText reports whether a text may stand in a pattern as it is.
func plainText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '\'' })
}

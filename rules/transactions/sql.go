package transactions

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A tokenKind is what a piece of SQL is.
type tokenKind uint8

const (
	word    tokenKind = iota // a name or a key word, also one in quotes
	literal                  // a text, a number, a parameter
	sign                     // anything else
)

type token struct {
	kind   tokenKind
	text   string // as it is written
	spaced bool   // white space or a comment stands before it
}

// isParameter reports whether the token stands for a value that is sent beside the statement.
func (t token) isParameter() bool {
	return t.kind == literal && (t.text[0] == '?' || t.text[0] == '@' || t.text[0] == ':' || t.text[0] == '$' && t.text[len(t.text)-1] != '$')
}

// lex splits SQL of any dialect into tokens; comments are left out. It takes whatever text comes, also one that is cut
// in the middle.
func lex(sql string) []token {
	var out []token
	spaced := false
	for sql != "" {
		n, kind := next(sql)
		if n < 0 {
			sql, spaced = sql[-n:], true
			continue
		}
		out = append(out, token{kind, sql[:n], spaced})
		sql, spaced = sql[n:], false
	}
	return out
}

// next returns the length of the first token and its kind; below zero is the length of white space or a comment.
func next(s string) (int, tokenKind) {
	switch c := s[0]; {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		return -1, sign
	case strings.HasPrefix(s, "--"), c == '#':
		return -until(s, "\n"), sign
	case strings.HasPrefix(s, "/*"):
		return -until(s, "*/"), sign
	case c == '\'':
		return quoted(s, '\'', true), literal
	case c == '"':
		return quoted(s, '"', false), word
	case c == '`':
		return quoted(s, '`', false), word
	case c == '[' && len(s) > 1 && (unicode.IsLetter(rune(s[1])) || s[1] == '_'):
		return until(s, "]"), word
	case c == '$':
		return dollar(s)
	case c == '@' || c == ':' || c == '?':
		return parameter(s)
	case c >= '0' && c <= '9', c == '.' && len(s) > 1 && s[1] >= '0' && s[1] <= '9':
		return run(s, func(r rune) bool { return r == '.' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }), literal
	}
	if n := run(s, nameRune); n > 0 {
		if n == 1 && len(s) > 1 && s[1] == '\'' && strings.ContainsRune("eEbBxXnN", rune(s[0])) {
			return 1 + quoted(s[1:], '\'', true), literal
		}
		return n, word
	}
	_, n := utf8.DecodeRuneInString(s)
	return n, sign
}

func nameRune(r rune) bool {
	return r == '_' || r == '$' || r == '#' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

// run returns the length of the runes in front of s that are in.
func run(s string, in func(rune) bool) int {
	if n := strings.IndexFunc(s, func(r rune) bool { return !in(r) }); n >= 0 {
		return n
	}
	return len(s)
}

// until returns the length of s up to and with end, all of it if it does not end.
func until(s, end string) int {
	if n := strings.Index(s[1:], end); n >= 0 {
		return 1 + n + len(end)
	}
	return len(s)
}

// quoted returns the length of a text in quotes; doubled they stand for one, and so they do behind a backslash.
func quoted(s string, quote byte, backslash bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case backslash && s[i] == '\\':
			i++
		case s[i] == quote && i+1 < len(s) && s[i+1] == quote:
			i++
		case s[i] == quote:
			return i + 1
		}
	}
	return len(s)
}

// dollar reads a parameter ($1) or a text between $tag$ and $tag$.
func dollar(s string) (int, tokenKind) {
	n := 1 + run(s[1:], func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) })
	if n < len(s) && s[n] == '$' && (n == 1 || s[1] < '0' || s[1] > '9') {
		tag := s[:n+1]
		if end := strings.Index(s[len(tag):], tag); end >= 0 {
			return end + 2*len(tag), literal
		}
		return len(s), literal
	}
	if n > 1 {
		return n, literal
	}
	return 1, sign
}

// parameter reads @p, :p, :1 and ?; a cast (::) is a sign.
func parameter(s string) (int, tokenKind) {
	if strings.HasPrefix(s, "::") || strings.HasPrefix(s, ":=") {
		return 2, sign
	}
	n := 1 + run(s[1:], nameRune)
	if n > 1 || s[0] == '?' {
		return n, literal
	}
	return 1, sign
}

// Normalise returns SQL with ? for each text, number and parameter, one blank for white space and comments, and one ? for a
// list of them. Statements that differ in values only are equal then.
func Normalise(sql string) string {
	var b strings.Builder
	var last token
	for _, t := range lex(sql) {
		text := t.text
		if t.kind == literal {
			text = "?"
		}
		if b.Len() > 0 && (t.spaced || t.kind != sign && last.kind != sign) && text != "," && text != ")" && text != ";" && last.text != "(" {
			b.WriteByte(' ')
		}
		b.WriteString(text)
		if last.text == "," && text == "," {
			continue
		}
		last = t
	}
	return shorten(b.String())
}

// shorten makes one ? of a list of them, and one list of several.
func shorten(s string) string {
	for _, f := range []string{"?, ?", "?,?"} {
		for strings.Contains(s, f) {
			s = strings.ReplaceAll(s, f, "?")
		}
	}
	for _, f := range []string{"(?), (?)", "(?),(?)"} {
		for strings.Contains(s, f) {
			s = strings.ReplaceAll(s, f, "(?)")
		}
	}
	return strings.TrimRight(s, "; ")
}

// A Statement is one of a text of SQL, as far as it says what it locks.
type Statement struct {
	Text  string
	Verb  string // update, delete, insert, select, lock, begin, commit, … in small letters
	Table string // without schema and quotes; "" where there is none
	Where string // its condition, or of an insert its first row; "" without one
	Locks bool   // it locks rows or a table of Table
}

// Statements splits SQL at its semicolons.
func Statements(sql string) []Statement {
	var out []Statement
	var part []token
	flush := func() {
		if len(part) > 0 {
			out = append(out, statement(part))
		}
		part = nil
	}
	for _, t := range lex(sql) {
		if t.kind == sign && t.text == ";" {
			flush()
			continue
		}
		part = append(part, t)
	}
	flush()
	return out
}

// beforeTable are words that stand between a verb and its table.
var beforeTable = map[string]bool{"into": true, "from": true, "only": true, "low_priority": true, "ignore": true, "quick": true, "delayed": true, "high_priority": true, "table": true}

func statement(tokens []token) Statement {
	s := Statement{Text: join(tokens), Verb: strings.ToLower(tokens[0].text)}
	at := 0
	if s.Verb == "with" { // the statement behind its queries
		for i := range tokens {
			switch w := strings.ToLower(tokens[i].text); w {
			case "update", "insert", "delete", "merge":
				at, s.Verb = i, w
			}
		}
	}
	switch s.Verb {
	case "update", "delete", "insert", "replace", "merge", "lock", "truncate":
		s.Locks = true
		s.Table = tableAt(tokens[at+1:])
	case "select":
		for i := range tokens {
			if strings.EqualFold(tokens[i].text, "from") && s.Table == "" {
				s.Table = tableAt(tokens[i+1:])
			}
			if strings.EqualFold(tokens[i].text, "for") && i+1 < len(tokens) && (strings.EqualFold(tokens[i+1].text, "update") || strings.EqualFold(tokens[i+1].text, "share") || strings.EqualFold(tokens[i+1].text, "no") || strings.EqualFold(tokens[i+1].text, "key")) {
				s.Locks = true
			}
		}
		if n := len(tokens); n > 4 && strings.EqualFold(tokens[n-1].text, "mode") && strings.EqualFold(tokens[n-2].text, "share") {
			s.Locks = true
		}
	case "alter", "drop", "create":
		for i := range tokens {
			if strings.EqualFold(tokens[i].text, "table") {
				s.Table, s.Locks = tableAt(tokens[i+1:]), true
				break
			}
		}
	}
	for i := range tokens {
		if w := strings.ToLower(tokens[i].text); w == "where" || s.Verb == "insert" && w == "values" {
			s.Where = join(tokens[i+1:])
			break
		}
	}
	return s
}

// tableAt reads the name of a table, with or without schemas and quotes, and returns its last part.
func tableAt(tokens []token) string {
	name := ""
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if t.kind != word {
			break
		}
		if name == "" && beforeTable[strings.ToLower(t.text)] {
			continue
		}
		name = strings.Trim(t.text, "\"`[]")
		if i+1 >= len(tokens) || tokens[i+1].text != "." {
			break
		}
		i++
	}
	return name
}

func join(tokens []token) string {
	var b strings.Builder
	for i, t := range tokens {
		if i > 0 && t.spaced {
			b.WriteByte(' ')
		}
		b.WriteString(t.text)
	}
	return b.String()
}

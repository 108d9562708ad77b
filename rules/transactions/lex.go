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

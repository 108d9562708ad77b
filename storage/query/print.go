package query

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/saypro/veritail/pipeline/event"
)

// String prints a tree so that Parse makes the same tree of it, in plain form and but for Pos, as long as what it
// prints is within Parse's bounds. A nil tree prints as And{}, which is *.
func String(e Expr) string { return string(appendExpr(nil, e, 0)) }

// The strength with which what stands around a condition binds it.
const (
	inOr = iota + 1
	inAnd
	inNot
)

func appendExpr(b []byte, e Expr, around int) []byte {
	switch e := e.(type) {
	case nil:
		return append(b, '*')
	case *Test:
		return appendTest(b, e)
	case Not:
		return appendExpr(append(b, "not "...), e.X, inNot)
	case And:
		if len(e) == 0 {
			return append(b, '*')
		}
		return appendList(b, e, " and ", inAnd, around)
	case Or:
		if len(e) == 0 {
			return append(b, "not *"...)
		}
		return appendList(b, e, " or ", inOr, around)
	}
	return b
}

func appendList(b []byte, list []Expr, sep string, own, around int) []byte {
	if len(list) == 1 {
		return appendExpr(b, list[0], around)
	}
	if around > own {
		b = append(b, '(')
	}
	for i, e := range list {
		if i > 0 {
			b = append(b, sep...)
		}
		b = appendExpr(b, e, own)
	}
	if around > own {
		b = append(b, ')')
	}
	return b
}

var opSigns = map[Op]string{Less: "<", LessEq: "<=", More: ">", MoreEq: ">="}

func appendTest(b []byte, t *Test) []byte {
	b = appendName(b, t.Field)
	if sign, ok := opSigns[t.Op]; ok {
		return append(append(b, sign...), operandText(t)...)
	}
	b = append(b, ':')
	switch t.Op {
	case Exists:
		return append(b, '*')
	case Wildcard:
		return appendPattern(b, t.Str)
	case Regexp:
		return appendRegexp(b, t.Str)
	}
	if t.Kind == event.Text && t.Prefix {
		return append(appendQuoted(b, t.Str), '*')
	}
	if s := operandText(t); isPlain(s) || t.Kind == event.Address {
		return append(b, s...)
	} else {
		return appendQuoted(b, s)
	}
}

func appendName(b []byte, name string) []byte {
	if isName(name) {
		return append(b, name...)
	}
	return appendQuoted(b, name)
}

// operandText returns the operand as text, from what the test compares with.
func operandText(t *Test) string {
	switch t.Kind {
	case event.Int:
		return strconv.FormatInt(t.Int, 10)
	case event.Float:
		return formatFloat(t.Float)
	case event.Time:
		return formatTime(t.Int)
	}
	return t.Str
}

// isPlain reports whether a value can stand without quotation marks.
func isPlain(s string) bool {
	for i, r := range s {
		inside := i > 0 && strings.ContainsRune("-./:+@%,;=", r)
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && !inside {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "", "and", "or", "not":
		return false
	}
	return true
}

func appendQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, `\n`...)
		case r == '\r':
			b = append(b, `\r`...)
		case r == '\t':
			b = append(b, `\t`...)
		case r < ' ' || r == 0x7f:
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[r>>4], "0123456789abcdef"[r&15])
		default:
			b = append(b, string(r)...)
		}
	}
	return append(b, '"')
}

// appendPattern writes a wildcard pattern: whatever a word cannot hold gets a \ before it.
func appendPattern(b []byte, pattern string) []byte {
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r != '*' && r != '?' && r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r):
			b = append(b, '\\')
		}
		b = append(b, string(r)...)
	}
	return b
}

// appendRegexp writes /…/, with a \ before each / that has none.
func appendRegexp(b []byte, pattern string) []byte {
	b = append(b, '/')
	escaped := false
	for i := range len(pattern) {
		c := pattern[i]
		if c == '/' && !escaped {
			b = append(b, '\\')
		}
		escaped = c == '\\' && !escaped
		b = append(b, c)
	}
	return append(b, '/')
}

package query

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A glob is a wildcard pattern ready to match: bytes, and the two below.
type glob []int16

const (
	anyRun  = -1 // *
	anyRune = -2 // ?
)

// newGlob reads a pattern in which * and ? are wildcards and \ takes the meaning from the character after it.
func newGlob(pattern string) glob {
	g := make(glob, 0, len(pattern))
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			i++
			g = append(g, int16(pattern[i]))
		case c == '*':
			g = append(g, anyRun)
		case c == '?':
			g = append(g, anyRune)
		default:
			g = append(g, int16(c))
		}
	}
	return g
}

// match reports whether the whole of s fits. After a mismatch it goes back to the last *, which then takes one
// character more; earlier ones need no second look.
func (g glob) match(s []byte) bool {
	i, j := 0, 0
	star, taken := -1, 0
	for j < len(s) {
		if i < len(g) {
			switch c := g[i]; {
			case c == anyRun:
				star, taken = i, j
				i++
				continue
			case c == anyRune:
				i++
				j += width(s[j:])
				continue
			case c == int16(s[j]):
				i++
				j++
				continue
			}
		}
		if star < 0 {
			return false
		}
		taken += width(s[taken:])
		i, j = star+1, taken
	}
	for i < len(g) && g[i] == anyRun {
		i++
	}
	return i == len(g)
}

// prefix returns p where the pattern is p*, p being without wildcards.
func (g glob) prefix() (string, bool) {
	n := len(g) - 1
	if n < 0 || g[n] != anyRun {
		return "", false
	}
	p := make([]byte, n)
	for i, c := range g[:n] {
		if c < 0 {
			return "", false
		}
		p[i] = byte(c)
	}
	return string(p), true
}

// needles returns the longest text that stands in all that fits, in ASCII lower case; none where that tells little, or where
// the pattern begins with it: then a look at the value tells.
func (g glob) needles() []string {
	var best, part []byte
	for i, c := range g {
		if c < 0 {
			part = part[:0]
			continue
		}
		part = append(part, byte(asciiLower(rune(c))))
		if len(part) > len(best) && len(part) <= i {
			best = slices.Clone(part)
		}
	}
	if len(best) < 2 {
		return nil
	}
	return []string{string(best)}
}

func width(s []byte) int {
	if s[0] < utf8.RuneSelf {
		return 1
	}
	_, n := utf8.DecodeRune(s)
	return n
}

// wildcardRegexp translates a pattern as newGlob reads it.
func wildcardRegexp(pattern string) (*regexp.Regexp, error) {
	return regexp.Compile(`(?s)\A` + wildcardSource(pattern, ".") + `\z`)
}

// wildcardSource translates a pattern; one is the expression for one character.
func wildcardSource(pattern, one string) string {
	var b strings.Builder
	escaped := false
	for _, r := range pattern {
		switch {
		case escaped:
			b.WriteString(regexp.QuoteMeta(string(r)))
			escaped = false
		case r == '\\':
			escaped = true
		case r == '*':
			b.WriteString(one + "*")
		case r == '?':
			b.WriteString(one)
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	return b.String()
}

// escapeWildcard returns the pattern that matches exactly s.
func escapeWildcard(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(s)
}

// tokenClass is the class of token characters in RE2's words.
const tokenClass = `\p{L}\p{Nd}_`

// TextPattern returns an RE2 pattern that says the same as t, a test of a Text field with Equal or Wildcard:
// unanchored, applied to the text folded to lower case (see Fold), it matches where t holds. It is for stores
// that have no tokens.
func TextPattern(t *Test) string { return textPattern(t, "["+tokenClass+"]", "[^"+tokenClass+"]") }

// LoosePattern is a TextPattern that is compiled in a twentieth of the time: of characters beyond ASCII it knows neither
// that they belong to tokens nor that they do not. It matches wherever t holds, and says the same for texts that are
// ASCII.
func LoosePattern(t *Test) string {
	return textPattern(t, `[a-z0-9_\x{80}-\x{10FFFF}]`, `[^a-z0-9_]`)
}

// textPattern makes the pattern of classes of the characters that may belong to tokens and of those that may not.
func textPattern(t *Test, token, other string) string {
	before, after := `(?:\A|`+other+`)`, `(?:\z|`+other+`)`
	if t.Op == Wildcard {
		return before + wildcardSource(t.Str, token) + after
	}
	words := make([]string, len(t.Tokens))
	for i, w := range t.Tokens {
		words[i] = regexp.QuoteMeta(w)
	}
	p := before + strings.Join(words, other+"+")
	if !t.Prefix {
		p += after
	}
	return p
}

package document

import (
	"fmt"
	"html"
	"html/template"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Visible returns text of a log, escaped for HTML, in which nothing hides: control characters, characters that turn
// the direction of writing, those without width and bytes that are not UTF-8 stand as their codes in a
// <span class="cc">. Tabs and line ends stay.
func Visible(s string) template.HTML {
	var b strings.Builder
	from, marks := 0, 0
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		if code := code(r, s[i], n, marks); code != "" {
			b.WriteString(html.EscapeString(s[from:i]))
			b.WriteString(code)
			from = i + n
		}
		i += n
	}
	b.WriteString(html.EscapeString(s[from:]))
	return template.HTML(b.String()) //nolint:gosec // every part is escaped
}

// code returns what stands for a character that cannot stand for itself, else "". marks is how many combining marks
// stand in a row; those after the second would cover the lines above.
func code(r rune, first byte, size, marks int) string {
	switch {
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf(`<span class="cc">\x%02x</span>`, first)
	case r == '\n' || r == '\t':
		return ""
	case r < 0x20 || r == 0x7f:
		return fmt.Sprintf(`<span class="cc">\x%02x</span>`, r)
	case marks > 2, !unicode.IsPrint(r), blank(r):
		return fmt.Sprintf(`<span class="cc">U+%04X</span>`, r)
	}
	return ""
}

// blank reports the printable characters that show nothing: variation selectors, joiners of scripts, Hangul fillers,
// the blank Braille pattern.
func blank(r rune) bool {
	return unicode.Is(unicode.Variation_Selector, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || r == 0x2800
}

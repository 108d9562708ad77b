package console

import (
	"bytes"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// hidden reports whether r must not reach a page as it is: control characters (an escape sequence, a carriage
// return), characters without a width, and those that turn the direction of the text around them. Line feed and
// tab are layout.
func hidden(r rune) bool {
	if r < ' ' {
		return r != '\n' && r != '\t'
	}
	return r == 0x7f || r > 0x7f && (unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) || r == 0x115f || r == 0x3164)
}

// c0 are the names of the control characters of ASCII.
var c0 = strings.Fields("NUL SOH STX ETX EOT ENQ ACK BEL BS HT LF VT FF CR SO SI DLE DC1 DC2 DC3 DC4 NAK SYN ETB CAN EM SUB ESC FS GS RS US")

// spell writes a hidden character so that it is seen: ⟨ESC⟩, or ⟨U+202E⟩ for a turn of direction.
func spell(r rune) string {
	if r < ' ' {
		return "⟨" + c0[r] + "⟩"
	}
	return fmt.Sprintf("⟨U+%04X⟩", r)
}

// visible returns s with its hidden characters spelled out, and bytes that are not UTF-8 as ⟨xFF⟩.
func visible(s string) string {
	if !hasHidden(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, "⟨x%02X⟩", s[i])
		case hidden(r):
			b.WriteString(spell(r))
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	return b.String()
}

func hasHidden(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, hidden)
}

// oneLine returns s visibly and on one line, cut after n characters.
func oneLine(s string, n int) string {
	s = strings.ReplaceAll(visible(s), "\n", " ↵ ")
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n]) + "…"
}

// visibleBytes makes a finished page safe in the same way, whatever a template forgot. Its markup holds no hidden
// characters, so only foreign text can change.
func visibleBytes(b []byte) []byte {
	if !hasHidden(string(b)) {
		return b
	}
	return []byte(visible(string(b)))
}

// A capture is a value of an event that may be pointed out in its line; class is the colour of its kind.
type capture struct{ value, class, field string }

// markText returns line as HTML, hidden characters spelled out and set apart, and each capture marked that occurs
// exactly once as a whole word. A value that could be several places is not marked: a wrong mark is worse than
// none.
func markText(line string, captures []capture) template.HTML {
	type span struct {
		from, to int
		capture
	}
	var spans []span
	slices.SortStableFunc(captures, func(a, b capture) int { return len(b.value) - len(a.value) })
	free := func(from, to int) bool {
		return !slices.ContainsFunc(spans, func(s span) bool { return from < s.to && s.from < to })
	}
	for _, c := range captures {
		at, found := -1, 0
		for _, i := range wordsAt(line, c.value) {
			if free(i, i+len(c.value)) {
				at, found = i, found+1
			}
		}
		if found == 1 {
			spans = append(spans, span{at, at + len(c.value), c})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from - b.from })
	var b bytes.Buffer
	at := 0
	for _, s := range spans {
		writeVisible(&b, line[at:s.from])
		fmt.Fprintf(&b, `<mark class="%s" title="%s">`, s.class, template.HTMLEscapeString(s.field))
		writeVisible(&b, line[s.from:s.to])
		b.WriteString("</mark>")
		at = s.to
	}
	writeVisible(&b, line[at:])
	return template.HTML(b.String())
}

// wordsAt returns where v stands in s with no letter or digit of a longer word on either side.
func wordsAt(s, v string) []int {
	var at []int
	if v == "" {
		return nil
	}
	for i := 0; ; {
		j := strings.Index(s[i:], v)
		if j < 0 {
			return at
		}
		j += i
		if !wordByte(s, j-1) && !wordByte(s, j+len(v)) {
			at = append(at, j)
		}
		i = j + len(v)
	}
}

func wordByte(s string, i int) bool {
	return i >= 0 && i < len(s) && (s[i] == '_' || s[i] >= '0' && s[i] <= '9' || s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 0x80)
}

// writeVisible writes s escaped, with its hidden characters in spans of their own.
func writeVisible(b *bytes.Buffer, s string) {
	from := 0
	flush := func(to int) { b.WriteString(template.HTMLEscapeString(s[from:to])) }
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		bad := r == utf8.RuneError && n == 1
		if bad || hidden(r) {
			flush(i)
			b.WriteString(`<span class="cc">`)
			b.WriteString(visible(s[i : i+n]))
			b.WriteString("</span>")
			from = i + n
		}
		i += n
	}
	flush(len(s))
}

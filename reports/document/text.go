package document

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode"
)

// String writes a period: "Monday 23 November 2026, 00:00–24:00 UTC".
func (p Period) String() string {
	if p == (Period{}) {
		return "–"
	}
	from, to := p.From.UTC(), p.To.UTC()
	end := to.Format("15:04")
	last := to.Add(-time.Microsecond)
	if to.Equal(to.Truncate(24 * time.Hour)) {
		end = "24:00"
	} else if to.Sub(from) < time.Minute {
		return fmt.Sprintf("%s, %s–%s UTC", from.Format("Monday 2 January 2006"), from.Format("15:04:05"), to.Format("15:04:05"))
	}
	if from.Format(time.DateOnly) == last.Format(time.DateOnly) {
		return fmt.Sprintf("%s, %s–%s UTC", from.Format("Monday 2 January 2006"), from.Format("15:04"), end)
	}
	return fmt.Sprintf("%s, %s – %s, %s UTC", from.Format("2 January 2006"), from.Format("15:04"), last.Format("2 January 2006"), end)
}

// linkTo is the address in the console of the events behind a cell, "" where there is none.
func (d *Document) linkTo(c Cell) string {
	if c.Query == "" || d.Console == "" {
		return ""
	}
	q := url.Values{"q": {c.Query}, "from": {d.Period.From.UTC().Format(time.RFC3339)}, "to": {d.Period.To.UTC().Format(time.RFC3339)}}
	return d.Console + "/search?" + q.Encode()
}

// printable is a text in which nothing hides, for formats of text alone: what cannot be seen stands as its code.
func printable(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "�") {
		if r == '\n' || r == '\t' || unicode.IsPrint(r) && !blank(r) {
			b.WriteRune(r)
			continue
		}
		fmt.Fprintf(&b, "<U+%04X>", r)
	}
	return b.String()
}

// words is what a cell says, in one piece.
func (c Cell) words() string {
	text := c.Text
	if text == "" && c.Severity != "" {
		text = SeverityWord(c.Severity)
	}
	if text == "" && c.Share > 0 {
		text = fmt.Sprintf("%.0f %%", 100*c.Share)
	}
	if c.Note != "" {
		text += " (" + c.Note + ")"
	}
	return printable(text)
}

// words is what a paragraph says.
func (p *Paragraph) words() string {
	var b strings.Builder
	for _, part := range p.Parts {
		b.WriteString(part.Text)
	}
	return printable(b.String())
}

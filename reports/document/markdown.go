package document

import (
	"fmt"
	"io"
	"strings"
)

// WriteMarkdown writes the document as Markdown (CommonMark, with GitHub's tables). Charts say in a sentence what they show.
// The error is of w alone.
func (d *Document) WriteMarkdown(w io.Writer) error {
	m := &markdown{}
	m.line("# %s\n", escape(printable(d.Title)))
	m.line("%s. %s.\n", escape(printable(strings.TrimSpace(d.Name+" "+d.ID))), d.Period)
	for _, f := range d.Head {
		value := escape(printable(strings.TrimSpace(f.Value + " " + f.Note)))
		if value == "" {
			value = `\_\_\_\_`
		}
		m.line("- %s: %s", f.Name, value)
	}
	m.line("")
	for _, s := range d.Sections {
		m.line("## %s\n", escape(printable(s.Title)))
		for _, b := range s.Blocks {
			m.block(b)
		}
	}
	if len(d.Sign) > 0 {
		m.line("---\n")
	}
	for _, s := range d.Sign {
		m.line("%s: \\_\\_\\_\\_\\_\\_\\_\\_\n", escape(printable(s)))
	}
	if _, err := io.WriteString(w, strings.TrimRight(m.String(), "\n")+"\n"); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

type markdown struct{ strings.Builder }

func (m *markdown) line(format string, args ...any) { fmt.Fprintf(m, format+"\n", args...) }

func (m *markdown) block(b Block) {
	switch {
	case b.Paragraph != nil:
		m.paragraph(b.Paragraph)
	case b.Table != nil:
		m.table(b.Table)
	case b.Charts != nil:
		for _, c := range b.Charts.List {
			m.line("- %s", escape(c.Series.Sentence()))
		}
		m.line("")
		m.note(b.Charts.Note)
	case b.Findings != nil:
		m.findings(b.Findings)
	case b.Picture != nil:
		m.heading(b.Picture.Title)
		if b.Picture.Text != "" {
			m.code("", b.Picture.Text)
		}
		m.note(b.Picture.Caption)
	}
}

func (m *markdown) heading(title string) {
	if title != "" {
		m.line("### %s\n", escape(printable(title)))
	}
}

func (m *markdown) note(text string) {
	if text != "" {
		m.line("%s\n", escape(printable(text)))
	}
}

func (m *markdown) paragraph(p *Paragraph) {
	for _, part := range p.Parts {
		text := printable(part.Text)
		switch {
		case part.Bold && strings.TrimSpace(text) != "":
			inner := strings.TrimSpace(text) // a space within the stars would take their meaning
			before, after, _ := strings.Cut(text, inner)
			m.WriteString(before + "**" + escape(inner) + "**" + after)
		case part.Code:
			m.WriteString(codeSpan(text))
		default:
			m.WriteString(escape(text))
		}
	}
	if len(p.Parts) > 0 {
		m.WriteString("\n\n")
	}
	m.WriteString(strings.Repeat("\\_\\_\\_\\_\\_\\_\\_\\_\n\n", p.Blank))
}

func (m *markdown) table(t *Table) {
	m.heading(t.Title)
	if len(t.Rows) == 0 {
		m.note(t.Empty)
		return
	}
	var heads, rules []string
	for _, c := range t.Columns {
		heads = append(heads, inCell(c.Name))
		if c.Right {
			rules = append(rules, "---:")
		} else {
			rules = append(rules, "---")
		}
	}
	m.line("| %s |", strings.Join(heads, " | "))
	m.line("| %s |", strings.Join(rules, " | "))
	for _, row := range t.Rows {
		var cells []string
		for _, c := range row {
			cells = append(cells, inCell(markOf(c.Status)+c.words()))
		}
		m.line("| %s |", strings.Join(cells, " | "))
	}
	m.line("")
	m.note(t.Note)
}

// markOf is the shape of a status as a character.
func markOf(status string) string {
	return map[string]string{"Green": "● ", "Yellow": "▲ ", "Red": "◆ "}[status]
}

func (m *markdown) findings(f *Findings) {
	if len(f.List) == 0 {
		m.note(f.Empty)
	}
	for _, x := range f.List {
		m.line("### %s: %s\n", escape(printable(SeverityWord(x.Severity))), escape(printable(x.Title)))
		m.note(x.Message)
		m.note(x.Facts)
		for _, e := range x.Evidence {
			where := printable(e.Path)
			if e.Bytes != "" {
				where += ", bytes " + e.Bytes
			}
			if e.SHA256 != "" {
				where += ", sha256 " + e.SHA256
			}
			m.line("%s\n", escape(where))
			m.code("", e.Text)
		}
		if x.More > 0 {
			m.line("%d more of evidence.\n", x.More)
		}
	}
}

// code writes text as a fenced block whose fence the text does not hold.
func (m *markdown) code(language, text string) {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	m.line("%s%s\n%s\n%s\n", fence, language, strings.TrimRight(printable(text), "\n"), fence)
}

func codeSpan(text string) string {
	ticks := "`"
	for strings.Contains(text, ticks) {
		ticks += "`"
	}
	if len(ticks) > 1 {
		return ticks + " " + text + " " + ticks
	}
	return ticks + text + ticks
}

// inCell escapes a text for a cell, which is one line.
func inCell(s string) string {
	return strings.Join(strings.Fields(escape(s)), " ")
}

// escape takes the meaning of markup from a text: of Markdown, and of HTML in it.
func escape(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch r {
		case '\\', '`', '*', '_', '[', ']', '<', '>', '|', '#', '~', '!', '&':
			b.WriteByte('\\')
		case '-', '+', '=':
			if i == 0 || s[i-1] == '\n' {
				b.WriteByte('\\')
			}
		case ':':
			if strings.HasPrefix(s[i:], "://") { // no link is made of an address
				b.WriteByte('\\')
			}
		}
		b.WriteRune(r)
	}
	return b.String()
}

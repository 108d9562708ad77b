package runbook

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	east "github.com/yuin/goldmark/extension/ast"
)

// A Style marks parts of a text for a terminal; each returns what it is given, with or without marks around it.
type Style struct {
	Heading, Code, Plain func(string) string // Plain is asked for every other line
}

// Terminal writes the runbook without its title in lines of at most width characters where words allow; code stays as it is.
func (b *Book) Terminal(width int, style Style) string {
	w := textWriter{document: b.parse(), style: style, width: width}
	w.children(w.root, "")
	return strings.TrimRight(strings.Join(w.out, "\n"), "\n") + "\n"
}

type textWriter struct {
	document
	style Style
	width int
	out   []string
}

// children writes the blocks below n behind an indent, an empty line between them.
func (w *textWriter) children(n ast.Node, indent string) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		w.block(c, indent)
		if c.NextSibling() != nil {
			w.out = append(w.out, "")
		}
	}
}

func (w *textWriter) block(n ast.Node, indent string) {
	switch n := n.(type) {
	case *ast.Heading:
		w.out = append(w.out, indent+w.style.Heading(w.inline(n)))
	case *ast.Paragraph, *ast.TextBlock:
		w.wrap(w.inline(n), indent, indent)
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		for line := range strings.SplitSeq(strings.TrimRight(w.lines(n), "\n"), "\n") {
			w.out = append(w.out, indent+"    "+w.style.Code(line))
		}
	case *ast.List:
		w.list(n, indent)
	case *ast.Blockquote:
		w.children(n, indent+"  ")
	case *east.Table:
		w.table(n, indent)
	case *ast.ThematicBreak, *ast.HTMLBlock:
	default:
		w.children(n, indent)
	}
}

func (w *textWriter) list(n *ast.List, indent string) {
	number := n.Start
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		mark := "- "
		if n.IsOrdered() {
			mark = fmt.Sprintf("%d. ", number)
			number++
		}
		inner := indent + strings.Repeat(" ", len(mark))
		for c := item.FirstChild(); c != nil; c = c.NextSibling() {
			if c != item.FirstChild() {
				w.block(c, inner)
				continue
			}
			switch c.Kind() {
			case ast.KindParagraph, ast.KindTextBlock:
				w.wrap(w.inline(c), indent+mark, inner)
			default:
				w.out = append(w.out, indent+strings.TrimSpace(mark))
				w.block(c, inner)
			}
		}
		if item.NextSibling() != nil && !n.IsTight {
			w.out = append(w.out, "")
		}
	}
}

// table writes a row a line, its cells as wide as the widest of their column.
func (w *textWriter) table(n *east.Table, indent string) {
	var rows [][]string
	var width []int
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		var cells []string
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			text, i := w.inline(cell), len(cells)
			cells = append(cells, text)
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(text))
		}
		rows = append(rows, cells)
	}
	for _, cells := range rows {
		line := ""
		for i, text := range cells {
			line += text + strings.Repeat(" ", width[i]-utf8.RuneCountInString(text)+2)
		}
		w.out = append(w.out, indent+w.style.Plain(strings.TrimRight(line, " ")))
	}
}

// inline returns the text of a block in one line: code in back quotes, and behind a link where it leads.
func (w *textWriter) inline(n ast.Node) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch c := c.(type) {
		case *ast.CodeSpan:
			b.WriteString("`" + w.plain(c) + "`")
		case *ast.Link:
			b.WriteString(w.inline(c))
			switch t := targetOf(string(c.Destination)); {
			case t.runbook != "":
				b.WriteString(" (runbook " + t.runbook + ")")
			case t.address != "" && w.plain(c) != t.address:
				b.WriteString(" (" + t.address + ")")
			}
		case *ast.Emphasis, *ast.Image:
			b.WriteString(w.inline(c))
		default:
			w.writePlain(&b, c)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// wrap breaks text between words, first before its first line and then before the others.
func (w *textWriter) wrap(text, first, then string) {
	line, empty := first, true
	for word := range strings.FieldsSeq(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > w.width {
			w.out = append(w.out, w.style.Plain(line))
			line, empty = then, true
		}
		if !empty {
			line += " "
		}
		line, empty = line+word, false
	}
	w.out = append(w.out, w.style.Plain(line))
}

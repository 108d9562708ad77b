package runbook

import (
	"bytes"
	"fmt"
	"html/template"
)

// HTML returns the runbook without its title. Links to other runbooks lead where to says. Nothing in the text can become anything but
// headings, paragraphs, lists, tables, code and links.
func (b *Book) HTML(to func(id string) string) (template.HTML, error) {
	doc := b.parse()
	doc.restrict(b.library, to)
	var out bytes.Buffer
	if err := markdown.Renderer().Render(&out, doc.source, doc.root); err != nil {
		return "", fmt.Errorf("render runbook %s: %w", b.ID, err)
	}
	return template.HTML(out.String()), nil //nolint:gosec // goldmark escapes text and leaves raw HTML out, and restrict knows the links
}

package runbook

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"

	"github.com/saypro/veritail/configs"
)

var markdown = goldmark.New(goldmark.WithExtensions(extension.Table))

// A document is a parsed runbook without its title.
type document struct {
	root   ast.Node
	source []byte
}

func (b *Book) parse() document {
	source := []byte(b.Text)
	d := document{markdown.Parser().Parse(text.NewReader(source)), source}
	if h, ok := d.root.FirstChild().(*ast.Heading); ok && h.Level == 1 {
		d.root.RemoveChild(d.root, h)
	}
	return d
}

// walk calls f for each node below n, once.
func walk(n ast.Node, f func(ast.Node)) {
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		f(c)
		walk(c, f)
	}
}

// plain returns the text of a node without marks.
func (d document) plain(n ast.Node) string {
	var b strings.Builder
	d.writePlain(&b, n)
	return b.String()
}

func (d document) writePlain(b *strings.Builder, n ast.Node) {
	switch n := n.(type) {
	case *ast.Text:
		b.Write(n.Value(d.source))
		if n.SoftLineBreak() || n.HardLineBreak() {
			b.WriteByte(' ')
		}
		return
	case *ast.String:
		b.Write(n.Value)
		return
	case *ast.AutoLink:
		b.Write(n.Label(d.source))
		return
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		b.WriteString(d.lines(n))
		return
	case *ast.RawHTML, *ast.HTMLBlock:
		return
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		d.writePlain(b, c)
	}
}

// lines returns the lines of a block as they stand.
func (d document) lines(n ast.Node) string { return string(n.Lines().Value(d.source)) }

// A target is where a link leads: to a runbook, or to an address of the web; neither where it leads nowhere that is allowed.
type target struct{ runbook, address string }

// targetOf reads the destination of a link.
func targetOf(destination string) target {
	u, err := url.Parse(destination)
	if err != nil {
		return target{}
	}
	switch id, md := strings.CutSuffix(u.Path, ".md"); {
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
		return target{address: destination}
	case u.Scheme == "" && u.Host == "" && u.RawQuery == "" && md && !strings.Contains(id, "/"):
		return target{runbook: id}
	}
	return target{}
}

// Faults returns the links of runbooks that lead nowhere: to a runbook that is not there, or to what is no address of the web.
func (l *Library) Faults() configs.Errors {
	var faults configs.Errors
	for _, b := range l.All() {
		doc := b.parse()
		walk(doc.root, func(n ast.Node) {
			link, ok := n.(*ast.Link)
			if !ok {
				return
			}
			to := targetOf(string(link.Destination))
			fault := &configs.Error{File: b.File}
			switch {
			case to.runbook != "" && l.Find(to.runbook) == nil:
				fault.Msg = fmt.Sprintf("there is no runbook %q", to.runbook)
				if near := l.Nearest(to.runbook); near != "" {
					fault.Suggestion = near + ".md"
				}
			case to == target{}:
				fault.Msg = fmt.Sprintf("the link %q leads to no runbook (lock-waits.md) and to no address (https://…)", link.Destination)
			default:
				return
			}
			faults = append(faults, fault)
		})
	}
	return faults
}

// unwrap puts what is inside a node in its place.
func unwrap(n ast.Node) {
	parent := n.Parent()
	for c := n.FirstChild(); c != nil; {
		next := c.NextSibling()
		parent.InsertBefore(parent, n, c)
		c = next
	}
	parent.RemoveChild(parent, n)
}

// restrict makes the links of a document what may be shown: those to runbooks lead where to says, those to the web tell no site where
// the reader comes from, and others are none. Of pictures their text stays.
func (d document) restrict(l *Library, to func(id string) string) {
	var found []ast.Node
	walk(d.root, func(n ast.Node) {
		switch n.Kind() {
		case ast.KindLink, ast.KindImage, ast.KindAutoLink:
			found = append(found, n)
		}
	})
	slices.Reverse(found) // inner ones first
	for _, n := range found {
		switch n := n.(type) {
		case *ast.Link:
			switch t := targetOf(string(n.Destination)); {
			case t.runbook != "" && l.Find(t.runbook) != nil:
				n.Destination = []byte(to(t.runbook))
			case t.address != "":
				n.SetAttributeString("rel", []byte("noreferrer"))
			default:
				unwrap(n)
			}
			n.Title = nil
		case *ast.AutoLink:
			if targetOf(string(n.URL(d.source))).address == "" {
				n.Parent().ReplaceChild(n.Parent(), n, ast.NewString(n.Label(d.source)))
			}
		default:
			unwrap(n)
		}
	}
}

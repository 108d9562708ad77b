// Package runbook reads, searches and renders runbooks: texts in Markdown that say what findings mean, how to see whether they are
// real, and what to do.
//
// It stands behind the flow, beside the reports: console and commands show what it renders. Texts are the site's own and what is
// shipped; they are rendered without raw HTML, without pictures, and with links to runbooks and to addresses of the web only.
package runbook

import (
	"io/fs"
	"strings"

	"github.com/yuin/goldmark/ast"

	"github.com/saypro/veritail/configs"
)

// A Library is the runbooks of a configuration. It is never changed and may be used from any goroutine.
type Library struct {
	books []*Book // in the order of their ids
	byID  map[string]*Book
}

// A Book is one runbook.
type Book struct {
	configs.Runbook
	Summary string // its first paragraph, in one line

	library *Library
	blocks  []block // what is searched
}

// Load reads the runbooks of a configuration.
func Load(fsys fs.FS) (*Library, error) {
	list, err := configs.Runbooks(fsys)
	if err != nil {
		return nil, err
	}
	l := &Library{byID: map[string]*Book{}}
	for _, r := range list {
		b := &Book{Runbook: r, library: l}
		l.books = append(l.books, b)
		l.byID[r.ID] = b
	}
	for _, b := range l.books {
		doc := b.parse()
		b.blocks = doc.blocks()
		for n := doc.root.FirstChild(); n != nil; n = n.NextSibling() {
			if n.Kind() == ast.KindParagraph {
				b.Summary = strings.Join(strings.Fields(doc.plain(n)), " ")
				break
			}
		}
	}
	return l, nil
}

// All returns the runbooks in the order of their ids. A nil library has none.
func (l *Library) All() []*Book {
	if l == nil {
		return nil
	}
	return l.books
}

// Find returns a runbook by its id, nil if there is none.
func (l *Library) Find(id string) *Book {
	if l == nil {
		return nil
	}
	return l.byID[id]
}

// Nearest returns the id that another is a slip for, "" if there is none.
func (l *Library) Nearest(id string) string {
	var ids []string
	for _, b := range l.All() {
		ids = append(ids, b.ID)
	}
	return configs.Nearest(id, ids)
}

// Of splits the references of a rule or finding: the runbooks that there are, and what else there is to read.
func (l *Library) Of(references []string) (books []*Book, others []string) {
	for _, ref := range references {
		id, ok := strings.CutPrefix(ref, configs.RunbookRef)
		if !ok {
			others = append(others, ref)
		} else if b := l.Find(id); b != nil {
			books = append(books, b)
		}
	}
	return books, others
}

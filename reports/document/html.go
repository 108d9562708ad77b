package document

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/saypro/veritail/reports/chart"
	"github.com/saypro/veritail/rules/transactions"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var style = pageCSS + chart.CSS + transactions.CSS

// Policy is the content security policy that a page carries and that whoever serves one may send with it: nothing may be
// loaded; the one style sheet and the one script are allowed by their hashes.
var Policy = "default-src 'none'; style-src " + hashed(style) + "; script-src " + hashed(script) + "; base-uri 'none'; form-action 'none'"

// pageTemplate is what all pages have; link is another one for each document.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"visible":   Visible,
	"period":    Period.String,
	"class":     func(c Column) template.HTMLAttr { return classes(c, Cell{}) },
	"cellclass": classes,
	"mark":      mark,
	"bars":      bars,
	"share":     func(v float64) template.HTML { return chart.Share(int64(v*1e6), 1e6) },
	"chart":     chart.Chart,
	"halves":    halves,
	"basis":     func() template.HTML { return basisMark },
	"computed":  computedOf,
	"provable":  provable,
	"lines":     func(n int) []struct{} { return make([]struct{}, n) },
	"link":      func(Cell) template.HTML { return "" },
}).Parse(pageHTML))

// WriteHTML writes the document as one page that holds all it needs, prints on A4, and checks itself in its reader's browser. The error is of w alone; nothing is
// written before the page is complete.
func (d *Document) WriteHTML(w io.Writer) error {
	t, err := pageTemplate.Clone()
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	t.Funcs(template.FuncMap{"link": d.link})
	page := struct {
		*Document
		Style  template.HTML // the whole element, so that its hash is that of Policy
		Policy template.HTMLAttr
	}{d, template.HTML("<style>" + style + "</style>"), template.HTMLAttr(`content="` + Policy + `"`)} //nolint:gosec // constants of the program
	var b bytes.Buffer
	if err := t.ExecuteTemplate(&b, "page", page); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	sealed, err := d.seal(b.Bytes())
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if _, err := w.Write(sealed); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// link writes the text of a cell, as a link to the events behind it where the console can show them.
func (d *Document) link(c Cell) template.HTML {
	text := Visible(c.Text)
	at := d.linkTo(c)
	if at == "" {
		return text
	}
	return template.HTML(`<a href="`+template.HTMLEscapeString(at)+`">`) + text + "</a>" //nolint:gosec // the address is escaped
}

// classes are the class attribute of a cell.
func classes(col Column, c Cell) template.HTMLAttr {
	var names []string
	add := func(is bool, name string) {
		if is {
			names = append(names, name)
		}
	}
	add(col.Right, "r")
	add(col.Keep, "nw")
	add(col.Mono, "m")
	add(!col.Keep, "br")
	add(col.Width != "", string(col.Width))
	add(c.Share > 0, "hbar")
	add(col.Bold && c.Number != nil, "b")
	add(c.Faint, "q")
	add(col.Faint && !c.Faint, "q2")
	return template.HTMLAttr(`class="` + strings.Join(names, " ") + `"`) //nolint:gosec // words of the program
}

// computedOf is what a cell was computed of, as an attribute for the script that checks the page.
func computedOf(c Cell) template.HTMLAttr {
	if c.Basis == nil {
		return ""
	}
	return template.HTMLAttr(fmt.Sprintf(`data-k="%s %s %d"`, template.HTMLEscapeString(c.Basis.KPI), c.Basis.Of, c.Basis.Decimals)) //nolint:gosec // it is escaped
}

// halves are the rows of a table as they stand beside each other.
func halves(t Table) [][][]Cell {
	if !t.Halves || len(t.Rows) <= 4 {
		return [][][]Cell{t.Rows}
	}
	half := (len(t.Rows) + 1) / 2
	return [][][]Cell{t.Rows[:half], t.Rows[half:]}
}

var shapes = map[string]template.HTML{
	"Green":  `<circle cx="5" cy="5" r="4.5"/>`,
	"Yellow": `<path d="M5 .3 10 9.5H0z"/>`,
	"Red":    `<path d="M5 0 10 5 5 10 0 5z"/>`,
}

// mark draws the shape of a status with a word; the shape alone tells it in grey.
func mark(status, word string) template.HTML {
	shape, ok := shapes[status]
	if !ok {
		return Visible(word)
	}
	return template.HTML(`<span class="st `+status[:1]+`"><svg viewBox="0 0 10 10" aria-hidden="true">`) + shape + "</svg>" + Visible(word) + "</span>" //nolint:gosec // a letter of a word of the program
}

// bars draws a severity: four bars, as many filled as it ranks, and its word.
func bars(name string) template.HTML {
	rank := Severity(name)
	var b strings.Builder
	b.WriteString(`<span class="sev"><svg viewBox="0 0 15 12" aria-hidden="true">`)
	for i := range 4 {
		class := ""
		if i < rank {
			class = ` class="f"`
		}
		fmt.Fprintf(&b, `<path%s d="M%d 12v-%dh3v%dz"/>`, class, i*4, 3+3*i, 3+3*i)
	}
	b.WriteString("</svg>" + string(Visible(SeverityWord(name))) + "</span>")
	return template.HTML(b.String()) //nolint:gosec // the one foreign text went through Visible
}

// Severity ranks severities: critical is 4, one that is not known 0.
func Severity(s string) int {
	return slices.Index([]string{"low", "medium", "high", "critical"}, s) + 1
}

// SeverityWord writes a severity that is known with a capital.
func SeverityWord(s string) string {
	if Severity(s) == 0 {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

package reports

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/saypro/veritail/reports/chart"
	"github.com/saypro/veritail/rules/kpi"
)

//go:embed daily.html
var dailyHTML string

//go:embed daily.css
var dailyCSS string

var style = dailyCSS + chart.CSS

// Policy is the content security policy that a report carries and that whoever serves one may send with it: nothing
// may be loaded and nothing run; the one style sheet is allowed by its hash.
var Policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}()

var dailyTemplate = template.Must(template.New("daily").Funcs(template.FuncMap{
	"visible":   Visible,
	"number":    number,
	"percent":   percent,
	"share":     chart.Share,
	"mark":      mark,
	"bars":      bars,
	"period":    periodText,
	"balance":   balance,
	"sentences": sentences,
}).Parse(dailyHTML))

// WriteHTML writes the report as one page. The error is of w alone; nothing is written before the page is complete.
func (d *Daily) WriteHTML(w io.Writer) error {
	var b bytes.Buffer
	if err := dailyTemplate.Execute(&b, d.page()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// A page is what the template shows.
type page struct {
	*Daily
	Style     template.HTML // the whole element, so that its hash is that of Policy
	Policy    template.HTMLAttr
	Date      string
	Summary   []part
	Charts    []figureChart
	Zero      []string // titles of figures that were 0 throughout
	Shown     []finding
	Listed    []finding // those without their lines
	Rest      int       // findings that are only counted
	Breakdown []breakdown
	Tellers   int64
	Missing   []kpi.Figure // not measured
	Counted   []counted
}

// A figureChart is a chart with its heading.
type figureChart struct {
	Title, Note string
	SVG         template.HTML
}

// A counted row says how a figure can be counted again.
type counted struct{ Title, How string }

// A breakdown is a Breakdown as it is shown: its first rows, in two columns.
type breakdown struct {
	Breakdown
	Columns [][]Share
	Most    int64
	Others  int64 // occurrences of the values that are not shown
	Values  int   // how many those are
	Several bool  // more than one rule counted
	Told    int64 // occurrences whose value is known
}

func (d *Daily) page() page {
	p := page{
		Daily: d, Summary: d.summary(),
		Style:  template.HTML("<style>" + style + "</style>"), //nolint:gosec // a constant of the program
		Policy: template.HTMLAttr(`content="` + Policy + `"`), //nolint:gosec // a constant of the program
		Date:   d.Made.UTC().Format("2 January 2006, 15:04 UTC"),
	}
	p.charts()
	p.findings()
	for _, g := range d.Groups {
		if g.Total > 0 || len(g.Rows) > 0 {
			p.Breakdown = append(p.Breakdown, shown(g))
		}
	}
	for _, f := range d.Figures {
		if !f.Measured() {
			p.Missing = append(p.Missing, f)
		}
	}
	for i := range d.Defs {
		p.Counted = append(p.Counted, counted{d.Defs[i].Title, how(&d.Defs[i])})
	}
	return p
}

// charts draws what changed over the period, those that miss their target first.
func (p *page) charts() {
	for _, status := range []kpi.Status{kpi.Red, kpi.Yellow, kpi.Green, kpi.NoTarget} {
		for _, f := range p.Figures {
			if f.Status != status {
				continue
			}
			if flat(f.Points) {
				p.Zero = append(p.Zero, f.Title)
				continue
			}
			s := seriesOf(f)
			p.Charts = append(p.Charts, figureChart{f.Title, note(f), chart.Chart(s)})
		}
	}
}

func flat(ps []kpi.Point) bool {
	for _, p := range ps {
		if !math.IsNaN(p.Value) && p.Value != 0 {
			return false
		}
	}
	return true
}

func seriesOf(f kpi.Figure) chart.Series {
	s := chart.Series{Title: f.Title, Unit: f.Unit, Decimals: f.Decimals, Bars: f.Kind.Counts(), Target: f.Bound, Step: f.StepSize}
	if s.Bars {
		s.Target = math.NaN() // it is for a day, not for a step
	} else {
		s.Status = string(f.Status)
	}
	for _, p := range f.Points {
		s.Points = append(s.Points, chart.Point(p))
	}
	return s
}

// note says what a chart's steps are, and its target.
func note(f kpi.Figure) string {
	every := "by " + stepName(f.StepSize)
	switch {
	case f.Kind.Counts():
		return every
	case math.IsNaN(f.Bound):
		return f.Unit + " " + every
	}
	return every + ", target " + f.Target
}

// how writes what a figure is counted of, so that a reader can ask for the same events.
func how(d *kpi.Definition) string {
	switch {
	case len(d.Rules) > 0:
		return "occurrences of " + strings.Join(d.Rules, ", ")
	case d.Kind == kpi.Ratio:
		return d.Where + ", as a share of " + d.From
	case d.Kind == kpi.PromQL:
		return d.Of + " of " + d.Query + ", asked of Prometheus"
	case d.Services():
		return "from (" + d.Down + ") to (" + d.Up + ")" + strings.Join(append([]string{""}, d.Group...), ", by ")
	case d.Kind == kpi.Average || d.Kind == kpi.Percentile:
		return d.Field + " of " + d.From
	case d.Where != "":
		return "(" + d.From + ") and " + d.Where
	}
	return d.From
}

// maxGroups bounds the rows of a breakdown on paper.
const maxGroups = 20

func shown(g Breakdown) breakdown {
	b := breakdown{Breakdown: g}
	for i, r := range g.Rows {
		b.Told += r.N
		b.Most = max(b.Most, r.N)
		if i >= maxGroups {
			b.Others += r.N
			b.Values++
		}
	}
	rules := map[string]bool{}
	for _, r := range g.Rows {
		for _, id := range r.Rules {
			rules[id] = true
		}
	}
	b.Several = len(rules) > 1
	rows := g.Rows[:min(len(g.Rows), maxGroups)]
	half := (len(rows) + 1) / 2
	if len(rows) <= 4 {
		half = len(rows)
	}
	b.Columns = [][]Share{rows[:half], rows[half:]}
	return b
}

// mark draws the shape of a status with its word; the shape alone tells it in grey.
func mark(s kpi.Status) template.HTML {
	switch s {
	case kpi.Green, kpi.Yellow, kpi.Red:
		return shape(s, string(s))
	case kpi.NoTarget:
		return `<span class="q">–</span>`
	}
	return `<span class="q nw">not measured</span>`
}

// sentences joins those that are not empty.
func sentences(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ". ")
}

func balance(holds bool) template.HTML {
	if holds {
		return shape(kpi.Green, "Balanced")
	}
	return shape(kpi.Red, "Not balanced")
}

func shape(s kpi.Status, word string) template.HTML {
	drawn := map[kpi.Status]string{
		kpi.Green:  `<circle cx="5" cy="5" r="4.5"/>`,
		kpi.Yellow: `<path d="M5 .3 10 9.5H0z"/>`,
		kpi.Red:    `<path d="M5 0 10 5 5 10 0 5z"/>`,
	}[s]
	return template.HTML(`<span class="st ` + string(s[:1]) + `"><svg viewBox="0 0 10 10" aria-hidden="true">` + drawn + `</svg>` + word + `</span>`) //nolint:gosec // words of the program
}

// bars draws a severity: four bars, as many filled as it ranks, and its word.
func bars(name string) template.HTML {
	rank := severity(name)
	var b strings.Builder
	b.WriteString(`<span class="sev"><svg viewBox="0 0 15 12" aria-hidden="true">`)
	for i := range 4 {
		class := ""
		if i < rank {
			class = ` class="f"`
		}
		fmt.Fprintf(&b, `<path%s d="M%d 12v-%dh3v%dz"/>`, class, i*4, 3+3*i, 3+3*i)
	}
	b.WriteString("</svg>")
	if rank == 0 {
		b.WriteString(string(Visible(name)))
	} else {
		b.WriteString(strings.ToUpper(name[:1]) + name[1:])
	}
	b.WriteString("</span>")
	return template.HTML(b.String()) //nolint:gosec // the one foreign text went through Visible
}

package console

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"html/template"
	"slices"
	"strings"
)

// Bounds of what is tried at once: the page is asked for by its address, where long texts have no place.
const (
	maxTried     = 20
	maxTriedText = 16 << 10
)

// A Trial is what a reader wants to know of lines: what an expression of theirs takes of each as a whole, or if Expr is
// empty what the format called Format does, or any format if that is empty too.
type Trial struct {
	Format, Expr string
	Lines        []string
}

// A Tried is what became of one line.
type Tried struct {
	By       string     // what took it: format and pattern, or "expression"; "" if nothing did
	Captures []Captured // of the line, also those of formats within
	Within   []string   // formats that took a field of it
	Stop     Stopped    // where it stopped, if nothing took it
}

// A Captured is a named part of a line, from byte From to To.
type Captured struct {
	Name     string
	From, To int
}

// A Stopped tells where the nearest pattern stops in a line that it does not take.
type Stopped struct {
	Nearest string // format and pattern
	Grok    string // the pattern as written
	Column  int    // in bytes from 1; 0: nothing came near
	At      string // the part of the pattern that goes no further
	Wanted  string // what would have to follow
}

// playgroundPage tries patterns on lines.
type playgroundPage struct {
	Formats    []navItem
	Expr, Text string
	Err        string
	Lead       string
	Rows       []triedRow
	Head       []string // numbers of the lines of the table
	Table      []captureRow
	Site       string
}

type triedRow struct {
	N       int
	OK      bool
	HTML    template.HTML
	By      string
	Within  string
	Stopped *Stopped
}

// A captureRow is one capture in the first lines.
type captureRow struct {
	Name   string
	Values []string
}

// tableLines is how many lines stand beside each other in the table of captures.
const tableLines = 3

func (s *server) playground(_ context.Context, r *request) (answer, error) {
	q := r.URL.Query()
	p := playgroundPage{Expr: q.Get("expr"), Text: q.Get("lines"), Site: r.site}
	trial := Trial{Format: q.Get("format"), Expr: strings.TrimSpace(p.Expr)}
	p.Formats = []navItem{{Name: "any format", Current: trial.Format == ""}}
	for _, f := range s.Formats {
		p.Formats = append(p.Formats, navItem{Name: f, URL: f, Current: f == trial.Format})
	}
	if len(p.Text) > maxTriedText {
		p.Text = strings.ToValidUTF8(p.Text[:maxTriedText], "")
	}
	for line := range strings.Lines(p.Text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" && len(trial.Lines) < maxTried {
			trial.Lines = append(trial.Lines, line)
		}
	}
	if len(trial.Lines) == 0 {
		return answer{Title: "Playground", Body: p}, nil
	}
	tried, err := s.Try(trial)
	if err != nil {
		p.Err = err.Error()
		return answer{Title: "Playground", Body: p}, nil
	}
	p.fill(trial.Lines, tried)
	return answer{Title: "Playground", Body: p}, nil
}

func (p *playgroundPage) fill(lines []string, tried []Tried) {
	taken := 0
	for i, t := range tried {
		slices.SortStableFunc(t.Captures, func(a, b Captured) int { return cmp.Or(a.From-b.From, b.To-a.To) })
		row := triedRow{N: i + 1, OK: t.By != "", By: t.By, Within: strings.Join(t.Within, ", ")}
		if row.OK {
			taken++
			row.HTML = markCaptures(lines[i], t.Captures)
		} else {
			row.HTML = markStop(lines[i], t.Stop.Column)
			row.Stopped = &t.Stop
		}
		p.Rows = append(p.Rows, row)
	}
	p.Lead = fmt.Sprintf("%s: %s, %s", count(int64(len(tried)), "line", "lines"), count(int64(taken), "is taken", "are taken"), count(int64(len(tried)-taken), "stops", "stop"))
	p.table(lines, tried)
}

// table puts the captures of the first lines that have some beside each other.
func (p *playgroundPage) table(lines []string, tried []Tried) {
	at := map[string]int{}
	for i, t := range tried {
		n := len(p.Head)
		if n == tableLines {
			return
		}
		if len(t.Captures) == 0 {
			continue
		}
		p.Head = append(p.Head, fmt.Sprintf("Line %d", i+1))
		for _, c := range t.Captures {
			row, ok := at[c.Name]
			if !ok {
				row = len(p.Table)
				at[c.Name] = row
				p.Table = append(p.Table, captureRow{Name: c.Name})
			}
			p.Table[row].add(n, lines[i][c.From:c.To])
		}
	}
	for i := range p.Table {
		p.Table[i].fill(len(p.Head))
	}
}

// add adds a value to column n.
func (r *captureRow) add(n int, value string) {
	r.fill(n + 1)
	if r.Values[n] != "" {
		value = r.Values[n] + ", " + value
	}
	r.Values[n] = value
}

// fill makes n columns.
func (r *captureRow) fill(n int) {
	for len(r.Values) < n {
		r.Values = append(r.Values, "")
	}
}

// markCaptures returns a line as HTML in which the captures are marked; one that holds others is not marked itself.
func markCaptures(line string, captures []Captured) template.HTML {
	var b strings.Builder
	at := 0
	for i, c := range captures {
		if c.From < at || c.To > len(line) || c.From >= c.To || holds(c, captures[i+1:]) {
			continue
		}
		b.WriteString(shown(line[at:c.From]))
		fmt.Fprintf(&b, `<mark class="%s" title="%s">%s</mark>`, captureClass(c.Name), template.HTMLEscapeString(visible(c.Name)), shown(line[c.From:c.To]))
		at = c.To
	}
	b.WriteString(shown(line[at:]))
	return template.HTML(b.String())
}

// holds reports whether one of the captures that follow c lies within it.
func holds(c Captured, following []Captured) bool {
	return slices.ContainsFunc(following, func(in Captured) bool { return in.To <= c.To && in.To-in.From < c.To-c.From })
}

// captureClass is the colour of a capture: who, where, or what.
func captureClass(name string) string {
	switch {
	case strings.HasPrefix(name, "user."):
		return "a"
	case strings.HasPrefix(name, "source."), strings.HasPrefix(name, "host."), strings.HasPrefix(name, "destination."), strings.HasPrefix(name, "server."):
		return "s"
	}
	return "o"
}

// markStop returns a line as HTML in which what no longer fits is underlined.
func markStop(line string, column int) template.HTML {
	if column < 1 || column > len(line)+1 {
		return template.HTML(shown(line))
	}
	rest := line[column-1:]
	if rest == "" {
		rest = "⏎"
	}
	return template.HTML(shown(line[:column-1]) + `<span class="stop">` + shown(rest) + `</span>`)
}

// shown returns text as HTML, hidden characters spelled out.
func shown(text string) string {
	var b bytes.Buffer
	writeVisible(&b, text)
	return b.String()
}

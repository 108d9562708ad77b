package console

import (
	"bytes"
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
	Captures []Captured // of the line, in the order in which they begin
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

// table puts the captures of the first lines beside each other.
func (p *playgroundPage) table(lines []string, tried []Tried) {
	n := min(len(tried), tableLines)
	at := map[string]int{}
	for i, t := range tried[:n] {
		p.Head = append(p.Head, fmt.Sprintf("Line %d", i+1))
		for _, c := range t.Captures {
			row, ok := at[c.Name]
			if !ok {
				row = len(p.Table)
				at[c.Name] = row
				p.Table = append(p.Table, captureRow{c.Name, make([]string, n)})
			}
			if v := &p.Table[row].Values[i]; *v == "" {
				*v = lines[i][c.From:c.To]
			} else {
				*v += ", " + lines[i][c.From:c.To]
			}
		}
	}
}

// markCaptures returns a line as HTML in which the captures are marked; of one within another the outer one is.
func markCaptures(line string, captures []Captured) template.HTML {
	var b strings.Builder
	at := 0
	for _, c := range slices.SortedStableFunc(slices.Values(captures), func(a, b Captured) int { return a.From - b.From }) {
		if c.From < at || c.To > len(line) || c.From >= c.To {
			continue
		}
		b.WriteString(shown(line[at:c.From]))
		fmt.Fprintf(&b, `<mark class="%s" title="%s">%s</mark>`, captureClass(c.Name), template.HTMLEscapeString(visible(c.Name)), shown(line[c.From:c.To]))
		at = c.To
	}
	b.WriteString(shown(line[at:]))
	return template.HTML(b.String())
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

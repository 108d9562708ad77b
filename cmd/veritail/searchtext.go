package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// print prints an answer in the form that was asked for.
func (s *search) print(a *found) error {
	w := &sink{w: s.out}
	switch {
	case s.csv:
		return s.printCSV(a)
	case s.json && a.Table != nil:
		return a.Table.printJSON(w)
	case s.json:
		return a.printJSON(w)
	case a.Table != nil:
		a.Table.print(w, palette(s.out))
	default:
		a.print(w, palette(s.out))
	}
	if a.Note != "" {
		w.f("%s\n", palette(s.out).dim(a.Note))
	}
	return w.err
}

func (a *found) printJSON(w *sink) error {
	for _, e := range a.Events {
		if err := printEventJSON(w, e); err != nil {
			return err
		}
	}
	return w.err
}

func printEventJSON(w *sink, e map[string]any) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	w.f("%s\n", line)
	return w.err
}

func (a *found) print(w *sink, p colours) {
	w.f("%s\n", p.dim(fmt.Sprintf("%-23s  %-18s %-9s %-15s %s", "time (UTC)", "data set", "outcome", "source", "line")))
	for _, e := range a.Events {
		printEvent(w, p, e)
	}
	switch {
	case len(a.Events) == 0:
		w.f("No event matches.\n")
	case a.More:
		w.f("%s\n", p.dim(fmt.Sprintf("%d shown, there are more: raise -limit or narrow the query.", len(a.Events))))
	}
}

func printEvent(w *sink, p colours, e map[string]any) {
	text := func(name string) string {
		if v, ok := e[name]; ok {
			return printable(fmt.Sprint(v))
		}
		return ""
	}
	stamp := strings.TrimSuffix(strings.Replace(text("@timestamp"), "T", " ", 1), "Z")
	outcome := text("event.outcome")
	mark := pad(outcome, 9)
	if outcome == "failure" {
		mark = p.red(mark)
	}
	w.f("%-23.23s  %s %s %-15s %s\n", stamp, pad(text("event.dataset"), 18), mark, text("source.ip"), text("event.original"))
}

// names are the columns of a table: the step of time, the fields, the count, the measures.
func (t *foundTable) names() []string {
	var out []string
	if t.Every {
		out = append(out, "@timestamp")
	}
	out = append(append(out, t.By...), "count")
	for _, v := range t.Values {
		out = append(out, v.Name)
	}
	return out
}

func (t *foundTable) printJSON(w *sink) error {
	for _, r := range t.Rows {
		o := map[string]any{"count": r.Count}
		if t.Every {
			o["@timestamp"] = r.Time
		}
		for i, name := range t.By {
			o[name] = r.Key[i]
		}
		for i, v := range t.Values {
			o[v.Name] = r.Values[i]
		}
		line, err := json.Marshal(o)
		if err != nil {
			return err
		}
		w.f("%s\n", line)
	}
	return w.err
}

// print prints the table: texts to the left, numbers to the right.
func (t *foundTable) print(w *sink, p colours) {
	g := grid{heads: t.names()}
	if t.Every {
		g.heads[0] = "time"
		if !slices.ContainsFunc(t.Rows, func(r foundRow) bool { return !strings.HasSuffix(r.Time, "Z") }) {
			g.heads[0] = "time (UTC)"
		}
	}
	g.right = make([]bool, len(g.heads))
	for i := len(g.heads) - len(t.Values) - 1; i < len(g.heads); i++ {
		g.right[i] = true
	}
	for _, r := range t.Rows {
		var cells []string
		if t.Every {
			cells = append(cells, strings.TrimSuffix(strings.NewReplacer("T", " ", ".000000", " ", " Z", "").Replace(r.Time), " Z"))
		}
		for _, k := range r.Key {
			if k == "" {
				k = "(none)"
			}
			cells = append(cells, printable(k))
		}
		cells = append(cells, n(r.Count))
		for i, v := range r.Values {
			cells = append(cells, t.Values[i].text(v))
		}
		g.rows = append(g.rows, cells)
	}
	g.print(w, p)
	if len(t.Rows) == 0 {
		w.f("No event matches.\n")
	}
}

// text writes a measured number for people.
func (v foundValue) text(x *float64) string {
	switch {
	case x == nil:
		return "–"
	case v.Kind == "duration":
		return (time.Duration(*x)).Round(time.Microsecond).String()
	case *x == float64(int64(*x)):
		return n(int64(*x))
	}
	return strconv.FormatFloat(*x, 'f', 3, 64)
}

// printCSV prints the events, or the table, with the names of all columns in the first line.
func (s *search) printCSV(a *found) error {
	w := csv.NewWriter(s.out)
	var rows [][]string
	if a.Table != nil {
		rows = a.Table.cells()
	} else {
		rows = a.cells()
	}
	if err := w.WriteAll(rows); err != nil {
		return err
	}
	return w.Error()
}

// cells are the events as rows, with the names of their fields first.
func (a *found) cells() [][]string {
	names := map[string]bool{}
	for _, e := range a.Events {
		for name := range e {
			names[name] = true
		}
	}
	delete(names, "@timestamp")
	columns := append([]string{"@timestamp"}, slices.Sorted(maps.Keys(names))...)
	rows := [][]string{columns}
	for _, e := range a.Events {
		row := make([]string, len(columns))
		for i, name := range columns {
			row[i] = csvText(e[name])
		}
		rows = append(rows, row)
	}
	return rows
}

func (t *foundTable) cells() [][]string {
	rows := [][]string{t.names()}
	for _, r := range t.Rows {
		var row []string
		if t.Every {
			row = append(row, r.Time)
		}
		for _, k := range r.Key {
			row = append(row, csvText(k))
		}
		row = append(row, strconv.FormatInt(r.Count, 10))
		for _, v := range r.Values {
			if v == nil {
				row = append(row, "")
				continue
			}
			row = append(row, strconv.FormatFloat(*v, 'f', -1, 64))
		}
		rows = append(rows, row)
	}
	return rows
}

// csvText writes a value for a spreadsheet. A text that it would run as a formula gets an apostrophe in front; a dash
// alone, which says that there is nothing, runs nothing.
func csvText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		if v != "" && v != "-" && strings.IndexByte("=+-@\t\r", v[0]) >= 0 {
			return "'" + v
		}
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(text)
}

// printable makes a foreign text harmless on a terminal: control and format characters are shown as their codes.
func printable(s string) string {
	clean := true
	for _, r := range s {
		clean = clean && unicode.IsPrint(r)
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(" ⏎ ")
		case r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

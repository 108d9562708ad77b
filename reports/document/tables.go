package document

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// chartHead is the first column of the points of charts.
const chartHead = "Begins (UTC)"

// A sheet is one table of the document, as spreadsheets get it.
type sheet struct {
	title string
	heads []string
	rows  [][]value
	bars  []bool // of the points of charts, by column: they are drawn as bars
}

// A value is what a cell of a spreadsheet holds: a text, or a number.
type value struct {
	text   string
	number *float64
	format string // of the number, as Excel writes it
	status string
}

// plain is a value as a text; numbers are without separators, so that a program can read them.
func (v value) plain() string {
	if v.number != nil {
		return strconv.FormatFloat(*v.number, 'f', -1, 64)
	}
	return v.text
}

// sheets are all that the document says, as tables: its head, its tables and findings, and the points of its charts.
func (d *Document) sheets() []sheet {
	head := sheet{title: "Report", heads: []string{"Field", "Value"}}
	add := func(name, text string) { head.rows = append(head.rows, []value{{text: name}, {text: printable(text)}}) }
	add("Report", d.Name)
	add("Title", d.Title)
	add("Id", d.ID)
	add("Period", d.Period.String())
	for _, f := range d.Head {
		add(f.Name, strings.TrimSpace(f.Value+" "+f.Note))
	}
	out := []sheet{head}
	for _, s := range d.Sections {
		for _, b := range s.Blocks {
			switch {
			case b.Paragraph != nil && !b.Paragraph.Faint && b.Paragraph.words() != "":
				out[0].rows = append(out[0].rows, []value{{text: s.Title}, {text: b.Paragraph.words()}})
			case b.Table != nil && len(b.Table.Rows) > 0:
				out = append(out, b.Table.sheet(s.Title))
			case b.Findings != nil && len(b.Findings.List) > 0:
				out = append(out, b.Findings.sheet(s.Title))
			case b.Charts != nil && len(b.Charts.List) > 0:
				out = append(out, b.Charts.sheet(s.Title))
			}
		}
	}
	return out
}

func (t *Table) sheet(section string) sheet {
	s := sheet{title: section}
	if t.Title != "" {
		s.title = t.Title
	}
	for _, c := range t.Columns {
		s.heads = append(s.heads, c.Name)
	}
	for _, row := range t.Rows {
		var out []value
		for _, c := range row {
			v := value{text: c.words(), number: c.Number, status: c.Status}
			if c.Note != "" { // it would be lost beside a number
				v.number = nil
			}
			if v.number != nil {
				v.format = numberFormat(c)
			}
			out = append(out, v)
		}
		s.rows = append(s.rows, out)
	}
	return s
}

// numberFormat is how a number is shown, so that it looks as its text does.
func numberFormat(c Cell) string {
	digits := strings.TrimSuffix(c.Text, c.Unit)
	_, frac, _ := strings.Cut(strings.TrimSpace(digits), ".")
	f := "#,##0"
	if n := len(frac); n > 0 && n <= 6 {
		f += "." + strings.Repeat("0", n)
	}
	if c.Unit != "" {
		f += ` "` + strings.ReplaceAll(c.Unit, `"`, "") + `"`
	}
	return f
}

func (f *Findings) sheet(section string) sheet {
	s := sheet{title: section, heads: []string{"Severity", "Finding", "Message", "Facts", "Evidence", "Id"}}
	for _, x := range f.List {
		var lines []string
		for _, e := range x.Evidence {
			lines = append(lines, strings.TrimRight(e.Text, "\n"))
		}
		row := []value{}
		for _, text := range []string{SeverityWord(x.Severity), x.Title, x.Message, x.Facts, strings.Join(lines, "\n"), x.ID} {
			row = append(row, value{text: printable(text)})
		}
		s.rows = append(s.rows, row)
	}
	return s
}

func (c *Charts) sheet(section string) sheet {
	s := sheet{title: section, heads: []string{chartHead}, bars: []bool{false}}
	at := map[int64]int{}
	for i, chart := range c.List {
		head := chart.Title
		if chart.Series.Unit != "" {
			head += " (" + chart.Series.Unit + ")"
		}
		s.heads, s.bars = append(s.heads, head), append(s.bars, chart.Series.Bars)
		for _, p := range chart.Series.Points {
			row, known := at[p.Time]
			if !known {
				row = len(s.rows)
				at[p.Time] = row
				s.rows = append(s.rows, make([]value, len(c.List)+1))
				s.rows[row][0] = value{text: time.UnixMicro(p.Time).UTC().Format("2006-01-02 15:04")}
			}
			if !math.IsNaN(p.Value) {
				v := p.Value
				s.rows[row][i+1] = value{number: &v, format: numberFormat(Cell{Text: fmt.Sprintf("%.*f", chart.Series.Decimals, v)})}
			}
		}
	}
	return s
}

// WriteCSV writes the tables of the document into one file (RFC 4180): each after an empty row, with its title and the names
// of its columns above it. A cell that a spreadsheet would take for a formula begins with an apostrophe: log lines hold
// what attackers write.
func (d *Document) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	var rows [][]string
	for i, s := range d.sheets() {
		if i > 0 {
			rows = append(rows, []string{""})
		}
		rows = append(rows, []string{harmless(s.title)})
		heads := make([]string, len(s.heads))
		for c, head := range s.heads {
			heads[c] = harmless(head)
		}
		rows = append(rows, heads)
		for _, r := range s.rows {
			cells := make([]string, len(r))
			for c, v := range r {
				if cells[c] = v.plain(); v.number == nil {
					cells[c] = harmless(v.text)
				}
			}
			rows = append(rows, cells)
		}
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("write report as CSV: %w", err)
	}
	return nil
}

// harmless is a text that no spreadsheet computes.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// WriteJSON writes the document as JSON, with what its figures were computed of.
func (d *Document) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		return fmt.Errorf("write report as JSON: %w", err)
	}
	return nil
}

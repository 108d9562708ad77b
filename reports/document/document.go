// Package document is the form that every report has: a head, and sections of paragraphs, tables, charts, findings and
// pictures. It stands at the end of the flow: package reports fills a Document from the store, and the functions of this
// package write it, all with the same content: HTML, Markdown, CSV, XLSX, JSON and PDF.
//
// A Document is data. It is not changed by writing it, and may be written by several goroutines at once. Its texts may come
// from log lines: each writer makes them harmless in its format.
package document

import (
	"encoding/json"
	"html/template"
	"math"
	"time"

	"github.com/saypro/veritail/reports/chart"
	"github.com/saypro/veritail/rules/kpi"
)

// A Document is one report.
type Document struct {
	Report   string    `json:"report"` // id of the report that it is one of: "daily"
	ID       string    `json:"id"`     // "D-2026-11-23"; "" for one that is not kept
	Name     string    `json:"name"`   // what the report is called: "Daily report"
	Title    string    `json:"title"`  // "Performance and integrity of shop.example"
	Subject  string    `json:"subject"`
	Period   Period    `json:"period"`
	Previous *Period   `json:"previous,omitempty"` // what it is compared with
	Made     time.Time `json:"made"`
	By       string    `json:"by,omitempty"` // who prepared it
	Version  string    `json:"version,omitempty"`
	Head     []Field   `json:"head"`
	Sections []Section `json:"sections"`
	Sign     []string  `json:"sign,omitempty"` // lines to be signed: "Checked by"

	// Console is where the console answers, "http://127.0.0.1:8080"; cells link to their queries there. "" links nothing.
	Console string `json:"console,omitempty"`
	// Sums are what the figures were computed of, by KPI, so that a reader can compute them again.
	Sums map[string]Sums `json:"sums,omitempty"`
}

// A Period is a stretch of time, in UTC, without its end.
type Period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// A Field is one entry of the head. An empty value is a line to write on.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Note  string `json:"note,omitempty"` // stands faint behind it
}

// A Section is a part of a document below a heading.
type Section struct {
	Title  string  `json:"title"`
	Blocks []Block `json:"blocks"`
}

// A Block is what a section is made of: exactly one of its fields is set.
type Block struct {
	Paragraph *Paragraph `json:"paragraph,omitempty"`
	Table     *Table     `json:"table,omitempty"`
	Charts    *Charts    `json:"charts,omitempty"`
	Findings  *Findings  `json:"findings,omitempty"`
	Picture   *Picture   `json:"picture,omitempty"`
}

// A Paragraph is text with parts in bold.
type Paragraph struct {
	Parts []Part `json:"parts"`
	Lead  bool   `json:"lead,omitempty"` // larger: it answers first
	Faint bool   `json:"faint,omitempty"`
	// Blank is how many lines are left to write on, for what a person has to say.
	Blank int `json:"blank,omitempty"`
}

// A Part is a piece of a paragraph.
type Part struct {
	Text string `json:"text"`
	Bold bool   `json:"bold,omitempty"`
	Code bool   `json:"code,omitempty"` // something to type
}

// A Table is rows of cells. Each row has a cell for each column.
type Table struct {
	Title   string   `json:"title,omitempty"` // a heading of its own, below that of the section
	Note    string   `json:"note,omitempty"`  // stands below it
	Empty   string   `json:"empty,omitempty"` // what is said in place of a table without rows
	Columns []Column `json:"columns"`
	Rows    [][]Cell `json:"rows"`
	Bare    bool     `json:"bare,omitempty"`   // on paper it has no heading row: its columns explain themselves
	Halves  bool     `json:"halves,omitempty"` // on paper more than four rows stand in two columns
}

// A Column is one of a table.
type Column struct {
	Name  string `json:"name"`
	Width Width  `json:"width,omitempty"`
	Right bool   `json:"right,omitempty"` // numbers
	Keep  bool   `json:"keep,omitempty"`  // its cells do not break
	Bold  bool   `json:"bold,omitempty"`  // the one to compare
	Faint bool   `json:"faint,omitempty"`
	Mono  bool   `json:"mono,omitempty"` // text of logs, queries
}

// A Width says how much room a column wants; "" takes what its cells need.
type Width string

// The widths, on paper.
const (
	Narrow Width = "narrow" // 14 mm
	Medium Width = "medium" // 32 mm
	Wide   Width = "wide"   // 48 mm
)

// A Cell is one of a table. Text is what it says; the others say more of it.
type Cell struct {
	Text     string   `json:"text"`
	Note     string   `json:"note,omitempty"`     // stands faint below it
	Number   *float64 `json:"number,omitempty"`   // Text as a number, in Unit
	Unit     string   `json:"unit,omitempty"`     // of Number: "%", "ms"
	Status   string   `json:"status,omitempty"`   // Green, Yellow or Red: its shape stands before the text
	Severity string   `json:"severity,omitempty"` // its bars stand before the text
	Share    float64  `json:"share,omitempty"`    // 0 to 1: the cell is a bar of that length
	Faint    bool     `json:"faint,omitempty"`
	Query    string   `json:"query,omitempty"` // the events behind it, as the console's search takes it
	Basis    *Basis   `json:"basis,omitempty"` // what it was computed of
}

// A Basis says which figure of the document's Sums a cell is of, and what of it.
type Basis struct {
	KPI string `json:"kpi"`
	Of  string `json:"of"` // "value" or "previous"
	// Decimals are those of the text, which may be more than the figure has, where rounding would move it over a bound.
	Decimals int `json:"decimals"`
}

// Sums are what a figure was added up of, in the period and in the one before.
type Sums struct {
	kpi.Recipe
	Exact         bool      `json:"exact,omitempty"` // the percentile is of the events, and within 1 % of what the histogram gives
	Seconds       float64   `json:"seconds"`         // length of the period
	SecondsBefore float64   `json:"seconds_before,omitempty"`
	Now           []kpi.Sum `json:"now"`
	Before        []kpi.Sum `json:"before,omitempty"`
}

// Charts are drawings that stand beside each other.
type Charts struct {
	List []Chart `json:"list"`
	Note string  `json:"note,omitempty"` // stands below them
}

// A Chart is one drawing with its heading.
type Chart struct {
	Title  string
	Note   string // faint beside the title: what its steps are
	Series chart.Series
}

// MarshalJSON writes a chart with its points as pairs of time and value, null for a gap.
func (c Chart) MarshalJSON() ([]byte, error) {
	type point struct {
		At    time.Time `json:"at"`
		Value *float64  `json:"value"`
	}
	out := struct {
		Title    string   `json:"title"`
		Note     string   `json:"note"`
		Unit     string   `json:"unit"`
		Target   *float64 `json:"target,omitempty"`
		Sentence string   `json:"says"`
		Points   []point  `json:"points"`
	}{c.Title, c.Note, c.Series.Unit, number(c.Series.Target), c.Series.Sentence(), []point{}}
	for _, p := range c.Series.Points {
		out.Points = append(out.Points, point{time.UnixMicro(p.Time).UTC(), number(p.Value)})
	}
	return json.Marshal(out)
}

// number is a value for JSON, null for one that is none.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// Findings are what rules found, with the lines that prove it.
type Findings struct {
	List  []Finding `json:"list"`
	Empty string    `json:"empty,omitempty"` // what is said where there is none
}

// A Finding is one of them, as it is shown.
type Finding struct {
	ID       string     `json:"id"`
	Severity string     `json:"severity"`
	Title    string     `json:"title"`
	Message  string     `json:"message,omitempty"`
	Facts    string     `json:"facts"` // "source.ip 127.0.3.10 · 12 occurrences · 09:20 · rule auth.ssh-failed"
	Evidence []Evidence `json:"evidence,omitempty"`
	More     int        `json:"more,omitempty"` // pieces of evidence that are not shown
}

// An Evidence is one record that a finding rests on.
type Evidence struct {
	Path   string `json:"path"`
	Bytes  string `json:"bytes,omitempty"`  // where in it: "120,455–120,537"
	SHA256 string `json:"sha256,omitempty"` // of the record without its last line end, in hexadecimal
	Text   string `json:"text"`
	Teller bool   `json:"tells,omitempty"` // it tells of an occurrence that another one counts
	Cut    bool   `json:"cut,omitempty"`   // the record is longer
}

// A Picture is a drawing that the program made.
type Picture struct {
	Title   string        `json:"title,omitempty"`
	Caption string        `json:"caption,omitempty"`
	SVG     template.HTML `json:"-"`
	Text    string        `json:"text,omitempty"` // what it shows, in lines, for formats without drawings
}

// Num makes a cell of a number, as it is shown.
func Num(text string, v float64, unit string) Cell {
	return Cell{Text: text, Number: number(v), Unit: unit}
}

// Words makes a paragraph of a text.
func Words(text string) Block { return Block{Paragraph: &Paragraph{Parts: []Part{{Text: text}}}} }

// Remark makes a small faint paragraph of a text.
func Remark(text string) Block {
	return Block{Paragraph: &Paragraph{Parts: []Part{{Text: text}}, Faint: true}}
}

package issuelog

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"github.com/saypro/veritail/storage/state"
)

// A column is one of the issue log as a table, under the name that a site's own log has for it.
type column struct {
	name string
	of   func(*state.Issue) string
	into func(*state.Issue, string) error // nil: it follows from the others, and is not read
}

// stampLayout is how times stand in tables: spreadsheets take it for a time. It is UTC.
const stampLayout = "2006-01-02 15:04:05"

var columns = []column{
	{"Issue id", func(i *state.Issue) string { return strconv.FormatInt(i.ID, 10) }, func(i *state.Issue, s string) (err error) {
		if s != "" {
			i.ID, err = strconv.ParseInt(strings.TrimPrefix(s, "#"), 10, 64)
		}
		if err != nil || i.ID < 0 {
			return fmt.Errorf("%q is no number of an issue", s)
		}
		return nil
	}},
	{"Date reported", func(i *state.Issue) string { return stamp(i.Reported) }, func(i *state.Issue, s string) error { return readStamp(&i.Reported, s) }},
	{"Reported by", func(i *state.Issue) string { return i.Reporter }, text(func(i *state.Issue) *string { return &i.Reporter })},
	{"Role", func(i *state.Issue) string { return i.Role }, text(func(i *state.Issue) *string { return &i.Role })},
	{"Title", func(i *state.Issue) string { return i.Title }, text(func(i *state.Issue) *string { return &i.Title })},
	{"Description", func(i *state.Issue) string { return i.Description }, text(func(i *state.Issue) *string { return &i.Description })},
	{"Category", func(i *state.Issue) string { return i.Category }, text(func(i *state.Issue) *string { return &i.Category })},
	{"Priority", func(i *state.Issue) string { return string(i.Priority) }, func(i *state.Issue, s string) error { return word(&i.Priority, s, state.Priorities) }},
	{"Status", func(i *state.Issue) string { return string(i.Status) }, func(i *state.Issue, s string) error { return word(&i.Status, s, state.Statuses) }},
	{"Assigned to", func(i *state.Issue) string { return i.Assigned }, text(func(i *state.Issue) *string { return &i.Assigned })},
	{"First response", func(i *state.Issue) string { return stamp(i.Responded) }, func(i *state.Issue, s string) error { return readStamp(&i.Responded, s) }},
	{"Date resolved", func(i *state.Issue) string { return stamp(i.Resolved) }, func(i *state.Issue, s string) error { return readStamp(&i.Resolved, s) }},
	{"Resolution details", func(i *state.Issue) string { return i.Resolution }, text(func(i *state.Issue) *string { return &i.Resolution })},
	{"Root cause", func(i *state.Issue) string { return i.Cause }, text(func(i *state.Issue) *string { return &i.Cause })},
	{"Resolution time", func(i *state.Issue) string { return took(i.Took()) }, nil},
	{"Reopened", func(i *state.Issue) string { return strconv.Itoa(i.Reopened) }, nil},
	{"Findings", func(i *state.Issue) string { return strconv.FormatInt(i.Findings, 10) }, nil},
	{"Rating", func(i *state.Issue) string {
		if i.Rating == 0 {
			return ""
		}
		return strconv.Itoa(i.Rating)
	}, nil},
	{"Rule", func(i *state.Issue) string { return i.Rule }, nil},
	{"Comments", func(i *state.Issue) string {
		var out []string
		for _, c := range i.Comments {
			out = append(out, stamp(c.At)+" "+c.Who+": "+c.New)
		}
		return strings.Join(out, "\n")
	}, nil},
}

func text(field func(*state.Issue) *string) func(*state.Issue, string) error {
	return func(i *state.Issue, s string) error { *field(i) = s; return nil }
}

func word[T ~string](to *T, s string, list []T) error {
	if s == "" {
		return nil
	}
	for _, v := range list {
		if strings.EqualFold(string(v), s) {
			*to = v
			return nil
		}
	}
	return fmt.Errorf("%q is none of %v", s, list)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(stampLayout)
}

// layouts are how times may stand in a table that is read.
var layouts = []string{stampLayout, time.RFC3339, "2006-01-02 15:04", time.DateOnly}

func readStamp(to *time.Time, s string) error {
	if s == "" {
		return nil
	}
	for _, l := range layouts {
		if t, err := time.Parse(l, s); err == nil {
			*to = t.UTC()
			return nil
		}
	}
	return fmt.Errorf("%q is no time; write 2026-11-24 15:04:05, in UTC", s)
}

// took writes a resolution time in hours and minutes, which spreadsheets add up.
func took(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return fmt.Sprintf("%d:%02d", int(d.Hours()), int(d.Minutes())%60)
}

// WriteCSV writes the issues as comma-separated values (RFC 4180), with a head. A cell that a spreadsheet would take
// for a formula begins with an apostrophe: titles hold what attackers write.
func WriteCSV(w io.Writer, list []state.Issue) error {
	out := csv.NewWriter(w)
	rows := table(list)
	for _, row := range rows {
		for i, cell := range row {
			if formula(cell) {
				row[i] = "'" + cell
			}
		}
	}
	if err := out.WriteAll(rows); err != nil {
		return fmt.Errorf("write the issues as CSV: %w", err)
	}
	return nil
}

// formula reports whether a spreadsheet may compute a cell of a CSV file.
func formula(cell string) bool {
	cell = strings.TrimLeft(cell, "'") // one that has an apostrophe already gets another, which reading takes away
	return cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0]))
}

// table returns the issues as rows of cells below their heads.
func table(list []state.Issue) [][]string {
	rows := [][]string{make([]string, len(columns))}
	for c := range columns {
		rows[0][c] = columns[c].name
	}
	for i := range list {
		row := make([]string, len(columns))
		for c := range columns {
			row[c] = columns[c].of(&list[i])
		}
		rows = append(rows, row)
	}
	return rows
}

const (
	sheet    = "Issues"
	maxCell  = 32_767 // characters that a cell of a workbook holds
	maxRows  = 100_000
	maxSheet = 64 << 20 // bytes of a workbook once unpacked
)

// WriteXLSX writes the issues as a workbook with one sheet. All cells are text.
func WriteXLSX(w io.Writer, list []state.Issue) (err error) {
	f := excelize.NewFile()
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.SetSheetName("Sheet1", sheet); err != nil {
		return fmt.Errorf("write the issues as a workbook: %w", err)
	}
	bold, err := f.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}})
	if err != nil {
		return fmt.Errorf("write the issues as a workbook: %w", err)
	}
	for r, row := range table(list) {
		for c, cell := range row {
			name, err := excelize.CoordinatesToCellName(c+1, r+1)
			if err == nil {
				err = f.SetCellStr(sheet, name, short(cell))
			}
			if err != nil {
				return fmt.Errorf("write the issues as a workbook: %w", err)
			}
		}
	}
	err = errors.Join(
		f.SetRowStyle(sheet, 1, 1, bold),
		f.SetColWidth(sheet, "A", "D", 18), f.SetColWidth(sheet, "E", "F", 48), f.SetColWidth(sheet, "G", "T", 18),
		f.SetPanes(sheet, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}),
		f.Write(w))
	if err != nil {
		return fmt.Errorf("write the issues as a workbook: %w", err)
	}
	return nil
}

// short cuts a text to what a cell holds.
func short(s string) string {
	if utf8.RuneCountInString(s) <= maxCell {
		return s
	}
	return string([]rune(s)[:maxCell-1]) + "…"
}

// ReadCSV reads issues from a table with a head, which may have some of the columns that WriteCSV writes, in any order.
func ReadCSV(r io.Reader) ([]Row, error) {
	in := csv.NewReader(r)
	in.FieldsPerRecord = -1
	var rows [][]string
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return read(rows)
		}
		if err != nil {
			return nil, fmt.Errorf("read the issues: %w", err)
		}
		if len(rows) > maxRows {
			return nil, fmt.Errorf("read the issues: more than %d rows", maxRows)
		}
		for i, cell := range row {
			if rest, ok := strings.CutPrefix(cell, "'"); ok && formula(rest) {
				row[i] = rest
			}
		}
		rows = append(rows, row)
	}
}

// ReadXLSX reads issues from the first sheet of a workbook, as ReadCSV does.
func ReadXLSX(r io.Reader) (out []Row, err error) {
	f, err := excelize.OpenReader(r, excelize.Options{UnzipSizeLimit: maxSheet, UnzipXMLSizeLimit: maxSheet / 4})
	if err != nil {
		return nil, fmt.Errorf("read the workbook: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	rows, err := f.GetRows(f.GetSheetName(0))
	if err != nil {
		return nil, fmt.Errorf("read the workbook: %w", err)
	}
	if len(rows) > maxRows {
		return nil, fmt.Errorf("read the workbook: more than %d rows", maxRows)
	}
	return read(rows)
}

// A Row is an issue of a table, with the columns that it has.
type Row struct {
	state.Issue
	Line    int // of the table, from 1
	columns []string
}

func (r *Row) has(name string) bool { return slices.Contains(r.columns, name) }

func read(rows [][]string) ([]Row, error) {
	if len(rows) == 0 {
		return nil, errors.New("read the issues: the table is empty")
	}
	var at []*column
	var names []string
	for _, head := range rows[0] {
		i := slices.IndexFunc(columns, func(c column) bool { return strings.EqualFold(c.name, strings.TrimSpace(head)) })
		if i < 0 || columns[i].into == nil {
			at = append(at, nil)
			continue
		}
		at, names = append(at, &columns[i]), append(names, columns[i].name)
	}
	if !slices.Contains(names, "Title") && !slices.Contains(names, "Description") {
		return nil, fmt.Errorf("read the issues: the first row has neither Title nor Description; the columns are %s", strings.Join(table(nil)[0], ", "))
	}
	var out []Row
	for n, cells := range rows[1:] {
		r := Row{Line: n + 2, columns: names}
		empty := true
		for c, cell := range cells {
			cell = strings.TrimSpace(cell)
			if c >= len(at) || at[c] == nil || cell == "" {
				continue
			}
			empty = false
			if err := at[c].into(&r.Issue, cell); err != nil {
				return nil, fmt.Errorf("read the issues: row %d, %s: %w", r.Line, at[c].name, err)
			}
		}
		if empty {
			continue
		}
		if r.Title == "" {
			r.Title, _, _ = strings.Cut(r.Description, "\n")
			r.Title = cut(r.Title)
		}
		out = append(out, r)
	}
	return out, nil
}

// Imported is what became of the rows of a table.
type Imported struct {
	New     int `json:"new"`
	Changed int `json:"changed"`
	Same    int `json:"same"`
}

// Import takes rows into the log: one with a number that the log has changes that issue where the row differs, every
// other one becomes an issue, under its number if it has one. It stops at the first that the log refuses; what was
// before it is taken, and importing again goes on from there.
func Import(ctx context.Context, db *state.DB, rows []Row, who string) (Imported, error) {
	var done Imported
	for i := range rows {
		r := &rows[i]
		old, err := state.Issue{}, state.ErrNotFound
		if r.ID != 0 {
			old, err = db.Issue(ctx, r.ID)
		}
		switch {
		case errors.Is(err, state.ErrNotFound):
			if r.Status == state.Resolved && r.Resolved.IsZero() {
				return done, fmt.Errorf("row %d: %w: it is resolved, and has no date resolved", r.Line, state.ErrRefused)
			}
			if _, err := db.Report(ctx, r.Issue, who); err != nil {
				return done, fmt.Errorf("row %d: %w", r.Line, err)
			}
			done.New++
		case err != nil:
			return done, err
		default:
			e := r.edit(&old)
			if e == (state.Edit{}) {
				done.Same++
				continue
			}
			if _, err := db.Change(ctx, r.ID, who, e); err != nil {
				return done, fmt.Errorf("row %d: %w", r.Line, err)
			}
			done.Changed++
		}
	}
	return done, nil
}

// edit is what a row changes of an issue. An empty cell changes nothing of status and priority.
func (r *Row) edit(old *state.Issue) state.Edit {
	var e state.Edit
	set := func(name string, to **string, was, is string) {
		if r.has(name) && strings.TrimSpace(was) != is {
			*to = &is
		}
	}
	set("Title", &e.Title, old.Title, r.Title)
	set("Description", &e.Description, old.Description, r.Description)
	set("Category", &e.Category, old.Category, r.Category)
	set("Assigned to", &e.Assigned, old.Assigned, r.Assigned)
	set("Resolution details", &e.Resolution, old.Resolution, r.Resolution)
	set("Root cause", &e.Cause, old.Cause, r.Cause)
	if r.Status != "" && r.Status != old.Status {
		e.Status = &r.Status
	}
	if r.Priority != "" && r.Priority != old.Priority {
		e.Priority = &r.Priority
	}
	return e
}

package document

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

const (
	maxCell  = 32_767 // characters that a cell of a workbook holds
	maxTitle = 31     // characters of the name of a sheet
)

// WriteXLSX writes the document as a workbook: a sheet for each table, numbers as numbers, and its charts drawn beside their
// points.
func (d *Document) WriteXLSX(w io.Writer) (err error) {
	b := &book{File: excelize.NewFile(), styles: map[string]int{}, names: map[string]bool{}}
	defer func() { err = errors.Join(err, b.Close()) }()
	if b.bold, err = b.NewStyle(&excelize.Style{Font: &excelize.Font{Bold: true}, Alignment: &excelize.Alignment{WrapText: true, Vertical: "top"}}); err != nil {
		return fmt.Errorf("write report as a workbook: %w", err)
	}
	for i, s := range d.sheets() {
		if err := b.sheet(i, s); err != nil {
			return fmt.Errorf("write report as a workbook: %s: %w", s.title, err)
		}
	}
	if err := b.charts(d); err != nil {
		return fmt.Errorf("write report as a workbook: %w", err)
	}
	if err := b.Write(w); err != nil {
		return fmt.Errorf("write report as a workbook: %w", err)
	}
	return nil
}

// A book is a workbook that is being written.
type book struct {
	*excelize.File
	bold   int
	styles map[string]int // by the format of numbers, or status
	names  map[string]bool
}

// name makes the name of a sheet: short, of what it may hold, and not taken.
func (b *book) name(title string) string {
	clean := strings.Trim(strings.Map(func(r rune) rune {
		if strings.ContainsRune(`:\/?*[]`, r) {
			return ' '
		}
		return r
	}, printable(title)), "' ")
	if clean == "" {
		clean = "Table"
	}
	for n := 1; ; n++ {
		suffix := ""
		if n > 1 {
			suffix = fmt.Sprintf(" (%d)", n)
		}
		runes := []rune(clean)
		name := strings.TrimSpace(string(runes[:min(len(runes), maxTitle-len(suffix))])) + suffix
		if !b.names[strings.ToLower(name)] {
			b.names[strings.ToLower(name)] = true
			return name
		}
	}
}

func (b *book) sheet(i int, s sheet) error {
	name := b.name(s.title)
	if i == 0 {
		if err := b.SetSheetName("Sheet1", name); err != nil {
			return err
		}
	} else if _, err := b.NewSheet(name); err != nil {
		return err
	}
	widths := make([]int, len(s.heads))
	for c, head := range s.heads {
		widths[c] = utf8.RuneCountInString(head)
		if err := b.set(name, c, 0, value{text: head}); err != nil {
			return err
		}
	}
	for r, row := range s.rows {
		for c, v := range row {
			widths[c] = max(widths[c], utf8.RuneCountInString(v.text))
			if err := b.set(name, c, r+1, v); err != nil {
				return err
			}
		}
	}
	for c, n := range widths {
		col, err := excelize.ColumnNumberToName(c + 1)
		if err != nil {
			return err
		}
		if err := b.SetColWidth(name, col, col, float64(min(max(n+2, 12), 60))); err != nil {
			return err
		}
	}
	return errors.Join(b.SetRowStyle(name, 1, 1, b.bold),
		b.SetPanes(name, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}))
}

func (b *book) set(sheet string, col, row int, v value) error {
	at, err := excelize.CoordinatesToCellName(col+1, row+1)
	if err != nil {
		return err
	}
	if v.number != nil {
		err = b.SetCellValue(sheet, at, *v.number)
	} else {
		err = b.SetCellStr(sheet, at, short(v.text))
	}
	if err != nil {
		return err
	}
	style, err := b.style(v)
	if err != nil || style == 0 {
		return err
	}
	return b.SetCellStyle(sheet, at, at, style)
}

// style returns the style of a value, 0 for none.
func (b *book) style(v value) (int, error) {
	ink := map[string]string{"Green": "17713E", "Yellow": "855400", "Red": "B0212A"}[v.status]
	key := v.format + ink
	if key == "" {
		return 0, nil
	}
	if id, ok := b.styles[key]; ok {
		return id, nil
	}
	s := &excelize.Style{}
	if v.format != "" {
		s.CustomNumFmt = &v.format
	}
	if ink != "" {
		s.Font = &excelize.Font{Bold: true, Color: ink}
	}
	id, err := b.NewStyle(s)
	b.styles[key] = id
	return id, err
}

// charts draws each chart below the points that it is of.
func (b *book) charts(d *Document) error {
	names := b.GetSheetList()
	for n, s := range d.sheets() {
		if s.heads[0] != chartHead {
			continue
		}
		for c := 1; c < len(s.heads); c++ {
			col, err := excelize.ColumnNumberToName(c + 1)
			if err != nil {
				return err
			}
			at, err := excelize.CoordinatesToCellName(1+(c-1)%2*5, len(s.rows)+3+(c-1)/2*16)
			if err != nil {
				return err
			}
			ref := func(from, to string) string {
				return fmt.Sprintf("'%s'!%s:%s", strings.ReplaceAll(names[n], "'", "''"), from, to)
			}
			last := len(s.rows) + 1
			kind := excelize.Line
			if s.bars[c] {
				kind = excelize.Col
			}
			err = b.AddChart(names[n], at, &excelize.Chart{
				Type: kind, Title: excelize.ChartTitle{Paragraph: []excelize.RichTextRun{{Text: s.heads[c]}}}, Legend: excelize.ChartLegend{Position: "none"},
				Dimension: excelize.ChartDimension{Width: 520, Height: 260}, ShowBlanksAs: "gap",
				Series: []excelize.ChartSeries{{
					Name: s.heads[c], Categories: ref("$A$2", fmt.Sprintf("$A$%d", last)), Values: ref(fmt.Sprintf("$%s$2", col), fmt.Sprintf("$%s$%d", col, last)),
				}},
			})
			if err != nil {
				return err
			}
		}
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

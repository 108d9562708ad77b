package reports

import (
	"context"
	"math"
	"strings"

	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/rules/kpi"
)

// uncounted says what is in no figure.
func uncounted(_ context.Context, b *builder, s *Section) ([]document.Section, error) {
	t := document.Table{Bare: true, Columns: []document.Column{{Name: "What", Width: document.Wide}, {Name: "Lines", Right: true, Keep: true}, {Name: "Why", Faint: true}}}
	row := func(what string, n int64, why string) {
		t.Rows = append(t.Rows, []document.Cell{{Text: what}, document.Num(number(n), float64(n), ""), {Text: why}})
	}
	row("Unparsed lines", b.Lines.Unparsed, percent(b.Lines.Unparsed, b.Lines.Read)+" of lines read. No format takes them: they are in no figure but “lines parsed”, and are kept as they stand.")
	row("Ignored lines", b.Lines.Ignored, percent(b.Lines.Ignored, b.Lines.Read)+" of lines read. Empty lines, and what the format names as no event.")
	tellers := int64(0)
	for _, f := range b.findings {
		for _, e := range f.Evidence {
			if e.Teller {
				tellers++
			}
		}
	}
	row("Companion lines", tellers, "Lines in the evidence that tell of an occurrence which another line counts already.")
	if b.Lines.Cut > 0 {
		row("Cut records", b.Lines.Cut, "Longer than the bound: their tail is missing.")
	}
	var missing []string
	for i := range b.Defs {
		if f := b.figures[b.Defs[i].ID]; !f.Measured() {
			missing = append(missing, f.Title)
		}
	}
	if len(missing) > 0 {
		row("Figures not measured", int64(len(missing)), strings.Join(missing, "; ")+". What would measure them stands beside them above.")
	}
	return one(s.Title, tableBlock(t)), nil
}

// checking says how the figures can be computed again.
func checking(_ context.Context, b *builder, s *Section) ([]document.Section, error) {
	l := b.Lines
	account := document.Table{Bare: true, Columns: []document.Column{{Name: "What", Width: document.Wide}, {Name: "Account"}, {Name: "Result", Keep: true}}}
	read := number(l.Read) + " = " + number(l.Parsed) + " parsed + " + number(l.Unparsed) + " unparsed + " + number(l.Ignored) + " ignored"
	if l.Open > 0 {
		read += " + " + number(l.Open) + " in open records"
	}
	account.Rows = append(account.Rows, []document.Cell{{Text: strings.TrimSpace("Lines read " + l.Scope)}, {Text: read}, balance(l.ReadBalanced())})
	if l.Kept() > 0 {
		kept := number(l.Parsed) + " + " + number(l.Unparsed) + " = " + number(l.Stored) + " stored + " + number(l.Quarantined) + " quarantined + " + number(l.Pending) + " pending"
		account.Rows = append(account.Rows, []document.Cell{{Text: "Parsed and unparsed"}, {Text: kept}, balance(l.KeptBalanced())})
	}
	blocks := []document.Block{tableBlock(account), {Paragraph: &document.Paragraph{Faint: true, Parts: []document.Part{
		{Text: "Each line of evidence names its file and bytes: "}, {Text: "tail -c +FIRST FILE | head -c LENGTH", Code: true},
		{Text: " prints it, with FIRST one more than the first number. The SHA-256 is of the record's text without its last line end. Where events are stored, "},
		{Text: "veritail search QUERY", Code: true}, {Text: " with the query below lists what a figure counted."},
	}}}}
	t := document.Table{Bare: true, Columns: []document.Column{{Name: "Metric", Width: document.Wide}, {Name: "Counted of", Mono: true}}}
	for i := range b.Defs {
		if f := b.figures[b.Defs[i].ID]; f.Measured() {
			t.Rows = append(t.Rows, []document.Cell{{Text: b.Defs[i].Title}, {Text: how(&b.Defs[i]), Query: counted(&b.Defs[i])}})
		}
	}
	if len(t.Rows) > 0 {
		blocks = append(blocks, tableBlock(t), document.Remark("A change of at most 5 % is called none; of shares with a lower target it is of what they miss to 100 %. The error budget is what the target allows, of counts and downtimes for a day. Percentiles come from a histogram and are within 1 % of the exact value."))
	}
	if len(b.Files) > 0 {
		blocks = append(blocks, tableBlock(files(b.Files)))
	}
	return one(s.Title, blocks...), nil
}

func files(list []File) document.Table {
	t := document.Table{Title: "Files", Columns: []document.Column{
		{Name: "File", Mono: true}, {Name: "Format", Keep: true}, {Name: "Lines", Right: true}, {Name: "Parsed", Right: true}, {Name: "Unparsed", Right: true}, {Name: "Ignored", Right: true}}}
	for _, f := range list {
		format := document.Cell{Text: f.Format}
		if f.Format == "" {
			format = document.Cell{Text: "none found", Faint: true}
		}
		row := []document.Cell{{Text: f.Path}, format}
		for _, n := range []int64{f.Read, f.Parsed, f.Unparsed, f.Ignored} {
			row = append(row, document.Num(number(n), float64(n), ""))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func balance(holds bool) document.Cell {
	if holds {
		return document.Cell{Text: "Balanced", Status: string(kpi.Green)}
	}
	return document.Cell{Text: "Not balanced", Status: string(kpi.Red)}
}

// percent writes a share of lines with as many decimals as it takes to differ from none.
func percent(n, of int64) string {
	if of == 0 {
		return "–"
	}
	v := 100 * float64(n) / float64(of)
	for decimals := 1; decimals < 4; decimals++ {
		if p := math.Pow(10, float64(decimals)); n == 0 || n == of || (v*p >= 0.5 && (100-v)*p >= 0.5) {
			return kpi.Text(v, decimals, "%")
		}
	}
	return kpi.Text(v, 4, "%")
}

package document

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/saypro/veritail/reports/chart"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/tools/need"
)

var update = flag.Bool("update", false, "write the golden files")

// evil is what a log line may bring into any text.
const evil = "=HYPERLINK(\"http://x\")<script>alert(1)</script>|`*_[x](javascript:y)\x1b[31m\u202e"

// example is a small document with every kind of block.
func example() *Document {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	points := []chart.Point{{Time: day.UnixMicro(), Value: 1.5}, {Time: day.Add(time.Hour).UnixMicro(), Value: math.NaN()}, {Time: day.Add(2 * time.Hour).UnixMicro(), Value: 3}}
	rate := Num("2.50 %", 2.5, "%")
	rate.Query, rate.Basis = "http.response.status_code>=500", &Basis{KPI: "web.rate", Of: "value", Decimals: 2}
	return &Document{
		Report: "example", ID: "E-2026-11-23", Name: "Example", Title: "All blocks of shop.example", Subject: "shop.example", Version: "2", By: "Operations",
		Period: Period{day, day.AddDate(0, 0, 1)}, Made: day.AddDate(0, 0, 1), Console: "http://127.0.0.1:8080",
		Head: []Field{{Name: "Report date", Value: "24 November 2026"}, {Name: "Prepared by"}, {Name: "Compared with", Value: "–", Note: "no earlier period"}},
		Sections: []Section{
			{Title: "Summary", Blocks: []Block{{Paragraph: &Paragraph{Lead: true, Parts: []Part{{Text: "1 of 2", Bold: true}, {Text: " is Red, type "}, {Text: "veritail -h", Code: true}}}}}},
			{Title: "Figures", Blocks: []Block{{Table: &Table{Note: "A note.", Columns: []Column{{Name: "Metric", Width: Wide}, {Name: "Actual", Right: true, Keep: true, Bold: true}, {Name: "Change", Right: true}, {Name: "Status"}, {Name: "Share"}, {Name: "Comment", Faint: true}},
				Rows: [][]Cell{
					{{Text: "Error rate"}, rate, {Text: "+1.00 pt", Note: "worse"}, {Text: "Red", Status: "Red"}, {Share: 0.5}, {Text: "−1"}},
					{{Text: "Requests"}, Num("39,800", 39800, ""), {Text: "same"}, {Text: "–", Faint: true}, {Share: 1}, {Text: evil}},
				}}},
				{Table: &Table{Title: "Nothing", Empty: "There is nothing.", Columns: []Column{{Name: "A"}}}}}},
			{Title: "Over the period", Blocks: []Block{{Charts: &Charts{Note: "Times are UTC.", List: []Chart{{"Error rate", "by hour", chart.Series{Title: "Error rate", Unit: "%", Decimals: 1, Points: points, Step: time.Hour, Target: 1}}}}}}},
			{Title: "Findings", Blocks: []Block{{Findings: &Findings{List: []Finding{{ID: "f1", Severity: "high", Title: "Deadlock in shop", Message: "Two sessions.", Facts: "3 occurrences · rule db.deadlock", More: 2,
				Evidence: []Evidence{{Path: "/var/log/pg.log", Bytes: "0–82", SHA256: strings.Repeat("9f", 32), Text: "ERROR: deadlock ``` detected\nDETAIL: x"}}}}}}}},
			{Title: "By hand", Blocks: []Block{{Picture: &Picture{Title: "Picture", SVG: "<svg></svg>", Text: "A waits for B\nB waits for A", Caption: "as logged"}}, {Paragraph: &Paragraph{Blank: 2}}, Remark("faint")}},
		},
		Sign: []string{"Checked by"},
		Sums: map[string]Sums{"web.rate": {Recipe: kpi.Recipe{Kind: kpi.Ratio, Unit: "%"}, Seconds: 86400, Now: []kpi.Sum{{At: day.UnixMicro(), Whole: 1000, Part: 25}}}},
	}
}

func written(t testing.TB, d *Document, f Format) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := d.Write(context.Background(), &b, f); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTheTextsOfAllFormats(t *testing.T) {
	for _, f := range []Format{HTML, Markdown, CSV, JSON} {
		t.Run(string(f), func(t *testing.T) {
			got := written(t, example(), f)
			file := filepath.Join("testdata", "example."+string(f))
			if *update {
				if err := os.WriteFile(file, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("differs from %s (write it with -update)", file)
			}
			if f != JSON && bytes.ContainsAny(got, "\x1b\u202e") { // JSON is for programs: it holds what there is
				t.Error("something hides in it")
			}
		})
	}
}

func TestNoCellOfATableIsComputed(t *testing.T) {
	in := csv.NewReader(bytes.NewReader(written(t, example(), CSV)))
	in.FieldsPerRecord = -1
	rows, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+@", rune(cell[0])) {
				t.Errorf("the cell %q is a formula", cell)
			}
			seen = seen || strings.HasPrefix(cell, "'=HYPERLINK")
		}
	}
	if !seen {
		t.Error("the hostile cell is not there")
	}
}

func TestTheWorkbookHasNumbersAndCharts(t *testing.T) {
	data := written(t, example(), XLSX)
	f, err := excelize.OpenReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := strings.Join(f.GetSheetList(), ", "); got != "Report, Figures, Over the period, Findings" {
		t.Errorf("sheets %s", got)
	}
	for _, tc := range []struct {
		sheet, cell, shown, raw string
	}{
		{"Figures", "B2", "2.50 %", "2.5"}, {"Figures", "B3", "39,800", "39800"}, {"Figures", "D2", "Red", "Red"}, {"Over the period", "B2", "1.5", "1.5"}, {"Over the period", "B3", "", ""},
	} {
		shown, err := f.GetCellValue(tc.sheet, tc.cell)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := f.GetCellValue(tc.sheet, tc.cell, excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		if shown != tc.shown || raw != tc.raw {
			t.Errorf("%s!%s shows %q of %q, want %q of %q", tc.sheet, tc.cell, shown, raw, tc.shown, tc.raw)
		}
	}
	if text, err := f.GetCellFormula("Figures", "F3"); err != nil || text != "" {
		t.Errorf("the hostile cell is the formula %q, %v", text, err)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	drawn := 0
	for _, part := range z.File {
		if strings.HasPrefix(part.Name, "xl/charts/chart") {
			drawn++
		}
	}
	if drawn != 1 {
		t.Errorf("%d charts are drawn", drawn)
	}
}

func TestJSONHasGapsAndTheSums(t *testing.T) {
	var d struct {
		Sections []struct {
			Blocks []struct {
				Charts *struct {
					List []struct {
						Points []struct{ Value *float64 }
					}
				}
			}
		}
		Sums map[string]struct{ Now []kpi.Sum }
	}
	if err := json.Unmarshal(written(t, example(), JSON), &d); err != nil {
		t.Fatal(err)
	}
	if p := d.Sections[2].Blocks[0].Charts.List[0].Points; len(p) != 3 || p[1].Value != nil || *p[2].Value != 3 {
		t.Errorf("points %+v", p)
	}
	if s := d.Sums["web.rate"].Now; len(s) != 1 || s[0].Part != 25 {
		t.Errorf("sums %+v", s)
	}
}

func TestAPDFIsPrinted(t *testing.T) {
	need.Program(t, "chromium")
	t.Setenv("TMPDIR", t.TempDir())
	got := written(t, example(), PDF)
	if !bytes.HasPrefix(got, []byte("%PDF-")) || !bytes.Contains(got, []byte("%%EOF")) {
		t.Errorf("%d bytes, no PDF", len(got))
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("%d files are left, %v", len(left), err)
	}
}

func TestWithoutABrowserThereIsNoPDF(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if err := example().WritePDF(context.Background(), io.Discard); !errors.Is(err, ErrNoBrowser) {
		t.Errorf("got %v", err)
	}
}

func TestABrowserThatHangsIsEnded(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	for _, name := range browsers {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\nsleep 600 &\nwait\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	begun := time.Now()
	if err := example().WritePDF(ctx, io.Discard); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 4*time.Second {
		t.Errorf("it took %s: a child kept the pipe", took)
	}
}

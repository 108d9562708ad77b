package parsers_test

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
)

var update = flag.Bool("update", false, "write the expected events of testdata anew")

// One line, one expectation: each format's sample has its expected events beside it.
func TestSamplesGiveTheExpectedEvents(t *testing.T) {
	for _, format := range shipped(t).Formats() {
		t.Run(format, func(t *testing.T) {
			text := sample(t, format)
			d := decoder(t, shipped(t), format, format+".log")
			var b event.Batch
			d.Decode(&b, readTo(&b, text), 0)
			d.Flush(&b, near, true)
			defer b.Release()
			var got bytes.Buffer
			for _, p := range b.Pages {
				for i := range p.N {
					got.Write(append(p.Row(i).AppendJSON(nil), '\n'))
				}
			}
			balanced(t, d, text)
			expected(t, "../testdata/formats/"+format+".json", got.String())
		})
	}
}

// expected fails the test unless the file holds the events that it got, a line each. With -update it writes them there.
func expected(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	g, w := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("event %d:\n got %s\nwant %s", i+1, g[i], w[i])
		}
	}
	if len(g) != len(w) {
		t.Errorf("%d events, want %d", len(g)-1, len(w)-1)
	}
}

func TestLinesStayWhereTheyWereRead(t *testing.T) {
	text := sample(t, "nginx.access")
	d := decoder(t, shipped(t), "nginx.access", "access.log")
	var b event.Batch
	defer b.Release()
	first := int64(0)
	for block := range slices.Chunk(rawLines(text), 3) {
		block := readTo(&b, bytes.Join(block, nil))
		at, _ := b.Find(block)
		d.Decode(&b, block, first)
		p := b.Pages[len(b.Pages)-1]
		if raw := p.Raw[p.N-1]; raw.Off < at.Off || raw.Off+raw.Len > at.Off+at.Len {
			t.Fatalf("the line %q lies at %d, the block from %d to %d", p.Bytes(raw), raw.Off, at.Off, at.Off+at.Len)
		}
		first += int64(len(block))
	}
}

func TestSamplesAreOfTheShippedFormatsOnly(t *testing.T) {
	files, err := os.ReadDir("../testdata/formats")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".log"); ok && !slices.Contains(shipped(t).Formats(), name) {
			t.Errorf("%s is the sample of no format", f.Name())
		}
	}
}

// After each line of each sample the mark's accounts add up, with whatever records are open there; and so they do for a decoder
// that goes on from there.
func TestMarksAddUpAfterEachLine(t *testing.T) {
	for _, format := range shipped(t).Formats() {
		t.Run(format, func(t *testing.T) {
			text := sample(t, format)
			d := decoder(t, shipped(t), format, format+".log")
			off := int64(0)
			for i, line := range rawLines(text) {
				var b event.Batch
				d.Decode(&b, line, off)
				b.Release()
				off += int64(len(line))
				m := d.Mark()
				if breach := m.Breach(); breach != "" {
					t.Fatalf("line %d: %s: %+v", i+1, breach, m)
				}
				if i%7 > 0 {
					continue
				}
				m.Gen, m.Open = 1, slices.Clone(m.Open)
				next := decoder(t, shipped(t), format, format+".log")
				err := next.Resume(m, func(s event.Span) ([]byte, error) { return text[s.Off:s.End()], nil })
				if err != nil {
					t.Fatalf("line %d: %v", i+1, err)
				}
				if m := next.Mark(); m.Breach() != "" {
					t.Fatalf("resumed at line %d: %s: %+v", i+1, m.Breach(), m)
				}
			}
		})
	}
}

package event

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
)

// TestPageHoldsWhatWasSet fills pages at random, also after they were complete and again after they were emptied, and
// compares every row with what was set.
func TestPageHoldsWhatWasSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	schema := NewSchema()
	extra, err := schema.Add("test.ratio", Float)
	if err != nil {
		t.Fatal(err)
	}
	p := &Page{Schema: schema, Arena: &Arena{}}
	for _, rows := range []int{1, 127, 128, 129, PageRows, 3, 600, PageRows} {
		p.Reset()
		p.Arena.Buf = p.Arena.Buf[:0]
		p.SetDefault(FieldHost, p.Arena.PutString("db1"))
		want := make([]map[Field]string, rows)
		for i := range want {
			row := map[Field]string{FieldHost: "db1"}
			want[i] = row
			spans := make([]Span, 1+r.IntN(2))
			if got := p.AddRow(p.Arena.PutString(fmt.Sprint("line ", i)), int32(len(spans)), spans); got != i {
				t.Fatalf("row %d of %d is called %d", i, rows, got)
			}
			if r.IntN(3) == 0 {
				row[FieldHost] = "web1"
				p.SetStr(i, FieldHost, p.Arena.PutString("web1"))
			}
			if i > rows/2 {
				row[FieldUser] = fmt.Sprint("u", i)
				p.SetStr(i, FieldUser, p.Arena.PutString(row[FieldUser]))
			}
			if i%100 < 90 {
				row[FieldStatus] = fmt.Sprint(i)
				p.SetInt(i, FieldStatus, int64(i))
			}
			if i == rows/3 {
				row[extra] = "1.5"
				p.SetFloat(i, extra, 1.5)
			}
			if r.IntN(2) == 0 {
				row[FieldSourceIP] = fmt.Sprintf("10.0.%d.%d", i>>8, i&255)
				p.SetIP(i, FieldSourceIP, IP{Lo: 0xffff<<32 | 10<<24 | uint64(i)})
			}
			if r.IntN(200) == 0 {
				p.Complete()
			}
		}
		p.Complete()
		check(t, p, want)
	}
}

func check(t *testing.T, p *Page, want []map[Field]string) {
	t.Helper()
	if p.N != len(want) || len(p.Raw) != p.N || len(p.Lines) != p.N || len(p.SpanEnd) != p.N || len(p.Extra) != p.N {
		t.Fatalf("a page of %d rows has %d, and as many texts, lines, spans, extras: %d %d %d %d", len(want), p.N, len(p.Raw), len(p.Lines), len(p.SpanEnd), len(p.Extra))
	}
	for i := range want {
		got := map[Field]string{}
		for _, f := range p.Columns() {
			if text, ok := p.Row(i).Text(f); ok {
				got[f] = text
			}
		}
		if !maps.Equal(got, want[i]) {
			t.Fatalf("row %d of %d has %v, not %v", i, len(want), got, want[i])
		}
		if raw := string(p.Bytes(p.Raw[i])); raw != fmt.Sprint("line ", i) || len(p.RowSpans(i)) != int(p.Lines[i]) || p.Extra[i].Len != 0 {
			t.Fatalf("row %d of %d: %q, %d spans of %d lines", i, len(want), raw, len(p.RowSpans(i)), p.Lines[i])
		}
	}
	for _, f := range p.Columns() { // what reads whole columns relies on it
		c := p.Column(f)
		for i := range p.N {
			if c.Valid.Has(i) {
				continue
			}
			if len(c.Str) > 0 && c.Str[i] != (Str{}) || len(c.Int) > 0 && c.Int[i] != 0 || len(c.Float) > 0 && c.Float[i] != 0 || len(c.IP) > 0 && c.IP[i] != (IP{}) {
				t.Fatalf("%s: row %d of %d has no value, and what is in its place is not zero", p.Schema.Def(f).Name, i, p.N)
			}
		}
		if n := len(c.Str) + len(c.Int) + len(c.Float) + len(c.IP); n != p.N {
			t.Fatalf("%s has %d values, the page %d rows", p.Schema.Def(f).Name, n, p.N)
		}
	}
}

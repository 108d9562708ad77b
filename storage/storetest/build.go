package storetest

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// more are fields beside the core's, one of each kind: stores have no columns for them.
var more = []event.FieldDef{
	{Name: "url.original", Kind: event.Keyword},
	{Name: "error.message", Kind: event.Text},
	{Name: "http.response.bytes", Kind: event.Int},
	{Name: "system.load", Kind: event.Float},
	{Name: "event.end", Kind: event.Time},
	{Name: "db.wait", Kind: event.Duration},
	{Name: "client.ip", Kind: event.Address},
	{Name: "tls.established", Kind: event.Bool},
}

func schema(t *testing.T) *event.Schema {
	s := event.NewSchema()
	for _, d := range more {
		if _, err := s.Add(d.Name, d.Kind); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// file is a log file that is being read: it makes commits that follow one another.
type file struct {
	event.Generation
	f    *fixture
	mark event.Mark
}

func (f *fixture) file(gen event.GenID, dataset string) *file {
	return &file{f: f, mark: event.Mark{Gen: gen}, Generation: event.Generation{
		ID: gen, Host: "host1", Path: "/var/log/" + dataset + ".log", Dataset: dataset, Format: dataset + ".format",
		Device: 1<<64 - 1, Inode: 42, Birth: start.UnixMicro(), Head: 1<<63 + 5, HeadLen: 64}}
}

// row is one event to write. Without a text it is a line of 16 bytes.
type row struct {
	at       time.Duration // after start
	text     string
	fields   map[string]any // as event.Row.Value returns them
	extra    string
	spans    []event.Span // where it does not follow the event before it directly
	unparsed bool
	cut      bool
	noTime   bool
}

// read returns a commit that reads rows, in pages of at most perPage rows.
func (l *file) read(rows ...row) *event.Commit {
	l.f.Helper()
	b := &event.Batch{From: []event.Mark{l.mark}, Gens: []event.Generation{l.Generation}}
	for len(rows) > 0 {
		n := min(len(rows), event.PageRows)
		b.Pages = append(b.Pages, l.page(rows[:n]))
		rows = rows[n:]
	}
	b.To = []event.Mark{l.mark}
	return &event.Commit{Batch: b}
}

func (l *file) page(rows []row) *event.Page {
	l.f.Helper()
	p := &event.Page{Schema: l.f.schema, Arena: new(event.Arena), Gen: l.ID, Path: l.Path, Data: l.Dataset,
		Format: l.Format, Site: l.Site}
	for _, r := range rows {
		l.add(p, r)
	}
	p.Complete()
	return p
}

func (l *file) add(p *event.Page, r row) {
	l.f.Helper()
	if r.text == "" {
		r.text = fmt.Sprintf("line %010d", l.mark.Off)
	}
	if r.spans == nil {
		r.spans = []event.Span{{Off: l.mark.Off, Len: int32(len(r.text) + 1)}}
	}
	i := p.AddRow(p.Arena.PutString(r.text), int32(len(r.spans)), r.spans)
	if !r.noTime {
		p.SetInt(i, event.FieldTime, start.Add(r.at).UnixMicro())
	}
	for name, v := range r.fields {
		l.set(p, i, name, v)
	}
	if r.extra != "" {
		p.Extra[i] = p.Arena.PutString(r.extra)
	}
	if r.unparsed {
		p.Unparsed.Set(i)
		l.mark.Lines.Unparsed += int64(len(r.spans))
	} else {
		l.mark.Lines.Parsed += int64(len(r.spans))
	}
	if r.cut {
		p.CutRows.Set(i)
		l.mark.Lines.Cut++
	}
	l.mark.Lines.Read += int64(len(r.spans))
	for _, s := range r.spans {
		l.mark.Off = max(l.mark.Off, s.End())
		l.mark.Lines.Bytes += int64(s.Len)
	}
}

func (l *file) set(p *event.Page, i int, name string, v any) {
	l.f.Helper()
	f, ok := l.f.schema.Lookup(name)
	if !ok {
		l.f.Fatalf("the suite's schema has no field %s", name)
	}
	switch v := v.(type) {
	case string:
		p.SetStr(i, f, p.Arena.PutString(v))
	case int:
		p.SetInt(i, f, int64(v))
	case int64:
		p.SetInt(i, f, v)
	case float64:
		p.SetFloat(i, f, v)
	case bool:
		n := int64(0)
		if v {
			n = 1
		}
		p.SetInt(i, f, n)
	case time.Time:
		p.SetInt(i, f, v.UnixMicro())
	case time.Duration:
		p.SetInt(i, f, int64(v))
	case netip.Addr:
		p.SetIP(i, f, event.IPFrom(v))
	default:
		l.f.Fatalf("a value of type %T for %s", v, name)
	}
}

// minutes returns n rows, a minute apart, the first at from.
func minutes(from time.Duration, n int) []row {
	rows := make([]row, n)
	for i := range rows {
		rows[i].at = from + time.Duration(i)*time.Minute
	}
	return rows
}

// together makes one commit of several.
func together(commits ...*event.Commit) *event.Commit {
	all := &event.Commit{Batch: new(event.Batch)}
	for _, c := range commits {
		all.Batch.Merge(c.Batch)
		all.Findings = append(all.Findings, c.Findings...)
		all.Rollups = append(all.Rollups, c.Rollups...)
	}
	return all
}

// again returns a copy of c that a store may take as another commit.
func again(c *event.Commit) *event.Commit {
	b := *c.Batch
	d := *c
	d.Batch = &b
	return &d
}

// finding is a finding whose evidence is the events of a page.
func finding(id string, at time.Duration, pages ...*event.Page) event.Finding {
	t := start.Add(at).UnixMicro()
	x := event.Finding{ID: id, Rule: "test.rule", Title: "A title", Message: "a message", Severity: "high",
		Audience: []string{"security", "operator"}, Runbook: "Look.", Group: []event.GroupValue{{Field: "source.ip", Value: "10.0.0.1"}},
		Count: 3, Time: t, First: t - 5, Last: t + 5}
	for _, p := range pages {
		for i := range p.N {
			x.Evidence = append(x.Evidence, event.Evidence{Gen: p.Gen, Path: p.Path, Spans: p.RowSpans(i), Time: p.Time(i),
				SHA256: [32]byte{1, 2, 3, byte(i)}, Text: string(p.Bytes(p.Raw[i])), Teller: i > 0, Dataset: p.Data})
		}
	}
	return x
}

// delta adds n to a cell.
func delta(series, dataset string, at time.Duration, bucket int32, n int64, sum float64) event.Delta {
	return event.Delta{Series: series, Dataset: dataset, Minute: start.Add(at).Truncate(time.Minute).UnixMicro(),
		Bucket: bucket, N: n, Sum: sum}
}

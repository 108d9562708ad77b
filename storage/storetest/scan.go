package storetest

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

var scanCases = []testCase{
	{"events come oldest first; of one time the lower generation, then the lower offset", func(f *fixture) {
		a, b := f.file(1, "sshd"), f.file(1<<63+1, "nginx")
		rows := append(minutes(20*time.Hour, 3), minutes(0, 3)...)
		f.commit(together(b.read(rows...), a.read(append(rows, minutes(0, 3)...)...)))
		var got []string
		f.scan(nil, func(p *event.Page) error {
			for i := range p.N {
				got = append(got, fmt.Sprintf("%s %s %d", time.UnixMicro(p.Time(i)).UTC().Format("15:04"), p.Data, p.Offset(i)))
			}
			return nil
		})
		want := []string{"10:00 sshd 48", "10:00 sshd 96", "10:00 nginx 48", "10:01 sshd 64", "10:01 sshd 112", "10:01 nginx 64",
			"10:02 sshd 80", "10:02 sshd 128", "10:02 nginx 80", "06:00 sshd 0", "06:00 nginx 0", "06:01 sshd 16", "06:01 nginx 16",
			"06:02 sshd 32", "06:02 nginx 32"}
		if !slices.Equal(got, want) {
			f.Errorf("scanned\n%q\nwant\n%q", got, want)
		}
	}},
	{"pages come back as they were written", func(f *fixture) {
		l := f.file(7, "sshd")
		l.Site = "berlin"
		c := l.read(roundTrip...)
		f.commit(again(c))
		f.sameRows(describe(c.Pages[0]))
	}},
	{"a page of a file without site, format and data set comes back too", func(f *fixture) {
		l := f.file(7, "")
		l.Format, l.Path = "", ""
		c := l.read(row{}, row{at: 1})
		f.commit(again(c))
		f.sameRows(describe(c.Pages[0]))
	}},
	{"bytes that are not UTF-8 become U+FFFD, and nothing else changes", func(f *fixture) {
		c := f.file(7, "sshd").read(
			row{text: "plain"},
			row{at: 1, text: "a\xffb\xc3", fields: map[string]any{"user.name": "r\x80t", "url.original": "/\xe4", "message": "\xf0\x9f"}},
			row{at: 2, text: "a line longer than twelve bytes \xff and on", fields: map[string]any{"message": "\xed\xa0\x80 a surrogate half"}},
			row{at: 3, text: "über", extra: "{\"k\":\"\xff\"}"})
		want := describe(f.file(7, "sshd").read(
			row{text: "plain"},
			row{at: 1, text: "a\uFFFDb\uFFFD", spans: []event.Span{{Off: 6, Len: 5}}, fields: map[string]any{"user.name": "r\uFFFDt", "url.original": "/\uFFFD", "message": "\uFFFD"}},
			row{at: 2, text: "a line longer than twelve bytes \uFFFD and on", spans: []event.Span{{Off: 11, Len: 41}}, fields: map[string]any{"message": "\uFFFD a surrogate half"}},
			row{at: 3, text: "über", spans: []event.Span{{Off: 52, Len: 6}}, extra: "{\"k\":\"\uFFFD\"}"}).Pages[0])
		f.commit(c)
		f.sameRows(want)
	}},
	{"a page holds no more than a vector, and events of one file only", func(f *fixture) {
		a, b := f.file(1, "sshd"), f.file(2, "nginx")
		f.commit(together(a.read(minutes(0, 3000)...), b.read(minutes(24*time.Hour, 10)...)))
		n, largest := 0, 0
		f.scan(nil, func(p *event.Page) error {
			n, largest = n+p.N, max(largest, p.N)
			if p.Gen == 1 && p.Data != "sshd" || p.Gen == 2 && p.Data != "nginx" {
				f.Errorf("a page of generation %s says it is of %s", p.Gen, p.Data)
			}
			return nil
		})
		if n != 3010 || largest > event.PageRows || largest < 500 {
			f.Errorf("scanned %d events, the largest page had %d", n, largest)
		}
	}},
	{"a query and an interval narrow", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(users("root", "bob", "root", "root")...))
		f.commit(f.file(2, "nginx").read(minutes(time.Hour, 2)...))
		n := 0
		during := query.Interval{From: start.UnixMicro(), To: start.Add(time.Hour).UnixMicro()}
		err := f.store.Scan(f.ctx, access.All(), f.parse("user.name:root"), during, func(p *event.Page) error { n += p.N; return nil })
		if err != nil || n != 3 {
			f.Errorf("scanned %d events, error %v, want 3", n, err)
		}
	}},
	{"the function's error ends it", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(minutes(0, 5000)...))
		stop, calls := errors.New("stop"), 0
		err := f.store.Scan(f.ctx, access.All(), nil, query.Interval{}, func(*event.Page) error { calls++; return stop })
		if !errors.Is(err, stop) || calls != 1 {
			f.Errorf("it returns %v after %d calls, want the function's error after one", err, calls)
		}
		f.wantCount(5000)
	}},
}

// roundTrip holds a value of each kind, and those that stores mistake for others.
var roundTrip = []row{
	{text: "plain"},
	{at: 1, text: "", noTime: false, fields: map[string]any{"user.name": "", "message": "", "url.original": ""}},
	{at: 2, text: "nul \x00 in a line longer than twelve bytes", fields: map[string]any{"user.name": "a\x00b", "url.original": "\x00", "message": "\x00\x01\x1f\x7f"}},
	{at: 3, text: "two spans", spans: []event.Span{{Off: 1000, Len: 10}, {Off: 1100, Len: 20}, {Off: 1 << 40, Len: 1 << 30}}},
	{at: 4, text: "unparsed and cut", unparsed: true, cut: true},
	{at: 5, text: "every kind", fields: map[string]any{
		"event.module": "m", "event.category": "authentication", "event.action": "a", "event.outcome": "failure",
		"log.level": "l", "host.name": "h", "process.name": "p", "process.pid": 1, "source.ip": netip.MustParseAddr("10.0.0.1"),
		"user.name": "exactly12byt", "http.request.method": "a method of more than twelve", "http.response.status_code": 200,
		"url.path": "/über/日本", "event.duration": time.Nanosecond, "db.namespace": "n", "db.response.status_code": "40P01",
		"message": "a message", "url.original": "\"\\/\b\f\n\r\t\u2028", "error.message": "err", "http.response.bytes": int64(-1 << 63),
		"system.load": 0.1, "event.end": time.UnixMicro(-1), "db.wait": time.Duration(1<<63 - 1),
		"client.ip": netip.MustParseAddr("2001:db8::ff"), "tls.established": true}},
	{at: 6, text: "every zero", fields: map[string]any{
		"process.pid": 0, "source.ip": netip.MustParseAddr("::"), "http.response.status_code": -1, "event.duration": time.Duration(0),
		"http.response.bytes": 0, "system.load": 0.0, "event.end": time.UnixMicro(0), "db.wait": time.Duration(0),
		"client.ip": netip.MustParseAddr("0.0.0.0"), "tls.established": false}},
	{at: 7, text: "large", fields: map[string]any{"process.pid": int64(1<<63 - 1), "http.response.bytes": int64(1<<63 - 1),
		"system.load": 1.7976931348623157e308, "source.ip": netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}},
	{at: 8, text: "extra", extra: `{"labels.team":"dba","n":5,"f":1.50,"nested":{"a":[1,null]},"null":null,"b":true,"user.name":"not the column"}`},
	{at: 9, text: "extra and fields", extra: `{"k": "\u0000"}`, fields: map[string]any{"url.original": "/x", "system.load": -2.5}},
}

// described is a row of a page, so that rows can be compared.
type described struct {
	Gen                      event.GenID
	Path, Data, Format, Site string
	Raw, Extra               string
	Lines                    int32
	Spans                    []event.Span
	Unparsed, Cut            bool
	Values                   map[string]any
}

func describe(p *event.Page) []described {
	var rows []described
	for i := range p.N {
		d := described{Gen: p.Gen, Path: p.Path, Data: p.Data, Format: p.Format, Site: p.Site,
			Raw: string(p.Bytes(p.Raw[i])), Extra: string(p.Bytes(p.Extra[i])), Lines: p.Lines[i],
			Spans: slices.Clone(p.RowSpans(i)), Unparsed: p.Unparsed.Has(i), Cut: p.CutRows.Has(i), Values: map[string]any{}}
		for f, def := range p.Schema.Fields() {
			if v, ok := p.Row(i).Value(event.Field(f)); ok {
				d.Values[def.Name] = v
			}
		}
		rows = append(rows, d)
	}
	return rows
}

// sameRows fails unless a scan returns exactly these rows.
func (f *fixture) sameRows(want []described) {
	f.Helper()
	var got []described
	f.scan(nil, func(p *event.Page) error { got = append(got, describe(p)...); return nil })
	if len(got) != len(want) {
		f.Fatalf("scanned %d rows, want %d", len(got), len(want))
	}
	for i := range got {
		if !reflect.DeepEqual(got[i], want[i]) {
			f.Errorf("row %d came back as\n%+v\nand was written as\n%+v", i, got[i], want[i])
		}
	}
}

// scan scans everything.
func (f *fixture) scan(e query.Expr, each func(*event.Page) error) {
	f.Helper()
	if err := f.store.Scan(f.ctx, access.All(), e, query.Interval{}, each); err != nil {
		f.Fatalf("scan: %v", err)
	}
}

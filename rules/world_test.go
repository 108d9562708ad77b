package rules

import (
	"context"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
)

// base is the time 0 of the events of these tests.
var base = time.Date(2026, 11, 23, 23, 0, 0, 0, time.UTC)

func micro(seconds float64) int64 { return base.UnixMicro() + int64(math.Round(seconds*1e6)) }

func seconds(s float64) configs.Duration { return configs.Duration(s * float64(time.Second)) }

// testSchema has the core fields, a few that shipped formats add, and one of kind int for weights.
func testSchema(t testing.TB) *event.Schema {
	t.Helper()
	s := event.NewSchema()
	for name, kind := range map[string]event.Kind{
		"source.address": event.Keyword, "url.original": event.Keyword, "http.request.line": event.Keyword,
		"veritail.repeat": event.Int, "app.amount": event.Float, "app.count": event.Float, "app.sum": event.Float,
	} {
		if _, err := s.Add(name, kind); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// A said is an event of a test: its second, and its fields as "name=value name=value".
type said struct {
	at     float64
	fields string
}

// A log is a file of a test.
type log struct {
	gen  event.GenID
	site string
	data string
	said []said
}

// pageOf returns the rows [from:to) of l as a page. The event numbered i stands at the offset 100·i.
func (l *log) pageOf(t testing.TB, s *event.Schema, from, to int) *event.Page {
	t.Helper()
	p := &event.Page{Schema: s, Arena: &event.Arena{}, Gen: l.gen, Path: fmt.Sprintf("file%d", l.gen), Data: l.data, Site: l.site}
	for i, e := range l.said[from:to] {
		raw := fmt.Sprintf("%g %s", e.at, e.fields)
		row := p.AddRow(p.Arena.PutString(raw), 1, []event.Span{{Off: int64(from+i) * 100, Len: int32(len(raw))}})
		p.SetInt(row, event.FieldTime, micro(e.at))
		for _, kv := range strings.Fields(e.fields) {
			name, v, _ := strings.Cut(kv, "=")
			set(t, p, row, name, strings.ReplaceAll(v, "_", " "))
		}
	}
	p.Complete()
	return p
}

func set(t testing.TB, p *event.Page, row int, name, v string) {
	t.Helper()
	f, ok := p.Schema.Lookup(name)
	if !ok {
		t.Fatalf("no field %s", name)
	}
	switch p.Schema.Def(f).Kind {
	case event.Address:
		p.SetIP(row, f, event.IPFrom(netip.MustParseAddr(v)))
	case event.Int:
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		p.SetInt(row, f, n)
	default:
		p.SetStr(row, f, p.Arena.PutString(v))
	}
}

// A step is one batch: the pages and marks of some files.
type step struct {
	pages []*event.Page
	marks []event.Mark
}

// whole is the batch that reads l to its end.
func (l *log) whole(t testing.TB, s *event.Schema) step {
	return step{[]*event.Page{l.pageOf(t, s, 0, len(l.said))}, []event.Mark{{Gen: l.gen, Low: math.MaxInt64}}}
}

// A world is an engine under test, and what its commits held.
type world struct {
	t        testing.TB
	schema   *event.Schema
	engine   *Engine
	now      time.Time
	findings []event.Finding
	rollups  []event.Delta
}

func newWorld(t testing.TB, idle time.Duration, rules ...Rule) *world {
	t.Helper()
	w := &world{t: t, schema: testSchema(t), now: base}
	for i := range rules {
		r := &rules[i]
		r.Title, r.Audience, r.Runbook = or(r.Title, "title"), []string{"operator"}, "do"
		r.Severity, r.Group, r.ID = or(r.Severity, "high"), or(r.Group, "source.ip"), or(r.ID, "r")
	}
	e, err := New(rules, Config{Schema: w.schema, Idle: idle, Tally: true, Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	w.engine = e
	return w
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// commit gives the engine one batch of all the steps.
func (w *world) commit(steps ...step) {
	w.t.Helper()
	c := &event.Commit{Batch: &event.Batch{}}
	for _, s := range steps {
		c.Pages, c.To = append(c.Pages, s.pages...), append(c.To, s.marks...)
		c.From = append(c.From, s.marks...)
	}
	if err := w.engine.Process(context.Background(), c); err != nil {
		w.t.Fatal(err)
	}
	w.keep(c)
	for _, p := range c.Pages { // it serves other events from now on
		clear(p.Arena.Buf)
		p.Reset()
	}
}

func (w *world) flush() {
	c := &event.Commit{Batch: &event.Batch{}}
	w.engine.Flush(c)
	w.keep(c)
}

func (w *world) keep(c *event.Commit) {
	w.findings, w.rollups = append(w.findings, c.Findings...), append(w.rollups, c.Rollups...)
}

// counts returns the counts of rule r by group: "a=2 b=1".
func (w *world) counts() string { return text(w.engine.Tally()["r"]) }

func text(groups map[string]int64) string {
	m := map[string]int{}
	n := 0
	for g, v := range groups {
		m[g], n = int(v), n+int(v)
	}
	return strings.TrimPrefix(describe(n, nil, m), "count ")
}

// scan reads the logs to their ends in one batch and returns what was counted.
func scan(t testing.TB, r Rule, logs ...log) (*world, string) {
	t.Helper()
	w := newWorld(t, 0, r)
	w.commit(wholeLogs(t, w, logs)...)
	return w, w.counts()
}

// follow reads the logs like scan, but counts groups in rollups, as a daemon does.
func follow(t testing.TB, r Rule, logs ...log) *world {
	t.Helper()
	w := newWorld(t, 0, r)
	w.engine.cfg.Tally = false
	w.commit(wholeLogs(t, w, logs)...)
	return w
}

func wholeLogs(t testing.TB, w *world, logs []log) []step {
	t.Helper()
	var steps []step
	for i := range logs {
		logs[i].gen = event.GenID(i + 1)
		steps = append(steps, logs[i].whole(t, w.schema))
	}
	return steps
}

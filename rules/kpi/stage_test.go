package kpi

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
)

// line is one event of a test, as a reader of the log would note it.
type line struct {
	time     int64 // µs; 0: none
	status   int64
	duration int64 // ns; -1: none
	action   string
	lines    int32
	unparsed bool
}

func page(site, dataset string, rows []line) *event.Page {
	p := &event.Page{Schema: event.NewSchema(), Arena: &event.Arena{}, Data: dataset, Site: site}
	for i, l := range rows {
		p.AddRow(p.Arena.PutString("raw"), max(l.lines, 1), []event.Span{{Off: int64(i) * 4, Len: 4}})
		if l.time != 0 {
			p.SetInt(i, event.FieldTime, l.time)
		}
		if l.action != "" {
			p.SetStr(i, event.FieldAction, p.Arena.PutString(l.action))
		}
		if l.status != 0 {
			p.SetInt(i, event.FieldStatus, l.status)
		}
		if l.duration >= 0 {
			p.SetInt(i, event.FieldDuration, l.duration)
		}
		if l.unparsed {
			p.Unparsed.Set(i)
		}
	}
	p.Complete()
	return p
}

func shipped(t testing.TB) ([]Definition, *Stage) {
	t.Helper()
	defs, err := Load(configs.FS(""), "kpis.toml", fullSchema(t))
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewStage(defs)
	if err != nil {
		t.Fatal(err)
	}
	return defs, s
}

func process(t *testing.T, s *Stage, pages ...*event.Page) []event.Delta {
	t.Helper()
	c := &event.Commit{Batch: &event.Batch{Pages: pages}}
	if err := s.Process(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	return c.Rollups
}

func traffic(rng *rand.Rand, n int) []line {
	rows := make([]line, n)
	clock := today.From + 9*3600e6
	for i := range rows {
		clock += rng.Int64N(4e6) - 5e5 // now and then a step back, also over a minute's border
		rows[i] = line{time: clock, action: "http_request", status: 200, duration: int64(rng.ExpFloat64() * 120e6), lines: 1 + rng.Int32N(3)}
		switch rng.IntN(20) {
		case 0:
			rows[i].status = 500 + rng.Int64N(5)
		case 1, 2:
			rows[i].status = 400 + rng.Int64N(30)
		case 3:
			rows[i] = line{time: clock, unparsed: true, duration: -1, lines: 1}
		case 4:
			rows[i].duration = -1
		case 5:
			rows[i].action, rows[i].status = "http_login", 401
		case 6:
			rows[i].action = "other" // no request
		case 7:
			rows[i].time = 0
		}
	}
	rows[0].time = clock
	return rows
}

func TestFiguresEqualAnIndependentCount(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	defs, s := shipped(t)
	var all []line
	var cells []event.Delta
	for range 4 {
		var pages []*event.Page
		for range 3 {
			rows := traffic(rng, 1+rng.IntN(event.PageRows))
			all = append(all, rows...)
			pages = append(pages, page("", "nginx.access", rows))
		}
		cells = append(cells, process(t, s, pages...)...)
	}

	var requests, client, server, timed, lines, parsed float64
	var sum float64
	var exact []int64
	for _, l := range all {
		lines += float64(l.lines)
		if l.unparsed {
			continue
		}
		parsed += float64(l.lines)
		if l.action != "http_request" && l.action != "http_login" {
			continue
		}
		requests++
		if l.status/100 == 4 {
			client++
		}
		if l.status/100 == 5 {
			server++
		}
		if l.duration >= 0 {
			timed++
			sum += float64(l.duration)
			exact = append(exact, l.duration)
		}
	}
	slices.Sort(exact)
	p95 := float64(exact[int(math.Ceil(0.95*timed))-1])
	for _, f := range Evaluate(defs, cells, today, yesterday) {
		want, allowed := math.NaN(), 1e-9
		switch f.ID {
		case "web.requests":
			want = requests
		case "web.request-rate":
			want = requests / (24 * 60)
		case "web.errors":
			want = client + server
		case "web.error-rate":
			want = 100 * (client + server) / requests
		case "web.error-rate-4xx":
			want = 100 * client / requests
		case "web.error-rate-5xx":
			want = 100 * server / requests
		case "web.response-average":
			want = sum / timed / 1e6
		case "web.response-p95":
			want, allowed = p95/1e6, QuantileError
		case "log.parsed":
			want = 100 * parsed / lines
		case "auth.failed-logins", "web.server-errors":
			want = 0
		}
		switch {
		case math.IsNaN(want) && f.Measured():
			t.Errorf("%s is %s without a source", f.ID, f.Actual)
		case math.Abs(f.Value-want) > allowed*want:
			t.Errorf("%s is %v, counted by hand %v", f.ID, f.Value, want)
		}
		if sum := sumOf(f.Points); f.ID == "web.requests" && sum != want {
			t.Errorf("the points of %s add up to %v, not %v", f.ID, sum, want)
		}
	}
}

func sumOf(ps []Point) float64 {
	sum := 0.0
	for _, p := range ps {
		if !math.IsNaN(p.Value) {
			sum += p.Value
		}
	}
	return sum
}

func TestCellsAreOfMinuteDataSetAndSite(t *testing.T) {
	defs, err := load(t, "[[kpi]]\nid = \"web.requests\"\ntitle = \"R\"\nkind = \"count\"\nfrom = \"http.response.status_code:*\"\n")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewStage(defs)
	if err != nil {
		t.Fatal(err)
	}
	m := int64(60e6)
	req := func(at int64) line { return line{time: at, status: 200, duration: -1} }
	got := process(t, s,
		page("", "a", []line{req(10 * m), req(11*m - 1), req(11 * m), req(10 * m)}),
		page("", "a", []line{req(10*m + 5), {time: 12 * m, duration: -1}}),
		page("demo", "a", []line{req(10 * m)}),
		page("", "b", []line{req(-1), {status: 200, duration: -1}}),
	)
	sums := map[string]int64{}
	for _, d := range got {
		if d.Series == "kpi/web.requests/count" {
			sums[fmt.Sprintf("%s|%s|%d", d.Site, d.Dataset, d.Minute/m)] += d.N
		}
	}
	want := map[string]int64{"|a|10": 4, "|a|11": 1, "demo|a|10": 1, "|b|-1": 2}
	if fmt.Sprint(sums) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", sums, want)
	}
	if len(got) != 2*len(want) { // from and count
		t.Errorf("pages of one minute and data set share a cell: %d deltas, want %d", len(got), 2*len(want))
	}
}

func TestAnEventWithoutATimeCountsWhereItStands(t *testing.T) {
	defs, err := load(t, "[[kpi]]\nid = \"log.lines\"\ntitle = \"L\"\nkind = \"count\"\nlines = true\nfrom = \"*\"\n")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewStage(defs)
	if err != nil {
		t.Fatal(err)
	}
	m := int64(60e6)
	s.now = func() time.Time { return time.UnixMicro(99 * m) }
	none := line{duration: -1, lines: 2}
	got := process(t, s, page("", "a", []line{none, {time: 5 * m, duration: -1}, none, {time: 6 * m, duration: -1}, none}), page("", "b", []line{none}))
	sums := map[string]int64{}
	for _, d := range got {
		if d.Series == "kpi/log.lines/count" {
			sums[fmt.Sprintf("%s%d", d.Dataset, d.Minute/m)] += d.N
		}
	}
	if want := map[string]int64{"a5": 5, "a6": 3, "b99": 2}; fmt.Sprint(sums) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", sums, want)
	}
}

func TestAnIdleBatchAddsNothing(t *testing.T) {
	_, s := shipped(t)
	if got := process(t, s); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	if err := s.Process(context.Background(), &event.Commit{}); err != nil {
		t.Error(err)
	}
}

func TestRowsAreCountedWithoutAllocation(t *testing.T) {
	_, s := shipped(t)
	rows := make([]line, event.PageRows)
	for i := range rows {
		rows[i] = line{time: today.From + int64(i)*5000, status: 200, duration: int64(i) * 1e5, action: "http_request"}
	}
	c := &event.Commit{Batch: &event.Batch{Pages: []*event.Page{page("", "nginx.access", rows)}}}
	ctx := context.Background()
	n := testing.AllocsPerRun(20, func() {
		c.Rollups = c.Rollups[:0]
		if err := s.Process(ctx, c); err != nil {
			t.Fatal(err)
		}
	})
	if n > 1 {
		t.Errorf("%v allocations for a page of %d rows that the stage has seen the like of", n, event.PageRows)
	}
}

func BenchmarkStage(b *testing.B) {
	_, s := shipped(b)
	rows := traffic(rand.New(rand.NewPCG(7, 8)), event.PageRows)
	c := &event.Commit{Batch: &event.Batch{Pages: []*event.Page{page("", "nginx.access", rows)}}}
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		c.Rollups = c.Rollups[:0]
		if err := s.Process(ctx, c); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)*event.PageRows/b.Elapsed().Seconds(), "events/s")
}

package embedded

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// usualQuery is one of the questions that people ask all day.
type usualQuery struct {
	name, text string
	agg        *query.Agg // nil: a search
	limit      int
	back       time.Duration // how far it looks back; 0: everywhere
}

var usualQueries = []usualQuery{
	{"newest failures", "event.outcome:failure", nil, 100, 0},
	{"phrase", `"` + siteDeadlock + `"`, nil, 50, 0},
	{"top addresses of a day", "", &query.Agg{By: []string{"source.ip"}, Limit: 10}, 0, 24 * time.Hour},
	{"error rate by hour", "event.dataset:nginx.access and http.response.status_code>=500", &query.Agg{Every: time.Hour}, 0, 7 * 24 * time.Hour},
	{"p95 by data set", "", &query.Agg{By: []string{"event.dataset"}, Values: []query.Measure{{Fn: "p95", Field: "event.duration"}}}, 0, 0},
	{"distinct users", "", &query.Agg{Values: []query.Measure{{Fn: "distinct", Field: "user.name"}}}, 0, 0},
	{"needle", "event.original:" + siteNeedle, nil, 100, 0},
	{"needle that is not there", "event.original:a0b1c2d3e4f5", nil, 100, 0},
}

// ask asks the question at a time and returns how many rows came.
func (q usualQuery) ask(ctx context.Context, s *Store, now time.Time) (int, error) {
	where, err := query.Parse(q.text, s.schema, now)
	if err != nil {
		return 0, err
	}
	var during query.Interval
	if q.back > 0 {
		during = query.Since(now, q.back)
	}
	if q.agg == nil {
		rows, err := s.Search(ctx, access.All(), query.Search{Where: where, Limit: q.limit, During: during})
		return len(rows.Events), err
	}
	agg := *q.agg
	agg.Where, agg.During = where, during
	t, err := s.Aggregate(ctx, access.All(), agg)
	return len(t.Rows), err
}

// siteStart is where the logs of a site begin.
var siteStart = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

// siteDays are how many days the logs have, of which the last hotDays stay in tables.
const (
	siteDays = 7
	hotDays  = 2
)

// fill writes the logs of a site of about events events, sealing each day when it is over but the last ones.
func fill(t testing.TB, s *Store, l *siteLogs, events int) {
	end := siteStart.AddDate(0, 0, siteDays).UnixMicro()
	for sealed := siteStart; l.made < int64(events); {
		c := l.commit(min(rowGroup, events/20))
		if l.at >= end {
			t.Fatalf("the logs are %d events short", int64(events)-l.made)
		}
		commit(t, s, c)
		if due := time.UnixMicro(l.at).UTC().Truncate(24*time.Hour).AddDate(0, 0, -hotDays+1); due.After(sealed) {
			if _, err := s.Seal(context.Background(), SealPolicy{During: query.Interval{To: due.UnixMicro()}, Now: time.UnixMicro(l.at), Quiet: -24 * time.Hour * 365 * 100}); err != nil {
				t.Fatal(err)
			}
			sealed = due
		}
	}
}

// The usual queries give what counting while the logs are made gives, with hot and sealed days.
func TestUsualQueries(t *testing.T) {
	events := 60_000
	l := newSiteLogs(siteStart, siteDays, events+events/10)
	s := openTest(t, l.schema, "")
	fill(t, s, l, events)
	want := map[string]int{"newest failures": 100, "phrase": -1, "top addresses of a day": 10, "error rate by hour": -100, "p95 by data set": 4,
		"distinct users": 1, "needle": 1, "needle that is not there": 0}
	for _, q := range usualQueries {
		n, err := q.ask(t.Context(), s, time.UnixMicro(l.at))
		if w := want[q.name]; err != nil || w >= 0 && n != w || w < 0 && n < -w {
			t.Errorf("%s: %d rows, error %v, want %d", q.name, n, err, w)
		}
	}
	if n := len(sealedFiles(t, s)); n != siteDays-hotDays {
		t.Errorf("%d days are sealed, want %d", n, siteDays-hotDays)
	}
	wantSound(t, s, int64(events))
}

// BenchmarkQueries asks the usual questions over a week of ten million events (VERITAIL_BENCH_EVENTS), five days sealed
// and two in tables, with the memory that the daemon has by default: first with nothing else going on, then while
// 20,000 events a second arrive. It prints, for each question, milliseconds at the 50th and 99th percentile, and the
// processor time of one answer. The bounds are 60 ms (p50) and 150 ms (p99 while events arrive).
func BenchmarkQueries(b *testing.B) {
	events := 10_000_000
	if v, err := strconv.Atoi(os.Getenv("VERITAIL_BENCH_EVENTS")); err == nil {
		events = v
	}
	l := newSiteLogs(siteStart, siteDays, events+events/10)
	path := filepath.Join(b.TempDir(), "events.db")
	s, err := Open(context.Background(), Config{Path: path, Schema: l.schema, MemoryLimit: 512 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	fill(b, s, l, events)
	sizes(b, s, l)
	fmt.Printf("peak memory while %d events were written at once: %d MB\n", l.made, peakMemory(b)>>20)
	forgetPeak(b)
	b.Run("idle", func(b *testing.B) { askAll(b, s, l, 40, func() func() { return func() {} }) })
	b.Run("while-events-arrive", func(b *testing.B) {
		askAll(b, s, l, 40, func() func() { return arrive(b, s, l) })
	})
	fmt.Printf("peak memory while they were asked: %d MB\n", peakMemory(b)>>20)
}

// sizes prints what an event takes, raw, in a table and sealed.
func sizes(b *testing.B, s *Store, l *siteLogs) {
	if err := s.write(context.Background(), (*writer).freeBlocks); err != nil {
		b.Fatal(err)
	}
	var hot, sealed, inside, files, runs int64
	err := s.writeLoaded(context.Background(), func(w *writer) error {
		for _, n := range w.hot {
			hot += n
		}
		return errorsOf(
			w.rows("SELECT block_size * used_blocks FROM pragma_database_size()", func(c []cells, i int) { inside = c[0].i64(i) }),
			w.rows("SELECT coalesce(sum(rows), 0)::BIGINT, coalesce(sum(bytes), 0)::BIGINT FROM sealed", func(c []cells, i int) { sealed, files = c[0].i64(i), c[1].i64(i) }),
			w.rows("SELECT part FROM sealed", func(c []cells, i int) { runs++ }))
	})
	if err != nil {
		b.Fatal(err)
	}
	filters := int64(0)
	err = s.read(context.Background(), func(c *conn) error {
		parts, err := partsOf(c, query.Interval{})
		for _, p := range parts {
			if err == nil && p.id != 0 {
				var lens []string
				for i := range 16 {
					lens = append(lens, "octet_length("+shardColumn(i)+")")
				}
				err = one(c, "SELECT sum("+strings.Join(lens, "+")+")::BIGINT FROM "+p.runs(), func(c []cells) { filters += c[0].i64(0) })
			}
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	fmt.Printf("bytes an event: raw line %.0f, in tables %.1f, sealed %.1f (%.1f of them filters)\n", float64(l.raw)/float64(l.made),
		float64(inside-filters)/float64(hot), float64(files+filters)/float64(max(sealed, 1)), float64(filters)/float64(max(sealed, 1)))
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// askAll asks each question n times, the questions in turn, while what begin starts goes on.
func askAll(b *testing.B, s *Store, l *siteLogs, n int, begin func() (end func())) {
	now := time.UnixMicro(l.at)
	took, used := make([][]time.Duration, len(usualQueries)), make([]time.Duration, len(usualQueries))
	for range b.N {
		end := begin()
		for round := range n + 2 {
			for i, q := range usualQueries {
				before, at := cpu(b), time.Now()
				if _, err := q.ask(context.Background(), s, now); err != nil {
					b.Fatal(err)
				}
				if round >= 2 { // after the first reads of the files
					took[i] = append(took[i], time.Since(at))
					used[i] += cpu(b) - before
				}
			}
		}
		end()
	}
	var all []time.Duration
	for i, q := range usualQueries {
		slices.Sort(took[i])
		all = append(all, took[i]...)
		name := strings.ReplaceAll(q.name, " ", "-")
		b.ReportMetric(atRank(took[i], 0.5), name+"-p50-ms")
		b.ReportMetric(atRank(took[i], 0.99), name+"-p99-ms")
		b.ReportMetric(used[i].Seconds()*1e3/float64(len(took[i])), name+"-cpu-ms")
	}
	slices.Sort(all)
	b.ReportMetric(atRank(all, 0.5), "all-p50-ms")
	b.ReportMetric(atRank(all, 0.99), "all-p99-ms")
	b.ReportMetric(0, "ns/op")
}

// atRank returns the value at a rank of sorted durations, in ms.
func atRank(sorted []time.Duration, rank float64) float64 {
	return sorted[min(int(rank*float64(len(sorted))), len(sorted)-1)].Seconds() * 1e3
}

// arrive commits 10,000 events every half second until end is called.
func arrive(b *testing.B, s *Store, l *siteLogs) (end func()) {
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Add(1)
	l.step = 50 // µs between events
	go func() {
		defer done.Done()
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				if _, err := s.Commit(context.Background(), l.commit(10_000)); err != nil {
					b.Error(err)
					return
				}
			}
		}
	}()
	return func() { close(stop); done.Wait() }
}

// forgetPeak has peakMemory count from now on (proc_pid_clear_refs(5)), after what filling held is given back.
func forgetPeak(b *testing.B) {
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		b.Fatal(err)
	}
}

// peakMemory is the largest resident memory that the process had since it started, or since forgetPeak.
func peakMemory(b *testing.B) int64 {
	runtime.GC()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb << 10
		}
	}
	return 0
}

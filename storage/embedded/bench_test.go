package embedded

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// rowGroup is DuckDB's row group, the commit that is cheapest at high rates.
const rowGroup = 122_880

// accessLog makes events of a web server's access log with skewed addresses, paths and users, in the columns and
// further fields that the combined format has.
type accessLog struct {
	schema *event.Schema
	r      *rand.Rand
	zipf   *rand.Zipf
	mark   event.Mark
	at     int64 // µs

	version, bytes, referrer, agent, original event.Field
}

func newAccessLog(b testing.TB) *accessLog {
	r := rand.New(rand.NewPCG(1, 2))
	l := &accessLog{schema: event.NewSchema(), r: r, zipf: rand.NewZipf(r, 1.2, 8, 5000), mark: event.Mark{Gen: 7},
		at: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).UnixMicro()}
	for _, d := range []struct {
		f    *event.Field
		name string
		kind event.Kind
	}{
		{&l.version, "http.version", event.Keyword}, {&l.bytes, "http.response.body.bytes", event.Int},
		{&l.referrer, "http.request.referrer", event.Keyword}, {&l.agent, "user_agent.original", event.Keyword},
		{&l.original, "url.original", event.Keyword},
	} {
		f, err := l.schema.Add(d.name, d.kind)
		if err != nil {
			b.Fatal(err)
		}
		*d.f = f
	}
	return l
}

var agents = []string{
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:132.0) Gecko/20100101 Firefox/132.0",
	"curl/8.10.1", "Googlebot/2.1 (+http://www.google.com/bot.html)",
}

func (l *accessLog) page(rows int) *event.Page {
	p := &event.Page{Schema: l.schema, Arena: new(event.Arena), Gen: 7, Data: "nginx.access", Format: "nginx.access",
		Path: "/var/log/nginx/access.log"}
	for range rows {
		l.at += int64(l.r.ExpFloat64() * 700)
		z := l.zipf.Uint64()
		ip := [4]byte{10, byte(z >> 8), byte(z), byte(l.r.IntN(4))}
		path := fmt.Sprintf("/shop/items/%d", l.zipf.Uint64())
		url := path
		if l.r.IntN(3) == 0 {
			url = fmt.Sprintf("%s?page=%d&sort=price", path, l.r.IntN(50))
		}
		status, size := 200, 200+l.r.IntN(40_000)
		switch l.r.IntN(40) {
		case 0:
			status = 404
		case 1:
			status = 500
		case 2, 3:
			status = 304
		}
		agent := agents[int(z)%len(agents)]
		d := time.Duration(1e6 + l.r.ExpFloat64()*80e6)
		ts := time.UnixMicro(l.at).UTC()
		raw := p.Arena.PutString(fmt.Sprintf(`%d.%d.%d.%d - - [%s] "GET %s HTTP/1.1" %d %d "https://shop.example.com%s" "%s" %.3f`,
			ip[0], ip[1], ip[2], ip[3], ts.Format("02/Jan/2006:15:04:05 -0700"), url, status, size, path, agent, d.Seconds()))
		i := p.AddRow(raw, 1, []event.Span{{Off: l.mark.Off, Len: int32(raw.Len + 1)}})
		l.mark.Off += int64(raw.Len + 1)
		p.SetInt(i, event.FieldTime, l.at/1e6*1e6)
		p.SetStr(i, event.FieldModule, p.Arena.PutString("nginx"))
		p.SetStr(i, event.FieldCategory, p.Arena.PutString("web"))
		outcome := "success"
		if status >= 400 {
			outcome = "failure"
		}
		p.SetStr(i, event.FieldOutcome, p.Arena.PutString(outcome))
		p.SetIP(i, event.FieldSourceIP, event.IP{Lo: 0xffff<<32 | uint64(ip[0])<<24 | uint64(ip[1])<<16 | uint64(ip[2])<<8 | uint64(ip[3])})
		p.SetStr(i, event.FieldMethod, p.Arena.PutString("GET"))
		p.SetStr(i, event.FieldURLPath, p.Arena.PutString(path))
		p.SetInt(i, event.FieldStatus, int64(status))
		p.SetInt(i, event.FieldDuration, int64(d))
		p.SetStr(i, l.version, p.Arena.PutString("1.1"))
		p.SetInt(i, l.bytes, int64(size))
		p.SetStr(i, l.referrer, p.Arena.PutString("https://shop.example.com"+path))
		p.SetStr(i, l.agent, p.Arena.PutString(agent))
		p.SetStr(i, l.original, p.Arena.PutString(url))
	}
	p.Complete()
	return p
}

// commit makes a commit of rows events with the rollups of as many minutes as they cover.
func (l *accessLog) commit(rows int) *event.Commit {
	c := &event.Commit{Batch: &event.Batch{From: []event.Mark{l.mark}}}
	minutes := make(map[int64]int64)
	for left := rows; left > 0; left -= event.PageRows {
		p := l.page(min(left, event.PageRows))
		c.Pages = append(c.Pages, p)
		for i := range p.N {
			minutes[p.Time(i)/60e6*60e6]++
		}
	}
	l.mark.Lines.Read += int64(rows)
	l.mark.Lines.Parsed += int64(rows)
	c.To = []event.Mark{l.mark}
	for m, n := range minutes {
		for bucket := range int32(20) {
			c.Rollups = append(c.Rollups, event.Delta{Series: "kpi/response-time/histogram", Dataset: "nginx.access", Minute: m, Bucket: bucket, N: n, Sum: float64(n)})
		}
	}
	return c
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAppend measures commits of access-log events with their rollups and marks, with the checkpoints that
// they make due: events per second of processor time, all threads counted, and bytes per event on disk. The floor
// is 200,000 events/s/core.
func BenchmarkAppend(b *testing.B) {
	for _, rows := range []int{rowGroup, 20_480, 4_096} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			l := newAccessLog(b)
			path := filepath.Join(b.TempDir(), "events.db")
			s := openTest(b, l.schema, path)
			var used, worst time.Duration
			events := 0
			for b.Loop() {
				b.StopTimer()
				c := l.commit(rows)
				before, begin := cpu(b), time.Now()
				b.StartTimer()
				commit(b, s, c)
				b.StopTimer()
				worst = max(worst, time.Since(begin))
				used += cpu(b) - before
				events += rows
				b.StartTimer()
			}
			b.StopTimer()
			before := cpu(b)
			if err := s.write(context.Background(), func(w *writer) error { return w.c.exec("CHECKPOINT") }); err != nil {
				b.Fatal(err)
			}
			used += cpu(b) - before
			b.ReportMetric(float64(events)/used.Seconds(), "events/s/core")
			b.ReportMetric(float64(fileSize(path))/float64(events), "B/event")
			b.ReportMetric(float64(worst.Milliseconds()), "ms-worst")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkRead measures the reads that a console makes, over a day of two million events.
func BenchmarkRead(b *testing.B) {
	l := newAccessLog(b)
	s := openTest(b, l.schema, "")
	for range 16 {
		commit(b, s, l.commit(rowGroup))
	}
	parse := func(text string) query.Expr {
		e, err := query.Parse(text, l.schema, time.UnixMicro(l.at))
		if err != nil {
			b.Fatal(err)
		}
		return e
	}
	ctx := context.Background()
	for name, q := range map[string]query.Search{
		"newest-100":           {},
		"newest-100-errors":    {Where: parse("http.response.status_code>=500")},
		"phrase":               {Where: parse(`"items 17"`)},
		"absent":               {Where: parse(`"no such words"`)},
		"field-without-column": {Where: parse(`http.response.body.bytes>40100`)},
		"by-id":                {IDs: []query.ID{{Gen: 7, Off: 0}}},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Search(ctx, access.All(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	for name, q := range map[string]query.Agg{
		"errors-by-hour": {Where: parse("http.response.status_code>=500"), Every: time.Hour},
		"p95-by-dataset": {By: []string{"event.dataset"}, Values: []query.Measure{{Fn: "p95", Field: "event.duration"}}},
		"top-sources":    {By: []string{"source.ip"}, Limit: 10},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := s.Aggregate(ctx, access.All(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("scan", func(b *testing.B) {
		n := 0
		for b.Loop() {
			err := s.Scan(ctx, access.All(), nil, query.Interval{}, func(p *event.Page) error { n += p.N; return nil })
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
	})
}

// BenchmarkOpen measures what a start costs with ten million events in the tables of two days: opening, and comparing the
// store with itself.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "events.db")
	s, err := Open(b.Context(), Config{Path: path})
	if err != nil {
		b.Fatal(err)
	}
	mark := event.Mark{Gen: killGen}
	for range 82 {
		commit(b, s, numbered(s.schema, &mark, rowGroup))
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	var compare time.Duration
	for b.Loop() {
		s, err := Open(b.Context(), Config{Path: path})
		if err != nil {
			b.Fatal(err)
		}
		begin := time.Now()
		if err := s.write(b.Context(), (*writer).compareStart); err != nil {
			b.Fatal(err)
		}
		compare += time.Since(begin)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(compare.Milliseconds())/float64(b.N), "ms-compare")
}

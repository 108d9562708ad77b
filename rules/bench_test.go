package rules_test

import (
	"bytes"
	"context"
	"math"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/testdata/site"
)

// BenchmarkPage measures all shipped rules on pages of 2,048 events, as they come from real logs ("attacked", a good
// part of which the rules match) and from the ordinary traffic in them.
func BenchmarkPage(b *testing.B) {
	s := loadShipped(b)
	for _, bc := range []struct {
		name, file string
		keep       func(line []byte) bool
	}{
		{"access/ordinary", "nginx/access.log.1", func(l []byte) bool { return bytes.Contains(l, []byte(`" 200 `)) }},
		{"access/attacked", "nginx/access.log.1", func([]byte) bool { return true }},
		{"syslog/ordinary", "linux-auth/auth.log", func(l []byte) bool {
			return !bytes.Contains(l, []byte("ailed")) && !bytes.Contains(l, []byte("nvalid"))
		}},
		{"syslog/attacked", "linux-auth/auth.log", func([]byte) bool { return true }},
		{"postgresql", "postgres-stderr/postgresql.log", func([]byte) bool { return true }},
	} {
		b.Run(bc.name, func(b *testing.B) {
			p := fullPage(b, s, bc.file, bc.keep)
			now := time.Now()
			e, err := rules.New(s.rules, rules.Config{Schema: s.schema, Idle: time.Second, Now: func() time.Time { return now }})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				now = now.Add(time.Second)
				c := &event.Commit{Batch: &event.Batch{Pages: []*event.Page{p}, To: []event.Mark{{Gen: 1, Low: math.MaxInt64}}}}
				if err := e.Process(context.Background(), c); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*p.N), "ns/event")
		})
	}
}

// fullPage returns the fullest page that the kept lines of a file make, when it is read over and over.
func fullPage(b *testing.B, s *shipped, file string, keep func([]byte) bool) *event.Page {
	b.Helper()
	text, err := site.Logs.ReadFile(file)
	if err != nil {
		b.Fatal(err)
	}
	var lines []byte
	for line := range bytes.Lines(text) {
		if keep(line) {
			lines = append(lines, line...)
		}
	}
	batch, err := s.decode("auto", 1, bytes.Repeat(lines, 4*event.PageRows/bytes.Count(lines, []byte("\n"))+1))
	if err != nil {
		b.Fatal(err)
	}
	best := batch.Pages[0]
	for _, p := range batch.Pages {
		if p.N > best.N {
			best = p
		}
	}
	if best.N != event.PageRows {
		b.Fatalf("the fullest page has %d events", best.N)
	}
	return best
}

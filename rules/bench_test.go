package rules_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"testing"
	"time"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	reading "github.com/saypro/veritail/pipeline/source"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/testdata/site"
)

// pages are the pages of the benchmarks: as they come from real logs ("attacked", a good part of which the shipped rules
// match) and from the ordinary traffic in them.
var pages = []struct {
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
}

// BenchmarkPage measures all shipped rules on pages of 2,048 events.
func BenchmarkPage(b *testing.B) {
	s := loadShipped(b)
	for _, bc := range pages {
		b.Run(bc.name, func(b *testing.B) {
			judge(b, s, s.rules, fullPage(b, s, bc.file, bc.keep))
		})
	}
}

// BenchmarkDetection measures what all shipped rules cost on top of parsing, over logs of many days: of ordinary traffic, and of
// machines under attack, nearly every line of which is an event of some rule.
func BenchmarkDetection(b *testing.B) {
	s := loadShipped(b)
	for _, bc := range []struct {
		name, file, date, layout string
		keep                     func(line []byte) bool
	}{
		{"access/ordinary", "elastic-examples/apache_logs.log", "17/May/2015", "02/Jan/2006", nil},
		{"access/attacked", "site/nginx/access.log.1", "23/Nov/2026", "02/Jan/2006", nil},
		{"syslog/ordinary", "site/linux-auth/auth.log", "Nov 23 ", "Jan _2 ", pages[2].keep},
		{"syslog/attacked", "site/linux-auth/auth.log", "Nov 23 ", "Jan _2 ", nil},
		{"postgresql/attacked", "site/postgres-stderr/postgresql.log", "2026-11-23 ", "2006-01-02 ", nil},
	} {
		b.Run(bc.name, func(b *testing.B) {
			text := days(b, bc.file, bc.date, bc.layout, bc.keep)
			d, err := s.set.NewDecoder(event.Generation{ID: 1, Path: "test", Format: "auto"}, parsers.Options{Host: "test"})
			if err != nil {
				b.Fatal(err)
			}
			var parsing, detecting time.Duration
			lines := 0
			for b.Loop() {
				p, r, n := parseAndDetect(b, s, d, text)
				parsing, detecting, lines = parsing+p, detecting+r, lines+n
			}
			b.ReportMetric(float64(parsing.Nanoseconds())/float64(lines), "parsing-ns/line")
			b.ReportMetric(float64(detecting.Nanoseconds())/float64(lines), "detecting-ns/line")
			b.ReportMetric(100*float64(detecting)/float64(parsing), "%-on-top")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// parseAndDetect returns what a decoder and a new engine take for a log, block by block as files are read, and for how many lines.
// The first fifth is not counted: what is compiled at first sight is compiled there.
func parseAndDetect(b *testing.B, s *shipped, d *parsers.Decoder, text []byte) (parsing, detecting time.Duration, lines int) {
	e, err := rules.New(s.rules, rules.Config{Schema: s.schema})
	if err != nil {
		b.Fatal(err)
	}
	blocks := reading.NewBlocks(bytes.NewReader(text), 0, 0)
	for {
		c := &event.Commit{Batch: &event.Batch{}}
		block, err := blocks.Next(c.Arena())
		if err == io.EOF {
			c.Release()
			return parsing, detecting, lines
		}
		if err != nil {
			b.Fatal(err)
		}
		from := time.Now()
		d.Decode(c.Batch, block.Data, block.Off)
		c.To = []event.Mark{d.Mark()}
		decoded := time.Now()
		if err := e.Process(context.Background(), c); err != nil {
			b.Fatal(err)
		}
		if block.Off > int64(len(text)/5) {
			parsing, detecting = parsing+decoded.Sub(from), detecting+time.Since(decoded)
			lines += bytes.Count(block.Data, []byte("\n"))
		}
		c.Release()
	}
}

// days returns the kept lines of a file of one day as those of three hundred days.
func days(b *testing.B, file, date, layout string, keep func(line []byte) bool) []byte {
	b.Helper()
	text, err := os.ReadFile("../testdata/" + file)
	if err != nil {
		b.Fatal(err)
	}
	var day, all []byte
	for line := range bytes.Lines(text) {
		if keep == nil || keep(line) {
			day = append(day, line...)
		}
	}
	for i := range 300 {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i)
		all = append(all, bytes.ReplaceAll(day, []byte(date), []byte(at.Format(layout)))...)
	}
	return all
}

// BenchmarkRules measures what many rules cost beside few: rules of a site's own, about as many things, on pages that most of
// them are not about.
func BenchmarkRules(b *testing.B) {
	s := loadShipped(b)
	for _, bc := range pages {
		p := fullPage(b, s, bc.file, bc.keep)
		for _, n := range []int{50, 1000} {
			b.Run(fmt.Sprintf("%s/%d", bc.name, n), func(b *testing.B) { judge(b, s, siteRules(n), p) })
		}
	}
}

// siteRules returns n rules as a site may write them: most are about one kind of event, some search what every event has.
func siteRules(n int) []rules.Rule {
	all := make([]rules.Rule, n)
	for i := range all {
		when := fmt.Sprintf("event.action:own_%d and event.outcome:failure", i)
		switch i % 10 {
		case 5:
			when = fmt.Sprintf("event.dataset:own.%d and event.code:E%d", i%100, i)
		case 6:
			when = fmt.Sprintf(`event.module:(nginx or apache) and url.original:/\/own%d\.(php|asp)/i`, i)
		case 7:
			when = fmt.Sprintf("event.action:(begun_%d or done_%d or failed_%d) and not user.name:root", i, i, i)
		case 8:
			when = fmt.Sprintf("http.response.status_code:%d and url.path:\"/own/%d\"", 400+i%200, i)
		case 9:
			when = fmt.Sprintf(`event.module:%s and "own %d failed"`, []string{"sshd", "sudo", "cron", "postgresql", "own"}[i/10%5], i)
		}
		all[i] = rules.Rule{ID: fmt.Sprintf("own.rule-%d", i), Title: "own", Severity: "low", Audience: []string{"operator"}, When: when, Group: "host.name"}
	}
	return all
}

// judge measures rules on a page that comes over and over.
func judge(b *testing.B, s *shipped, all []rules.Rule, p *event.Page) {
	now := time.Now()
	e, err := rules.New(all, rules.Config{Schema: s.schema, Idle: time.Second, Now: func() time.Time { return now }})
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

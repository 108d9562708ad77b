package rules_test

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
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

package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

// slow is a query that takes long for each event and matches none: many regular expressions.
var slow = func() string {
	list := make([]string, 100)
	for i := range list {
		list[i] = fmt.Sprintf("/[a-z0-9 ]+[^a-y]%dzq/", i)
	}
	return strings.Join(list, " or ")
}()

func parsed(t *testing.T, text string, schema *event.Schema) query.Expr {
	t.Helper()
	e, err := query.Parse(text, schema, querytest.Now)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A read that has to look at every event tells how far it is, and ends soon after its context does; the store answers on.
func TestLongReadsTellProgressAndEnd(t *testing.T) {
	const events = 400_000
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	for range 4 {
		commit(t, s, numbered(s.schema, &mark, events/4))
	}
	where := parsed(t, slow, s.schema)
	var tests []string
	for _, re := range strings.Split(slow, " or ") {
		tests = append(tests, fmt.Sprintf(`regexp_matches("event.original", '%s')`, strings.Trim(re, "/")))
	}
	for name, read := range map[string]func(context.Context) error{
		"search": func(ctx context.Context) error {
			_, err := s.Search(ctx, access.All(), query.Search{Where: where})
			return err
		},
		"aggregate": func(ctx context.Context) error {
			_, err := s.Aggregate(ctx, access.All(), query.Agg{Where: where})
			return err
		},
		"sql": func(ctx context.Context) error {
			_, err := s.SQL(ctx, access.All(), "SELECT count(*) FROM events WHERE "+strings.Join(tests, " OR "), 1,
				func([]SQLColumn) error { return nil }, func([]*string) error { return nil })
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var told []storage.Progress
			var stopped time.Time
			err := read(storage.WithTrace(ctx, storage.Trace{Progress: func(p storage.Progress) {
				if told = append(told, p); len(told) == 1 {
					stopped = time.Now()
					cancel()
				}
			}}))
			if len(told) == 0 {
				t.Fatalf("it tells nothing and ends, error %v", err)
			}
			if took := time.Since(stopped); !errors.Is(err, context.Canceled) || took > 3*time.Second {
				t.Errorf("%s after it was cancelled it returns %v", took, err)
			}
			for i, p := range told {
				if p.Total == 0 && name != "sql" || p.Read < 0 || p.Read > p.Total || i > 0 && p.Read < told[i-1].Read {
					t.Errorf("it tells %+v", told)
				}
			}
			if name != "sql" && told[0].Total != events {
				t.Errorf("it looks at %d events, want %d", told[0].Total, events)
			}
			if r, err := s.Search(t.Context(), access.All(), query.Search{Limit: 1}); err != nil || len(r.Events) != 1 {
				t.Errorf("afterwards the store finds %d events, error %v", len(r.Events), err)
			}
		})
	}
}

// What --explain prints names the days, what the filters left, and what was looked at.
func TestReadsTellHowTheyWereAnswered(t *testing.T) {
	const events = 60_000
	l := newSiteLogs(siteStart, siteDays, events+events/10)
	s := openTest(t, l.schema, "")
	fill(t, s, l, events)
	steps := func(read func(ctx context.Context) error) string {
		var lines []string
		if err := read(storage.WithTrace(t.Context(), storage.Trace{Step: func(s string) { lines = append(lines, s) }})); err != nil {
			t.Fatal(err)
		}
		return strings.Join(lines, "\n")
	}
	needle, day := parsed(t, "event.original:"+siteNeedle, l.schema), query.Interval{From: siteStart.UnixMicro(), To: siteStart.AddDate(0, 0, 1).UnixMicro()}
	for _, c := range []struct {
		name string
		read func(ctx context.Context) error
		want []string
	}{
		{"needle", func(ctx context.Context) error {
			_, err := s.Search(ctx, access.All(), query.Search{Where: needle})
			return err
		}, []string{"7 days, 2026-11-20 to 2026-11-26: 2 tables and 5 sealed files, 60,000 events", "words' filters leave", "looked at and 1 found", "sealed: of "}},
		{"newest", func(ctx context.Context) error {
			_, err := s.Search(ctx, access.All(), query.Search{Limit: 10})
			return err
		}, []string{"2026-11-26, a table: of ", "6 days before were not looked at: there were enough events"}},
		{"a day", func(ctx context.Context) error {
			_, err := s.Aggregate(ctx, access.All(), query.Agg{During: day, By: []string{"event.dataset"}})
			return err
		}, []string{"2026-11-20: 1 sealed file, ", "6 days left out, outside the time asked for", "looks up no words"}},
		{"needle of a day, counted", func(ctx context.Context) error {
			_, err := s.Aggregate(ctx, access.All(), query.Agg{Where: needle, During: day})
			return err
		}, []string{"the words' filters", "were looked at"}},
	} {
		got := steps(c.read)
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %q in\n%s", c.name, w, got)
			}
		}
	}
}

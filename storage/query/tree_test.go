package query_test

import (
	"testing"
	"time"

	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

func TestNarrow(t *testing.T) {
	at := func(clock string) int64 {
		if clock == "" {
			return 0
		}
		t, err := time.Parse("15:04:05.000000", clock)
		if err != nil {
			panic(err)
		}
		return querytest.Now.Truncate(24 * time.Hour).Add(t.Sub(t.Truncate(24 * time.Hour))).UnixMicro()
	}
	for _, tc := range []struct{ text, from, to string }{
		{"*", "", ""},
		{"user.name:root", "", ""},
		{"@timestamp>=now-1h", "11:00:00.000000", ""},
		{"@timestamp>now-1h", "11:00:00.000000", ""},
		{"user.name:root and @timestamp<2026-11-24T10:00:00Z", "", "10:00:00.000001"},
		{"@timestamp:2026-11-24T10:30Z", "10:30:00.000000", "10:31:00.000001"},
		{"@timestamp:now", "12:00:00.000000", "12:00:00.000001"},
		{"@timestamp>=now-2h (a @timestamp>=now-1h) @timestamp<=now", "11:00:00.000000", "12:00:00.000001"},
		{"@timestamp>=now-1h or a", "", ""},
		{"not @timestamp>=now-1h", "", ""},
		{"x.timestamp>=5", "", ""},
	} {
		e := parse(t, tc.text, querytest.Schema())
		if got, want := query.Narrow(query.Interval{}, e), (query.Interval{From: at(tc.from), To: at(tc.to)}); got != want {
			t.Errorf("%s: %s to %s, want %s to %s", tc.text, show(got.From), show(got.To), show(want.From), show(want.To))
		}
	}
	i := query.Interval{From: at("11:30:00.000000"), To: at("11:40:00.000000")}
	if got := query.Narrow(i, parse(t, "@timestamp>=now-1h @timestamp<=now", querytest.Schema())); got != i {
		t.Errorf("wider tests widen %v to %v", i, got)
	}
}

func show(us int64) string { return time.UnixMicro(us).UTC().Format(time.RFC3339Nano) }

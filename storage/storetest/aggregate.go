package storetest

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

var aggregateCases = []testCase{
	{"a count without groups has one row, without events too", func(f *fixture) {
		q := query.Agg{Values: []query.Measure{{Fn: "p95", Field: "event.duration"}}}
		f.wantTable(q, "0: 0 NaN")
		f.commit(f.file(1, "sshd").read(minutes(0, 3)...))
		f.wantTable(q, "0: 3 NaN")
		q.Where = f.parse("user.name:nobody")
		f.wantTable(q, "0: 0 NaN")
	}},
	{"groups come with the largest count first, those alike by key; a missing value is an empty key", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(users("bob", "alice", "root", "root", "", "alice", "root")...))
		f.commit(f.file(2, "nginx").read(users("root", "zoe", "-")...))
		f.wantTable(query.Agg{By: []string{"user.name"}}, "0: root 4", "0: alice 2", "0:  1", "0: - 1", "0: bob 1", "0: zoe 1")
		f.wantTable(query.Agg{By: []string{"user.name"}, Limit: 2}, "0: root 4", "0: alice 2")
		f.wantTable(query.Agg{By: []string{"event.dataset", "user.name"}, Limit: 3}, "0: sshd root 3", "0: sshd alice 2", "0: nginx - 1")
	}},
	{"a missing value and an empty one are one group", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(row{}, row{fields: map[string]any{"user.name": ""}}))
		f.wantTable(query.Agg{By: []string{"user.name"}}, "0:  2")
	}},
	{"keys are texts, whatever the field's kind", func(f *fixture) {
		at := start.Add(time.Second)
		fields := map[string]any{
			"source.ip": netip.MustParseAddr("10.1.2.3"), "client.ip": netip.MustParseAddr("2001:db8::1"),
			"http.response.status_code": 404, "http.response.bytes": 1 << 40, "event.duration": 1500 * time.Millisecond,
			"db.wait": time.Second, "system.load": 0.5, "event.end": at, "tls.established": true, "url.original": "/a"}
		f.commit(f.file(1, "sshd").read(row{fields: fields, extra: `{"labels.team":"dba"}`, unparsed: true}))
		for field, want := range map[string]string{
			"source.ip": "10.1.2.3", "client.ip": "2001:db8::1", "http.response.status_code": "404",
			"http.response.bytes": "1099511627776", "event.duration": "1.5s", "db.wait": "1s", "system.load": "0.5",
			"event.end": "2026-11-24T10:00:01.000000Z", "tls.established": "true", "url.original": "/a", "labels.team": "dba",
			"veritail.unparsed": "true", "log.offset": "0", "log.file.path": "/var/log/sshd.log", "nowhere": "",
		} {
			f.wantTable(query.Agg{By: []string{field}}, "0: "+want+" 1")
		}
	}},
	{"time steps begin with their day and empty ones are left out", func(f *fixture) {
		l := f.file(1, "sshd")
		f.commit(l.read(row{at: -time.Second}, row{}, row{at: 59 * time.Second}, row{at: 61 * time.Second}, row{at: 15 * time.Hour}))
		f.wantTable(query.Agg{Every: time.Minute}, "-1m0s: 1", "0: 2", "1m0s: 1", "15h0m0s: 1")
		f.wantTable(query.Agg{Every: time.Hour}, "-1h0m0s: 1", "0: 3", "15h0m0s: 1")
		f.wantTable(query.Agg{Every: 24 * time.Hour}, "-10h0m0s: 4", "14h0m0s: 1")
		f.wantTable(query.Agg{Every: 7 * 24 * time.Hour}, "-34h0m0s: 5") // from Monday on
		for _, every := range []time.Duration{7 * time.Minute, 36 * time.Hour, -time.Hour} {
			if _, err := f.store.Aggregate(f.ctx, access.All(), query.Agg{Every: every}); err == nil {
				f.Errorf("there are steps of %s", every)
			}
		}
		f.commit(l.read(row{at: -60 * 365 * 24 * time.Hour}))
		f.wantTable(query.Agg{Every: 24 * time.Hour, During: query.Interval{To: start.Add(-24 * time.Hour).UnixMicro()}},
			(-60*365*24*time.Hour-10*time.Hour).String()+": 1") // before 1970
	}},
	{"days are those of a zone, whose clocks may change", func(f *fixture) {
		berlin, err := time.LoadLocation("Europe/Berlin")
		if err != nil {
			f.Fatal(err)
		}
		var rows []row
		at := func(text string) time.Duration {
			t, err := time.ParseInLocation("2006-01-02 15:04", text, berlin)
			if err != nil {
				f.Fatal(err)
			}
			return t.Sub(start)
		}
		for _, text := range []string{"2026-03-29 00:00", "2026-03-29 01:59", "2026-03-29 03:00", "2026-03-29 23:59", "2026-03-30 00:00",
			"2026-10-24 23:59", "2026-10-25 00:00", "2026-10-25 23:59", "2026-10-26 00:00"} {
			rows = append(rows, row{at: at(text)})
		}
		rows = append(rows, row{at: at("2026-10-25 00:00") + 150*time.Minute}, row{at: at("2026-10-25 00:00") + 210*time.Minute}) // both 02:30
		slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.at, b.at) })
		f.commit(f.file(1, "sshd").read(rows...))
		days := query.Agg{Every: 24 * time.Hour, Zone: berlin}
		want := func(text string, n int) string { return fmt.Sprintf("%s: %d", at(text), n) }
		f.wantTable(days, want("2026-03-29 00:00", 4), want("2026-03-30 00:00", 1), want("2026-10-24 00:00", 1), want("2026-10-25 00:00", 4), want("2026-10-26 00:00", 1))
		days.Every = 7 * 24 * time.Hour
		f.wantTable(days, want("2026-03-23 00:00", 4), want("2026-03-30 00:00", 1), want("2026-10-19 00:00", 5), want("2026-10-26 00:00", 1))
		during := query.Interval{From: start.Add(at("2026-10-25 00:00")).UnixMicro(), To: start.Add(at("2026-10-26 00:00")).UnixMicro()}
		second := fmt.Sprintf("%s: 1", at("2026-10-25 00:00")+3*time.Hour)
		f.wantTable(query.Agg{Every: time.Hour, Zone: berlin, During: during}, want("2026-10-25 00:00", 1),
			fmt.Sprintf("%s: 1", at("2026-10-25 00:00")+2*time.Hour), second, want("2026-10-25 23:00", 1))
	}},
	{"distinct values are within 0.1 % up to ten thousand, and within 1 % of any more", func(f *fixture) {
		a, b := f.file(1, "sshd"), f.file(2, "nginx")
		const all, page = 60_000, 2000
		for first := 0; first < all; first += page {
			var rows, again []row
			for i := first; i < first+page; i++ {
				fields := map[string]any{"user.name": fmt.Sprintf("user-%d", i), "http.response.bytes": int64(i) * 7919,
					"source.ip": netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})}
				rows = append(rows, row{at: time.Duration(i) * time.Second, fields: fields, extra: fmt.Sprintf(`{"labels.session":"%x"}`, i*31)})
				if i < 10_000 {
					again = append(again, row{at: time.Duration(i) * time.Second, fields: fields})
				}
			}
			f.commit(together(a.read(rows...), b.read(again...)))
		}
		for _, field := range []string{"user.name", "http.response.bytes", "source.ip", "labels.session"} {
			for text, want := range map[string]int{"*": all, "event.dataset:sshd": all, "event.dataset:nginx": 10_000} {
				t, err := f.store.Aggregate(f.ctx, access.All(), query.Agg{Where: f.parse(text), Values: []query.Measure{{Fn: "distinct", Field: field}}})
				if err != nil {
					f.Fatal(err)
				}
				if field == "labels.session" && want == 10_000 {
					want = 0
				}
				got, off := t.Rows[0].Values[0], 0.001
				if want > 10_000 {
					off = 0.01
				}
				if math.IsNaN(got) {
					got = 0
				}
				if f.Logf("%s of %s: %v of %d", field, text, got, want); math.Abs(got-float64(want)) > off*float64(want) {
					f.Errorf("there are %v different values of %s in %s, want %d", got, field, text, want)
				}
			}
		}
	}},
	{"with time steps the limit holds for the groups of the whole interval", func(f *fixture) {
		rows := users("a", "b", "b", "c", "a", "a")
		for i := range rows {
			rows[i].at = time.Duration(i/3) * time.Hour
		}
		f.commit(f.file(1, "sshd").read(rows...))
		f.wantTable(query.Agg{Every: time.Hour, By: []string{"user.name"}, Limit: 2},
			"0: b 2", "0: a 1", "1h0m0s: a 2")
	}},
	{"measures leave out what is missing", func(f *fixture) {
		var rows []row
		for i := range 100 {
			rows = append(rows, row{fields: map[string]any{"event.duration": time.Duration(100 - i), "http.response.bytes": i % 10,
				"system.load": 0.5, "user.name": fmt.Sprint("u", i%7), "source.ip": netip.AddrFrom4([4]byte{10, 0, 0, byte(i % 5)})}})
		}
		f.commit(f.file(1, "sshd").read(append(rows, row{}, row{extra: `{"x.n":2}`}, row{extra: `{"x.n":"4"}`})...))
		for m, want := range map[query.Measure]string{
			{Fn: "sum", Field: "event.duration"}:            "5050",
			{Fn: "avg", Field: "event.duration"}:            "50.5",
			{Fn: "min", Field: "event.duration"}:            "1",
			{Fn: "max", Field: "event.duration"}:            "100",
			{Fn: "p50", Field: "event.duration"}:            "50",
			{Fn: "p95", Field: "event.duration"}:            "95",
			{Fn: "p99", Field: "event.duration"}:            "99",
			{Fn: "distinct", Field: "event.duration"}:       "100",
			{Fn: "sum", Field: "http.response.bytes"}:       "450",
			{Fn: "p95", Field: "http.response.bytes"}:       "9",
			{Fn: "distinct", Field: "http.response.bytes"}:  "10",
			{Fn: "avg", Field: "system.load"}:               "0.5",
			{Fn: "distinct", Field: "user.name"}:            "7",
			{Fn: "distinct", Field: "source.ip"}:            "5",
			{Fn: "sum", Field: "x.n"}:                       "6",
			{Fn: "max", Field: "http.response.status_code"}: "NaN",
			{Fn: "distinct", Field: "url.original"}:         "NaN",
		} {
			f.wantTable(query.Agg{Values: []query.Measure{m}}, "0: 103 "+want)
		}
		f.wantTable(query.Agg{By: []string{"event.dataset"}, Values: []query.Measure{{Fn: "min", Field: "event.duration"}, {Fn: "max", Field: "x.n"}}},
			"0: sshd 103 1 4")
	}},
	{"a measure that is none is an error", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(row{}))
		for _, m := range []query.Measure{{Fn: "median", Field: "event.duration"}, {Fn: "sum", Field: "message"}, {Fn: "avg", Field: "source.ip"}} {
			if _, err := f.store.Aggregate(f.ctx, access.All(), query.Agg{Values: []query.Measure{m}}); err == nil {
				f.Errorf("%s of %s is taken", m.Fn, m.Field)
			}
		}
	}},
}

// users returns an event for each name, without a user where it is empty.
func users(names ...string) []row {
	rows := make([]row, len(names))
	for i, n := range names {
		if n != "" {
			rows[i].fields = map[string]any{"user.name": n}
		}
	}
	return rows
}

// wantTable fails unless the table has exactly these rows: the step from start, a colon, then key, count and
// measures with spaces between. Percentiles may be off as far as storage.Reader allows.
func (f *fixture) wantTable(q query.Agg, want ...string) {
	f.Helper()
	t, err := f.store.Aggregate(f.ctx, access.All(), q)
	if err != nil {
		f.Errorf("aggregate %+v: %v", q, err)
		return
	}
	var got []string
	for _, r := range t.Rows {
		got = append(got, rowText(r))
	}
	if !slices.EqualFunc(got, want, func(g, w string) bool { return g == w || near(q.Values, g, w) }) {
		f.Errorf("aggregate %+v gives\n%s\nwant\n%s", q, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// near reports whether two rows differ in percentiles only, by at most 1 %.
func near(measures []query.Measure, got, want string) bool {
	g, w := strings.Fields(got), strings.Fields(want)
	if len(g) != len(w) || len(g) < len(measures) {
		return false
	}
	first := len(g) - len(measures)
	for i := range g {
		if g[i] == w[i] {
			continue
		}
		if i < first || measures[i-first].Fn[0] != 'p' {
			return false
		}
		x, err1 := strconv.ParseFloat(g[i], 64)
		y, err2 := strconv.ParseFloat(w[i], 64)
		if err1 != nil || err2 != nil || math.Abs(x-y) > math.Abs(y)/100 {
			return false
		}
	}
	return true
}

func rowText(r storage.TableRow) string {
	step := "0"
	if d := time.Duration(r.Time-start.UnixMicro()) * time.Microsecond; r.Time != 0 && d != 0 {
		step = d.String()
	}
	parts := append([]string{step + ":"}, r.Key...)
	parts = append(parts, fmt.Sprint(r.Count))
	for _, v := range r.Values {
		if math.IsNaN(v) {
			parts = append(parts, "NaN")
		} else {
			parts = append(parts, fmt.Sprint(v))
		}
	}
	return strings.Join(parts, " ")
}

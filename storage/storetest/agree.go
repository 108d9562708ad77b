package storetest

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// agreeCases hold each store to counting by hand, so that all stores agree.
var agreeCases = []testCase{
	{"random aggregations of random events are what counting them gives", func(f *fixture) {
		seed := uint64(time.Now().UnixNano())
		r := rand.New(rand.NewPCG(seed, 14))
		f.Logf("seed %d", seed)
		a, b := f.file(1, "sshd"), f.file(2, "nginx")
		// From Saturday on, when clocks change in Europe, or from some Tuesday.
		from := []time.Time{start, time.Date(2026, 3, 28, 10, 0, 0, 0, time.UTC), time.Date(2026, 10, 24, 10, 0, 0, 0, time.UTC)}[r.IntN(3)].Sub(start)
		var all []counted
		for range 3 {
			var of [2][]row
			for i := range of {
				for range 150 + r.IntN(100) {
					one := randomRow(r)
					one.at += from
					of[i] = append(of[i], one)
					all = append(all, countedOf([]string{"sshd", "nginx"}[i], one))
				}
			}
			f.commit(together(a.read(of[0]...), b.read(of[1]...)))
		}
		for range 60 {
			q, text, keep := randomAgg(r)
			q.Where = f.parse(text)
			got, err := f.store.Aggregate(f.ctx, access.All(), q)
			if err != nil {
				f.Errorf("%s | %+v: %v", text, q, err)
				continue
			}
			if problem := differ(got.Rows, count(all, q, keep), q.Values); problem != "" {
				f.Errorf("%q by %v every %s of %v limit %d of %v: %s", text, q.By, q.Every, q.Zone, q.Limit, q.Values, problem)
			}
		}
	}},
}

// counted is an event as counting by hand sees it: its values, numbers of them, and the order of texts that are numbers.
type counted struct {
	at     int64 // µs
	text   map[string]string
	number map[string]float64
}

func randomRow(r *rand.Rand) row {
	one := row{at: time.Duration(r.Int64N(int64(72*time.Hour/time.Microsecond))) * time.Microsecond, fields: map[string]any{}}
	set := func(name string, v any) {
		if r.IntN(5) > 0 {
			one.fields[name] = v
		}
	}
	set("user.name", []string{"root", "bob", "Bob", "alice", "über", "-", ""}[r.IntN(7)])
	set("event.outcome", []string{"success", "failure"}[r.IntN(2)])
	set("source.ip", []netip.Addr{netip.AddrFrom4([4]byte{10, 0, 0, 9}), netip.AddrFrom4([4]byte{10, 0, 0, 10}), netip.MustParseAddr("2001:db8::1")}[r.IntN(3)])
	set("http.response.status_code", []int{200, 404, 500, 1000}[r.IntN(4)])
	set("event.duration", time.Duration(1+r.IntN(2_000_000))*time.Microsecond)
	set("http.response.bytes", int64(r.IntN(2000)-200))
	set("system.load", float64(r.IntN(40))/4)
	set("tls.established", r.IntN(2) == 0)
	if r.IntN(2) == 0 {
		one.extra = fmt.Sprintf(`{"labels.team":"%s"}`, []string{"dba", "web"}[r.IntN(2)])
	}
	return one
}

func countedOf(dataset string, one row) counted {
	c := counted{start.Add(one.at).UnixMicro(), map[string]string{"event.dataset": dataset}, map[string]float64{}}
	for name, v := range one.fields {
		switch v := v.(type) {
		case string:
			c.text[name] = v
		case netip.Addr:
			c.text[name] = v.String()
		case bool:
			c.text[name] = strconv.FormatBool(v)
		case time.Duration:
			c.text[name], c.number[name] = v.String(), float64(v)
		case int:
			c.text[name], c.number[name] = strconv.Itoa(v), float64(v)
		case int64:
			c.text[name], c.number[name] = strconv.FormatInt(v, 10), float64(v)
		case float64:
			c.text[name], c.number[name] = event.Format(v), v
		}
	}
	if _, team, ok := strings.Cut(one.extra, `:"`); ok {
		c.text["labels.team"] = strings.TrimSuffix(team, `"}`)
	}
	return c
}

// conditions are what random aggregations are narrowed by, as queries and by hand.
var conditions = []struct {
	text string
	keep func(counted) bool
}{
	{"", func(counted) bool { return true }},
	{"user.name:bob", func(c counted) bool { return c.text["user.name"] == "bob" }},
	{"not event.outcome:failure", func(c counted) bool { return c.text["event.outcome"] != "failure" }},
	{"http.response.status_code>=404", func(c counted) bool { v, ok := c.number["http.response.status_code"]; return ok && v >= 404 }},
	{"source.ip:10.0.0.0/8", func(c counted) bool { return strings.HasPrefix(c.text["source.ip"], "10.") }},
	{"event.duration<500ms", func(c counted) bool {
		v, ok := c.number["event.duration"]
		return ok && v < float64(500*time.Millisecond)
	}},
	{"exists(labels.team)", func(c counted) bool { return c.text["labels.team"] != "" }},
	{"event.dataset:nginx and (tls.established:true or system.load>5)", func(c counted) bool {
		return c.text["event.dataset"] == "nginx" && (c.text["tls.established"] == "true" || c.number["system.load"] > 5)
	}},
}

func randomAgg(r *rand.Rand) (query.Agg, string, func(counted) bool) {
	const hour, day = time.Hour, 24 * time.Hour
	q := query.Agg{Every: []time.Duration{0, 0, 0, 5 * time.Minute, hour, 6 * hour, day, day, 2 * day, 7 * day}[r.IntN(10)], Limit: []int{0, 1, 3, 20}[r.IntN(4)]}
	if name := []string{"", "Europe/Berlin", "America/New_York", "Asia/Kolkata"}[r.IntN(4)]; name != "" {
		q.Zone, _ = time.LoadLocation(name) // nil is UTC too
	}
	fields := []string{"event.dataset", "user.name", "source.ip", "http.response.status_code", "event.outcome", "tls.established", "labels.team", "system.load"}
	r.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	q.By = fields[:r.IntN(4)]
	for range r.IntN(4) {
		m := query.Measure{Fn: []string{"sum", "avg", "min", "max", "p50", "p95", "p99", "distinct"}[r.IntN(8)],
			Field: []string{"event.duration", "http.response.bytes", "system.load", "http.response.status_code"}[r.IntN(4)]}
		if m.Fn == "distinct" && r.IntN(2) == 0 {
			m.Field = fields[0]
		}
		if m.Fn[0] == 'p' && m.Field == "http.response.bytes" {
			m.Field = "event.duration" // the index has no percentiles of negative numbers
		}
		q.Values = append(q.Values, m)
	}
	c := conditions[r.IntN(len(conditions))]
	return q, c.text, c.keep
}

// count aggregates by hand. A percentile is given as all values, in order: see differ.
func count(all []counted, q query.Agg, keep func(counted) bool) []expected {
	rows, totals := map[string]*expected{}, map[string]*expected{}
	for _, c := range all {
		if !keep(c) {
			continue
		}
		var key []string
		for _, name := range q.By {
			key = append(key, c.text[name])
		}
		at := beginOf(c.at, q)
		for id, of := range map[string]map[string]*expected{fmt.Sprint(at, key): rows, fmt.Sprint(key): totals} {
			if of[id] == nil {
				of[id] = &expected{at: at, key: key, values: make([][]float64, len(q.Values)), texts: make([]map[string]bool, len(q.Values))}
			}
			of[id].add(c, q.Values)
		}
	}
	if len(q.By) == 0 && q.Every == 0 && len(rows) == 0 {
		return []expected{{values: make([][]float64, len(q.Values)), texts: make([]map[string]bool, len(q.Values))}}
	}
	groups := sorted(totals, q.By)
	if q.Limit > 0 && len(q.By) > 0 {
		groups = groups[:min(q.Limit, len(groups))]
	}
	var out []expected
	for _, row := range sorted(rows, q.By) {
		if slices.ContainsFunc(groups, func(g expected) bool { return slices.Equal(g.key, row.key) }) {
			out = append(out, row)
		}
	}
	if q.Every != 0 {
		slices.SortStableFunc(out, func(a, b expected) int { return cmp.Compare(a.at, b.at) })
	}
	return out
}

// beginOf is when the step of a time begins, 0 without steps.
func beginOf(at int64, q query.Agg) int64 {
	zone := q.Zone
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := time.UnixMicro(at).In(zone).Date()
	begins := time.Date(y, m, d, 0, 0, 0, 0, zone)
	if q.Every == 0 {
		return 0
	}
	if q.Every < 24*time.Hour {
		return begins.Add(time.UnixMicro(at).Sub(begins).Truncate(q.Every)).UnixMicro()
	}
	first := time.Date(1969, 12, 29, 0, 0, 0, 0, time.UTC) // a Monday
	days := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(first) / (24 * time.Hour))
	return begins.AddDate(0, 0, -(days % int(q.Every/(24*time.Hour)))).UnixMicro()
}

type expected struct {
	at     int64
	key    []string
	n      int64
	values [][]float64       // of each measure
	texts  []map[string]bool // distinct ones
}

func (e *expected) add(c counted, measures []query.Measure) {
	e.n++
	for i, m := range measures {
		if v, ok := c.number[m.Field]; ok {
			e.values[i] = append(e.values[i], v)
		}
		if v, ok := c.text[m.Field]; ok {
			if e.texts[i] == nil {
				e.texts[i] = map[string]bool{}
			}
			e.texts[i][v] = true
		}
	}
}

// sorted orders groups by their counts, those alike by their keys: numbers and addresses by value and missing ones last.
func sorted(of map[string]*expected, by []string) []expected {
	var list []expected
	for _, e := range of {
		list = append(list, *e)
	}
	slices.SortFunc(list, func(a, b expected) int {
		c := cmp.Compare(b.n, a.n)
		for i, name := range by {
			c = cmp.Or(c, compareKeys(name, a.key[i], b.key[i]))
		}
		return c
	})
	return list
}

func compareKeys(name, a, b string) int {
	switch name {
	case "source.ip", "http.response.status_code", "system.load", "tls.established":
		if a == "" || b == "" {
			return cmp.Compare(min(len(b), 1), min(len(a), 1)) // missing last
		}
	}
	switch name {
	case "source.ip":
		x, y := netip.MustParseAddr(a), netip.MustParseAddr(b)
		return slices.Compare(slice16(x), slice16(y))
	case "http.response.status_code", "system.load":
		x, _ := strconv.ParseFloat(a, 64)
		y, _ := strconv.ParseFloat(b, 64)
		return cmp.Compare(x, y)
	}
	return strings.Compare(a, b)
}

func slice16(a netip.Addr) []byte { b := a.As16(); return b[:] }

// differ says in what a table is not what was counted. Percentiles may be off by 1 %, or by one rank.
func differ(got []storage.TableRow, want []expected, measures []query.Measure) string {
	if len(got) != len(want) {
		return fmt.Sprintf("%d rows, want %d", len(got), len(want))
	}
	for i, g := range got {
		w := want[i]
		if g.Time != w.at || !slices.Equal(g.Key, w.key) || g.Count != w.n {
			return fmt.Sprintf("row %d is %d %q %d, want %d %q %d", i, g.Time, g.Key, g.Count, w.at, w.key, w.n)
		}
		for k, m := range measures {
			if low, high := w.between(m, k); !(g.Values[k] >= low && g.Values[k] <= high || math.IsNaN(low) && math.IsNaN(g.Values[k])) {
				return fmt.Sprintf("row %d, %q: %s of %s is %v, want %v to %v", i, g.Key, m.Fn, m.Field, g.Values[k], low, high)
			}
		}
	}
	return ""
}

// between returns the bounds of measure k.
func (e *expected) between(m query.Measure, k int) (low, high float64) {
	values := e.values[k]
	if m.Fn == "distinct" {
		if n := float64(len(e.texts[k])); n > 0 {
			return n, n
		}
		return math.NaN(), math.NaN()
	}
	if len(values) == 0 {
		return math.NaN(), math.NaN()
	}
	slices.Sort(values)
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	about := func(v float64) (float64, float64) { e := 1e-9 * math.Abs(v); return v - e, v + e }
	switch m.Fn {
	case "sum":
		return about(sum)
	case "avg":
		return about(sum / float64(len(values)))
	case "min":
		return values[0], values[0]
	case "max":
		return values[len(values)-1], values[len(values)-1]
	}
	p, _ := strconv.ParseFloat(m.Fn[1:], 64)
	rank := int(math.Ceil(p/100*float64(len(values)))) - 1
	low, high = values[max(rank-1, 0)], values[min(rank+1, len(values)-1)]
	return low * 0.99, high * 1.01
}

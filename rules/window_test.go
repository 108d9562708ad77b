package rules

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// at returns failures of one source at these seconds.
func at(ip string, seconds ...float64) []said {
	var all []said
	for _, s := range seconds {
		all = append(all, said{s, "event.action=fail source.ip=" + ip})
	}
	return all
}

func TestThresholds(t *testing.T) {
	t.Parallel()
	get := func(s float64, target string) said {
		return said{s, "event.action=fail source.ip=10.0.0.1 url.original=" + target}
	}
	five := Rule{When: "event.action:fail", Threshold: &Threshold{Count: 5, Within: seconds(10)}}
	armed := Rule{When: "event.action:fail", Rearm: seconds(20), Threshold: &Threshold{Count: 2, Within: seconds(10)}}
	distinct := Rule{When: "event.action:fail", Threshold: &Threshold{Count: 3, Distinct: "url.original|http.request.line", Within: seconds(10)}}
	weighed := five
	weighed.Weight = "veritail.repeat"
	for _, tc := range []struct {
		name string
		rule Rule
		log  []said
		want string // findings, and the counts they tell
	}{
		{"five within the window are one", five, at("10.0.0.1", 0, 1, 2, 3, 9.999999), "1 [5]"},
		{"the first is out when the fifth comes exactly a window later", five, at("10.0.0.1", 0, 1, 2, 3, 10), "0 []"},
		{"the window slides", five, at("10.0.0.1", 0, 6, 7, 8, 9, 11), "1 [5]"},
		{"groups are counted apart", five, append(at("10.0.0.1", 0, 1, 2), at("10.0.0.2", 3, 4)...), "0 []"},
		{"without rearm it fires again after as many more", five, at("10.0.0.1", 0, 1, 2, 3, 4, 5, 6, 7, 8, 9), "2 [5 5]"},
		{"with rearm it is silent as long as the group is not quiet", armed, at("10.0.0.1", 0, 1, 20, 39, 58, 77.9), "1 [2]"},
		{"after a quiet time it needs the whole threshold again", armed, at("10.0.0.1", 0, 1, 21), "1 [2]"},
		{"and fires when it has it", armed, at("10.0.0.1", 0, 1, 21, 22), "2 [2 2]"},
		{"weights add up", weighed, []said{{0, "event.action=fail veritail.repeat=3"}, {1, "event.action=fail"}, {2, "event.action=fail veritail.repeat=2"}}, "1 [6]"},
		{"distinct counts values", distinct, []said{get(0, "/a"), get(1, "/b"), get(2, "/b"), get(3, "/c")}, "1 [3]"},
		{"the same value many times is one", distinct, []said{get(0, "/a"), get(1, "/a"), get(2, "/a"), get(3, "/a"), get(4, "/b")}, "0 []"},
		{"a value counts where it was said last", distinct, []said{get(0, "/a"), get(8, "/b"), get(9, "/a"), get(12, "/c")}, "1 [3]"},
		{"an old value is out", distinct, []said{get(0, "/a"), get(8, "/b"), get(12, "/c")}, "0 []"},
		{"distinct takes the first field that is there", distinct, []said{get(0, "/a"), get(1, "/b"), {2, "event.action=fail source.ip=10.0.0.1 http.request.line=junk"}}, "1 [3]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w, _ := scan(t, tc.rule, log{said: tc.log})
			counts := []int64{}
			for _, f := range w.findings {
				counts = append(counts, f.Count)
			}
			if got := fmt.Sprint(len(w.findings), counts); got != tc.want {
				t.Errorf("findings %s, want %s", got, tc.want)
			}
		})
	}
}

// A plainWindow says what a window finds in the words of docs/rules.md: it keeps all that was ever said of its group, by
// time, and looks through it each time.
type plainWindow struct {
	all   []said
	last  float64
	fired bool
}

// add returns the seconds of the occurrences that meet the threshold with s, if it is met.
func (w *plainWindow) add(r *Rule, s said) (found []float64) {
	within, rearm := time.Duration(r.Threshold.Within).Seconds(), time.Duration(r.Rearm).Seconds()
	quiet := s.at-w.last >= max(rearm, 1e-6)
	w.last = max(w.last, s.at)
	if w.fired && !quiet {
		return nil
	}
	w.fired = false
	if r.Threshold.Distinct != "" {
		same := func(m said) bool { return m.fields == s.fields && math.Abs(m.at-s.at) < within }
		if slices.ContainsFunc(w.all, func(m said) bool { return same(m) && m.at > s.at && m.at >= w.last-2*within }) {
			return nil
		}
		w.all = slices.DeleteFunc(w.all, func(m said) bool { return same(m) && m.at <= s.at })
	}
	if s.at < w.last-2*within {
		return nil
	}
	w.all = append(w.all, s)
	slices.SortStableFunc(w.all, func(a, b said) int { return cmp.Compare(a.at, b.at) })
	recent := slices.DeleteFunc(slices.Clone(w.all), func(m said) bool { return m.at < w.last-2*within })
	for to := range recent {
		from := slices.IndexFunc(recent, func(m said) bool { return m.at > recent[to].at-within })
		if to+1-from == r.Threshold.Count {
			for _, m := range recent[from : to+1] {
				found = append(found, m.at)
			}
			w.all, w.fired = nil, true
			return found
		}
	}
	return nil
}

func TestWindowsFindWhatPlainOnesFind(t *testing.T) {
	t.Parallel()
	fired := 0
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		r := Rule{When: "event.action:fail", Threshold: &Threshold{Count: 2 + rnd.IntN(6), Within: seconds(float64(1 + rnd.IntN(20)))}}
		r.Rearm = seconds(float64(rnd.IntN(3) * rnd.IntN(20)))
		if rnd.IntN(2) == 0 {
			r.Threshold.Distinct = "url.original"
		}
		w, l := newWorld(t, 0, r), &log{gen: 1}
		plain := map[int]*plainWindow{}
		var got, want []string
		at := 0.0
		for i := range 400 {
			at += float64(rnd.IntN(20)) / 8
			late := max(0, at-float64(rnd.IntN(2)*rnd.IntN(1+int(time.Duration(r.Threshold.Within).Seconds()))))
			ip, url := rnd.IntN(4), rnd.IntN(9)
			l.said = append(l.said, said{late, fmt.Sprintf("event.action=fail source.ip=10.0.0.%d url.original=/%d", ip, url)})
			w.commit(step{pages: []*event.Page{l.pageOf(t, w.schema, i, i+1)}})
			if plain[ip] == nil {
				plain[ip] = &plainWindow{}
			}
			if found := plain[ip].add(&r, said{late, fmt.Sprint(url)}); found != nil {
				want = append(want, fmt.Sprint(ip, found))
			}
			for _, f := range w.findings[len(got):] {
				var seconds []float64
				for _, e := range f.Evidence {
					seconds = append(seconds, float64(e.Time-micro(0))/1e6)
				}
				got = append(got, fmt.Sprint(strings.TrimPrefix(f.Group[0].Value, "10.0.0."), " ", seconds))
			}
		}
		if fired += len(want); !slices.Equal(got, want) {
			t.Fatalf("seed %d, %+v, rearm %v: found\n%s\nwant\n%s", seed, *r.Threshold, r.Rearm, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	if fired < 500 {
		t.Errorf("only %d findings: the test would show nothing", fired)
	}
}

// What is judged in its commit costs no memory, and windows that slide use theirs again.
func TestJudgingAllocatesNothingForAHit(t *testing.T) {
	w := newWorld(t, 0,
		Rule{ID: "counts", When: "event.action:fail", Group: "url.original", Severity: "info"},
		Rule{ID: "slides", When: "event.action:fail", Threshold: &Threshold{Count: 100, Within: seconds(30)}},
		Rule{ID: "differs", When: "event.action:fail", Threshold: &Threshold{Count: 10, Distinct: "url.original", Within: seconds(600)}})
	l := log{gen: 1}
	for i := range event.PageRows {
		l.said = append(l.said, said{0, fmt.Sprintf("event.action=fail source.ip=10.0.0.%d url.original=/%d", i%40, i%7)})
	}
	p, n := l.pageOf(t, w.schema, 0, len(l.said)), 0
	c := &event.Commit{}
	pass := func() {
		for i := range l.said {
			p.SetInt(i, event.FieldTime, micro(float64(n)))
			n++
		}
		*c = event.Commit{Batch: &event.Batch{Pages: []*event.Page{p}}, Rollups: c.Rollups[:0]}
		if err := w.engine.Process(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	pass()
	pass()
	if n := testing.AllocsPerRun(20, pass); n > 20 {
		t.Errorf("%v allocations for %d hits", n, 3*len(l.said))
	}
}

func TestAnOccurrenceThatComesLateCountsInItsWindow(t *testing.T) {
	t.Parallel()
	r := Rule{When: "event.action:fail", Threshold: &Threshold{Count: 3, Within: seconds(10)}}
	w := newWorld(t, 0, r)
	l := &log{gen: 1, said: at("10.0.0.1", 0, 12, 1, 2)}
	for i := range l.said { // each is judged by itself: the third steps back
		w.commit(step{pages: []*event.Page{l.pageOf(t, w.schema, i, i+1)}})
	}
	if len(w.findings) != 1 || w.findings[0].First != micro(0) || w.findings[0].Last != micro(2) {
		t.Fatalf("findings %+v, want one from 0 to 2", w.findings)
	}
}

func TestALateOccurrenceDoesNotReplaceALaterOneOfItsValue(t *testing.T) {
	t.Parallel()
	r := Rule{When: "event.action:fail", Threshold: &Threshold{Count: 2, Distinct: "url.original", Within: seconds(10)}}
	w := newWorld(t, 0, r)
	l := &log{gen: 1, said: []said{{20, "event.action=fail url.original=/a"}, {11, "event.action=fail url.original=/a"}, {25, "event.action=fail url.original=/b"}}}
	for i := range l.said {
		w.commit(step{pages: []*event.Page{l.pageOf(t, w.schema, i, i+1)}})
	}
	if len(w.findings) != 1 {
		t.Errorf("%d findings, want one of /a at 20 and /b at 25", len(w.findings))
	}
}

// A million made-up sources within the window of a rule do not fill the memory, and do not hide one that goes on.
func TestAFloodOfGroupsStaysBounded(t *testing.T) {
	for name, r := range map[string]Rule{
		"threshold": {When: "event.action:fail", Threshold: &Threshold{Count: 5, Within: seconds(1e6)}},
		"rearm":     {When: "event.action:fail", Rearm: seconds(1e6)},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 0, r)
			w.engine.cfg.Tally = false
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			flood, rows := 1<<20, event.PageRows
			if testing.Short() {
				flood = 4 * maxGroups
			}
			l := log{gen: 1, said: slices.Repeat(at("192.0.2.1", 0), rows)}
			p := l.pageOf(t, w.schema, 0, rows)
			for i := 0; i < flood; i += rows {
				for j := range rows {
					n := i + j
					p.SetInt(j, event.FieldTime, micro(float64(n)/1000))
					p.Spans[j].Off = int64(n) * 100
					if j > 0 { // the first row is of the source that goes on
						p.SetIP(j, event.FieldSourceIP, event.IPFrom(netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})))
					}
				}
				c := &event.Commit{Batch: &event.Batch{Pages: []*event.Page{p}}}
				if err := w.engine.Process(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				for _, f := range c.Findings {
					if f.Group[0].Value == "192.0.2.1" {
						w.findings = append(w.findings, f)
					}
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			c := w.engine.rules[0]
			held := c.windows.len() + c.quiet.len()
			grown := int64(after.HeapAlloc) - int64(before.HeapAlloc)
			t.Logf("%d groups: %d held, %.1f MB", flood, held, float64(grown)/1e6)
			if held > maxGroups || grown > 64<<20 {
				t.Errorf("%d groups held, %d bytes", held, grown)
			}
			if want := map[string]int{"threshold": flood / rows / 5, "rearm": 1}[name]; len(w.findings) != want {
				t.Errorf("%d findings of the source that goes on, want %d", len(w.findings), want)
			}
		})
	}
}

func TestAGroupIsRememberedAsLongAsItMatters(t *testing.T) {
	t.Parallel()
	r := recent[int]{keep: 100}
	put := func(k string, t int64) {
		v, _ := r.at([]byte(k), t)
		*v = 1
	}
	held := func(k string) bool { return r.now[k] != nil || r.older[k] != nil }
	put("slow", 0)
	for i := range int64(200) { // others are active all the time, also when the halves change
		put(fmt.Sprint(i%7), i)
		if i <= 100 && !held("slow") {
			t.Fatalf("forgotten at %d", i)
		}
	}
	if v, known := r.at([]byte("3"), 200); !known || *v != 1 {
		t.Errorf("what is active lost its value: %d, %v", *v, known)
	}
	put("x", 500)
	put("x", 700)
	if held("slow") || r.len() > 2 {
		t.Errorf("%d groups are held after a long quiet time", r.len())
	}
	if v, known := r.at([]byte("slow"), 700); known || *v != 0 {
		t.Errorf("a group that was let go comes back with %d, %v", *v, known)
	}
}

package rules

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

func TestOnce(t *testing.T) {
	t.Parallel()
	by := func(within float64, lead bool, tellers ...Condition) Rule {
		return Rule{When: "event.action:*", Once: []Once{{From: tellers, By: []string{"source.ip", "user.name"}, Within: seconds(within), Lead: lead}}}
	}
	two := by(2, false, "event.action:access", "event.action:error")
	three := by(2, false, "event.action:access", "event.action:error", "event.action:audit")
	lead := by(30, true, "event.action:failed", "event.action:invalid", "event.action:closed")
	ann := " source.ip=10.0.0.1 user.name=ann"
	for _, tc := range []struct {
		name string
		rule Rule
		logs [][]said
		want string
	}{
		{"access and error log tell of one", two, [][]said{{{0, "event.action=access" + ann}}, {{0.5, "event.action=error" + ann}}}, "1"},
		{"whichever comes first", two, [][]said{{{0.5, "event.action=access" + ann}}, {{0, "event.action=error" + ann}}}, "1"},
		{"three logs tell of one", three, [][]said{{{0, "event.action=access" + ann}}, {{1, "event.action=error" + ann}}, {{2, "event.action=audit" + ann}}}, "1"},
		{"two real ones in the same second stay two", two, [][]said{{{0, "event.action=access" + ann}, {0, "event.action=access" + ann}}, {{0, "event.action=error" + ann}, {0, "event.action=error" + ann}}}, "2"},
		{"three of one log and two of the other are three", two, [][]said{{{0, "event.action=access" + ann}, {0, "event.action=access" + ann}, {0, "event.action=access" + ann}}, {{0, "event.action=error" + ann}, {0, "event.action=error" + ann}}}, "3"},
		{"the same log twice is two", two, [][]said{{{0, "event.action=access" + ann}, {1, "event.action=access" + ann}}}, "2"},
		{"exactly within is one", two, [][]said{{{0, "event.action=access" + ann}}, {{2, "event.action=error" + ann}}}, "1"},
		{"further apart is two", two, [][]said{{{0, "event.action=access" + ann}}, {{2.000001, "event.action=error" + ann}}}, "2"},
		{"other keys are two", two, [][]said{{{0, "event.action=access" + ann}}, {{0, "event.action=error source.ip=10.0.0.2 user.name=ann"}}}, "2"},
		{"a key that one does not give is left out", two, [][]said{{{0, "event.action=access" + ann}}, {{0, "event.action=error source.ip=10.0.0.1"}}}, "1"},
		{"also of the one that comes first", two, [][]said{{{0, "event.action=error source.ip=10.0.0.1"}}, {{1, "event.action=access" + ann}}}, "1"},
		{"but what is then known counts", three, [][]said{{{0, "event.action=error source.ip=10.0.0.1"}}, {{0.5, "event.action=access" + ann}}, {{1, "event.action=audit source.ip=10.0.0.1 user.name=bob"}}}, "2"},
		{"the one with all keys is preferred", two, [][]said{{{0, "event.action=access source.ip=10.0.0.1"}, {0.5, "event.action=access" + ann}}, {{0.6, "event.action=error" + ann}, {0.7, "event.action=error source.ip=10.0.0.1 user.name=bob"}}}, "2"},
		{"an event of no teller counts by itself", two, [][]said{{{0, "event.action=access" + ann}, {0, "event.action=other" + ann}}}, "2"},

		{"a lead takes up what was said before it", lead, [][]said{{{0, "event.action=invalid" + ann}, {2, "event.action=failed" + ann}}}, "1"},
		{"and what is said after it", lead, [][]said{{{0, "event.action=failed" + ann}, {2, "event.action=invalid" + ann}, {3, "event.action=closed" + ann}}}, "1"},
		{"one of each kind", lead, [][]said{{{0, "event.action=invalid" + ann}, {1, "event.action=invalid" + ann}, {2, "event.action=failed" + ann}, {3, "event.action=closed" + ann}, {4, "event.action=closed" + ann}}}, "3"},
		{"two leads take up two", lead, [][]said{{{0, "event.action=invalid" + ann}, {1, "event.action=invalid" + ann}, {2, "event.action=failed" + ann}, {3, "event.action=failed" + ann}}}, "2"},
		{"two companions of no lead stay two", lead, [][]said{{{0, "event.action=invalid" + ann}, {1, "event.action=closed" + ann}}}, "2"},
		{"a lead too far off takes up nothing", lead, [][]said{{{0, "event.action=invalid" + ann}, {30.000001, "event.action=failed" + ann}}}, "2"},
		{"a companion with a key missing is taken up", lead, [][]said{{{0, "event.action=invalid source.ip=10.0.0.1"}, {1, "event.action=failed" + ann}}}, "1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			tc.rule.Group = "log.level" // of none
			var logs []log
			for _, s := range tc.logs {
				logs = append(logs, log{said: s})
			}
			if _, got := scan(t, tc.rule, logs...); got != tc.want+", groups -="+tc.want {
				t.Errorf("counted %s, want %s", got, tc.want)
			}
		})
	}
}

func TestEachTellerIsEvidenceAndCompletesTheGroup(t *testing.T) {
	t.Parallel()
	r := Rule{When: "event.action:*", Title: "of {{user.name}}", Group: "user.name", Once: []Once{{From: []Condition{"event.action:access", "event.action:error"}, By: []string{"source.ip"}, Within: seconds(2)}}}
	w, got := scan(t, r, log{said: []said{{0, "event.action=access source.ip=10.0.0.1"}}}, log{said: []said{{1, "event.action=error source.ip=10.0.0.1 user.name=ann"}}})
	if got != "1, groups ann=1" || len(w.findings) != 1 {
		t.Fatalf("counted %s, %d findings", got, len(w.findings))
	}
	f := w.findings[0]
	if f.Count != 1 || f.Title != "of ann" || len(f.Evidence) != 2 || f.Evidence[0].Teller || !f.Evidence[1].Teller || f.Evidence[1].Gen != 2 {
		t.Errorf("finding %+v", f)
	}
}

func TestAnOccurrenceWhoseKeysAreCompletedIsFoundByThem(t *testing.T) {
	t.Parallel()
	r := Rule{When: "event.action:*", Once: []Once{{From: []Condition{"event.action:access", "event.action:error"}, By: []string{"user.name"}, Within: seconds(2)}}}
	w := newWorld(t, 0, r)
	l := &log{gen: 1, said: []said{{0, "event.action=error"}, {1, "event.action=access user.name=ann"}, {1.5, "log.level=info"}}}
	w.commit(step{[]*event.Page{l.pageOf(t, w.schema, 0, 3)}, []event.Mark{{Gen: 1, Low: micro(1.5)}}})
	if o := w.engine.rules[0].once[0]; len(o.list) != 1 || len(o.part) != 0 || len(o.full) != 1 {
		t.Errorf("%d wait: %d miss a key, %d have all", len(o.list), len(o.part), len(o.full))
	}
}

// The tellers of one occurrence may come in different batches, and it is counted when none can follow any more.
func TestAnOccurrenceWaitsForItsTellers(t *testing.T) {
	t.Parallel()
	r := Rule{When: "event.action:*", Once: []Once{{From: []Condition{"event.action:access", "event.action:error"}, Within: seconds(2)}}}
	w := newWorld(t, 0, r)
	a := &log{gen: 1, said: []said{{0, "event.action=access"}, {10, "event.action=access"}}}
	b := &log{gen: 2, said: []said{{1, "event.action=error"}}}
	low := func(gen int, s float64) event.Mark { return event.Mark{Gen: event.GenID(gen), Low: micro(s)} }
	w.commit(step{marks: []event.Mark{low(1, -100), low(2, -100)}})
	w.commit(step{[]*event.Page{a.pageOf(t, w.schema, 0, 1)}, []event.Mark{low(1, 5)}})
	if n := len(w.findings); n != 0 {
		t.Fatalf("%d findings while the other file may still tell of it", n)
	}
	w.commit(step{[]*event.Page{b.pageOf(t, w.schema, 0, 1)}, []event.Mark{low(2, 2)}})
	if n := len(w.findings); n != 0 {
		t.Fatalf("%d findings at 2 s, within reach of more", n)
	}
	w.commit(step{marks: []event.Mark{low(2, 2.000001)}})
	if n := len(w.findings); n != 1 || len(w.findings[0].Evidence) != 2 {
		t.Fatalf("%d findings after that, want one with two pieces of evidence", n)
	}
}

func TestWhatWaitsIsBoundedAndNothingIsLost(t *testing.T) {
	t.Parallel()
	for _, lead := range []bool{false, true} {
		r := Rule{When: "event.action:*", Severity: "info", Once: []Once{{From: []Condition{"event.action:access", "event.action:error"}, By: []string{"user.name"}, Within: seconds(1e6), Lead: lead}}}
		w := newWorld(t, 0, r)
		n := maxPending + 5000
		begun := time.Now()
		for i := 0; i < n; i += 1000 {
			l := log{gen: 1}
			for j := range 1000 {
				l.said = append(l.said, said{float64(i + j), fmt.Sprintf("event.action=error user.name=u%d", i+j)})
			}
			w.commit(step{[]*event.Page{l.pageOf(t, w.schema, 0, 1000)}, []event.Mark{{Gen: 1, Low: micro(float64(i))}}})
		}
		o := w.engine.rules[0].once[0]
		if len(o.list) > maxPending || len(o.full) > maxPending {
			t.Errorf("%d wait, indexed %d", len(o.list), len(o.full))
		}
		w.commit(step{marks: []event.Mark{{Gen: 1, Low: math.MaxInt64}}})
		if got := w.engine.Tally()["r"]["-"]; got != int64(n) || len(o.list)+len(o.full)+len(o.part) != 0 {
			t.Errorf("lead %v: counted %d of %d; %d, %d, %d are left", lead, got, n, len(o.list), len(o.full), len(o.part))
		}
		if d := time.Since(begun); d > 10*time.Second {
			t.Errorf("took %v: looking for one's like is slow", d)
		}
	}
}

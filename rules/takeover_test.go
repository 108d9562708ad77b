package rules

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// reload lets rules judge in w instead of those that do, at the time w.now; the store has the first n events of l.
func (w *world) reload(l *log, n int, rules ...Rule) Reload {
	w.t.Helper()
	next := newWorld(w.t, w.engine.cfg.Idle, rules...)
	next.engine.cfg = w.engine.cfg
	h := &stored{t: w.t, schema: w.schema, log: &log{gen: l.gen, said: l.said[:n]}}
	r, err := next.engine.TakeOver(context.Background(), w.engine, h, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	w.engine = next.engine
	return r
}

// run gives the events from one to another each at its time.
func (w *world) run(l *log, from, to int) {
	w.t.Helper()
	for i := from; i < to; i++ {
		w.now = time.UnixMicro(micro(l.said[i].at))
		w.commit(l.piece(w, i))
	}
}

// end lets the time pass in which what waits is judged.
func (w *world) end() {
	w.t.Helper()
	w.now = w.now.Add(6 * time.Second)
	w.commit()
}

// found returns what was found of a rule, sorted.
func (w *world) found(rule string) (found []string) {
	for _, f := range w.findings {
		if f.Rule == rule {
			found = append(found, fmt.Sprint(f.ID, f.Count, (f.First-base.UnixMicro())/1e6, len(f.Evidence)))
		}
	}
	slices.Sort(found)
	return found
}

// kindsOfRules are rules of each kind that find something of the log that alternating returns.
func kindsOfRules() map[string]Rule {
	pair := []Once{{From: []Condition{"event.action:fail", "event.action:error"}, By: []string{"user.name"}, Within: seconds(3)}}
	lead := slices.Clone(pair)
	lead[0].Lead = true
	return map[string]Rule{
		"each event":         {When: "event.action:fail"},
		"each, with rearm":   {When: "event.action:fail", Group: "event.action", Rearm: seconds(4)},
		"pairs of events":    {When: "event.action:*", Once: pair},
		"leads and the rest": {When: "event.action:*", Once: lead},
		"thresholds":         {When: "event.action:*", Threshold: &Threshold{Count: 3, Within: seconds(10)}, Rearm: seconds(5)},
		"from the first on":  {When: "event.action:*", Group: "event.action", Threshold: &Threshold{Count: 3, Within: seconds(100)}},
		"different values":   {When: "event.action:*", Threshold: &Threshold{Count: 2, Distinct: "user.name", Within: seconds(10)}, Rearm: seconds(5)},
		"sequences":          {Group: "user.name", Sequence: &Sequence{Within: seconds(5), Steps: []Step{{When: "event.action:fail"}, {When: "event.action:error"}}}},
		"absences":           {When: "event.action:fail", Absence: &Absence{Within: seconds(3)}},
		"gaps":               {When: "event.action:*", Gap: &Gap{Of: "veritail.repeat", Late: seconds(2), Within: seconds(100)}},
		"ratios":             {When: "event.action:*", Rearm: seconds(2), Ratio: &Ratio{Of: "event.action:error", Reaches: 0.5, Count: 4, Within: seconds(8)}},
	}
}

// alternating is a log in which failures and errors alternate, with pauses.
func alternating() *log {
	l := &log{gen: 1}
	for i := range 20 {
		l.said = append(l.said, said{float64(i + i/5*7), fmt.Sprintf("event.action=%s user.name=u%d veritail.repeat=%d", []string{"fail", "error"}[i%2], i/2, 1+i+i/5*3)})
	}
	return l
}

// Whether a rule keeps what it remembers, because another one was changed, or is seeded again, because its title was, it
// finds what it would have found.
func TestAReloadBetweenAnyTwoCommitsFindsTheSame(t *testing.T) {
	t.Parallel()
	other := Rule{ID: "other", When: "event.action:error"}
	changed := Rule{ID: "other", When: "event.action:(error or fail)", Threshold: &Threshold{Count: 2, Within: seconds(5)}}
	for name, r := range kindsOfRules() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := alternating()
			w, _ := live(t, r)
			w.run(l, 0, len(l.said))
			w.end()
			want := w.found("r")
			if len(want) < 2 {
				t.Fatalf("found %q without a reload", want)
			}
			for at := range l.said {
				w := newWorld(t, 2*time.Second, r, other)
				w.engine.cfg.AtOnce = at%2 == 0
				w.run(l, 0, at)
				if got := w.reload(l, at, r, changed); got.Unchanged != 1 || len(got.Changed) != 1 || got.Changed[0].ID != "other" {
					t.Fatalf("reload: %+v", got)
				}
				w.run(l, at, len(l.said))
				w.end()
				if got := w.found("r"); !slices.Equal(got, want) {
					t.Errorf("another changed after %d: found\n%q, want\n%q", at, got, want)
				}

				renamed := r
				renamed.Title = "another title"
				w, _ = live(t, r)
				w.engine.cfg.AtOnce = at%2 == 0
				w.run(l, 0, at)
				if got := w.reload(l, at, renamed); len(got.Changed) != 1 || !slices.Equal(got.Changed[0].Keys, []string{"title"}) {
					t.Fatalf("reload: %+v", got)
				}
				w.run(l, at, len(l.said))
				w.end()
				if got := w.found("r"); !slices.Equal(got, want) {
					t.Errorf("seeded again after %d: found\n%q, want\n%q", at, got, want)
				}
			}
		})
	}
}

func TestAChangedThresholdCountsWhatWasBefore(t *testing.T) {
	t.Parallel()
	of := func(n int) Rule {
		return Rule{When: "event.action:fail", Rearm: seconds(600), Threshold: &Threshold{Count: n, Within: seconds(600)}}
	}
	for _, tc := range []struct {
		name          string
		before, after int // the thresholds
		reload, all   int // events until then, and at all
		want          string
	}{
		{"half of them before, half after", 10, 5, 3, 5, "5 of 10.0.0.1"},
		{"more than enough before: the next one tells", 10, 5, 7, 8, "5 of 10.0.0.1"},
		{"more than enough before, and no more", 10, 5, 7, 7, ""},
		{"it was told before, with the higher one", 6, 5, 7, 9, "6 of 10.0.0.1"},
		{"a higher one has not been met", 5, 10, 4, 9, ""},
		{"a higher one is met by all", 5, 10, 4, 10, "10 of 10.0.0.1"},
	} {
		l := &log{gen: 1}
		for i := range tc.all {
			l.said = append(l.said, at("10.0.0.1", float64(10*i))...)
		}
		w, _ := live(t, of(tc.before))
		w.run(l, 0, tc.reload)
		w.end()
		got := w.reload(l, tc.reload, of(tc.after))
		if len(got.Changed) != 1 || got.Changed[0].Events != int64(tc.reload) || !slices.Equal(got.Changed[0].Keys, []string{"threshold"}) {
			t.Errorf("%s: reload %+v", tc.name, got)
		}
		w.run(l, tc.reload, tc.all)
		w.end()
		var found []string
		for _, f := range w.findings {
			found = append(found, fmt.Sprintf("%d of %s", f.Count, f.Group[0].Value))
			if int64(len(f.Evidence)) != f.Count {
				t.Errorf("%s: %d events are evidence of %d", tc.name, len(f.Evidence), f.Count)
			}
		}
		if got := strings.Join(found, ", "); got != tc.want {
			t.Errorf("%s: found %q, want %q", tc.name, got, tc.want)
		}
	}
}

// A flood that a lower threshold would have been met by a thousand times is not kept.
func TestALoweredThresholdKeepsNoMoreThanItCounts(t *testing.T) {
	t.Parallel()
	r := Rule{When: "event.action:fail", Threshold: &Threshold{Count: 2000, Within: seconds(600)}, Rearm: seconds(600)}
	l := &log{gen: 1}
	for i := range 1000 {
		l.said = append(l.said, at("10.0.0.1", float64(i)/10)...)
	}
	w, _ := live(t, r)
	w.now = time.UnixMicro(micro(110))
	w.commit(step{[]*event.Page{l.pageOf(t, w.schema, 0, 1000)}, []event.Mark{{Gen: 1, Low: micro(100)}}})
	w.now = w.now.Add(6 * time.Second)
	w.commit()
	lower := r
	lower.Threshold = &Threshold{Count: 7, Within: seconds(600)}
	w.reload(l, 1000, lower)
	w.engine.rules[0].windows.each(func(_ string, v *window) {
		if n := len(v.members); n < 7 || n > 14 {
			t.Errorf("%d events are kept for a threshold of 7", n)
		}
		if !slices.IsSortedFunc(v.members, func(a, b *hit) int { return int(a.time - b.time) }) || v.members[len(v.members)-1].time != micro(99.9) {
			t.Error("not the last ones, by time")
		}
	})
}

func TestANewRuleJudgesWhatWaits(t *testing.T) {
	t.Parallel()
	l := &log{gen: 1, said: at("10.0.0.1", 0, 10, 20)}
	w, _ := live(t, Rule{When: "event.action:fail"})
	w.run(l, 0, 3) // that of 20 is stored, and waits
	got := w.reload(l, 3, Rule{ID: "new", When: "event.action:fail"})
	if !slices.Equal(got.Removed, []string{"r"}) || len(got.New) != 1 || got.New[0].ID != "new" {
		t.Errorf("reload %+v", got)
	}
	w.end()
	if a, b := len(w.found("r")), len(w.found("new")); a != 2 || b != 1 {
		t.Errorf("the rule that was removed found %d, want 2; the new one %d, want 1", a, b)
	}
}

func TestAShorterPatienceMissesWhatIsStillMissing(t *testing.T) {
	t.Parallel()
	of := func(s float64) Rule { return Rule{When: "event.action:fail", Absence: &Absence{Within: seconds(s)}} }
	l := &log{gen: 1, said: append(at("10.0.0.1", 0, 500), at("10.0.0.2", 501, 530, 800)...)}
	w, _ := live(t, of(600))
	w.run(l, 0, 4)
	w.now = time.UnixMicro(micro(790))
	w.commit()
	w.reload(l, 4, of(60))
	w.run(l, 4, 5)
	w.end()
	var found []string
	for _, f := range w.findings {
		found = append(found, fmt.Sprintf("%s at %d", f.Group[0].Value, (f.Time-base.UnixMicro())/1e6))
	}
	if want := []string{"10.0.0.1 at 560", "10.0.0.2 at 590"}; !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}

func TestALowerShareThatLastsIsTold(t *testing.T) {
	t.Parallel()
	of := func(share float64) Rule {
		return Rule{When: "event.action:*", Group: "event.dataset", Rearm: seconds(600),
			Ratio: &Ratio{Of: "event.action:fail", Reaches: share, Count: 4, Within: seconds(100)}}
	}
	l := &log{gen: 1, said: []said{}}
	for i := range 12 {
		l.said = append(l.said, said{float64(i), "event.action=" + []string{"fail", "fine", "fine"}[i%3]})
	}
	w, _ := live(t, of(0.9))
	w.run(l, 0, 11)
	w.end()
	w.reload(l, 11, of(0.3))
	w.run(l, 11, 12)
	w.end()
	if len(w.findings) != 1 {
		t.Errorf("%d findings, want one", len(w.findings))
	}
}

func TestAReloadThatCannotReadHistoryChangesNothing(t *testing.T) {
	t.Parallel()
	l := &log{gen: 1, said: at("10.0.0.1", 10, 20, 30, 40, 50)}
	w, _ := live(t, fiveInTen)
	w.run(l, 0, 4)
	lower := fiveInTen
	lower.Threshold = &Threshold{Count: 4, Within: seconds(600)}
	next := newWorld(t, w.engine.cfg.Idle, lower)
	broken := errors.New("no such table")
	if _, err := next.engine.TakeOver(context.Background(), w.engine, &stored{t: t, schema: w.schema, log: l, err: broken}, w.now); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	w.run(l, 4, 5)
	w.end()
	if len(w.findings) != 1 || w.findings[0].Count != 5 {
		t.Errorf("found %+v, want the five", w.findings)
	}
}

// What waits in the files while windows are filled is judged in its turn: none runs ahead of the others afterwards.
func TestAfterAStandstillFilesHaveTheTimeToDeliver(t *testing.T) {
	t.Parallel()
	w, after := live(t, Rule{When: "event.action:fail"})
	first := &log{gen: 1, said: []said{{0, "event.action=fine"}, {20, "event.action=fail"}}}
	second := &log{gen: 2, said: []said{{0, "event.action=fine"}, {15, "event.action=fail"}}}
	w.commit(first.piece(w, 0), second.piece(w, 0))
	after(3)
	w.commit()
	after(40)
	w.engine.Stood(w.now)
	w.commit(step{first.piece(w, 1).pages, []event.Mark{{Gen: 1, Low: math.MaxInt64}}})
	after(1)
	w.commit(second.piece(w, 1))
	after(6)
	w.commit()
	if len(w.findings) != 2 || w.findings[0].Time != micro(15) || w.findings[1].Time != micro(20) {
		t.Errorf("found %+v, want that of 15 and then that of 20", w.findings)
	}
}

func TestAWiderConditionIsQuietOnlyAboutWhatWasTold(t *testing.T) {
	t.Parallel()
	of := func(when string) Rule { return Rule{When: when, Rearm: seconds(600)} }
	l := &log{gen: 1, said: []said{
		{0, "event.action=fail source.ip=10.0.0.1"}, {1, "event.action=error source.ip=10.0.0.2"},
		{20, "event.action=fail source.ip=10.0.0.1"}, {21, "event.action=error source.ip=10.0.0.2"},
	}}
	w, _ := live(t, of("event.action:fail"))
	w.run(l, 0, 2)
	w.end()
	w.reload(l, 2, of("event.action:*"))
	w.run(l, 2, 4)
	w.end()
	var found []string
	for _, f := range w.findings {
		found = append(found, f.Group[0].Value)
	}
	if want := []string{"10.0.0.1", "10.0.0.2"}; !slices.Equal(found, want) {
		t.Errorf("found %q, want %q", found, want)
	}
}

func TestCompareTellsWhatDiffers(t *testing.T) {
	t.Parallel()
	r := Rule{ID: "r", Severity: "high", When: "event.action:fail", Runbook: "do"}
	change := func(f func(*Rule)) []Rule {
		c := r
		f(&c)
		return []Rule{c}
	}
	on := true
	for _, tc := range []struct {
		name string
		now  []Rule
		want string
	}{
		{"nothing", []Rule{r}, "1 unchanged"},
		{"a runbook", change(func(r *Rule) { r.Runbook = "look" }), "reworded r [runbook]"},
		{"a severity", change(func(r *Rule) { r.Severity = "low" }), "reworded r [severity]"},
		{"a severity of what is counted only", change(func(r *Rule) { r.Severity = "info" }), "changed r [severity]"},
		{"a condition", change(func(r *Rule) { r.When = "event.action:*" }), "changed r [when]"},
		{"a suppression", change(func(r *Rule) { r.Suppress = []Suppression{{During: []string{"02:00-03:00"}}} }), "changed r [suppress]"},
		{"a suppression that stands beside it", change(func(r *Rule) {
			r.Suppress = []Suppression{{During: []string{"02:00-03:00"}, owner: &Rule{}}}
		}), "changed r [suppress]"},
		{"tests, and that it is on", change(func(r *Rule) { r.Tests, r.Enabled = []Test{{Name: "t"}}, &on }), "1 unchanged"},
		{"all", []Rule{{ID: "s"}}, "new s [], removed r"},
	} {
		var parts []string
		got := Compare(tc.now, []Rule{r})
		if got.Unchanged > 0 {
			parts = append(parts, fmt.Sprint(got.Unchanged, " unchanged"))
		}
		for what, list := range map[string][]Reloaded{"reworded": got.Reworded, "changed": got.Changed, "new": got.New} {
			for _, c := range list {
				parts = append(parts, fmt.Sprintf("%s %s %v", what, c.ID, c.Keys))
			}
		}
		for _, id := range got.Removed {
			parts = append(parts, "removed "+id)
		}
		if text := strings.Join(parts, ", "); text != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, text, tc.want)
		}
	}
}

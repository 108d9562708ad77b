package rules

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// interleavable are logs of three files that tell of the same things, and rules of every kind.
func interleavable(r *rand.Rand) ([]*log, []Rule) {
	actions := []string{"access", "error", "failed", "invalid", "closed", "fine"}
	var logs []*log
	for gen := range 3 {
		l := &log{gen: event.GenID(gen + 1), data: fmt.Sprint("d", gen), site: []string{"", "", "north"}[gen]}
		t := 0.0
		for range 150 {
			t += float64(r.IntN(4)) / 2 // several of one time, also across files
			fields := fmt.Sprintf("event.action=%s source.ip=10.0.0.%d", actions[r.IntN(len(actions))], r.IntN(3))
			if r.IntN(4) > 0 {
				fields += fmt.Sprintf(" user.name=u%d", r.IntN(2))
			}
			fields += fmt.Sprintf(" url.original=/%d", r.IntN(5))
			l.said = append(l.said, said{t, fields})
		}
		logs = append(logs, l)
	}
	return logs, []Rule{
		{ID: "each", When: "event.action:failed", Group: "user.name"},
		{ID: "quiet", When: "event.action:failed", Rearm: seconds(3)},
		{ID: "many", When: "event.action:*", Threshold: &Threshold{Count: 4, Within: seconds(5)}, Rearm: seconds(2)},
		{ID: "different", When: "event.action:*", Threshold: &Threshold{Count: 4, Distinct: "url.original", Within: seconds(8)}},
		{ID: "both", When: "event.action:(access or error)", Once: []Once{{From: []Condition{"event.action:access", "event.action:error"}, By: []string{"source.ip", "user.name"}, Within: seconds(2)}}},
		{ID: "lead", When: "event.action:(failed or invalid or closed)", Threshold: &Threshold{Count: 3, Within: seconds(10)},
			Once: []Once{{From: []Condition{"event.action:failed", "event.action:invalid", "event.action:closed"}, By: []string{"source.ip"}, Within: seconds(3), Lead: true}}},
	}
}

// run reads the logs in random pieces in a random order. Each batch's mark says what can be known of its file.
func run(t *testing.T, r *rand.Rand, logs []*log, rules []Rule) (findings, counts []string) {
	w := newWorld(t, 0, slices.Clone(rules)...)
	var all step
	for _, l := range logs {
		all.marks = append(all.marks, event.Mark{Gen: l.gen, Low: math.MinInt64})
	}
	w.commit(all)
	at := make([]int, len(logs))
	for {
		var open []int
		for i, l := range logs {
			if at[i] < len(l.said) {
				open = append(open, i)
			}
		}
		if len(open) == 0 {
			break
		}
		i := open[r.IntN(len(open))]
		l := logs[i]
		to := min(at[i]+1+r.IntN(40), len(l.said))
		m := event.Mark{Gen: l.gen, Low: math.MaxInt64}
		if to < len(l.said) {
			m.Low = micro(l.said[to-1].at)
		}
		w.commit(step{[]*event.Page{l.pageOf(t, w.schema, at[i], to)}, []event.Mark{m}})
		at[i] = to
	}
	for _, f := range w.findings {
		var evidence []string
		for _, e := range f.Evidence {
			evidence = append(evidence, fmt.Sprintf("%d:%d%v", e.Gen, e.Spans[0].Off, e.Teller))
		}
		findings = append(findings, fmt.Sprint(f.ID, f.Rule, f.Group, f.Site, f.Count, f.First, f.Last, f.Title, evidence))
	}
	for id, groups := range w.engine.Tally() {
		counts = append(counts, id+" "+text(groups))
	}
	slices.Sort(counts)
	return findings, counts
}

func TestWhatIsFoundDoesNotDependOnTheOrderOfReading(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 1))
		logs, rules := interleavable(r)
		findings, counts := run(t, r, logs, rules)
		if len(counts) != len(rules) || len(findings) < 50 {
			t.Fatalf("seed %d: only %d findings of %d rules: the test would show nothing", seed, len(findings), len(counts))
		}
		if sorted := slices.Clone(findings); len(slices.Compact(slices.Sorted(slices.Values(sorted)))) != len(findings) {
			t.Errorf("seed %d: two findings are the same", seed)
		}
		for range 8 {
			f, c := run(t, r, logs, rules)
			if !reflect.DeepEqual(f, findings) || !reflect.DeepEqual(c, counts) {
				t.Fatalf("seed %d: another order of reading found\n%s\n%s\ninstead of\n%s\n%s", seed,
					strings.Join(c, "\n"), strings.Join(f, "\n"), strings.Join(counts, "\n"), strings.Join(findings, "\n"))
			}
		}
	}
}

// live returns a world that follows files, with one rule; and a function that lets time pass.
func live(t *testing.T, r Rule) (w *world, after func(float64)) {
	w = newWorld(t, 2*time.Second, r)
	w.now = time.UnixMicro(micro(0))
	return w, func(s float64) { w.now = w.now.Add(time.Duration(s * float64(time.Second))) }
}

// piece is a batch with the event numbered i of l, at whose time the file then stands.
func (l *log) piece(w *world, i int) step {
	return step{[]*event.Page{l.pageOf(w.t, w.schema, i, i+1)}, []event.Mark{{Gen: l.gen, Low: micro(l.said[i].at)}}}
}

func TestASilentFileStopsHoldingUpTheOthers(t *testing.T) {
	t.Parallel()
	w, after := live(t, Rule{When: "event.action:fail"})
	old := &log{gen: 1, said: []said{{-3600, "event.action=fine"}}}
	busy := &log{gen: 2, said: []said{{0, "event.action=fail"}}}
	w.commit(old.piece(w, 0), busy.piece(w, 0))
	after(1.9)
	w.commit()
	if len(w.findings) != 0 {
		t.Fatal("judged while the other file may still bring older events")
	}
	after(0.2)
	w.commit() // what the pipeline sends when no file has anything
	if len(w.findings) != 1 {
		t.Fatal("a file that is silent holds up the others")
	}
}

func TestAFileThatCatchesUpIsWaitedFor(t *testing.T) {
	t.Parallel()
	w, after := live(t, Rule{When: "event.action:fail", Threshold: &Threshold{Count: 3, Within: seconds(60)}})
	old, busy := &log{gen: 1}, &log{gen: 2}
	for i := range 12 { // six hours within six seconds; then it is at the end
		old.said = append(old.said, said{float64(i)*1800 - 6*3600 + 1800 - 1, "event.action=fine"})
	}
	old.said[11] = said{-1, "event.action=fail source.ip=10.0.0.1"}
	busy.said = at("10.0.0.1", 0, 0.5)
	w.commit(busy.piece(w, 0), busy.piece(w, 1), old.piece(w, 0))
	for i := range 11 {
		after(0.5)
		w.commit(old.piece(w, i+1))
	}
	if len(w.findings) != 0 {
		t.Fatal("judged before the file had caught up")
	}
	after(3)
	w.commit()
	if len(w.findings) != 1 || w.findings[0].Time != micro(0.5) || w.findings[0].Evidence[0].Gen != 1 {
		t.Fatalf("findings %+v, want one whose first evidence is of the file that caught up", w.findings)
	}
}

func TestASlowClockHoldsUpNoOtherFile(t *testing.T) {
	t.Parallel()
	for name, stamp := range map[string]func(now float64) float64{
		"stamps of another zone": func(now float64) float64 { return now - 7200 },
		"no stamps at all":       func(float64) float64 { return -float64(base.Unix()) },
	} {
		w, after := live(t, Rule{When: "event.action:fail"})
		slow, busy := &log{gen: 1}, &log{gen: 2, said: []said{{1, "event.action=fail"}}}
		for i := range 20 {
			slow.said = append(slow.said, said{stamp(float64(i)), "event.action=fine"})
		}
		for i := range 20 {
			w.commit(slow.piece(w, i))
			if i == 1 {
				w.commit(busy.piece(w, 0))
			}
			if late := i == 6 && len(w.findings) == 0; late {
				t.Errorf("%s: nothing is found five seconds after the event", name)
			}
			after(1)
		}
	}
}

func TestFilesOfASlowClockStillTellOfOneOccurrence(t *testing.T) {
	t.Parallel()
	w, after := live(t, Rule{When: "event.action:*", Once: []Once{{From: []Condition{"event.action:access", "event.action:error"}, Within: seconds(2)}}})
	right, access, errs := &log{gen: 3}, &log{gen: 1}, &log{gen: 2}
	for i := range 20 {
		right.said = append(right.said, said{float64(i), "log.level=info"})
		access.said = append(access.said, said{float64(i) - 7200, "log.level=info"})
		errs.said = append(errs.said, said{float64(i) - 7200, "log.level=info"})
	}
	access.said[10].fields, errs.said[11].fields = "event.action=access", "event.action=error"
	for i := range 20 {
		w.commit(right.piece(w, i), access.piece(w, i), errs.piece(w, i))
		after(1)
	}
	if got := w.counts(); got != "1, groups -=1" {
		t.Errorf("counted %s", got)
	}
}

func TestStampsAheadOfTheClockDoNotWaitForTheirTime(t *testing.T) {
	t.Parallel()
	w, after := live(t, Rule{When: "event.action:fail", Once: []Once{{From: []Condition{"event.action:x", "event.action:fail"}, Within: seconds(3)}}})
	ahead := &log{gen: 1, said: []said{{3600, "event.action=fail"}, {1e11, "event.action=fail"}}}
	w.commit(ahead.piece(w, 0), ahead.piece(w, 1))
	after(5.1)
	w.commit()
	if len(w.findings) != 2 || w.findings[0].Time != micro(3600) {
		t.Errorf("%d findings five seconds later, want both", len(w.findings))
	}
	later := &log{gen: 2, said: []said{{5.1, "event.action=fail"}}}
	w.commit(later.piece(w, 0))
	after(5.1)
	w.commit()
	if len(w.findings) != 3 {
		t.Error("a stamp far ahead stopped what comes after it")
	}
}

func TestTheSameLinesGiveTheSameFinding(t *testing.T) {
	t.Parallel()
	ids := func(r Rule) (all []string) {
		w, _ := scan(t, r, log{said: at("10.0.0.1", 0, 1, 2)})
		for _, f := range w.findings {
			all = append(all, f.ID)
		}
		return all
	}
	r := Rule{ID: "a", When: "event.action:fail"}
	first := ids(r)
	if again := ids(r); !slices.Equal(first, again) || len(first) != 3 || first[0] == first[1] {
		t.Errorf("ids %v, then %v", first, again)
	}
	r.ID = "b"
	if other := ids(r); other[0] == first[0] {
		t.Error("two rules give one id")
	}
}

// A finished file that ends is followed by another Process without trouble.
func TestTheEndOfAllFilesIsNotTheEndOfTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0, Rule{When: "event.action:*", Once: []Once{{From: []Condition{"event.action:access", "event.action:error"}, Within: seconds(2)}}})
	for gen := range 2 {
		l := &log{gen: event.GenID(gen + 1), said: []said{{float64(gen) * 60, "event.action=access"}}}
		w.commit(l.whole(t, w.schema))
	}
	w.flush()
	if err := w.engine.Process(context.Background(), &event.Commit{Batch: &event.Batch{}}); err != nil || len(w.findings) != 2 {
		t.Errorf("%d findings, %v", len(w.findings), err)
	}
}

package rules

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// A life is a daemon's: its rules judge until the event numbered to.
type life struct {
	rule Rule
	to   int
}

// lives gives the events of l each at its time to one set of rules after the other, and returns their world at the end. Where the next one begins
// it takes over while the daemon runs; or else the daemon is killed there, and started with it.
func lives(t *testing.T, l *log, killed func(i int) bool, all ...life) *world {
	t.Helper()
	w := newWorld(t, 2*time.Second, all[0].rule)
	w.engine.cfg.AtOnce = true
	var turns []Turn // of what has judged so far
	var from []Rule
	noted := int64(0)
	at := 0
	for i, x := range all {
		if i > 0 {
			until := w.engine.Judged(w.now)
			from, turns = append(from, all[i-1].rule), append(turns, Turn{Until: until})
			if !killed(i) {
				w.reload(l, at, x.rule)
			} else {
				next := newWorld(t, 2*time.Second, x.rule)
				next.now, next.findings = w.now, w.findings
				next.engine.cfg.AtOnce = true
				next.told(noted)
				before := slices.Clone(turns)
				for j := range before {
					before[j].Engine = newWorld(t, 2*time.Second, from[j]).engine
				}
				h := &stored{t: t, schema: next.schema, log: &log{gen: l.gen, said: l.said[:at]}}
				if _, err := next.engine.Resume(context.Background(), h, before, noted, next.now); err != nil {
					t.Fatal(err)
				}
				w = next
			}
		}
		for ; at < x.to; at++ {
			w.now = time.UnixMicro(micro(l.said[at].at))
			s := l.piece(w, at)
			c := &event.Commit{Batch: &event.Batch{Pages: s.pages, From: s.marks, To: s.marks}}
			if err := w.engine.Process(context.Background(), c); err != nil {
				t.Fatal(err)
			}
			if m := c.To[len(c.To)-1]; m.Gen == Progress {
				if c.From[len(c.From)-1].Off != noted {
					t.Fatalf("the mark begins at %d, the store's is %d", c.From[len(c.From)-1].Off, noted)
				}
				noted = m.Off
			}
			w.keep(c)
		}
	}
	w.end()
	return w
}

// Rules that are changed while the daemon is stopped find what they would have found if they had been changed while it ran, and a
// daemon that is started after such a change goes on as if it had not been stopped.
func TestAChangeWhileTheDaemonIsStoppedIsOneWhileItRuns(t *testing.T) {
	t.Parallel()
	for name, r := range kindsOfRules() {
		renamed := r
		renamed.Title = "another title"
		changes := map[string]Rule{"another title": renamed}
		if r.Threshold != nil {
			lower, higher := *r.Threshold, *r.Threshold
			lower.Count, higher.Count = max(lower.Count-1, 1), higher.Count+1
			down, up := r, r
			down.Threshold, up.Threshold = &lower, &higher
			changes["a lower threshold"], changes["a higher threshold"] = down, up
		}
		if r.When == "event.action:fail" {
			wider := r
			wider.When = "event.action:*"
			changes["a wider condition"] = wider
		}
		if r.Ratio != nil {
			share := *r.Ratio
			share.Reaches = 0.3
			lower := r
			lower.Ratio = &share
			changes["a lower share"] = lower
		}
		for change, now := range changes {
			t.Run(name+", "+change, func(t *testing.T) {
				t.Parallel()
				l := alternating()
				n, told := len(l.said), 0
				for at := 1; at < n; at++ {
					want := lives(t, l, func(int) bool { return false }, life{r, at}, life{now, n}).found("r")
					told += len(want)
					if got := lives(t, l, func(int) bool { return true }, life{r, at}, life{now, n}).found("r"); !slices.Equal(got, want) {
						t.Errorf("changed after %d while stopped: found\n%q, want\n%q", at, got, want)
					}
					for later := at; later < min(at+4, n); later++ {
						if got := lives(t, l, func(i int) bool { return i == 2 }, life{r, at}, life{now, later}, life{now, n}).found("r"); !slices.Equal(got, want) {
							t.Errorf("changed after %d, started again after %d: found\n%q, want\n%q", at, later, got, want)
						}
					}
				}
				if told < n {
					t.Errorf("in all %d are found: the test shows nothing", told)
				}
			})
		}
	}
}

func TestAThresholdThatIsLoweredWhileTheDaemonIsStopped(t *testing.T) {
	t.Parallel()
	of := func(n int) Rule {
		return Rule{When: "event.action:fail", Rearm: seconds(600), Threshold: &Threshold{Count: n, Within: seconds(600)}}
	}
	for _, tc := range []struct {
		name          string
		before, after int // the thresholds
		stop, all     int // events until then, and at all
		want          string
	}{
		{"more than enough before: the next one tells", 10, 5, 7, 8, "[5]"},
		{"it was told before, with the higher one", 6, 5, 7, 9, "[6]"},
		{"a higher one is met by all", 5, 10, 4, 10, "[10]"},
	} {
		l := &log{gen: 1}
		for i := range tc.all {
			l.said = append(l.said, at("10.0.0.1", float64(10*i))...)
		}
		var counts []int64
		for _, f := range lives(t, l, func(int) bool { return true }, life{of(tc.before), tc.stop}, life{of(tc.after), tc.all}).findings {
			counts = append(counts, f.Count)
		}
		if got := fmt.Sprint(counts); got != tc.want {
			t.Errorf("%s: found of %s, want %s", tc.name, got, tc.want)
		}
	}
}

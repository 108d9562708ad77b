package rules

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// An event whose time lies an hour in the future, since a clock is wrong or a time is made up, hides nothing that is found of
// others, makes nothing be found twice, and counts with those of its own time.
func TestAnEventOfTheFutureHidesNothing(t *testing.T) {
	t.Parallel()
	const hour = 3600
	spread := Rule{When: "event.action:fail", Threshold: &Threshold{Count: 3, Distinct: "host.name", Within: seconds(15)}, Rearm: seconds(20)}
	many := Rule{When: "event.action:fail", Threshold: &Threshold{Count: 3, Within: seconds(15)}, Rearm: seconds(20)}
	each := Rule{When: "event.action:fail", Rearm: seconds(20)}
	fail := func(at float64, host string) said {
		return said{at, "event.action=fail source.ip=10.0.0.1 host.name=" + host}
	}
	for _, tc := range []struct {
		name string
		rule Rule
		said []said // in the order in which they come: one a second, each at its time or an hour before
		want string // the seconds of the findings' first and last events
	}{
		{"before the others", spread, []said{fail(hour, "d"), fail(1, "a"), fail(2, "b"), fail(3, "c")}, "1-3"},
		{"among them", spread, []said{fail(0, "a"), fail(1, "b"), fail(hour+2, "d"), fail(3, "c")}, "0-3"},
		{"of a host whose clock was ahead and is right again", spread, []said{fail(hour, "a"), fail(1, "a"), fail(2, "b"), fail(3, "c")}, "1-3"},
		{"of a host whose clock goes wrong in the midst", spread, []said{fail(0, "a"), fail(1, "b"), fail(hour+2, "b"), fail(3, "c")}, "0-3"},
		{"of three hosts whose clocks are all ahead", spread, []said{fail(hour, "a"), fail(1, "x"), fail(hour+2, "b"), fail(hour+3, "c")}, "3600-3603"},
		{"after a finding", spread, []said{fail(0, "a"), fail(1, "b"), fail(2, "c"), fail(hour+3, "d"), fail(4, "a"), fail(5, "b"), fail(6, "c")}, "0-2"},
		{"of a rule that counts occurrences", many, []said{fail(hour, "a"), fail(1, "a"), fail(2, "a"), fail(3, "a")}, "1-3"},
		{"of a rule without a threshold", each, []said{fail(hour, "a"), fail(1, "a"), fail(25, "a"), fail(26, "a")}, "3600-3600 25-25"},
	} {
		w := newWorld(t, 10*time.Second, tc.rule)
		l := &log{gen: 1, said: tc.said}
		for i := range l.said {
			at := l.said[i].at
			if at >= hour {
				at -= hour
			}
			w.now = base.Add(time.Duration(at * float64(time.Second)))
			w.commit(step{pages: []*event.Page{l.pageOf(t, w.schema, i, i+1)}})
		}
		for i := range 10 { // it is waited for others
			w.now = base.Add(time.Duration(40+i) * time.Second)
			w.commit()
		}
		var got []string
		for _, f := range w.findings {
			got = append(got, fmt.Sprintf("%d-%d", (f.First-micro(0))/1e6, (f.Last-micro(0))/1e6))
		}
		if got := strings.Join(got, " "); got != tc.want {
			t.Errorf("%s: findings of %s, want %s", tc.name, got, tc.want)
		}
	}
}

// Who judged with a clock that was an hour ahead has judged all there was. Whoever goes on with a clock that is right knows
// what came just before.
func TestWindowsAreFilledAfterAClockThatWasAhead(t *testing.T) {
	t.Parallel()
	l := &log{gen: 1, said: at("10.0.0.1", 0, 1)}
	rule := Rule{When: "event.action:fail", Threshold: &Threshold{Count: 3, Within: seconds(15)}}
	w := newWorld(t, 10*time.Second, rule)
	now := base.Add(2 * time.Second)
	if err := w.engine.Seed(context.Background(), hosts{t, w, []*log{l}, []int{0}, []int{2}}, now.Add(time.Hour).UnixMicro(), now); err != nil {
		t.Fatal(err)
	}
	w.now = now
	l.said = append(l.said, at("10.0.0.1", 3)...)
	c := &event.Commit{Batch: &event.Batch{}}
	if _, err := w.engine.Gather(context.Background(), hosts{t, w, []*log{l}, []int{2}, []int{3}}, c); err != nil {
		t.Fatal(err)
	}
	if len(c.Findings) != 1 || c.Findings[0].Count != 3 {
		t.Errorf("found %+v, want one of three events", c.Findings)
	}
}

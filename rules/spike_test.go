package rules

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// usualLoad returns how much a service has in an hour that began at t: by day and by week, growing, and never quite the same.
func usualLoad(r *rand.Rand, t time.Time, since time.Time) float64 {
	day := 1 + 0.9*math.Sin(2*math.Pi*(float64(t.Hour())-9)/24)
	week := 1.0
	if d := t.Weekday(); d == time.Saturday || d == time.Sunday {
		week = 0.35
	}
	growth := 1 + 0.04*t.Sub(since).Hours()/hoursOfWeek
	return 60 * day * week * growth * math.Exp(0.2*r.NormFloat64())
}

// Ten weeks with seasons, and spikes that were put there: each is found, and hardly anything else.
func TestASpikeIsFoundAmongTheSeasonsOfTenWeeks(t *testing.T) {
	t.Parallel()
	const weeks = 10
	falses, planted, found := 0, 0, 0
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 15))
		spikes := map[int]bool{}
		for len(spikes) < 12 {
			spikes[5*hoursOfWeek+r.IntN((weeks-5)*hoursOfWeek)] = true
		}
		l := &log{gen: 1}
		for h := range weeks * hoursOfWeek {
			n := usualLoad(r, base.Add(time.Duration(h)*time.Hour), base)
			if spikes[h] {
				n = 5*n + 60
			}
			const events = 10 // an hour's load comes in so many
			for i := range events {
				l.said = append(l.said, said{float64(h)*3600 + float64(i)*350, fmt.Sprintf("event.action=x user.name=u veritail.repeat=%d", int(n)/events+1)})
			}
		}
		w := newWorld(t, 0, Rule{Group: "user.name", When: "event.action:x", Weight: "veritail.repeat", Spike: &Spike{Times: 3, Count: 50}})
		w.now = w.now.Add(weeks * 7 * 24 * time.Hour)
		for from := 0; from < len(l.said); from += event.PageRows {
			to := min(from+event.PageRows, len(l.said))
			w.commit(step{[]*event.Page{l.pageOf(t, w.schema, from, to)}, []event.Mark{{Gen: 1, Low: micro(l.said[to-1].at)}}})
		}
		w.flush()
		at := map[int]bool{}
		for _, f := range w.findings {
			h := int((f.Time - base.UnixMicro()) / hour)
			if at[h] {
				t.Errorf("the hour %d is told twice", h)
			}
			at[h] = true
			if !spikes[h] {
				falses++
			} else if !strings.Contains(f.Message, "are usual in it.") {
				t.Errorf("message %q", f.Message)
			}
		}
		for h := range spikes {
			if planted++; at[h] {
				found++
			} else {
				t.Errorf("the spike in hour %d of run %d was not found", h, seed)
			}
		}
	}
	t.Logf("%d of %d spikes were found, and %d hours that are none, in %d weeks", found, planted, falses, 5*weeks)
	if falses > 5*(weeks-4) {
		t.Errorf("%d hours that are no spikes: more than one a week", falses)
	}
}

func TestAnHourIsComparedWithTheSameHourOnly(t *testing.T) {
	t.Parallel()
	weekly := func(weeks int, last int) (l log) { // 40 events each Monday at nine
		for w := range weeks {
			n := 40
			if w == weeks-1 {
				n = last
			}
			for i := range n {
				l.said = append(l.said, said{float64(w*hoursOfWeek*3600 + i), "event.action=x user.name=u"})
			}
		}
		return l
	}
	for _, tc := range []struct {
		name string
		log  log
		want int
	}{
		{"as much as in the weeks before", weekly(6, 40), 0},
		{"three times as much", weekly(6, 130), 1},
		{"a group that is not known for four weeks", weekly(4, 130), 0},
		{"one loud week is not usual", weekly(8, 40), 0},
	} {
		w := newWorld(t, 0, Rule{Group: "user.name", When: "event.action:x", Spike: &Spike{Times: 3, Count: 50}})
		w.now = w.now.Add(60 * 24 * time.Hour)
		tc.log.gen = 1
		w.commit(tc.log.whole(t, w.schema))
		if len(w.findings) != tc.want {
			t.Errorf("%s: %d findings, want %d", tc.name, len(w.findings), tc.want)
		}
	}
}

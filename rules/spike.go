package rules

import (
	"fmt"
	"slices"
	"sort"
	"time"
)

// spikes judge an hour by the same hour of former weeks.
type spikes struct {
	rule   *compiled
	weeks  int
	groups recent[spike]
}

// A spike is what is known of one group.
type spike struct {
	hours []hourly // ascending
	last  evidence
}

// An hourly is how much an hour had. Hours are counted from 1970.
type hourly struct {
	hour int32
	n    uint32
}

const hoursOfWeek = 7 * 24

func newSpikes(r *compiled) *spikes {
	s := &spikes{rule: r, weeks: r.Spike.Weeks}
	if s.weeks == 0 {
		s.weeks = 4
	}
	s.groups.keep = s.memory().Microseconds()
	return s
}

// memory is a week longer than what is compared: a group counts as known that had something then.
func (s *spikes) memory() time.Duration {
	return time.Duration(s.weeks+1)*hoursOfWeek*time.Hour + time.Hour
}

func (s *spikes) take(e *Engine, h *hit) {
	g, _ := remember(e, h, &s.groups)
	now := int32(floor(h.time, hour) / hour)
	g.forget(now - int32(s.weeks+1)*hoursOfWeek)
	n := g.add(now, h.weight)
	g.last.add(h)
	if len(g.hours) == 0 || g.hours[0].hour > now-int32(s.weeks)*hoursOfWeek {
		return
	}
	usual := g.usual(now, s.weeks)
	bound := max(float64(s.rule.Spike.Count), s.rule.Spike.Times*usual)
	if float64(n) < bound || float64(n-h.weight) >= bound {
		return
	}
	e.count(h, 1)
	e.report(g.last.since(floor(h.time, hour)-1), report{
		time: h.time, count: n, said: fmt.Sprintf("%d events in this hour so far; %.0f are usual in it.", n, usual),
	})
}

// add adds to an hour and returns what it has.
func (g *spike) add(hour int32, n int64) int64 {
	i := len(g.hours)
	for i > 0 && g.hours[i-1].hour > hour {
		i--
	}
	if i == 0 || g.hours[i-1].hour != hour {
		g.hours = slices.Insert(g.hours, i, hourly{hour: hour})
		i++
	}
	h := &g.hours[i-1]
	h.n += uint32(min(n, 1<<20))
	return int64(h.n)
}

// forget drops the hours before one; mostly, many at a time.
func (g *spike) forget(before int32) {
	i := sort.Search(len(g.hours), func(i int) bool { return g.hours[i].hour >= before })
	if i > 0 {
		g.hours = append(g.hours[:0], g.hours[i:]...)
	}
}

// usual returns the median of what the same hour of the weeks before had. An hour counts as much as the larger of its
// neighbours: what happens at the same time does not happen to the minute, and twice a year clocks are put forward or back.
func (g *spike) usual(hour int32, weeks int) float64 {
	var room [maxWeeks]int64
	had := room[:0]
	for w := 1; w <= weeks; w++ {
		at := hour - int32(w)*hoursOfWeek
		i := sort.Search(len(g.hours), func(i int) bool { return g.hours[i].hour >= at-1 })
		most := int64(0)
		for ; i < len(g.hours) && g.hours[i].hour <= at+1; i++ {
			most = max(most, int64(g.hours[i].n))
		}
		had = append(had, most)
	}
	slices.Sort(had)
	return float64(had[(len(had)-1)/2]+had[len(had)/2]) / 2
}

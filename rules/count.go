package rules

import (
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

const (
	maxNamed = 1000 // group values of a rule and hour that have a series of their own
	// Others is the group value under which all further ones of an hour are counted.
	Others = "(others)"
)

const (
	minute = int64(time.Minute / time.Microsecond)
	hour   = 60 * minute
)

// RuleSeries is the series of a rule's occurrences by minute.
func RuleSeries(id string) string { return "rule/" + id }

// GroupSeries is the beginning of the series of a rule's occurrences by group value and hour; the value follows.
func GroupSeries(id string) string { return "group/" + id + "/" }

// A rollupKey tells the rollups of a commit apart.
type rollupKey struct {
	series string
	place  *place
	at     int64
}

// A rollup is one that a series added to, by its number in the commit's.
type rollup struct {
	place  *place
	at     int64
	number int
	commit int // the number of the commit; 0: none
}

// A series is one of rollups. What is added to it next mostly goes to the rollup that it added to last.
type series struct {
	name string
	last rollup
}

// hours names the groups of a rule that have a series of their own: the first of each hour.
type hours struct {
	hour   int64 // the latest
	groups map[string]*series
	others series
}

// count adds n occurrences to the rollups: of the rule by minute, and of the rule's group by hour unless all groups are
// tallied.
func (e *Engine) count(h *hit, n int64) {
	r := h.rule
	if e.watch != nil {
		e.watch.counted(h)
	}
	e.add(&r.series, h.from.place, floor(h.time, minute), n)
	if e.cfg.Tally {
		r.tally.add(h.group(), n)
		return
	}
	at := floor(h.time, hour)
	e.add(r.hours.of(r.ID, h.group(), at), h.from.place, at, n)
}

// add adds n to the rollup of a series.
func (e *Engine) add(s *series, from *place, at, n int64) {
	if s.last.commit != e.commits || s.last.at != at || s.last.place != from {
		s.last = rollup{from, at, e.rollup(rollupKey{s.name, from, at}), e.commits}
	}
	e.out.Rollups[s.last.number].N += n
}

// rollup returns the number of a rollup in the commit.
func (e *Engine) rollup(key rollupKey) int {
	i, ok := e.rollups[key]
	if !ok {
		i = len(e.out.Rollups)
		e.rollups[key] = i
		e.out.Rollups = append(e.out.Rollups, event.Delta{Site: key.place.site, Series: key.series, Dataset: key.place.dataset, Minute: key.at})
	}
	return i
}

// of returns the series of a rule's group in an hour. An occurrence of an earlier hour that comes late shares the latest
// hour's bound.
func (c *hours) of(rule string, group []byte, hour int64) *series {
	if c.groups == nil || hour > c.hour {
		c.hour, c.groups = hour, map[string]*series{}
		c.others.name = GroupSeries(rule) + Others
	}
	s := c.groups[string(group)]
	switch {
	case s != nil:
	case len(c.groups) >= maxNamed || len(group) > maxValue:
		s = &c.others
	default:
		s = &series{name: GroupSeries(rule) + string(group)}
		c.groups[string(group)] = s
	}
	return s
}

// A tally counts by group, each one that ever was.
type tally map[string]*int64

func (t *tally) add(group []byte, n int64) {
	sum := (*t)[string(group)]
	if sum == nil {
		if *t == nil {
			*t = tally{}
		}
		sum = new(int64)
		(*t)[string(group)] = sum
	}
	*sum += n
}

// Tally returns, by rule id and group value, how many occurrences were counted (of threshold rules: how often they
// fired). It is empty unless Config.Tally is set.
func (e *Engine) Tally() map[string]map[string]int64 {
	all := map[string]map[string]int64{}
	for _, r := range append(slices.Clip(e.rules), e.forgot) {
		if len(r.tally) == 0 {
			continue
		}
		groups := make(map[string]int64, len(r.tally))
		for name, n := range r.tally {
			groups[name] = *n
		}
		all[r.ID] = groups
	}
	return all
}

// floor returns the largest multiple of step that is not after t.
func floor(t, step int64) int64 { return t - ((t%step)+step)%step }

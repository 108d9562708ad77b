package rules

import (
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

// A rollupKey tells the rollups of a commit apart: of a rule by minute, or of one of its groups by hour.
type rollupKey struct {
	rule          int
	byGroup       bool
	group         string
	site, dataset string
	at            int64
}

// A rollup is a place in the commit's rollups.
type rollup struct {
	key    rollupKey
	place  int
	commit int // the number of the commit; 0: none
}

// RuleSeries is the series of a rule's occurrences by minute.
func RuleSeries(id string) string { return "rule/" + id }

// GroupSeries is the beginning of the series of a rule's occurrences by group value and hour; the value follows.
func GroupSeries(id string) string { return "group/" + id + "/" }

// count adds n occurrences to the rollups: of the rule by minute, and of the rule's group by hour.
func (e *Engine) count(h *hit, n int64) {
	r := h.rule
	key := rollupKey{rule: r.index, site: h.site, dataset: h.dataset, at: floor(h.time, minute)}
	if last := &r.lastMinute; last.commit != e.commits || last.key != key {
		*last = rollup{key, e.rollup(key, r.series), e.commits}
	}
	e.out.Rollups[r.lastMinute.place].N += n

	at := floor(h.time, hour)
	key.byGroup, key.group, key.at = true, r.named.bounded(h.group, at), at
	i, ok := e.rollups[key]
	if !ok {
		i = e.rollup(key, GroupSeries(r.ID)+key.group)
	}
	e.out.Rollups[i].N += n
	if !e.cfg.Tally {
		return
	}
	if r.tally == nil {
		r.tally = map[string]int64{}
		e.tally[r.ID] = r.tally
	}
	r.tally[h.group] += n
}

// rollup returns the place of a rollup in the commit.
func (e *Engine) rollup(key rollupKey, series string) int {
	i, ok := e.rollups[key]
	if !ok {
		i = len(e.out.Rollups)
		e.rollups[key] = i
		e.out.Rollups = append(e.out.Rollups, event.Delta{Site: key.site, Series: series, Dataset: key.dataset, Minute: key.at})
	}
	return i
}

// floor returns the largest multiple of step that is not after t.
func floor(t, step int64) int64 { return t - ((t%step)+step)%step }

// names are the group values of a rule that have a series of their own in the latest hour. Occurrences of an earlier
// hour that come late share its bound.
type names struct {
	hour  int64
	taken map[string]bool
}

// bounded returns group, or Others where the hour has named enough.
func (n *names) bounded(group string, hour int64) string {
	if n.taken == nil || hour > n.hour {
		n.hour, n.taken = hour, map[string]bool{}
	}
	if n.taken[group] {
		return group
	}
	if len(n.taken) >= maxNamed || len(group) > maxValue {
		return Others
	}
	n.taken[group] = true
	return group
}

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

type rollupKey struct {
	series, site, dataset string
	minute                int64
}

// RuleSeries is the series of a rule's occurrences by minute.
func RuleSeries(id string) string { return "rule/" + id }

// GroupSeries is the beginning of the series of a rule's occurrences by group value and hour; the value follows.
func GroupSeries(id string) string { return "group/" + id + "/" }

// count adds n occurrences to the rollups: of the rule by minute, and of the rule's group by hour.
func (e *Engine) count(h *hit, n int64) {
	r := h.rule
	e.rollup(rollupKey{RuleSeries(r.ID), h.site, h.dataset, floor(h.time, minute)}, n)
	at := floor(h.time, hour)
	e.rollup(rollupKey{GroupSeries(r.ID) + r.named.bounded(h.group, at), h.site, h.dataset, at}, n)
	if !e.cfg.Tally {
		return
	}
	groups := e.tally[r.ID]
	if groups == nil {
		groups = map[string]int64{}
		e.tally[r.ID] = groups
	}
	groups[h.group] += n
}

func (e *Engine) rollup(key rollupKey, n int64) {
	i, ok := e.rollups[key]
	if !ok {
		i = len(e.out.Rollups)
		e.rollups[key] = i
		e.out.Rollups = append(e.out.Rollups, event.Delta{Site: key.site, Series: key.series, Dataset: key.dataset, Minute: key.minute})
	}
	e.out.Rollups[i].N += n
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

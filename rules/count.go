package rules

import (
	"math"
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

// counts are the occurrences of a rule by group.
type counts struct {
	groups map[string]*counted
	others counted
	hour   int64 // the latest
	named  int   // groups that have a series of their own in that hour
}

// counted is what is known of one group.
type counted struct {
	total int64  // since the engine began
	hour  int64  // the latest hour in which it has a series of its own
	last  rollup // of the occurrence before
}

// count adds n occurrences to the rollups: of the rule by minute, and of the rule's group by hour unless all groups are
// tallied.
func (e *Engine) count(h *hit, n int64) {
	r := h.rule
	key := rollupKey{rule: r.index, site: h.site, dataset: h.dataset, at: floor(h.time, minute)}
	e.add(&r.lastMinute, key, n)
	key.byGroup, key.at = true, floor(h.time, hour)
	g := r.counts.of(h.group, key.at, e.cfg.Tally)
	if g.total += n; e.cfg.Tally {
		return
	}
	if key.group = h.group; g.hour != r.counts.hour {
		key.group, g = Others, &r.counts.others
	}
	e.add(&g.last, key, n)
}

// add adds n to a rollup, whose place last knows if it was the one before.
func (e *Engine) add(last *rollup, key rollupKey, n int64) {
	if last.commit != e.commits || last.key != key {
		*last = rollup{key, e.rollup(key), e.commits}
	}
	e.out.Rollups[last.place].N += n
}

// of returns what is counted of a group, which has a series of its own in the latest hour if its hour is that one. An
// occurrence of an earlier hour that comes late shares the latest hour's bound. all: every group is remembered.
func (c *counts) of(group string, hour int64, all bool) *counted {
	if c.groups == nil || hour > c.hour {
		c.others.hour = math.MinInt64
		c.hour, c.named = hour, 0
		if !all || c.groups == nil {
			c.groups = map[string]*counted{}
		}
	}
	g := c.groups[group]
	if g != nil && g.hour == c.hour {
		return g
	}
	room := c.named < maxNamed && len(group) <= maxValue
	if g == nil {
		if !room && !all {
			return &c.others
		}
		g = &counted{hour: math.MinInt64}
		c.groups[group] = g
	}
	if room {
		g.hour = c.hour
		c.named++
	}
	return g
}

// Tally returns, by rule id and group value, how many occurrences were counted (of threshold rules: how often they
// fired). It is empty unless Config.Tally is set.
func (e *Engine) Tally() map[string]map[string]int64 {
	tally := map[string]map[string]int64{}
	for _, r := range e.rules {
		if !e.cfg.Tally || len(r.counts.groups) == 0 {
			continue
		}
		groups := make(map[string]int64, len(r.counts.groups))
		for name, g := range r.counts.groups {
			groups[name] = g.total
		}
		tally[r.ID] = groups
	}
	return tally
}

// rollup returns the place of a rollup in the commit.
func (e *Engine) rollup(key rollupKey) int {
	i, ok := e.rollups[key]
	if !ok {
		i = len(e.out.Rollups)
		e.rollups[key] = i
		series := e.rules[key.rule].series
		if key.byGroup {
			series = GroupSeries(e.rules[key.rule].ID) + key.group
		}
		e.out.Rollups = append(e.out.Rollups, event.Delta{Site: key.site, Series: series, Dataset: key.dataset, Minute: key.at})
	}
	return i
}

// floor returns the largest multiple of step that is not after t.
func floor(t, step int64) int64 { return t - ((t%step)+step)%step }

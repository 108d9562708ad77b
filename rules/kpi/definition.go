// Package kpi counts key figures: error rates, response times, failed logins, deadlocks.
//
// A KPI is a rule whose outcome is a number. Which there are is data, in configs/kpis.toml. Stage stands in the flow
// beside the rules: it turns the events of a commit into rollups, per minute and data set. Evaluate turns rollups
// into figures for a report, the console or the summary of a scan, long after the events have gone.
package kpi

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// Kind says how a KPI is made of the events.
type Kind string

// The kinds. Percentiles are within QuantileError of the exact ones.
const (
	Count      Kind = "count"      // how many events match, or how many occurrences rules counted
	Rate       Kind = "rate"       // a count for each second, minute or hour of the period
	Ratio      Kind = "ratio"      // the events that match per hundred of the events of From
	Average    Kind = "average"    // the mean of a field
	Percentile Kind = "percentile" // the value that so many of 100 events do not pass; "p95" is short for that of 95
	Uptime     Kind = "uptime"     // the share of the time that is known in which a service was up
	Downtime   Kind = "downtime"   // the time in which it was down
	PromQL     Kind = "promql"     // what the site's Prometheus answers to a query
)

// p95 is what a definition may say in place of kind and percentile.
const p95 Kind = "p95"

// A Definition is one KPI as configs/kpis.toml states it.
type Definition struct {
	ID    string `toml:"id"`    // area.what, lower case: web.response-p95
	Title string `toml:"title"` // as it stands in reports
	Kind  Kind   `toml:"kind"`
	Unit  string `toml:"unit"` // "" for counts, "%" for ratios and uptime; of durations "ms", "s" or "µs", of downtime "s", "min" or "h"

	// From selects the events that make the KPI measured: while none of them was seen, it is not measured.
	From string `toml:"from"`
	// Where selects, among those of From, the events that are counted; "" counts all of them.
	Where string `toml:"where"`
	// Rules are the ids of the rules whose occurrences are summed, for counts and rates and in place of Where.
	Rules []string `toml:"rules"`
	// Field is what averages and percentiles are made of: a field of kind duration, int or float.
	Field string `toml:"field"`
	// Scale is what values of Field are multiplied by to be in Unit, for those that are no durations; 0 is 1.
	Scale float64 `toml:"scale"`
	// Percentile is which one, of 100; 100 is the largest value.
	Percentile float64 `toml:"percentile"`
	// Per is what a rate is for: "second", "minute" or "hour".
	Per string `toml:"per"`

	// Up and Down select, among the events of From, those that say that a service is up, or down.
	Up   string `toml:"up"`
	Down string `toml:"down"`
	// Group are the fields that tell services apart; without it they are those of the data sets.
	Group []string `toml:"group"`
	// Stale is how long what such an event says is believed; 0: until the next one.
	Stale configs.Duration `toml:"stale"`

	// Query is asked of Prometheus, and answers one series.
	Query string `toml:"query"`
	// Of is what the figure is of the values of the period: "average", "max", "min" or "last".
	Of string `toml:"of"`
	// Lines counts physical lines in place of events.
	Lines bool `toml:"lines"`
	// By is the field that reports break a count of rules down by: the group of those rules.
	By string `toml:"by"`

	// Max or Min is the target; a figure that meets it is Green. Counts are allowed that much a day.
	Max *float64 `toml:"max"`
	Min *float64 `toml:"min"`
	// Yellow is the bound of the tolerance: a figure that misses the target up to it is Yellow, beyond it Red.
	// Without it there is no tolerance.
	Yellow   *float64 `toml:"yellow"`
	Decimals int      `toml:"decimals"`
	Comment  Comment  `toml:"comment"`

	from, where query.Expr
	up, down    query.Expr
	group       []event.Field
	field       event.Field
	fieldKind   event.Kind
}

// A Comment holds what a report says beside a figure of each status. Empty ones say nothing.
type Comment struct {
	Green       string `toml:"green"`
	Yellow      string `toml:"yellow"`
	Red         string `toml:"red"`
	NotMeasured string `toml:"not_measured"` // what would make it measured
}

// The series of the rollups: those that Stage writes, and those of the rules engine.
func (d *Definition) series(part string) string { return "kpi/" + d.ID + "/" + part }

// Counted returns the series of a ratio: of what makes it measured, and of those that are counted.
func (d *Definition) Counted() (from, count string) { return d.series("from"), d.series("count") }

func ruleSeries(id string) string { return "rule/" + id }

// Own reports whether a rule is one of the daemon's own, about itself and its inputs. Their occurrences are not in rollups:
// each finding of theirs is one.
func Own(rule string) bool { return strings.HasPrefix(rule, "veritail.") }

// Occurred is the rollup that a finding of one of the daemon's own rules stands for.
func Occurred(f *event.Finding) event.Delta {
	return event.Delta{Site: f.Site, Series: ruleSeries(f.Rule), Minute: f.Time - mod(f.Time, minute), N: 1}
}

// Load reads the definitions of the file called name (configs/kpis.toml) and checks them: unknown keys, ids given
// twice, queries that do not parse, bounds on the wrong side. Fields are looked up in schema, so formats are loaded
// first. The error is a configs.Errors: all faults, each naming file, line and key.
func Load(fsys fs.FS, name string, schema *event.Schema) ([]Definition, error) {
	var file struct {
		KPI []Definition `toml:"kpi"`
	}
	if err := configs.Decode(fsys, name, &file); err != nil {
		return nil, err
	}
	var faults configs.Errors
	seen := map[string]bool{}
	for i := range file.KPI {
		d := &file.KPI[i]
		fail := func(key, format string, args ...any) {
			faults = append(faults, configs.At(fsys, name, fmt.Sprintf("kpi[%d].%s", i, key),
				"kpi %q: %s: %s", d.ID, key, fmt.Sprintf(format, args...)))
		}
		if seen[d.ID] {
			fail("id", "given twice")
		}
		seen[d.ID] = true
		d.check(schema, fail)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return file.KPI, nil
}

// Counts reports whether d is a count, whose target is for a day, and which is drawn as bars.
func (d *Definition) Counts() bool { return d.Kind.Counts() }

// Counts reports whether figures of a kind add up, so that a target of theirs is for a day.
func (k Kind) Counts() bool { return k == Count || k == Downtime }

// Services reports whether d is made of what says that services are up or down.
func (d *Definition) Services() bool { return d.Kind == Uptime || d.Kind == Downtime }

// Measured is the condition of the events that an average or a percentile is made of.
func (d *Definition) Measured() query.Expr {
	all := query.And{d.from, &query.Test{Field: d.Field, F: d.field, Known: true, Kind: d.fieldKind, Op: query.Exists}}
	if d.where != nil {
		all = append(all, d.where)
	}
	return all
}

// InUnit returns a value of Field in the unit of the definition.
func (d *Definition) InUnit(v float64) float64 { return v * d.scale() }

// Series lists the rollup series that the figures of defs are made of, but for those of uptime
// and downtime (Moments, Seen), for storage.RollupQuery.
func Series(defs []Definition) []string {
	var out []string
	seen := map[string]bool{}
	add := func(s string) {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	for i := range defs {
		if defs[i].Kind == PromQL || defs[i].Services() {
			continue
		}
		add(defs[i].series(partNames[partFrom]))
		if len(defs[i].Rules) == 0 {
			add(defs[i].series(partNames[partCount]))
		}
		if defs[i].Kind == Percentile {
			add(defs[i].series(partNames[partHist]))
		}
		for _, r := range defs[i].Rules {
			if !Own(r) {
				add(ruleSeries(r))
			}
		}
	}
	return out
}

// CheckRules tells which rule ids of defs, as Load read them from name, no rule has. A figure that sums a rule that
// is not there would say 0 for ever. The error is a configs.Errors.
func CheckRules(fsys fs.FS, name string, defs []Definition, known []string) error {
	var faults configs.Errors
	for i := range defs {
		for j, id := range defs[i].Rules {
			if slices.Contains(known, id) {
				continue
			}
			e := configs.At(fsys, name, fmt.Sprintf("kpi[%d].rules[%d]", i, j), "kpi %q: rules: there is no rule %q", defs[i].ID, id)
			e.Suggestion = configs.Nearest(id, known)
			faults = append(faults, e)
		}
	}
	if len(faults) > 0 {
		return faults
	}
	return nil
}

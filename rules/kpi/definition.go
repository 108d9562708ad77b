// Package kpi counts key figures: error rates, response times, failed logins, deadlocks.
//
// A KPI is a rule whose outcome is a number. Which there are is data, in configs/kpis.toml. Stage stands in the flow
// beside the rules: it turns the events of a commit into rollups, per minute and data set. Evaluate turns rollups
// into figures for a report, the console or the summary of a scan, long after the events have gone.
package kpi

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// Kind says how a KPI is made of the events.
type Kind string

// The kinds. Rates are ratios; 95th percentiles are within QuantileError of the exact ones.
const (
	Count   Kind = "count"   // how many events match, or how many occurrences rules counted
	Ratio   Kind = "ratio"   // the events that match per hundred of the events of From
	Average Kind = "average" // the mean of a field
	P95     Kind = "p95"     // the value that 95 of 100 events do not pass
)

// A Definition is one KPI as configs/kpis.toml states it.
type Definition struct {
	ID    string `toml:"id"`    // area.what, lower case: web.response-p95
	Title string `toml:"title"` // as it stands in reports
	Kind  Kind   `toml:"kind"`
	Unit  string `toml:"unit"` // "" for counts, "%" for ratios; averages and p95 of durations: "ms", "s" or "µs"

	// From selects the events that make the KPI measured: while none of them was seen, it is not measured.
	From string `toml:"from"`
	// Where selects, among those of From, the events that are counted; "" counts all of them.
	Where string `toml:"where"`
	// Rules are the ids of the rules whose occurrences are summed, for counts and in place of Where.
	Rules []string `toml:"rules"`
	// Field is what averages and p95 are made of: a field of kind duration or int, for averages also float.
	Field string `toml:"field"`
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

func ruleSeries(id string) string { return "rule/" + id }

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

var idForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*(\.[a-z0-9]+(-[a-z0-9]+)*)+$`)

// check completes d and calls fail for each key that is wrong.
func (d *Definition) check(schema *event.Schema, fail func(key, format string, args ...any)) {
	if !idForm.MatchString(d.ID) {
		fail("id", "want lower-case words joined by - and ., like web.response-p95")
	}
	if d.Title == "" {
		fail("title", "missing")
	}
	var err error
	if d.From == "" {
		fail("from", "missing: what makes it measured (* for every event)")
	} else if d.from, err = query.Parse(d.From, schema, time.Now()); err != nil {
		fail("from", "%v", err)
	}
	if d.Where != "" {
		if d.where, err = query.Parse(d.Where, schema, time.Now()); err != nil {
			fail("where", "%v", err)
		}
	}
	d.checkKind(fail)
	d.checkField(schema, fail)
	d.checkBounds(fail)
	if d.By != "" {
		if _, ok := schema.Lookup(d.By); !ok {
			fail("by", "no format has a field %q", d.By)
		}
	}
	if d.Decimals < 0 || d.Decimals > 6 {
		fail("decimals", "want 0 to 6")
	}
}

func (d *Definition) checkKind(fail func(key, format string, args ...any)) {
	switch d.Kind {
	case Count:
	case Ratio:
		if d.Unit != "%" {
			fail("unit", "a ratio's is %q", "%")
		}
		if d.Where == "" {
			fail("where", "missing: which part of %q is counted", "from")
		}
	case Average, P95:
		if d.Lines {
			fail("lines", "only counts and ratios can count lines")
		}
	default:
		fail("kind", "want count, ratio, average or p95")
	}
	if len(d.Rules) > 0 && (d.Kind != Count || d.Where != "") {
		fail("rules", "only a count without %q sums rules", "where")
	}
	if d.By != "" && len(d.Rules) == 0 {
		fail("by", "only for counts of rules")
	}
}

func (d *Definition) checkField(schema *event.Schema, fail func(key, format string, args ...any)) {
	measures := d.Kind == Average || d.Kind == P95
	if !measures {
		if d.Field != "" {
			fail("field", "only for average and p95")
		}
		return
	}
	f, ok := schema.Lookup(d.Field)
	if !ok {
		fail("field", "no format has a field %q", d.Field)
		return
	}
	d.field, d.fieldKind = f, schema.Def(f).Kind
	switch d.fieldKind {
	case event.Duration:
		if _, ok := durationUnits[d.Unit]; !ok {
			fail("unit", "of a duration: want ms, s or µs")
		}
	case event.Int:
	case event.Float:
		if d.Kind == P95 {
			fail("field", "%q is of kind float: p95 wants duration or int", d.Field)
		}
	default:
		fail("field", "%q is of kind %s: want duration, int or float", d.Field, d.fieldKind)
	}
}

func (d *Definition) checkBounds(fail func(key, format string, args ...any)) {
	switch {
	case d.Max != nil && d.Min != nil:
		fail("min", "only one of max and min")
	case d.Yellow == nil:
	case d.Max == nil && d.Min == nil:
		fail("yellow", "without max or min")
	case d.Max != nil && *d.Yellow < *d.Max, d.Min != nil && *d.Yellow > *d.Min:
		fail("yellow", "lies on the Green side of the target")
	}
}

// durationUnits holds the nanoseconds of each unit that durations are shown in.
var durationUnits = map[string]float64{"µs": 1e3, "ms": 1e6, "s": 1e9}

// scale is what a stored sum or cell is divided by to be in the KPI's unit.
func (d *Definition) scale() float64 {
	if d.fieldKind == event.Duration {
		return durationUnits[d.Unit]
	}
	return 1
}

// Series lists the rollup series that the figures of defs are made of, for storage.RollupQuery.
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
		add(defs[i].series("*"))
		for _, r := range defs[i].Rules {
			add(ruleSeries(r))
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

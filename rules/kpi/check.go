package kpi

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

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
	switch {
	case d.Kind == PromQL:
		d.checkPromQL(fail)
	case d.From == "":
		fail("from", "missing: what makes it measured (* for every event)")
	default:
		if d.from, err = query.Parse(d.From, schema, time.Now()); err != nil {
			fail("from", "%v", err)
		}
	}
	if d.Where != "" {
		if d.where, err = query.Parse(d.Where, schema, time.Now()); err != nil {
			fail("where", "%v", err)
		}
	}
	d.checkKind(fail)
	d.checkField(schema, fail)
	d.checkServices(schema, fail)
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

// kinds are what a definition may say, for messages.
var kinds = []string{string(Count), string(Rate), string(Ratio), string(Average), string(Percentile), string(p95), string(Uptime), string(Downtime), string(PromQL)}

// perSeconds holds the seconds of what rates are for.
var perSeconds = map[string]float64{"second": 1, "minute": 60, "hour": 3600}

func (d *Definition) checkKind(fail func(key, format string, args ...any)) {
	switch d.Kind {
	case Count, Average, Percentile, Uptime, Downtime, PromQL:
	case p95:
		if d.Percentile != 0 {
			fail("percentile", "kind %q is the 95th: want kind %q", p95, Percentile)
		}
		d.Kind, d.Percentile = Percentile, 95
	case Rate:
		if perSeconds[d.Per] == 0 {
			fail("per", "want second, minute or hour")
		}
	case Ratio:
		if d.Where == "" {
			fail("where", "missing: which part of %q is counted", "from")
		}
	default:
		hint := ""
		if near := configs.Nearest(string(d.Kind), kinds); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		fail("kind", "want %s or %s%s", strings.Join(kinds[:len(kinds)-1], ", "), kinds[len(kinds)-1], hint)
		return
	}
	if (d.Kind == Ratio || d.Kind == Uptime) && d.Unit != "%" {
		fail("unit", "a %s's is %q", map[Kind]string{Ratio: "ratio", Uptime: "uptime"}[d.Kind], "%")
	}
	if d.Kind == Percentile && (d.Percentile <= 0 || d.Percentile > 100) {
		fail("percentile", "want more than 0, and at most 100")
	}
	d.checkForeign(fail)
	if len(d.Rules) > 0 && (d.Kind != Count && d.Kind != Rate || d.Where != "") {
		fail("rules", "only a count or a rate without %q sums rules", "where")
	}
	if d.By != "" && len(d.Rules) == 0 {
		fail("by", "only for counts of rules")
	}
}

// checkForeign reports keys that are for other kinds, which would change nothing.
func (d *Definition) checkForeign(fail func(key, format string, args ...any)) {
	services := []Kind{Uptime, Downtime}
	for _, of := range []struct {
		key   string
		given bool
		kinds []Kind
	}{
		{"percentile", d.Percentile != 0, []Kind{Percentile}},
		{"per", d.Per != "", []Kind{Rate}},
		{"field", d.Field != "", []Kind{Average, Percentile}},
		{"scale", d.Scale != 0, []Kind{Average, Percentile, PromQL}},
		{"lines", d.Lines, []Kind{Count, Rate, Ratio}},
		{"up", d.Up != "", services}, {"down", d.Down != "", services}, {"group", len(d.Group) > 0, services}, {"stale", d.Stale != 0, services},
		{"query", d.Query != "", []Kind{PromQL}}, {"of", d.Of != "", []Kind{PromQL}},
		{"where", d.Where != "", []Kind{Count, Rate, Ratio, Average, Percentile}},
	} {
		if of.given && !slices.Contains(of.kinds, d.Kind) {
			names := make([]string, len(of.kinds))
			for i, k := range of.kinds {
				names[i] = string(k)
			}
			fail(of.key, "only for kind %s", strings.Join(names, ", "))
		}
	}
	if d.Scale < 0 {
		fail("scale", "want more than 0")
	}
}

// checkServices reads what uptime and downtime are made of.
func (d *Definition) checkServices(schema *event.Schema, fail func(key, format string, args ...any)) {
	if !d.Services() {
		return
	}
	for _, of := range []struct {
		key, text string
		to        *query.Expr
	}{{"up", d.Up, &d.up}, {"down", d.Down, &d.down}} {
		var err error
		if of.text == "" {
			fail(of.key, "missing: which events say that it is %s", of.key)
		} else if *of.to, err = query.Parse(of.text, schema, time.Now()); err != nil {
			fail(of.key, "%v", err)
		}
	}
	for i, name := range d.Group {
		f, ok := schema.Lookup(name)
		if !ok {
			fail(fmt.Sprintf("group[%d]", i), "no format has a field %q", name)
		}
		d.group = append(d.group, f)
	}
	if d.Kind == Downtime && downtimeUnits[d.Unit] == 0 {
		fail("unit", "a downtime's is s, min or h")
	}
}

func (d *Definition) checkPromQL(fail func(key, format string, args ...any)) {
	if d.Query == "" {
		fail("query", "missing: what Prometheus is asked")
	}
	if d.From != "" {
		fail("from", "it is asked of Prometheus, and is made of no events")
	}
	switch d.Of {
	case "":
		d.Of = "average"
	case "average", "max", "min", "last":
	default:
		fail("of", "want average, max, min or last")
	}
}

func (d *Definition) checkField(schema *event.Schema, fail func(key, format string, args ...any)) {
	if d.Kind != Average && d.Kind != Percentile {
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
		if d.Scale != 0 {
			fail("scale", "of a duration the unit says it")
		}
	case event.Int:
	case event.Float:
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

// downtimeUnits holds the seconds of each unit that downtimes are shown in.
var downtimeUnits = map[string]float64{"s": 1, "min": 60, "h": 3600}

// micro is what values of kind float are multiplied by to be counted in the cells of a histogram, which are of whole
// numbers.
const micro = 1e6

// cellScale is what the value of a cell is multiplied by to be in the KPI's unit.
func (d *Definition) cellScale() float64 {
	if d.fieldKind == event.Float {
		return d.scale() / micro
	}
	return d.scale()
}

// scale is what a stored sum is multiplied by to be in the KPI's unit.
func (d *Definition) scale() float64 {
	switch {
	case d.fieldKind == event.Duration:
		return 1 / durationUnits[d.Unit]
	case d.Scale != 0:
		return d.Scale
	}
	return 1
}

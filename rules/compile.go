package rules

import (
	"errors"
	"fmt"
	"strings"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
)

// compiled is a rule made ready for the engine, with its state.
type compiled struct {
	*Rule
	index  int
	when   int // number of its condition among the engine's matchers
	once   []*once
	repeat []*repeat
	group  source // the first that is there is the group's value; nil: groups is a template
	groups template
	title  template
	text   template // of the message
	values source   // threshold.distinct
	silent bool     // severity info: it counts, and makes no findings

	series series // of its occurrences by minute
	hours  hours
	tally  tally

	windows recent[window]
	quiet   recent[int64] // the time of a group's last occurrence, for rearm of rules without threshold
}

// rule compiles r, and returns what is wrong in its queries and fields.
func (m *conditions) rule(r *Rule, index int) (*compiled, configs.Errors) {
	var faults configs.Errors
	cond := func(key string, c Condition) int {
		i, err := m.add(r, key, c)
		if err != nil {
			faults = append(faults, err)
		}
		return i
	}
	c := &compiled{Rule: r, index: index, when: cond("when", r.When), silent: r.Severity == "info", series: series{name: RuleSeries(r.ID)}}
	if strings.Contains(r.Group, "{{") {
		c.groups = newTemplate(r.Group, nil, m.schema)
	} else {
		c.group = newSource(r.Group, m.schema)
	}
	c.title, c.text = newTemplate(r.Title, c.group, m.schema), newTemplate(r.Message, c.group, m.schema)
	if f, ok := m.schema.Lookup(r.Weight); ok && m.schema.Def(f).Kind != event.Int {
		faults = append(faults, r.fault("weight", "field %q is of kind %s; a weight wants one of kind int", r.Weight, m.schema.Def(f).Kind))
	}
	c.windows.empty, c.quiet.keep = (*window).reset, micros(r.Rearm)
	if r.Threshold != nil {
		c.values = newSource(r.Threshold.Distinct, m.schema)
		c.windows.keep = 2*micros(r.Threshold.Within) + micros(r.Rearm)
	}
	for i := range r.Repeat {
		p := &repeat{Repeat: &r.Repeat[i], from: cond(fmt.Sprintf("repeat[%d].from", i), r.Repeat[i].From)}
		for _, names := range p.By {
			p.by = append(p.by, newSource(names, m.schema))
		}
		p.told.keep = micros(p.Within)
		c.repeat = append(c.repeat, p)
	}
	for i := range r.Once {
		o := &once{Once: &r.Once[i], within: micros(r.Once[i].Within), full: map[string][]*occurrence{}}
		for j, c := range o.From {
			o.tellers = append(o.tellers, cond(fmt.Sprintf("once[%d].from[%d]", i, j), c))
		}
		o.told = make([]int, len(o.tellers))
		for _, names := range o.By {
			o.by = append(o.by, newSource(names, m.schema))
		}
		c.once = append(c.once, o)
	}
	return c, faults
}

// conditions returns the numbers of the conditions of which an event must meet one to be judged by the rule.
func (c *compiled) conditions() []int { return []int{c.when} }

// templateFields returns the fields that a text names as {{field}}, and false if its brackets do not close.
func templateFields(text string) (names []string, ok bool) {
	for {
		_, rest, found := strings.Cut(text, "{{")
		if !found {
			return names, true
		}
		name, tail, found := strings.Cut(rest, "}}")
		if !found || len(fields(name)) == 0 {
			return names, false
		}
		names, text = append(names, fields(name)...), tail
	}
}

// asFaults returns the faults of err, or err as one.
func asFaults(err error, file string) configs.Errors {
	var list configs.Errors
	if errors.As(err, &list) {
		return list
	}
	var one *configs.Error
	if errors.As(err, &one) {
		return configs.Errors{one}
	}
	return configs.Errors{{File: file, Msg: err.Error()}}
}

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
	index    int
	when     int // number of its condition among the engine's matchers
	once     []*once
	repeat   []*repeat
	group    source // the first that is there is the group's value; nil: groups is a template
	groups   template
	title    template
	text     template // of the message
	values   source   // of which different ones count: threshold.distinct, first.of
	detail   template // what states and control need of an event, each part ended by a NUL
	sum      source   // threshold.sum, deviation.of, gap.of
	parts    []int    // numbers of the conditions of its kind
	left     series   // of what was suppressed, by minute
	suppress []*suppression
	idle     idler // the judge, if it may be asked before a hit is made
	judge    judge // of its kind; nil: single events, or a threshold of occurrences or values
	silent   bool  // severity info: it counts, and makes no findings
	alone    bool  // each event is a finding, whatever others there are

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
	c := &compiled{Rule: r, index: index, silent: r.Severity == "info", series: series{name: RuleSeries(r.ID)}}
	c.when, c.parts = m.events(r, cond)
	if strings.Contains(r.Group, "{{") {
		c.groups = newTemplate(r.Group, nil, m.schema)
	} else {
		c.group = newSource(r.Group, m.schema)
	}
	c.title, c.text = newTemplate(r.Title, c.group, m.schema), newTemplate(r.Message, c.group, m.schema)
	number := func(key, name string) {
		if f, ok := m.schema.Lookup(name); ok && !isNumber(m.schema.Def(f).Kind) {
			faults = append(faults, r.fault(key, "field %q is of kind %s; want one that is a number", name, m.schema.Def(f).Kind))
		}
	}
	if f, ok := m.schema.Lookup(r.Weight); ok && m.schema.Def(f).Kind != event.Int {
		faults = append(faults, r.fault("weight", "field %q is of kind %s; a weight wants one of kind int", r.Weight, m.schema.Def(f).Kind))
	}
	c.windows.empty, c.quiet.keep = (*window).reset, micros(r.Rearm)
	if r.Threshold != nil {
		number("threshold.sum", r.Threshold.Sum)
		c.values, c.sum = newSource(r.Threshold.Distinct, m.schema), newSource(r.Threshold.Sum, m.schema)
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
	switch {
	case r.First != nil:
		c.values = newSource(r.First.Of, m.schema)
	case r.Absence != nil:
		c.values = newSource(r.Absence.Own, m.schema)
	case r.States != nil:
		c.detail = newDetail(m.schema, r.States.Log, r.States.Of, r.States.Means)
	case r.Retry != nil:
		c.detail = newDetail(m.schema, r.Retry.Session, r.Retry.Text)
	case r.Control != nil:
		c.detail = newDetail(m.schema, r.Control.Each, r.Control.Amount, r.Control.Count, r.Control.Sum)
	}
	if r.Deviation != nil {
		number("deviation.of", r.Deviation.Of)
		c.sum = newSource(r.Deviation.Of, m.schema)
	}
	if r.Gap != nil {
		number("gap.of", r.Gap.Of)
		c.sum = newSource(r.Gap.Of, m.schema)
	}
	c.left.name = SuppressedSeries(r.ID)
	for i := range r.Suppress {
		s, n := &r.Suppress[i], -1
		if s.When != nil {
			at, key := s.at(r, i)
			var err *configs.Error
			if n, err = m.add(at, key+".when", s.When); err != nil {
				faults = append(faults, err)
				continue
			}
		}
		c.suppress = append(c.suppress, newSuppression(s, n))
	}
	c.judge = c.newJudge()
	c.alone = c.judge == nil && !c.silent && r.Threshold == nil && r.Rearm == 0 && len(r.Once)+len(r.Repeat) == 0
	if len(r.Once)+len(r.Repeat) == 0 { // else what an event says matters to others of its rule
		c.idle, _ = c.judge.(idler)
	}
	return c, faults
}

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

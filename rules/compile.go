package rules

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// compiled is a rule made ready for the engine, with its state.
type compiled struct {
	*Rule
	index   int
	when    int // number of its condition among the engine's matchers
	once    []once
	group   []string // fields of which the first that is there is the group's value
	values  []string // threshold.distinct
	counts  bool     // severity info: no findings
	windows map[string]*window
	named   map[string]bool // group values that have a series of their own in namedAt
	namedAt int64
	quiet   map[string]int64 // group → time of its last occurrence, for rearm of rules without threshold
}

// fields splits "a|b", the way rules name several fields of which the first that is there counts.
func fields(names string) []string {
	return strings.FieldsFunc(names, func(r rune) bool { return r == '|' || r == ' ' })
}

// first returns the text of the first of the fields that the event has, and the field's name.
func first(row event.Row, names []string) (text, name string, ok bool) {
	for _, name = range names {
		if v, ok := row.Get(name); ok {
			if s := event.Format(v); s != "" {
				return s, name, true
			}
		}
	}
	return "", "", false
}

// matchers compiles each query once, however many rules use it.
type matchers struct {
	schema *event.Schema
	list   []*query.Matcher
	exprs  []query.Expr
	byText map[string]int
}

func (m *matchers) add(text string) (int, error) {
	if i, ok := m.byText[text]; ok {
		return i, nil
	}
	e, err := query.Parse(text, m.schema, time.Now())
	if err != nil {
		return 0, err
	}
	c, err := query.Compile(e)
	if err != nil {
		return 0, err
	}
	m.list, m.exprs = append(m.list, c), append(m.exprs, e)
	m.byText[text] = len(m.list) - 1
	return len(m.list) - 1, nil
}

func (m *matchers) rule(r *Rule, index int) (*compiled, error) {
	c := &compiled{
		Rule: r, index: index, group: fields(r.Group), counts: r.Severity == "info",
		windows: map[string]*window{}, quiet: map[string]int64{}, named: map[string]bool{},
	}
	var err error
	if c.when, err = m.add(r.When); err != nil {
		return nil, fmt.Errorf("when: %w", err)
	}
	if r.Threshold != nil {
		c.values = fields(r.Threshold.Distinct)
	}
	for i := range r.Once {
		o := once{Once: &r.Once[i]}
		for j, text := range o.From {
			t, err := m.add(text)
			if err != nil {
				return nil, fmt.Errorf("once %d: from %d: %w", i+1, j+1, err)
			}
			o.tellers = append(o.tellers, t)
		}
		c.once = append(c.once, o)
	}
	return c, nil
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

const (
	maxNamed = 1000 // group values of a rule and hour that have a series of their own
	// Others is the group value under which all further ones of an hour are counted.
	Others = "(others)"
)

// bounded returns group, or Others where the hour has named enough.
func (c *compiled) bounded(group string, hour int64) string {
	if hour != c.namedAt {
		c.namedAt = hour
		clear(c.named)
	}
	if !c.named[group] {
		if len(c.named) >= maxNamed || len(group) > maxValue {
			return Others
		}
		c.named[group] = true
	}
	return group
}

package rules

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// A Condition says which events: a query as a string, or a table that says the same (query.ParseTable).
type Condition = any

// conditions are the conditions of all rules; equal ones are evaluated once.
type conditions struct {
	*query.Set
	schema *event.Schema
	exprs  []query.Expr // by their number in the set
}

// add adds the condition at a key of a rule and returns its number.
func (m *conditions) add(r *Rule, key string, c Condition) (int, *configs.Error) {
	e, err := r.parse(c, m.schema)
	if err != nil {
		return 0, r.badCondition(key, c, err)
	}
	return m.enter(e), nil
}

// events returns the numbers of the condition of the events that a rule judges, and of those of its kind: which events meet them
// the rule is told. What is expected, or makes a sequence, need not meet when.
func (m *conditions) events(r *Rule, cond func(key string, c Condition) int) (when int, parts []int) {
	narrow, judged := query.Expr(query.And{}), query.Or{}
	if r.When != nil || r.Sequence == nil && r.Retry == nil {
		when = cond("when", r.When)
		if when < len(m.exprs) {
			narrow = m.exprs[when]
		}
	}
	keys, list := r.parts()
	for i, c := range list {
		n := cond(keys[i], c)
		if n >= len(m.exprs) {
			return when, nil // it was refused
		}
		e := m.exprs[n]
		if r.Sequence != nil && i < len(r.Sequence.Steps) {
			e = query.And{narrow, e}
			n = m.enter(e)
		}
		parts, judged = append(parts, n), append(judged, e)
	}
	if len(parts) > 0 && r.Ratio == nil {
		when = m.enter(judged)
	}
	return when, parts
}

// enter adds a tree that is made of others, which are sound.
func (m *conditions) enter(e query.Expr) int {
	i, err := m.Set.Add(e)
	if err != nil {
		panic(fmt.Sprintf("rules: a condition made of others does not compile: %v", err))
	}
	if i == len(m.exprs) {
		m.exprs = append(m.exprs, e)
	}
	return i
}

// parse returns the tree of a condition.
func (r *Rule) parse(c Condition, schema *event.Schema) (query.Expr, error) {
	switch c := c.(type) {
	case string:
		return query.Parse(c, schema, time.Now())
	case map[string]any:
		return query.ParseTable(c, schema, time.Now(), r.list)
	}
	return nil, errors.New("want a query or a table")
}

// badCondition returns the fault of a condition of the rule, at its place in the file where that can be told.
func (r *Rule) badCondition(key string, c Condition, err error) *configs.Error {
	var t *query.TableError
	if errors.As(err, &t) {
		return r.fault(pathOf(key, t.Path), "%v", err)
	}
	f := r.fault(key, "%v", err)
	var q *query.Error
	if text, ok := c.(string); ok && errors.As(err, &q) && f.Line > 0 {
		if at := strings.Index(f.Source[f.Column-1:], text); at >= 0 { // no escapes, and not on further lines
			f.Column += at + q.Pos - 1
		}
	}
	return f
}

// pathOf returns the path of a place in a table at key, as configs.At takes it.
func pathOf(key string, places []string) string {
	for _, p := range places {
		switch {
		case strings.HasPrefix(p, "["):
			key += p
		case strings.ContainsFunc(p, func(c rune) bool {
			return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-')
		}):
			key += "." + strconv.Quote(p)
		default:
			key += "." + p
		}
	}
	return key
}

// interesting is the condition of the events that one of some rules is about. Of a long list of values it asks only for the field: a
// store is not given thousands of tests, and what comes is looked at again.
func (e *Engine) interesting(rules []*compiled) query.Expr {
	where := query.Or{}
	for _, r := range rules {
		where = append(where, widen(e.cond.exprs[r.when]))
	}
	return where
}

// maxAlternatives bounds those of a condition that a store is asked.
const maxAlternatives = 100

// widen returns a condition that holds wherever e does, with fewer alternatives where e has many.
func widen(e query.Expr) query.Expr {
	switch e := e.(type) {
	case query.And:
		all := make(query.And, len(e))
		for i, x := range e {
			all[i] = widen(x)
		}
		return all
	case query.Or:
		if len(e) > maxAlternatives {
			return query.Fields(e)
		}
		any := make(query.Or, len(e))
		for i, x := range e {
			any[i] = widen(x)
		}
		return any
	}
	return e // of what is denied a wider condition would hold for less
}

package rules

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// A Predicate is a condition, or a part of one, and whether an event meets it.
type Predicate struct {
	Text  string      `json:"text"`           // as a query
	Seen  string      `json:"seen,omitempty"` // what the event has in the fields that it tests, made harmless
	Holds bool        `json:"holds"`
	All   []Predicate `json:"all,omitempty"` // its parts, which hold together
	Any   []Predicate `json:"any,omitempty"` // its alternatives
}

// A Clause is a condition of a rule, by the key at which it stands.
type Clause struct {
	Key string `json:"key"`
	Predicate
}

// maxShown bounds the bytes of a predicate's text.
const maxShown = 400

// A clause is a condition of a rule whose parts are evaluated one by one.
type clause struct {
	key  string
	root *predicate
}

// A predicate is a Predicate made ready: its parts, and the number by which it is evaluated.
type predicate struct {
	text     string
	number   int
	fields   []string
	all, any []*predicate
}

// predicates takes a tree apart.
func (x *Explaining) predicates(e query.Expr) (*predicate, error) {
	p := &predicate{text: textOf(e), fields: fieldsIn(e, nil)}
	if len(p.text) > maxShown {
		p.text = strings.ToValidUTF8(p.text[:maxShown], "") + "…"
	}
	var err error
	if p.number, err = x.parts.Add(e); err != nil {
		return nil, err
	}
	list, into := []query.Expr(nil), &p.all
	switch e := e.(type) {
	case query.And:
		list = e
	case query.Or:
		if len(p.fields) > 1 {
			list, into = e, &p.any
		}
	}
	for _, part := range list {
		q, err := x.predicates(part)
		if err != nil {
			return nil, err
		}
		*into = append(*into, q)
	}
	return p, nil
}

// textOf prints a tree as a query, values of one field together: event.module:(sudo or su).
func textOf(e query.Expr) string {
	switch e := e.(type) {
	case query.Not:
		if list, ok := e.X.(query.Or); ok && len(fieldsIn(list, nil)) == 1 {
			return "not " + textOf(list)
		}
	case query.Or:
		head, values := "", []string(nil)
		for _, part := range e {
			t, ok := part.(*query.Test)
			if !ok {
				return query.String(e)
			}
			name, value, ok := strings.Cut(query.String(t), ":")
			if !ok || head != "" && name != head {
				return query.String(e)
			}
			head, values = name, append(values, value)
		}
		if len(values) > 1 {
			return head + ":(" + strings.Join(values, " or ") + ")"
		}
	}
	return query.String(e)
}

// fieldsIn adds the fields that a tree tests to those of list.
func fieldsIn(e query.Expr, list []string) []string {
	switch e := e.(type) {
	case query.And:
		for _, x := range e {
			list = fieldsIn(x, list)
		}
	case query.Or:
		for _, x := range e {
			list = fieldsIn(x, list)
		}
	case query.Not:
		return fieldsIn(e.X, list)
	case *query.Test:
		if !slices.Contains(list, e.Field) {
			list = append(list, e.Field)
		}
	}
	return list
}

// of says what holds of a row of the page that the set of parts is at.
func (p *predicate) of(x *Explaining, row event.Row) Predicate {
	out := Predicate{Text: p.text, Holds: x.parts.Match(p.number).Has(row.I)}
	for _, part := range p.all {
		out.All = append(out.All, part.of(x, row))
	}
	for _, part := range p.any {
		out.Any = append(out.Any, part.of(x, row))
	}
	if out.All != nil || out.Any != nil {
		return out
	}
	for _, name := range p.fields {
		v, ok := row.Get(name)
		if !ok {
			continue
		}
		text := plain(event.Format(v))
		if len(p.fields) > 1 {
			text = name + "=" + text
		}
		out.Seen = strings.TrimLeft(out.Seen+" "+text, " ")
	}
	return out
}

// Score returns how many of the predicates hold that have to hold together; of alternatives those of the nearest.
func (p *Predicate) Score() (held, of int) {
	switch {
	case p.Any != nil && !p.Holds:
		return p.nearest().Score()
	case p.All == nil && p.Holds:
		return 1, 1
	case p.All == nil:
		return 0, 1
	}
	for i := range p.All {
		if part := &p.All[i]; part.All != nil {
			h, n := part.Score()
			held, of = held+h, of+n
		} else if of++; part.Holds {
			held++
		}
	}
	return held, of
}

// affirms reports whether one of the predicates holds that ask for something, not for its absence.
func (p *Predicate) affirms() bool {
	if p.All == nil && p.Any == nil {
		return p.Holds && !strings.HasPrefix(p.Text, "not ")
	}
	return slices.ContainsFunc(p.All, func(q Predicate) bool { return q.affirms() }) ||
		slices.ContainsFunc(p.Any, func(q Predicate) bool { return q.affirms() })
}

// nearest is the alternative of which the largest share holds.
func (p *Predicate) nearest() *Predicate {
	best, share := &p.Any[0], -1.0
	for i := range p.Any {
		if held, of := p.Any[i].Score(); of > 0 && float64(held)/float64(of) > share {
			best, share = &p.Any[i], float64(held)/float64(of)
		}
	}
	return best
}

// Failing returns the first predicate that does not hold, nil if all do.
func (p *Predicate) Failing() *Predicate {
	switch {
	case p.Holds:
		return nil
	case p.Any != nil:
		near := p.nearest()
		if held, _ := near.Score(); held > 0 {
			return near.Failing()
		}
		return p
	}
	for i := range p.All {
		if f := p.All[i].Failing(); f != nil {
			return f
		}
	}
	return p
}

// why says in words that the predicate does not hold.
func (p *Predicate) why() string {
	if p.Seen == "" {
		return p.Text + " does not hold: the event has nothing there"
	}
	return fmt.Sprintf("%s does not hold: it is %s", p.Text, p.Seen)
}

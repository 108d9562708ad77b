package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// Unknown returns the places where rules name fields that no format has. That is no error, since any application may log any
// field as JSON; but mostly it is a slip, and such a condition holds for nothing and says nothing.
func Unknown(rules []Rule, schema *event.Schema) configs.Errors {
	var all configs.Errors
	for i := range rules {
		r := &rules[i]
		report := func(key, field string) {
			f := r.fault(key, "no format has a field %q", field)
			f.Suggestion = query.Nearest(field, schema)
			all = append(all, f)
		}
		for key, c := range r.conditions() {
			e, err := r.parse(c, schema)
			if err != nil {
				continue // New has refused it
			}
			for _, t := range query.Unknown(e) {
				report(r.keyOf(key, c, t.Field), t.Field)
			}
		}
		for key, name := range r.fields() {
			if _, ok := schema.Lookup(name); !ok {
				report(key, name)
			}
		}
	}
	return all
}

// keyOf returns the key of a field in a condition: in a table it may be written as one key, or as several with dots between. Of
// other conditions, and of tables within tables, it is that of the condition.
func (r *Rule) keyOf(key string, c Condition, field string) string {
	table, ok := c.(map[string]any)
	if !ok {
		return key
	}
	if _, ok := table[field]; ok {
		return pathOf(key, []string{field})
	}
	names := strings.Split(field, ".")
	if _, ok := table[names[0]]; ok {
		return pathOf(key, names)
	}
	return key
}

// conditions calls yield with the key of each condition of the rule and the condition.
func (r *Rule) conditions() func(yield func(string, Condition) bool) {
	return func(yield func(string, Condition) bool) {
		more := r.When == nil || yield("when", r.When)
		keys, parts := r.parts()
		for i, c := range parts {
			more = more && yield(keys[i], c)
		}
		for i, o := range r.Once {
			for j, c := range o.From {
				more = more && yield(fmt.Sprintf("once[%d].from[%d]", i, j), c)
			}
		}
		for i, p := range r.Repeat {
			more = more && yield(fmt.Sprintf("repeat[%d].from", i), p.From)
		}
		for i, s := range r.Suppress {
			if s.When != nil && s.owner == nil {
				more = more && yield(fmt.Sprintf("suppress[%d].when", i), s.When)
			}
		}
	}
}

// fields calls yield with the keys at which the rule names fields otherwise than in conditions, and the fields.
func (r *Rule) fields() func(yield func(string, string) bool) {
	named := map[string][]string{"weight": fields(r.Weight)}
	for key, text := range map[string]string{"title": r.Title, "message": r.Message, "group": r.Group} {
		named[key], _ = templateFields(text)
	}
	if len(named["group"]) == 0 {
		named["group"] = fields(r.Group)
	}
	if r.Threshold != nil {
		named["threshold.distinct"], named["threshold.sum"] = fields(r.Threshold.Distinct), fields(r.Threshold.Sum)
	}
	if r.First != nil {
		named["first.of"] = fields(r.First.Of)
	}
	if r.Absence != nil {
		named["absence.own"] = fields(r.Absence.Own)
	}
	if k := r.States; k != nil {
		named["states.of"], named["states.log"], named["states.means"] = fields(k.Of), fields(k.Log), fields(k.Means)
	}
	if k := r.Retry; k != nil {
		if named["retry.session"], _ = templateFields(k.Session); !strings.Contains(k.Session, "{{") {
			named["retry.session"] = fields(k.Session)
		}
		named["retry.text"] = fields(k.Text)
	}
	if k := r.Control; k != nil {
		named["control.each"], named["control.amount"] = fields(k.Each), fields(k.Amount)
		named["control.count"], named["control.sum"] = fields(k.Count), fields(k.Sum)
	}
	if r.Deviation != nil {
		named["deviation.of"] = fields(r.Deviation.Of)
	}
	if r.Gap != nil {
		named["gap.of"] = fields(r.Gap.Of)
	}
	for i, o := range r.Once {
		for j, by := range o.By {
			named[fmt.Sprintf("once[%d].by[%d]", i, j)] = fields(by)
		}
	}
	for i, p := range r.Repeat {
		for j, by := range p.By {
			named[fmt.Sprintf("repeat[%d].by[%d]", i, j)] = fields(by)
		}
	}
	return func(yield func(string, string) bool) {
		for _, key := range slices.Sorted(maps.Keys(named)) {
			for _, name := range named[key] {
				if !yield(key, name) {
					return
				}
			}
		}
	}
}

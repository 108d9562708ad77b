package elastic

import (
	"strconv"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// filter holds where all of its operands do.
func filter(list ...dsl) dsl { return dsl{"bool": dsl{"filter": list}} }

// either holds where one of its operands does.
func either(list ...dsl) dsl {
	switch len(list) {
	case 0:
		return never
	case 1:
		return list[0]
	}
	return dsl{"bool": dsl{"should": list, "minimum_should_match": 1}}
}

// without holds where x does not.
func without(x dsl) dsl { return dsl{"bool": dsl{"must_not": x}} }

func term(field string, value any) dsl { return dsl{"term": dsl{field: dsl{"value": value}}} }

func exists(field string) dsl { return dsl{"exists": dsl{"field": field}} }

var (
	always = dsl{"match_all": dsl{}}
	never  = dsl{"match_none": dsl{}}
)

// Bounds are what the index can tell of a condition: it holds for no event that upper does not find, and for every one
// that lower finds. Where both are the same the index knows the answer (lower is nil then); else the events between have
// to be read.
type bounds struct{ upper, lower dsl }

func (b bounds) exact() bool { return b.lower == nil }

func (b bounds) least() dsl {
	if b.lower == nil {
		return b.upper
	}
	return b.lower
}

func allOf(list ...bounds) bounds { return combine(list, filter) }

func anyOf(list ...bounds) bounds { return combine(list, either) }

func notOf(b bounds) bounds {
	if b.exact() {
		return bounds{upper: without(b.upper)}
	}
	return bounds{upper: without(b.lower), lower: without(b.upper)}
}

func combine(list []bounds, op func(...dsl) dsl) bounds {
	upper, lower := make([]dsl, len(list)), make([]dsl, len(list))
	exact := true
	for i, b := range list {
		upper[i], lower[i] = b.upper, b.least()
		exact = exact && b.exact()
	}
	if exact {
		return bounds{upper: op(upper...)}
	}
	return bounds{op(upper...), op(lower...)}
}

// A compiler makes bounds of conditions.
type compiler struct {
	// marked reports whether there are events whose value of a field the index cannot hold (fLong).
	marked func(name string) bool
	// loose makes it leave out what a cluster may refuse to evaluate: deep nesting and patterns.
	loose bool
}

func (c compiler) condition(e query.Expr) bounds {
	switch e := e.(type) {
	case query.And:
		return allOf(c.conditions(e)...)
	case query.Or:
		return anyOf(c.conditions(e)...)
	case query.Not:
		return notOf(c.condition(e.X))
	case *query.Test:
		if e.Known {
			return c.known(e)
		}
		return c.unknown(e)
	}
	return bounds{upper: always} // nil
}

func (c compiler) conditions(list []query.Expr) []bounds {
	all := make([]bounds, len(list))
	for i, e := range list {
		all[i] = c.condition(e)
	}
	return all
}

func cannotHold(name string) dsl { return term(fLong, marker(name)) }

// held are the bounds of a test whose answer q is right where the index holds the field's value.
func (c compiler) held(name string, q dsl) bounds {
	if !c.marked(name) {
		return bounds{upper: q}
	}
	return bounds{either(q, cannotHold(name)), filter(q, without(cannotHold(name)))}
}

// read are the bounds of a test that the index cannot answer, of events that have the field.
func read(has dsl) bounds { return bounds{has, never} }

func (c compiler) known(t *query.Test) bounds {
	if t.Op == query.Exists {
		return c.exists(t)
	}
	switch t.F {
	case event.FieldTime:
		return bounds{upper: filter(exists(t.Field), number(fTime, t, t.Int))}
	case event.FieldUnparsed:
		if t.Int == 0 { // it is true or missing
			return bounds{upper: never}
		}
		return bounds{upper: term(t.Field, true)}
	case event.FieldMessage:
		has := bounds{upper: term(fHas, t.Field)}
		return anyOf(allOf(has, c.text(t, t.Field)), allOf(notOf(has), c.text(t, fieldOriginal)))
	}
	switch t.Kind {
	case event.Keyword:
		return c.keyword(t)
	case event.Text:
		return c.text(t, t.Field)
	case event.Float:
		return c.held(t.Field, number(t.Field, t, t.Float))
	case event.Time:
		return c.held(t.Field, number(fMicros+t.Field, t, t.Int))
	case event.Bool:
		return c.held(t.Field, term(t.Field, t.Int != 0))
	case event.Address:
		return c.held(t.Field, dsl{"range": dsl{t.Field: dsl{"gte": t.Lo.Addr().String(), "lte": t.Hi.Addr().String()}}})
	}
	return c.held(t.Field, number(t.Field, t, t.Int))
}

var fieldOriginal = event.CoreFields()[event.FieldOriginal].Name

func (c compiler) exists(t *query.Test) bounds {
	switch t.F {
	case event.FieldOffset, event.FieldOriginal:
		return bounds{upper: always}
	case event.FieldTime, event.FieldUnparsed:
		return bounds{upper: exists(t.Field)}
	}
	has := exists(t.Field)
	if t.Kind == event.Text { // a text without words is nowhere in the index
		has = term(fHas, t.Field)
	}
	if c.marked(t.Field) {
		has = either(has, cannotHold(t.Field))
	}
	return bounds{upper: has}
}

var orders = map[query.Op]string{query.Less: "lt", query.LessEq: "lte", query.More: "gt", query.MoreEq: "gte"}

// number compares a field with an operand.
func number(field string, t *query.Test, operand any) dsl {
	if t.Op == query.Equal {
		return dsl{"range": dsl{field: dsl{"gte": operand, "lte": operand}}}
	}
	return dsl{"range": dsl{field: dsl{orders[t.Op]: operand}}}
}

func (c compiler) keyword(t *query.Test) bounds {
	switch t.Op {
	case query.Equal:
		if len(t.Str) > maxTerm {
			return c.held(t.Field, never)
		}
		return c.held(t.Field, term(t.Field, t.Str))
	case query.Wildcard:
		if !c.loose {
			return c.held(t.Field, wildcard(t.Field, t.Str))
		}
	}
	return read(c.exists(t).upper)
}

func wildcard(field, pattern string) dsl { return dsl{"wildcard": dsl{field: dsl{"value": pattern}}} }

// text are the bounds of a test of a text field, applied to the field of the given name.
func (c compiler) text(t *query.Test, name string) bounds {
	field := fTokens + name
	switch {
	case t.Op == query.Wildcard && !c.loose:
		return c.held(name, wildcard(field, t.Str))
	case t.Op != query.Equal:
		if name == fieldOriginal {
			return read(always)
		}
		return read(either(term(fHas, name), cannotHold(name)))
	}
	for _, token := range t.Tokens {
		if len(token) > maxToken {
			return c.held(name, never)
		}
	}
	last := len(t.Tokens) - 1
	if !t.Prefix {
		return c.held(name, phrase(field, t.Tokens))
	}
	prefix := c.held(name, dsl{"prefix": dsl{field: dsl{"value": t.Tokens[last]}}})
	if last == 0 {
		return prefix
	}
	// Whether the words stand in a row the index could tell for few words of that beginning only.
	both := allOf(c.held(name, phrase(field, t.Tokens[:last])), prefix)
	return read(both.upper)
}

func phrase(field string, tokens []string) dsl {
	if len(tokens) == 1 {
		return term(field, tokens[0])
	}
	return dsl{"match_phrase": dsl{field: dsl{"query": strings.Join(tokens, " ")}}}
}

// unknown are the bounds of a test of what the event brought as JSON.
func (c compiler) unknown(t *query.Test) bounds {
	name := member(t.Field)
	if t.Op == query.Exists {
		return bounds{upper: either(term(fPairs, pair(t.Field, pairExists)), cannotHold(name))}
	}
	if len(pair(t.Field, pairExists))+len(t.Str) > maxTerm {
		return read(cannotHold(name))
	}
	switch t.Op {
	case query.Equal:
		same := []dsl{term(fPairs, pair(t.Field, pairString)+t.Str)}
		if t.Str == "true" || t.Str == "false" {
			same = append(same, term(fPairs, pair(t.Field, pairBool)+t.Str))
		}
		if v, ok := query.Number(t.Str); ok {
			same = append(same, term(fPairs, pair(t.Field, pairNumber)+sortable(v)))
		}
		return c.held(name, either(same...))
	case query.Less, query.LessEq, query.More, query.MoreEq:
		return c.held(name, either(pairOrder(t, pairNumber), pairOrder(t, pairLooks)))
	case query.Wildcard:
		if !c.loose {
			return c.held(name, wildcard(fPairs, escapeWildcard(pair(t.Field, pairString))+t.Str))
		}
	}
	return read(either(dsl{"prefix": dsl{fPairs: dsl{"value": pair(t.Field, pairString)}}}, cannotHold(name)))
}

// pairOrder compares the numbers of one kind of pairs.
func pairOrder(t *query.Test, kind byte) dsl {
	head := pair(t.Field, kind)
	at := head + sortable(t.Float)
	between := dsl{orders[t.Op]: at}
	if t.Op == query.Less || t.Op == query.LessEq {
		between["gte"] = head
	} else {
		between["lt"] = head + "g" // after every digit
	}
	return dsl{"range": dsl{fPairs: between}}
}

func escapeWildcard(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`).Replace(s)
}

// A where is the condition of a read.
type where struct {
	bounds
	matcher *query.Matcher // of the whole condition; nil where the index knows the answer
}

// where compiles the condition of a read: the view's, the query's, the time's, and that of the snapshot.
func (s *Store) where(c compiler, v access.View, e query.Expr, during query.Interval, snap snapshot) (where, error) {
	all := query.And{}
	for _, x := range []query.Expr{v.Filter(), e} {
		if x != nil {
			all = append(all, x)
		}
	}
	m, err := query.Compile(all) // refuses what no test can be
	if err != nil {
		return where{}, err
	}
	b := c.condition(all)
	if c.loose && tooDeep(all, 0) {
		b = read(always)
	}
	fixed := bounds{upper: filter(append(timeBounds(during), s.standing(snap))...)}
	w := where{bounds: allOf(fixed, b)}
	if !w.exact() {
		w.matcher = m
	}
	return w, nil
}

// tooDeep reports whether a condition may be nested deeper than a cluster takes.
func tooDeep(e query.Expr, depth int) bool {
	const most = 8
	list := func(l []query.Expr) bool {
		for _, x := range l {
			if tooDeep(x, depth+1) {
				return true
			}
		}
		return false
	}
	switch e := e.(type) {
	case query.And:
		return depth > most || list(e)
	case query.Or:
		return depth > most || list(e)
	case query.Not:
		return tooDeep(e.X, depth+1)
	}
	return false
}

// timeBounds are the conditions of an interval. @timestamp, in milliseconds, lets Elasticsearch leave out whole indices.
func timeBounds(during query.Interval) []dsl {
	if during == (query.Interval{}) {
		return nil
	}
	exact, coarse := dsl{}, dsl{"format": "epoch_millis"}
	if during.From != 0 {
		exact["gte"] = during.From
		coarse["gte"] = strconv.FormatInt(during.From/1000, 10)
	}
	if during.To != 0 {
		exact["lt"] = during.To
		coarse["lte"] = strconv.FormatInt(during.To/1000, 10)
	}
	list := []dsl{{"range": dsl{fTime: exact}}}
	if during.From > 0 { // then every event of the interval has a time
		list = append(list, dsl{"range": dsl{"@timestamp": coarse}})
	}
	return list
}

// standing leaves out documents of commits of this writer that do not stand, and with Own those of other writers.
func (s *Store) standing(snap snapshot) dsl {
	if s.cfg.Own {
		return filter(term(fWriter, s.cfg.Writer), dsl{"range": dsl{fBatch: dsl{"lte": snap.batch}}})
	}
	return without(filter(term(fWriter, s.cfg.Writer), dsl{"range": dsl{fBatch: dsl{"gt": snap.batch}}}))
}

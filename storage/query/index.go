package query

import (
	"math/bits"
	"slices"

	"github.com/saypro/veritail/pipeline/event"
)

// An index tells which trees of a set may match a page. A tree is entered under what all that it matches have: a value of a
// keyword, or a value that the page keeps for all its events, or at least a field. So a page costs what the trees cost that are
// about such events, however many others there are.
type index struct {
	shared *shared
	fields []event.Field // keywords under whose values trees are entered
	places map[place][]int32
	exist  []fieldTrees
	always []int32 // the trees of which nothing is known

	may  []uint64 // scratch: the trees that may match, as bits
	list []int    // and as numbers
}

// A place is a value of a field that the page keeps once.
type place struct {
	field event.Field
	value string
}

// fieldTrees are the trees that need a field.
type fieldTrees struct {
	field event.Field
	trees []int32
}

// A need is what all events have that a tree matches. Of several needs together one is enough.
type need struct {
	field event.Field
	value string // if by is not byField
	by    needBy
}

type needBy int

// In the order in which they tell more.
const (
	byField needBy = iota + 1
	byPlace
	byValue
)

// needs returns needs of which every event that e matches has one; nil where there is no such list.
func (x *index) needs(e Expr) []need {
	switch e := e.(type) {
	case And:
		var best []need
		for _, k := range e {
			if n := x.needs(k); n != nil && (best == nil || x.compare(n, best) < 0) {
				best = n
			}
		}
		return best
	case Or:
		var all []need
		for _, k := range e {
			n := x.needs(k)
			if n == nil {
				return nil
			}
			all = append(all, n...)
		}
		return all
	case *Test:
		return testNeeds(e)
	}
	return nil
}

func testNeeds(t *Test) []need {
	switch {
	case !t.Known || t.Kind == event.Text || t.F == event.FieldOffset || t.F == event.FieldUnparsed:
		return nil
	case t.F >= event.FieldDataset && t.F <= event.FieldPath:
		if t.Op != Equal {
			return nil
		}
		return []need{{t.F, t.Str, byPlace}}
	case t.Kind == event.Keyword && t.Op == Equal:
		return []need{{t.F, t.Str, byValue}}
	}
	return []need{{field: t.F, by: byField}}
}

// compare is below 0 where a list of needs leaves out more pages than b, or does so with less work: its weakest kind is
// stronger, its commonest value is needed by fewer trees, or it is shorter. To read a column that no other tree needs costs as
// much as some trees.
func (x *index) compare(a, b []need) int {
	weakest := func(list []need) needBy {
		return slices.MinFunc(list, func(a, b need) int { return int(a.by - b.by) }).by
	}
	cost := func(list []need) (n int) {
		for _, d := range list {
			if d.by != byValue {
				continue
			}
			k := x.shared.keyword(d.field)
			trees := len(k.trees[k.values.find([]byte(d.value))])
			if !slices.Contains(x.fields, d.field) {
				trees += columnCost
			}
			n = max(n, trees)
		}
		return n
	}
	if d := weakest(b) - weakest(a); d != 0 {
		return int(d)
	}
	if d := cost(a) - cost(b); d != 0 {
		return d
	}
	return len(a) - len(b)
}

// columnCost is how many trees cost as much as reading a column of keywords.
const columnCost = 16

// add enters tree number n, which has been compiled.
func (x *index) add(e Expr, n int) {
	if n%64 == 0 {
		x.may = append(x.may, 0)
	}
	tree := int32(n)
	list := x.needs(e)
	if list == nil {
		x.always = append(x.always, tree)
		return
	}
	for _, d := range list {
		switch d.by {
		case byPlace:
			at := place{d.field, d.value}
			x.places[at] = append(x.places[at], tree)
		case byValue:
			k := x.shared.keyword(d.field)
			v := k.values.find([]byte(d.value))
			k.trees[v] = append(k.trees[v], tree)
			if !slices.Contains(x.fields, d.field) {
				x.fields = append(x.fields, d.field)
			}
		case byField:
			i := slices.IndexFunc(x.exist, func(f fieldTrees) bool { return f.field == d.field })
			if i < 0 {
				i = len(x.exist)
				x.exist = append(x.exist, fieldTrees{field: d.field})
			}
			x.exist[i].trees = append(x.exist[i].trees, tree)
		}
	}
}

// candidates returns the trees that may match a page, in ascending order.
func (x *index) candidates(p *event.Page) []int {
	clear(x.may)
	x.enter(x.always)
	for f := event.FieldDataset; f <= event.FieldPath && len(x.places) > 0; f++ {
		switch f {
		case event.FieldDataset, event.FieldSite, event.FieldFormat, event.FieldPath:
			x.enter(x.places[place{f, pageString(p, f)}])
		}
	}
	for i := range x.exist {
		if p.Column(x.exist[i].field) != nil {
			x.enter(x.exist[i].trees)
		}
	}
	for _, f := range x.fields {
		c := column(p, f, event.Keyword)
		if c == nil {
			continue
		}
		k := x.shared.keyword(f)
		k.read(x.shared.page, p, c)
		for _, v := range k.here {
			x.enter(k.trees[v])
		}
	}
	x.list = x.list[:0]
	for w, word := range x.may {
		for ; word != 0; word &= word - 1 {
			x.list = append(x.list, w<<6+bits.TrailingZeros64(word))
		}
	}
	return x.list
}

func (x *index) enter(trees []int32) {
	for _, t := range trees {
		x.may[t>>6] |= 1 << (t & 63)
	}
}

package query

import (
	"fmt"
	"slices"

	"github.com/saypro/veritail/pipeline/event"
)

// A Matcher evaluates a tree over pages. It holds its scratch memory and is not safe for concurrent use: compile
// one for each goroutine.
type Matcher struct {
	root   node
	all    event.Bits
	shared *shared
}

// A node sets in out the rows of in that it holds for, and clears all others. in and out differ. Rows that an
// earlier operand has decided are not in in, so that costly tests see few rows.
type node interface {
	eval(p *event.Page, in, out *event.Bits)
	cost() int // a rank: cheap operands go first
}

// Compile makes a matcher of a tree. A nil tree matches everything. Trees that Parse made always compile; one
// that was made by hand is an error where a test's operator does not go with its kind or an operand is missing.
func Compile(e Expr) (*Matcher, error) { return newShared().matcher(e) }

func (s *shared) matcher(e Expr) (*Matcher, error) {
	root, err := s.compile(e)
	if err != nil {
		return nil, err
	}
	return &Matcher{root: root, shared: s}, nil
}

// Match sets in out the rows of p that match and clears all others. It allocates nothing once its scratch memory has
// grown, but for what package regexp's pools may.
func (m *Matcher) Match(p *event.Page, out *event.Bits) {
	m.shared.page++
	m.match(p, out)
}

// match is Match of the page that shared knows.
func (m *Matcher) match(p *event.Page, out *event.Bits) {
	n := min(p.N, event.PageRows)
	m.all = event.Bits{}
	for w := range n >> 6 {
		m.all[w] = ^uint64(0)
	}
	if n&63 != 0 {
		m.all[n>>6] = 1<<(n&63) - 1
	}
	m.root.eval(p, &m.all, out)
}

func (s *shared) compile(e Expr) (node, error) {
	switch e := e.(type) {
	case nil:
		return constant(true), nil
	case And:
		kids, err := s.compileAll(e)
		if err != nil || len(kids) == 1 {
			return one(kids), err
		}
		return &allOf{kids: kids}, nil
	case Or:
		kids, err := s.compileAll(e)
		if err != nil || len(kids) == 1 {
			return one(kids), err
		}
		if kids = merge(kids); len(kids) == 1 {
			return kids[0], nil
		}
		return &anyOf{kids: kids}, nil
	case Not:
		x, err := s.compile(e.X)
		if err != nil {
			return nil, err
		}
		return &noneOf{x: x}, nil
	case *Test:
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("compile the test of %s: %w", e.Field, err)
		}
		return s.test(e), nil
	}
	return nil, fmt.Errorf("compile a condition: unknown type %T", e)
}

func one(kids []node) node {
	if len(kids) == 0 {
		return nil
	}
	return kids[0]
}

func (s *shared) compileAll(list []Expr) ([]node, error) {
	kids := make([]node, len(list))
	for i, e := range list {
		var err error
		if kids[i], err = s.compile(e); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(kids, func(a, b node) int { return a.cost() - b.cost() })
	return kids, nil
}

// constant holds always or never.
type constant bool

func (c constant) cost() int { return 0 }

func (c constant) eval(_ *event.Page, in, out *event.Bits) {
	if c {
		*out = *in
	} else {
		*out = event.Bits{}
	}
}

type allOf struct {
	kids []node
	left event.Bits
}

func (n *allOf) cost() int { return sum(n.kids) }

func (n *allOf) eval(p *event.Page, in, out *event.Bits) {
	*out = *in
	for _, k := range n.kids {
		if *out == (event.Bits{}) {
			return
		}
		n.left = *out
		k.eval(p, &n.left, out)
	}
}

type anyOf struct {
	kids       []node
	left, hits event.Bits
}

func (n *anyOf) cost() int { return sum(n.kids) }

func (n *anyOf) eval(p *event.Page, in, out *event.Bits) {
	n.left, *out = *in, event.Bits{}
	for _, k := range n.kids {
		if n.left == (event.Bits{}) {
			return
		}
		k.eval(p, &n.left, &n.hits)
		for w, h := range &n.hits {
			out[w] |= h
			n.left[w] &^= h
		}
	}
}

type noneOf struct {
	x    node
	hits event.Bits
}

func (n *noneOf) cost() int { return n.x.cost() }

func (n *noneOf) eval(p *event.Page, in, out *event.Bits) {
	n.x.eval(p, in, &n.hits)
	for w, h := range &n.hits {
		out[w] = in[w] &^ h
	}
}

func sum(kids []node) int {
	s := 0
	for _, k := range kids {
		s += k.cost()
	}
	return s
}

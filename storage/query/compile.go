package query

import (
	"errors"
	"fmt"
	"math"

	"github.com/saypro/veritail/pipeline/event"
)

// The ranks of tests by what a row costs, about in ns.
const (
	costPage   = 1 // once a page
	costColumn = 2
	costString = 5
	costGlob   = 30
	costPhrase = 60
	costJSON   = 100
	costRegexp = 500
)

// check reports what is wrong with a test made by hand.
func (t *Test) check() error {
	ordered := t.Op >= Less && t.Op <= MoreEq
	text := t.Kind == event.Text
	switch {
	case !t.Known && t.Kind != event.Keyword:
		return fmt.Errorf("a field that no schema knows is a keyword, not of kind %s", t.Kind)
	case t.Op < Exists || t.Op > Regexp:
		return fmt.Errorf("unknown operator %d", t.Op)
	case t.Kind < event.Keyword || t.Kind > event.Bool:
		return fmt.Errorf("unknown kind %d", t.Kind)
	case ordered && (t.Known && t.Kind == event.Keyword || text || t.Kind == event.Address || t.Kind == event.Bool):
		return fmt.Errorf("values of kind %s have no order here", t.Kind)
	case t.Op == In && t.Kind != event.Address:
		return fmt.Errorf("only addresses lie in a network, not values of kind %s", t.Kind)
	case (t.Op == Wildcard || t.Op == Regexp) && t.Kind != event.Keyword && !text:
		return fmt.Errorf("values of kind %s take no pattern", t.Kind)
	case t.Op == Regexp && t.Re == nil:
		return errors.New("the regular expression is missing")
	case t.Op == Equal && text && len(t.Tokens) == 0:
		return errors.New("the phrase has no token")
	}
	return nil
}

// test makes the node of a test that check has passed.
func (s *shared) test(t *Test) node {
	switch {
	case !t.Known:
		return newObjectTest(t)
	case t.Op == Exists:
		return existsTest{t.F}
	case t.F == event.FieldUnparsed:
		if t.Int == 0 {
			return constant(false) // it is true or missing
		}
		return existsTest{t.F}
	}
	switch t.Kind {
	case event.Keyword:
		n := newStringTest(t)
		n.share(s)
		return n
	case event.Text:
		n := newTextTest(t)
		n.share(s)
		return n
	case event.Float:
		return newFloatTest(t)
	case event.Address:
		return &ipTest{t.F, t.Lo, t.Hi}
	}
	return newIntTest(t)
}

// An intTest holds for lo ≤ value ≤ hi; empty where lo > hi.
type intTest struct {
	f      event.Field
	kind   event.Kind
	lo, hi int64
}

func newIntTest(t *Test) node {
	n := &intTest{t.F, t.Kind, math.MinInt64, math.MaxInt64}
	switch t.Op {
	case Equal:
		n.lo, n.hi = t.Int, t.Int
	case Less:
		if t.Int == math.MinInt64 {
			return constant(false)
		}
		n.hi = t.Int - 1
	case LessEq:
		n.hi = t.Int
	case More:
		if t.Int == math.MaxInt64 {
			return constant(false)
		}
		n.lo = t.Int + 1
	case MoreEq:
		n.lo = t.Int
	}
	return n
}

func newFloatTest(t *Test) node {
	n := &floatTest{t.F, math.Inf(-1), math.Inf(1)}
	switch t.Op {
	case Equal:
		n.lo, n.hi = t.Float, t.Float
	case Less:
		n.hi = math.Nextafter(t.Float, math.Inf(-1))
	case LessEq:
		n.hi = t.Float
	case More:
		n.lo = math.Nextafter(t.Float, math.Inf(1))
	case MoreEq:
		n.lo = t.Float
	}
	return n
}

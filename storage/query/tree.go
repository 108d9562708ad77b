package query

import (
	"math"
	"net/netip"
	"regexp"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// An Expr is a condition on one event: And, Or, Not or Test.
type Expr interface{ expr() }

// And holds where all of its operands hold; an empty one always holds.
type And []Expr

// Or holds where one of its operands holds; an empty one never holds.
type Or []Expr

// Not holds where its operand does not.
type Not struct{ X Expr }

// Op is what a Test does.
type Op uint8

// The operators. Each names the operands it uses.
const (
	Exists   Op = iota + 1 // the event has a value
	Equal                  // Str, Int, Float, IP by the field's kind; a phrase (Tokens) for text
	Less                   // Int or Float
	LessEq                 // Int or Float
	More                   // Int or Float
	MoreEq                 // Int or Float
	In                     // CIDR Lo..Hi for addresses
	Wildcard               // Str with * and ? (\*, \?, \\ stand for themselves), anchored; for text: on one folded token; Re holds the translation
	Regexp                 // Re, unanchored, on the value as text
)

// A Test compares one field with one operand. Kind decides which operand counts; fields that no schema knows are
// keywords looked up in the event's JSON object.
type Test struct {
	Field string
	F     event.Field // valid if Known
	Known bool
	Kind  event.Kind
	Op    Op

	Str    string   // the operand as text, in canonical form
	Tokens []string // folded tokens of Str, for Text
	Prefix bool     // the last token is a prefix (text only: dead*)
	Int    int64    // Int, Duration (ns), Time (µs), Bool
	Float  float64
	Lo, Hi event.IP // Address: the range, Lo = Hi for one address
	Net    netip.Prefix
	Re     *regexp.Regexp

	Pos int // byte column in the query text, for errors
}

func (And) expr()   {}
func (Or) expr()    {}
func (Not) expr()   {}
func (*Test) expr() {}

// An Interval is a half-open range of time in µs: From ≤ t < To. Zero bounds are open.
type Interval struct{ From, To int64 }

// Contains reports whether t lies in the interval.
func (i Interval) Contains(t int64) bool {
	return (i.From == 0 || t >= i.From) && (i.To == 0 || t < i.To)
}

// Narrow returns a part of i outside which no event matches e: the tests of @timestamp that all have to hold bound it. A
// store asks it which days to look at.
func Narrow(i Interval, e Expr) Interval {
	switch e := e.(type) {
	case And:
		for _, x := range e {
			i = Narrow(i, x)
		}
	case *Test:
		if !e.Known || e.F != event.FieldTime {
			return i
		}
		if e.Op == Equal || e.Op == More || e.Op == MoreEq {
			if i.From == 0 || e.Int > i.From {
				i.From = e.Int
			}
		}
		if (e.Op == Equal || e.Op == Less || e.Op == LessEq) && e.Int < math.MaxInt64 {
			if i.To == 0 || e.Int < i.To-1 {
				i.To = e.Int + 1
			}
		}
	}
	return i
}

// Since returns the interval of the d before now.
func Since(now time.Time, d time.Duration) Interval {
	return Interval{From: now.Add(-d).UnixMicro(), To: now.UnixMicro() + 1}
}

// An ID names an event: its generation and the offset of its first line.
type ID struct {
	Gen event.GenID
	Off int64
}

// A Search asks for events, newest first: by time, then generation, then offset, all descending.
type Search struct {
	Where  Expr // nil: all
	During Interval
	Limit  int     // at most this many; 0: 100
	After  *Cursor // the last event of the previous page; nil: from the newest
	IDs    []ID    // if not nil, only these events
}

// A Cursor is a place in newest-first order.
type Cursor struct {
	Time int64
	ID
}

// An Agg asks for numbers over the events that match.
type Agg struct {
	Where  Expr
	During Interval
	By     []string       // group by these fields, largest count first
	Every  time.Duration  // if not 0: also by time, in Steps of this length
	Zone   *time.Location // whose days they are; nil: UTC
	Limit  int            // at most this many groups; 0: DefaultGroups
	Values []Measure      // beside the count
}

// DefaultGroups bounds the groups of an aggregation that names no limit.
const DefaultGroups = 1000

// A Measure is one number of an aggregation.
type Measure struct {
	Fn    string // "sum", "avg", "min", "max", "p50", "p95", "p99", "distinct"
	Field string
}

// Only reports whether a condition tests no other fields than the given ones.
func Only(e Expr, fields ...event.Field) bool {
	all := func(list []Expr) bool {
		for _, e := range list {
			if !Only(e, fields...) {
				return false
			}
		}
		return true
	}
	switch e := e.(type) {
	case nil:
		return true
	case And:
		return all(e)
	case Or:
		return all(e)
	case Not:
		return Only(e.X, fields...)
	case *Test:
		for _, f := range fields {
			if e.Known && e.F == f {
				return true
			}
		}
	}
	return false
}

// Fields returns a short condition that holds wherever e does: that the event has one of the fields that e tests. It is And{},
// which always holds, where that cannot be told.
func Fields(e Or) Expr {
	var fields Or
	seen := map[string]bool{}
	for _, x := range e {
		t, ok := x.(*Test)
		if !ok || t.Kind == event.Text {
			return And{}
		}
		if !seen[t.Field] {
			seen[t.Field] = true
			fields = append(fields, &Test{Field: t.Field, F: t.F, Known: t.Known, Kind: t.Kind, Op: Exists})
		}
	}
	return join(fields, false)
}

// OfSite is the condition that an event belongs to a site; "" is this machine.
func OfSite(name string) Expr {
	t := &Test{Field: "veritail.site", F: event.FieldSite, Known: true, Kind: event.Keyword}
	if name == "" {
		t.Op = Exists
		return Not{X: t}
	}
	t.Op, t.Str = Equal, name
	return t
}

package storage

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/saypro/veritail/pipeline/event"
)

// A Plan is what of a commit a store writes, by the rules of Writer.Commit.
type Plan struct {
	Write   map[event.GenID]bool // generations whose events and marks are written
	Marks   []event.Mark         // their new marks
	Refused Refused
	Whole   bool // nothing was skipped or refused: findings and rollups are written
}

// PlanCommit compares a commit with the stored marks. An error says what is wrong with the commit itself.
func PlanCommit(c *event.Commit, stored map[event.GenID]event.Mark) (Plan, error) {
	p := Plan{Write: make(map[event.GenID]bool), Whole: true}
	if c.Batch == nil {
		return p, nil
	}
	if len(c.From) != len(c.To) {
		return p, fmt.Errorf("a batch has %d marks to start from and %d to end at", len(c.From), len(c.To))
	}
	known := make(map[event.GenID]bool, len(c.To))
	for i, to := range c.To {
		from, at := c.From[i], stored[to.Gen]
		if from.Gen != to.Gen || known[to.Gen] {
			return p, fmt.Errorf("the marks of a batch name generation %s twice, or %s in its place", to.Gen, from.Gen)
		}
		known[to.Gen] = true
		switch {
		case samePlace(from, at):
			p.Write[to.Gen] = true
			p.Marks = append(p.Marks, to)
		case reached(at, to):
			p.Whole = false
		default:
			p.Whole = false
			p.Refused = append(p.Refused, to.Gen)
		}
	}
	for _, page := range c.Pages {
		if !known[page.Gen] {
			return p, fmt.Errorf("a page of generation %s came without its marks", page.Gen)
		}
	}
	return p, nil
}

// samePlace reports whether two marks stand at the same offset with the same open records.
func samePlace(a, b event.Mark) bool {
	return a.Off == b.Off && slices.Equal(sortedSpans(a.Open), sortedSpans(b.Open))
}

// reached reports whether the stored mark is at or past to. At one offset reading goes on by completing open
// records, so fewer of them are open the further it is.
func reached(stored, to event.Mark) bool {
	if stored.Off != to.Off {
		return stored.Off > to.Off
	}
	open := sortedSpans(to.Open)
	for _, s := range stored.Open {
		if _, ok := slices.BinarySearchFunc(open, s, compareSpans); !ok {
			return false
		}
	}
	return true
}

func sortedSpans(s []event.Span) []event.Span {
	return slices.SortedFunc(slices.Values(s), compareSpans)
}

func compareSpans(a, b event.Span) int {
	return cmp.Or(cmp.Compare(a.Off, b.Off), cmp.Compare(a.Len, b.Len))
}

package suggest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
)

// A lineGroup is lines of one signature.
type lineGroup struct {
	lines [][]linePart
	head  int    // how many parts the pattern names
	text  bool   // a free text follows them
	first string // the first of the lines
}

// A suggester collects what it sees in the lines of one log.
type suggester struct {
	name      string
	groups    []*lineGroup
	stamps    map[string]bool   // layouts that were met
	levels    map[string]bool   // as they were written
	continued bool              // lines that begin with a blank follow others
	rest      bool              // lines without a stamp follow others
	json      int               // lines that are JSON objects
	pairs     int               // lines that are key=value behind their head
	keys      map[string]string // of these, and a value of each
	fields    int               // parts that were called app.field1 and so on
}

// group sorts the lines by signature, the most frequent first.
func (s *suggester) group(lines [][]byte) {
	s.levels, s.keys = map[string]bool{}, map[string]string{}
	bySig := map[string]*lineGroup{}
	var order []*lineGroup
	plain, stamped := 0, 0
	for _, line := range lines {
		if len(bytes.TrimSpace(line)) == 0 {
			continue
		}
		if line[0] == '{' && json.Valid(line) {
			s.json++
			continue
		}
		if (line[0] == ' ' || line[0] == '\t') && len(order) > 0 {
			s.continued = true
			continue
		}
		parts := partsOf(line)
		s.count(parts)
		head := headOf(parts)
		hasStamp := slices.ContainsFunc(parts[:head], func(p linePart) bool { return p.kind == partStamp })
		if hasStamp {
			stamped++
		} else {
			plain++
		}
		sig := signature(parts, head)
		g := bySig[sig]
		if g == nil {
			g = &lineGroup{head: min(head, maxHead), text: strings.HasSuffix(sig, "*"), first: string(line)}
			bySig[sig], order = g, append(order, g)
		}
		g.lines = append(g.lines, parts)
	}
	slices.SortStableFunc(order, func(a, b *lineGroup) int { return cmp.Compare(len(b.lines), len(a.lines)) })
	if stamped > plain { // lines without a stamp are more of the one before
		s.rest = plain > 0
		order = slices.DeleteFunc(order, func(g *lineGroup) bool { return g.stamp() < 0 })
	}
	s.groups = order
	s.fold()
	// what says more of a line is tried first
	slices.SortStableFunc(s.groups, func(a, b *lineGroup) int {
		return cmp.Or(cmp.Compare(b.weight(), a.weight()), cmp.Compare(len(b.lines), len(a.lines)))
	})
}

// fold puts the rarest groups together by their stamp, and what is written before it.
func (s *suggester) fold() {
	if len(s.groups) <= maxPatterns {
		return
	}
	rare := s.groups[maxPatterns-3:]
	s.groups = s.groups[:maxPatterns-3]
	folded := map[string]*lineGroup{}
	for _, g := range rare {
		at := g.stamp()
		if at < 0 {
			at = 0
			if len(s.groups) >= maxPatterns || g.head == 0 {
				continue
			}
		}
		sig := signature(g.lines[0][:at+1], at+1)
		f := folded[sig]
		if f == nil {
			f = &lineGroup{head: at + 1, text: true, first: g.first}
			folded[sig] = f
			s.groups = append(s.groups, f)
		}
		f.lines = append(f.lines, g.lines...)
	}
}

// stamp returns which part of the head is a stamp, -1 if none.
func (g *lineGroup) stamp() int {
	return slices.IndexFunc(g.lines[0][:min(g.head, len(g.lines[0]))], func(p linePart) bool { return p.kind == partStamp })
}

// weight is how much a pattern of the group says: parts that are more than any text, and no free text.
func (g *lineGroup) weight() int {
	n := 2 * g.head
	if !g.text {
		n++
	}
	return n
}

package query

import (
	"math/bits"

	"github.com/saypro/veritail/pipeline/event"
)

// column returns f's column where it holds values of the kind, else nil.
func column(p *event.Page, f event.Field, kind event.Kind) *event.Column {
	if c := p.Column(f); c != nil && c.Kind == kind {
		return c
	}
	return nil
}

// word returns the values of rows 64w to 64w+63, fewer at the end of the page.
func word[T any](values []T, w int) []T {
	return values[min(w<<6, len(values)):min(w<<6+64, len(values))]
}

// count returns how many rows are set.
func count(rows *event.Bits) (n int) {
	for _, w := range rows {
		n += bits.OnesCount64(w)
	}
	return n
}

// bit is 1 where b is true. The compiler makes it a move without a branch.
func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// existsTest holds where the event has a value.
type existsTest struct{ f event.Field }

func (n existsTest) cost() int { return costPage }

func (n existsTest) eval(p *event.Page, in, out *event.Bits) {
	switch n.f {
	case event.FieldDataset, event.FieldSite, event.FieldFormat, event.FieldPath:
		constant(pageString(p, n.f) != "").eval(p, in, out)
	case event.FieldOffset, event.FieldOriginal:
		*out = *in
	case event.FieldUnparsed:
		intersect(in, &p.Unparsed, out)
	default:
		c := p.Column(n.f)
		if c == nil {
			*out = event.Bits{}
			return
		}
		intersect(in, &c.Valid, out)
	}
}

func intersect(a, b, out *event.Bits) {
	for w := range out {
		out[w] = a[w] & b[w]
	}
}

// pageString returns the value of a keyword that the page keeps once for all rows; "" is missing.
func pageString(p *event.Page, f event.Field) string {
	switch f {
	case event.FieldDataset:
		return p.Data
	case event.FieldSite:
		return p.Site
	case event.FieldFormat:
		return p.Format
	}
	return p.Path
}

func (n *intTest) cost() int { return costColumn }

func (n *intTest) eval(p *event.Page, in, out *event.Bits) {
	if n.f == event.FieldOffset {
		n.offsets(p, in, out)
		return
	}
	*out = event.Bits{}
	c := column(p, n.f, n.kind)
	if c == nil {
		return
	}
	// lo ≤ v ≤ hi in one comparison of unsigned differences.
	lo, reach := uint64(n.lo), uint64(n.hi)-uint64(n.lo)
	for w := range out {
		rows := in[w] & c.Valid[w]
		if rows == 0 {
			continue
		}
		var hits uint64
		for i, v := range word(c.Int, w) {
			hits |= bit(uint64(v)-lo <= reach) << (i & 63)
		}
		out[w] = hits & rows
	}
}

func (n *intTest) offsets(p *event.Page, in, out *event.Bits) {
	for w, rows := range in {
		var hits uint64
		for ; rows != 0; rows &= rows - 1 {
			i := bits.TrailingZeros64(rows)
			off := p.Offset(w<<6 + i)
			hits |= bit(n.lo <= off && off <= n.hi) << i
		}
		out[w] = hits
	}
}

// A floatTest holds for lo ≤ value ≤ hi.
type floatTest struct {
	f      event.Field
	lo, hi float64
}

func (n *floatTest) cost() int { return costColumn }

func (n *floatTest) eval(p *event.Page, in, out *event.Bits) {
	*out = event.Bits{}
	c := column(p, n.f, event.Float)
	if c == nil {
		return
	}
	for w := range out {
		rows := in[w] & c.Valid[w]
		if rows == 0 {
			continue
		}
		var hits uint64
		for i, v := range word(c.Float, w) {
			hits |= bit(n.lo <= v && v <= n.hi) << (i & 63)
		}
		out[w] = hits & rows
	}
}

// An ipTest holds for lo ≤ address ≤ hi.
type ipTest struct {
	f      event.Field
	lo, hi event.IP
}

func (n *ipTest) cost() int { return costColumn }

func (n *ipTest) eval(p *event.Page, in, out *event.Bits) {
	*out = event.Bits{}
	c := column(p, n.f, event.Address)
	if c == nil {
		return
	}
	for w := range out {
		rows := in[w] & c.Valid[w]
		if rows == 0 {
			continue
		}
		var hits uint64
		for i, v := range word(c.IP, w) {
			// A difference of 128 bits borrows where it would be negative.
			_, low := bits.Sub64(v.Lo, n.lo.Lo, 0)
			_, low = bits.Sub64(v.Hi, n.lo.Hi, low)
			_, high := bits.Sub64(n.hi.Lo, v.Lo, 0)
			_, high = bits.Sub64(n.hi.Hi, v.Hi, high)
			hits |= (low | high ^ 1) << (i & 63)
		}
		out[w] = hits & rows
	}
}

// A stringTest compares a keyword: with a regular expression, a wildcard or, where both are nil, with equal.
type stringTest struct {
	f     event.Field
	equal string
	glob  glob
	re    *pattern
	buf   []byte // scratch: the page's value

	shared  *shared
	known   *keyword // what is known of the field's values in the page; nil: nothing
	value   int      // the number of equal there
	suspect int      // the number of re there, -1 for none
	left    event.Bits
}

func newStringTest(t *Test) *stringTest {
	n := &stringTest{f: t.F}
	switch t.Op {
	case Equal:
		n.equal = t.Str
	case Wildcard:
		n.glob = newGlob(t.Str)
	case Regexp:
		n.re = newPattern(t.Re)
	}
	return n
}

// share lets the test use what others find out of its field.
func (n *stringTest) share(s *shared) {
	n.shared, n.known, n.suspect = s, s.keyword(n.f), -1
	switch {
	case n.re != nil:
		n.suspect = n.known.search.add(n.re.needles)
	case n.glob == nil:
		n.value = n.known.value(n.equal)
	default:
		n.suspect = n.known.search.add(n.glob.needles())
	}
}

func (n *stringTest) cost() int {
	switch {
	case n.f >= event.FieldDataset && n.f <= event.FieldPath:
		return costPage
	case n.re != nil:
		return costRegexp
	case n.glob != nil:
		return costGlob
	}
	return costString
}

func (n *stringTest) match(v []byte) bool {
	switch {
	case n.re != nil:
		return n.re.match(v)
	case n.glob != nil:
		return n.glob.match(v)
	}
	return string(v) == n.equal
}

func (n *stringTest) eval(p *event.Page, in, out *event.Bits) {
	switch n.f {
	case event.FieldDataset, event.FieldSite, event.FieldFormat, event.FieldPath:
		n.buf = append(n.buf[:0], pageString(p, n.f)...)
		constant(len(n.buf) > 0 && n.match(n.buf)).eval(p, in, out)
		return
	}
	*out = event.Bits{}
	c := column(p, n.f, event.Keyword)
	if c == nil {
		return
	}
	if n.re == nil && n.glob == nil {
		n.known.equal(n.shared.page, p, c, n.value, in, out)
		return
	}
	if n.suspect >= 0 {
		intersect(in, n.known.search.suspectsOf(n.shared.page, p, c, n.suspect), &n.left)
		in = &n.left
	}
	for w := range out {
		for rows := in[w] & c.Valid[w]; rows != 0; rows &= rows - 1 {
			i := bits.TrailingZeros64(rows)
			if n.match(p.Bytes(c.Str[w<<6+i])) {
				out[w] |= 1 << i
			}
		}
	}
}

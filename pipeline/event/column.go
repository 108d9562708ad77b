package event

import "math/bits"

// A Column holds one field's values for the rows of a page. Only the slice of its kind is filled; all have the
// page's length N once the page is complete, and rows that are not Valid hold the zero value. Before, it may be longer or
// shorter, and rows that are not Valid hold anything.
type Column struct {
	Field Field
	Kind  Kind
	Valid Bits
	Int   []int64   // Int, Time, Duration, Bool
	Float []float64 // Float
	Str   []Str     // Keyword, Text
	IP    []IP      // Address

	settled int // in so many rows those without a value are cleared
}

// column returns f's column for writing.
func (p *Page) column(f Field) *Column {
	if int(f) < len(p.cols) && p.cols[f] != nil {
		return p.cols[f]
	}
	return p.addColumn(f)
}

func (p *Page) addColumn(f Field) *Column {
	if int(f) >= len(p.cols) {
		n := max(len(p.Schema.Fields()), int(f)+1)
		p.cols = append(p.cols, make([]*Column, n-len(p.cols))...)
	}
	c := p.takeColumn(f)
	p.cols[f] = c
	p.used = append(p.used, f)
	return c
}

func (p *Page) takeColumn(f Field) *Column {
	kind := p.Schema.Def(f).Kind
	for i, c := range p.spare {
		if c.Kind == kind {
			p.spare[i] = p.spare[len(p.spare)-1]
			p.spare = p.spare[:len(p.spare)-1]
			c.Field, c.Valid, c.settled = f, Bits{}, 0
			c.Int, c.Float, c.Str, c.IP = c.Int[:0], c.Float[:0], c.Str[:0], c.IP[:0]
			return c
		}
	}
	return &Column{Field: f, Kind: kind}
}

// SetStr sets a Keyword or Text field of row i.
func (p *Page) SetStr(i int, f Field, s Str) {
	c := p.column(f)
	if i >= len(c.Str) {
		c.Str = extend(p, c.Str)
	}
	c.Str[i] = s
	c.Valid.Set(i)
}

// SetInt sets an Int, Time, Duration or Bool field of row i.
func (p *Page) SetInt(i int, f Field, v int64) {
	c := p.column(f)
	if i >= len(c.Int) {
		c.Int = extend(p, c.Int)
	}
	c.Int[i] = v
	c.Valid.Set(i)
}

// SetFloat sets a Float field of row i.
func (p *Page) SetFloat(i int, f Field, v float64) {
	c := p.column(f)
	if i >= len(c.Float) {
		c.Float = extend(p, c.Float)
	}
	c.Float[i] = v
	c.Valid.Set(i)
}

// SetIP sets an Address field of row i.
func (p *Page) SetIP(i int, f Field, v IP) {
	c := p.column(f)
	if i >= len(c.IP) {
		c.IP = extend(p, c.IP)
	}
	c.IP[i] = v
	c.Valid.Set(i)
}

// firstRoom is for how many rows a page has memory at first.
const firstRoom = 128

// extend returns s with room for all rows that p has room for, the new elements with anything in them.
func extend[T any](p *Page, s []T) []T {
	if p.room <= cap(s) {
		return s[:p.room]
	}
	return append(newVector[T](p), s...)[:p.room]
}

// newVector returns memory for the rows that p has room for. Element i of all vectors is written at about the same time: they
// begin at different distances from a page of memory, so that their lines do not share one set of the processor's cache.
func newVector[T any](p *Page) []T {
	if p.room < PageRows {
		return make([]T, 0, p.room)
	}
	const step, steps = 8, 16 // elements: of 8 bytes, one line
	skip := p.vectors % steps * step
	p.vectors++
	return make([]T, 0, PageRows+(steps-1)*step)[skip : skip : skip+PageRows]
}

// settle returns s, which c holds, as long as p has rows; those without a value are cleared.
func settle[T any](p *Page, c *Column, s []T) []T {
	var zero T
	if len(s) < p.N {
		s = extend(p, s)
	}
	fill(s, &c.Valid, c.settled, p.N, zero)
	c.settled = p.N
	return s[:p.N]
}

// fill sets the rows from (or some rows before it) to to, of those that are not valid, to v.
func fill[T any](s []T, valid *Bits, from, to int, v T) {
	for w := from >> 6; w<<6 < to; w++ {
		rows := s[w<<6 : min(w<<6+64, to)]
		missing := ^valid[w]
		if missing == ^uint64(0) {
			for i := range rows {
				rows[i] = v
			}
			continue
		}
		for ; missing != 0; missing &= missing - 1 {
			if i := bits.TrailingZeros64(missing); i < len(rows) {
				rows[i] = v
			}
		}
	}
}

package event

import "math/bits"

// A Column holds one field's values for the rows of a page. Only the slice of its kind is filled; all have the
// page's length N once the page is complete, and rows that are not Valid hold the zero value. Before, it may be longer, and
// rows that are not Valid hold anything.
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
	c.lengthen(p)
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
func (p *Page) SetStr(i int, f Field, s Str) { p.column(f).SetStr(i, s) }

// SetInt sets an Int, Time, Duration or Bool field of row i.
func (p *Page) SetInt(i int, f Field, v int64) { p.column(f).SetInt(i, v) }

// SetFloat sets a Float field of row i.
func (p *Page) SetFloat(i int, f Field, v float64) { p.column(f).SetFloat(i, v) }

// SetIP sets an Address field of row i.
func (p *Page) SetIP(i int, f Field, v IP) { p.column(f).SetIP(i, v) }

// Writable returns f's column, which the page gets if it has none. It belongs to the page until that is emptied.
func (p *Page) Writable(f Field) *Column { return p.column(f) }

// SetStr sets row i of a column of Keyword or Text. The row is one of its page.
func (c *Column) SetStr(i int, s Str) {
	c.Str[i] = s
	c.Valid.Set(i)
}

// SetInt sets row i of a column of Int, Time, Duration or Bool. The row is one of its page.
func (c *Column) SetInt(i int, v int64) {
	c.Int[i] = v
	c.Valid.Set(i)
}

// SetFloat sets row i of a column of Float. The row is one of its page.
func (c *Column) SetFloat(i int, v float64) {
	c.Float[i] = v
	c.Valid.Set(i)
}

// SetIP sets row i of a column of Address. The row is one of its page.
func (c *Column) SetIP(i int, v IP) {
	c.IP[i] = v
	c.Valid.Set(i)
}

// lengthen gives the column room for all rows that its page p has room for.
func (c *Column) lengthen(p *Page) {
	switch c.Kind {
	case Keyword, Text:
		c.Str = extend(p, c.Str)
	case Float:
		c.Float = extend(p, c.Float)
	case Address:
		c.IP = extend(p, c.IP)
	default:
		c.Int = extend(p, c.Int)
	}
}

// complete makes the column as long as its page of n rows, and clears what it has in rows without a value.
func (c *Column) complete(n int) {
	switch c.Kind {
	case Keyword, Text:
		c.Str = fill(c.Str[:n], &c.Valid, c.settled, Str{})
	case Float:
		c.Float = fill(c.Float[:n], &c.Valid, c.settled, 0)
	case Address:
		c.IP = fill(c.IP[:n], &c.Valid, c.settled, IP{})
	default:
		c.Int = fill(c.Int[:n], &c.Valid, c.settled, 0)
	}
	c.settled = n
}

// setMissing gives those of the first n rows that have no value the value s.
func (c *Column) setMissing(n int, s Str) {
	fill(c.Str[:n], &c.Valid, c.settled, s)
	c.Valid.setTo(n)
}

// fill sets the rows from (or some rows before it) on that are not valid to v.
func fill[T any](s []T, valid *Bits, from int, v T) []T {
	for w := from >> 6; w<<6 < len(s); w++ {
		rows := s[w<<6 : min(w<<6+64, len(s))]
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
	return s
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

// newVector returns memory for the rows that p has room for. What one row writes lies at the same place of all vectors: they
// begin at different distances from a page of memory, so that it does not share one set of the processor's cache.
func newVector[T any](p *Page) []T {
	if p.room < PageRows {
		return make([]T, 0, p.room)
	}
	const step, steps = 8, 16 // elements: of 8 bytes, one line
	skip := p.vectors % steps * step
	p.vectors++
	return make([]T, 0, PageRows+(steps-1)*step)[skip : skip : skip+PageRows]
}

package query

import (
	"encoding/binary"
	"math/bits"

	"github.com/saypro/veritail/pipeline/event"
)

// A dictionary numbers texts, and finds the number of one by a hash of its ends.
type dictionary struct {
	texts []string
	table []int32 // the number of a text + 1, at its hash or after it; 0: none. At most a quarter is used
	shift int
}

// number returns the number of a text, which it gets if it has none.
func (d *dictionary) number(text string) int {
	if n := d.find([]byte(text)); n >= 0 {
		return n
	}
	d.texts = append(d.texts, text)
	if 4*len(d.texts) > len(d.table) {
		d.grow()
	} else {
		d.enter(len(d.texts) - 1)
	}
	return len(d.texts) - 1
}

func (d *dictionary) grow() {
	size := max(2*len(d.table), 16)
	d.table, d.shift = make([]int32, size), 64-bits.Len(uint(size-1))
	for n := range d.texts {
		d.enter(n)
	}
}

func (d *dictionary) enter(n int) {
	at := d.hash([]byte(d.texts[n]))
	for d.table[at] != 0 {
		at = (at + 1) & (len(d.table) - 1)
	}
	d.table[at] = int32(n + 1)
}

// find returns the number of a text, -1 if it has none.
func (d *dictionary) find(text []byte) int {
	if len(d.table) == 0 {
		return -1
	}
	for at := d.hash(text); d.table[at] != 0; at = (at + 1) & (len(d.table) - 1) {
		if n := int(d.table[at] - 1); d.texts[n] == string(text) {
			return n
		}
	}
	return -1
}

// hash mixes the first and the last eight bytes and the length.
func (d *dictionary) hash(text []byte) int {
	var a, b uint64
	switch n := len(text); {
	case n >= 8:
		a, b = binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[n-8:])
	case n >= 4:
		a, b = uint64(binary.LittleEndian.Uint32(text)), uint64(binary.LittleEndian.Uint32(text[n-4:]))
	case n > 0:
		a, b = uint64(text[0])<<8|uint64(text[n/2]), uint64(text[n-1])
	}
	high, low := bits.Mul64(a^0x9E3779B97F4A7C15, b^uint64(len(text))*0xD6E8FEB86659FD93^0xA0761D6478BD642F)
	return int((high ^ low) * 0x9E3779B97F4A7C15 >> d.shift)
}

// A keyword knows in which rows of a page a field has the values that tests compare it with.
type keyword struct {
	values dictionary
	uses   []int        // how many tests compare with a value, by its number
	trees  [][]int32    // those of a set that need the value
	rows   []event.Bits // of the values that the page has
	seen   []int        // the page that these are of
	here   []int        // the numbers of the values that the page has
	page   int          // the page that all of this is of
	search search
}

// value numbers a value that a test compares with.
func (k *keyword) value(v string) int {
	n := k.values.number(v)
	if n == len(k.rows) {
		k.uses, k.trees, k.rows, k.seen = append(k.uses, 0), append(k.trees, nil), append(k.rows, event.Bits{}), append(k.seen, 0)
	}
	k.uses[n]++
	return n
}

// read finds out which rows of the column have which values, if it has not for this page.
func (k *keyword) read(page int, p *event.Page, c *event.Column) {
	if k.page == page {
		return
	}
	k.page, k.here = page, k.here[:0]
	// What a format sets for its events lies in few places: which number is that of the text there is looked up once for each.
	var near [32]struct {
		s event.Str
		n int
	}
	none := k.values.find(nil)
	for i := range near {
		near[i].n = none
	}
	for w, rows := range &c.Valid {
		values := word(c.Str, w)
		for rows != 0 {
			s := values[bits.TrailingZeros64(rows)]
			same := rows & -rows // the rows from here on that have the same text in the same place
			for rows &= rows - 1; rows != 0 && values[bits.TrailingZeros64(rows)] == s; rows &= rows - 1 {
				same |= rows & -rows
			}
			at := &near[(s.Off^s.Off>>5)%uint32(len(near))]
			if at.s != s {
				at.s, at.n = s, k.values.find(p.Bytes(s))
			}
			n := at.n
			if n < 0 {
				continue
			}
			if k.seen[n] != page {
				k.seen[n], k.rows[n] = page, event.Bits{}
				k.here = append(k.here, n)
			}
			k.rows[n][w] |= same
		}
	}
}

// equal sets in out the rows of in that have the value of number n.
func (k *keyword) equal(page int, p *event.Page, c *event.Column, n int, in, out *event.Bits) {
	k.read(page, p, c)
	if k.seen[n] != page {
		*out = event.Bits{}
		return
	}
	intersect(in, &k.rows[n], out)
}

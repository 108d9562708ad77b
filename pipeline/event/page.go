package event

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// PageRows is the largest number of events a page holds: a vector of the embedded store.
const PageRows = 2048

// Str is a string in a page's arena.
type Str struct{ Off, Len uint32 }

// IP is an IP address as a 128-bit number, IPv4 mapped into IPv6 (RFC 4291, 2.5.5.2), so that a CIDR is a range.
type IP struct{ Hi, Lo uint64 }

// IPFrom returns the IP of a; zones are dropped.
func IPFrom(a netip.Addr) IP {
	b := a.As16()
	return IP{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// Addr returns the address, IPv4 where it is a mapped one.
func (ip IP) Addr() netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], ip.Hi)
	binary.BigEndian.PutUint64(b[8:], ip.Lo)
	return netip.AddrFrom16(b).Unmap()
}

// Compare orders addresses as 128-bit numbers.
func (ip IP) Compare(o IP) int {
	switch {
	case ip.Hi < o.Hi || ip.Hi == o.Hi && ip.Lo < o.Lo:
		return -1
	case ip == o:
		return 0
	}
	return 1
}

// Bits is a bitmap over the rows of a page: bit i%64 of word i/64 is row i.
type Bits [PageRows / 64]uint64

// Set sets bit i.
func (b *Bits) Set(i int) { b[i>>6] |= 1 << (i & 63) }

// Clear clears bit i.
func (b *Bits) Clear(i int) { b[i>>6] &^= 1 << (i & 63) }

// Has reports whether bit i is set.
func (b *Bits) Has(i int) bool { return b[i>>6]>>(i&63)&1 != 0 }

// A Column holds one field's values for the rows of a page. Only the slice of its kind is filled; all have the
// page's length N once the page is complete, and rows that are not Valid hold the zero value.
type Column struct {
	Field Field
	Kind  Kind
	Valid Bits
	Int   []int64   // Int, Time, Duration, Bool
	Float []float64 // Float
	Str   []Str     // Keyword, Text
	IP    []IP      // Address
}

// An Arena holds the bytes that the strings of pages point to. Strings are offsets, so it may grow.
type Arena struct{ Buf []byte }

// Put appends b and returns it as a Str.
func (a *Arena) Put(b []byte) Str {
	s := Str{uint32(len(a.Buf)), uint32(len(b))}
	a.Buf = append(a.Buf, b...)
	return s
}

// PutString appends s and returns it as a Str.
func (a *Arena) PutString(v string) Str {
	s := Str{uint32(len(a.Buf)), uint32(len(v))}
	a.Buf = append(a.Buf, v...)
	return s
}

// A Page is up to PageRows events of one generation and format, in columns. It is filled by one goroutine, then
// read by any number; nobody changes it once its batch has left the decoder.
type Page struct {
	Schema *Schema
	Arena  *Arena
	Gen    GenID
	Path   string // log.file.path
	Data   string // event.dataset
	Format string
	Site   string // empty for this machine

	N        int
	Raw      []Str   // event.original
	Lines    []int32 // physical lines of the event
	SpanEnd  []int32 // row i has the spans Spans[SpanEnd[i-1]:SpanEnd[i]]
	Spans    []Span
	Extra    []Str // what has no column, as a JSON object with flat dotted keys; Len 0 where there is nothing
	Unparsed Bits
	CutRows  Bits

	cols     []*Column // by Field; nil where no row has a value
	used     []Field
	spare    []*Column
	defaults []defaultValue
}

// A defaultValue is the value of a field in rows that have none of their own.
type defaultValue struct {
	field Field
	value Str
}

// Reset makes the page empty for another use, keeping its memory.
func (p *Page) Reset() {
	for _, f := range p.used {
		c := p.cols[f]
		p.cols[f] = nil
		p.spare = append(p.spare, c)
	}
	p.used, p.defaults = p.used[:0], p.defaults[:0]
	p.N, p.Raw, p.Lines, p.SpanEnd, p.Spans, p.Extra = 0, p.Raw[:0], p.Lines[:0], p.SpanEnd[:0], p.Spans[:0], p.Extra[:0]
	p.Unparsed, p.CutRows = Bits{}, Bits{}
}

// AddRow appends an event without values and returns its row. raw lies in the page's arena.
func (p *Page) AddRow(raw Str, lines int32, spans []Span) int {
	p.Raw = append(p.Raw, raw)
	p.Lines = append(p.Lines, lines)
	p.Spans = append(p.Spans, spans...)
	p.SpanEnd = append(p.SpanEnd, int32(len(p.Spans)))
	p.Extra = append(p.Extra, Str{})
	p.N++
	return p.N - 1
}

// Column returns f's column, or nil where no row has a value or f is one of the fields a page keeps itself
// (FieldDataset and those after it).
func (p *Page) Column(f Field) *Column {
	if int(f) >= len(p.cols) {
		return nil
	}
	return p.cols[f]
}

// Columns returns the fields that have a column, in the order in which they got their first value.
func (p *Page) Columns() []Field { return p.used }

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
			c.Field, c.Valid = f, Bits{}
			c.Int, c.Float, c.Str, c.IP = c.Int[:0], c.Float[:0], c.Str[:0], c.IP[:0]
			return c
		}
	}
	return &Column{Field: f, Kind: kind}
}

// put sets element i of s, which lies at its end or beyond for each new row; elements between are zero.
func put[T any](s []T, i int, v T) []T {
	if i == len(s) {
		return append(s, v)
	}
	s = grow(s, i+1)
	s[i] = v
	return s
}

// grow returns s with length n, the new elements zero.
func grow[T any](s []T, n int) []T {
	if n <= len(s) {
		return s
	}
	if n <= cap(s) {
		old := len(s)
		s = s[:n]
		clear(s[old:])
		return s
	}
	return append(s, make([]T, n-len(s))...)
}

// SetStr sets a Keyword or Text field of row i.
func (p *Page) SetStr(i int, f Field, s Str) {
	c := p.column(f)
	c.Str = put(c.Str, i, s)
	c.Valid.Set(i)
}

// SetInt sets an Int, Time, Duration or Bool field of row i.
func (p *Page) SetInt(i int, f Field, v int64) {
	c := p.column(f)
	c.Int = put(c.Int, i, v)
	c.Valid.Set(i)
}

// SetFloat sets a Float field of row i.
func (p *Page) SetFloat(i int, f Field, v float64) {
	c := p.column(f)
	c.Float = put(c.Float, i, v)
	c.Valid.Set(i)
}

// SetIP sets an Address field of row i.
func (p *Page) SetIP(i int, f Field, v IP) {
	c := p.column(f)
	c.IP = put(c.IP, i, v)
	c.Valid.Set(i)
}

// SetDefault makes s the value of f, a Keyword or Text field, in all rows that have none of their own when the page is
// completed: setting it row by row takes several times as long.
func (p *Page) SetDefault(f Field, s Str) { p.defaults = append(p.defaults, defaultValue{f, s}) }

// Reserve gives f its place among the columns.
func (p *Page) Reserve(f Field) { p.column(f) }

// Default returns the value of f in rows that have none of their own.
func (p *Page) Default(f Field) (Str, bool) {
	for i := range p.defaults {
		if p.defaults[i].field == f {
			return p.defaults[i].value, true
		}
	}
	return Str{}, false
}

// fill gives the rows without a value of d's field that of d.
func (p *Page) fill(d defaultValue) {
	c := p.column(d.field)
	c.Str = grow(c.Str, p.N)
	for w := 0; w<<6 < p.N; w++ {
		rows := ^uint64(0)
		if left := p.N - w<<6; left < 64 {
			rows = 1<<left - 1
		}
		missing := rows &^ c.Valid[w]
		c.Valid[w] |= rows
		for ; missing != 0; missing &= missing - 1 {
			c.Str[w<<6+bits.TrailingZeros64(missing)] = d.value
		}
	}
}

// Complete makes every column as long as the page and sets the defaults. The decoder calls it when it hands the page on.
func (p *Page) Complete() {
	for _, d := range p.defaults {
		p.fill(d)
	}
	for _, f := range p.used {
		switch c := p.cols[f]; c.Kind {
		case Keyword, Text:
			c.Str = grow(c.Str, p.N)
		case Float:
			c.Float = grow(c.Float, p.N)
		case Address:
			c.IP = grow(c.IP, p.N)
		default:
			c.Int = grow(c.Int, p.N)
		}
	}
}

// Bytes returns the bytes of s, which belong to the batch.
func (p *Page) Bytes(s Str) []byte { return p.Arena.Buf[s.Off : s.Off+s.Len : s.Off+s.Len] }

// RowSpans returns the spans of row i, in file order.
func (p *Page) RowSpans(i int) []Span {
	from := int32(0)
	if i > 0 {
		from = p.SpanEnd[i-1]
	}
	return p.Spans[from:p.SpanEnd[i]]
}

// Offset returns where row i begins; with Gen it is the event's id.
func (p *Page) Offset(i int) int64 { return p.RowSpans(i)[0].Off }

// Time returns the @timestamp of row i, 0 where it has none.
func (p *Page) Time(i int) int64 {
	if c := p.Column(FieldTime); c != nil && i < len(c.Int) {
		return c.Int[i]
	}
	return 0
}

// Row returns a view of row i.
func (p *Page) Row(i int) Row { return Row{p, i} }

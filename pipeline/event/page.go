package event

import (
	"encoding/binary"
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

// setTo sets the bits below n.
func (b *Bits) setTo(n int) {
	for w := range b[:n>>6] {
		b[w] = ^uint64(0)
	}
	if n&63 != 0 {
		b[n>>6] |= 1<<(n&63) - 1
	}
}

// Has reports whether bit i is set.
func (b *Bits) Has(i int) bool { return b[i>>6]>>(i&63)&1 != 0 }

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
	room     int // for so many rows there is memory; while it is filled, what holds the rows is longer than N
	vectors  int // how many vectors were made for it
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
	p.N, p.Spans = 0, p.Spans[:0]
	p.Unparsed, p.CutRows = Bits{}, Bits{}
}

// AddRow appends an event without values and returns its row. raw lies in the page's arena. A page of PageRows is full.
func (p *Page) AddRow(raw Str, lines int32, spans []Span) int {
	i := p.N
	if i >= len(p.Raw) {
		p.makeRoom()
	}
	p.Spans = append(p.Spans, spans...)
	p.Raw[i], p.Lines[i], p.SpanEnd[i], p.Extra[i] = raw, lines, int32(len(p.Spans)), Str{}
	p.N++
	return i
}

// makeRoom lengthens what holds the rows and their values: to all of its memory, and where that is full to four times as much. Most pages
// have few rows or all.
func (p *Page) makeRoom() {
	if p.N == p.room {
		p.room = min(max(4*p.room, firstRoom), PageRows)
	}
	p.Raw, p.Lines, p.SpanEnd = extend(p, p.Raw), extend(p, p.Lines), extend(p, p.SpanEnd)
	p.Extra = extend(p, p.Extra)
	for _, f := range p.used {
		p.cols[f].lengthen(p)
	}
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

// Complete makes what holds the rows as long as the page, sets the defaults, and clears what a column has in rows without
// a value. The decoder calls it when it hands the page on; rows may be added afterwards, and it is called again.
func (p *Page) Complete() {
	for _, d := range p.defaults {
		p.column(d.field).setMissing(p.N, d.value)
	}
	for _, f := range p.used {
		p.cols[f].complete(p.N)
	}
	p.Raw, p.Lines, p.SpanEnd, p.Extra = p.Raw[:p.N], p.Lines[:p.N], p.SpanEnd[:p.N], p.Extra[:p.N]
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

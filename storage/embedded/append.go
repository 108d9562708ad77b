package embedded

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/bits"
	"runtime"
	"unicode/utf8"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"github.com/saypro/veritail/pipeline/event"
)

// appender copies pages into DuckDB's vectors, whole columns at a time: two calls into C for a page. It belongs to
// the store's writer and is used by one goroutine.
type appender struct {
	types []duckdb.LogicalType
	chunk duckdb.DataChunk
	vecs  []vector
	json  fieldsJSON
	pin   runtime.Pinner
	open  map[int32]*duckdb.Appender

	seen    *event.Arena // the arena that isPlain looked at last
	seenLen int
	plain   bool // it is ASCII throughout
}

// vector is one column of the chunk. DuckDB's memory stays where it is for the life of the chunk.
type vector struct {
	data  unsafe.Pointer
	valid *[vectorSize / 64]uint64
}

func newAppender() *appender {
	a := &appender{open: make(map[int32]*duckdb.Appender)}
	for _, c := range eventColumns {
		a.types = append(a.types, duckdb.CreateLogicalType(c.kind))
	}
	a.chunk = duckdb.CreateDataChunk(a.types)
	for i := range eventColumns {
		v := duckdb.DataChunkGetVector(a.chunk, duckdb.IdxT(i))
		duckdb.VectorEnsureValidityWritable(v)
		a.vecs = append(a.vecs, vector{duckdb.VectorGetData(v), (*[vectorSize / 64]uint64)(duckdb.VectorGetValidity(v))})
	}
	return a
}

func (a *appender) close() {
	a.abandon()
	duckdb.DestroyDataChunk(&a.chunk)
	for i := range a.types {
		duckdb.DestroyLogicalType(&a.types[i])
	}
}

// abandon drops what was appended and not flushed. A new batch may reuse an arena's memory, so what was found out
// about it is forgotten.
func (a *appender) abandon() {
	for day, ap := range a.open {
		duckdb.AppenderClear(*ap)
		duckdb.AppenderDestroy(ap)
		delete(a.open, day)
	}
	a.seen = nil
}

// flush hands everything appended to the transaction.
func (a *appender) flush() error {
	for day, ap := range a.open {
		if duckdb.AppenderFlush(*ap) == duckdb.StateError {
			return fmt.Errorf("append to %s: %w", eventTable(day), duckError(duckdb.AppenderError(*ap)))
		}
	}
	a.abandon()
	return nil
}

// rows appends the rows from to to of p to the table of day.
func (a *appender) rows(c *conn, day int32, p *event.Page, from, to int) error {
	ap := a.open[day]
	if ap == nil {
		ap = new(duckdb.Appender)
		if duckdb.AppenderCreateExt(c.h, "", "", eventTable(day), ap) == duckdb.StateError {
			err := duckError(duckdb.AppenderError(*ap))
			duckdb.AppenderDestroy(ap)
			return fmt.Errorf("open %s for appending: %w", eventTable(day), err)
		}
		a.open[day] = ap
	}
	defer a.pin.Unpin() // DuckDB has copied the strings by then
	a.fill(p, from, to)
	duckdb.DataChunkSetSize(a.chunk, duckdb.IdxT(to-from))
	if duckdb.AppendDataChunk(*ap, a.chunk) == duckdb.StateError {
		return fmt.Errorf("append to %s: %w", eventTable(day), duckError(duckdb.AppenderError(*ap)))
	}
	return nil
}

func (a *appender) fill(p *event.Page, from, to int) {
	if len(p.Arena.Buf) > 0 {
		a.pin.Pin(&p.Arena.Buf[0])
	}
	a.fillKept(p, from, to)
	a.fillTime(p.Column(event.FieldTime), from, to)
	a.strings(colOriginal, p, p.Raw, nil, from, to)
	col := colCore
	for _, cc := range coreColumns {
		c := p.Column(cc.field)
		switch {
		case c == nil:
			for i := range cc.names {
				*a.vecs[col+i].valid = [vectorSize / 64]uint64{}
			}
		case c.Kind == event.Keyword || c.Kind == event.Text:
			a.strings(col, p, c.Str, &c.Valid, from, to)
		case c.Kind == event.Address:
			a.addresses(col, c, from, to)
		default:
			copy(ints[int64](a.vecs[col], to-from), c.Int[from:to])
			a.vecs[col].copyValid(&c.Valid, from, to)
		}
		col += len(cc.names)
	}
	a.fillBucket(p.Column(event.FieldDuration), from, to)
	a.fillJSON(p, from, to)
}

// fillKept writes what the page keeps itself.
func (a *appender) fillKept(p *event.Page, from, to int) {
	n := to - from
	a.constant(colDataset, p.Data, n)
	a.constant(colSite, p.Site, n)
	a.constant(colFormat, p.Format, n)
	a.constant(colPath, p.Path, n)
	gen, off, length := ints[uint64](a.vecs[colGen], n), ints[int64](a.vecs[colOff], n), ints[int32](a.vecs[colLen], n)
	spans := a.vecs[colSpans]
	*spans.valid = [vectorSize / 64]uint64{}
	for i := range n {
		s := p.RowSpans(from + i)
		gen[i], off[i], length[i] = uint64(p.Gen), s[0].Off, s[0].Len
		if len(s) > 1 {
			spans.put(i, a.pinned(packSpans(s)))
			spans.valid[i>>6] |= 1 << (i & 63)
		}
	}
	copy(ints[int32](a.vecs[colLines], n), p.Lines[from:to])
	unparsed, cut := ints[bool](a.vecs[colUnparsed], n), ints[bool](a.vecs[colCut], n)
	for i := range n {
		unparsed[i], cut[i] = p.Unparsed.Has(from+i), p.CutRows.Has(from+i)
	}
	for _, c := range []int{colTime, colGen, colOff, colLen, colLines, colUnparsed, colCut} {
		a.vecs[c].allValid()
	}
}

func (a *appender) fillTime(c *event.Column, from, to int) {
	n := to - from
	times, hours := ints[int64](a.vecs[colTime], n), ints[int32](a.vecs[colHour], n)
	if c == nil {
		clear(times)
		*a.vecs[colHour].valid = [vectorSize / 64]uint64{}
		return
	}
	copy(times, c.Int[from:to])
	for i, t := range times {
		hours[i] = int32(min(max(floorDiv(t, microsPerHour), -1<<31), 1<<31-1))
	}
	a.vecs[colHour].copyValid(&c.Valid, from, to)
}

func (a *appender) fillBucket(c *event.Column, from, to int) {
	v := a.vecs[colBucket]
	if c == nil {
		*v.valid = [vectorSize / 64]uint64{}
		return
	}
	buckets := ints[int16](v, to-from)
	for i, d := range c.Int[from:to] {
		buckets[i] = durationBucket(d)
	}
	v.copyValid(&c.Valid, from, to)
}

// durationBucket is the quarter octave in which a duration of ns lies.
func durationBucket(ns int64) int16 {
	if ns < 4 {
		return int16(max(ns, 0))
	}
	n := bits.Len64(uint64(ns))
	return int16(4*n + int(ns>>(n-3)&3) - 8)
}

func (a *appender) addresses(col int, c *event.Column, from, to int) {
	hi, lo := ints[uint64](a.vecs[col], to-from), ints[uint64](a.vecs[col+1], to-from)
	for i, ip := range c.IP[from:to] {
		hi[i], lo[i] = ip.Hi, ip.Lo
	}
	a.vecs[col].copyValid(&c.Valid, from, to)
	a.vecs[col+1].copyValid(&c.Valid, from, to)
}

// strings points a column at strings of the page's arena; valid is nil where all rows have one.
func (a *appender) strings(col int, p *event.Page, s []event.Str, valid *event.Bits, from, to int) {
	v := a.vecs[col]
	plain := a.isPlain(p.Arena)
	for i, x := range s[from:to] {
		b := p.Arena.Buf[x.Off : x.Off+x.Len]
		if !plain && !utf8.Valid(b) {
			b = a.pinned(bytes.ToValidUTF8(b, []byte("\uFFFD")))
		}
		v.put(i, b)
	}
	if valid == nil {
		v.allValid()
	} else {
		v.copyValid(valid, from, to)
	}
}

// isPlain reports whether an arena is ASCII, so that its strings need no look of their own: DuckDB fails the whole
// batch for one string that is not UTF-8. The pages of a batch mostly share one arena.
func (a *appender) isPlain(arena *event.Arena) bool {
	if a.seen != arena || a.seenLen != len(arena.Buf) {
		a.seen, a.seenLen, a.plain = arena, len(arena.Buf), isASCII(arena.Buf)
	}
	return a.plain
}

func isASCII(b []byte) bool {
	for len(b) >= 32 {
		x := binary.LittleEndian.Uint64(b) | binary.LittleEndian.Uint64(b[8:]) |
			binary.LittleEndian.Uint64(b[16:]) | binary.LittleEndian.Uint64(b[24:])
		if x&0x8080808080808080 != 0 {
			return false
		}
		b = b[32:]
	}
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// constant gives all rows of a column the value s, and none if it is empty.
func (a *appender) constant(col int, s string, n int) {
	v := a.vecs[col]
	if s == "" {
		*v.valid = [vectorSize / 64]uint64{}
		return
	}
	v.put(0, a.pinned(bytes.ToValidUTF8([]byte(s), []byte("\uFFFD"))))
	all := unsafe.Slice((*duckString)(v.data), n)
	for i := range all {
		all[i] = all[0]
	}
	v.allValid()
}

func (a *appender) fillJSON(p *event.Page, from, to int) {
	fields := a.vecs[colFields]
	*fields.valid = [vectorSize / 64]uint64{}
	ends := a.json.build(p, from, to)
	if len(ends) > 0 && len(a.json.buf) > 0 {
		a.pin.Pin(&a.json.buf[0])
		begin := 0
		for i, end := range ends {
			if end > begin {
				fields.put(i, a.json.buf[begin:end])
				fields.valid[i>>6] |= 1 << (i & 63)
			}
			begin = end
		}
	}
	a.strings(colExtra, p, p.Extra, nil, from, to)
	extra := a.vecs[colExtra]
	for i, s := range p.Extra[from:to] {
		if s.Len == 0 {
			extra.valid[i>>6] &^= 1 << (i & 63)
		}
	}
}

// pinned keeps b in place until the chunk has been appended.
func (a *appender) pinned(b []byte) []byte {
	if len(b) > inlineLen {
		a.pin.Pin(&b[0])
	}
	return b
}

// ints is the first n values of a vector whose type the caller knows.
func ints[T any](v vector, n int) []T { return unsafe.Slice((*T)(v.data), n) }

func (v vector) allValid() {
	for i := range v.valid {
		v.valid[i] = ^uint64(0)
	}
}

// copyValid sets the vector's rows valid that are set in b from bit from on.
func (v vector) copyValid(b *event.Bits, from, to int) {
	shift, first := from&63, from>>6
	for i := range (to - from + 63) / 64 {
		w := b[first+i] >> shift
		if shift != 0 && first+i+1 < len(b) {
			w |= b[first+i+1] << (64 - shift)
		}
		v.valid[i] = w
	}
}

// put sets row i to b, which has to stay in place until the chunk has been appended if it is longer than inlineLen.
func (v vector) put(i int, b []byte) {
	p := unsafe.Add(v.data, uintptr(i)*unsafe.Sizeof(duckString{}))
	if len(b) <= inlineLen {
		*(*[2]uint64)(p) = [2]uint64{}
		*(*uint32)(p) = uint32(len(b))
		copy(unsafe.Slice((*byte)(unsafe.Add(p, 4)), inlineLen), b)
		return
	}
	s := (*duckString)(p)
	s.n = uint32(len(b))
	s.prefix = [4]byte(b)
	s.ptr = uint64(uintptr(unsafe.Pointer(&b[0])))
}

// packSpans writes the spans after the first as pairs of varints: the distance from the end of the one before, and
// the length.
func packSpans(s []event.Span) []byte {
	b := make([]byte, 0, 4*len(s))
	end := s[0].End()
	for _, x := range s[1:] {
		b = binary.AppendVarint(b, x.Off-end)
		b = binary.AppendVarint(b, int64(x.Len))
		end = x.End()
	}
	return b
}

// unpackSpans appends to dst the spans that packSpans wrote; dst ends with the first.
func unpackSpans(dst []event.Span, b []byte) []event.Span {
	for len(b) > 0 {
		d, n := binary.Varint(b)
		if n <= 0 {
			break
		}
		l, m := binary.Varint(b[n:])
		if m <= 0 {
			break
		}
		dst = append(dst, event.Span{Off: dst[len(dst)-1].End() + d, Len: int32(l)})
		b = b[n+m:]
	}
	return dst
}

package elastic

import (
	"bytes"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// A chunk is documents on their way to the cluster: the body of one bulk request.
type chunk struct {
	buf []byte // two lines a document: what to do, and the document
	ops []op
}

// An op is one document of a chunk.
type op struct {
	from  int // where its two lines begin
	index string
	event bool // an event, else a finding, a delta or other
	must  bool // it may not be refused
	gen   event.GenID
	off   int64
	lines int32
}

func (c *chunk) lines(i int) []byte {
	end := len(c.buf)
	if i+1 < len(c.ops) {
		end = c.ops[i+1].from
	}
	return c.buf[c.ops[i].from:end]
}

func (c *chunk) reset() { c.buf, c.ops = c.buf[:0], c.ops[:0] }

// begin begins a document that is created under an id.
func (c *chunk) begin(o op, id string) {
	o.from = len(c.buf)
	c.ops = append(c.ops, o)
	c.buf = append(c.buf, `{"create":{"_index":`...)
	c.buf = event.AppendJSONString(c.buf, o.index)
	c.buf = append(c.buf, `,"_id":`...)
	c.buf = event.AppendJSONString(c.buf, id)
	c.buf = append(c.buf, "}}\n"...)
}

// An encoder writes events as documents. Beside the event's fields a document has what queries need that Elasticsearch
// would not see in these in the same way: tokens of texts, times in µs, typed pairs of what came as JSON.
//
// What the index cannot hold is named in fLong, and queries that ask for it are answered by reading these events: values
// of keywords and pairs longer than maxTerm, texts with tokens longer than maxToken, numbers that are not finite, and
// fields whose names or types Elasticsearch does not take.
type encoder struct {
	schema *event.Schema
	writer string
	names  [][]byte // `,"name":` by field

	page  []byte // what all documents of a run begin with
	long  []string
	has   []string
	keys  map[string]bool // of the row's JSON object
	other []byte
	pairs []byte // scratch
	key   []byte
	value []byte
}

// maxToken is the length in bytes up to which tokens of texts are indexed: the analyser cuts longer ones.
const maxToken = 255

// longToken stands for a longer one, so that its neighbours are no neighbours. It is no letter, so no token is the same.
const longToken = "\uE000"

// begin writes what all rows of a page have in common.
func (e *encoder) begin(p *event.Page, batch int64) {
	b := append(e.page[:0], `{"`+fGen+`":"`...)
	b = append(b, p.Gen.String()...)
	b = append(b, `","`+fWriter+`":`...)
	b = event.AppendJSONString(b, e.writer)
	b = append(b, `,"`+fBatch+`":`...)
	b = strconv.AppendInt(b, batch, 10)
	for _, constant := range []struct {
		f event.Field
		v string
	}{{event.FieldDataset, p.Data}, {event.FieldSite, p.Site}, {event.FieldFormat, p.Format}, {event.FieldPath, p.Path}} {
		if constant.v != "" {
			b = append(b, e.name(constant.f)...)
			b = appendString(b, []byte(constant.v))
		}
	}
	e.page = b
}

// name returns a field's name as a JSON string between a comma and a colon.
func (e *encoder) name(f event.Field) []byte {
	for int(f) >= len(e.names) {
		e.names = append(e.names, nil)
	}
	if e.names[f] == nil {
		e.names[f] = append(event.AppendJSONString([]byte{','}, e.schema.Def(f).Name), ':')
	}
	return e.names[f]
}

func (e *encoder) row(c *chunk, p *event.Page, i int, x *index) {
	spans := p.RowSpans(i)
	c.begin(op{index: x.name, event: true, gen: p.Gen, off: spans[0].Off, lines: p.Lines[i]}, eventID(p.Gen, spans[0].Off))
	e.long, e.has = e.long[:0], e.has[:0]
	b := append(c.buf, e.page...)
	b = e.place(b, p, i, spans)
	raw := p.Bytes(p.Raw[i])
	b = append(b, e.name(event.FieldOriginal)...)
	b = appendString(b, raw)
	b = e.tokens(b, event.FieldOriginal, raw)
	b = e.columns(b, p, i, x)
	if extra := p.Bytes(p.Extra[i]); len(extra) > 0 {
		b = append(b, `,"`+fJSON+`":`...)
		b = appendString(b, extra)
		b = e.members(b, extra)
	}
	b = appendNames(b, fHas, e.has)
	b = appendNames(b, fLong, e.long)
	c.buf = append(b, "}\n"...)
}

// place writes time, spans, lines and marks of a row.
func (e *encoder) place(b []byte, p *event.Page, i int, spans []event.Span) []byte {
	b = append(b, `,"`+fTime+`":`...)
	b = strconv.AppendInt(b, p.Time(i), 10)
	b = append(b, e.name(event.FieldOffset)...)
	b = strconv.AppendInt(b, spans[0].Off, 10)
	b = append(b, `,"`+fLen+`":`...)
	b = strconv.AppendInt(b, int64(spans[0].Len), 10)
	for k, s := range spans[1:] {
		if k == 0 {
			b = append(b, `,"`+fSpans+`":[`...)
		} else {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, s.Off, 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(s.Len), 10)
	}
	if len(spans) > 1 {
		b = append(b, ']')
	}
	b = append(b, `,"`+fLines+`":`...)
	b = strconv.AppendInt(b, int64(p.Lines[i]), 10)
	if p.Unparsed.Has(i) {
		b = append(append(b, e.name(event.FieldUnparsed)...), "true"...)
	}
	if p.CutRows.Has(i) {
		b = append(b, `,"`+fCut+`":true`...)
	}
	return b
}

// columns writes the columns that the row has, those that the index cannot hold apart from the others.
func (e *encoder) columns(b []byte, p *event.Page, i int, x *index) []byte {
	other := e.other[:0]
	for _, f := range p.Columns() {
		c := p.Column(f)
		if !c.Valid.Has(i) {
			continue
		}
		if x.other[f] || c.Kind == event.Float && !finite(c.Float[i]) {
			e.long = append(e.long, e.schema.Def(f).Name)
			other = appendOther(append(other, e.name(f)...), p, c, i)
			continue
		}
		b = e.column(append(b, e.name(f)...), p, f, c, i)
	}
	e.other = other
	if len(other) > 0 {
		b = append(b, `,"`+fOther+`":{`...)
		b = append(append(b, other[1:]...), '}')
	}
	return b
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// column writes a value, and what is derived from it.
func (e *encoder) column(b []byte, p *event.Page, f event.Field, c *event.Column, i int) []byte {
	switch c.Kind {
	case event.Keyword:
		s := p.Bytes(c.Str[i])
		if len(s) > maxTerm {
			e.long = append(e.long, e.schema.Def(f).Name)
		}
		return appendString(b, s)
	case event.Text:
		s := p.Bytes(c.Str[i])
		e.has = append(e.has, e.schema.Def(f).Name)
		return e.tokens(appendString(b, s), f, s)
	case event.Float:
		return appendFloat(b, c.Float[i])
	case event.Address:
		return append(c.IP[i].Addr().AppendTo(append(b, '"')), '"')
	case event.Bool:
		return strconv.AppendBool(b, c.Int[i] != 0)
	case event.Time:
		b = appendTime(b, c.Int[i])
		if f == event.FieldTime {
			return b
		}
		b = append(b, `,"`+fMicros...)
		b = append(b, e.name(f)[2:]...)
	}
	return strconv.AppendInt(b, c.Int[i], 10)
}

// appendString writes a JSON string. Of bytes that are no UTF-8 each run becomes one U+FFFD, as in other stores.
func appendString(b, s []byte) []byte {
	if !utf8.Valid(s) {
		s = bytes.ToValidUTF8(s, []byte("\uFFFD"))
	}
	return event.AppendJSONString(b, s)
}

// appendFloat writes a finite number. The zero has no sign: to Lucene -0 and 0 differ.
func appendFloat(b []byte, v float64) []byte { return strconv.AppendFloat(b, v+0, 'g', -1, 64) }

// appendTime writes a time as RFC 3339 does, or in milliseconds where that has no words for it.
func appendTime(b []byte, t int64) []byte {
	at := time.UnixMicro(t).UTC()
	if y := at.Year(); y < 0 || y > 9999 {
		return strconv.AppendInt(b, at.UnixMilli(), 10)
	}
	return at.AppendFormat(b, `"2006-01-02T15:04:05.000000Z"`)
}

// appendOther writes a value for fOther: numbers as numbers, everything else as text.
func appendOther(b []byte, p *event.Page, c *event.Column, i int) []byte {
	switch c.Kind {
	case event.Keyword, event.Text:
		return appendString(b, p.Bytes(c.Str[i]))
	case event.Float:
		return append(strconv.AppendFloat(append(b, '"'), c.Float[i], 'g', -1, 64), '"')
	case event.Address:
		return append(c.IP[i].Addr().AppendTo(append(b, '"')), '"')
	}
	return strconv.AppendInt(b, c.Int[i], 10)
}

// tokens writes the folded tokens of a text.
func (e *encoder) tokens(b []byte, f event.Field, s []byte) []byte {
	b = append(b, `,"`+fTokens...)
	b = append(b, e.name(f)[2:]...)
	b = append(b, '"')
	first, cut := true, false
	for start, end := query.NextToken(s, 0); start >= 0; start, end = query.NextToken(s, end) {
		if !first {
			b = append(b, ' ')
		}
		first = false
		at := len(b)
		b = query.Fold(b, s[start:end]) // letters, digits and _ need no escapes
		if len(b)-at > maxToken {
			b, cut = append(b[:at], longToken...), true
		}
	}
	if cut {
		e.long = append(e.long, e.schema.Def(f).Name)
	}
	return append(b, '"')
}

func appendNames(b []byte, field string, names []string) []byte {
	for i, n := range names {
		if i == 0 {
			b = append(append(append(b, `,"`...), field...), `":[`...)
		} else {
			b = append(b, ',')
		}
		b = event.AppendJSONString(b, marker(n))
	}
	if len(names) > 0 {
		b = append(b, ']')
	}
	return b
}

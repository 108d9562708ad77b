package rules

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// A hit is what a rule needs of an event that matched. It is made of a row when it is judged; whoever keeps it longer
// holds a copy, which has all that a finding would say of it and needs the row no more.
type hit struct {
	rule   *compiled
	claim  *claim    // nil: it counts by itself
	row    event.Row // none: it is held
	from   *origin
	span   event.Span // the first
	time   int64
	at     int64 // its time, or when it was read where its time lies in the future
	weight int64
	parts  uint32   // bit i: it meets condition i of the rule's kind
	text   []byte   // the parts below, one after the other; a hit that is not held has no words and no raw
	ends   [5]int32 // of site, group, value, said and words in text
	field  int32    // which field of the rule's group it is that group is the value of; -1: none
	long   *long    // nil: it has nothing of it
}

// An origin is where hits come from.
type origin struct {
	gen  event.GenID
	path string
	*place
}

// A place is where events come from, as rollups tell it.
type place struct{ site, dataset string }

// long is what few records have: several spans, and more text than evidence keeps.
type long struct {
	spans []event.Span
	sum   [sha256.Size]byte
}

// A claim is what a hit has that may tell of the same occurrence as others. Copies of the hit share it.
type claim struct {
	of     hit
	once   *once
	teller int
	order  int64
	keys   []string         // of once.by, "" where the event has none
	key    string           // site and keys as one text, "" where a key is missing
	also   []event.Evidence // of events that tell of the same occurrence

	first occurrence // that the hit is the first to tell of, if it is
	room  [2]string  // memory for keys
}

// key tells the groups of a rule apart: those of different sites have nothing to do with each other.
func (h *hit) key() []byte   { return h.text[:h.ends[1]] }
func (h *hit) group() []byte { return h.text[h.ends[0]+1 : h.ends[1]] }
func (h *hit) value() []byte { return h.text[h.ends[1]:h.ends[2]] } // of threshold.distinct
func (h *hit) said() []byte  { return h.text[h.ends[2]:h.ends[3]] } // of repeat.by
func (h *hit) words() []byte { return h.text[h.ends[3]:h.ends[4]] } // of title and message
func (h *hit) raw() []byte   { return h.text[h.ends[4]:] }          // of the record, as much as evidence keeps

// begin makes the hit what the rule of a match needs of its row.
func (h *hit) begin(m *match, row event.Row) {
	r, p := m.rule, row.Page
	h.rule, h.row, h.span, h.time, h.at, h.weight, h.parts = r, row, p.RowSpans(row.I)[0], p.Time(row.I), m.order, r.weigh(row), m.parts
	h.text = append(append(h.text[:0], p.Site...), 0)
	h.ends[0] = int32(len(p.Site))
	h.text, h.field = r.appendGroup(h.text, row)
	h.ends[1] = int32(len(h.text))
	if h.text, _ = r.values.append(h.text, row); len(r.detail.parts) > 0 {
		h.text = r.detail.append(h.text, row)
	}
	h.ends[2] = int32(len(h.text))
	if m.repeat >= 0 {
		h.text = r.repeat[m.repeat].appendKey(h.text, row)
	}
	h.ends[3] = int32(len(h.text))
}

// hold makes the hit a copy of o, which may be lost with its row then. Rules that make no findings need neither words
// nor raw.
func (h *hit) hold(o *hit) {
	room := h.text[:0]
	*h = *o
	h.row = event.Row{}
	if o.row.Page == nil {
		h.text = append(room, o.text...)
		return
	}
	o.text = o.text[:o.ends[3]]
	var raw []byte
	if r, p, i := o.rule, o.row.Page, o.row.I; !r.silent {
		o.text = r.text.appendWords(r.title.appendWords(o.text, o.row), o.row)
		raw = p.Bytes(p.Raw[i])
		if spans := p.RowSpans(i); len(spans) > 1 || len(raw) > event.EvidenceText {
			h.long = &long{slices.Clone(spans), sha256.Sum256(raw)}
			raw = raw[:min(len(raw), event.EvidenceText)]
		}
	}
	h.ends[4] = int32(len(o.text))
	h.text = append(append(slices.Grow(room, len(o.text)+len(raw)), o.text...), raw...)
}

// adopt gives the hit, which is held, the group of another and what a finding would say of that.
func (h *hit) adopt(o *hit) {
	text := slices.Concat(h.text[:h.ends[0]+1], o.group(), h.value(), h.said(), o.words(), h.raw())
	grown := int32(len(o.group()) - len(h.group()))
	for i := 1; i <= 3; i++ {
		h.ends[i] += grown
	}
	h.ends[4] = h.ends[3] + int32(len(o.words()))
	h.text, h.field = text, o.field
}

// evidence returns the event of a hit, which is held, as evidence of a finding.
func (h *hit) evidence() event.Evidence {
	e := event.Evidence{Gen: h.from.gen, Path: h.from.path, Time: h.time, Text: string(h.raw()), Dataset: h.from.dataset}
	if h.long != nil {
		e.Spans, e.SHA256 = h.long.spans, h.long.sum
	} else {
		e.Spans, e.SHA256 = []event.Span{h.span}, sha256.Sum256(h.raw())
	}
	return e
}

// weigh returns for how many occurrences an event stands, or what it adds to the sum of a threshold.
func (c *compiled) weigh(row event.Row) int64 {
	if c.sum != nil {
		return c.sum.number(row)
	}
	if c.Weight == "" {
		return 1
	}
	if n, ok := row.Get(c.Weight); ok {
		if n, ok := n.(int64); ok && n > 0 && n < 1e6 {
			return n
		}
	}
	return 1
}

// appendGroup appends the value of the rule's group, "-" where the event has none, and returns which field it is of.
func (c *compiled) appendGroup(dst []byte, row event.Row) ([]byte, int32) {
	if c.group == nil {
		return c.groups.append(dst, row), -1
	}
	from := len(dst)
	dst, i := c.group.append(dst, row)
	if i < 0 {
		return append(dst, '-'), -1
	}
	return cut(dst, from), int32(i)
}

// groupField returns the name of the field that a group is the value of.
func (c *compiled) groupField(field int32) string {
	switch {
	case c.group == nil:
		return groupNames.Replace(c.Group)
	case field < 0:
		return c.group[0].name
	}
	return c.group[field].name
}

// groupNames makes the name of a group of several fields: {{user.name}}@{{source.ip}} is user.name@source.ip.
var groupNames = strings.NewReplacer("{{", "", "}}", "")

// maxGroup bounds the bytes of a group's value: what is longer is told apart by its beginning.
const maxGroup = 1024

// cut cuts the value that begins at from and ends dst.
func cut(dst []byte, from int) []byte {
	if len(dst)-from <= maxGroup {
		return dst
	}
	return append(append(dst[:from], bytes.ToValidUTF8(dst[from:from+maxGroup], nil)...), "…"...)
}

package parsers

import (
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/saypro/veritail/pipeline/event"
)

// Bounds of a carry: the sessions that it remembers, and how much memory of forgotten ones it keeps for others.
const (
	maxCarried = 1 << 16
	maxSpare   = 64
)

// A carry gives the events of a session the fields that an earlier event of the session had: PostgreSQL tells a
// client's address once, when it connects, and only the process id afterwards.
type carry struct {
	spec       *carrySpec
	now, older map[int64][]carried // two halves: when now is full it becomes older, so that the bound holds
	spare      [][]carried         // what was told and is forgotten: memory for what will be told
}

type carried struct {
	field event.Field
	kind  event.Kind
	text  []byte
	num   int64
	ip    event.IP
}

func newCarry(spec *carrySpec) *carry {
	return &carry{spec: spec, now: map[int64][]carried{}}
}

// row remembers what the row tells of its session, and sets what it does not tell.
func (c *carry) row(w *rowWriter) {
	key, ok := c.key(w)
	if !ok {
		return
	}
	if len(c.spec.start) > 0 && w.has(c.spec.start) {
		c.remember(key, nil)
	}
	if w.has(c.spec.from) {
		if told := c.told(w); told != nil {
			c.remember(key, told)
		}
	}
	known, there := c.now[key]
	if !there {
		known = c.older[key]
	}
	if len(known) == 0 || !w.has(c.spec.to) {
		return
	}
	for i := range known {
		known[i].set(w)
	}
	if c.spec.once {
		c.remember(key, nil)
	}
}

// key returns what tells the row's session apart: a number, or the hash of a text, on the host that the line names.
func (c *carry) key(w *rowWriter) (int64, bool) {
	var key int64
	if c.spec.text {
		text, ok := w.text(c.spec.by)
		if !ok {
			return 0, false
		}
		key = int64(xxhash.Sum64(w.page.Bytes(text)))
	} else {
		n, ok := w.integer(c.spec.by)
		if !ok {
			return 0, false
		}
		key = n
	}
	if host := w.page.Column(event.FieldHost); host != nil && host.Valid.Has(w.row) {
		key ^= int64(xxhash.Sum64(w.page.Bytes(host.Str[w.row]))) // a process id is one of its host only
	}
	return key, true
}

// remember keeps what is known of a session from here on.
func (c *carry) remember(key int64, known []carried) {
	if len(c.now) >= maxCarried/2 {
		c.older, c.now = c.now, map[int64][]carried{}
	}
	if before := c.now[key]; before != nil && len(c.spare) < maxSpare {
		c.spare = append(c.spare, before)
	}
	c.now[key] = known
}

// told returns the carried fields that the row itself has, nil where it has none: a constant of all its page's rows is
// nothing that an event tells.
func (c *carry) told(w *rowWriter) []carried {
	var out []carried
	if n := len(c.spare); n > 0 {
		out, c.spare = c.spare[n-1][:0], c.spare[:n-1]
	}
	for _, f := range c.spec.fields {
		col := w.page.Column(f)
		if col == nil || !col.Valid.Has(w.row) {
			continue
		}
		n := len(out)
		out = slices.Grow(out, 1)[:n+1]
		v := &out[n]
		v.field, v.kind = f, col.Kind
		switch v.kind {
		case event.Keyword, event.Text:
			v.text = append(v.text[:0], w.page.Bytes(col.Str[w.row])...)
		case event.Address:
			v.ip = col.IP[w.row]
		case event.Float:
			out = out[:n]
		default:
			v.num = col.Int[w.row]
		}
	}
	if len(out) == 0 && cap(out) > 0 {
		c.spare = append(c.spare, out)
		return nil
	}
	return out
}

func (v *carried) set(w *rowWriter) {
	if w.known(v.field) {
		return
	}
	switch v.kind {
	case event.Keyword, event.Text:
		w.page.SetStr(w.row, v.field, w.page.Arena.Put(v.text))
	case event.Address:
		w.page.SetIP(w.row, v.field, v.ip)
	default:
		w.page.SetInt(w.row, v.field, v.num)
	}
}

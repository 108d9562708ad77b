package parsers

import (
	"github.com/saypro/veritail/parsers/members"
	"github.com/saypro/veritail/pipeline/event"
)

// Bounds of what is remembered of keys, which strangers may choose.
const (
	maxColumns = members.Max
	maxPlaces  = 4096
)

// A place is where the member of one key goes: a target of the map, else the field of its own name, else the row's
// JSON object.
type place struct {
	key    string
	assign *assign // of the map; nil: the key is not in it
	target int     // of the map; -1: none
	rank   int
	own    *assign // the field of the member's own name; nil: none
	json   []byte  // `"name":` in the row's JSON object; nil: it is dropped
	hex    bool
	plus   bool

	row uint64 // the row that had a member of this key last …
	at  int    // … and which one it was
}

// places remembers the places of keys, and which key stood where in the row before: the next one is mostly alike.
type places struct {
	byKey map[string]*place
	row   []*place
}

// of returns the place of member i, whose key is key.
func (ps *places) of(d *Decoder, m *membersSpec, i int, key []byte) *place {
	if i < len(ps.row) && ps.row[i].key == string(key) {
		return ps.row[i]
	}
	p := ps.byKey[string(key)]
	if p == nil {
		if len(ps.byKey) >= maxPlaces {
			clear(ps.byKey)
			ps.row = ps.row[:min(i, len(ps.row))]
		}
		p = m.place(d.set.Schema, string(key))
		ps.byKey[p.key] = p
	}
	if i < len(ps.row) {
		ps.row[i] = p
	} else {
		ps.row = append(ps.row, p)
	}
	return p
}

// place decides where the members of a key go.
func (m *membersSpec) place(s *event.Schema, key string) *place {
	p := &place{key: key, target: -1, hex: m.hex[key], plus: m.plus[key]}
	if to, ok := m.mapped[key]; ok {
		p.assign, p.target, p.rank = &to.assign, to.target, to.rank
	}
	if m.drop {
		return p
	}
	name := m.prefix + key
	if reserved(s, name) {
		name = "labels." + name
	} else if field, ok := s.Lookup(name); ok {
		p.own = &assign{temp: -1, field: field, ip: -1, kind: s.Def(field).Kind, unit: 1}
	}
	p.json = append(event.AppendJSONString(nil, name), ':')
	return p
}

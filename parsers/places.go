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
	name   string  // the member's own name, as a field; "": it is none's
	own    *assign // the field of that name; nil: none
	json   []byte  // `"name":` in the row's JSON object; nil: it is dropped
	hex    bool
	plus   bool

	next, other *place // of the members that came behind the last ones of this key

	row uint64 // the row that had a member of this key last …
	at  int    // … and which one it was
}

// nowhere is the place of a value that is passed over.
var nowhere = place{target: -1}

// places remembers the places of keys, and which two keys came behind which last: in the next text one of them mostly
// does so again.
type places struct {
	byKey map[string]*place
	head  place // stands before the first member
}

// begin returns what stands before the first member of a text.
func (ps *places) begin() *place {
	if len(ps.byKey) >= maxPlaces || ps.byKey == nil {
		ps.byKey, ps.head = map[string]*place{}, place{}
	}
	return &ps.head
}

// behind returns the place of key, whose member comes behind that of before.
func (ps *places) behind(before *place, d *Decoder, m *membersSpec, key []byte) *place {
	if before.next != nil && before.next.key == string(key) {
		return before.next
	}
	if before.other != nil && before.other.key == string(key) {
		return before.other
	}
	p := ps.byKey[string(key)]
	if p == nil {
		p = m.place(d.set.Schema, string(key))
		ps.byKey[p.key] = p
	}
	before.next, before.other = p, before.next
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
	} else {
		p.name = name
		p.look(s)
	}
	p.json = append(event.AppendJSONString(nil, name), ':')
	return p
}

// look finds the field of the member's own name, if there is one by now.
func (p *place) look(s *event.Schema) {
	if p.name == "" || p.own != nil {
		return
	}
	if field, ok := s.Lookup(p.name); ok {
		p.own = &assign{temp: -1, field: field, ip: -1, kind: s.Def(field).Kind, unit: 1}
	}
}

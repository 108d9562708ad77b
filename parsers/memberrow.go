package parsers

import (
	"bytes"
	"slices"

	"github.com/saypro/veritail/parsers/members"
	"github.com/saypro/veritail/pipeline/event"
)

// scanned are the members of the text at hand, with their places.
type scanned struct {
	scanner members.Scanner
	at      int // where what was scanned begins in the text
	list    []members.Member
	places  []*place // of each member; nil: another of its key or target counts
	best    []int    // of each target the member that counts, -1 without
	row     uint64   // numbers the texts
	caches  []places // by the id of the membersSpec
	extra   []byte   // memory for a row's JSON object
	hex     []byte   // memory for texts that were hexadecimal, or whose blanks were written as pluses
	temps   [][]byte // of a row, to read its time

	columns []*place   // as the header says that was read last; nil without
	header  event.Span // where it stands
}

// none forgets the members of the text before.
func (sc *scanned) none() { sc.list, sc.places = nil, sc.places[:0] }

// scanAgain reads the members of the first line of a record that has ended: other lines were scanned in between.
func (d *Decoder) scanAgain(f *format, p *pattern, line []byte, slots []int32) {
	d.members.none()
	if in, ok := p.holds(line, slots); ok && !d.scan(f, line, in) {
		d.members.none()
	}
}

// scan reads the members in a range of text, and reports whether it holds what f wants.
func (d *Decoder) scan(f *format, text []byte, in textRange) bool {
	text = text[in.from:in.to]
	d.members.at = in.from
	m, sc := f.members, &d.members
	sc.row++
	ok := true
	switch m.kind {
	case jsonMembers:
		if len(text) == 0 || text[0] != '{' && text[0] != ' ' && text[0] != '\t' {
			return false
		}
		sc.list, ok = sc.scanner.JSON(text)
		if m.bytes {
			sc.scanner.Bytes(sc.list)
		}
	case csvMembers:
		sc.list = sc.scanner.CSV(text, m.separator)
	case kvMembers:
		sc.list = sc.scanner.KV(text)
		ok = len(sc.list) > 0
	}
	if !ok {
		return false
	}
	sc.best = sc.best[:0]
	for range m.targets {
		sc.best = append(sc.best, -1)
	}
	if m.kind == csvMembers {
		if !d.columns(f) {
			return false
		}
	} else {
		d.named(m)
	}
	if len(m.require) == 0 {
		return true
	}
	for _, target := range m.require {
		if sc.best[target] >= 0 {
			return true
		}
	}
	return false
}

// cache returns what is remembered of the keys of m.
func (sc *scanned) cache(m *membersSpec) *places {
	for len(sc.caches) <= m.id {
		sc.caches = append(sc.caches, places{})
	}
	return &sc.caches[m.id]
}

// named finds the places of members with keys. Of equal keys the last one counts; KV has returned the first alone.
func (d *Decoder) named(m *membersSpec) {
	sc := &d.members
	cache := sc.cache(m)
	sc.places = sc.places[:0]
	p := cache.begin()
	for i := range sc.list {
		p = cache.behind(p, d, m, sc.list[i].Key)
		if p.row == sc.row {
			sc.places[p.at] = nil
		}
		p.row, p.at = sc.row, i
		sc.places = append(sc.places, p)
		sc.choose(p, i)
	}
}

// choose makes member i, which goes to p, the one of its target unless another comes before it in the map.
func (sc *scanned) choose(p *place, i int) {
	if p.target < 0 {
		return
	}
	if have := sc.best[p.target]; have < 0 || sc.places[have] == nil || p.rank <= sc.places[have].rank {
		sc.best[p.target] = i
	}
}

// columns finds the places of a row's values. A row is one of f only where columns are known, there are not more values
// than columns, and its time, if it has one, can be read.
func (d *Decoder) columns(f *format) bool {
	m, sc := f.members, &d.members
	sc.places = sc.places[:0]
	if f == d.own && sc.columns != nil {
		if len(sc.list) > len(sc.columns) {
			return false
		}
		sc.places = append(sc.places, sc.columns[:len(sc.list)]...)
	} else {
		if len(m.columns) == 0 {
			return false
		}
		sc.list = sc.list[:min(len(sc.list), len(m.columns))]
		for i := range sc.list {
			sc.places = append(sc.places, &m.columns[i])
		}
	}
	sc.temps = slices.Grow(sc.temps[:0], len(f.temps))[:len(f.temps)]
	clear(sc.temps)
	for i, p := range sc.places {
		sc.choose(p, i)
		if p.assign != nil && p.assign.temp >= 0 {
			sc.temps[p.assign.temp] = sc.list[i].Text
		}
	}
	if f.time == nil {
		return true
	}
	_, ok := d.stamp(f, sc.temps)
	return ok
}

// readHeader takes the line as the one that names the columns, if it is that.
func (d *Decoder) readHeader(f *format, line []byte, span event.Span) bool {
	m, sc := f.members, &d.members
	if m == nil || m.header == nil || m.header.Match(line, d.line.slots) < 0 {
		return false
	}
	names := line[d.line.slots[0]:d.line.slots[1]]
	sc.columns, sc.header = sc.columns[:0], span
	cache := sc.cache(m)
	p := cache.begin()
	for i, name := range sc.scanner.CSV(names, m.separator) {
		if i == maxColumns {
			break
		}
		p = cache.behind(p, d, m, bytes.TrimSpace(name.Text))
		if slices.Contains(sc.columns, p) {
			sc.columns = append(sc.columns, &nowhere) // of columns of one name the first counts
		} else {
			sc.columns = append(sc.columns, p)
		}
	}
	return true
}

// writeMembers sets the fields of the row from the members that were scanned in the text that lies in the arena at base.
// What has no field goes into the row's JSON object, unless a format around this one has put its name there.
func (d *Decoder) writeMembers(w *rowWriter, base event.Str, temps [][]byte) {
	sc := &d.members
	sc.extra, sc.hex = sc.extra[:0], sc.hex[:0]
	have := w.page.Extra[w.row]
	for i, p := range sc.places {
		if p == nil {
			continue
		}
		v := &sc.list[i]
		if p.hex && v.Bare {
			n := len(sc.hex)
			if text, ok := members.Hex(sc.hex, v.Text); ok {
				sc.hex = text
				v.Text, v.Off = text[n:len(text):len(text)], -1
			}
		}
		if p.plus && bytes.IndexByte(v.Text, '+') >= 0 {
			n := len(sc.hex)
			sc.hex = append(sc.hex, v.Text...)
			v.Text, v.Off = sc.hex[n:len(sc.hex):len(sc.hex)], -1
			for i, c := range v.Text {
				if c == '+' {
					v.Text[i] = ' '
				}
			}
		}
		at := event.Str{}
		if v.Off >= 0 {
			at = event.Str{Off: base.Off + uint32(sc.at+v.Off), Len: uint32(len(v.Text))}
		}
		switch {
		case p.target >= 0 && sc.best[p.target] == i:
			if p.assign.temp >= 0 {
				if !w.fill || temps[p.assign.temp] == nil {
					temps[p.assign.temp] = v.Text
				}
				continue
			}
			if w.value(p.assign, v.Text, at) {
				continue
			}
		case p.own != nil && w.value(p.own, v.Text, at):
			continue
		}
		if p.json != nil && (have.Len == 0 || !bytes.Contains(w.page.Bytes(have), p.json)) {
			sc.member(p, v)
		}
	}
	w.addExtra(sc.extra)
}

// member appends a member to the row's JSON object.
func (sc *scanned) member(p *place, v *members.Member) {
	sc.extra = append(sc.extra, ',')
	sc.extra = append(sc.extra, p.json...)
	if v.JSON != nil {
		sc.extra = append(sc.extra, v.JSON...)
	} else {
		sc.extra = event.AppendJSONString(sc.extra, v.Text)
	}
}

// addExtra adds members, each behind a comma, to the row's JSON object.
func (w *rowWriter) addExtra(list []byte) {
	if len(list) == 0 {
		return
	}
	arena, have := w.page.Arena, w.page.Extra[w.row]
	from := uint32(len(arena.Buf))
	if have.Len > 0 {
		arena.Buf = append(arena.Buf, w.page.Bytes(have)[:have.Len-1]...)
	} else {
		arena.Buf = append(arena.Buf, '{')
		list = list[1:]
	}
	arena.Buf = append(append(arena.Buf, list...), '}')
	w.page.Extra[w.row] = event.Str{Off: from, Len: uint32(len(arena.Buf)) - from}
}

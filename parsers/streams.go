package parsers

import (
	"bytes"
	"time"

	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/parsers/join"
	"github.com/saypro/veritail/pipeline/event"
)

// A verdict is what a line of a stream was found to be.
type verdict struct {
	of      *streamFormat // nil: none of its formats knows it
	pattern *pattern      // of that format; nil: it goes on with the line before, or begins what is put together first
	begins  bool          // a record
	seals   bool          // no other line but what goes on with it belongs to the record
	section event.Field   // ≥ 0: its text, which begins at at, is this field
	at      int
}

// said is what is remembered of a line of a stream: the verdict, the line, and what its pattern captured of it.
type said struct {
	verdict
	text  []byte
	slots []int32
	key   []byte // of the line among others of its format
}

// streamLine is the line of a stream at hand.
type streamLine struct {
	key, text, own []byte       // of the stream, the line itself, and its key in its own format
	lines          *streamLines // what it may be
	spare          []byte       // memory for a text
	values, last   []byte       // of the fields of all conditions; of the line before
	knows          bool         // there is a line before
	known          map[string]*streamLines
	captures
}

// of returns the text of a field of a line that p took, nil where it has none.
func (lf *lineField) of(d *Decoder, p *pattern, line []byte, slots []int32) []byte {
	if lf.target >= 0 && lf.target < len(d.members.best) && len(d.members.places) > 0 {
		if i := d.members.best[lf.target]; i >= 0 {
			return d.members.list[i].Text
		}
	}
	for i := range p.assigns {
		a := &p.assigns[i]
		if from, to := slots[2*a.slot], slots[2*a.slot+1]; a.temp < 0 && a.field == lf.field && from >= 0 {
			return line[from:to]
		}
	}
	return nil
}

// holds reports whether a line has one of the values of the condition.
func (c *lineCondition) holds(text []byte) bool {
	return text != nil && (c.any || c.is(text) || c.begins(text))
}

// addToStream makes a line of f, which p took, a line of its stream. It reports false where the line is of no stream.
func (d *Decoder) addToStream(f *format, p *pattern, line []byte, span event.Span, now time.Time) bool {
	if f.streams == nil || p.role != roleAlone && p.role != roleBySection || !d.findStream(f, p, line) {
		return false
	}
	c := &d.line
	clear(c.temps)
	p.captured(line, c)
	d.memberTemps(f, c.temps)
	when := d.when(f, c.temps, span.Off)
	scanned := d.members.row
	if !d.resuming {
		d.joiner.Expire(d.clock.Latest() - f.join.wait.Microseconds())
	}
	key := d.stream.key
	rec := d.joiner.Record(key)
	v := d.continuing(rec)
	var kept *join.Line[lineInfo]
	ok := true
	switch {
	case v.of == nil:
		d.joiner.End(key)
		ok = false
	case v.begins:
		kept = d.joiner.Start(key, line, span, when.Time, now)
		kept.Info.when = when
	default:
		kept, ok = d.joiner.Attach(key, line, span, when.Time, now)
		if ok && v.seals {
			rec.Parts[0].Info.said.seals = true
		}
	}
	switch {
	case !ok && !f.join.continues() && d.members.row == scanned: // its members are at hand still
		d.forget()
		d.read, d.hasRead = when, true
		d.event(f, p, c, line, []event.Span{span}, nil)
		return true
	case !ok:
		d.single(f, p, line, span, when, now)
		return true
	}
	if kept != nil {
		kept.Info.remember(f, p, c.slots)
		kept.Info.said.remember(v, &d.stream)
	}
	if v.begins && v.pattern != nil && v.pattern.lines == 1 {
		d.joiner.End(key)
	}
	return true
}

// remember keeps what was found of the line at hand.
func (s *said) remember(v verdict, l *streamLine) {
	s.verdict = v
	s.text, s.key = append(s.text[:0], l.text...), append(s.key[:0], l.own...)
	if v.pattern != nil {
		s.slots = append(s.slots[:0], l.slots[:v.pattern.slots]...)
	}
}

// findStream finds the stream of a line of f that p took, and the formats that its message may be a line of.
func (d *Decoder) findStream(f *format, p *pattern, line []byte) bool {
	l, slots := &d.stream, d.line.slots
	lines := d.linesOf(f.streams, p, line)
	if lines == nil {
		return false
	}
	l.key = append(l.key[:0], 0) // unlike the key of any other record
	for i := range f.streams.by {
		l.key = append(append(l.key, f.streams.by[i].of(d, p, line, slots)...), 0)
	}
	l.text = l.text[:0]
	text := f.streams.message.of(d, p, line, slots)
	if f.streams.blanks && text != nil {
		before := line[:cap(line)-cap(text)]
		for n := len(before) - len(bytes.TrimRight(before, " ")); n > 1; n-- {
			l.text = append(l.text, ' ')
		}
	}
	l.text = append(l.text, text...)
	if f.unwrap.match != nil && f.unwrap.match.Match(l.text, l.slots) >= 0 {
		return false // it repeats another line
	}
	if lines.escaped.in(l.text) {
		l.text, l.spare = lines.escaped.undo(l.spare[:0], l.text), l.text
	}
	return bytes.IndexByte(l.text, '\n') < 0 // else it is a whole message
}

// maxKnown bounds the values of which is remembered what lines with them may be.
const maxKnown = 4096

// linesOf returns the formats of a line that p took, nil if it is of no stream.
func (d *Decoder) linesOf(s *streams, p *pattern, line []byte) *streamLines {
	l := &d.stream
	l.values = l.values[:0]
	for i := range s.asked {
		if i > 0 {
			l.values = append(l.values, 0)
		}
		l.values = append(l.values, s.asked[i].of(d, p, line, d.line.slots)...)
	}
	if l.knows && bytes.Equal(l.values, l.last) {
		return l.lines
	}
	lines, ok := l.known[string(l.values)]
	if !ok {
		if lines = d.findLines(s, p, line); len(l.known) >= maxKnown || l.known == nil {
			l.known = map[string]*streamLines{}
		}
		l.known[string(l.values)] = lines
	}
	l.knows, l.last, l.lines = true, append(l.last[:0], l.values...), lines
	return lines
}

// openLines gets ready for lines of the formats of l.
func (d *Decoder) openLines(l *streamLines) {
	d.set.wholeLines(l)
	d.makeRoom(l.room)
	for i := range l.of {
		d.carryWithin(&l.of[i].nestedSpec)
	}
}

// findLines looks through the conditions for the formats of a line.
func (d *Decoder) findLines(s *streams, p *pattern, line []byte) *streamLines {
next:
	for i := range s.lines {
		for j := range s.lines[i].when {
			if c := &s.lines[i].when[j]; !c.holds(c.of(d, p, line, d.line.slots)) {
				continue next
			}
		}
		d.openLines(s.lines[i])
		return s.lines[i]
	}
	return nil
}

// continuing says what the line at hand is to the open record of its stream. What begins a record of another format does so
// rather than to go on with a line that may be followed by any.
func (d *Decoder) continuing(rec *join.Record[lineInfo]) (v verdict) {
	if rec == nil {
		return d.beginning(nil, nil)
	}
	l, first := &d.stream, &rec.Parts[0].Info.said
	sf, j := first.of, first.of.of.join
	for _, continued := range []*grok.Set{j.continued, l.lines.continued} {
		if continued != nil && continued.Match(l.text, l.slots) >= 0 {
			return verdict{of: sf, section: -1}
		}
	}
	var p *pattern
	if j.assembly == nil {
		if p, _ = d.match(sf.of, l.text, &l.captures); p != nil {
			if v = d.joining(rec, p); v.of != nil {
				return v
			}
		}
	}
	if v = d.beginning(sf, p); v.of == nil && len(rec.Parts) <= sf.rest {
		return verdict{of: sf, section: -1}
	}
	return v
}

// joining says what the line at hand, which p took, is to the open record of its stream, whose format p is of.
func (d *Decoder) joining(rec *join.Record[lineInfo], p *pattern) (v verdict) {
	first := &rec.Parts[0].Info.said
	field, at, section := d.ownOf(first.of, p)
	switch {
	case first.seals || !bytes.Equal(first.key, d.stream.own):
	case section:
		v = verdict{of: first.of, pattern: p, section: field, at: at}
	case p.role == rolePart || p.role == roleSame || p.role == roleEnd:
		v = verdict{of: first.of, pattern: p, section: -1, seals: p.role == roleEnd || first.lastOf(rec)}
	}
	return v
}

// lastOf reports whether one line more completes the record.
func (s *said) lastOf(rec *join.Record[lineInfo]) bool {
	if s.pattern.lines == 0 {
		return false
	}
	n := 1
	for j := range rec.Parts {
		if rec.Parts[j].Info.said.pattern != nil {
			n++
		}
	}
	return n >= s.pattern.lines
}

// ownOf sets the key of the line at hand in its own format, a pattern of which took it, and returns the section that it is.
func (d *Decoder) ownOf(sf *streamFormat, p *pattern) (field event.Field, at int, ok bool) {
	l, j := &d.stream, sf.of.join
	field, at, ok = j.sectionOf(p, l.text, &l.captures)
	l.own = l.own[:0]
	if j.by >= 0 {
		l.own = append(l.own, l.temps[j.by]...)
	}
	return field, at, ok
}

// beginning says which record the line at hand begins, whatever came before it: so a restart finds the same one. The format tried
// has been tried, if it is not nil: p took the line, nil if none did.
func (d *Decoder) beginning(tried *streamFormat, p *pattern) verdict {
	l := &d.stream
	for i := range l.lines.of {
		sf := &l.lines.of[i]
		if a := sf.of.join.assembly; a != nil {
			if l.own = l.own[:0]; a.begin.Match(l.text, l.slots) >= 0 {
				return verdict{of: sf, begins: true, section: -1}
			}
			continue
		}
		took := p
		if sf != tried || i > 0 { // what p captured is at hand if no other format was tried since
			if sf == tried && p == nil {
				continue
			}
			took, _ = d.match(sf.of, l.text, &l.captures)
		}
		if took != nil {
			d.ownOf(sf, took)
			return verdict{of: sf, pattern: took, begins: true, section: -1, seals: took.role == rolePart || took.role == roleEnd || took.role == roleAlone}
		}
	}
	return verdict{}
}

// memberTemps sets the temporaries that are members of the line at hand.
func (d *Decoder) memberTemps(f *format, temps [][]byte) {
	if f.members == nil {
		return
	}
	sc := &d.members
	for i, p := range sc.places {
		if p != nil && p.target >= 0 && sc.best[p.target] == i && p.assign.temp >= 0 {
			temps[p.assign.temp] = sc.list[i].Text
		}
	}
}

// writeStream sets the fields of a record of a stream as its own format reads them. It reports false, and makes the lines
// the message, where it reads none.
func (d *Decoder) writeStream(w *rowWriter, rec *join.Record[lineInfo]) bool {
	n, own := rec.Parts[0].Info.said.of, &d.nested
	own.Raw, own.Parts = own.Raw[:0], own.Parts[:0]
	for i := range rec.Parts {
		l := &rec.Parts[i]
		line := l.Info.said.text
		if i > 0 {
			own.Raw = append(own.Raw, '\n')
		}
		if v := &l.Info.said; v.pattern != nil {
			info := own.add(n.of, v.pattern, v.slots, line)
			info.section, info.text = v.section, v.at
		} else {
			own.Raw = append(own.Raw, line...)
		}
		own.Raw = append(own.Raw, rec.Raw[l.End:l.To]...)
		if len(own.Parts) > 0 {
			own.Parts[len(own.Parts)-1].To = len(own.Raw)
		}
	}
	if n.of.join.assembly != nil {
		text := bytes.Clone(own.Raw)
		p, ok := d.match(n.of, text, &own.captures)
		if !ok {
			w.page.SetStr(w.row, event.FieldMessage, w.page.Arena.Put(own.Raw))
			return false
		}
		own.Raw = own.Raw[:0]
		own.add(n.of, p, own.slots, text)
	}
	d.writeNested(w, &n.nestedSpec)
	return true
}

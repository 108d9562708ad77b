package parsers

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/saypro/veritail/parsers/join"
	"github.com/saypro/veritail/pipeline/event"
)

// A nestedSpec says that what a format within others captures is the lines of a record of a format that reads lines:
// PostgreSQL sends to syslog what it writes to its own log.
type nestedSpec struct {
	of      *format // not the one that reads lines but a copy: see prefixSpec.trusted
	from    int     // the temporary that holds the lines
	escaped escapes
}

// escapes are what is written instead of characters that do not get through.
type escapes struct {
	pairs [][2][]byte // what is written, and the character
	signs string      // what escaped texts begin with
}

func escapesOf(escaped map[string]string) (e escapes, err error) {
	for _, written := range slices.Sorted(maps.Keys(escaped)) {
		if written == "" {
			return e, errors.New("escaped: nothing is written instead of a character")
		}
		e.pairs = append(e.pairs, [2][]byte{[]byte(written), []byte(escaped[written])})
		e.signs += written[:1]
	}
	return e, nil
}

// in reports whether text may have escaped characters.
func (e *escapes) in(text []byte) bool { return e.signs != "" && bytes.ContainsAny(text, e.signs) }

// undo appends text with the characters that were escaped to dst.
func (e *escapes) undo(dst, text []byte) []byte {
next:
	for len(text) > 0 {
		for _, p := range e.pairs {
			if rest, ok := bytes.CutPrefix(text, p[0]); ok {
				dst, text = append(dst, p[1]...), rest
				continue next
			}
		}
		dst, text = append(dst, text[0]), text[1:]
	}
	return dst
}

// compileNested compiles the table [record], once all formats are there.
func (s *Set) compileNested(f *format) error {
	rf := f.file.Record
	if rf == nil {
		return nil
	}
	if len(f.within) == 0 {
		return errors.New("record: only a format within others captures records of another one")
	}
	n, err := s.nestedOf(rf.Of)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if n.escaped, err = escapesOf(rf.Escaped); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if n.of.join.assembly != nil {
		return fmt.Errorf("record: of: the lines of %s are not matched one by one and joined", rf.Of)
	}
	from, ok := f.temps[rf.From]
	if !ok {
		return fmt.Errorf("record: from: %w", f.notCaptured(rf.From))
	}
	n.from = from
	f.nested = &n
	return nil
}

// nestedOf returns how the records of a format of lines, called name, are read within others.
func (s *Set) nestedOf(name string) (nestedSpec, error) {
	e := s.byName[name]
	if e == nil || len(e.within) > 0 {
		return nestedSpec{}, fmt.Errorf("of: %w", unknown("format of lines", name, s.Formats()))
	}
	of := e.format.Load()
	if of.members != nil || of.join == nil {
		return nestedSpec{}, fmt.Errorf("of: the lines of %s are not matched one by one and joined", name)
	}
	copied := *of
	if of.prefix != nil {
		copied.prefix = of.prefix.trusted()
	}
	return nestedSpec{of: &copied}, nil
}

// carryWithin gets ready to carry fields from one record of n to the next, unless that has been done.
func (d *Decoder) carryWithin(n *nestedSpec) {
	if d.nestedCarry[n] != nil {
		return
	}
	if d.nestedCarry == nil {
		d.nestedCarry = map[*nestedSpec][]*carry{}
	}
	for _, spec := range n.of.carry {
		d.nestedCarry[n] = append(d.nestedCarry[n], newCarry(spec))
	}
}

// A nestedRecord is the record that a format within captured, while it is read.
type nestedRecord struct {
	join.Record[lineInfo]
	captures
}

// findNested reads what p, a pattern of f, captured of text as a record. It reports false where it is none: its first line is
// no line of the format.
func (d *Decoder) findNested(f *format, p *pattern, text []byte) bool {
	n, rec := f.nested, &d.nested
	var lines []byte
	for i := range p.assigns {
		if a := &p.assigns[i]; a.temp == n.from && d.inner.slots[2*a.slot] >= 0 {
			lines = text[d.inner.slots[2*a.slot]:d.inner.slots[2*a.slot+1]]
		}
	}
	if n.escaped.in(lines) {
		lines = n.escaped.undo(nil, lines)
	}
	lines = bytes.TrimRight(lines, "\n")
	rec.Raw, rec.Parts = rec.Raw[:0], rec.Parts[:0]
	line, rest, more := bytes.Cut(lines, []byte("\n"))
	p, ok := d.match(n.of, line, &rec.captures)
	if !ok {
		return false
	}
	rec.add(n.of, p, rec.slots, line)
	for more {
		line, rest, more = bytes.Cut(rest, []byte("\n"))
		d.addNested(n.of, line)
	}
	return true
}

// addNested adds a further line to the record: as one of its sections, or as what goes on with the line before. A line that is
// neither was one with the line before until it was found too long: PostgreSQL cuts what it sends to syslog.
func (d *Decoder) addNested(f *format, line []byte) {
	rec := &d.nested
	last := &rec.Parts[len(rec.Parts)-1]
	if f.join.continued != nil && f.join.continued.Match(line, rec.slots) >= 0 {
		rec.Raw = append(append(rec.Raw, '\n'), line...)
		last.To = len(rec.Raw)
		return
	}
	ps := &f.patterns
	if v := d.fits[f].variant; v != nil {
		ps = &v.patterns // lines of a message begin alike: whatever else looks like one is somebody's text
	}
	if p := ps.first(line, rec.slots); p != nil {
		if field, text, ok := f.join.sectionOf(p, line, &rec.captures); ok {
			rec.Raw = append(rec.Raw, '\n')
			l := rec.add(f, p, rec.slots, line)
			l.section, l.text = field, text
			return
		}
	}
	rec.Raw = append(rec.Raw, line...)
	last.To = len(rec.Raw)
}

// add makes line, which p took with slots, a part of the record.
func (rec *nestedRecord) add(f *format, p *pattern, slots []int32, line []byte) *lineInfo {
	n := len(rec.Parts)
	if n < cap(rec.Parts) {
		rec.Parts = rec.Parts[:n+1]
	} else {
		rec.Parts = append(rec.Parts, join.Line[lineInfo]{})
	}
	l := &rec.Parts[n]
	l.From = len(rec.Raw)
	rec.Raw = append(rec.Raw, line...)
	l.End, l.To = len(rec.Raw), len(rec.Raw)
	l.Info.remember(f, p, slots)
	return &l.Info
}

// writeNested sets the fields of the record that findNested read, and lets the formats within its own read them.
func (d *Decoder) writeNested(w *rowWriter, n *nestedSpec) {
	rec := &d.nested
	first := &rec.Parts[0]
	base := w.page.Arena.Put(rec.Raw)
	outer := w.null
	w.null = n.of.null
	clear(rec.temps)
	w.assign(first.Info.pattern, rec.Raw[:first.End], base, first.Info.slots, rec.temps)
	for i := range n.of.defaults {
		w.constant(&n.of.defaults[i])
	}
	w.constants(first.Info.pattern)
	d.parts(w, n.of, rec.Raw, base, &rec.Record, rec.temps)
	d.derive(w, n.of, rec.temps)
	w.null = outer
	d.unwrap(w, n.of)
	d.readFields(w, n.of)
	for _, c := range d.nestedCarry[n] {
		c.row(w)
	}
}

// sectionOf returns the field that a line of a section is, and where its text begins.
func (j *joinSpec) sectionOf(p *pattern, line []byte, c *captures) (field event.Field, text int, ok bool) {
	clear(c.temps)
	text = p.captured(line, c)
	if j.section < 0 || text < 0 {
		return 0, 0, false
	}
	field, ok = j.sections[string(c.temps[j.section])]
	return field, text, ok
}

package parsers

import (
	"bytes"
	"fmt"

	"github.com/saypro/veritail/pipeline/event"
)

// compileRepeats marks the patterns whose lines say that the line before was said again.
func (f *format) compileRepeats(ff *formatFile) error {
	for i, pf := range ff.Pattern {
		if !pf.Repeats {
			continue
		}
		if ff.Members != nil || ff.Prefix != nil || len(ff.Within) > 0 {
			return fmt.Errorf("pattern %d: repeats: only lines that patterns alone read can be said again", i+1)
		}
		f.patterns.list[i].repeats, f.repeats = true, true
	}
	return nil
}

// keepLine keeps a line of f, which p took, until the next one.
func (d *Decoder) keepLine(f *format, p *pattern, line []byte) {
	if f.repeats && !p.repeats && !d.resuming {
		d.before = line
		if d.width != narrow { // its memory is used for the next line
			d.before = bytes.Clone(line)
		}
	}
}

// keepBefore keeps the line before beyond its block.
func (d *Decoder) keepBefore() {
	if d.before != nil {
		d.kept = append(d.kept[:0], d.before...)
		d.before = d.kept
	}
}

// repeat gives the row, which says that the line before was said again, what that line said: its message, and the fields that the
// row has not got. Where they contradict each other the line before was another one, and nobody knows which.
func (d *Decoder) repeat(w *rowWriter, f *format, p *pattern, line []byte, slots []int32) {
	if d.before == nil {
		return
	}
	c := &d.ended
	before, ok := d.match(f, d.before, c)
	if !ok || !before.agrees(d.before, c.slots, p, line, slots) {
		return
	}
	text := d.before
	base := w.page.Arena.Put(text)
	clear(c.temps)
	w.fill = true
	w.assign(before, text, base, c.slots, c.temps)
	w.constants(before)
	w.fill = false
	for i := range before.assigns {
		a := &before.assigns[i]
		from, to := c.slots[2*a.slot], c.slots[2*a.slot+1]
		if a.temp >= 0 || from < 0 || from == to {
			continue
		}
		if a.field == event.FieldMessage || a.field == event.FieldHost && p.value(event.FieldHost, line, slots) == nil {
			w.page.SetStr(w.row, a.field, event.Str{Off: base.Off + uint32(from), Len: uint32(to - from)})
		}
	}
}

// value returns what p captured of a field, nil if nothing.
func (p *pattern) value(field event.Field, text []byte, slots []int32) []byte {
	for i := range p.assigns {
		a := &p.assigns[i]
		if from, to := slots[2*a.slot], slots[2*a.slot+1]; a.temp < 0 && a.field == field && from >= 0 && from < to {
			return text[from:to]
		}
	}
	return nil
}

// agrees reports whether what p captured of text contradicts nothing that o captured of other, but for the message.
func (p *pattern) agrees(text []byte, slots []int32, o *pattern, other []byte, otherSlots []int32) bool {
	for i := range o.assigns {
		a := &o.assigns[i]
		if a.temp >= 0 || a.field == event.FieldMessage {
			continue
		}
		said, says := p.value(a.field, text, slots), o.value(a.field, other, otherSlots)
		if said != nil && says != nil && !bytes.Equal(said, says) {
			return false
		}
	}
	return true
}

package parsers

import (
	"bytes"
	"time"

	"github.com/saypro/veritail/parsers/join"
	"github.com/saypro/veritail/parsers/stamp"
	"github.com/saypro/veritail/pipeline/event"
)

// A lineInfo is what is remembered of a line of a record until the record ends.
type lineInfo struct {
	format  *format
	pattern *pattern
	slots   []int32     // of the pattern, relative to the line
	section event.Field // ≥ 0: the line's text, which begins at text, is this field
	text    int
	when    stamp.Moment // of the first line
	said    said         // of a stream: what its message is there
}

// remember keeps what p matched in the line at hand.
func (l *lineInfo) remember(f *format, p *pattern, slots []int32) {
	l.format, l.pattern, l.section, l.text, l.said.of = f, p, -1, 0, nil
	l.slots = append(l.slots[:0], slots[:p.slots]...)
}

// A textRange is a range of a record's text: Raw[from:to].
type textRange struct{ from, to int }

// join adds a line that p matched to the open records: as a part of one, or as the beginning of a new one.
func (d *Decoder) join(f *format, p *pattern, line []byte, span event.Span, now time.Time) {
	c := &d.line
	clear(c.temps)
	text := p.captured(line, c)
	d.memberTemps(f, c.temps)
	when := d.when(f, c.temps, span.Off)
	t := when.Time
	if !d.resuming {
		d.joiner.Expire(d.clock.Latest() - f.join.wait.Microseconds())
	}
	var key []byte
	if f.join.by >= 0 {
		key = c.temps[f.join.by]
	}
	switch p.role {
	case rolePart, roleSame, roleEnd:
		if l, ok := d.joiner.Attach(key, line, span, t, now); ok {
			if l != nil {
				l.Info.remember(f, p, c.slots)
			}
			if p.role == roleEnd || d.complete() {
				d.close()
			}
			return
		}
		if p.role != roleSame {
			d.single(f, p, line, span, when, now)
			return
		}
	case roleAlone:
		d.single(f, p, line, span, when, now)
		return
	case roleBySection:
		if f.join.section < 0 || text < 0 {
			break
		}
		field, ok := f.join.sections[string(c.temps[f.join.section])]
		if !ok {
			break
		}
		if l, ok := d.joiner.Attach(key, line, span, t, now); ok {
			if l != nil {
				l.Info.remember(f, p, c.slots)
				l.Info.section, l.Info.text = field, text
			}
			return
		}
	}
	if !f.join.parts {
		d.single(f, p, line, span, when, now)
		return
	}
	first := d.joiner.Start(key, line, span, t, now)
	first.Info.remember(f, p, c.slots)
	first.Info.when = when
}

// captured sets the temporaries that p captured of line, and returns where the message begins in it, -1 where it has none.
func (p *pattern) captured(line []byte, c *captures) int {
	text := -1
	for i := range p.assigns {
		a := &p.assigns[i]
		if from, to := c.slots[2*a.slot], c.slots[2*a.slot+1]; from >= 0 {
			if a.temp >= 0 {
				c.temps[a.temp] = line[from:to]
			} else if a.field == event.FieldMessage {
				text = int(from)
			}
		}
	}
	return text
}

// goesOn reports whether a line may belong to the one at hand, which p took. That is known where the line behind it lies in the
// same block and only its beginning tells.
func (d *Decoder) goesOn(j *joinSpec, p *pattern) bool {
	if !j.parts && !j.continues() && j.assembly == nil {
		return false
	}
	if j.parts && p.role != roleAlone || j.rest || j.assembly != nil || len(d.ahead) == 0 {
		return true
	}
	next := d.ahead
	if n := bytes.IndexByte(next, '\n'); n >= 0 {
		next = next[:n+1]
	}
	next = trimEOL(next)
	return len(next) > 0 && j.continued != nil && j.continued.Match(next, d.inner.slots) >= 0
}

// single makes an event of a line that no other one joins, once the lines that continue it have come: at once where the
// pattern says that there are none.
func (d *Decoder) single(f *format, p *pattern, line []byte, span event.Span, when stamp.Moment, now time.Time) {
	only := d.joiner.Single(line, span, when.Time, now)
	only.Info.remember(f, p, d.line.slots)
	only.Info.when = when
	if p.lines == 1 || !f.join.continues() {
		d.joiner.Forget()
	}
}

// complete reports whether the record of the line at hand has all lines that the pattern which began it speaks of.
func (d *Decoder) complete() bool {
	parts := d.joiner.Parts()
	return len(parts) > 0 && parts[0].Info.pattern.lines > 0 && len(parts) >= parts[0].Info.pattern.lines
}

// close ends the record of the line at hand, once the lines that continue it have come.
func (d *Decoder) close() {
	d.joiner.Seal()
	if !d.own.join.continues() {
		d.joiner.Forget()
	}
}

// joined appends the event of a record that has ended. It uses captures of its own: records end while the captures
// of another line are still needed.
func (d *Decoder) joined(r *join.Record[lineInfo]) {
	if d.own.join.assembly != nil {
		d.assembled(r)
		return
	}
	first := &r.Parts[0].Info
	copy(d.ended.slots, first.slots)
	d.event(first.format, first.pattern, &d.ended, r.Raw, r.Spans, r)
}

// parts sets the fields of a record that its first line does not have. raw is its text, which lies in the arena at base.
func (d *Decoder) parts(w *rowWriter, f *format, raw []byte, base event.Str, rec *join.Record[lineInfo], temps [][]byte) {
	for i := 1; i < len(rec.Parts); i++ {
		l := &rec.Parts[i]
		if l.Info.section >= 0 {
			d.section(w, raw, base, rec.Parts, i)
			continue
		}
		w.fill = true
		line := event.Str{Off: base.Off + uint32(l.From), Len: uint32(l.End - l.From)}
		w.assign(l.Info.pattern, raw[l.From:l.End], line, l.Info.slots, temps)
		w.constants(l.Info.pattern)
		w.fill = false
	}
	if f.join.text >= 0 {
		d.textOf(w, f.join.text, raw, base, rec)
	} else {
		w.messageGoesOn(base, rec)
	}
}

// section sets the field of part i of a record, over the lines that continue it. Of several parts of one section the
// texts follow each other in lines of their own.
func (d *Decoder) section(w *rowWriter, raw []byte, base event.Str, parts []join.Line[lineInfo], i int) {
	field := parts[i].Info.section
	for _, l := range parts[i+1:] {
		if l.Info.section == field {
			return // the last one sets them all
		}
	}
	d.ranges = d.ranges[:0]
	for _, l := range parts[1 : i+1] {
		if from := l.From + l.Info.text; l.Info.section == field && from < l.To {
			d.ranges = append(d.ranges, textRange{from, l.To})
		}
	}
	w.gather(field, raw, base, d.ranges)
}

// textOf sets the field that takes the lines which belong to the one before: what the record's patterns captured of
// it and those lines, in the order of the record.
func (d *Decoder) textOf(w *rowWriter, field event.Field, raw []byte, base event.Str, rec *join.Record[lineInfo]) {
	d.ranges = d.ranges[:0]
	for i := range rec.Parts {
		l := &rec.Parts[i]
		if l.Info.section >= 0 {
			continue
		}
		for j := range l.Info.pattern.assigns {
			a := &l.Info.pattern.assigns[j]
			if from, to := l.Info.slots[2*a.slot], l.Info.slots[2*a.slot+1]; a.temp < 0 && a.field == field && to > from {
				d.ranges = append(d.ranges, textRange{l.From + int(from), l.From + int(to)})
			}
		}
		if l.To > l.End {
			d.ranges = append(d.ranges, textRange{l.End + 1, l.To})
		}
	}
	w.gather(field, raw, base, d.ranges)
}

// gather sets a field to ranges of raw, which lies in the arena at base, each a line of its own. Ranges that follow
// each other are taken as they lie there.
func (w *rowWriter) gather(field event.Field, raw []byte, base event.Str, ranges []textRange) {
	if len(ranges) == 0 {
		return
	}
	first, last := ranges[0].from, ranges[len(ranges)-1].to
	text := event.Str{Off: base.Off + uint32(first), Len: uint32(last - first)}
	for i := range ranges[1:] {
		if ranges[i+1].from == ranges[i].to+1 {
			continue
		}
		arena := w.page.Arena
		text.Off = uint32(len(arena.Buf))
		for n, r := range ranges {
			if n > 0 {
				arena.Buf = append(arena.Buf, '\n')
			}
			arena.Buf = append(arena.Buf, raw[r.from:r.to]...)
		}
		text.Len = uint32(len(arena.Buf)) - text.Off
		break
	}
	// empty lines at its end say nothing
	if text.Len -= uint32(len(w.page.Bytes(text)) - len(bytes.TrimRight(w.page.Bytes(text), "\n"))); text.Len > 0 {
		w.page.SetStr(w.row, field, text)
	}
}

// messageGoesOn lets a message that runs to the end of its line go on over the lines that continue it.
func (w *rowWriter) messageGoesOn(base event.Str, rec *join.Record[lineInfo]) {
	msg, ok := w.text(event.FieldMessage)
	if !ok {
		return
	}
	end := int(msg.Off+msg.Len) - int(base.Off)
	for i := range rec.Parts {
		if l := &rec.Parts[i]; l.Info.section < 0 && l.End == end && l.To > end {
			msg.Len += uint32(l.To - end)
			w.page.SetStr(w.row, event.FieldMessage, msg)
			return
		}
	}
}

package parsers

import (
	"time"

	"github.com/saypro/veritail/parsers/join"
	"github.com/saypro/veritail/pipeline/event"
)

// captures is what matching a line yields: the slots of the pattern, and the texts of the format's temporaries.
type captures struct {
	slots []int32
	temps [][]byte
}

// event appends one event: raw is its text, which begins with the line that p matched with the slots of c. rec is
// the record of an event of several lines, else nil.
func (d *Decoder) event(f *format, p *pattern, c *captures, raw []byte, spans []event.Span, rec *join.Record[head]) {
	lines := int32(1)
	if rec != nil {
		lines = rec.Lines
	}
	op := d.pageFor(f)
	pg := op.page
	base := pg.Arena.Put(raw)
	w := rowWriter{page: pg, row: pg.AddRow(base, lines, spans), null: f.null, pc: &op.consts}
	d.mark.Lines.Parsed += int64(lines)
	if rec != nil && rec.Cut {
		pg.CutRows.Set(w.row)
		d.mark.Lines.Cut++
	}
	clear(c.temps)
	if f.json != nil {
		d.jsonRow(&w, f, c.temps)
	} else {
		w.assign(p, raw, base, c.slots, c.temps)
	}
	if rec != nil {
		d.parts(&w, f, base, rec)
	}
	t := int64(0)
	if f.time != nil && c.temps[f.time.temp] != nil {
		t, _ = f.time.parse(&d.clock, c.temps[f.time.temp])
	}
	t = d.timeOr(t)
	pg.SetInt(w.row, event.FieldTime, t)
	d.latest = max(d.latest, t)
	d.derive(&w, f, c.temps)
	d.message(&w, f)
	if d.carry != nil && f == d.own {
		d.carry.row(&w)
	}
	if _, named := w.text(event.FieldHost); !named && d.opts.Host != "" {
		if op.host.Len == 0 {
			op.host = pg.Arena.PutString(d.opts.Host)
		}
		pg.SetStr(w.row, event.FieldHost, op.host)
	}
}

// parts sets the fields of a joined record's sections. The message goes on to the end of its continuation lines.
func (d *Decoder) parts(w *rowWriter, f *format, base event.Str, rec *join.Record[head]) {
	if msg, ok := w.text(event.FieldMessage); ok && rec.MainEnd > rec.Head.length {
		if msg.Off+msg.Len == base.Off+uint32(rec.Head.length) { // the message ran to the end of its line
			msg.Len += uint32(rec.MainEnd - rec.Head.length)
			w.page.SetStr(w.row, event.FieldMessage, msg)
		}
	}
	for _, part := range rec.Parts {
		if part.To > part.From {
			w.page.SetStr(w.row, part.Field, event.Str{Off: base.Off + uint32(part.From), Len: uint32(part.To - part.From)})
		}
	}
}

// derive sets what follows from what was captured: lookups, then refinements.
func (d *Decoder) derive(w *rowWriter, f *format, temps [][]byte) {
	for i := range f.lookups {
		l := &f.lookups[i]
		var text []byte
		if l.temp >= 0 {
			text = temps[l.temp]
		} else {
			text = w.fieldText(l.from)
		}
		if text == nil {
			continue
		}
		if c, ok := l.find(text); ok {
			w.constant(&c)
		}
	}
	for i := range f.refine {
		if r := &f.refine[i]; w.has(r.has) {
			for j := range r.set {
				w.constant(&r.set[j])
			}
		}
	}
}

// message takes wrappers off the message, then lets the formats that read messages of f add what they know of it.
func (d *Decoder) message(w *rowWriter, f *format) {
	msg, ok := w.text(event.FieldMessage)
	if !ok {
		return
	}
	for _, p := range f.unwrap {
		if text := w.page.Bytes(msg); p.match.Match(text, d.inner.slots) {
			clear(d.inner.temps)
			w.assign(p, text, msg, d.inner.slots, d.inner.temps)
			msg, _ = w.text(event.FieldMessage)
			break
		}
	}
	for _, in := range f.inner {
		if !w.has(in.when) {
			continue
		}
		text := w.page.Bytes(msg)
		for _, p := range in.patterns {
			if !p.match.Match(text, d.inner.slots) {
				continue
			}
			clear(d.inner.temps)
			outer := w.null
			w.null = in.null
			w.assign(p, text, msg, d.inner.slots, d.inner.temps)
			d.derive(w, in, d.inner.temps)
			w.null = outer
			return
		}
	}
}

// join adds a line that p matched to the open records: as a part of one, or as the beginning of a new one.
func (d *Decoder) join(f *format, p *pattern, line []byte, span event.Span, now time.Time) {
	c := &d.line
	clear(c.temps)
	text := -1 // where the message begins in the line
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
	t := int64(0)
	if f.time != nil {
		t, _ = f.time.parse(&d.clock, c.temps[f.time.temp])
	}
	d.latest = max(d.latest, t)
	if t != 0 && !d.resuming {
		d.joiner.Expire(t - f.join.wait.Microseconds())
	}
	var key []byte
	if f.join.by >= 0 {
		key = c.temps[f.join.by]
	}
	if f.join.section >= 0 && text >= 0 {
		field, ok := f.join.sections[string(c.temps[f.join.section])]
		if ok && d.joiner.Attach(key, field, line, text, span, t, now) {
			return
		}
	}
	slots := append([]int32(nil), c.slots[:2*len(p.match.Captures())]...)
	r := d.joiner.Start(key, line, span, t, now)
	r.Head = head{format: f, pattern: p, slots: slots, length: len(line)}
}

// joined appends the event of a record that has ended. It uses captures of its own: records end while the captures
// of another line are still needed.
func (d *Decoder) joined(r *join.Record[head]) {
	copy(d.ended.slots, r.Head.slots)
	d.event(r.Head.format, r.Head.pattern, &d.ended, r.Raw, r.Spans, r)
}

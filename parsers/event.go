package parsers

import (
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
func (d *Decoder) event(f *format, p *pattern, c *captures, raw []byte, spans []event.Span, rec *join.Record[lineInfo]) {
	lines := int32(1)
	if rec != nil {
		lines = rec.Lines
	}
	op := d.pageFor(f)
	pg := op.page
	base := d.put(raw)
	w := rowWriter{page: pg, row: pg.AddRow(base, lines, spans), null: f.null, once: op.texts}
	d.mark.Lines.Parsed += int64(lines)
	if rec != nil && rec.Cut {
		pg.CutRows.Set(w.row)
		d.mark.Lines.Cut++
	}
	clear(c.temps[:len(f.temps)])
	if p.fill {
		w.assign(p, raw, base, c.slots, c.temps)
	} else {
		w.first(p, op.plan(p), raw, base, c.slots, c.temps)
	}
	if f.members != nil {
		if rec != nil && f.join.assembly == nil {
			d.scanAgain(f, p, raw[:rec.Parts[0].End], c.slots)
		}
		d.writeMembers(&w, base, c.temps)
	}
	if w.row == 0 { // columns are shown in the order of their first value
		for i := range f.defaults {
			pg.Reserve(f.defaults[i].field)
		}
	}
	w.constants(p)
	if p.repeats && rec == nil {
		d.repeat(&w, f, p, raw, c.slots)
	}
	stream := rec != nil && rec.Parts[0].Info.said.of != nil
	if rec != nil && f.join.assembly == nil && !stream {
		d.parts(&w, f, raw, base, rec, c.temps)
	}
	op.setTime(w.row, d.timeOf(f, c.temps, spans[0].Off, rec), d.set)
	d.derive(&w, f, c.temps)
	d.questions = d.questions[:0]
	if stream {
		w.streamed = d.writeStream(&w, rec)
	} else {
		d.unwrap(&w, f)
	}
	d.readFields(&w, f)
	if d.told != nil && len(d.told.logs) > 0 {
		d.told.row(&w)
	}
	if f == d.own {
		for _, c := range d.carry {
			c.row(&w)
		}
	}
}

// derive sets what follows from what was captured: composed fields, lookups, then refinements.
func (d *Decoder) derive(w *rowWriter, f *format, temps [][]byte) {
	for i := range f.compose {
		w.compose(&f.compose[i])
	}
	for _, l := range f.lookups {
		if c := l.of(w, temps); c != nil {
			w.constant(c)
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

package parsers

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/saypro/veritail/parsers/join"
	"github.com/saypro/veritail/parsers/stamp"
	"github.com/saypro/veritail/pipeline/event"
)

// A timeSpec says which captures of a format are the time stamp of its lines, and how that is written.
type timeSpec struct {
	temps   []int // what the stamp is made of, joined by a blank
	layouts *stamp.Layouts
}

func (f *format) compileTime(tf timeFile) error {
	if len(tf.From) == 0 {
		if len(tf.Layouts) > 0 {
			return errors.New("time: layouts without from, the capture that is the time")
		}
		return nil
	}
	if len(tf.Layouts) == 0 {
		return errors.New("time: layouts is empty")
	}
	f.time = &timeSpec{layouts: stamp.Compile(tf.Layouts, tf.UTC)}
	for _, from := range tf.From {
		temp, ok := f.temps[from]
		if !ok {
			return fmt.Errorf("time: %w", f.notCaptured(from))
		}
		f.time.temps = append(f.time.temps, temp)
	}
	return nil
}

// stamp returns the moment that the stamp of a line of f means, whose temporaries are temps, without taking it into the
// order of the file; false where the line has no stamp that can be read.
func (d *Decoder) stamp(f *format, temps [][]byte) (stamp.Moment, bool) {
	if f.time == nil {
		return stamp.Moment{}, false
	}
	text := temps[f.time.temps[0]]
	if len(f.time.temps) > 1 {
		d.stamped = d.stamped[:0]
		for _, temp := range f.time.temps {
			if part := temps[temp]; part != nil {
				if len(d.stamped) > 0 {
					d.stamped = append(d.stamped, ' ')
				}
				d.stamped = append(d.stamped, part...)
			}
		}
		text = d.stamped
	}
	if len(text) == 0 {
		return stamp.Moment{}, false
	}
	return f.time.layouts.Read(&d.clock, text)
}

// when reads the time stamp of a line of f, which begins at off, and takes it into the order of the file.
func (d *Decoder) when(f *format, temps [][]byte, off int64) stamp.Moment {
	d.clock.At(off)
	if r, ok := d.stamp(f, temps); ok {
		return d.clock.Take(r)
	}
	return d.clock.Without()
}

// timeOf returns the time of an event of f that begins at off, where it has not been read before. That of a record whose lines were matched one by one was
// read with its first line, unless only a later one has a stamp.
func (d *Decoder) timeOf(f *format, temps [][]byte, off int64, rec *join.Record[lineInfo]) stamp.Moment {
	if d.hasRead {
		d.hasRead = false
		return d.read
	}
	if rec == nil || f.join == nil || f.join.assembly != nil {
		return d.when(f, temps, off)
	}
	first := rec.Parts[0].Info.when
	if !first.Stamped() {
		if later, ok := d.stamp(f, temps); ok {
			return d.clock.Take(later)
		}
	}
	return first
}

// liveFor is how long what is decoded counts as received when it was written, once everything before had been decoded.
const liveFor = time.Minute

// received tells the clock when the lines that are to be decoded were received.
func (d *Decoder) received(now time.Time) {
	d.fed = true
	if !d.opts.Live {
		return
	}
	live := !d.idle.IsZero() && now.Sub(d.idle) < liveFor
	if live {
		d.clock.Live(now)
	} else {
		d.clock.Live(time.Time{})
	}
	if live || d.opened.Sub(d.opts.Near) < 24*time.Hour { // it is written to: what was known grows old
		d.clock.Written(now)
	}
}

// reread opens the file once more for the clock, which looks ahead for the years of stamps that have none, and finds the
// stamps in its lines. They are of the format with these layouts: a file may hold lines of another than its own.
func (d *Decoder) reread(layouts *stamp.Layouts) (io.ReadCloser, func([]byte) []byte, error) {
	text, err := d.opts.Reread()
	look := &Decoder{set: d.set, clock: stamp.NewClock(d.opts.Zone, d.opts.Near)}
	look.line = captures{make([]int32, len(d.line.slots)), make([][]byte, len(d.line.temps))}
	f := d.timedBy(layouts)
	look.makeRoom(room{slots: f.slots})
	return text, func(line []byte) []byte { return look.stampIn(f, trimEOL(line)) }, err
}

// timedBy returns the format that has these layouts.
func (d *Decoder) timedBy(layouts *stamp.Layouts) *format {
	if f := d.own; f != nil && f.time != nil && f.time.layouts == layouts {
		return f
	}
	for _, e := range d.set.byName {
		if f := e.format.Load(); f != nil && f.time != nil && f.time.layouts == layouts {
			return f
		}
	}
	return nil
}

// stampIn returns the text of the stamp in a line of f, nil if it has none in one piece.
func (d *Decoder) stampIn(f *format, line []byte) []byte {
	p, ok := d.match(f, line, &d.line)
	if !ok || p == nil || len(f.time.temps) != 1 {
		return nil
	}
	for i := range p.assigns {
		a := &p.assigns[i]
		if from, to := d.line.slots[2*a.slot], d.line.slots[2*a.slot+1]; a.temp == f.time.temps[0] && from >= 0 {
			return line[from:to]
		}
	}
	return nil
}

// setTime sets the time of a row, and the fields that say what it is from.
func (op *openPage) setTime(row int, r stamp.Moment, s *Set) {
	pg := op.page
	pg.SetInt(row, event.FieldTime, r.Time)
	if r.Basis != stamp.OwnStamp {
		pg.SetStr(row, s.basis, op.texts.once(&op.texts.basis[r.Basis], r.Basis.String()))
	}
	if r.Doubt != stamp.NoDoubt {
		pg.SetStr(row, s.doubt, op.texts.once(&op.texts.doubts[r.Doubt], r.Doubt.String()))
	}
}

package drill

import (
	"bytes"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// A File is one that a test's lines are written to. A test that gives events has one line for each, and no format.
type File struct {
	Format string
	Text   []byte
	events []*event.Page // by line; none where a format reads the lines
}

// eventFile returns the file of a test that gives events.
func eventFile(pages []*event.Page) File {
	f := File{events: pages}
	for _, p := range pages {
		line := bytes.ReplaceAll(p.Bytes(p.Raw[0]), []byte("\n"), []byte(" "))
		f.Text = append(append(f.Text, line...), '\n')
	}
	return f
}

// Given returns what takes the place of a decoder where the test gives the events of the lines; nil where a format reads them. Their
// pages become g's.
func (f *File) Given(g event.Generation) *Given {
	if f.events == nil {
		return nil
	}
	return &Given{gen: g, events: f.events, mark: event.Mark{Gen: g.ID}}
}

// A Given is a pipeline.Decoder that knows the event of each line.
type Given struct {
	gen    event.Generation
	events []*event.Page // of the lines that are still to come
	mark   event.Mark
}

// Decode implements pipeline.Decoder.
func (d *Given) Decode(b *event.Batch, block []byte, off int64) {
	for line := range bytes.Lines(block) {
		if len(d.events) == 0 {
			return
		}
		p := d.events[0]
		d.events = d.events[1:]
		p.Gen, p.Path, p.Site = d.gen.ID, d.gen.Path, d.gen.Site
		p.Spans[0] = event.Span{Off: off, Len: int32(len(line))}
		b.Pages = append(b.Pages, p)
		off += int64(len(line))
		d.mark.Off = off
		d.mark.Lines.Read++
		d.mark.Lines.Parsed++
		d.mark.Lines.Bytes += int64(len(line))
	}
}

// Long implements pipeline.Decoder, like Flush and Resume: no line of a test is too long, none is open, and none is read a second time.
func (d *Given) Long(*event.Batch, []byte, int64, int64) {}

// Flush implements pipeline.Decoder.
func (d *Given) Flush(*event.Batch, time.Time, bool) {}

// Resume implements pipeline.Decoder.
func (d *Given) Resume(event.Mark, func(event.Span) ([]byte, error)) error { return nil }

// Mark implements pipeline.Decoder.
func (d *Given) Mark() event.Mark { return d.mark }

// Told implements pipeline.Decoder.
func (d *Given) Told() event.Told { return event.Told{} }

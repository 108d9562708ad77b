package pipeline

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// lineDecoder makes one event of each line. With keyed, a line "K text" opens a record of key K which lines "k text"
// continue, interleaved with other keys; "." as text ends it. Other lines are unparsed, empty ones ignored.
type lineDecoder struct {
	gen   event.Generation
	sch   *event.Schema
	keyed bool
	mark  event.Mark
	page  *event.Page
	open  []*openRecord // in order of their first line
	until time.Duration
}

type openRecord struct {
	key   byte
	text  []byte
	spans []event.Span
	since time.Time
}

func newLineDecoder(g event.Generation, keyed bool) *lineDecoder {
	return &lineDecoder{gen: g, sch: event.NewSchema(), keyed: keyed, mark: event.Mark{Gen: g.ID}, until: time.Hour}
}

func (d *lineDecoder) Decode(b *event.Batch, block []byte, off int64) {
	if off != d.mark.Off {
		panic(fmt.Sprintf("block at %d, decoder at %d", off, d.mark.Off))
	}
	for len(block) > 0 {
		line, n := block, len(block)
		if i := bytes.IndexByte(block, '\n'); i >= 0 {
			line, n = block[:i], i+1
		}
		d.line(b, line, event.Span{Off: d.mark.Off, Len: int32(n)})
		d.mark.Off += int64(n)
		block = block[n:]
	}
	d.done(b)
}

func (d *lineDecoder) line(b *event.Batch, line []byte, s event.Span) {
	switch {
	case len(line) == 0:
		d.count(s, func(a *event.Account) { a.Ignored++ })
	case !d.keyed:
		d.count(s, func(a *event.Account) { a.Parsed++ })
		d.emit(b, line, []event.Span{s}, false)
	case len(line) < 2 || line[1] != ' ':
		d.count(s, func(a *event.Account) { a.Unparsed++ })
		d.emit(b, line, []event.Span{s}, true)
	default:
		d.join(b, line, s)
	}
}

func (d *lineDecoder) join(b *event.Batch, line []byte, s event.Span) {
	key := line[0] | 0x20
	i := slices.IndexFunc(d.open, func(r *openRecord) bool { return r.key == key })
	if line[0] != key || i < 0 { // an upper-case letter opens a record
		if i >= 0 {
			d.close(b, i)
		}
		d.open = append(d.open, &openRecord{key: key, since: time.Now()})
		i = len(d.open) - 1
	}
	r := d.open[i]
	r.text = append(append(r.text, line[2:]...), '|')
	r.spans = append(r.spans, s)
	if string(line[2:]) == "." {
		d.close(b, i)
	}
}

func (d *lineDecoder) close(b *event.Batch, i int) {
	r := d.open[i]
	d.open = slices.Delete(d.open, i, i+1)
	for _, s := range r.spans {
		d.count(s, func(a *event.Account) { a.Parsed++ })
	}
	d.emit(b, r.text, r.spans, false)
}

func (d *lineDecoder) count(s event.Span, what func(*event.Account)) {
	d.mark.Lines.Read++
	d.mark.Lines.Bytes += int64(s.Len)
	what(&d.mark.Lines)
}

func (d *lineDecoder) emit(b *event.Batch, text []byte, spans []event.Span, unparsed bool) {
	if d.page == nil {
		d.page = &event.Page{Schema: d.sch, Arena: &event.Arena{}, Gen: d.gen.ID, Path: d.gen.Path, Data: d.gen.Dataset, Format: "lines"}
	}
	row := d.page.AddRow(d.page.Arena.Put(text), int32(len(spans)), spans)
	if unparsed {
		d.page.Unparsed.Set(row)
	}
	if d.page.N == event.PageRows {
		d.done(b)
	}
}

func (d *lineDecoder) done(b *event.Batch) {
	if d.page != nil {
		d.page.Complete()
		b.Pages = append(b.Pages, d.page)
		d.page = nil
	}
}

func (d *lineDecoder) Long(b *event.Batch, head []byte, off, length int64) {
	if off != d.mark.Off {
		panic(fmt.Sprintf("long line at %d, decoder at %d", off, d.mark.Off))
	}
	d.mark.Lines.Read++
	d.mark.Lines.Unparsed++
	d.mark.Lines.Cut++
	d.mark.Lines.Bytes += length
	d.mark.Off += length
	d.emit(b, head[:min(len(head), 100)], []event.Span{{Off: off, Len: int32(length)}}, true)
	d.done(b)
}

func (d *lineDecoder) Flush(b *event.Batch, now time.Time, final bool) {
	for i := 0; i < len(d.open); {
		if final || now.Sub(d.open[i].since) > d.until {
			d.close(b, i)
		} else {
			i++
		}
	}
	d.done(b)
}

func (d *lineDecoder) Resume(m event.Mark, read func(event.Span) ([]byte, error)) error {
	d.mark = event.Mark{Gen: m.Gen, Lines: m.Lines}
	for _, s := range m.Open {
		line, err := read(s)
		if err != nil {
			return err
		}
		var none event.Batch
		d.join(&none, bytes.TrimSuffix(line, []byte("\n")), s)
	}
	d.mark.Off = m.Off
	return nil
}

func (d *lineDecoder) Mark() event.Mark {
	m := d.mark
	for _, r := range d.open {
		m.Open = append(m.Open, r.spans...)
	}
	slices.SortFunc(m.Open, func(a, b event.Span) int { return int(a.Off - b.Off) })
	return m
}

func (d *lineDecoder) Told() event.Told { return event.Told{Format: "lines"} }

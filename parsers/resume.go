package parsers

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/parsers/join"
	"github.com/saypro/veritail/pipeline/event"
)

// How much of what was decoded before a mark is read again, without making events of it: what is remembered from
// line to line is not in the mark. A session whose address was told further back than carriedBytes loses it.
const (
	rememberedBytes = 64 << 10
	carriedBytes    = 1 << 20
)

// Resume implements pipeline.Decoder: the lines before the mark are read again for what they leave behind. Where the
// records that they leave open are not those of the mark, because one began further back or has ended by the clock, the
// lines of these are read once more and become open again.
func (d *Decoder) Resume(m event.Mark, read func(event.Span) ([]byte, error)) error {
	if m.Off > 1 {
		head, err := read(event.Span{Len: 2})
		if err != nil {
			return fmt.Errorf("read the beginning of %s again: %w", d.gen.Path, err)
		}
		d.width = widthOf(head)
	}
	open, err := d.resumeHeader(m, read)
	if err != nil {
		return err
	}
	if err := d.remember(m, read); err != nil {
		return err
	}
	d.mark = event.Mark{Gen: d.gen.ID, Off: m.Off, Lines: m.Lines}
	if d.joiner == nil {
		if len(open) > 0 {
			return fmt.Errorf("the mark of %s holds open records, but format %q has none", d.gen.Path, d.gen.Format)
		}
		return nil
	}
	if slices.Equal(d.openSpans(), sortedSpans(slices.Clone(open))) {
		d.joiner.Open(func(r *join.Record[lineInfo]) {
			d.mark.Lines.Read += int64(r.Lines)
			d.mark.Lines.Bytes += r.Bytes
		})
		return nil
	}
	return d.reopen(m, open, read)
}

// reopen makes records of the spans that the mark says are open.
func (d *Decoder) reopen(m event.Mark, open []event.Span, read func(event.Span) ([]byte, error)) error {
	d.joiner.Abandon()
	d.resuming = true
	defer func() { d.resuming = false }()
	now, end, came := time.Now(), int64(0), d.clock
	for _, s := range open {
		text, err := read(s)
		if err != nil {
			return fmt.Errorf("read the open record at %d again: %w", s.Off, err)
		}
		d.lines(text, s.Off, now)
		end = s.End()
	}
	if len(open) > 0 && came.Seen() {
		d.clock = came.Forgetful() // the open records are of before
	}
	if d.width == wideLittle && end == m.Off-1 {
		end = m.Off // the second byte of the line ending
	}
	if end != m.Off {
		d.joiner.Forget()
	}
	return nil
}

// openSpans returns the spans of the open records.
func (d *Decoder) openSpans() []event.Span {
	var spans []event.Span
	d.joiner.Open(func(r *join.Record[lineInfo]) { spans = append(spans, r.Spans...) })
	return sortedSpans(spans)
}

func sortedSpans(spans []event.Span) []event.Span {
	slices.SortFunc(spans, func(a, b event.Span) int { return cmp.Compare(a.Off, b.Off) })
	return spans
}

// resumeHeader reads the line again that named the columns, and returns the other open spans of the mark.
func (d *Decoder) resumeHeader(m event.Mark, read func(event.Span) ([]byte, error)) ([]event.Span, error) {
	if d.own == nil || d.own.members == nil || d.own.members.header == nil {
		return m.Open, nil
	}
	var open []event.Span
	for _, s := range m.Open {
		text, err := read(s)
		if err != nil {
			return nil, fmt.Errorf("read the line at %d again: %w", s.Off, err)
		}
		if !d.readHeader(d.own, d.textAt(text, s.Off), s) {
			open = append(open, s)
		}
	}
	return open, nil
}

// remember decodes the lines before the mark into a batch that is thrown away, for the times, the carried fields, the
// format that took refused lines and the open records.
func (d *Decoder) remember(m event.Mark, read func(event.Span) ([]byte, error)) error {
	if d.own == nil || m.Off == 0 {
		return nil
	}
	size := int64(rememberedBytes)
	if len(d.carry)+len(d.nestedCarry) > 0 {
		size = carriedBytes
	}
	from := max(0, m.Off-size)
	text, err := read(event.Span{Off: from, Len: int32(m.Off - from)})
	if err != nil {
		return fmt.Errorf("read what came before offset %d again: %w", m.Off, err)
	}
	if from > 0 {
		n := bytes.IndexByte(text, '\n') + 1
		from, text = from+int64(n), text[n:]
	}
	var b event.Batch
	d.attach(&b)
	d.lines(text, from, time.Now())
	b.Release()
	d.seq, d.batch = 0, nil
	d.shapes = shapes{}
	return nil
}

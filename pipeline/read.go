package pipeline

import (
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
)

// Read takes a finished stream, whose first byte is at offset 0 of the generation g, through dec and gives what it
// finds to emit in batches, which emit owns. maxLine bounds a line, 0 means source.MaxLine. The error is emit's,
// ctx's, or the stream's after everything before it has been given.
func Read(ctx context.Context, src io.Reader, g event.Generation, dec Decoder, maxLine int, emit func(*event.Batch) error) error {
	blocks := source.NewBlocks(src, 0, maxLine)
	defer blocks.Close()
	s := stream{gen: g, dec: dec, mark: event.Mark{Gen: g.ID}, emit: emit, batch: &event.Batch{}}
	for ctx.Err() == nil {
		b, err := blocks.Next()
		if err == nil {
			s.decode(b)
			if err := s.give(false); err != nil {
				return err
			}
			continue
		}
		if b, ok := blocks.Rest(); ok {
			if !errors.Is(err, io.EOF) && b.Long == 0 {
				b.Long = int64(len(b.Data)) // its tail is in what could not be read
			}
			s.decode(b)
		}
		dec.Flush(s.batch, time.Now(), true)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return errors.Join(s.give(true), err)
	}
	return ctx.Err()
}

// A stream is a finished generation on its way through its decoder.
type stream struct {
	gen   event.Generation
	dec   Decoder
	mark  event.Mark // where the last batch ended
	batch *event.Batch
	bytes int
	emit  func(*event.Batch) error
}

func (s *stream) decode(b source.Block) {
	s.bytes += len(b.Data)
	if b.Long > 0 {
		s.dec.Long(s.batch, b.Data, b.Off, b.Long)
		return
	}
	s.dec.Decode(s.batch, b.Data, b.Off)
}

// give emits the batch when it is large enough, or is the last.
func (s *stream) give(last bool) error {
	if !last && s.bytes < partBytes && s.batch.Rows() < partRows {
		return nil
	}
	to := s.dec.Mark()
	to.Gen, to.Open = s.gen.ID, slices.Clone(to.Open)
	b := s.batch
	b.From, b.To = append(b.From, s.mark), append(b.To, to)
	g := s.gen
	if name, _, _ := s.dec.Format(); name != "" {
		g.Format = name
	}
	b.Gens = append(b.Gens, g)
	s.mark, s.batch, s.bytes = to, &event.Batch{}, 0
	return s.emit(b)
}

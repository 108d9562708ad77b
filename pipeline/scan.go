package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
)

// A Scan reads finished files once, as one stream by event time, through the same stages as a Runner. Each file
// keeps its own order. It needs no store: Commit takes what the stages made.
type Scan struct {
	Decoder func(event.Generation) (Decoder, error)
	Stages  []Stage
	Commit  func(context.Context, *event.Commit) error // may keep the findings, nothing else
	Read    func(bytes int64)                          // called with the bytes of each block; may be nil
	Stdin   io.Reader

	rollups []event.Delta // room for those of the next commit
}

// A ScannedFile is what became of one file of a scan.
type ScannedFile struct {
	Path    string
	Told    event.Told
	Account event.Account
	Err     error // why it could not be read, or not to its end
}

// scanned is a file while it is read.
type scanned struct {
	ScannedFile
	file   *source.Finished
	blocks *source.Blocks
	dec    Decoder
	mark   event.Mark
	done   bool
}

// Run reads the files and returns what became of each, in their order. The error is of a stage or of Commit, or
// ctx's; a file that cannot be read is no error of the scan.
func (s *Scan) Run(ctx context.Context, gens []event.Generation) ([]ScannedFile, error) {
	files := make([]*scanned, len(gens))
	for i, g := range gens {
		f := &scanned{ScannedFile: ScannedFile{Path: g.Path}, mark: event.Mark{Gen: g.ID, Low: math.MinInt64}}
		files[i] = f
		defer f.close()
		dec, err := s.Decoder(g)
		if err != nil {
			return nil, err
		}
		f.dec = dec
		if f.file, f.Err = source.Open(g.Path, s.Stdin); f.Err != nil {
			f.done = true
			f.mark.Low = math.MaxInt64
			continue
		}
		f.blocks = source.NewBlocks(f.file, 0, 0)
	}
	if err := s.announce(ctx, files); err != nil {
		return nil, err
	}
	for {
		f := slowest(files)
		if f == nil {
			break
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.step(ctx, f); err != nil {
			return nil, err
		}
	}
	out := make([]ScannedFile, len(files))
	for i, f := range files {
		f.Account = f.mark.Lines
		if f.dec != nil {
			f.Told = f.dec.Told()
		}
		out[i] = f.ScannedFile
	}
	return out, nil
}

// announce tells the stages which files there are before the first is read, so that none runs ahead of the others.
func (s *Scan) announce(ctx context.Context, files []*scanned) error {
	b := &event.Batch{}
	for _, f := range files {
		b.From, b.To = append(b.From, event.Mark{Gen: f.mark.Gen}), append(b.To, f.mark)
	}
	return s.commit(ctx, b)
}

// slowest returns the file that has come least far in event time, nil when all are done.
func slowest(files []*scanned) *scanned {
	var least *scanned
	for _, f := range files {
		if !f.done && (least == nil || f.mark.Low < least.mark.Low) {
			least = f
		}
	}
	return least
}

// step reads one block of f and commits what it holds.
func (s *Scan) step(ctx context.Context, f *scanned) error {
	b := &event.Batch{}
	blk, err := f.blocks.Next(b.Arena())
	if err == nil {
		f.decode(b, blk)
	} else {
		if rest, ok := f.blocks.Rest(b.Arena()); ok {
			if !errors.Is(err, io.EOF) && rest.Long == 0 {
				rest.Long = int64(len(rest.Data)) // its tail is in what could not be read
			}
			f.decode(b, rest)
			blk = rest
		}
		f.dec.Flush(b, time.Now(), true)
		f.done = true
		if !errors.Is(err, io.EOF) {
			f.Err = err
		}
	}
	if s.Read != nil {
		s.Read(blk.End() - blk.Off)
	}
	from := f.mark
	f.mark = f.dec.Mark()
	b.From, b.To = append(b.From, from), append(b.To, f.mark)
	return s.commit(ctx, b)
}

func (f *scanned) decode(b *event.Batch, blk source.Block) {
	if blk.Long > 0 {
		f.dec.Long(b, blk.Data, blk.Off, blk.Long)
		return
	}
	f.dec.Decode(b, blk.Data, blk.Off)
}

func (s *Scan) commit(ctx context.Context, b *event.Batch) error {
	c := &event.Commit{Batch: b, Rollups: s.rollups[:0]}
	defer b.Release()
	for _, st := range s.Stages {
		if err := st.Process(ctx, c); err != nil {
			return fmt.Errorf("apply the stages: %w", err)
		}
	}
	s.rollups = c.Rollups
	return s.Commit(ctx, c)
}

func (f *scanned) close() {
	if f.file != nil {
		f.file.Close()
	}
}

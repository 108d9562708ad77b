package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
)

// A part is what one reader hands to the committer at once.
type part struct {
	from  *reader
	gen   event.GenID
	batch *event.Batch
	bytes int64
}

// What ends a part, so that many files share the memory of a commit.
const (
	partRows   = 8 * event.PageRows
	partBytes  = 4 << 20
	flushEvery = 250 * time.Millisecond
)

// A reader takes one generation through its decoder. It lives in one goroutine.
type reader struct {
	r       *Runner
	file    *source.File
	blocks  *source.Blocks
	dec     Decoder
	cut     bool // the generation's file was truncated: a last line without ending lost its tail
	gen     event.Generation
	sent    event.Mark // where the last part ended
	told    bool       // gen has been handed over as it is, in this run
	batch   *event.Batch
	bytes   int64
	grown   time.Time // when the file gave something last
	caught  bool      // it has come to the end of its file
	held    int64     // bytes of a line whose ending has not come
	holding time.Time // when the last of them came
	flushed time.Time
	whole   time.Time // all that was there then has been decoded

	cancel  context.CancelFunc
	refused atomic.Bool // the store refused a part: what is still to come is dropped
}

func newReader(r *Runner, f *source.File) *reader {
	return &reader{
		r: r, file: f, gen: f.Gen(), sent: f.Mark(), grown: time.Now(), batch: &event.Batch{},
		blocks: source.NewBlocks(f, f.Mark().Off, r.cfg.MaxLine),
	}
}

// run reads until the generation is complete, ctx ends or reading fails. hard bounds its waiting for the committer.
func (rd *reader) run(ctx, hard context.Context) {
	defer rd.file.Close()
	defer func() {
		rd.r.account.ended(rd.gen.ID)
		rd.r.finder.Ended(rd.file, rd.gen, rd.sent)
		rd.catchUp()
	}()
	rd.r.account.opened(rd.gen.ID, rd.file.Size())
	if after := rd.file.After(); after != nil {
		select {
		case <-after:
		case <-ctx.Done():
			return
		}
	}
	if err := rd.open(); err != nil {
		rd.r.finder.Failed(rd.file, err, time.Now())
		return
	}
	tick := time.NewTimer(rd.r.cfg.Poll)
	defer tick.Stop()
	for {
		select {
		case rd.r.turns <- struct{}{}:
		case <-ctx.Done():
			return
		}
		err := rd.turn(ctx)
		sent := rd.send(hard)
		if errors.Is(err, io.EOF) {
			rd.catchUp()
		}
		<-rd.r.turns
		switch {
		case errors.Is(err, errComplete) || !sent:
			return
		case err == nil:
			continue
		case !errors.Is(err, io.EOF):
			rd.r.finder.Failed(rd.file, err, time.Now())
			return
		}
		wait := rd.poll()
		tick.Reset(wait)
		select {
		case <-tick.C:
		case <-rd.file.Wake():
		case <-ctx.Done():
			return
		}
		if wait > rd.r.cfg.Poll {
			rd.r.account.rested(rd.gen.ID, time.Now())
		}
	}
}

// quickPolls is how often a file is looked at in the time of a poll that grew within the last second, where nothing else tells of more,
// or a record waits for its end.
const quickPolls = 8

// restPolls is how much longer than by the Finder, which wakes its reader, a quiet file is not looked at by that itself.
const restPolls = 10

// catchUp says that the file has been read and handed over to its end, as it is now. Later calls do nothing.
func (rd *reader) catchUp() {
	if !rd.caught {
		rd.caught = true
		rd.r.behind.Add(-1)
	}
}

// poll returns how long to wait before the next look, unless something wakes the reader: long at a file that has its name and was quiet
// for a while, since the Finder looks at all of those.
func (rd *reader) poll() time.Duration {
	switch quiet := time.Since(rd.grown); {
	case rd.file.Named() && quiet > source.Quiet && len(rd.sent.Open) == 0 && (rd.held == 0 || rd.file.Unended() == 0):
		return restPolls * source.QuietPolls * rd.r.cfg.Poll
	case rd.file.Named() && quiet > source.Quiet:
		return source.QuietPolls * rd.r.cfg.Poll
	case quiet < time.Second && (!rd.file.Noticed() || len(rd.sent.Open) > 0):
		return rd.r.cfg.Poll / quickPolls
	}
	return rd.r.cfg.Poll
}

// open makes the decoder and sets it to the mark.
func (rd *reader) open() error {
	rd.dec = rd.r.cfg.Decoder(rd.gen)
	if m := rd.file.Mark(); m.Off > 0 || len(m.Open) > 0 {
		if err := rd.dec.Resume(m, rd.file.Span); err != nil {
			return fmt.Errorf("go on with %s at offset %d: %w", rd.file.Name(), m.Off, err)
		}
	}
	return nil
}

// errComplete says that the generation has been read to its end.
var errComplete = errors.New("complete")

// turn decodes blocks until a part is full, there is nothing more now (io.EOF), or the generation ends.
func (rd *reader) turn(ctx context.Context) error {
	asked := time.Now()
	if rd.file.Unchanged() {
		return rd.stopped(io.EOF, asked)
	}
	for ctx.Err() == nil && rd.bytes < partBytes && rd.batch.Rows() < partRows {
		asked = time.Now()
		b, err := rd.blocks.Next(rd.batch.Arena())
		if err != nil {
			return rd.stopped(err, asked)
		}
		rd.decode(b, false)
		rd.grown = time.Now()
		rd.flush(rd.grown)
	}
	return nil
}

func (rd *reader) decode(b source.Block, cut bool) {
	rd.bytes += int64(len(b.Data))
	switch {
	case b.Long > 0:
		rd.dec.Long(rd.batch, b.Data, b.Off, b.Long)
	case cut:
		rd.dec.Long(rd.batch, b.Data, b.Off, int64(len(b.Data)))
	default:
		rd.dec.Decode(rd.batch, b.Data, b.Off)
	}
}

// flush ends records whose further lines would have been read by now: those may still be to come, however long ago the first was read, while
// the file has more, or this process or the store stood still.
func (rd *reader) flush(now time.Time) {
	if now.Sub(rd.flushed) >= flushEvery {
		rd.dec.Flush(rd.batch, rd.whole, false)
		rd.flushed = now
	}
}

// stopped decides what the end of what could be read means, when it was asked for.
func (rd *reader) stopped(err error, asked time.Time) error {
	now := time.Now()
	switch {
	case errors.Is(err, source.ErrTruncated):
		rd.cut = true
		if c, ok := rd.r.finder.Truncated(rd.file); ok {
			return rd.file.Continue(c)
		}
		rd.finish(now)
		return errComplete
	case !errors.Is(err, io.EOF):
		return err
	}
	rd.file.Caught()
	rd.whole = asked
	if rd.file.Complete(rd.grown, now, rd.r.cfg.Grace) {
		rd.finish(now)
		return errComplete
	}
	rd.takeUnended(now)
	rd.dec.Flush(rd.batch, rd.whole, false)
	return err
}

// takeUnended takes a last line whose ending has not come for as long as the source says.
func (rd *reader) takeUnended(now time.Time) {
	held := rd.blocks.Held()
	if held != rd.held {
		rd.held, rd.holding = held, now
	}
	if wait := rd.file.Unended(); held == 0 || wait == 0 || now.Sub(rd.holding) < wait {
		return
	}
	if b, ok := rd.blocks.Rest(rd.batch.Arena()); ok {
		rd.decode(b, false)
		rd.held, rd.grown = 0, now
	}
}

// finish ends the generation: its last line need not have an ending, and its open records are closed.
func (rd *reader) finish(now time.Time) {
	if b, ok := rd.blocks.Rest(rd.batch.Arena()); ok {
		rd.decode(b, rd.cut)
	}
	rd.dec.Flush(rd.batch, now, true)
}

// send hands what was decoded to the committer and reports whether reading may go on. A generation is handed over
// before it gives a line: a file that is empty at a stop, and written and rotated before the next start, is then known
// to be followed.
func (rd *reader) send(hard context.Context) bool {
	to := rd.dec.Mark()
	to.Gen, to.Open = rd.gen.ID, slices.Clone(to.Open)
	rd.describe()
	defer rd.r.account.read(rd, to)
	if rd.refused.Load() {
		rd.batch.Release()
		return false
	}
	if sameMark(rd.sent, to) && rd.told {
		rd.batch.Release()
		return true
	}
	b := rd.batch
	b.Fit()
	b.From, b.To = append(b.From, rd.sent), append(b.To, to)
	if !rd.told {
		b.Gens = append(b.Gens, rd.gen)
	}
	p := part{from: rd, gen: to.Gen, batch: b, bytes: rd.bytes}
	rd.batch, rd.bytes = &event.Batch{}, 0
	select {
	case rd.r.parts <- p:
		rd.sent, rd.told = to, true
		return true
	case <-hard.Done():
		b.Release()
		return false
	}
}

// describe takes up what is known of the generation by now.
func (rd *reader) describe() {
	g := rd.file.Gen()
	g.Format = rd.gen.Format
	if name := rd.dec.Told().Format; name != "" {
		g.Format = name
	}
	if g != rd.gen {
		rd.gen, rd.told = g, false
	}
}

// sameMark reports whether two marks of a generation say the same; the order of open spans says nothing.
func sameMark(a, b event.Mark) bool {
	return a.Off == b.Off && a.Lines == b.Lines && slices.Equal(byOffset(a.Open), byOffset(b.Open))
}

func byOffset(s []event.Span) []event.Span {
	return slices.SortedFunc(slices.Values(s), func(a, b event.Span) int { return cmp.Compare(a.Off, b.Off) })
}

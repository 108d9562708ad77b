// Package pipeline runs the one way a line goes: sources read blocks of files, decoders turn them into events,
// stages add findings and figures, and the writer commits all of it with the marks.
//
// A slow stage makes its predecessor wait: between them lie bounded channels only, so memory is bounded and the
// files themselves are the buffer. The package imports pipeline/event and nothing else of the project; decoders,
// stages and the store are handed in by the command.
package pipeline

import (
	"context"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// A Decoder turns the bytes of one generation into events. It is used by one goroutine and keeps what it needs of
// the bytes that it is given: open records, and how far reading has come.
type Decoder interface {
	// Decode takes a block of whole lines that begins at off, where the last call ended. Only the last block of a
	// generation that is complete, or whose last line is not waited for, may end without a line ending. Finished events are appended to b's pages; the
	// decoder registers with b.OnRelease what has to be given back. block is not kept.
	Decode(b *event.Batch, block []byte, off int64)
	// Long takes a line that is longer than the reader's bound: head is its beginning, length its whole length
	// in bytes with its line ending. It becomes one unparsed, cut event.
	Long(b *event.Batch, head []byte, off, length int64)
	// Flush ends open records: all if final, else those that have waited longer than their format allows at now. All
	// that was there at now has been decoded.
	Flush(b *event.Batch, now time.Time, final bool)
	// Resume sets a new decoder to a stored mark. read returns the bytes of a span of this generation.
	Resume(m event.Mark, read func(event.Span) ([]byte, error)) error
	// Mark returns the checkpoint of what has been decoded: offset, open spans, account.
	Mark() event.Mark
	// Told returns what is known of the format, and of the lines that are not understood. It is called once a batch.
	Told() event.Told
}

// A Stage adds to a commit what it makes of the events: findings, rollups, seals. It keeps no bytes of the batch. What is stored as one
// commit comes in several calls, one after the other, where lines are judged as they come; deltas of one cell may then stand in it twice.
// An idle pipeline calls it about once a second with an empty batch, so that time can pass.
type Stage interface {
	Process(context.Context, *event.Commit) error
}

// A StageFunc is a function as a Stage.
type StageFunc func(context.Context, *event.Commit) error

// Process implements Stage.
func (f StageFunc) Process(ctx context.Context, c *event.Commit) error { return f(ctx, c) }

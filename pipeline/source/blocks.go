// Package source finds log files, tells their generations apart, and reads their bytes in blocks of whole lines.
//
// It stands first in the flow: source → joiner → parser. It owns file descriptors, rotation and offsets and knows
// nothing of formats. Blocks cuts any stream into blocks at line ends; File reads one generation, from its file and,
// when that was taken away, from a rotated copy; Finder says which files there are and which generation each is.
package source

import (
	"bytes"
	"io"

	"github.com/saypro/veritail/pipeline/event"
)

// MaxLine is the default bound on a line, in bytes with its line ending.
const MaxLine = 1 << 20

const (
	blockSize = 512 << 10 // what one read asks for: about as many lines as a page holds
	longHead  = 64 << 10  // what is kept of a line that passes the bound
	smallKept = 4 << 10   // memory for what is kept that need not be given back
	maxEmpty  = 100       // reads of nothing, without an error, before a reader is called stuck
)

// A Block is a run of whole lines, or the beginning of one line that is too long.
type Block struct {
	Data []byte // lies at the end of the arena that it was read to
	Off  int64  // where Data begins
	Long int64  // 0, or the whole length of the one line of which Data is the beginning
}

// End returns the offset of the first byte after the block.
func (b Block) End() int64 {
	if b.Long > 0 {
		return b.Off + b.Long
	}
	return b.Off + int64(len(b.Data))
}

// Blocks cuts a stream into blocks at line ends. It reads them to where they stay, the arena of a batch. The last line, as
// long as its ending is missing, is kept for the next read. It never holds more than its bound, and nothing while the
// stream rests at a line end. It is used by one goroutine.
type Blocks struct {
	r     io.Reader
	bound int
	kept  []byte // what was read and not handed out
	off   int64  // of kept
	long  int64  // bytes seen of a line that passed the bound; its beginning is kept
	err   error  // what the read that filled the last block also returned
}

// NewBlocks returns the blocks of r, whose first byte has offset off. A line longer than bound bytes is given as
// its beginning; 0 means MaxLine.
func NewBlocks(r io.Reader, off int64, bound int) *Blocks {
	if bound <= 0 {
		bound = MaxLine
	}
	return &Blocks{r: r, off: off, bound: bound}
}

// Off returns the offset of the first byte that has not been handed out.
func (b *Blocks) Off() int64 { return b.off }

// Held returns how many bytes have been read of a line whose ending has not come.
func (b *Blocks) Held() int64 { return max(b.long, int64(len(b.kept))) }

// Next appends the next block to a. An error is the reader's, and a is as it was: after io.EOF the call may be repeated
// when the stream has grown, and Rest gives the line without ending if it never will.
func (b *Blocks) Next(a *event.Arena) (Block, error) {
	if b.long > 0 {
		return b.skip(a)
	}
	start := len(a.Buf)
	a.Buf = append(a.Buf, b.kept...)
	seen, empty, err := start, 0, error(nil)
	for {
		if i := bytes.LastIndexByte(a.Buf[seen:], '\n'); i >= 0 {
			b.err = err
			return b.take(a, start, seen+i+1), nil
		}
		if len(a.Buf)-start == b.bound {
			b.beginLong(a, start)
			b.err = err
			return b.skip(a)
		}
		if empty == maxEmpty {
			err = io.ErrNoProgress
		}
		if err != nil {
			b.keep(a.Buf[start:])
			a.Buf = a.Buf[:start]
			return Block{}, err
		}
		seen = len(a.Buf)
		if err = b.read(a, seen-start); len(a.Buf) > seen {
			empty = 0
		} else {
			empty++
		}
	}
}

// Rest appends to a what is left of a stream that is complete, or is not waited for: a last line without an ending. It returns false if
// there is none.
func (b *Blocks) Rest(a *event.Arena) (Block, bool) {
	if len(b.kept) == 0 {
		return Block{}, false
	}
	start := len(a.Buf)
	a.Buf = append(a.Buf, b.kept...)
	if b.long > 0 {
		return b.takeLong(a, start), true
	}
	return b.take(a, start, len(a.Buf)), true
}

// take hands out what a has from start to cut, and keeps what it has behind.
func (b *Blocks) take(a *event.Arena, start, cut int) Block {
	b.keep(a.Buf[cut:])
	a.Buf = a.Buf[:cut]
	blk := Block{Data: a.Buf[start:], Off: b.off}
	b.off = blk.End()
	return blk
}

// takeLong hands out the beginning of a long line, which a has from start on.
func (b *Blocks) takeLong(a *event.Arena, start int) Block {
	blk := Block{Data: a.Buf[start:], Off: b.off, Long: b.long}
	b.off, b.long = blk.End(), 0
	b.keep(nil)
	return blk
}

// keep keeps text for the next call.
func (b *Blocks) keep(text []byte) {
	if len(text) == 0 || cap(b.kept) > max(smallKept, 4*len(text)) {
		b.kept = nil
	}
	b.kept = append(b.kept[:0], text...)
}

// read appends to a what one read gives, of a line of which held bytes are there; an error that came with the block before
// comes first.
func (b *Blocks) read(a *event.Arena, held int) error {
	if err := b.err; err != nil {
		b.err = nil
		return err
	}
	ask := min(max(blockSize-held, blockSize/2), b.bound-held)
	a.Grow(ask)
	end := len(a.Buf)
	n, err := b.r.Read(a.Buf[end : end+ask])
	a.Buf = a.Buf[:end+n]
	return err
}

// beginLong keeps the beginning of the line that a has from start on, and that is as long as the bound; the rest is skipped.
func (b *Blocks) beginLong(a *event.Arena, start int) {
	b.long = int64(len(a.Buf) - start)
	b.keep(a.Buf[start : start+min(longHead, b.bound/2)])
	a.Buf = a.Buf[:start]
}

// skip reads to the end of a line that passed the bound and returns its beginning.
func (b *Blocks) skip(a *event.Arena) (Block, error) {
	start := len(a.Buf)
	for empty := 0; empty < maxEmpty; empty++ {
		err := b.read(a, 0)
		got := a.Buf[start:]
		if i := bytes.IndexByte(got, '\n'); i >= 0 {
			head, behind := b.kept, bytes.Clone(got[i+1:])
			a.Buf = append(a.Buf[:start], head...)
			b.long += int64(i) + 1
			blk := b.takeLong(a, start)
			b.kept, b.err = behind, err
			return blk, nil
		}
		a.Buf = a.Buf[:start]
		b.long += int64(len(got))
		if err != nil {
			return Block{}, err
		}
		if len(got) > 0 {
			empty = -1
		}
	}
	return Block{}, io.ErrNoProgress
}

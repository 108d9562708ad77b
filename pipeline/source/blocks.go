// Package source finds log files, tells their generations apart, and reads their bytes in blocks of whole lines.
//
// It stands first in the flow: source → joiner → parser. It owns file descriptors, rotation and offsets and knows
// nothing of formats. Blocks cuts any stream into blocks at line ends; File reads one generation, from its file and,
// when that was taken away, from a rotated copy; Finder says which files there are and which generation each is.
package source

import (
	"bytes"
	"io"
	"sync"
)

// MaxLine is the default bound on a line, in bytes with its line ending.
const MaxLine = 1 << 20

const (
	blockSize = 512 << 10 // what one read asks for: about as many lines as a page holds
	longHead  = 64 << 10  // what is kept of a line that passes the bound
	maxEmpty  = 100       // reads of nothing, without an error, before a reader is called stuck
)

// blockBufs holds buffers of blockSize, so that a thousand quiet files need none.
var blockBufs = sync.Pool{New: func() any { b := make([]byte, blockSize); return &b }}

// A Block is a run of whole lines, or the beginning of one line that is too long.
type Block struct {
	Data []byte // valid until the next call
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

// Blocks cuts a stream into blocks at line ends. The last line, as long as its ending is missing, is kept for the
// next read. It never holds more than its bound, and nothing while the stream rests at a line end. It is used by
// one goroutine.
type Blocks struct {
	r          io.Reader
	bound      int
	buf        []byte
	start, end int   // buf[start:end] is read and not yet handed out
	off        int64 // of buf[start]
	long       int64 // bytes seen of a line that passed the bound; its beginning is buf[:head]
	head       int
	err        error // what the read that filled the last block also returned
	pooled     bool
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

// Next returns the next block. An error is the reader's: after io.EOF the call may be repeated when the stream has
// grown, and Rest gives the line without ending if it never will.
func (b *Blocks) Next() (Block, error) {
	if b.long > 0 {
		return b.skip()
	}
	b.compact()
	if i := bytes.LastIndexByte(b.buf[:b.end], '\n'); i >= 0 { // what followed a long line
		return b.take(i + 1), nil
	}
	for empty := 0; ; {
		n, err := b.read()
		seen := b.end - n
		if i := bytes.LastIndexByte(b.buf[seen:b.end], '\n'); i >= 0 {
			b.err = err
			return b.take(seen + i + 1), nil
		}
		if b.end == b.bound {
			b.beginLong()
			b.err = err
			return b.skip()
		}
		if err != nil {
			b.rest(err)
			return Block{}, err
		}
		if n > 0 {
			empty = 0
		} else if empty++; empty == maxEmpty {
			return Block{}, io.ErrNoProgress
		}
	}
}

// Rest returns what is left of a stream that is complete: a last line without an ending, and false if there is none.
func (b *Blocks) Rest() (Block, bool) {
	if b.long > 0 {
		blk := Block{b.buf[:b.head], b.off, b.long}
		b.off += b.long
		b.long, b.start, b.end = 0, 0, 0
		return blk, true
	}
	if b.start == b.end {
		return Block{}, false
	}
	return b.take(b.end), true
}

// Close gives the buffer back. Blocks that were handed out are no longer valid.
func (b *Blocks) Close() {
	b.start, b.end, b.long = 0, 0, 0
	b.setBuf(nil, false)
}

func (b *Blocks) take(cut int) Block {
	blk := Block{Data: b.buf[b.start:cut:cut], Off: b.off}
	b.off += int64(cut - b.start)
	b.start = cut
	return blk
}

// read appends to buf what one read gives; an error that came with the block before comes first.
func (b *Blocks) read() (int, error) {
	if err := b.err; err != nil {
		b.err = nil
		return 0, err
	}
	b.makeRoom()
	n, err := b.r.Read(b.buf[b.end:])
	b.end += n
	return n, err
}

func (b *Blocks) compact() {
	if b.start > 0 {
		copy(b.buf, b.buf[b.start:b.end])
		b.start, b.end = 0, b.end-b.start
	}
}

// makeRoom keeps at least half of a buffer free for the next read, so that reads stay large, up to the bound.
func (b *Blocks) makeRoom() {
	size := min(blockSize, b.bound)
	for size < b.bound && size < 2*b.end {
		size = min(2*size, b.bound)
	}
	if len(b.buf) >= size && b.end < len(b.buf) {
		return
	}
	if size == blockSize {
		buf := *blockBufs.Get().(*[]byte)
		copy(buf, b.buf[:b.end])
		b.setBuf(buf, true)
		return
	}
	buf := make([]byte, size)
	copy(buf, b.buf[:b.end])
	b.setBuf(buf, false)
}

func (b *Blocks) setBuf(buf []byte, pooled bool) {
	if b.pooled {
		old := b.buf
		blockBufs.Put(&old)
	}
	b.buf, b.pooled = buf, pooled
}

// rest shrinks the buffer to what is kept while the stream has nothing more.
func (b *Blocks) rest(err error) {
	if err != io.EOF || b.end > len(b.buf)/4 {
		return
	}
	if b.end == 0 {
		b.setBuf(nil, false)
		return
	}
	b.setBuf(bytes.Clone(b.buf[:b.end]), false)
}

// beginLong keeps the beginning of a line that filled the whole buffer; the rest of it is skipped.
func (b *Blocks) beginLong() {
	b.head = min(longHead, b.bound/2)
	b.long = int64(b.end)
	b.start, b.end = b.head, b.head
}

// skip reads to the end of a line that passed the bound and returns its beginning.
func (b *Blocks) skip() (Block, error) {
	for empty := 0; ; {
		if err := b.err; err != nil {
			b.err = nil
			return Block{}, err
		}
		n, err := b.r.Read(b.buf[b.head:])
		got := b.buf[b.head : b.head+n]
		if i := bytes.IndexByte(got, '\n'); i >= 0 {
			blk := Block{b.buf[:b.head:b.head], b.off, b.long + int64(i) + 1}
			b.off, b.long = blk.End(), 0
			b.start, b.end = b.head+i+1, b.head+n
			b.err = err
			return blk, nil
		}
		b.long += int64(n)
		if err != nil {
			return Block{}, err
		}
		if n > 0 {
			empty = 0
		} else if empty++; empty == maxEmpty {
			return Block{}, io.ErrNoProgress
		}
	}
}

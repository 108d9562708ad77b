package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/saypro/veritail/pipeline/event"
)

// ErrTruncated says that a file was emptied or rewritten in place: its generation has ended, and what had not been
// read is at best in a copy.
var ErrTruncated = errors.New("file was truncated")

// A File reads one generation that is followed. Its bytes come from the file itself, whatever its name is by now,
// or from a rotated copy. It is used by one goroutine, except for the methods that say otherwise.
type File struct {
	gen    event.Generation
	mark   event.Mark
	f      *os.File
	id     inode     // of the file it began with, which is no other's as long as that is open
	unpack *Finished // reads f if f is compressed
	static bool      // f is a copy: its end is the generation's end
	pos    int64
	head   []byte // the bytes of the fingerprint
	print  atomic.Pointer[fingerprint]
	old    bool // f has been truncated, and what it holds now is not of this generation
	size   atomic.Int64
	lost   atomic.Int64
	rest   facts // of f when it was read to its end, if they tell of any change since

	name atomic.Int32  // hasName, renamed or succeeded
	told atomic.Bool   // the system tells when it changes
	wait time.Duration // Pattern.Unended
	left atomic.Int64  // when it lost its name, ns

	wake   chan struct{}
	after  *File
	caught chan struct{} // closed once all that was there has been read
	ended  bool          // caught is closed
}

// A fingerprint is a generation as it stands with the bytes that its Head is of. Neither is changed once published.
type fingerprint struct {
	gen  event.Generation
	head []byte
}

const (
	hasName   = iota // a followed path names it
	renamed          // no followed path names it, and no new file has taken its name
	succeeded        // a new file has its name
)

// newFile returns a File that reads f, a file of g or a copy of one, from mark on. It takes f over.
func newFile(g event.Generation, mark event.Mark, f *os.File, fs facts, packed bool) (*File, error) {
	x := &File{gen: g, mark: mark, f: f, id: fs.inode, pos: mark.Off, static: packed, wake: make(chan struct{}, 1), caught: make(chan struct{})}
	x.size.Store(fs.size)
	head, _, err := headOf(f, int(g.HeadLen))
	if err != nil {
		return nil, err
	}
	x.head = head
	x.print.Store(&fingerprint{g, head})
	if packed {
		return x, x.openPacked()
	}
	return x, nil
}

func (x *File) openPacked() error {
	d, err := newFinished(x.f.Name(), x.f, io.NewSectionReader(x.f, 0, 1<<62))
	if err != nil {
		return err
	}
	if err := d.Skip(x.pos); err != nil {
		return err
	}
	x.unpack = d
	x.size.Store(max(x.pos, unpackedSize(x.f)))
	return nil
}

// Gen returns the generation; its fingerprint grows while its first bytes are read.
func (x *File) Gen() event.Generation { return x.gen }

// Mark returns where reading goes on; Read gives the bytes from Mark().Off.
func (x *File) Mark() event.Mark { return x.mark }

// Name returns the path at which the bytes are read.
func (x *File) Name() string { return x.f.Name() }

// Size returns the size seen last, in uncompressed bytes. It is safe for concurrent use.
func (x *File) Size() int64 { return x.size.Load() }

// Named reports whether a followed path names the file. It is safe for concurrent use.
func (x *File) Named() bool { return x.name.Load() == hasName }

// Unended returns after what time without anything new a last line without an ending is taken; 0: never.
func (x *File) Unended() time.Duration { return x.wait }

// Noticed reports whether the system tells of changes of the file, so that Wake receives. It is safe for concurrent use.
func (x *File) Noticed() bool { return x.told.Load() }

// coarse is within what time two changes of a file may have the same time.
const coarse = 100 * time.Millisecond

// Unchanged reports whether nothing has happened to the file since all of it was read: there is no need to read.
func (x *File) Unchanged() bool {
	if x.rest == (facts{}) {
		return false
	}
	fs, err := factsOf(x.f)
	return err == nil && fs == x.rest
}

// saw takes up how long the file was seen to be: a reader that waits for the store does not look.
func (x *File) saw(size int64) {
	if was := x.size.Load(); size > was {
		x.size.CompareAndSwap(was, size)
	}
}

// Lost returns how many bytes are known to have been destroyed before they could be read. It is safe for
// concurrent use.
func (x *File) Lost() int64 { return x.lost.Load() }

// Wake returns a channel that receives when the file may have changed.
func (x *File) Wake() <-chan struct{} { return x.wake }

func (x *File) poke() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// After returns a channel that is closed when the generation before this one has been read as far as it went, so
// that events come in order of time as far as possible; nil if there is none.
func (x *File) After() <-chan struct{} {
	if x.after == nil {
		return nil
	}
	return x.after.caught
}

// Caught says that everything that was there has been read, or that reading has ended. Later calls do nothing.
func (x *File) Caught() {
	if !x.ended {
		close(x.caught)
		x.ended, x.after = true, nil
	}
}

// caughtUp is safe for concurrent use.
func (x *File) caughtUp() bool {
	select {
	case <-x.caught:
		return true
	default:
		return false
	}
}

// Read reads the next bytes. io.EOF means that there are no more now, ErrTruncated that there never will be.
func (x *File) Read(p []byte) (int, error) {
	if x.old {
		return 0, ErrTruncated
	}
	if x.unpack != nil {
		n, err := x.unpack.Read(p)
		x.grow(p[:n])
		x.pos += int64(n)
		if err != nil || x.pos > x.size.Load() { // it ends here, or its size was not known
			x.size.Store(x.pos)
		}
		return n, err
	}
	n, err := x.f.ReadAt(p, x.pos)
	if err != nil && err != io.EOF {
		return 0, fmt.Errorf("read %s at offset %d: %w", x.f.Name(), x.pos, err)
	}
	if !x.static {
		n, err = x.check(p[:n])
		if err != nil {
			return n, err
		}
	}
	x.grow(p[:n])
	x.pos += int64(n)
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// check tells whether got, read at pos, is still of this generation: it looks at the file after the read, so what it
// finds unchanged was unchanged before. It returns how much of got is.
func (x *File) check(got []byte) (int, error) {
	fs, err := factsOf(x.f)
	if err != nil {
		return 0, err
	}
	now := make([]byte, len(x.head))
	m, err := x.f.ReadAt(now, 0)
	if err != nil && err != io.EOF {
		return 0, fmt.Errorf("read %s: %w", x.f.Name(), err)
	}
	end := x.pos + int64(len(got))
	x.rest = facts{}
	if fs.size >= end && bytes.Equal(now[:m], x.head) {
		if fs.size == end && time.Since(time.UnixMicro(fs.ctime)) > coarse {
			x.rest = fs
		}
		x.size.Store(fs.size)
		return len(got), nil
	}
	x.old = true
	if fs.size >= end && len(got) > 0 { // it was rewritten and is this long again: is got of the old file or the new?
		again := make([]byte, len(got))
		if m, err := x.f.ReadAt(again, x.pos); err == nil && m == len(got) && bytes.Equal(again, got) {
			got = nil
		}
	}
	x.lost.Add(max(0, x.size.Load()-x.pos-int64(len(got))))
	if len(got) == 0 {
		return 0, ErrTruncated
	}
	return len(got), nil
}

// grow extends the fingerprint by what has been read.
func (x *File) grow(got []byte) {
	if x.pos > int64(len(x.head)) {
		return
	}
	if want := min(HeadBytes, x.pos+int64(len(got))); want > int64(len(x.head)) {
		x.head = append(x.head, got[int64(len(x.head))-x.pos:want-x.pos]...)
		x.gen.Head, x.gen.HeadLen = xxhash.Sum64(x.head), int32(len(x.head))
		x.print.Store(&fingerprint{x.gen, x.head})
	}
}

// Continue goes on reading the generation in a copy of its file.
func (x *File) Continue(c Copy) error {
	x.f.Close()
	x.f, x.static, x.old = c.f, true, false
	if c.packed {
		return x.openPacked()
	}
	x.lost.Add(-min(x.lost.Load(), max(0, c.size-x.pos)))
	x.size.Store(c.size)
	return nil
}

// Span returns the bytes of s, for records that were open at the mark.
func (x *File) Span(s event.Span) ([]byte, error) {
	if s.Len < 0 || s.End() > x.mark.Off {
		return nil, fmt.Errorf("read %s: span %d+%d is not before offset %d", x.f.Name(), s.Off, s.Len, x.mark.Off)
	}
	var r io.Reader = io.NewSectionReader(x.f, s.Off, int64(s.Len))
	if x.unpack != nil {
		d, err := newFinished(x.f.Name(), x.f, io.NewSectionReader(x.f, 0, 1<<62))
		if err == nil {
			defer d.release()
			err = d.Skip(s.Off)
		}
		if err != nil {
			return nil, err
		}
		r = d
	}
	b := make([]byte, s.Len)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("read %s at offset %d: %w", x.f.Name(), s.Off, err)
	}
	return b, nil
}

// Complete reports whether the generation is over, given that its reader met the end and last saw it grow at grown:
// it is a copy; or its name has gone to a new file, or its last name is gone, and it has been quiet for grace.
func (x *File) Complete(grown, now time.Time, grace time.Duration) bool {
	if x.static {
		return true
	}
	state := x.name.Load()
	if state == hasName || now.Sub(grown) < grace || now.Sub(time.Unix(0, x.left.Load())) < grace {
		return false
	}
	if state == succeeded {
		return true
	}
	fs, err := factsOf(x.f)
	return err == nil && fs.links == 0
}

// leave notes that its path names it no longer; the state only moves forward.
func (x *File) leave(state int32, now time.Time) {
	if x.name.Load() == hasName {
		x.left.Store(now.UnixNano())
	}
	if x.name.Load() < state {
		x.name.Store(state)
		x.poke()
	}
}

// mayBegin reports whether the file begins, as far as it goes, like one that begins with head. It is safe for concurrent use as long as the
// file is open.
func (x *File) mayBegin(head []byte) bool {
	own, _, err := headOf(x.f, len(head))
	n := min(len(own), len(head))
	return err != nil || bytes.Equal(own[:n], head[:n])
}

// replacedBy reports whether no name is left for the file, and f, which begins like it, has its last bytes too, where they stood. Programs
// may begin all their logs with the same lines. It is safe for concurrent use as long as the file is open.
func (x *File) replacedBy(f *os.File) bool {
	was, err := factsOf(x.f)
	is, err2 := factsOf(f)
	if err != nil || err2 != nil || was.links > 0 {
		return false
	}
	at := min(was.size, is.size)
	return endingOf(x.f, at).of(f)
}

// An ending is what stands before an offset of a file.
type ending struct {
	off  int64 // 0: it is not known
	hash uint64
}

// endingOf returns what stands in f before off.
func endingOf(f *os.File, off int64) ending {
	last := make([]byte, min(off, HeadBytes))
	if _, err := f.ReadAt(last, off-int64(len(last))); err != nil {
		return ending{}
	}
	return ending{off, xxhash.Sum64(last)}
}

// of reports whether f has the same there, as far as that can be told.
func (e ending) of(f *os.File) bool { return e.off == 0 || endingOf(f, e.off) == e }

// Close closes the file.
func (x *File) Close() error {
	x.Caught()
	if x.unpack != nil {
		x.unpack.release()
	}
	return x.f.Close()
}

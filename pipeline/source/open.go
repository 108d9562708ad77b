package source

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// A Finished is a file that nobody writes any more: plain, compressed by gzip, zstd or bzip2 (told by its first bytes), or
// standard input. Its errors name the file and the offset, in uncompressed bytes, up to which it could be read.
type Finished struct {
	path   string
	f      *os.File // nil for standard input
	r      io.Reader
	packed bool
	unpack io.ReadCloser // of packed
	off    int64
}

// Open opens the finished file at path, or stdin if path is Stdin.
func Open(path string, stdin io.Reader) (*Finished, error) {
	if path == Stdin {
		return newFinished(path, nil, stdin)
	}
	f, err := openRegular(path)
	if err != nil {
		return nil, err
	}
	r, err := newFinished(path, f, f)
	if err != nil {
		f.Close()
	}
	return r, err
}

func newFinished(path string, f *os.File, r io.Reader) (*Finished, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	d := &Finished{path: path, f: f, r: br}
	magic, _ := br.Peek(magicBytes)
	if p := packingOf(magic); p != nil {
		var err error
		d.packed = true
		if d.unpack, err = p.open(br); err != nil {
			return nil, d.wrap(err)
		}
		d.r = d.unpack
	}
	return d, nil
}

// Packed reports whether the file is compressed.
func (d *Finished) Packed() bool { return d.packed }

// Off returns how many uncompressed bytes have been read.
func (d *Finished) Off() int64 { return d.off }

// Read fills p as far as the file goes. Bytes that come before damage are given before its error.
func (d *Finished) Read(p []byte) (int, error) {
	n, err := 0, error(nil)
	for n < len(p) && err == nil {
		var m int
		m, err = d.r.Read(p[n:])
		n += m
		if d.f == nil && m > 0 { // a pipe: give what has come
			break
		}
	}
	d.off += int64(n)
	if err != nil && err != io.EOF {
		err = d.wrap(err)
	}
	return n, err
}

// Skip passes over the bytes before off.
func (d *Finished) Skip(off int64) error {
	_, err := io.CopyN(io.Discard, d, off-d.off)
	if err == io.EOF {
		return fmt.Errorf("read %s: it ends %d bytes before offset %d", d.path, off-d.off, off)
	}
	return err
}

// Close closes the file.
func (d *Finished) Close() error {
	d.release()
	if d.f == nil {
		return nil
	}
	return d.f.Close()
}

// release gives back what unpacking holds, and leaves the file open.
func (d *Finished) release() {
	if d.unpack != nil {
		d.unpack.Close() // what was wrong with the data, reading has said
	}
}

func (d *Finished) wrap(err error) error {
	if !d.packed {
		return fmt.Errorf("read %s at offset %d: %w", d.path, d.off, err)
	}
	what := "the compressed data is damaged"
	if errors.Is(err, io.ErrUnexpectedEOF) {
		what = "the compressed data is cut off"
	}
	return fmt.Errorf("read %s at uncompressed offset %d: %s: %w", d.path, d.off, what, err)
}

// openRegular opens a regular file for reading and never waits, as a pipe would.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = &os.PathError{Op: "read", Path: path, Err: errNotRegular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

package source

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"io"
	"os"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A packing is a way in which rotation compresses files. A file of it is told by its first bytes, whatever it is called.
type packing struct {
	magic string
	open  func(io.Reader) (io.ReadCloser, error)
	// size returns how many bytes a file unpacks to, modulo some power of two, and false where that is known only by unpacking it.
	size func(f *os.File, size int64) (n, modulo int64, ok bool)
}

// magicBytes is how many bytes tell a packing.
const magicBytes = 10

var packings = []packing{
	{"\x1f\x8b", func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }, gzipSize},
	{"\x28\xb5\x2f\xfd", openZstd, zstdSize},
	{"BZh?1AY&SY", func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(bzip2.NewReader(r)), nil }, nil},
}

// packedExts are the extensions that compression adds to a name, for a regular expression.
const packedExts = `(?:\.(?:gz|zst|bz2))?`

// packingOf returns the packing of a file that begins with head, nil if it is not packed.
func packingOf(head []byte) *packing {
	for i := range packings {
		m := packings[i].magic
		if len(head) < len(m) {
			continue
		}
		at := bytes.Clone(head[:len(m)])
		if k := bytes.IndexByte([]byte(m), '?'); k >= 0 {
			at[k] = '?'
		}
		if string(at) == m {
			return &packings[i]
		}
	}
	return nil
}

// packingAt returns the packing of a file, nil if it is not packed. It does not move its position.
func packingAt(f *os.File) *packing {
	head := make([]byte, magicBytes)
	n, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil
	}
	return packingOf(head[:n])
}

// maxWindow bounds the memory that unpacking takes; what zstd makes without --long needs less.
const maxWindow = 128 << 20

func openZstd(r io.Reader) (io.ReadCloser, error) {
	d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, err
	}
	return d.IOReadCloser(), nil
}

// unpackedSize returns how many bytes a compressed file unpacks to, as far as it says so itself: at least, or 0.
func unpackedSize(f *os.File) int64 {
	p := packingAt(f)
	st, err := f.Stat()
	if p == nil || p.size == nil || err != nil {
		return 0
	}
	n, _, _ := p.size(f, st.Size())
	return n
}

// gzipSize reads the size of the last member, modulo 2³² (RFC 1952, 2.3.1).
func gzipSize(f *os.File, size int64) (n, modulo int64, ok bool) {
	var tail [4]byte
	if _, err := f.ReadAt(tail[:], size-4); err != nil {
		return 0, 0, false
	}
	return int64(binary.LittleEndian.Uint32(tail[:])), 1 << 32, true
}

// zstdSize adds up the sizes that frames tell of themselves, passing over their blocks (RFC 8878, 3.1.1).
func zstdSize(f *os.File, size int64) (n, modulo int64, ok bool) {
	head := make([]byte, zstd.HeaderMaxSize)
	for at := int64(0); at < size; {
		m, err := f.ReadAt(head, at)
		var h zstd.Header
		if err != nil && !errors.Is(err, io.EOF) || h.Decode(head[:m]) != nil {
			return 0, 0, false
		}
		at += int64(h.HeaderSize)
		if h.Skippable {
			at += int64(h.SkippableSize)
			continue
		}
		if !h.HasFCS {
			return 0, 0, false
		}
		n += int64(h.FrameContentSize)
		if at, ok = afterBlocks(f, at); !ok {
			return 0, 0, false
		}
		if h.HasCheckSum {
			at += 4
		}
	}
	return n, 1 << 62, true
}

// afterBlocks returns where the blocks of a frame that begin at at end.
func afterBlocks(f *os.File, at int64) (int64, bool) {
	const last, repeated = 1, 1
	var head [3]byte
	for {
		if _, err := f.ReadAt(head[:], at); err != nil {
			return 0, false
		}
		block := int64(head[0]) | int64(head[1])<<8 | int64(head[2])<<16
		if at += 3; block>>1&3 == repeated {
			at++
		} else {
			at += block >> 3
		}
		if block&last != 0 {
			return at, true
		}
	}
}

package source

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/saypro/veritail/pipeline/event"
)

// HeadBytes is how many of a generation's first bytes its fingerprint covers, once that many have been read.
const HeadBytes = 1024

var errNotRegular = errors.New("not a regular file")

// An inode is a file on this machine while somebody holds it open; afterwards it may be another.
type inode struct{ dev, ino uint64 }

// A facts is what the file system says of an open file.
type facts struct {
	inode
	size  int64
	mtime int64 // µs
	ctime int64 // µs
	birth int64 // when the file was made, µs; 0 where the file system does not say
	links uint64
}

// NewGeneration returns the generation of the file d, seen first at now. n tells generations of one inode apart
// that are seen first at the same time. For standard input there is no file, and the id is made of path and time.
func (d *Finished) NewGeneration(host string, now time.Time, n int) (event.Generation, error) {
	g := event.Generation{Host: host, Path: d.path, Birth: now.UnixMicro()}
	if d.f != nil {
		fs, err := factsOf(d.f)
		if err != nil {
			return g, err
		}
		g.Device, g.Inode = fs.dev, fs.ino
		if head, _, err := headOf(d.f, HeadBytes); err == nil {
			g.Head, g.HeadLen = xxhash.Sum64(head), int32(len(head))
		}
	}
	g.ID = generationID(g, n)
	return g, nil
}

// generationID is xxhash64 of host, device, inode, first-seen time and counter.
func generationID(g event.Generation, n int) event.GenID {
	b := append([]byte(g.Host), 0)
	if g.Inode == 0 {
		b = append(append(b, g.Path...), 0)
	}
	b = binary.LittleEndian.AppendUint64(b, g.Device)
	b = binary.LittleEndian.AppendUint64(b, g.Inode)
	b = binary.LittleEndian.AppendUint64(b, uint64(g.Birth))
	b = binary.LittleEndian.AppendUint64(b, uint64(n))
	return event.GenID(xxhash.Sum64(b))
}

// headOf returns up to n of the first uncompressed bytes of f, without moving its position. They are cut if f is
// compressed and ends before its data does.
func headOf(f *os.File, n int) (head []byte, cut bool, err error) {
	head = make([]byte, n)
	m, err := f.ReadAt(head, 0)
	if err != nil && err != io.EOF {
		return nil, false, err
	}
	head = head[:m]
	if packingOf(head) == nil {
		return head, false, nil
	}
	d, err := newFinished(f.Name(), f, io.NewSectionReader(f, 0, 1<<62))
	head = head[:0]
	if err == nil {
		defer d.release()
		head = make([]byte, n)
		m, err = d.Read(head)
		head = head[:m]
	}
	switch {
	case err == nil || err == io.EOF:
		return head, false, nil
	case errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF):
		return head, true, nil
	}
	return nil, false, err
}

// matches reports whether head begins with the bytes of g's fingerprint.
func matches(g event.Generation, head []byte) bool {
	n := int(g.HeadLen)
	return n <= len(head) && xxhash.Sum64(head[:n]) == g.Head
}

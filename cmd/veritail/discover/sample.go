package discover

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
)

// sampleBytes is how much is read of the beginning of a file, and of its end.
const sampleBytes = 64 << 10

// perSet is how many files are read of those that are called alike: the newest ones.
const perSet = 3

// tell reads samples of the newest of some files that belong together.
func (l *looker) tell(files []*File) {
	read := 0
	for _, f := range newest(files) {
		if read == perSet || l.found.Looked.Samples >= l.Limits.Samples || l.over() {
			return
		}
		if f.Problem != "" || f.Sample != nil {
			continue
		}
		l.progress(f.Path)
		if l.sample(f); f.Sample != nil {
			read++
			l.found.Looked.Samples++
		}
	}
}

// sample reads some lines of f, or of what it was before it was rotated if it is empty, and tells their format. A file of which
// there is nothing to read gets none.
func (l *looker) sample(f *File) {
	path, rotated := f.Path, false
	if f.Size == 0 {
		if path = rotatedFrom(f.Path); path == "" {
			return
		}
		rotated = true
	}
	head, tail, err := ends(path)
	if err != nil {
		if !rotated {
			f.Problem = err.Error()
		}
		return
	}
	if len(head) == 0 {
		return
	}
	if f.binary = isBinary(head); f.binary {
		return
	}
	s, ok := l.decode(f, configs.Auto, parsers.Options{}, head, tail)
	if !ok {
		return
	}
	if at := f.layout; at != nil {
		if own, ok := l.decode(f, at.Format, parsers.Options{Layout: at.Text}, head, tail); ok && at.better(&own, &s) {
			own.Layout, own.Rotated, own.Alone = at.Text, rotated, true
			f.Sample = &own
			return
		}
	}
	s.Rotated = rotated
	if s.Format != "" {
		alone, ok := l.decode(f, s.Format, parsers.Options{Prefix: s.Prefix}, head, tail)
		s.Alone = ok && alone.Understood >= s.Understood
	}
	f.Sample = &s
}

// rotatedFrom returns the file that rotation has made of path last, "" if there is none.
func rotatedFrom(path string) string {
	names, err := filepath.Glob(escapeGlob(filepath.Dir(path)) + "/*")
	if err != nil {
		return ""
	}
	var last string
	var when time.Time
	for _, name := range names {
		if !source.RotatedOf(name, func(p string) bool { return p == path }) {
			continue
		}
		if st, err := os.Lstat(name); err == nil && st.Mode().IsRegular() && st.Size() > 0 && st.ModTime().After(when) {
			last, when = name, st.ModTime()
		}
	}
	return last
}

// ends returns whole lines of the beginning and of the end of a file, which may be compressed; then of the beginning only.
func ends(path string) (head, tail []byte, err error) {
	f, err := source.Open(path, nil)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	head = make([]byte, sampleBytes)
	n, err := f.Read(head)
	if err != nil && !errors.Is(err, io.EOF) && n == 0 {
		return nil, nil, err
	}
	if head = head[:n]; n < sampleBytes {
		return head, nil, nil
	}
	if i := bytes.LastIndexByte(head, '\n'); i >= 0 {
		head = head[:i+1]
	}
	if f.Packed() || bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff")) {
		return head, nil, nil
	}
	return head, tailOf(path), nil
}

// tailOf returns whole lines of the end of a large file.
func tailOf(path string) []byte {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || !st.Mode().IsRegular() || st.Size() < 2*sampleBytes {
		return nil
	}
	tail := make([]byte, sampleBytes)
	n, _ := f.ReadAt(tail, st.Size()-sampleBytes) // what there is of it
	tail = tail[:n]
	_, tail, _ = bytes.Cut(tail, []byte("\n"))
	return tail[:bytes.LastIndexByte(tail, '\n')+1]
}

// isBinary reports whether a text has bytes that text has not.
func isBinary(text []byte) bool {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return false
	}
	return bytes.Count(text, []byte{0})*100 > len(text) // a crash may leave some in a log
}

// decode reads the lines of a sample with a format.
func (l *looker) decode(f *File, format string, opts parsers.Options, blocks ...[]byte) (Sample, bool) {
	opts.Zone, opts.Near = time.Local, f.Written
	d, err := l.Formats.NewDecoder(event.Generation{ID: 1, Path: l.under(f.Path), Format: format}, opts)
	if err != nil {
		return Sample{}, false
	}
	var b event.Batch
	off := int64(0)
	for _, block := range blocks {
		if len(block) > 0 {
			d.Decode(&b, block, off)
			off += int64(len(block))
		}
	}
	d.Flush(&b, time.Now(), true)
	b.Release()
	told, lines := d.Told(), d.Mark().Lines
	return Sample{
		Format: told.Format, Prefix: told.Prefix, Sure: told.Sample, Lines: lines.Read, Understood: lines.Read - lines.Unparsed,
	}, true
}

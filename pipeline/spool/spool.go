// Package spool keeps on disk what has no file of its own: what comes over the network or through a pipe. It writes a log file for
// each sender, which is followed as any log is: the spool stands before the source, and what follows knows nothing of it.
//
// A file that has grown is renamed, as rotation does it, and goes when the store has all of it. So the spool is as large as what is
// not stored yet: with the store down it grows up to its bound, beyond which it takes nothing.
package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ErrFull says that the spool holds as much as it may. There is room again when the store has taken some.
var ErrFull = errors.New("the spool is full")

// The bounds of files.
const (
	Segment = 16 << 20               // a file of this size is renamed
	quiet   = 30 * time.Second       // a sender's file that is stored goes when nothing came for so long
	maxOpen = 256                    // files that are kept open for writing
	maxName = 64                     // bytes of a sender in a file's name
	retry   = 100 * time.Millisecond // between offers of lines that were not taken
	// Senders with a file of their own: addresses are easily forged. Further ones share a file.
	maxSenders = 1024
)

// Others is the sender whose file those share that have none of their own.
const Others = "others"

// Config says where a spool is and how much it may hold.
type Config struct {
	Dir string // made if it is not there
	Max int64  // bytes
	// Resume says that senders go on behind the last line that the spool has of them, as a journal's reader does. The file with
	// that line stays, and a line that a kill has cut goes, since it comes again.
	Resume bool
}

// A Spool is a directory of senders' files. It is safe for concurrent use, by one process.
type Spool struct {
	cfg Config

	mu      sync.Mutex
	senders map[string]*sender
	open    int
	dirty   map[string]bool // paths of what was written since the last Sync
	used    int64           // bytes of all files, and of those that were renamed
	old     []segment
	refused int64 // lines, since Open
	full    bool
	broken  error // of the last write
}

// A sender is what writes to one file.
type sender struct {
	path string
	f    *os.File // nil: not open
	size int64
	rest []byte    // of a write that the disk took a part of
	last time.Time // of the last write
}

// A segment is a file that was renamed.
type segment struct {
	path string
	size int64
}

// segmentName is what a renamed file is called.
var segmentName = regexp.MustCompile(`^(.+\.log)\.([0-9]+)$`)

// Glob is the pattern of the files of a spool directory that are to be followed; their renamed ones belong to them.
func Glob(dir string) string { return filepath.Join(dir, "*.log") }

// Sender returns who sent the lines of a file of a spool, from its path.
func Sender(path string) string { return strings.TrimSuffix(filepath.Base(path), ".log") }

// Open opens a spool.
func Open(cfg Config) (*Spool, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the spool: %w", err)
	}
	s := &Spool{cfg: cfg, senders: map[string]*sender{}, dirty: map[string]bool{}}
	entries, err := os.ReadDir(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	for _, e := range entries {
		if err := s.take(e); err != nil {
			return nil, err
		}
	}
	for _, o := range s.old { // a segment is found through its sender's file
		if err := s.openFile(s.sender(Sender(segmentName.FindStringSubmatch(o.path)[1]))); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// take takes up a file of an earlier run.
func (s *Spool) take(e fs.DirEntry) error {
	st, err := e.Info()
	if err != nil {
		return fmt.Errorf("read the spool: %w", err)
	}
	if !st.Mode().IsRegular() {
		return nil
	}
	name, path := e.Name(), filepath.Join(s.cfg.Dir, e.Name())
	if segmentName.MatchString(name) {
		s.old, s.used = append(s.old, segment{path, st.Size()}), s.used+st.Size()
		return nil
	}
	if !strings.HasSuffix(name, ".log") {
		return nil
	}
	w := &sender{path: path, size: st.Size(), last: time.Now()}
	s.senders[Sender(path)], s.used = w, s.used+w.size
	if w.size == 0 {
		return nil
	}
	return s.mend(w)
}

// Append writes lines of a sender, each with its ending, and returns how many bytes of them were taken, in whole lines. What was taken
// survives the end of this process, and after the next Sync that of the machine. What was not may be offered again after ErrFull, and
// after errors of the disk.
func (s *Spool) Append(from string, lines []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := max(0, min(s.cfg.Max-s.used, int64(len(lines))))
	if s.full = room < int64(len(lines)); s.full {
		if room = int64(bytes.LastIndexByte(lines[:room], '\n') + 1); room == 0 {
			return 0, ErrFull
		}
	}
	w := s.sender(from)
	n, err := s.write(w, lines[:room])
	if s.broken = err; err == nil && w.size >= Segment {
		err = s.rename(w)
	}
	if err == nil && n < len(lines) {
		err = ErrFull
	}
	return n, err
}

// Offer appends lines of a sender until it has taken all of them, or ctx ends, whose error it then returns: who sent them waits as long. took is
// called after each try with how many lines it took, and why not all.
func (s *Spool) Offer(ctx context.Context, from string, lines []byte, took func(n int64, err error)) error {
	for len(lines) > 0 {
		n, err := s.Append(from, lines)
		took(int64(bytes.Count(lines[:n], []byte{'\n'})), err)
		if lines = lines[n:]; err == nil || len(lines) == 0 {
			continue
		}
		select {
		case <-time.After(retry):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// sender returns where the lines of a sender go.
func (s *Spool) sender(from string) *sender {
	if w := s.senders[from]; w != nil {
		return w
	}
	name := fileName(from)
	if w := s.senders[name]; w != nil {
		return w
	}
	if len(s.senders) >= maxSenders {
		name = Others
		if w := s.senders[name]; w != nil {
			return w
		}
	}
	w := &sender{path: filepath.Join(s.cfg.Dir, name+".log")}
	s.senders[name] = w
	return w
}

// notInName is what a sender's file name does not have.
var notInName = regexp.MustCompile(`[^A-Za-z0-9._:-]+|^[.-]`)

// fileName returns the name of a sender's file without its ending. Different senders may share one.
func fileName(from string) string {
	name := notInName.ReplaceAllString(from, "_")
	if len(name) > maxName {
		name = name[:maxName]
	}
	if name == "" {
		return Others
	}
	return name
}

// write appends to the file of w. Where the disk takes a part of a line, the remainder stays in rest and is written first the next
// time, or by Sync: the file, which is being read, never shrinks.
func (s *Spool) write(w *sender, lines []byte) (int, error) {
	if err := s.openFile(w); err != nil {
		return 0, err
	}
	if err := s.writeRest(w); err != nil {
		return 0, err
	}
	n, err := w.f.Write(lines)
	s.grown(w, n)
	if err == nil {
		return n, nil
	}
	if n > 0 && lines[n-1] != '\n' {
		end := n + bytes.IndexByte(lines[n:], '\n') + 1
		w.rest, n = append(w.rest[:0], lines[n:end]...), end
	}
	return n, fmt.Errorf("write the spool: %w", err)
}

// writeRest writes what is left of a line, whether its sender sends more or not.
func (s *Spool) writeRest(w *sender) error {
	if len(w.rest) == 0 {
		return nil
	}
	if err := s.openFile(w); err != nil {
		return err
	}
	n, err := w.f.Write(w.rest)
	w.rest = w.rest[n:]
	s.grown(w, n)
	if err != nil {
		return fmt.Errorf("write the spool: %w", err)
	}
	return nil
}

// writeRests writes what is left of lines of all senders. It is told by Status that it cannot, and that it can again.
func (s *Spool) writeRests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.senders {
		if len(w.rest) == 0 {
			continue
		}
		if s.broken = s.writeRest(w); s.broken != nil {
			return
		}
	}
}

func (s *Spool) grown(w *sender, n int) {
	w.size, s.used = w.size+int64(n), s.used+int64(n)
	w.last, s.dirty[w.path] = time.Now(), true
}

// openFile opens the file of w for writing; of too many that are open the one goes that was not written to for longest.
func (s *Spool) openFile(w *sender) error {
	if w.f != nil {
		return nil
	}
	if s.open >= maxOpen {
		var idle *sender
		for _, o := range s.senders {
			if o.f != nil && (idle == nil || o.last.Before(idle.last)) {
				idle = o
			}
		}
		if err := s.close(idle); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open the spool: %w", err)
	}
	w.f, s.open = f, s.open+1
	return nil
}

func (s *Spool) close(w *sender) error {
	if w.f == nil {
		return nil
	}
	err := w.f.Close()
	w.f, s.open = nil, s.open-1
	return err
}

// rename makes a segment of the file of w.
func (s *Spool) rename(w *sender) error {
	if len(w.rest) > 0 { // its last line is not whole
		return nil
	}
	if err := s.close(w); err != nil {
		return err
	}
	to := w.path + "." + strconv.FormatInt(time.Now().UnixNano(), 10)
	if err := os.Rename(w.path, to); err != nil {
		return fmt.Errorf("rotate the spool: %w", err)
	}
	s.old = append(s.old, segment{to, w.size})
	w.size, s.dirty[to] = 0, true
	delete(s.dirty, w.path)
	// The segment is found through a file of the sender's, which there may be none of for long.
	return s.openFile(w)
}

// Sync puts what was written on the disk, with what a full disk had kept from it. Lines come meanwhile.
func (s *Spool) Sync() error {
	s.writeRests()
	s.mu.Lock()
	dirty := s.dirty
	s.dirty = map[string]bool{}
	s.mu.Unlock()
	var errs []error
	for path := range dirty {
		if err := syncFile(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("sync the spool: %w", err))
			s.mu.Lock()
			s.dirty[path] = true
			s.mu.Unlock()
		}
	}
	return errors.Join(errs...)
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Refuse counts lines that could not be taken.
func (s *Spool) Refuse(lines int64) {
	s.mu.Lock()
	s.refused += lines
	s.mu.Unlock()
}

// A Status is how it stands with a spool.
type Status struct {
	Used, Max int64 // bytes
	Senders   int
	Refused   int64 // lines that were not taken, in this run
	Full      bool
	Err       error // why the last lines were not taken, where that is not its bound
}

// Status tells how it stands.
func (s *Spool) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Status{Used: s.used, Max: s.cfg.Max, Senders: len(s.senders), Refused: s.refused, Full: s.full, Err: s.broken}
}

// Close puts what was written on the disk and closes the files. Nothing is appended afterwards.
func (s *Spool) Close() error {
	errs := []error{s.Sync()}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, w := range s.senders {
		errs = append(errs, s.close(w))
	}
	return errors.Join(errs...)
}

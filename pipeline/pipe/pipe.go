// Package pipe reads lines from a named pipe or from standard input into a spool, where they are followed as a log: a pipe forgets what
// was read from it, and whoever writes to it waits while nobody reads.
package pipe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// Stdin is the path that stands for standard input.
const Stdin = "-"

// A Spool takes lines of a sender, each with its ending, and returns how many bytes of them it took, in whole lines.
type Spool interface {
	// Offer takes all lines of a sender, or as many as it can until ctx ends, and calls took after each try.
	Offer(ctx context.Context, from string, lines []byte, took func(n int64, err error)) error
}

// Config says what is read.
type Config struct {
	Path    string // of a named pipe, or Stdin
	Name    string // that the spool's file is named after
	MaxLine int    // bytes of a line that are kept
	Spool   Spool
}

const (
	chunk = 64 << 10
	retry = 100 * time.Millisecond // between offers of lines that the spool does not take
	again = time.Second            // between attempts to open a pipe that is not there
	idle  = 5 * time.Second        // what came so long ago without an ending is a line
)

// A Reader reads a pipe. Run is called once, Status at any time.
type Reader struct {
	cfg Config

	mu sync.Mutex
	s  Status
}

// A Status is how it stands. Counts are of this run.
type Status struct {
	Lines int64 // that the spool took
	Cut   int64 // lines that were longer than may be
	Ended bool  // standard input has
	Err   error // why it is not read now
}

// New returns a reader.
func New(cfg Config) *Reader { return &Reader{cfg: cfg} }

// Status tells how it stands.
func (r *Reader) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.s
}

func (r *Reader) note(f func(*Status)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(&r.s)
}

// Run reads until ctx ends. What fails is told by Status and tried again; standard input is read to its end.
func (r *Reader) Run(ctx context.Context) error {
	for {
		f, err := r.open()
		if err == nil {
			err = r.read(ctx, f)
			if r.cfg.Path != Stdin {
				err = errors.Join(err, f.Close())
			}
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil && r.cfg.Path == Stdin:
			r.note(func(s *Status) { s.Ended = true })
			<-ctx.Done()
			return nil
		}
		r.note(func(s *Status) { s.Err = err })
		select {
		case <-time.After(again):
		case <-ctx.Done():
			return nil
		}
	}
}

// open opens the pipe. It is opened for writing, too, so that it does not end when its last writer goes, and another may come.
func (r *Reader) open() (*os.File, error) {
	if r.cfg.Path == Stdin {
		return os.Stdin, nil
	}
	f, err := os.OpenFile(r.cfg.Path, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && st.Mode()&os.ModeNamedPipe == 0 {
		err = fmt.Errorf("read %s: it is no named pipe; follow files with [[source]]", r.cfg.Path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// read hands the lines of f to the spool until it ends or ctx does.
func (r *Reader) read(ctx context.Context, f *os.File) error {
	chunks := make(chan []byte)
	failed := make(chan error, 1)
	go func() { // standard input may be a terminal or a file, which no deadline ends
		for {
			buf := make([]byte, chunk)
			n, err := f.Read(buf)
			if n > 0 {
				select {
				case chunks <- buf[:n]:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				failed <- err
				return
			}
		}
	}()
	l := lines{max: r.cfg.MaxLine}
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		var out []byte
		var err error
		select {
		case data := <-chunks:
			out = l.add(data)
			timer.Reset(idle)
		case <-timer.C:
			out = l.rest()
			timer.Reset(idle)
		case err = <-failed:
			out = l.rest()
		case <-ctx.Done():
			out = l.rest()
		}
		r.note(func(s *Status) { s.Cut, s.Err = l.cut, nil })
		_ = r.cfg.Spool.Offer(ctx, r.cfg.Name, out, r.took) // its only error is that ctx has ended
		switch {
		case ctx.Err() != nil, errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read %s: %w", r.cfg.Path, err)
		}
	}
}

// took notes what the spool has taken.
func (r *Reader) took(n int64, err error) {
	r.note(func(s *Status) { s.Lines, s.Err = s.Lines+n, err })
}

// lines cuts a stream into lines.
type lines struct {
	max  int
	kept []byte // of the last line, which has no ending yet
	over bool   // it is longer than max
	cut  int64  // lines that were
}

// add returns the lines that end in data.
func (l *lines) add(data []byte) (out []byte) {
	for {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			l.keep(data)
			return out
		}
		l.keep(data[:i])
		out = append(append(out, l.kept...), '\n')
		l.kept, l.over, data = l.kept[:0], false, data[i+1:]
	}
}

func (l *lines) keep(part []byte) {
	n := min(len(part), l.max-len(l.kept))
	if l.kept = append(l.kept, part[:n]...); n < len(part) && !l.over {
		l.over = true
		l.cut++
	}
}

// rest returns the last line, whose ending has not come.
func (l *lines) rest() []byte {
	if len(l.kept) == 0 {
		return nil
	}
	out := append(bytes.Clone(l.kept), '\n')
	l.kept = l.kept[:0]
	return out
}

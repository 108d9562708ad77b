// Package journal reads the systemd journal with journalctl into a spool, where it is followed as a log of JSON lines. It goes on behind
// the last entry that the spool has, by its cursor, so that none is read twice and none left out; entries that the journal dropped
// meanwhile are counted.
package journal

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A Spool takes lines of a sender, each with its ending, and returns how many bytes of them it took, in whole lines.
type Spool interface {
	// Offer takes all lines of a sender, or as many as it can until ctx ends, and calls took after each try.
	Offer(ctx context.Context, from string, lines []byte, took func(n int64, err error)) error
	Last(from string) ([]byte, error) // the last line, without its ending; nil if there is none
}

// Sender is the sender that the spool's file is named after.
const Sender = "journal"

// Config says which journal is read.
type Config struct {
	Program   string // journalctl
	Directory string // of journal files; empty: this machine's
	MaxLine   int    // bytes of an entry that are kept
	Spool     Spool
}

// The waits between attempts, and how much is handed over at once.
const (
	firstWait = time.Second
	lastWait  = 30 * time.Second
	retry     = 100 * time.Millisecond // between offers of lines that the spool does not take
	batch     = 256 << 10
)

// A Reader reads a journal. Run is called once, Status at any time.
type Reader struct {
	cfg Config

	mu sync.Mutex
	s  Status
}

// A Status is how it stands. Counts are of this run.
type Status struct {
	Entries int64 // that the spool took
	Gaps    int64 // places where the journal did not go on where reading had come to: it drops its oldest entries, read or not
	Missing int64 // entries that should be there, as far as their numbers tell
	Cut     int64 // entries that were too long, of which fields were left out
	Partial bool  // not all entries may be read: journalctl says so
	Err     error // why it is not read now
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

// Run reads until ctx ends. What fails is told by Status and tried again.
func (r *Reader) Run(ctx context.Context) error {
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		began := time.Now()
		err := r.follow(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if time.Since(began) > lastWait {
			wait = firstWait
		}
		r.note(func(s *Status) { s.Err = err })
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil
		}
	}
}

// follow runs journalctl from behind the last entry that the spool has. It returns when that ends.
func (r *Reader) follow(ctx context.Context) (err error) {
	last, err := r.cfg.Spool.Last(Sender)
	if err != nil {
		return err
	}
	at := positionOf(last)
	args := []string{"--output=json", "--all", "--no-pager", "--follow", "--no-tail"}
	if r.cfg.Directory != "" {
		args = append(args, "--directory="+r.cfg.Directory)
	}
	if at.cursor != "" { // that entry comes first, if it is still there
		args = append(args, "--cursor="+at.cursor)
	}
	cmd := exec.CommandContext(ctx, r.cfg.Program, args...)
	cmd.WaitDelay = time.Second
	runtime.LockOSThread() // whose end is what ends a child without a parent
	defer runtime.UnlockOSThread()
	endWithParent(cmd)
	said := &hints{r: r}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("run journalctl: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run journalctl: %w", err)
	}
	err = r.take(ctx, out, at)
	if err != nil {
		cmd.Cancel()
	}
	if ended := cmd.Wait(); err == nil {
		if err = errors.New("journalctl ended"); ended != nil {
			err = fmt.Errorf("%w: %w", err, ended)
		}
	}
	if text := said.last(); text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return err
}

// take hands the entries of out to the spool, until it ends. The first is the one at at, if the journal still has it.
func (r *Reader) take(ctx context.Context, out io.Reader, at position) error {
	in := bufio.NewReaderSize(out, batch)
	known, lines, cut := at.cursor != "", []byte(nil), int64(0)
	for {
		line, err := entry(in)
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("read from journalctl: %w", err)
		}
		here := positionOf(line)
		if known && here.cursor == at.cursor {
			r.note(func(s *Status) { s.Err = nil })
		} else {
			r.gap(at, here, known)
			if len(line) > r.cfg.MaxLine {
				line, cut = shorten(line, r.cfg.MaxLine), cut+1
			}
			lines = append(append(lines, line...), '\n')
		}
		known, at = false, here
		if in.Buffered() > 0 && len(lines) < batch {
			continue
		}
		if err := r.cfg.Spool.Offer(ctx, Sender, lines, r.took); err != nil {
			return err
		}
		r.note(func(s *Status) { s.Cut += cut })
		lines, cut = lines[:0], 0
	}
}

// gap notes that here does not follow upon before, the entry that was read last; at a start that one should have come again. Journals
// of other numbers may be mixed in at any time.
func (r *Reader) gap(before, here position, atStart bool) {
	same := before.series == here.series
	if before.cursor == "" || same && here.number <= before.number+1 || !same && !atStart {
		return
	}
	r.note(func(s *Status) {
		if s.Partial {
			return
		}
		if s.Gaps++; same {
			s.Missing += int64(here.number - before.number - 1)
		}
	})
}

// took notes what the spool has taken.
func (r *Reader) took(n int64, err error) {
	r.note(func(s *Status) { s.Entries, s.Err = s.Entries+n, err })
}

// maxEntry bounds an entry in memory.
const maxEntry = 64 << 20

// entry returns the next line of journalctl. It is valid until the next call, and not longer than maxEntry.
func entry(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return bytes.TrimSuffix(line, []byte{'\n'}), err
	}
	long := bytes.Clone(line)
	for errors.Is(err, bufio.ErrBufferFull) {
		line, err = in.ReadSlice('\n')
		long = append(long, line[:min(len(line), maxEntry-len(long))]...)
	}
	return bytes.TrimSuffix(long, []byte{'\n'}), err
}

// A position is where an entry stands.
type position struct {
	cursor string
	series string // entries of one are numbered
	number uint64
}

// positionOf returns the position of an entry, none where it has no cursor. The name cannot stand in a text of an entry: there its
// quotation marks are escaped.
func positionOf(entry []byte) (p position) {
	_, rest, ok := bytes.Cut(entry, []byte(`"__CURSOR":"`))
	text, _, whole := bytes.Cut(rest, []byte{'"'})
	if !ok || !whole {
		return p
	}
	p.cursor = string(text)
	for part := range strings.SplitSeq(p.cursor, ";") {
		switch key, value, _ := strings.Cut(part, "="); key {
		case "s":
			p.series = value
		case "i":
			p.number, _ = strconv.ParseUint(value, 16, 64)
		}
	}
	return p
}

// hints takes what journalctl says beside the entries.
type hints struct {
	r    *Reader
	mu   sync.Mutex
	text []byte
}

// maxHints bounds what is kept of it.
const maxHints = 4096

// Write implements io.Writer.
func (h *hints) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = append(h.text, p[:min(len(p), maxHints-len(h.text))]...)
	if bytes.Contains(h.text, []byte("not seeing messages from other users")) {
		h.r.note(func(s *Status) { s.Partial, s.Gaps, s.Missing = true, 0, 0 })
	}
	return len(p), nil
}

// last returns the last line that was said.
func (h *hints) last() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	text := strings.TrimSpace(string(h.text))
	return text[strings.LastIndexByte(text, '\n')+1:]
}

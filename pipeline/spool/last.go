package spool

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// mend ends a line that a kill has cut: what follows is a line of its own. Where senders resume it goes instead.
func (s *Spool) mend(w *sender) error {
	f, err := os.OpenFile(w.path, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("open the spool: %w", err)
	}
	defer f.Close()
	_, whole, err := lastLine(f, w.size)
	switch {
	case err != nil:
		return fmt.Errorf("read the spool: %w", err)
	case whole == w.size:
	case !s.cfg.Resume:
		w.rest = []byte("\n")
	default:
		if err := f.Truncate(whole); err != nil {
			return fmt.Errorf("mend the spool: %w", err)
		}
		s.used, w.size = s.used-(w.size-whole), whole
	}
	return nil
}

// lastLine returns the last line of a file that has an ending, without that, and how far the file is whole lines.
func lastLine(f io.ReaderAt, size int64) (line []byte, whole int64, err error) {
	for n := int64(4096); ; n *= 4 {
		n = min(n, size)
		tail := make([]byte, n)
		if _, err := f.ReadAt(tail, size-n); err != nil {
			return nil, 0, err
		}
		end := bytes.LastIndexByte(tail, '\n')
		begin := bytes.LastIndexByte(tail[:max(end, 0)], '\n') + 1
		switch {
		case end >= 0 && (begin > 0 || n == size):
			return tail[begin:end], size - n + int64(end) + 1, nil
		case n == size:
			return nil, 0, nil
		}
	}
}

// Last returns the last line of a sender, without its ending; nil if there is none.
func (s *Spool) Last(from string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.senders[fileName(from)]
	if w == nil {
		return nil, nil
	}
	path := w.path
	if w.size == 0 {
		if path = s.newest(w); path == "" {
			return nil, nil
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the spool: %w", err)
	}
	line, _, err := lastLine(f, st.Size())
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return line, nil
}

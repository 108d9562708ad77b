package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Sweep removes the files of which stored says that the store has all.
func (s *Spool) Sweep(now time.Time, stored func(path string) bool) error {
	s.mu.Lock()
	old := slices.DeleteFunc(slices.Clone(s.old), s.isLast)
	s.mu.Unlock()
	var gone []string
	var errs []error
	for _, o := range old {
		if !stored(o.path) {
			continue
		}
		if err := os.Remove(o.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("clean the spool: %w", err))
			continue
		}
		gone = append(gone, o.path)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.old = slices.DeleteFunc(s.old, func(o segment) bool {
		if !slices.Contains(gone, o.path) {
			return false
		}
		s.used, s.full = s.used-o.size, false
		return true
	})
	for name, w := range s.senders {
		if s.cfg.Resume || len(w.rest) > 0 || now.Sub(w.last) < quiet || s.newest(w) != "" || w.size > 0 && !stored(w.path) {
			continue
		}
		err := s.close(w)
		if err == nil {
			err = os.Remove(w.path)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("clean the spool: %w", err))
			continue
		}
		s.used, s.full = s.used-w.size, false
		delete(s.senders, name)
	}
	return errors.Join(errs...)
}

// isLast reports whether a segment has the last line of a sender that resumes there.
func (s *Spool) isLast(o segment) bool {
	if !s.cfg.Resume {
		return false
	}
	w := s.senders[Sender(segmentName.FindStringSubmatch(o.path)[1])]
	return w != nil && w.size == 0 && s.newest(w) == o.path
}

// newest returns the path of the last segment of w, "" if there is none.
func (s *Spool) newest(w *sender) (path string) {
	for _, o := range s.old {
		if strings.HasPrefix(o.path, w.path+".") && o.path > path { // their numbers have the same length
			path = o.path
		}
	}
	return path
}

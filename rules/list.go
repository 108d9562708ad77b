package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
)

// lists are the files of values that the conditions of a rule name, as they were when the rule was compiled first: what reads
// the rule later reads the same.
type lists struct {
	mu      sync.Mutex
	values  map[string][]string // by the file's name
	missing []string            // files that could not be read
}

// maxListSize bounds the bytes of a file of values.
const maxListSize = 1 << 20

// list returns the values in a file of the configuration: one a line; empty lines, and what follows a #, are none.
func (r *Rule) list(name string) ([]string, error) {
	if r.fsys == nil || !fs.ValidPath(name) {
		return nil, fmt.Errorf("%q is no file of the configuration; name it from there, as lists/scanners.txt", name)
	}
	r.lists.mu.Lock()
	defer r.lists.mu.Unlock()
	if values, known := r.lists.values[name]; known {
		return values, nil
	}
	text, err := fs.ReadFile(r.fsys, name)
	if err != nil {
		r.lists.missing = append(r.lists.missing, name)
		return nil, fmt.Errorf("read the list %s: %w", name, errors.Unwrap(err))
	}
	if len(text) > maxListSize {
		return nil, fmt.Errorf("%s has %d bytes; a list has at most %d", name, len(text), maxListSize)
	}
	var values []string
	for line := range bytes.Lines(text) {
		value, _, _ := bytes.Cut(line, []byte("#"))
		if value = bytes.TrimSpace(value); len(value) > 0 {
			values = append(values, string(value))
		}
	}
	slices.Sort(values)
	values = slices.Compact(values)
	if r.lists.values == nil {
		r.lists.values = map[string][]string{}
	}
	r.lists.values[name] = values
	return values, nil
}

// Lists returns the names of the files of values and hours that rules name. Rules that were not compiled name none.
func Lists(of []Rule) (names []string) {
	for i := range of {
		names = append(names, of[i].lists.named()...)
		if of[i].work != nil {
			names = append(names, HoursFile)
		}
		for _, s := range of[i].Suppress {
			if s.owner != nil {
				names = append(names, s.owner.lists.named()...)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// named returns the names of the files, of those that could not be read, too.
func (l *lists) named() (names []string) {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range l.values {
		names = append(names, name)
	}
	return append(names, l.missing...)
}

// differs returns the names of the lists that have other values than others of the same name.
func (l *lists) differs(from *lists) (names []string) {
	if l == nil || from == nil || l == from {
		return nil
	}
	own, other := l.copy(), from.copy()
	for name, values := range own {
		if was, known := other[name]; known && !slices.Equal(values, was) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (l *lists) copy() map[string][]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.values)
}

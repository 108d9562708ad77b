package parsers

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/pipeline/event"
)

// An entry is what is known of a format before it is compiled.
type entry struct {
	id     int // numbers it among all of the set, from 1
	name   string
	rank   int
	names  []string               // words in a path that speak for it
	within []string               // the formats whose messages it reads; empty: it reads lines
	on     []event.Field          // with within: the fields that it reads
	when   []condition            // with within: of the events whose fields it reads
	size   int                    // of its expressions in bytes; 0 where they cannot be tried together with those of others
	room   room                   // what the format needs once it is complete
	signs  []grok.Sign            // of the lines it takes at least one has one of them; nil: any may be one
	format atomic.Pointer[format] // nil until it is compiled

	complete atomic.Bool // the format knows those that read fields of its events
}

// newEntry returns the entry of a format file.
func newEntry(name string, ff *formatFile) *entry {
	e := &entry{name: name, rank: ff.Rank, names: ff.Names, within: ff.Within}
	if e.rank == 0 {
		e.rank = 100
	}
	return e
}

// add puts an entry into the set.
func (s *Set) add(e *entry) {
	s.byName[e.name] = e
	e.id = len(s.byName)
	if len(e.within) > 0 {
		s.inner = append(s.inner, e)
	} else {
		s.lines = append(s.lines, e)
	}
}

// sort brings the entries into the order in which they are tried.
func (s *Set) sort() {
	slices.SortFunc(s.lines, (*entry).compare)
	slices.SortFunc(s.inner, (*entry).compare)
}

// compare orders entries by rank and name.
func (e *entry) compare(o *entry) int {
	return cmp.Or(cmp.Compare(e.rank, o.rank), strings.Compare(e.name, o.name))
}

// namedBy reports whether one of the format's words stands in a path.
func (e *entry) namedBy(path string) bool {
	path = strings.ToLower(path)
	return slices.ContainsFunc(e.names, func(n string) bool { return strings.Contains(path, n) })
}

// reads reports whether the format reads messages of o.
func (e *entry) reads(o *entry) bool {
	return slices.ContainsFunc(e.within, func(pattern string) bool { return e.means(pattern, o) })
}

// means reports whether pattern, one of those that the format is within, is of o.
func (e *entry) means(pattern string, o *entry) bool {
	ok, err := path.Match(pattern, o.name)
	return ok && err == nil && o != e
}

// mayTake reports whether the format may take one of the lines.
func (e *entry) mayTake(lines ...[]byte) bool {
	return e.signs == nil || slices.ContainsFunc(e.signs, func(s grok.Sign) bool { return slices.ContainsFunc(lines, s.Fits) })
}

// get returns the format of an entry, compiled: it can match lines. Where the set has only listed it, that is done now.
func (s *Set) get(e *entry) *format {
	if f := e.format.Load(); f != nil {
		return f
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.compiled(e)
}

// whole returns f with what reads the fields of its events: it can make events of lines. These formats themselves are compiled when
// one of them is asked for a text.
func (s *Set) whole(f *format) *format {
	if !f.complete.Load() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.completed(f)
	}
	return f
}

// compiled compiles the format of an entry, unless it is. Its file is one that tests have compiled.
func (s *Set) compiled(e *entry) *format {
	if f := e.format.Load(); f != nil {
		return f
	}
	file := "formats/" + e.name + ".toml"
	var ff formatFile
	if err := configs.Decode(s.files, file, &ff); err != nil {
		panic(err)
	}
	f, err := s.compile(e, &ff)
	if err != nil {
		panic(fmt.Errorf("%s: %w", file, err))
	}
	e.format.Store(f)
	return f
}

// completed completes f, unless it is.
func (s *Set) completed(f *format) *format {
	if f.complete.Load() {
		return f
	}
	for _, in := range s.inner {
		if in.reads(f.entry) {
			f.read(in)
		}
	}
	s.index(f)
	if of := f.file.Record; of != nil {
		s.completed(s.compiled(s.byName[of.Of]))
	}
	if err := errors.Join(s.compileNested(f), s.compileStreams(f)); err != nil {
		panic(fmt.Errorf("formats/%s.toml: %w", f.name, err))
	}
	f.done(true)
	return f
}

// done says that f is complete. Of a listed one it is known what room it needs.
func (f *format) done(listed bool) {
	if !listed {
		f.entry.room = f.need()
	}
	f.room, f.file = f.entry.room, nil
	f.complete.Store(true)
}

// wholeLines gives l its formats: until a program writes such lines, nothing is known but their names.
func (s *Set) wholeLines(l *streamLines) {
	if l.complete.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l.complete.Load() {
		return
	}
	for _, name := range l.file.Formats {
		s.completed(s.compiled(s.byName[name]))
	}
	if err := s.compileStreamFormats(l); err != nil {
		panic(err)
	}
}

// done says that l is complete.
func (l *streamLines) done() {
	for i := range l.of {
		l.room = l.room.or(l.of[i].of.need())
	}
	l.complete.Store(true)
}

// room is how much memory for captures a line takes.
type room struct{ slots, temps int }

func (r room) or(o room) room { return room{max(r.slots, o.slots), max(r.temps, o.temps)} }

// need returns the room for lines of f, and for what the formats within it read.
func (f *format) need() room {
	r := room{f.slots, len(f.temps)}
	if f.nested != nil {
		r = r.or(f.nested.of.need())
	}
	for i := range f.inner {
		for _, in := range f.inner[i].formats {
			if of := in.format.Load(); of != nil {
				r = r.or(of.need())
			} else {
				r = r.or(in.room)
			}
		}
	}
	return r
}

package parsers

import (
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// attach gives each format the ones that read fields of its events, and the format of the records that it captures. All
// are compiled.
func (s *Set) attach() error {
	var errs []error
	fail := func(f *format, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("formats/%s.toml: %w", f.name, err))
		}
	}
	var all []*format
	for _, e := range slices.Concat(s.lines, s.inner) {
		f := e.format.Load()
		e.size = f.length()
		all = append(all, f)
	}
	for _, in := range all {
		fail(in, s.attachOne(in, all))
	}
	for _, f := range all {
		s.index(f)
	}
	for _, f := range all {
		fail(f, errors.Join(s.compileNested(f), s.compileStreams(f)))
	}
	for _, f := range all {
		fail(f, s.attachLines(f))
	}
	for _, in := range s.inner {
		if around := circle(in.format.Load(), nil); around != nil {
			return fmt.Errorf("formats/%s.toml: within: the formats %s read each other", in.name, strings.Join(around, ", "))
		}
	}
	for _, f := range all {
		f.done(false)
	}
	return errors.Join(errs...)
}

func (s *Set) attachOne(in *format, all []*format) error {
	var err error
	if in.when, err = s.conditions(in.file.When); err != nil {
		return fmt.Errorf("when: %w", err)
	}
	for _, pattern := range in.within {
		if !slices.ContainsFunc(all, func(f *format) bool { return in.means(pattern, f.entry) }) {
			return fmt.Errorf("within: %w", unknown("format", pattern, s.names()))
		}
	}
	for _, f := range all {
		if in.reads(f.entry) {
			f.read(in.entry)
		}
	}
	return nil
}

// names returns the names of all formats, sorted.
func (s *Set) names() []string {
	var names []string
	for n := range s.byName {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
}

// read lets in read its fields of f's events; formats come by rank.
func (f *format) read(in *entry) {
	for _, field := range in.on {
		i := slices.IndexFunc(f.inner, func(r reading) bool { return r.field == field })
		switch {
		case i < 0:
			f.inner = append(f.inner, reading{field: field, formats: []*entry{in}})
		case !slices.Contains(f.inner[i].formats, in):
			f.inner[i].formats = append(f.inner[i].formats, in)
		}
	}
}

// circle returns the names of formats that lead from f back to one of themselves, nil if there are none.
func circle(f *format, path []string) []string {
	if slices.Contains(path, f.name) {
		return path[slices.Index(path, f.name):]
	}
	if f.nested != nil {
		if found := circle(f.nested.of, append(slices.Clip(path), f.name)); found != nil {
			return found
		}
	}
	for _, r := range f.inner {
		for _, in := range r.formats {
			if found := circle(in.format.Load(), append(slices.Clip(path), f.name)); found != nil {
				return found
			}
		}
	}
	return nil
}

// readFields lets the formats within f add what they know of the row's fields: of each field the first that takes its
// text, and those within that one.
func (d *Decoder) readFields(w *rowWriter, f *format) {
	for i := range f.inner {
		r := &f.inner[i]
		at, ok := w.readable(r)
		if !ok || w.streamed && r.field == event.FieldMessage {
			continue
		}
		for _, t := range r.candidates(w) {
			if !w.has(t.when) {
				continue
			}
			if q := d.asked(t, r.field, at); q != nil {
				if q.taken {
					break
				}
				continue
			}
			text := w.page.Bytes(at)
			in, p := d.take(t, text)
			d.questions = append(d.questions, question{t, r.field, at, p != nil})
			if p == nil {
				continue
			}
			clear(d.inner.temps)
			outer := w.null
			w.null = in.null
			w.assign(p, text, at, d.inner.slots, d.inner.temps)
			if in.members != nil {
				d.writeMembers(w, at, d.inner.temps)
			}
			w.constants(p)
			d.derive(w, in, d.inner.temps)
			w.null = outer
			if in.nested != nil {
				d.carryWithin(in.nested)
				d.writeNested(w, in.nested)
			}
			d.unwrap(w, in)
			d.readFields(w, in)
			break
		}
	}
}

// readable returns the text of the field that r reads; a number's digits are put into the arena.
func (w *rowWriter) readable(r *reading) (event.Str, bool) {
	if !r.number {
		return w.text(r.field)
	}
	text := w.fieldText(r.field)
	if text == nil {
		return event.Str{}, false
	}
	return w.page.Arena.Put(text), true
}

// unwrap takes a wrapper off the row's message.
func (d *Decoder) unwrap(w *rowWriter, f *format) {
	if f.unwrap.match == nil {
		return
	}
	at, ok := w.text(event.FieldMessage)
	if !ok {
		return
	}
	text := w.page.Bytes(at)
	if p := f.unwrap.first(text, d.inner.slots); p != nil {
		clear(d.inner.temps)
		w.assign(p, text, at, d.inner.slots, d.inner.temps)
		w.constants(p)
	}
}

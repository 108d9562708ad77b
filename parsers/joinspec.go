package parsers

import (
	"errors"
	"fmt"
	"time"

	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/pipeline/event"
)

// A role is what a line that a pattern takes is in its record.
type role uint8

const (
	roleBySection role = iota // a part where the line's section is in the table, else it begins a record
	roleBegin                 // it begins a record and ends the open one of its key
	rolePart                  // it joins the open record of its key; without one it is an event of its own
	roleSame                  // it joins the open record of its key, or begins one
	roleEnd                   // like rolePart, and the record ends with it
	roleAlone                 // it is an event of its own
)

var roles = map[string]role{"": roleBySection, "begin": roleBegin, "part": rolePart, "same": roleSame, "end": roleEnd, "alone": roleAlone}

func roleOf(name string) (role, error) {
	r, ok := roles[name]
	if !ok {
		return 0, unknown("role", name, []string{"begin", "part", "same", "end", "alone"})
	}
	return r, nil
}

// A joinSpec says which lines of a format belong together.
type joinSpec struct {
	by, section int // temporaries; -1: none
	sections    map[string]event.Field
	continued   *grok.Set   // lines that begin so belong to the line before; nil: none
	rest        bool        // so do lines that no pattern takes
	assembly    *assembly   // nil: patterns see lines, not records
	parts       bool        // a line may join a record that is not of the line before; else only those that continue one do
	text        event.Field // takes the lines that belong to the one before; -1: the message goes on
	wait        time.Duration
	pause       time.Duration
	maxLines    int
	maxBytes    int
}

// continues reports whether a line may belong to the one before it.
func (j *joinSpec) continues() bool { return j.continued != nil || j.rest }

func (s *Set) compileJoin(f *format, ff *formatFile) error {
	jf := ff.Join
	if jf == nil {
		return nil
	}
	if len(f.within) > 0 {
		return errors.New("join: a format within others reads whole messages; the format around it joins the lines")
	}
	j := &joinSpec{by: -1, section: -1, sections: map[string]event.Field{}, rest: jf.Rest, text: -1,
		wait: 2 * time.Second, maxLines: 1000, maxBytes: 1 << 20}
	if err := j.bounds(jf); err != nil {
		return err
	}
	for what, dst := range map[string]*int{jf.By: &j.by, jf.Section: &j.section} {
		if what == "" {
			continue
		}
		temp, ok := f.temps[what]
		if !ok {
			return fmt.Errorf("join: %w", f.notCaptured(what))
		}
		*dst = temp
	}
	for part, name := range jf.Sections {
		field, err := s.Schema.Add(name, event.Keyword)
		if err != nil {
			return fmt.Errorf("join: %w", err)
		}
		j.sections[part] = field
	}
	lib := s.exprs.With(ff.Patterns)
	var err error
	if j.assembly, err = s.compileAssembly(f, ff, lib); err != nil {
		return fmt.Errorf("join: %w", err)
	}
	if j.continued, err = compileSet(lib, jf.Continue, grok.Prefix); err != nil {
		return fmt.Errorf("join: continue: %w", err)
	}
	f.needs(j.continued)
	if jf.Text != "" {
		if j.text, err = s.textField(jf.Text); err != nil {
			return fmt.Errorf("join: text: %w", err)
		}
	}
	for _, p := range f.patterns.list {
		j.parts = j.parts || p.role != roleBySection && p.role != roleBegin && p.role != roleAlone || p.lines > 1
	}
	if jf.Text != "" && !j.parts && !j.continues() {
		return errors.New("join: text: no line belongs to another; it goes with continue or rest, or with patterns that are parts")
	}
	j.parts = j.parts || j.by >= 0 || j.section >= 0
	f.join = j
	return nil
}

// bounds sets what ends or cuts a record.
func (j *joinSpec) bounds(jf *joinFile) error {
	if jf.Wait != "" {
		d, err := time.ParseDuration(jf.Wait)
		if err != nil {
			return fmt.Errorf("join: wait: %w", err)
		}
		j.wait = d
	}
	j.pause = j.wait
	if jf.Pause != "" {
		d, err := time.ParseDuration(jf.Pause)
		if err != nil {
			return fmt.Errorf("join: pause: %w", err)
		}
		j.pause = d
	}
	if jf.MaxLines < 0 || jf.MaxBytes < 0 {
		return errors.New("join: max_lines and max_bytes cannot be negative")
	}
	if jf.MaxLines > 0 {
		j.maxLines = jf.MaxLines
	}
	if jf.MaxBytes > 0 {
		j.maxBytes = jf.MaxBytes
	}
	return nil
}

// textField returns the field called name, which has to hold text.
func (s *Set) textField(name string) (event.Field, error) {
	field, known := s.Schema.Lookup(name)
	if !known {
		return s.Schema.Add(name, event.Keyword)
	}
	if k := s.Schema.Def(field).Kind; k != event.Keyword && k != event.Text {
		return 0, fmt.Errorf("%q is of kind %s and cannot hold lines", name, k)
	}
	return field, nil
}

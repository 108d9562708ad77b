package parsers

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"

	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/pipeline/event"
)

// streams say that the messages of a format are lines which programs wrote for logs of their own: journald makes an entry of
// each line of a program's standard error. The lines of a program are joined and read as a log of theirs would be. A stream has
// one open record; a line of it that no format takes ends it.
type streams struct {
	message lineField
	blanks  bool        // blanks before the message, but the first, are of the line
	by      []lineField // lines that agree in these are of one stream
	lines   []*streamLines
	asked   []lineField // the fields of all conditions
}

// streamLines are the formats that the lines of some streams may be of.
type streamLines struct {
	file      *streamLinesFile
	when      []lineCondition
	of        []streamFormat // once complete is set
	continued *grok.Set      // lines that begin so belong to the line before, as those of which its format says so; nil: none
	escaped   escapes
	room      room // of their lines
	complete  atomic.Bool
}

// A streamFormat is a format of lines as a stream has them.
type streamFormat struct {
	nestedSpec
	rest int // of the lines behind a record's first so many go on with it whatever they are
}

// A lineField is a field that a line of a format may have, before there is an event of it.
type lineField struct {
	field  event.Field
	target int // in the map of the format's members; -1: none
}

type lineCondition struct {
	lineField
	condition
}

// compileStreams compiles the table [stream], once all formats are there.
func (s *Set) compileStreams(f *format) error {
	sf := f.file.Stream
	if sf == nil {
		return nil
	}
	if f.join == nil || f.join.assembly != nil {
		return errors.New("stream: it needs a table [join], which bounds its records, and which does not put lines together itself")
	}
	if len(sf.By) == 0 || len(sf.Lines) == 0 {
		return errors.New("stream: it needs by, the fields that tell streams apart, and lines")
	}
	if sf.Blanks && f.members != nil {
		return errors.New("stream: blanks: members have none before them")
	}
	st := &streams{message: f.lineField(event.FieldMessage), blanks: sf.Blanks}
	for _, name := range sf.By {
		field, ok := s.Schema.Lookup(name)
		if !ok {
			return fmt.Errorf("stream: by: %w", s.unknownField(name))
		}
		st.by = append(st.by, f.lineField(field))
	}
	for i := range sf.Lines {
		l, err := s.compileStreamLines(f, &sf.Lines[i])
		if err != nil {
			return fmt.Errorf("stream: lines %d: %w", i+1, err)
		}
		st.lines = append(st.lines, l)
		for _, c := range l.when {
			if !slices.Contains(st.asked, c.lineField) {
				st.asked = append(st.asked, c.lineField)
			}
		}
	}
	f.streams = st
	return nil
}

func (s *Set) compileStreamLines(f *format, lf *streamLinesFile) (*streamLines, error) {
	l := &streamLines{file: lf}
	when, err := s.conditions(lf.When)
	if err != nil {
		return nil, fmt.Errorf("when: %w", err)
	}
	for _, c := range when {
		l.when = append(l.when, lineCondition{f.lineField(c.field), c})
	}
	if l.escaped, err = escapesOf(lf.Escaped); err != nil {
		return nil, err
	}
	if l.continued, err = compileSet(s.exprs, lf.Continue, grok.Prefix); err != nil {
		return nil, fmt.Errorf("continue: %w", err)
	}
	if l.continued != nil {
		l.room.slots = l.continued.Slots()
	}
	if len(lf.Formats) == 0 {
		return nil, errors.New("it names no formats")
	}
	for name := range lf.Rest {
		if !slices.Contains(lf.Formats, name) {
			return nil, fmt.Errorf("rest: %w", unknown("format", name, lf.Formats))
		}
	}
	return l, nil
}

// attachLines gives the streams of f their formats.
func (s *Set) attachLines(f *format) error {
	if f.streams == nil {
		return nil
	}
	for i, l := range f.streams.lines {
		if err := s.compileStreamFormats(l); err != nil {
			return fmt.Errorf("stream: lines %d: %w", i+1, err)
		}
	}
	return nil
}

// compileStreamFormats gives l its formats, which are complete.
func (s *Set) compileStreamFormats(l *streamLines) error {
	lf := l.file
	for _, name := range lf.Formats {
		n, err := s.nestedOf(name)
		if err != nil {
			return fmt.Errorf("formats: %w", err)
		}
		switch a := n.of.join.assembly; {
		case a != nil && (a.begin == nil || a.head != nil || a.end != nil || a.key.match != nil || len(a.quote) > 0):
			return fmt.Errorf("formats: %s puts its lines together by more than how records begin", name)
		case n.of.streams != nil:
			return fmt.Errorf("formats: %s has streams itself", name)
		}
		sf := streamFormat{nestedSpec: n}
		if n.of.join.rest || n.of.join.assembly != nil {
			sf.rest = math.MaxInt
		}
		if rest, ok := lf.Rest[name]; ok {
			sf.rest = rest
		}
		l.of = append(l.of, sf)
	}
	l.done()
	return nil
}

// lineField returns where lines of f have a field.
func (f *format) lineField(field event.Field) lineField {
	lf := lineField{field, -1}
	if f.members != nil {
		for _, m := range f.members.mapped {
			if m.assign.temp < 0 && m.assign.field == field {
				lf.target = m.target
			}
		}
	}
	return lf
}

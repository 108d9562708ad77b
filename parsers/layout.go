package parsers

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/parsers/stamp"
	"github.com/saypro/veritail/pipeline/event"
)

// quoteMeta returns an expression of text.
func quoteMeta(text string) string { return regexp.QuoteMeta(text) }

// A layoutSpec is how the lines of a format look where a setting of their writer says so: a text with variables, such as nginx's
// log_format. A setting makes another format, which takes lines of that layout before those of its own patterns. It is safe for
// concurrent use.
type layoutSpec struct {
	directive *regexp.Regexp // the setting as it stands in a configuration file
	sign      string         // what a variable begins with
	variable  *regexp.Regexp // its name is what its groups hold
	literals  map[string]string
	values    map[string]string // name → expression of what it writes; a name may end in *
	names     []string          // of the values, without those that end in *
	families  []string          // those that end in *, without it, the longest first
	parts     map[string][2]string
	strftime  *regexp.Regexp // names whose group is a text for strftime; nil: there are none
	escapes   map[string]escapeFile
	escape    string // where the setting names none

	build func(layout) (*format, error)
	mu    sync.Mutex
	made  map[string]madeLayout // by setting
}

type madeLayout struct {
	format *format
	err    error
}

// anyText is what expressions of values call a text that somebody chose, as it is escaped.
const anyText = "TEXT"

// maxLayouts bounds the settings whose formats are kept.
const maxLayouts = 64

// compileLayout compiles the table [layout].
func (s *Set) compileLayout(f *format, ff *formatFile) error {
	if ff.Layout == nil {
		return nil
	}
	l, err := s.layoutSpec(f, ff)
	if err != nil {
		return fmt.Errorf("layout: %w", err)
	}
	f.layout = l
	return nil
}

func (s *Set) layoutSpec(f *format, ff *formatFile) (*layoutSpec, error) {
	lf := ff.Layout
	if ff.Join != nil || ff.Members != nil || ff.Prefix != nil {
		return nil, errors.New("it goes with patterns of single lines, not with join, members or prefix")
	}
	l := &layoutSpec{sign: lf.Sign, literals: lf.Literals, values: lf.Values, parts: map[string][2]string{}, escapes: lf.Escapes, escape: lf.Escape, made: map[string]madeLayout{}}
	for _, re := range []struct {
		key, text, as string
		to            **regexp.Regexp
	}{{"directive", lf.Directive, `(?s)\A(?:%s)\z`, &l.directive}, {"variable", lf.Variable, `\A(?:%s)`, &l.variable}, {"strftime", lf.Strftime, `\A(?:%s)\z`, &l.strftime}} {
		if re.text == "" && re.key == "strftime" {
			continue
		}
		var err error
		if *re.to, err = regexp.Compile(fmt.Sprintf(re.as, re.text)); err != nil {
			return nil, fmt.Errorf("%s: %w", re.key, err)
		}
	}
	if l.sign == "" || lf.Variable == "" || lf.Directive == "" || len(l.values) == 0 {
		return nil, errors.New("it needs directive, sign, variable and values")
	}
	if _, ok := l.escapes[l.escape]; !ok {
		return nil, fmt.Errorf("escape: %w", unknown("escape", l.escape, slices.Sorted(maps.Keys(l.escapes))))
	}
	for name, e := range l.escapes {
		if _, err := decoding(e.Decode); err != nil {
			return nil, fmt.Errorf("escapes: %s: decode: %w", name, err)
		}
	}
	for name, p := range lf.Parts {
		if len(p) != 2 {
			return nil, fmt.Errorf("parts: %s: it needs an expression and a layout of the time", name)
		}
		l.parts[name] = [2]string{p[0], p[1]}
	}
	l.names = slices.Sorted(maps.Keys(l.parts))
	for _, name := range slices.Sorted(maps.Keys(l.values)) {
		if family, ok := strings.CutSuffix(name, "*"); ok {
			l.families = append(l.families, family)
		} else {
			l.names = append(l.names, name)
		}
	}
	slices.SortStableFunc(l.families, func(a, b string) int { return len(b) - len(a) })
	lib := s.exprs.With(ff.Patterns)
	f.temp(timeOfLayout)
	if !s.listed {
		if err := s.compileValues(f, l, lib); err != nil {
			return nil, err
		}
	}
	l.build = func(set layout) (*format, error) { return s.laidOut(f, ff, lib, set) }
	return l, nil
}

// compileValues compiles every value once: what any setting captures is known from then on.
func (s *Set) compileValues(f *format, l *layoutSpec, lib *grok.Library) error {
	for name, e := range l.escapes {
		lib := lib.With(map[string]string{anyText: e.Text})
		for _, value := range slices.Sorted(maps.Keys(l.values)) {
			if _, err := s.alternatives(f, lib, []string{"(?:" + l.values[value] + ")"}, grok.Whole); err != nil {
				return fmt.Errorf("values: %s, escape %s: %w", value, name, err)
			}
		}
	}
	return nil
}

// timeOfLayout is the temporary that takes a time of several parts. It is what [time] reads.
const timeOfLayout = "_time"

// laidOut returns f with the lines that a setting writes.
func (s *Set) laidOut(f *format, ff *formatFile, lib *grok.Library, set layout) (*format, error) {
	out := *f
	out.temps, out.layout = maps.Clone(f.temps), nil
	exprs := []string{set.expr}
	for _, pf := range ff.Pattern {
		exprs = append(exprs, pf.Grok)
	}
	var err error
	if out.patterns, err = s.alternatives(&out, lib.With(map[string]string{anyText: f.layout.escapes[set.escape].Text}), exprs, grok.Whole); err != nil {
		return nil, err
	}
	for i, own := range f.patterns.list {
		p := out.patterns.list[i+1]
		p.set, p.role, p.lines = own.set, own.role, own.lines
	}
	first := out.patterns.list[0]
	first.set, first.fill = f.common, true
	decode, err := decoding(f.layout.escapes[set.escape].Decode)
	if err != nil {
		return nil, err
	}
	for i := range first.assigns {
		first.assigns[i].decode = decode
	}
	if set.time != "" {
		out.time = &timeSpec{temps: []int{out.temps[timeOfLayout]}, layouts: stamp.Compile(append([]string{set.time}, ff.Time.Layouts...), ff.Time.UTC)}
	}
	out.room = out.need()
	return &out, nil
}

// of returns the format that a setting makes of the layout's own.
func (l *layoutSpec) of(setting string) (*format, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, ok := l.made[setting]
	if ok {
		return m.format, m.err
	}
	if len(l.made) >= maxLayouts {
		clear(l.made)
	}
	set, err := l.read(setting)
	if err == nil {
		m.format, err = l.build(set)
	}
	m.err = err
	l.made[setting] = m
	return m.format, err
}

// CheckLayout returns an error if setting is none that the format called name knows how to read; if name is empty or auto, none
// of the formats that have such a setting.
func (s *Set) CheckLayout(name, setting string) error {
	if setting == "" {
		return nil
	}
	formats, errs := s.layouts(name, setting)
	if len(formats) > 0 {
		return nil
	}
	if len(errs) == 0 {
		return fmt.Errorf("the lines of %s do not depend on a setting", name)
	}
	return errs[0]
}

// layouts returns the formats that a setting makes of the one called name, or of any if name is empty or auto, and why it makes
// none of the others. The one whose variables the setting has comes first.
func (s *Set) layouts(name, setting string) (formats []*format, errs []error) {
	for _, e := range s.lines {
		if name != "" && name != configs.Auto && name != e.name {
			continue
		}
		f := s.get(e)
		if f.layout == nil {
			continue
		}
		made, err := s.whole(f).layout.of(setting)
		if err == nil {
			formats = append(formats, made)
			continue
		}
		err = fmt.Errorf("%s: %w", f.name, err)
		if strings.Contains(setting, f.layout.sign) {
			errs = slices.Insert(errs, 0, err)
		} else {
			errs = append(errs, err)
		}
	}
	return formats, errs
}

// asLaidOut returns what the decoder's setting has made of f, f itself if nothing.
func (d *Decoder) asLaidOut(f *format) *format {
	for _, made := range d.laidOut {
		if made.id == f.id {
			return made
		}
	}
	return f
}

// detect returns the format that a sample of the file is of, and how sure that is; nil if none takes enough of its lines. What a
// setting has made of a format goes before others that take as many.
func (d *Decoder) detect(text []byte) (*format, event.Sample) {
	f, sure := d.set.detect(d.gen.Path, text)
	if len(d.laidOut) == 0 {
		return f, sure
	}
	if f != nil {
		f = d.asLaidOut(f)
	}
	lines := sampleOf(text)
	_, made := d.set.among(d.gen.Path, lines, d.laidOut)
	if made == nil || made.taken < sure.Taken || made.taken*least < len(lines) {
		return f, sure
	}
	second, taken := sure.Second, sure.SecondTaken
	if f != nil && f.id != made.id {
		second, taken = f.name, sure.Taken
	}
	return made.format, event.Sample{Lines: len(lines), Taken: made.taken, Second: second, SecondTaken: taken}
}

package parsers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/parsers/members"
	"github.com/saypro/veritail/pipeline/event"
)

// units are the capture types of durations: nanoseconds of one unit.
var units = map[string]float64{"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9}

func (s *Set) compile(e *entry, ff *formatFile) (*format, error) {
	f := &format{entry: e, title: ff.Title, dataset: ff.Dataset, null: newNulls(ff.Null), stated: map[string]bool{}, temps: map[string]int{}}
	for _, field := range ff.Stated {
		f.stated[field] = true
	}
	for field, kind := range ff.Fields {
		k, ok := event.KindOf(kind)
		if !ok {
			return nil, fmt.Errorf("fields: %s: %w", field, unknown("kind", kind, event.Kinds()))
		}
		if _, err := s.Schema.Add(field, k); err != nil {
			return nil, fmt.Errorf("fields: %w", err)
		}
	}
	steps := []func(*formatFile) error{
		func(ff *formatFile) error { return s.compilePatterns(f, ff) },
		func(ff *formatFile) error { return s.compileMembers(f, ff) },
		func(ff *formatFile) error { return s.compileLayout(f, ff) },
		func(ff *formatFile) error { return s.compileCompose(f, ff) },
		func(ff *formatFile) error { return s.compileLookups(f, ff) },
		func(ff *formatFile) error { return s.compileRefine(f, ff) },
		func(ff *formatFile) error { return f.compileTime(ff.Time) },
		func(ff *formatFile) error { return s.compileJoin(f, ff) },
		func(ff *formatFile) error { return s.compileCarry(f, ff) },
	}
	for _, step := range steps {
		if err := step(ff); err != nil {
			return nil, err
		}
	}
	if err := s.checkStated(ff); err != nil {
		return nil, fmt.Errorf("stated: %w", err)
	}
	if err := s.compileOn(f, ff); err != nil {
		return nil, err
	}
	if f.join != nil && f.join.assembly != nil || f.members != nil && f.members.header != nil {
		alone := *f
		alone.room = f.need()
		f.alone = &alone
	}
	f.file = ff
	return f, nil
}

func (s *Set) compilePatterns(f *format, ff *formatFile) error {
	lib := s.exprs.With(ff.Patterns)
	common, err := s.constants(ff.Set)
	if err != nil {
		return fmt.Errorf("set: %w", err)
	}
	if f.prefix, lib, err = s.compilePrefix(f, ff, lib); err != nil {
		return fmt.Errorf("prefix: %w", err)
	}
	exprs := make([]string, len(ff.Pattern))
	for i, pf := range ff.Pattern {
		exprs[i] = pf.Grok
	}
	if f.patterns, err = s.alternatives(f, lib, exprs, grok.Whole); err != nil {
		return err
	}
	common = f.keepDefaults(ff, common)
	f.common = common
	for i, pf := range ff.Pattern {
		p := f.patterns.list[i]
		own, err := s.constants(pf.Set)
		if err != nil {
			return fmt.Errorf("pattern %d: set: %w", i+1, err)
		}
		p.set = append(append(p.set, common...), own...)
		if err := s.compileDecode(p, pf.Decode); err != nil {
			return fmt.Errorf("pattern %d: decode: %w", i+1, err)
		}
		if p.role, err = roleOf(pf.Join); err != nil {
			return fmt.Errorf("pattern %d: join: %w", i+1, err)
		}
		if p.lines = pf.Lines; p.lines < 0 || p.lines > 0 && (ff.Join == nil || p.role != roleBegin && p.role != roleBySection) {
			return fmt.Errorf("pattern %d: lines: only a pattern that begins a record says how many it has", i+1)
		}
		if p.role != roleBySection && ff.Join == nil {
			return fmt.Errorf("pattern %d: join: the format has no table [join]", i+1)
		}
	}
	if err := f.compileRepeats(ff); err != nil {
		return err
	}
	if f.unwrap, err = s.alternatives(f, lib, ff.Unwrap, grok.Whole); err != nil {
		return fmt.Errorf("unwrap: %w", err)
	}
	if f.ignore, err = compileSet(lib, ff.Ignore, grok.Whole); err != nil {
		return fmt.Errorf("ignore: %w", err)
	}
	f.needs(f.ignore)
	if len(f.patterns.list) == 0 {
		if ff.Members == nil {
			return errors.New("a format needs at least one [[pattern]], or [members]")
		}
		if ff.Members.Kind == "kv" && len(ff.Members.Require) == 0 && len(f.within) == 0 {
			return errors.New("members: require: any line with an equals sign may hold key=value pairs; name fields that one of this format has")
		}
		f.bare = &pattern{set: common, whole: true}
	}
	return nil
}

// decodings say how escaped values are decoded, by the name that formats have for it.
var decodings = map[string]func(dst, text []byte) ([]byte, bool){"json": members.Unescape, "backslash": members.Backslashes}

func decoding(name string) (func(dst, text []byte) ([]byte, bool), error) {
	d := decodings[name]
	if d == nil && name != "" {
		return nil, unknown("decoding", name, slices.Sorted(maps.Keys(decodings)))
	}
	return d, nil
}

// compileDecode sets how captures of p are decoded, by their fields.
func (s *Set) compileDecode(p *pattern, how map[string]string) error {
	for name, kind := range how {
		decode, err := decoding(kind)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		field, known := s.Schema.Lookup(name)
		i := slices.IndexFunc(p.assigns, func(a assign) bool { return a.temp < 0 && a.field == field })
		if !known || i < 0 {
			return fmt.Errorf("%s: the pattern captures no such field", name)
		}
		p.assigns[i].decode, p.assigns[i].way = decode, asAny
	}
	return nil
}

// keepDefaults takes those of the constants out that can be set for a page at once, since no capture and no member of a line
// gives the field another value that the constant would have to replace.
func (f *format) keepDefaults(ff *formatFile, constants []constant) (rest []constant) {
	captured := map[event.Field]bool{}
	for _, p := range f.patterns.list {
		for i := range p.assigns {
			captured[p.assigns[i].field] = true
		}
	}
	for _, c := range constants {
		if text := c.kind == event.Keyword || c.kind == event.Text; text && !captured[c.field] && ff.Members == nil && len(ff.Within) == 0 {
			f.defaults = append(f.defaults, c)
		} else {
			rest = append(rest, c)
		}
	}
	return rest
}

// alternatives compiles expressions of which the first that takes the text counts.
func (s *Set) alternatives(f *format, lib *grok.Library, exprs []string, mode grok.Mode) (patterns, error) {
	set, err := compileSet(lib, exprs, mode)
	if set == nil || err != nil {
		return patterns{}, err
	}
	f.needs(set)
	ps := patterns{match: set}
	for n := range exprs {
		p := &pattern{n: n, slots: 2 * len(set.Captures(n))}
		for i, c := range set.Captures(n) {
			a, err := s.assign(f, i, c)
			if err != nil {
				return patterns{}, fmt.Errorf("pattern %d: %w", n+1, err)
			}
			p.assigns = append(p.assigns, a)
		}
		ps.list = append(ps.list, p)
	}
	return ps, nil
}

// compileSet compiles a set, nil without expressions.
func compileSet(lib *grok.Library, exprs []string, mode grok.Mode) (*grok.Set, error) {
	if len(exprs) == 0 {
		return nil, nil
	}
	return lib.CompileSet(exprs, mode)
}

// needs makes room for the slots of a set.
func (f *format) needs(set *grok.Set) {
	if set != nil {
		f.slots = max(f.slots, set.Slots())
	}
}

// assign decides where capture i goes: a name that begins with _ is a temporary, all others are fields, [a][b] the field
// a.b.
func (s *Set) assign(f *format, i int, c grok.Capture) (assign, error) {
	a := assign{slot: i, temp: -1, ip: -1, unit: 1}
	name := c.Field()
	if strings.HasPrefix(name, "_") {
		a.temp, a.way = f.temp(name), asTemporary
		return a, nil
	}
	kind := event.Keyword
	if unit, ok := units[c.Type]; ok {
		kind, a.unit = event.Duration, unit
	} else if k, ok := sizes[c.Type]; ok {
		kind, a.kilo = event.Int, k
	} else if c.Type != "" {
		k, ok := event.KindOf(c.Type)
		if !ok {
			return a, fmt.Errorf("capture %s: %w", name, unknown("type", c.Type, append(event.Kinds(), slices.Sorted(maps.Keys(units))...)))
		}
		kind = k
	}
	field, known := s.Schema.Lookup(name)
	if !known {
		var err error
		if field, err = s.Schema.Add(name, kind); err != nil {
			return a, err
		}
	}
	a.field, a.kind, a.keeps = field, s.Schema.Def(field).Kind, f.stated[name]
	if base, ok := strings.CutSuffix(name, ".address"); ok {
		ip, err := s.Schema.Add(base+".ip", event.Address)
		if err != nil {
			return a, err
		}
		a.ip = ip
	}
	switch {
	case a.ip >= 0:
		a.way = asAddress
	case a.kind == event.Keyword || a.kind == event.Text:
		a.way = asText
	case a.kind == event.Int && a.kilo == 0:
		a.way = asInt
	}
	return a, nil
}

// compileOn sets which fields a format within others reads.
func (s *Set) compileOn(f *format, ff *formatFile) error {
	switch {
	case s.listed:
		return nil
	case len(ff.On) > 0 && len(f.within) == 0:
		return errors.New("on: only a format within others reads a field")
	case len(ff.When) > 0 && len(f.within) == 0:
		return errors.New("when: only a format within others is for some events")
	case len(ff.On) == 0:
		f.on = []event.Field{event.FieldMessage}
	}
	for _, name := range ff.On {
		if field, known := s.Schema.Lookup(name); known && s.Schema.Def(field).Kind == event.Int {
			f.on = append(f.on, field)
			continue
		}
		field, err := s.textField(name)
		if err != nil {
			return fmt.Errorf("on: %w", err)
		}
		f.on = append(f.on, field)
	}
	return nil
}

// checkStated refuses fields that cannot keep the texts of null.
func (s *Set) checkStated(ff *formatFile) error {
	if len(ff.Stated) > 0 && len(ff.Null) == 0 {
		return errors.New("there are no texts to keep: null is empty")
	}
	for _, name := range ff.Stated {
		field, known := s.Schema.Lookup(name)
		if !known {
			return s.unknownField(name)
		}
		if k := s.Schema.Def(field).Kind; k != event.Keyword && k != event.Text {
			return fmt.Errorf("%q is of kind %s, which holds no such text", name, k)
		}
	}
	return nil
}

func (s *Set) compileRefine(f *format, ff *formatFile) error {
	for i, rf := range ff.Refine {
		has, err := s.conditions(rf.Has)
		if err != nil {
			return fmt.Errorf("refine %d: %w", i+1, err)
		}
		set, err := s.constants(rf.Set)
		if err != nil {
			return fmt.Errorf("refine %d: %w", i+1, err)
		}
		f.refine = append(f.refine, refinement{has, set})
	}
	return nil
}

// temp returns the number of the temporary called name, a new one the first time.
func (f *format) temp(name string) int {
	if n, ok := f.temps[name]; ok {
		return n
	}
	n := len(f.temps)
	f.temps[name] = n
	return n
}

func (s *Set) constants(set map[string]string) ([]constant, error) {
	names := make([]string, 0, len(set))
	for n := range set {
		names = append(names, n)
	}
	sort.Strings(names)
	var out []constant
	for _, n := range names {
		c, err := s.constant(n, set[n])
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (s *Set) constant(name, value string) (constant, error) {
	field, known := s.Schema.Lookup(name)
	if !known {
		var err error
		if field, err = s.Schema.Add(name, event.Keyword); err != nil {
			return constant{}, err
		}
	}
	c := constant{id: s.consts, field: field, kind: s.Schema.Def(field).Kind, str: value}
	s.consts++
	var err error
	switch c.kind {
	case event.Keyword, event.Text:
	case event.Int:
		if c.num, err = strconv.ParseInt(value, 10, 64); err != nil {
			err = errors.New("the field is of kind int")
		}
	case event.Bool:
		var b bool
		if b, err = strconv.ParseBool(value); err != nil {
			err = errors.New("the field is of kind bool: true or false")
		}
		if b {
			c.num = 1
		}
	default:
		err = fmt.Errorf("a field of kind %s cannot be set", c.kind)
	}
	if err != nil {
		return c, fmt.Errorf("%s = %q: %w", name, value, err)
	}
	return c, nil
}

func (s *Set) compileCarry(f *format, ff *formatFile) error {
	for i := range ff.Carry {
		if err := s.compileOneCarry(f, &ff.Carry[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Set) compileOneCarry(f *format, cf *carryFile) error {
	c := &carrySpec{once: cf.Once}
	var ok bool
	if c.by, ok = s.Schema.Lookup(cf.By); !ok {
		return fmt.Errorf("carry: by: %w", s.unknownField(cf.By))
	}
	k := s.Schema.Def(c.by).Kind
	if k != event.Int && k != event.Keyword {
		return fmt.Errorf("carry: by: %q is of kind %s, neither int nor keyword", cf.By, k)
	}
	c.text = k == event.Keyword
	for _, name := range cf.Fields {
		field, ok := s.Schema.Lookup(name)
		if !ok {
			return fmt.Errorf("carry: %w", s.unknownField(name))
		}
		c.fields = append(c.fields, field)
	}
	var err error
	if c.start, err = s.conditions(cf.Start); err != nil {
		return fmt.Errorf("carry: start: %w", err)
	}
	if c.from, err = s.conditions(cf.From); err != nil {
		return fmt.Errorf("carry: from: %w", err)
	}
	if c.to, err = s.conditions(cf.To); err != nil {
		return fmt.Errorf("carry: to: %w", err)
	}
	f.carry = append(f.carry, c)
	return nil
}

package parsers

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/pipeline/event"
)

// A membersSpec says how the named members of a text become fields.
type membersSpec struct {
	id        int // numbers it among all of the set
	kind      membersKind
	separator byte
	header    *grok.Set         // lines that name the columns, captured; nil: none
	columns   []place           // the places of a row's values, where no header names them
	mapped    map[string]mapped // by key
	targets   int               // number of targets in the map
	prefix    string            // in front of the names of members without a place in the map
	drop      bool              // such members are dropped
	bytes     bool              // arrays of numbers from 0 to 255 are texts
	hex       map[string]bool
	plus      map[string]bool // columns in whose values a plus stands for a blank
	require   []int           // one of these targets has to be there; empty: none has to
}

type membersKind uint8

const (
	jsonMembers membersKind = iota
	csvMembers
	kvMembers
)

// mapped is where the map sends a key.
type mapped struct {
	assign assign
	target int // the keys of one target exclude each other
	rank   int // of those that are there, the lowest wins
}

// columnsTemp is the capture of a header's expression that holds the names of the columns.
const columnsTemp = "_columns"

func (s *Set) compileMembers(f *format, ff *formatFile) error {
	mf := ff.Members
	if mf == nil {
		return nil
	}
	m := &membersSpec{id: s.memberSpecs, mapped: map[string]mapped{}}
	s.memberSpecs++
	kinds := []string{"json", "csv", "kv"}
	i := slices.Index(kinds, mf.Kind)
	if i < 0 {
		return fmt.Errorf("members: kind: %w", unknown("kind", mf.Kind, kinds))
	}
	m.kind = membersKind(i)
	if mf.Prefix == "-" {
		m.drop = true
	} else {
		m.prefix = mf.Prefix
	}
	for _, step := range []func(*format, *membersSpec, *formatFile) error{s.compileFrom, s.compileMap, s.compileHex, s.compileColumns, s.compileRequire} {
		if err := step(f, m, ff); err != nil {
			return fmt.Errorf("members: %w", err)
		}
	}
	f.members = m
	return nil
}

// compileFrom tells each pattern which of its captures holds the members.
func (s *Set) compileFrom(f *format, _ *membersSpec, ff *formatFile) error {
	from := ff.Members.From
	if from == "" {
		for _, p := range f.patterns.list {
			p.whole = true
		}
		return nil
	}
	found := false
	var without []int
	for i, p := range f.patterns.list {
		for j, c := range f.patterns.match.Captures(i) {
			if c.Name == from {
				p.members = append(p.members, j)
			}
		}
		if len(p.members) > 0 {
			found = true
		} else {
			without = append(without, i)
		}
	}
	if !found {
		return fmt.Errorf("from: %w", f.notCaptured(from))
	}
	return s.compileWithout(f, ff, without)
}

// compileWithout makes the patterns without members those that are tried where the members cannot be read.
func (s *Set) compileWithout(f *format, ff *formatFile, without []int) error {
	var exprs []string
	for _, i := range without {
		exprs = append(exprs, ff.Pattern[i].Grok)
		f.without.list = append(f.without.list, f.patterns.list[i])
	}
	var err error
	f.without.match, err = compileSet(s.exprs.With(ff.Patterns), exprs, grok.Whole)
	return err
}

func (s *Set) compileMap(f *format, m *membersSpec, ff *formatFile) error {
	for target, keys := range ff.Members.Map {
		name, typ, _ := strings.Cut(target, ":")
		a, err := s.assign(f, 0, grok.Capture{Name: name, Type: typ})
		if err != nil {
			return fmt.Errorf("map: %w", err)
		}
		if slices.Contains(ff.Members.Require, name) {
			m.require = append(m.require, m.targets)
		}
		for rank, key := range keys {
			if _, twice := m.mapped[key]; twice {
				return fmt.Errorf("map: key %q stands twice", key)
			}
			m.mapped[key] = mapped{a, m.targets, rank}
		}
		m.targets++
	}
	return nil
}

func (s *Set) compileColumns(f *format, m *membersSpec, ff *formatFile) error {
	mf := ff.Members
	if m.kind != csvMembers {
		if len(mf.Columns) > 0 || mf.Header != "" || mf.Separator != "" {
			return fmt.Errorf("columns, header and separator go with kind csv, not %s", mf.Kind)
		}
		return nil
	}
	switch {
	case len(mf.Columns) == 0 && mf.Header == "":
		return errors.New("csv: neither columns nor header names the columns")
	case mf.Header == "" && len(mf.Map) > 0:
		return errors.New("map: the columns are fields already; the map is for those that a header names")
	case len(mf.Separator) > 1 || mf.Separator == `"`:
		return fmt.Errorf("separator: %q is not one byte, or a quote", mf.Separator)
	case mf.Separator == "":
		mf.Separator = ","
	}
	m.separator = mf.Separator[0]
	for i, column := range mf.Columns {
		name, typ, _ := strings.Cut(column, ":")
		p := place{target: -1}
		if name != "" {
			a, err := s.assign(f, 0, grok.Capture{Name: name, Type: typ})
			if err != nil {
				return fmt.Errorf("columns: %w", err)
			}
			p.assign, p.target, p.plus = &a, m.targets, m.plus[name]
			if slices.Contains(mf.Require, name) {
				m.require = append(m.require, m.targets)
			}
			m.targets++
		}
		if len(m.columns) == maxColumns {
			return fmt.Errorf("columns: %d are too many", i+1)
		}
		m.columns = append(m.columns, p)
	}
	if mf.Header == "" {
		return nil
	}
	expr := mf.Header
	if !strings.Contains(expr, columnsTemp) {
		expr = "(?:" + expr + ")(?<" + columnsTemp + ">.*)"
	}
	var err error
	if m.header, err = compileSet(s.exprs.With(ff.Patterns), []string{expr}, grok.Whole); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	f.needs(m.header)
	if c := m.header.Captures(0); len(c) != 1 || c[0].Name != columnsTemp {
		return fmt.Errorf("header: it captures %s; only %s, the names of the columns, means something", c[0].Name, columnsTemp)
	}
	return nil
}

func (s *Set) compileHex(_ *format, m *membersSpec, ff *formatFile) error {
	if len(ff.Members.Hex) > 0 && m.kind != kvMembers {
		return fmt.Errorf("hex goes with kind kv, not %s", ff.Members.Kind)
	}
	if m.bytes = ff.Members.Bytes; m.bytes && m.kind != jsonMembers {
		return fmt.Errorf("bytes goes with kind json, not %s", ff.Members.Kind)
	}
	if len(ff.Members.Plus) > 0 && m.kind != csvMembers {
		return fmt.Errorf("plus goes with kind csv, not %s", ff.Members.Kind)
	}
	m.hex, m.plus = map[string]bool{}, map[string]bool{}
	for _, key := range ff.Members.Hex {
		m.hex[key] = true
	}
	for _, key := range ff.Members.Plus {
		m.plus[key] = true
	}
	return nil
}

func (s *Set) compileRequire(_ *format, _ *membersSpec, ff *formatFile) error {
	mf := ff.Members
	var names []string
	for target := range mf.Map {
		name, _, _ := strings.Cut(target, ":")
		names = append(names, name)
	}
	for _, column := range mf.Columns {
		name, _, _ := strings.Cut(column, ":")
		names = append(names, name)
	}
	for _, need := range mf.Require {
		if slices.Contains(names, need) {
			continue
		}
		if near := configs.Nearest(need, names); near != "" {
			return fmt.Errorf("require: %q is neither in the map nor a column; did you mean %q?", need, near)
		}
		return fmt.Errorf("require: %q is neither in the map nor a column", need)
	}
	return nil
}

// reserved reports whether a member's name is one that Veritail itself gives to events. What an application writes
// under such a name is kept as labels.NAME, so that nobody forges where an event comes from.
func reserved(s *event.Schema, key string) bool {
	field, ok := s.Lookup(key)
	return ok && (field >= event.FieldDataset && field <= event.FieldUnparsed || field == event.FieldTime) || strings.HasPrefix(key, "veritail.")
}

package parsers

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/saypro/veritail/parsers/grok"
)

// prefixName is what expressions of a format with [prefix] call the beginning of their lines.
const prefixName = "PREFIX"

// A prefixSpec is how the lines of a format begin where their writer lets people choose: a setting with escapes, such as
// PostgreSQL's log_line_prefix = "%m [%p] %q%u@%d ". The expressions of the format are compiled for each setting that is
// met, as variants of its patterns. It is safe for concurrent use.
type prefixSpec struct {
	escapes map[string]string // letter → expression of what it writes
	usual   map[string]string // letter → expression of what it writes as a rule, by which settings are told apart
	rest    string            // the letter behind which a prefix may end
	known   []string          // settings in common use
	signs   []sign
	proof   []string  // sets of letters: a setting that is none of the known has one of each
	proven  bool      // needs no proof: the writer of the lines is known
	heads   *grok.Set // takes a line that may have a prefix, and captures it first

	lib        *grok.Library
	build      func(setting string) (*variant, error)
	mu         sync.Mutex
	variants   map[string]*variant     // by setting; nil where it cannot be compiled
	beginnings map[beginning]*grok.Set // nil where it cannot be compiled
}

// A beginning is what a setting writes, of any line. Compiling it costs little beside a variant.
type beginning struct {
	setting string
	usual   bool
}

// A sign is a piece of text by which a line tells how it was written: an expression, at the first group of which (or at
// the whole, where it has none) the escape stands.
type sign struct {
	match   *regexp.Regexp
	escape  string
	without string // not where this escape has been met
}

// A variant is the patterns of a format for one setting of its prefix.
type variant struct {
	setting  string
	patterns          // of all that it may write
	usual    patterns // of what it writes as a rule
	detail   int      // number of its escapes
}

// maxVariants bounds the settings that are kept: lines of strangers may suggest any number of them.
const maxVariants = 256

// compilePrefix compiles the table [prefix], nil without. lib then knows the prefix by its name: of the first known
// setting.
func (s *Set) compilePrefix(f *format, ff *formatFile, lib *grok.Library) (*prefixSpec, *grok.Library, error) {
	pf := ff.Prefix
	if pf == nil {
		return nil, lib, nil
	}
	if len(pf.Known) == 0 || len(pf.Escapes) == 0 {
		return nil, nil, errors.New("it needs escapes and known settings")
	}
	p := &prefixSpec{escapes: pf.Escapes, rest: pf.Rest, known: pf.Known, proof: pf.Proof, lib: lib}
	p.forget()
	p.usual = maps.Clone(pf.Escapes)
	for l, expr := range pf.Usual {
		if p.usual[l] == "" {
			return nil, nil, fmt.Errorf("usual: %q is no escape", l)
		}
		p.usual[l] = expr
	}
	for l := range pf.Escapes {
		if len(l) != 1 || l == "%" || l == p.rest {
			return nil, nil, fmt.Errorf("escapes: %q is no letter of an escape", l)
		}
	}
	for i, sf := range pf.Sign {
		re, err := regexp.Compile(`^(?:` + sf.Match + `)`)
		if err != nil {
			return nil, nil, fmt.Errorf("sign %d: %w", i+1, err)
		}
		p.signs = append(p.signs, sign{re, sf.Escape, sf.Without})
	}
	if err := p.compileHeads(f, ff, lib); err != nil {
		return nil, nil, err
	}
	// every escape once: what any setting captures is known from here on
	letters := slices.Sorted(maps.Keys(p.escapes))
	for _, escapes := range []map[string]string{p.escapes, p.usual} {
		if _, err := s.prefixed(f, ff, lib, p, escapes, "%"+strings.Join(letters, "%")); err != nil {
			return nil, nil, err
		}
	}
	p.build = func(setting string) (*variant, error) { return s.variant(f, ff, lib, p, setting) }
	for _, k := range p.known {
		if _, err := p.expression(p.escapes, k); err != nil {
			return nil, nil, fmt.Errorf("known: %w", err)
		}
	}
	expr, err := p.expression(p.escapes, p.known[0])
	return p, lib.With(map[string]string{prefixName: expr}), err
}

// compileHeads compiles what takes a line whatever its prefix is.
func (p *prefixSpec) compileHeads(f *format, ff *formatFile, lib *grok.Library) error {
	var heads []string
	for i, pat := range ff.Pattern {
		after, ok := strings.CutPrefix(pat.Grok, "%{"+prefixName+"}")
		if !ok {
			return fmt.Errorf("pattern %d: beside a table [prefix] it has to begin with %%{%s}", i+1, prefixName)
		}
		heads = append(heads, "(?<_head>.*?)"+after)
	}
	var err error
	if p.heads, err = compileSet(lib, heads, grok.Whole); err != nil {
		return err
	}
	f.needs(p.heads)
	return nil
}

// prefixed compiles the format's expressions for a setting.
func (s *Set) prefixed(f *format, ff *formatFile, lib *grok.Library, p *prefixSpec, escapes map[string]string, setting string) (patterns, error) {
	expr, err := p.expression(escapes, setting)
	if err != nil {
		return patterns{}, err
	}
	exprs := make([]string, len(ff.Pattern))
	for i, pat := range ff.Pattern {
		exprs[i] = pat.Grok
	}
	return s.alternatives(f, lib.With(map[string]string{prefixName: expr}), exprs, grok.Whole)
}

// variant compiles a variant of f, whose own patterns have been compiled.
func (s *Set) variant(f *format, ff *formatFile, lib *grok.Library, p *prefixSpec, setting string) (*variant, error) {
	scratch := &format{temps: maps.Clone(f.temps)} // f is in use by others
	v := &variant{setting: setting, detail: detailOf(setting)}
	var err error
	if v.patterns, err = s.prefixed(scratch, ff, lib, p, p.escapes, setting); err != nil {
		return nil, err
	}
	if v.usual, err = s.prefixed(scratch, ff, lib, p, p.usual, setting); err != nil {
		return nil, err
	}
	for i, made := range f.patterns.list {
		for _, ps := range []patterns{v.patterns, v.usual} {
			ps.list[i].set, ps.list[i].role = made.set, made.role
		}
	}
	return v, nil
}

// A settingPart is a piece of a setting: text that is written as it stands, or an escape, one letter.
type settingPart struct {
	text   string
	escape string
	padded bool // as in %-10u: blanks stand around what it writes
}

var escape = regexp.MustCompile(`^%(-?[0-9]*)(.)`)

// partsOf takes a setting apart.
func partsOf(setting string) (parts []settingPart, err error) {
	for setting != "" {
		text, _, _ := strings.Cut(setting, "%")
		if text != "" {
			parts, setting = append(parts, settingPart{text: text}), setting[len(text):]
			continue
		}
		m := escape.FindStringSubmatch(setting)
		switch {
		case m == nil:
			return nil, fmt.Errorf("%q: nothing is escaped at its end", setting)
		case m[2] == "%":
			parts = append(parts, settingPart{text: "%"})
		default:
			parts = append(parts, settingPart{escape: m[2], padded: m[1] != ""})
		}
		setting = setting[len(m[0]):]
	}
	return parts, nil
}

// detailOf returns the number of a setting's escapes.
func detailOf(setting string) int { return strings.Count(strings.ReplaceAll(setting, "%%", ""), "%") }

// expression returns the grok expression of what a setting writes.
func (p *prefixSpec) expression(escapes map[string]string, setting string) (string, error) {
	parts, err := partsOf(setting)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	open := false
	for _, part := range parts {
		switch expr, ok := escapes[part.escape]; {
		case part.escape == "":
			out.WriteString(regexp.QuoteMeta(part.text))
		case part.escape == p.rest && !open:
			out.WriteString("(?:")
			open = true
		case !ok:
			return "", fmt.Errorf("%q: %%%s is no escape", setting, part.escape)
		case part.padded:
			out.WriteString(" *" + expr + " *")
		default:
			out.WriteString(expr)
		}
	}
	if open {
		out.WriteString(")?")
	}
	return out.String(), nil
}

// forget makes p one that has met no setting yet.
func (p *prefixSpec) forget() {
	p.variants, p.beginnings = map[string]*variant{}, map[beginning]*grok.Set{}
}

// variantOf returns the variant of a setting, nil if it cannot be compiled.
func (p *prefixSpec) variantOf(setting string) *variant {
	p.mu.Lock()
	defer p.mu.Unlock()
	return kept(p.variants, setting, func() (*variant, error) { return p.build(setting) })
}

// beginningOf returns what takes what a setting writes at the beginning of a line, nil if it cannot be compiled.
func (p *prefixSpec) beginningOf(setting string, usual bool) *grok.Set {
	p.mu.Lock()
	defer p.mu.Unlock()
	return kept(p.beginnings, beginning{setting, usual}, func() (*grok.Set, error) {
		escapes := p.escapes
		if usual {
			escapes = p.usual
		}
		expr, err := p.expression(escapes, setting)
		if err != nil {
			return nil, err
		}
		return compileSet(p.lib, []string{expr}, grok.Prefix)
	})
}

// kept returns what is kept for a key, built where it is not yet: nil where that fails.
func kept[K comparable, V any](all map[K]*V, key K, build func() (*V, error)) *V {
	v, ok := all[key]
	if ok {
		return v
	}
	if len(all) >= maxVariants {
		clear(all)
	}
	v, err := build()
	if err != nil {
		v = nil
	}
	all[key] = v
	return v
}

// trusted returns a copy for lines that come inside another format: there it is known who wrote them, so that a prefix needs no
// proof and may be missing. What it finds is its own.
func (p *prefixSpec) trusted() *prefixSpec {
	t := &prefixSpec{
		escapes: p.escapes, usual: p.usual, rest: p.rest, known: append([]string{""}, p.known...), signs: p.signs, proof: p.proof,
		heads: p.heads, lib: p.lib, build: p.build, proven: true,
	}
	t.forget()
	return t
}

// CheckPrefix returns an error if setting is none that a format with a prefix knows how to read; an empty one is guessed.
func (s *Set) CheckPrefix(setting string) error {
	if setting == "" {
		return nil
	}
	var first error
	for _, e := range s.lines {
		f := s.get(e)
		if f.prefix == nil {
			continue
		}
		_, err := f.prefix.expression(f.prefix.escapes, setting)
		if err == nil {
			return nil
		}
		first = errors.Join(first, err)
	}
	return first
}

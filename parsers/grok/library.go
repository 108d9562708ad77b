// Package grok turns grok expressions into matchers: bytes in, slots out.
//
// An expression is a regular expression as Logstash reads it, with references %{NAME}, %{NAME:field} and
// %{NAME:field:type} into a pattern library; named groups (?<field>…) are captures too, all other groups are not. It is
// parsed into a tree (parse.go), from which what only a backtracking engine understands is removed where that changes
// nothing (rewrite.go), and written in the syntax of Go's regexp (gosyntax.go), whose leftmost-first semantics define what
// a match captures. Of that the package automaton makes a machine. What it cannot do has a fallback: Go's regexp for what
// is too large, a backtracking engine for what is left of its own (regexp2.go).
package grok

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strings"
)

// A Naming says which of Logstash's pattern libraries an expression refers to. Both have mostly the same patterns, which
// capture into fields of different names.
type Naming string

// The namings. Logstash calls them ecs_compatibility disabled and v1.
const (
	Legacy Naming = "legacy" // clientip
	ECS    Naming = "ecs-v1" // [source][address]
)

// ParseNaming returns the naming called name; an empty name and "default" mean Legacy.
func ParseNaming(name string) (Naming, error) {
	switch name {
	case "", "default", string(Legacy):
		return Legacy, nil
	case string(ECS):
		return ECS, nil
	}
	return "", fmt.Errorf("%q is neither %s nor %s", name, Legacy, ECS)
}

// A Library holds named patterns in layers, of which an upper one wins over those below. It is read-only once loaded and
// safe for concurrent use then.
type Library struct {
	layers []layer // the lowest first
	naming Naming
	proven bool // see Unchecked
}

// A layer is the patterns of one folder. Within a layer no name stands twice.
type layer struct {
	naming   Naming // that it belongs to; empty: to both
	patterns map[string]string
	from     map[string]string // file and line of each, for errors
}

// folders are the folders of shipped patterns, the lowest layer first.
var folders = []struct {
	name   string
	naming Naming
}{{"vjeantet", ""}, {string(Legacy), Legacy}, {string(ECS), ECS}, {"veritail", ""}}

// LoadLibrary reads the patterns of dir, in the legacy naming: one pattern a line, its name, a blank, its expression;
// lines that begin with # are comments. Shipped patterns are in the folders vjeantet, legacy, ecs-v1 and veritail, each a
// layer above the one before; files of dir itself are the user's and win over all of them. Files named *.md and *.txt hold
// no patterns. A name that stands twice in one layer is an error naming both places.
func LoadLibrary(fsys fs.FS, dir string) (*Library, error) {
	l := &Library{naming: Legacy}
	own := newLayer("")
	if err := own.folder(fsys, dir); err != nil {
		return nil, err
	}
	for _, f := range folders {
		shipped := newLayer(f.naming)
		if err := shipped.folder(fsys, dir+"/"+f.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		l.layers = append(l.layers, shipped)
	}
	l.layers = append(l.layers, own)
	return l, nil
}

func newLayer(naming Naming) layer { return layer{naming, map[string]string{}, map[string]string{}} }

// folder reads all files of a folder, without those of folders within.
func (l *layer) folder(fsys fs.FS, dir string) error {
	files, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return fmt.Errorf("read grok patterns: %w", err)
	}
	for _, f := range files {
		if f.IsDir() || strings.HasPrefix(f.Name(), ".") || slices.Contains([]string{".md", ".txt"}, path.Ext(f.Name())) {
			continue
		}
		if err := l.file(fsys, dir+"/"+f.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (l *layer) file(fsys fs.FS, file string) error {
	f, err := fsys.Open(file)
	if err != nil {
		return fmt.Errorf("read grok patterns: %w", err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		line := strings.Trim(sc.Text(), " \t\r")
		if line == "" || line[0] == '#' {
			continue
		}
		at := fmt.Sprintf("%s:%d", file, n)
		end := strings.IndexAny(line, " \t")
		if end < 0 || !isName(line[:end]) {
			return fmt.Errorf("%s: a pattern is a name, a blank and an expression", at)
		}
		name := line[:end]
		if first, dup := l.from[name]; dup {
			return fmt.Errorf("%s: pattern %s is defined in %s already", at, name, first)
		}
		l.patterns[name], l.from[name] = strings.TrimLeft(line[end:], " \t"), at
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("read %s: %w", file, err)
	}
	return nil
}

// With returns a library that has the given patterns too; they win over those of the same name.
func (l *Library) With(patterns map[string]string) *Library {
	return &Library{append(l.layers[:len(l.layers):len(l.layers)], layer{patterns: patterns}), l.naming, l.proven}
}

// In returns the library in another naming.
func (l *Library) In(naming Naming) *Library { return &Library{l.layers, naming, l.proven} }

// Unchecked returns the library for sets of expressions that are known to be right: CompileSet leaves it to the first
// use of a set to find out what can run them.
func (l *Library) Unchecked() *Library { return &Library{l.layers, l.naming, true} }

// pattern returns the expression called name.
func (l *Library) pattern(name string) (string, bool) {
	for _, y := range slices.Backward(l.layers) {
		if expr, ok := y.patterns[name]; ok && (y.naming == "" || y.naming == l.naming) {
			return expr, true
		}
	}
	return "", false
}

// Names returns the names of all patterns, sorted.
func (l *Library) Names() []string {
	var names []string
	for _, y := range l.layers {
		if y.naming == "" || y.naming == l.naming {
			for n := range y.patterns {
				names = append(names, n)
			}
		}
	}
	sort.Strings(names)
	return slices.Compact(names)
}

// unknown returns the error of a reference to a pattern that is not there.
func (l *Library) unknown(name string) error {
	if near := l.nearest(name); near != "" {
		return fmt.Errorf("unknown pattern %%{%s}; did you mean %%{%s}?", name, near)
	}
	return fmt.Errorf("unknown pattern %%{%s}", name)
}

// nearest returns the name that differs least from name, "" if none is close.
func (l *Library) nearest(name string) string {
	best, dist := "", 3
	for _, n := range l.Names() {
		if d := distance(strings.ToUpper(name), n); d < dist {
			best, dist = n, d
		}
	}
	return best
}

// distance is the Levenshtein distance of a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev = row[j+1]
			row[j+1] = slices.Min([]int{cost, row[j] + 1, prev + 1})
		}
	}
	return row[len(b)]
}

func isName(s string) bool {
	for i := range len(s) {
		if !nameByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func nameByte(c byte) bool {
	return c == '_' || c == '-' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

// Package grok turns grok expressions into matchers: bytes in, slots out.
//
// An expression is a regular expression with references %{NAME}, %{NAME:field} and %{NAME:field:type} into a pattern
// library; named groups (?<field>…) are captures too, all other groups are not. In this package expressions run on
// Go's regexp, whose leftmost-first semantics define what a match captures; a faster engine stands behind the same
// Matcher and is held equal to it.
package grok

import (
	"bufio"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"strings"
)

// A Library holds named patterns. It is read-only once loaded and safe for concurrent use then.
type Library struct {
	patterns map[string]string
	from     map[string]string // file and line of each, for errors
}

// LoadLibrary reads all files of dir: one pattern a line, its name, a blank, its expression; lines that begin with #
// are comments. A name that stands twice is an error naming both places.
func LoadLibrary(fsys fs.FS, dir string) (*Library, error) {
	l := &Library{map[string]string{}, map[string]string{}}
	files, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, fmt.Errorf("read grok patterns: %w", err)
	}
	for _, f := range files {
		if f.IsDir() || strings.HasPrefix(f.Name(), ".") {
			continue
		}
		if err := l.load(fsys, dir+"/"+f.Name()); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *Library) load(fsys fs.FS, path string) error {
	f, err := fsys.Open(path)
	if err != nil {
		return fmt.Errorf("read grok patterns: %w", err)
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		line := strings.TrimRight(sc.Text(), " \t\r")
		if line == "" || line[0] == '#' {
			continue
		}
		at := fmt.Sprintf("%s:%d", path, n)
		name, expr, ok := strings.Cut(line, " ")
		if !ok || !isName(name) {
			return fmt.Errorf("%s: a pattern is a name, a blank and an expression", at)
		}
		if first, dup := l.from[name]; dup {
			return fmt.Errorf("%s: pattern %s is defined in %s already", at, name, first)
		}
		l.patterns[name], l.from[name] = strings.TrimLeft(expr, " "), at
	}
	if err := sc.Err(); err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	return nil
}

// With returns a library that has the given patterns too; they win over those of the same name.
func (l *Library) With(patterns map[string]string) *Library {
	n := &Library{map[string]string{}, map[string]string{}}
	for k, v := range l.patterns {
		n.patterns[k], n.from[k] = v, l.from[k]
	}
	for k, v := range patterns {
		n.patterns[k], n.from[k] = v, "inline"
	}
	return n
}

// Names returns the names of all patterns, sorted.
func (l *Library) Names() []string {
	names := make([]string, 0, len(l.patterns))
	for n := range l.patterns {
		names = append(names, n)
	}
	sort.Strings(names)
	return names
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

package parsers

import (
	"fmt"

	"github.com/saypro/veritail/parsers/grok"
)

// A Fallback is an expression of a format that no automaton can match: it works, but many times slower.
type Fallback struct {
	File   string // formats/NAME.toml
	Where  string // the key that holds the expression
	Number int    // of the expression within the key, from 1
	Engine string // what matches it: regexp or regexp2
	Reason string // why
}

// String returns the sentence that veritail check prints.
func (f Fallback) String() string {
	return fmt.Sprintf("%s: %s %d: matched by %s, many times slower: %s", f.File, f.Where, f.Number, f.Engine, f.Reason)
}

// Fallbacks returns the expressions of all formats that need one, by format.
func (s *Set) Fallbacks() []Fallback {
	var found []Fallback
	for _, name := range s.Formats() {
		f := s.get(s.byName[name])
		for _, of := range f.sets() {
			if of.set == nil {
				continue
			}
			for i := range of.set.Len() {
				if engine, reason := of.set.Engine(i); reason != "" {
					found = append(found, Fallback{"formats/" + name + ".toml", of.key, i + 1, engine, reason})
				}
			}
		}
	}
	return found
}

// keyed is a set of expressions and the key of the format's file that holds them.
type keyed struct {
	key string
	set *grok.Set
}

// sets returns all sets of the format; those that it has not got are nil.
func (f *format) sets() []keyed {
	sets := []keyed{{"pattern", f.patterns.match}, {"unwrap", f.unwrap.match}, {"ignore", f.ignore}}
	if f.prefix != nil {
		sets = append(sets, keyed{"prefix: pattern", f.prefix.heads})
	}
	if j := f.join; j != nil {
		sets = append(sets, keyed{"join: continue", j.continued})
		if a := j.assembly; a != nil {
			sets = append(sets, keyed{"join: begin", a.begin}, keyed{"join: head", a.head}, keyed{"join: end", a.end}, keyed{"join: key", a.key.match})
		}
	}
	if f.members != nil {
		sets = append(sets, keyed{"members: header", f.members.header})
	}
	return sets
}

package parsers

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/pipeline/event"
)

// A try is a run of formats that read a field one after the other, by rank, under the same conditions. Their patterns are
// one matcher, so that a text which none of them takes is looked at once.
type try struct {
	when    []condition
	entries []*entry
	tried   atomic.Pointer[tried] // nil until a text is read
}

// tried is what is compiled of a try.
type tried struct {
	formats []*format
	match   *grok.Set // of their patterns; nil for a single format
	list    []*pattern
	of      []int // of each pattern: the number of its format
}

// maxTogether bounds the expressions of a try, in bytes. The larger an automaton, the longer its first texts wait for it,
// and expressions that look for something anywhere in a text multiply each other's states: stack traces and the errors of
// drivers together forget more of them than they keep.
const maxTogether = 8 << 10

// tries returns the runs in formats, which come by rank. Conditions on the field by hold for all of them.
func (s *Set) tries(formats []*entry, by event.Field) []*try {
	var out []*try
	for len(formats) > 0 {
		first := formats[0]
		n, size := 1, first.size
		for size > 0 && n < len(formats) {
			more := formats[n].size
			if more == 0 || size+more > maxTogether || !slices.EqualFunc(formats[n].others(by), first.others(by), condition.equal) {
				break
			}
			n, size = n+1, size+more
		}
		out = append(out, s.try(formats[:n:n], by))
		formats = formats[n:]
	}
	return out
}

// length returns how large the expressions of f are, 0 where they cannot be tried together with those of others.
func (f *format) length() int {
	if f.patterns.match == nil || f.prefix != nil {
		return 0
	}
	return f.patterns.match.Length()
}

// try returns the try of formats. There is one of equal formats, so that their matcher is built once.
func (s *Set) try(formats []*entry, by event.Field) *try {
	names := make([]string, len(formats))
	for i, e := range formats {
		names[i] = e.name
	}
	key := fmt.Sprint(by, " ", strings.Join(names, " "))
	t := s.made[key]
	if t == nil {
		t = &try{when: formats[0].others(by), entries: formats}
		s.made[key] = t
	}
	return t
}

// others returns the conditions of e but an exact one on by.
func (e *entry) others(by event.Field) []condition {
	var out []condition
	for i := range e.when {
		if c := &e.when[i]; c.field != by || !c.exact() {
			out = append(out, *c)
		}
	}
	return out
}

// compiledTry compiles the formats of t, unless they are.
func (s *Set) compiledTry(t *try) *tried {
	s.mu.Lock()
	defer s.mu.Unlock()
	if done := t.tried.Load(); done != nil {
		return done
	}
	out := &tried{}
	var sets []*grok.Set
	for i, e := range t.entries {
		f := s.completed(s.compiled(e))
		out.formats = append(out.formats, f)
		if len(t.entries) > 1 {
			sets = append(sets, f.patterns.match)
			out.list = append(out.list, f.patterns.list...)
			for range f.patterns.list {
				out.of = append(out.of, i)
			}
		}
	}
	if len(sets) > 0 {
		out.match = grok.Together(sets...)
	}
	t.tried.Store(out)
	return out
}

// take returns the first format of t that takes text, and its pattern, nil if none does; d.inner then holds what it
// captured. Where members or a record have to be read, too, a text may be one of a later format although a pattern takes it.
func (d *Decoder) take(t *try, text []byte) (*format, *pattern) {
	of, from := t.tried.Load(), 0
	if of == nil {
		of = d.set.compiledTry(t)
	}
	if of.match != nil {
		i := of.match.Match(text, d.inner.slots)
		if i < 0 {
			return nil, nil
		}
		from = of.of[i]
		if in := of.formats[from]; in.members == nil && in.nested == nil {
			return in, of.list[i]
		}
	}
	for _, in := range of.formats[from:] {
		if p, ok := d.match(in, text, &d.inner); ok && (in.nested == nil || d.findNested(in, p, text)) {
			return in, p
		}
	}
	return nil, nil
}

// A reading is the tries of one field: the first that takes its text counts.
type reading struct {
	field   event.Field
	number  bool     // the field is one: its digits are read
	formats []*entry // all, by rank
	tries   []*try   // of them

	// Where many of them are for some values of one field only, such as the program in syslog, its value finds those
	// that may be meant.
	by      event.Field
	byValue map[string][]*try // nil: there is no such field
	rest    []*try            // for any value that is not in byValue, and for none
}

// fewFormats are so few that looking for those which are meant costs more than trying them.
const fewFormats = 4

// index makes the tries of what reads the fields of f's events.
func (s *Set) index(f *format) {
	for i := range f.inner {
		s.indexOne(&f.inner[i])
	}
}

// indexOne finds the field that most of the formats have a condition on, and lists the tries by its values.
func (s *Set) indexOne(r *reading) {
	r.by, r.number = -1, s.Schema.Def(r.field).Kind == event.Int
	count, most := map[event.Field]int{}, fewFormats
	for _, e := range r.formats {
		for i := range e.when {
			if c := &e.when[i]; c.exact() {
				count[c.field]++
			}
		}
	}
	for field, n := range count {
		if n > most || n == most && r.by >= 0 && field < r.by {
			most, r.by = n, field
		}
	}
	if r.by < 0 {
		r.tries = s.tries(r.formats, -1)
		return
	}
	byValue := map[string][]*entry{}
	var rest []*entry
	for _, f := range r.formats {
		if c := f.condition(r.by); c != nil {
			for _, v := range c.values {
				byValue[v] = nil
			}
		} else {
			rest = append(rest, f)
		}
	}
	r.rest = s.tries(rest, r.by)
	r.byValue = make(map[string][]*try, len(byValue))
	for v := range byValue {
		var meant []*entry
		for _, f := range r.formats {
			if c := f.condition(r.by); c == nil || slices.Contains(c.values, v) {
				meant = append(meant, f)
			}
		}
		r.byValue[v] = s.tries(meant, r.by)
	}
}

// condition returns the exact condition of e on a field, nil if there is none.
func (e *entry) condition(field event.Field) *condition {
	for i := range e.when {
		if c := &e.when[i]; c.field == field && c.exact() {
			return c
		}
	}
	return nil
}

// candidates returns the tries that may be meant by what the row holds.
func (r *reading) candidates(w *rowWriter) []*try {
	if r.byValue == nil {
		return r.tries
	}
	if list, ok := r.byValue[string(w.fieldText(r.by))]; ok {
		return list
	}
	return r.rest
}

// A question is a text of the row at hand that a try has read in a field. Formats within others may come to it again, and
// would say the same.
type question struct {
	try   *try
	field event.Field
	text  event.Str
	taken bool
}

// asked returns the question whether t takes the text of a field, nil where it is a new one.
func (d *Decoder) asked(t *try, field event.Field, text event.Str) *question {
	for i := range d.questions {
		if q := &d.questions[i]; q.try == t && q.field == field && q.text == text {
			return q
		}
	}
	return nil
}

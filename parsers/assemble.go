package parsers

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/parsers/join"
	"github.com/saypro/veritail/pipeline/event"
)

// An assembly says how the lines of a record are put together before any pattern is tried.
type assembly struct {
	begin, head, end *grok.Set // the beginnings of such lines; nil: none
	key              patterns  // captures a line's key, and maybe its time
	by               int       // the temporary that is the key
	quote            []byte    // a record goes on while a text in these is open; empty: none
}

// compileAssembly returns nil where the lines of a record are matched one by one.
func (s *Set) compileAssembly(f *format, ff *formatFile, lib *grok.Library) (*assembly, error) {
	jf := ff.Join
	if len(jf.Begin) == 0 && len(jf.Head) == 0 && len(jf.End) == 0 && jf.Quotes == "" && jf.Key == "" {
		return nil, nil
	}
	if err := jf.assembles(ff.Pattern); err != nil {
		return nil, err
	}
	a := &assembly{by: -1, quote: []byte(jf.Quotes)}
	for _, of := range []struct {
		key   string
		exprs []string
		set   **grok.Set
	}{{"begin", jf.Begin, &a.begin}, {"head", jf.Head, &a.head}, {"end", jf.End, &a.end}} {
		var err error
		if *of.set, err = compileSet(lib, of.exprs, grok.Prefix); err != nil {
			return nil, fmt.Errorf("%s: %w", of.key, err)
		}
		f.needs(*of.set)
	}
	if jf.Key == "" {
		return a, nil
	}
	var err error
	if a.key, err = s.alternatives(f, lib, []string{jf.Key}, grok.Prefix); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	for _, as := range a.key.list[0].assigns {
		if as.temp < 0 {
			return nil, fmt.Errorf("key: it captures the field %s; names of its captures begin with _", s.Schema.Def(as.field).Name)
		}
	}
	var ok bool
	if a.by, ok = f.temps["_key"]; !ok || !a.key.list[0].captures(a.by) {
		return nil, errors.New("key: it captures no _key")
	}
	return a, nil
}

// captures reports whether p captures a temporary.
func (p *pattern) captures(temp int) bool {
	for i := range p.assigns {
		if p.assigns[i].temp == temp {
			return true
		}
	}
	return false
}

// assembles returns an error where the keys of a join contradict each other.
func (jf *joinFile) assembles(patterns []patternFile) error {
	for i, pf := range patterns {
		if pf.Join != "" {
			return fmt.Errorf("pattern %d has a role, but begin, head, quotes, end and key put the lines together before patterns see them", i+1)
		}
	}
	given := map[string]bool{
		"by": jf.By != "", "section": jf.Section != "", "sections": len(jf.Sections) > 0, "text": jf.Text != "",
		"continue": len(jf.Continue) > 0 && jf.Key == "", "rest": jf.Rest && jf.Key == "",
	}
	for _, key := range []string{"by", "section", "sections", "text", "continue", "rest"} {
		if given[key] {
			return fmt.Errorf("%s says nothing beside begin, head, quotes or end: there all lines of a record go on", key)
		}
	}
	switch {
	case len(jf.Quotes) > 1:
		return fmt.Errorf("quotes: %q is not one byte", jf.Quotes)
	case jf.Quotes != "" && (len(jf.Head) > 0 || len(jf.End) > 0 || jf.Key != ""):
		return errors.New("quotes goes with begin only")
	case len(jf.Head) > 0 && jf.Key != "":
		return errors.New("head and key do not go together")
	}
	return nil
}

// takes reports whether one of the expressions takes line.
func (d *Decoder) takes(set *grok.Set, line []byte) bool {
	return set != nil && set.Match(line, d.line.slots) >= 0
}

// assembleLine decodes a line of a format whose records are put together first.
func (d *Decoder) assembleLine(line []byte, span event.Span, now time.Time) {
	switch {
	case d.assemble(d.own, line, span, now):
	case len(line) == 0:
		if !d.own.join.rest || !d.joiner.Continue(line, span, now) {
			d.ignored()
		}
	case d.auto && d.tryOthers(line, span):
		d.forget()
	case d.own.join.rest && d.joiner.Continue(line, span, now):
	default:
		d.forget()
		d.unparsed(line, []event.Span{span}, 1, false)
		d.shapes.add(line, span.Off)
	}
}

// assemble adds a line to the open records. It reports false where the line belongs to none and begins none.
func (d *Decoder) assemble(f *format, line []byte, span event.Span, now time.Time) bool {
	a := f.join.assembly
	if len(a.quote) > 0 {
		return d.quoted(f, line, span, now)
	}
	if d.takes(f.ignore, line) || d.readHeader(f, line, span) {
		d.ignored()
		return true
	}
	switch {
	case a.key.match != nil:
		return d.keyed(f, line, span, now)
	case a.begin == nil && a.head == nil: // end alone: whatever follows a last line begins
		if !d.joiner.Continue(line, span, now) {
			d.joiner.Single(line, span, d.clock.Latest(), now)
		}
	case d.takes(a.begin, line):
		d.joiner.Single(line, span, d.clock.Latest(), now)
		d.inHead = true
	case d.takes(a.head, line):
		if !d.inHead || !d.joiner.Continue(line, span, now) {
			d.joiner.Single(line, span, d.clock.Latest(), now)
		}
		d.inHead = true
	default:
		d.inHead = false
		if !d.joiner.Continue(line, span, now) {
			return false
		}
	}
	if d.takes(a.end, line) {
		d.joiner.Forget()
	}
	return true
}

// keyed adds a line to the open record of its key.
func (d *Decoder) keyed(f *format, line []byte, span event.Span, now time.Time) bool {
	a, c := f.join.assembly, &d.line
	p := a.key.first(line, c.slots)
	if p == nil {
		if d.joiner.Continues() && d.takes(f.join.continued, line) {
			return d.joiner.Continue(line, span, now)
		}
		return false
	}
	clear(c.temps)
	for i := range p.assigns {
		if from, to := c.slots[2*p.assigns[i].slot], c.slots[2*p.assigns[i].slot+1]; from >= 0 {
			c.temps[p.assigns[i].temp] = line[from:to]
		}
	}
	key, t := c.temps[a.by], d.when(f, c.temps, span.Off).Time
	if !d.resuming {
		d.joiner.Expire(d.clock.Latest() - f.join.wait.Microseconds())
	}
	if d.takes(a.begin, line) {
		d.joiner.Start(key, line, span, t, now)
	} else if _, ok := d.joiner.Attach(key, line, span, t, now); !ok {
		d.joiner.Start(key, line, span, t, now)
	}
	if d.takes(a.end, line) {
		d.close()
	}
	return true
}

// quoted adds a line to the record whose quoted text is open, else it is a record of its own or begins one. Once the
// record has as many lines as it may have, a line that can begin a record does: a stray quote costs no more than those.
func (d *Decoder) quoted(f *format, line []byte, span event.Span, now time.Time) bool {
	a := f.join.assembly
	begins := false
	if d.joiner.Full() {
		if begins = a.begin == nil || d.takes(a.begin, line); begins {
			d.joiner.Cut()
		}
	}
	odd := bytes.Count(line, a.quote)%2 == 1
	if d.joiner.Continue(line, span, now) {
		if odd {
			d.joiner.Forget()
		}
		return true
	}
	if len(line) == 0 || d.takes(f.ignore, line) || d.readHeader(f, line, span) {
		d.ignored()
		return true
	}
	if !begins && a.begin != nil && !d.takes(a.begin, line) {
		return false
	}
	if odd {
		d.joiner.Single(line, span, d.clock.Latest(), now)
		return true
	}
	p, ok := d.match(f, line, &d.line)
	if ok {
		d.event(f, p, &d.line, line, []event.Span{span}, nil)
	}
	return ok
}

// assembled makes an event of a record whose lines were put together first. Empty lines at its end say nothing.
func (d *Decoder) assembled(r *join.Record[lineInfo]) {
	text := bytes.TrimRight(r.Raw, "\n")
	if p, ok := d.match(d.own, text, &d.ended); ok {
		d.event(d.own, p, &d.ended, r.Raw, r.Spans, r)
		return
	}
	if d.auto && r.Lines == 1 && d.tryOthers(text, r.Spans[0]) {
		return
	}
	d.unparsed(r.Raw, r.Spans, r.Lines, r.Cut)
	d.shapes.add(text, r.Spans[0].Off)
}

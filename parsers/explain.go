package parsers

import (
	"bytes"
	"encoding/json"
	"slices"
	"time"

	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/pipeline/event"
)

// An Explanation is what the formats make of a text, a line or the lines of a record.
type Explanation struct {
	Text   string            `json:"text"`
	Format string            `json:"format,omitempty"` // that takes it; "" if none does
	Others []string          `json:"others,omitempty"` // that would take it too
	Steps  []Step            `json:"steps,omitempty"`
	Events []json.RawMessage `json:"events,omitempty"`
	Stops  []Stop            `json:"stops,omitempty"` // where the nearest formats stop, if none takes it
}

// A Step is a pattern of a format that took the text, or of a format within that took a field.
type Step struct {
	Format   string     `json:"format"`
	Title    string     `json:"title"`
	Field    string     `json:"field,omitempty"` // that was read; "" is the text itself
	Text     string     `json:"text"`
	Pattern  int        `json:"pattern,omitempty"` // numbered from 1; 0: the members of the text were read
	Grok     string     `json:"grok,omitempty"`
	Captures []Captured `json:"captures,omitempty"`
}

// A Captured is a capture of a Step: Text is its text from byte From to To.
type Captured struct {
	Name string `json:"name"`
	Ref  string `json:"ref"` // the reference or named group that it comes from, as written
	From int    `json:"from"`
	To   int    `json:"to"`
	Text string `json:"text"`
}

// nearestStops bounds the formats that an explanation names where none takes the text.
const nearestStops = 3

// Explain tells what the format called name, or the one that is found if name is empty, makes of text. It is slow, like
// Where, and meant for people.
func (s *Set) Explain(name string, text []byte, opts Options) (Explanation, error) {
	text = bytes.TrimRight(text[:min(len(text), maxExplained)], "\r\n")
	e := Explanation{Text: string(text)}
	if name == "auto" {
		name = ""
	}
	d, err := s.NewDecoder(event.Generation{Path: "line", Format: name}, opts)
	if err != nil {
		return e, err
	}
	if d.own == nil {
		lines := bytes.Split(text, []byte("\n"))
		contenders, best := s.contenders("", lines, s.lines)
		if _, made := s.among("", lines, d.laidOut); made != nil && (best == nil || made.taken >= best.taken) {
			best = made
		}
		if best != nil {
			d.use(s.whole(d.asLaidOut(best.format)))
		}
		for _, c := range contenders {
			if best != nil && c.id != best.id {
				e.Others = append(e.Others, c.name)
			}
		}
	}
	d.auto = false
	var b event.Batch
	d.Decode(&b, append(bytes.Clone(text), '\n'), 0)
	d.Flush(&b, time.Now(), true)
	defer b.Release()
	for _, pg := range b.Pages {
		for i := range pg.N {
			if pg.Unparsed.Has(i) {
				continue
			}
			if e.Format == "" {
				e.Format = d.own.name
				e.steps(d, pg, i)
			}
			e.Events = append(e.Events, pg.Row(i).AppendJSON(nil))
		}
	}
	if e.Format == "" {
		var at []Stop
		for _, f := range d.laidOut {
			at = append(at, f.stop(text))
		}
		if len(at) == 0 {
			at = s.Where(name, text)
		}
		e.Stops = at[:min(len(at), nearestStops)]
		for len(e.Stops) > 1 && e.Stops[len(e.Stops)-1].weight == 0 {
			e.Stops = e.Stops[:len(e.Stops)-1]
		}
	}
	return e, nil
}

// steps notes the patterns that made row i.
func (e *Explanation) steps(d *Decoder, pg *event.Page, i int) {
	raw := pg.Bytes(pg.Raw[i])
	if d.own.join != nil && d.own.join.assembly == nil {
		raw, _, _ = bytes.Cut(raw, []byte("\n"))
	}
	w := rowWriter{page: pg, row: i}
	if p, ok := d.match(d.own, raw, &d.line); ok {
		e.Steps = append(e.Steps, d.step(d.own, p, raw, d.line.slots, ""))
		if d.own.streams != nil && d.findStream(d.own, p, raw) {
			if v := d.beginning(nil, nil); v.pattern != nil {
				e.Steps = append(e.Steps, d.step(v.of.of, v.pattern, d.stream.text, d.stream.slots, "message"))
				e.within(d, &w, v.of.of)
				return
			}
		}
	}
	e.within(d, &w, d.own)
}

// within notes the patterns of formats within f.
func (e *Explanation) within(d *Decoder, w *rowWriter, f *format) {
	for _, r := range f.inner {
		at, ok := w.text(r.field)
		if !ok {
			continue
		}
		for _, listed := range r.formats {
			text := w.page.Bytes(at)
			if !w.has(listed.when) {
				continue
			}
			in := d.set.whole(d.set.get(listed))
			if p, ok := d.match(in, text, &d.inner); ok {
				e.Steps = append(e.Steps, d.step(in, p, text, d.inner.slots, w.page.Schema.Def(r.field).Name))
				e.within(d, w, in)
				break
			}
		}
	}
}

// step describes the match of p, a pattern of f, in text.
func (d *Decoder) step(f *format, p *pattern, text []byte, slots []int32, field string) Step {
	st := Step{Format: f.name, Title: f.title, Field: field, Text: string(text)}
	set, i := d.setOf(f, p)
	if set == nil {
		return st
	}
	st.Pattern, st.Grok = i+1, set.Expr(i)
	refs := set.Refs(i)
	for j, c := range set.Captures(i) {
		from, to := int(slots[2*j]), int(slots[2*j+1])
		if from < 0 || from == to {
			continue
		}
		st.Captures = append(st.Captures, Captured{c.Name, refs[j], from, to, string(text[from:to])})
	}
	return st
}

// setOf returns the set that holds a pattern of f, and its number there.
func (d *Decoder) setOf(f *format, p *pattern) (*grok.Set, int) {
	lists := []patterns{f.patterns, f.without}
	if v := d.fits[f].variant; v != nil {
		lists = append(lists, v.patterns, v.usual)
	}
	for _, ps := range lists {
		if i := slices.Index(ps.list, p); i >= 0 && ps.match != nil {
			return ps.match, i
		}
	}
	return nil, 0
}

package main

import (
	"fmt"
	"strings"
	"sync"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// topShapes is how many shapes of unparsed lines are shown of a source.
const topShapes = 10

// A shapeReport is a shape of unparsed lines, and where the nearest format stops in its example. JSON names its members.
type shapeReport struct {
	Shape   string `json:"shape"`
	Count   int64  `json:"count"`
	Offset  int64  `json:"offset"`
	Example string `json:"example"`
	Nearest string `json:"nearest,omitempty"` // the format
	Pattern int    `json:"pattern,omitempty"`
	Column  int    `json:"column,omitempty"`
	Failed  string `json:"failed,omitempty"`
	Wanted  string `json:"wanted,omitempty"`
}

// stops remembers where formats stop in examples, which takes a while to find out. It is safe for concurrent use.
type stops struct {
	mu    sync.Mutex
	known map[string]parsers.Stop
}

const maxStops = 4096

// of returns where the format nearest to a line stops; format is the one of its file, or empty.
func (s *stops) of(set *parsers.Set, format, line string) parsers.Stop {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := format + "\x00" + line
	at, ok := s.known[key]
	if !ok {
		if s.known == nil || len(s.known) >= maxStops {
			s.known = map[string]parsers.Stop{}
		}
		at = set.Nearest(format, []byte(line))
		s.known[key] = at
	}
	return at
}

// shapesOf reports the most frequent shapes of a file's unparsed lines.
func (s *setup) shapesOf(t event.Told) []shapeReport {
	var out []shapeReport
	for _, sh := range t.Shapes[:min(len(t.Shapes), topShapes)] {
		r := shapeReport{Shape: sh.Text, Count: sh.Count, Offset: sh.Offset, Example: sh.Example}
		if at := s.stops.of(s.set, t.Format, sh.Example); at.Format != "" {
			r.Nearest, r.Pattern, r.Column, r.Failed, r.Wanted = at.Format, at.Pattern, at.Column, at.Failed, at.Wanted
		}
		out = append(out, r)
	}
	return out
}

// stopsAt says where a shape stops.
func (r *shapeReport) stopsAt() string {
	if r.Column == 0 {
		return ""
	}
	text := fmt.Sprintf("%s, stops at column %d", patternOf(r.Nearest, r.Pattern), r.Column)
	if r.Failed != "" {
		text += ": " + r.Failed
	}
	return text
}

// nearestOf says which format came nearest to lines of which none was understood.
func nearestOf(shapes []shapeReport) string {
	if len(shapes) == 0 || shapes[0].Column == 0 {
		return ""
	}
	return fmt.Sprintf(": nearest format %s, stops at column %d", shapes[0].Nearest, shapes[0].Column)
}

// sure says how sure a detected format is.
func sure(t event.Told) string {
	if t.Sample.Lines == 0 || t.Format == "" {
		return ""
	}
	text := fmt.Sprintf("%s, which takes %d of %d lines looked at", t.Format, t.Sample.Taken, t.Sample.Lines)
	if t.Sample.Second != "" {
		text += fmt.Sprintf("; %s takes %d", t.Sample.Second, t.Sample.SecondTaken)
	}
	return text
}

// printShapes prints shapes of unparsed lines, each with an example and where it stops.
func printShapes(w *sink, p colours, shapes []shapeReport, all event.Told, total int64, indent string) {
	rest := total
	for i := range shapes {
		s := &shapes[i]
		rest -= s.Count
		w.f("%s%9s  %s\n", indent, n(s.Count), cutText(printable(s.Example), explainWidth-len(indent)-11))
		if at := s.stopsAt(); at != "" {
			w.f("%s%9s  %s\n", indent, "", p.dim(at))
		}
	}
	if rest > 0 && len(shapes) > 0 {
		w.f("%s%9s  %s\n", indent, n(rest), p.dim(fmt.Sprintf("of %d other shapes or more", max(1, len(all.Shapes)-len(shapes)))))
	}
}

// cutText cuts text to n characters.
func cutText(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return strings.TrimRight(string(r[:n-1]), " ") + "…"
}

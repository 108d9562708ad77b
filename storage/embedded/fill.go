package embedded

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// A Filler brings events back that a repair could not read: of pages that were read again from the log files it stores
// those that lie in a hole. Marks, findings and figures stay as they are, since they tell of these events already.
type Filler struct {
	s     *Store
	holes map[dayGen]*filling
}

// filling is a hole with the offsets of what is stored of its generation on its day, in ascending order, and of what
// came back.
type filling struct {
	Hole
	have []int64
	back map[int64]bool
}

// NewFiller returns a filler of holes.
func (s *Store) NewFiller(ctx context.Context, holes []Hole) (*Filler, error) {
	f := &Filler{s: s, holes: make(map[dayGen]*filling)}
	err := s.read(ctx, func(c *conn) error {
		for _, h := range holes {
			begin := dayTime(h.day).UnixMicro()
			parts, err := partsOf(c, query.Interval{From: begin, To: begin + 1}, uint64(h.Gen))
			if err != nil {
				return err
			}
			fill := &filling{Hole: h, back: make(map[int64]bool)}
			f.holes[dayGen{h.day, h.Gen}] = fill
			if len(parts) == 0 {
				continue
			}
			r, err := c.query("SELECT off FROM ("+unionOf(parts)+") WHERE gen = $1 ORDER BY off", uint64(h.Gen))
			if err != nil {
				return err
			}
			if err := r.each(func(c []cells, i int) error { fill.have = append(fill.have, c[0].i64(i)); return nil }); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find out what is missing: %w", err)
	}
	return f, nil
}

// wants reports whether row i of p lies in a hole, and in which.
func (f *Filler) wants(p *event.Page, i int) *filling {
	h := f.holes[dayGen{dayOf(p.Time(i)), p.Gen}]
	if h == nil || h.Events <= int64(len(h.back)) || h.back[p.Offset(i)] {
		return nil
	}
	if _, stored := slices.BinarySearch(h.have, p.Offset(i)); stored {
		return nil
	}
	return h
}

// Fill stores what of the pages lies in a hole.
func (f *Filler) Fill(ctx context.Context, pages []*event.Page) error {
	return f.s.writeLoaded(ctx, func(w *writer) error { return w.fill(f, pages) })
}

func (w *writer) fill(f *Filler, pages []*event.Page) error {
	w.app.abandon()
	defer w.app.abandon()
	counts, days := make(map[dayGen]held), make(map[int32]*runMaker)
	var back []func()
	err := w.transaction(func() error {
		for _, p := range pages {
			for i := range p.N {
				h := f.wants(p, i)
				if h == nil {
					continue
				}
				if err := w.stretch(p, i, i+1, counts, days); err != nil {
					return err
				}
				off := p.Offset(i)
				back = append(back, func() { h.back[off] = true })
			}
		}
		if err := w.app.flush(); err != nil {
			return err
		}
		if err := w.putTails(days); err != nil {
			return err
		}
		for k, n := range counts {
			if err := w.c.exec(`UPDATE expired SET events = events - $1, lines = lines - $2 WHERE gen = $3`, n.events, n.lines, uint64(k.gen)); err != nil {
				return err
			}
		}
		return w.putCounts(counts, time.Now())
	})
	if err != nil {
		w.marks = nil
		return fmt.Errorf("bring back what was missing: %w", err)
	}
	for _, done := range back {
		done()
	}
	for day, tail := range days {
		w.hot[day] = tail.next()
	}
	return nil
}

// Left returns the holes as far as they are not filled.
func (f *Filler) Left() []Hole {
	var left []Hole
	for _, h := range f.holes {
		if h.Events > int64(len(h.back)) {
			l := h.Hole
			l.Events -= int64(len(h.back))
			left = append(left, l)
		}
	}
	return left
}

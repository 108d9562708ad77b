package embedded

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
)

// Commit writes c in one transaction, as storage.Writer describes. After an error its outcome is unknown, even
// that of a failed COMMIT: the caller reads Marks and goes on from them. The pages are not kept. Events are not taken
// while little space is free: storage.ErrFull.
func (s *Store) Commit(ctx context.Context, c *event.Commit) (storage.Refused, error) {
	if c.Batch != nil && c.Rows() > 0 {
		if err := s.cfg.room(0); err != nil {
			return nil, fmt.Errorf("commit %d events: %w", c.Rows(), err)
		}
	}
	var refused storage.Refused
	err := s.writeLoaded(ctx, func(w *writer) error {
		p, err := storage.PlanCommit(c, w.marks)
		if err != nil {
			return err
		}
		refused = p.Refused
		if err := w.commit(c, p); err != nil {
			rows := 0
			if c.Batch != nil {
				rows = c.Rows()
			}
			return fmt.Errorf("commit %d events (outcome unknown: read the marks again): %w", rows, err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	// The commit stands, whatever becomes of a checkpoint after it: Check tells of one that failed, and a handle that
	// it left dead has been opened again, or the next call says why not.
	_ = s.write(ctx, (*writer).checkpointIfDue)
	return refused, nil
}

// commit writes what the plan says. When it returns nil the marks in memory are those of the store.
func (w *writer) commit(c *event.Commit, p storage.Plan) error {
	w.app.abandon()
	defer w.app.abandon()
	if len(w.tails) > maxTails {
		clear(w.tails) // they are read again when they are wanted
	}
	days := make(map[int32]*runMaker)
	err := w.transaction(func() error {
		counts := make(map[dayGen]held)
		if c.Batch != nil {
			for _, page := range byGeneration(c.Pages) {
				if p.Write[page.Gen] {
					if err := w.stretch(page, 0, page.N, counts, days); err != nil {
						return err
					}
				}
			}
			if err := w.app.flush(); err != nil {
				return err
			}
			if err := w.putTails(days); err != nil {
				return err
			}
			if err := w.putGenerations(c.Gens); err != nil {
				return err
			}
		}
		if err := w.putCounts(counts, time.Now()); err != nil {
			return err
		}
		if p.Whole {
			if err := w.putFindings(c.Findings); err != nil {
				return err
			}
			if err := w.putRollups(c.Rollups); err != nil {
				return err
			}
		}
		for _, m := range p.Marks {
			w.lines += linesOf(m) - linesOf(w.marks[m.Gen])
		}
		if c.Batch != nil {
			w.newGens = c.Gens
		}
		return w.putMarks(p.Marks)
	})
	w.newGens = nil
	if err != nil {
		return err
	}
	for day, tail := range days {
		w.hot[day] = tail.next()
	}
	for _, m := range p.Marks {
		m.Open = slices.Clone(m.Open)
		w.marks[m.Gen] = m
	}
	return nil
}

// byGeneration returns pages so that those of a generation lie together, in their order: they take less space, and searches
// unpack of each run only the text that its events have.
func byGeneration(pages []*event.Page) []*event.Page {
	pages = slices.Clone(pages)
	slices.SortStableFunc(pages, func(a, b *event.Page) int { return cmp.Compare(a.Gen, b.Gen) })
	return pages
}

// dayGen names the events of a generation in one day's table.
type dayGen struct {
	day int32
	gen event.GenID
}

// held is how many events, and lines, there are.
type held struct{ events, lines int64 }

// stretch appends the rows from to end of a page, those of the same day at once. The tails of the days that it touches
// are put into days.
func (w *writer) stretch(p *event.Page, from, end int, counts map[dayGen]held, days map[int32]*runMaker) error {
	for from < end {
		day, to := dayOf(p.Time(from)), from+1
		for to < end && dayOf(p.Time(to)) == day {
			to++
		}
		if days[day] == nil {
			if err := w.openDay(day); err != nil {
				return err
			}
			tail, err := w.tail(day)
			if err != nil {
				return err
			}
			days[day] = tail
		}
		if err := w.app.rows(w.c, day, p, from, to); err != nil {
			return err
		}
		days[day].page(p, from, to)
		h := counts[dayGen{day, p.Gen}]
		h.events += int64(to - from)
		for _, n := range p.Lines[from:to] {
			h.lines += int64(n)
		}
		counts[dayGen{day, p.Gen}] = h
		from = to
	}
	return nil
}

// openDay makes the tables of a day that has none.
func (w *writer) openDay(day int32) error {
	if w.hot[day] > 0 {
		return nil
	}
	for _, sql := range []string{createEventTable(day), createRunTable(hotRuns(day))} {
		if err := w.c.exec(sql); err != nil {
			return fmt.Errorf("make the tables of %s: %w", dayTime(day).Format(time.DateOnly), err)
		}
	}
	return nil
}

// putTails stores the runs that have become full.
func (w *writer) putTails(days map[int32]*runMaker) error {
	for day, tail := range days {
		if full := tail.take(); len(full) > 0 {
			if err := w.c.putRuns(hotRuns(day), full); err != nil {
				return err
			}
		}
	}
	return nil
}

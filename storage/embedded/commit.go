package embedded

import (
	"context"
	"fmt"
	"slices"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
)

// Commit writes c in one transaction, as storage.Writer describes. After an error its outcome is unknown, even
// that of a failed COMMIT: the caller reads Marks and goes on from them. The pages are not kept.
func (s *Store) Commit(ctx context.Context, c *event.Commit) (storage.Refused, error) {
	var refused storage.Refused
	err := s.write(ctx, func(w *writer) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.marks == nil {
			if err := w.load(); err != nil {
				return err
			}
		}
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
	days := make(map[int32]bool)
	err := w.transaction(func() error {
		counts := make(map[dayGen]held)
		if c.Batch != nil {
			for _, page := range c.Pages {
				if p.Write[page.Gen] {
					if err := w.page(page, counts, days); err != nil {
						return err
					}
				}
			}
			if err := w.app.flush(); err != nil {
				return err
			}
			if err := w.putGenerations(c.Gens); err != nil {
				return err
			}
		}
		if err := w.putCounts(counts); err != nil {
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
		return w.putMarks(p.Marks)
	})
	if err != nil {
		return err
	}
	for day := range days {
		w.days[day] = true
	}
	for _, m := range p.Marks {
		m.Open = slices.Clone(m.Open)
		w.marks[m.Gen] = m
	}
	return nil
}

// dayGen names the events of a generation in one day's table.
type dayGen struct {
	day int32
	gen event.GenID
}

// held is how many events, and lines, there are.
type held struct{ events, lines int64 }

// page appends a page, in runs of rows of the same day.
func (w *writer) page(p *event.Page, counts map[dayGen]held, created map[int32]bool) error {
	for from := 0; from < p.N; {
		day, to := dayOf(p.Time(from)), from+1
		for to < p.N && dayOf(p.Time(to)) == day {
			to++
		}
		if !w.days[day] && !created[day] {
			if err := w.c.exec(createEventTable(day)); err != nil {
				return fmt.Errorf("create %s: %w", eventTable(day), err)
			}
			created[day] = true
		}
		if err := w.app.rows(w.c, day, p, from, to); err != nil {
			return err
		}
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

package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/archive"
)

// Restored is what Restore has done: the files that are searched now, and those whose events the store had already.
type Restored struct {
	Files []archive.File `json:"restored"`
	Had   []archive.File `json:"already_there,omitempty"`
}

// Restore makes the days from first to last ("" for no bound) of the archive in dir searchable again. Every file is
// compared with the manifest before any of them is taken; what differs is archive.Problems, and nothing is restored.
// A file whose events the store holds is left out; one that it holds in part is refused.
//
// What was restored is kept for as long as a policy keeps events, from now on, and is not counted against the marks.
func (s *Store) Restore(ctx context.Context, dir, first, last string, now time.Time) (Restored, error) {
	r, err := s.restore(ctx, dir, first, last, now)
	if err != nil {
		return r, fmt.Errorf("restore from %s: %w", dir, err)
	}
	return r, nil
}

func (s *Store) restore(ctx context.Context, dir, first, last string, now time.Time) (r Restored, err error) {
	m, err := archive.Read(dir)
	if err != nil {
		return r, err
	}
	if _, err := daysBetween(first, last); err != nil {
		return r, err
	}
	files := m.Between(first, last)
	p, err := archive.Check(dir, files)
	if err != nil {
		return r, err
	}
	s.sealing.Lock()
	defer s.sealing.Unlock()
	var take []sealedFile
	for _, f := range files {
		sealed, err := s.compare(ctx, f)
		switch {
		case errors.As(err, new(archive.Problems)):
			p = append(p, err.Error())
		case err != nil:
			return r, err
		case sealed.day == 0:
			r.Had = append(r.Had, f)
		default:
			take, r.Files = append(take, sealed), append(r.Files, f)
		}
	}
	if len(p) > 0 {
		return Restored{}, p
	}
	for i := range take {
		if err := s.takeIn(ctx, filepath.Join(dir, r.Files[i].Name), take[i], r.Files[i], now); err != nil {
			r.Files = r.Files[:i]
			return r, err
		}
	}
	return r, nil
}

// compare returns the part that a file of an archive becomes, one without a day if the store has all of its events.
func (s *Store) compare(ctx context.Context, f archive.File) (sealedFile, error) {
	if f.Layout < 1 || f.Layout > schemaVersion {
		return sealedFile{}, archive.Problems{fmt.Sprintf("%s has layout %d, this Veritail reads up to %d: use a newer one", f.Name, f.Layout, schemaVersion)}
	}
	begin, err := time.Parse(time.DateOnly, f.Day)
	if err != nil {
		return sealedFile{}, archive.Problems{err.Error()}
	}
	day := dayOf(begin.UnixMicro())
	held := make(map[string]int64)
	err = s.read(ctx, func(c *conn) error {
		r, err := c.query(`SELECT gen, sum(events)::BIGINT FROM counts WHERE day = $1 GROUP BY gen`, day)
		if err != nil {
			return err
		}
		return r.each(func(c []cells, i int) error { held[event.GenID(c[0].u64(i)).String()] = c[1].i64(i); return nil })
	})
	if err != nil {
		return sealedFile{}, err
	}
	some, all := int64(0), true
	for _, g := range f.Generations {
		some += held[g.ID]
		all = all && held[g.ID] >= g.Events
	}
	switch {
	case some == 0:
		return sealedFile{part: part{day: day}}, nil
	case all:
		return sealedFile{}, nil
	}
	return sealedFile{}, archive.Problems{fmt.Sprintf("%s: the store holds %d events of %s of the same generations, not all %d: restore it into another store",
		f.Name, some, f.Day, f.Rows)}
}

// takeIn copies a file to the shelf, compares what is in it with the manifest, and makes it a part of its day.
func (s *Store) takeIn(ctx context.Context, from string, f sealedFile, want archive.File, now time.Time) (err error) {
	f.id = s.lastPart.Add(1)
	f.file = filepath.Join(s.shelf.dir, f.name())
	defer func() {
		if err != nil {
			s.discard(ctx, []sealedFile{f})
		}
	}()
	if err := s.cfg.room(want.Bytes); err != nil {
		return err
	}
	sum, bytes, err := archive.Copy(from, f.file)
	if err != nil {
		return err
	}
	if p := want.Differs(sum, bytes); len(p) > 0 {
		return p // it was altered since it was looked at
	}
	err = s.read(ctx, func(c *conn) error {
		if err := comparableColumns(c, f.part); err != nil {
			return archive.Problems{fmt.Sprintf("%s: %v", want.Name, err)}
		}
		f.rows = want.Rows
		return f.describe(c, s.cfg.runRows)
	})
	if err != nil {
		return err
	}
	if p := f.differs(want); len(p) > 0 {
		return p
	}
	return s.writeLoaded(ctx, func(w *writer) error {
		return w.transaction(func() error {
			if err := w.storeRuns(&f); err != nil {
				return err
			}
			if err := w.putPart(f, now); err != nil {
				return err
			}
			return w.c.exec(`UPDATE sealed SET restored = $1 WHERE part = $2`, now.UnixMicro(), f.id)
		})
	})
}

// comparableColumns refuses a file that has not the columns of a part.
func comparableColumns(c *conn, p part) error {
	var have, want []string
	r, err := c.query("DESCRIBE SELECT * FROM " + p.events())
	if err != nil {
		return err
	}
	if err := r.each(func(c []cells, i int) error { have = append(have, c[0].str(i)+" "+c[1].str(i)); return nil }); err != nil {
		return err
	}
	for _, col := range eventColumns {
		typ, _, _ := strings.Cut(col.typ, " ")
		want = append(want, col.name+" "+typ)
	}
	if h, w := strings.Join(have, ", "), strings.Join(want, ", "); h != w {
		return fmt.Errorf("its columns are %s; those of events are %s", h, w)
	}
	return nil
}

// differs says what of a file's content is not as the manifest has it.
func (f *sealedFile) differs(file archive.File) archive.Problems {
	var p archive.Problems
	differ := func(what string, got, want any) {
		if got != want {
			p = append(p, fmt.Sprintf("%s has %s %v, the manifest says %v", file.Name, what, got, want))
		}
	}
	rows := int64(0)
	got := make(map[string]held)
	for _, g := range f.gens {
		rows += g.events
		got[g.gen.String()] = g.held
	}
	differ("rows", rows, file.Rows)
	differ("generations", len(f.gens), len(file.Generations))
	for _, g := range file.Generations {
		differ("events of generation "+g.ID, got[g.ID].events, g.Events)
		differ("lines of generation "+g.ID, got[g.ID].lines, g.Lines)
	}
	differ("a first time of", time.UnixMicro(f.first).UTC(), file.First.UTC())
	differ("a last time of", time.UnixMicro(f.last).UTC(), file.Last.UTC())
	if dayOf(f.first) != f.day || dayOf(f.last) != f.day {
		p = append(p, fmt.Sprintf("%s has events of other days than %s", file.Name, file.Day))
	}
	return p
}

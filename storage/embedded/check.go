package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/archive"
	"github.com/saypro/veritail/storage/query"
)

// Check compares the store with itself: the events of each day and generation with what was counted when they were
// written, the lines of each generation with its mark, and the ids of the events with each other. It reads every value
// of every table.
func (s *Store) Check(ctx context.Context) (storage.Report, error) {
	var r storage.Report
	if err := s.unreadable(ctx); errors.As(damage(err), new(*Damaged)) {
		r.Problems = append(r.Problems, err.Error())
		return r, nil // nothing else can be said of it
	} else if err != nil {
		return r, fmt.Errorf("check the store: %w", err)
	}
	err := s.read(ctx, func(c *conn) error {
		parts, err := partsOf(c, query.Interval{})
		if err != nil {
			return err
		}
		for _, p := range parts {
			if err := comparePart(c, p, &r); err != nil {
				return err
			}
		}
		if err := compareFiles(c, &r); err != nil {
			return err
		}
		if err := compareMarks(c, &r); err != nil {
			return err
		}
		if err := compareRollups(c, &r); err != nil {
			return err
		}
		return compareIDs(c, &r)
	})
	if err != nil {
		return r, fmt.Errorf("check the store: %w", err)
	}
	err = s.writeLoaded(ctx, func(w *writer) error {
		if w.checkpointErr != nil {
			r.Problems = append(r.Problems, w.checkpointErr.Error())
		}
		if w.waterErr != nil {
			r.Problems = append(r.Problems, w.waterErr.Error())
		}
		_, r.Bytes, err = w.usage()
		return err
	})
	if err != nil {
		return r, fmt.Errorf("check the store: %w", err)
	}
	return r, nil
}

// newestRows are the rows of a day's table whose ids are compared at every start: those that a commit or two can have
// written.
const newestRows = 2 * rowsOfGroup

// compareStart is the part of Check that runs at every start: what a commit that is there in part would show in.
// Everything but the counts of the day's tables is small.
func (w *writer) compareStart() error {
	var r storage.Report
	for _, day := range slices.Sorted(maps.Keys(w.hot)) {
		if err := comparePart(w.c, part{day: day}, &r); err != nil {
			return fmt.Errorf("compare the store with its counts: %w", err)
		}
		if err := compareNewest(w.c, day, w.hot[day], &r); err != nil {
			return fmt.Errorf("compare the newest ids: %w", err)
		}
	}
	if err := compareMarks(w.c, &r); err != nil {
		return err
	}
	if err := compareRollups(w.c, &r); err != nil {
		return err
	}
	if len(r.Problems) > 0 {
		return fmt.Errorf(disagrees+": %s", strings.Join(r.Problems, "; "))
	}
	return nil
}

// compareNewest looks among the newest rows of a day's table for events that are stored twice, or that no mark has
// reached.
func compareNewest(c *conn, day int32, rows int64, r *storage.Report) error {
	newest := fmt.Sprintf("(SELECT gen, off, len FROM %s WHERE rowid >= %d)", eventTable(day), max(0, rows-newestRows))
	res, err := c.query(`SELECT t.gen, t.events - t.ids, t.reached - m.off FROM
		(SELECT gen, count(*) AS events, count(DISTINCT off) AS ids, max(off + len) AS reached FROM ` + newest + ` GROUP BY gen) t
		JOIN marks m ON m.gen = t.gen WHERE t.events <> t.ids OR t.reached > m.off ORDER BY t.gen`)
	if err != nil {
		return err
	}
	return res.each(func(c []cells, i int) error {
		gen := event.GenID(c[0].u64(i))
		if twice := c[1].i64(i); twice > 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("%s, generation %s: %d events are stored once more", eventTable(day), gen, twice))
		}
		if ahead := c[2].i64(i); ahead > 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("%s, generation %s: an event ends %d bytes behind the mark", eventTable(day), gen, ahead))
		}
		return nil
	})
}

// compareRollups compares the figures with the sum of all that was added to them.
func compareRollups(c *conn, r *storage.Report) error {
	return one(c, `SELECT (SELECT coalesce(sum(n), 0)::BIGINT FROM rollups), (SELECT rolled FROM meta)`, func(c []cells) {
		if there, added := c[0].i64(0), c[1].i64(0); there != added {
			r.Problems = append(r.Problems, fmt.Sprintf("the figures sum up to %d, %d were added", there, added))
		}
	})
}

// comparePart compares the events of a part with the counts.
func comparePart(c *conn, p part, r *storage.Report) error {
	rows, err := c.query(fmt.Sprintf(`SELECT coalesce(t.gen, k.gen), coalesce(t.events, 0), coalesce(k.events, 0),
		coalesce(t.lines, 0), coalesce(k.lines, 0)
		FROM (SELECT gen, count(*) AS events, sum(lines)::BIGINT AS lines FROM %s GROUP BY gen) t
		FULL JOIN (SELECT * FROM counts WHERE day = $1 AND part = $2) k ON t.gen = k.gen`, p.events()), p.day, p.id)
	if err != nil {
		return fmt.Errorf("count %s: %w", p.events(), err)
	}
	return rows.each(func(c []cells, i int) error {
		events, wrote, lines, wroteLines := c[1].i64(i), c[2].i64(i), c[3].i64(i), c[4].i64(i)
		r.Events += events
		if events != wrote || lines != wroteLines {
			r.Problems = append(r.Problems, fmt.Sprintf("%s, generation %s: %d events of %d lines are there, %d events of %d lines were written",
				p.events(), event.GenID(c[0].u64(i)), events, lines, wrote, wroteLines))
		}
		return nil
	})
}

// compareFiles compares the files of sealed parts with what they were when they were made.
func compareFiles(c *conn, r *storage.Report) error {
	rows, err := c.query(`SELECT file, bytes, sha256 FROM sealed ORDER BY part`)
	if err != nil {
		return err
	}
	dir := c.dir
	return rows.each(func(c []cells, i int) error {
		sum, bytes, err := archive.Sum(filepath.Join(dir, c[0].str(i)))
		if errors.Is(err, fs.ErrNotExist) {
			r.Problems = append(r.Problems, fmt.Sprintf("%s is gone: a sealed part with %d bytes", c[0].str(i), c[1].i64(i)))
			return nil
		}
		if err != nil {
			return err
		}
		if bytes != c[1].i64(i) || sum != c[2].str(i) {
			r.Problems = append(r.Problems, fmt.Sprintf("%s has %d bytes with the SHA-256 %s, it was made with %d bytes and %s",
				c[0].str(i), bytes, sum, c[1].i64(i), c[2].str(i)))
		}
		return nil
	})
}

// missFiles stores a finding of each sealed file that is gone or has another size than it was made with: queries of its
// day will fail or leave it out. Check compares what is in the files.
func (w *writer) missFiles(now time.Time) error {
	var found []event.Finding
	err := w.rows(`SELECT file, bytes, rows, day FROM sealed ORDER BY part`, func(c []cells, i int) {
		file, bytes := c[0].str(i), c[1].i64(i)
		size := int64(-1)
		if st, err := os.Stat(filepath.Join(w.c.dir, file)); err == nil {
			size = st.Size()
		}
		if size == bytes {
			return
		}
		f := sealedFinding(fmt.Sprintf("store-sealed-%s-%d", file, size), c[2].i64(i), now)
		f.Title = "A sealed day of the store is gone"
		f.Message = fmt.Sprintf("%s, %d events of %s, is missing.", file, c[2].i64(i), dayText(c[3].i32(i)))
		f.Runbook = "Put the file back into " + w.c.dir + " from a backup (veritail backup) or an archive that has it. veritail repair -check compares all files with their SHA-256."
		if size >= 0 {
			f.Title = "A sealed day of the store was changed"
			f.Message = fmt.Sprintf("%s, %d events of %s, has %d bytes and was made with %d.", file, c[2].i64(i), dayText(c[3].i32(i)), size, bytes)
		}
		found = append(found, f)
	})
	if err == nil && len(found) > 0 {
		err = w.transaction(func() error { return w.putFindings(found) })
	}
	if err != nil {
		return fmt.Errorf("look for the files of sealed days: %w", err)
	}
	if len(found) == 0 {
		return nil
	}
	w.doubts = append(w.doubts, found...)
	return w.load()
}

// sealedFinding is what findings have in common of a sealed file that is not as it was made, with so many events.
func sealedFinding(id string, events int64, now time.Time) event.Finding {
	at := now.UnixMicro()
	return event.Finding{ID: id, Rule: "veritail.store", Severity: "high", Audience: []string{"operator", "security"},
		Count: events, Time: at, First: at, Last: at}
}

// compareMarks compares the lines that the marks account for with those that were stored, dropped ones included. What
// came from an archive is not among them.
func compareMarks(c *conn, r *storage.Report) error {
	rows, err := c.query(`SELECT coalesce(m.gen, k.gen), coalesce(m.lines, 0), coalesce(k.lines, 0)
		FROM (SELECT gen, parsed + unparsed AS lines FROM marks) m
		FULL JOIN (SELECT gen, sum(lines)::BIGINT AS lines
			FROM (SELECT gen, lines FROM counts WHERE part NOT IN (SELECT part FROM sealed WHERE restored IS NOT NULL) UNION ALL SELECT gen, lines FROM expired) GROUP BY gen) k ON m.gen = k.gen
		WHERE coalesce(m.lines, 0) <> coalesce(k.lines, 0) ORDER BY 1`)
	if err != nil {
		return fmt.Errorf("compare the marks: %w", err)
	}
	return rows.each(func(c []cells, i int) error {
		r.Problems = append(r.Problems, fmt.Sprintf("generation %s: its mark accounts for %d lines, %d were stored",
			event.GenID(c[0].u64(i)), c[1].i64(i), c[2].i64(i)))
		return nil
	})
}

// maxRepeats bounds the repeated events that Check names.
const maxRepeats = 20

// compareIDs looks for events that are stored twice, a generation at a time.
func compareIDs(c *conn, r *storage.Report) error {
	rows, err := c.query(`SELECT DISTINCT gen FROM counts ORDER BY gen`)
	if err != nil {
		return err
	}
	var gens []uint64
	if err := rows.each(func(c []cells, i int) error { gens = append(gens, c[0].u64(i)); return nil }); err != nil {
		return err
	}
	for _, gen := range gens {
		parts, err := partsOf(c, query.Interval{}, gen)
		if err != nil {
			return err
		}
		rows, err := c.query(fmt.Sprintf(`SELECT off, count(*) FROM (%s) WHERE gen = $1 GROUP BY off HAVING count(*) > 1
			ORDER BY off LIMIT %d`, unionOf(parts), maxRepeats), gen)
		if err != nil {
			return err
		}
		err = rows.each(func(c []cells, i int) error {
			r.Problems = append(r.Problems, fmt.Sprintf("event %s-%d is stored %d times", event.GenID(gen), c[0].i64(i), c[1].i64(i)))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// writer is the one connection that changes the store, with what it knows of the store's state. It is used under
// Store.writing.
type writer struct {
	c      *conn
	path   string
	copied bool // the files are, by who repairs them
	app    *appender
	marks  map[event.GenID]event.Mark // as stored; nil when a failure made them doubtful
	hot    map[int32]int64            // events in the tables of the days that have one
	tails  map[int32]*runMaker        // of those days, as far as they are wanted
	small  *stage

	runRows       int
	walDue        int64         // bytes of WAL that are checkpointed
	minFree       int64         // bytes that have to be free then, at least
	notBefore     int64         // bytes of WAL, after a checkpoint that failed
	checkpointErr error         // of the last checkpoint
	backups       *atomic.Int32 // while there are any, nothing is checkpointed
	overridden    int           // checkpoints that were made all the same, for want of space
	freed         int64         // bytes of tables that were dropped since, about: they count as used until the next

	gone    []string             // files that no part has any more
	takeOff func(files []string) // removes them once no read needs them

	announced map[int32]time.Time // days that will be dropped

	commits  int64      // transactions that there ever were
	lines    int64      // that the marks account for
	rolled   int64      // what the transaction adds to the figures
	water    *waterFile // nil where it could not be written
	waterErr error
	newGens  []event.Generation // that the transaction writes
	doubts   []event.Finding    // what was wrong when the store was opened
}

func newWriter(ctx context.Context, db *database, cfg Config, backups *atomic.Int32) (*writer, error) {
	c, err := db.connect()
	if err != nil {
		return nil, err
	}
	w := &writer{c: c, path: cfg.Path, runRows: cfg.runRows, walDue: cfg.walDue, minFree: cfg.minFree, copied: cfg.copied, backups: backups,
		app: newAppender(), small: new(stage)}
	err = c.interruptible(ctx, func() error {
		for _, sql := range []string{
			// By itself neither a commit nor the end of the process checkpoints.
			"PRAGMA disable_checkpoint_on_shutdown",
			"SET parquet_metadata_cache = true",
			// No statement reads or writes other files.
			"SET allowed_directories = [" + quote(c.dir) + "]",
			"SET enable_external_access = false",
		} {
			if err := c.exec(sql); err != nil {
				return err
			}
		}
		return w.begin(cfg)
	})
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// begin finds out how the store stands.
func (w *writer) begin(cfg Config) error {
	g, err := w.findGap(time.Now())
	if err != nil {
		return err
	}
	if err := w.migrate(); err != nil {
		return err
	}
	if err := w.load(); err != nil {
		return err
	}
	if err := w.compareStart(); err != nil {
		return err
	}
	if g != nil {
		f, err := w.takeGap(g)
		if err != nil {
			return err
		}
		w.doubts = append(w.doubts, f)
	}
	if err := w.forget(cfg.lacks, time.Now()); err != nil {
		return err
	}
	if err := w.missFiles(time.Now()); err != nil {
		return err
	}
	w.acknowledge(nil)
	return nil
}

func (w *writer) close() {
	w.app.close()
	w.water.close()
	w.c.close()
}

// load reads what the writer keeps in memory.
func (w *writer) load() error {
	marks, err := readMarks(w.c)
	if err != nil {
		return err
	}
	w.hot, w.tails = make(map[int32]int64), make(map[int32]*runMaker)
	if err := w.rows(`SELECT day, sum(events)::BIGINT FROM counts WHERE part = 0 GROUP BY day`,
		func(c []cells, i int) { w.hot[c[0].i32(i)] = c[1].i64(i) }); err != nil {
		return fmt.Errorf("read the days: %w", err)
	}
	if w.commits, err = w.readCommits(); err != nil {
		return fmt.Errorf("read the store's commits: %w", err)
	}
	w.marks, w.lines = make(map[event.GenID]event.Mark, len(marks)), 0
	for _, m := range marks {
		w.marks[m.Gen] = m
		w.lines += linesOf(m)
	}
	return nil
}

// linesOf is how many lines a mark says are stored.
func linesOf(m event.Mark) int64 { return m.Lines.Parsed + m.Lines.Unparsed }

func readMarks(c *conn) ([]event.Mark, error) {
	r, err := c.query(`SELECT gen, off, open, lines_read, parsed, unparsed, ignored, bytes, cut FROM marks ORDER BY gen`)
	if err != nil {
		return nil, fmt.Errorf("read the marks: %w", err)
	}
	var marks []event.Mark
	err = r.each(func(c []cells, i int) error {
		m := event.Mark{Gen: event.GenID(c[0].u64(i)), Off: c[1].i64(i), Lines: event.Account{
			Read: c[3].i64(i), Parsed: c[4].i64(i), Unparsed: c[5].i64(i), Ignored: c[6].i64(i),
			Bytes: c[7].i64(i), Cut: c[8].i64(i)}}
		if open := c[2].bytes(i); len(open) > 0 {
			if err := json.Unmarshal(open, &m.Open); err != nil {
				return fmt.Errorf("read the open spans of %s: %w", m.Gen, err)
			}
		}
		marks = append(marks, m)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the marks: %w", err)
	}
	return marks, nil
}

// rows runs a query and calls f for each of its rows.
func (w *writer) rows(sql string, f func(c []cells, i int)) error {
	r, err := w.c.query(sql)
	if err != nil {
		return err
	}
	return r.each(func(c []cells, i int) error { f(c, i); return nil })
}

// transaction runs f in a transaction, counts it and commits it, or rolls it back when f fails. After any error the
// writer reads its state from the store again before it is used.
func (w *writer) transaction(f func() error) error {
	w.rolled = 0
	err := w.atomically(func() error {
		if err := f(); err != nil {
			return err
		}
		return w.c.exec("UPDATE meta SET commits = commits + 1, rolled = rolled + $1", w.rolled)
	})
	if err != nil {
		return err
	}
	w.commits++
	w.acknowledge(w.newGens)
	w.newGens = nil
	return nil
}

// atomically is transaction for what changes the layout, before commits are counted.
func (w *writer) atomically(f func() error) error {
	if err := w.c.exec("BEGIN TRANSACTION"); err != nil {
		w.marks = nil
		return err
	}
	if err := f(); err != nil {
		w.marks = nil
		if back := w.c.exec("ROLLBACK"); back != nil {
			return fmt.Errorf("%w (and roll back: %w)", err, back)
		}
		return err
	}
	if err := w.c.exec("COMMIT"); err != nil {
		w.marks = nil
		_ = w.c.exec("ROLLBACK") // fails where COMMIT ended the transaction, which is as well
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

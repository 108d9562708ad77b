package embedded

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/saypro/veritail/storage"
)

// patience is how long reads that are told to end may take for it, and closing the database. noLimit is that of the
// first opening, which only its context ends.
const (
	patience = 30 * time.Second
	noLimit  = time.Duration(1<<63 - 1)
)

// replayed is what the opening of a database reads of its WAL in a second, at least: a tenth of what was measured.
const replayed = 6 << 20

// openAgain is the time between attempts to open a database that could not be opened again.
const openAgain = time.Second

var (
	errClosed = errors.New("the store is closed")
	errReads  = errors.New("the store is closed, or opened again, while this reads it")
	errStuck  = errors.New("it does not end")
)

// deadness is why there is no database.
type deadness struct{ err error }

// start opens the database, brings its layout up to date and compares it with itself. The caller holds writing, and
// life or is the only one who knows the store. errStuck says that it may still be at work.
func (s *Store) start(ctx context.Context, limit time.Duration) error {
	var db *database
	var w *writer
	err := within(ctx, limit, func() (err error) {
		db, w, err = s.openFiles(ctx)
		return err
	})
	if err != nil {
		return err
	}
	s.db, s.w = db, w
	s.usable, s.endUse = context.WithCancelCause(context.Background())
	s.opened++
	s.dead.Store(nil)
	return nil
}

func (s *Store) openFiles(ctx context.Context) (*database, *writer, error) {
	options := [][2]string{
		{"duckdb_api", "veritail"},
		{"storage_compatibility_version", "latest"}, // otherwise the columns' zstd is silently left out
		{"checkpoint_threshold", "1TB"},             // the writer checkpoints, never a commit
		// A commit is a full row group and a small one behind it. A checkpoint would put small ones together with their
		// neighbours: 4.3 s for 2.5 million events, and 137 bytes an event instead of 78. Days are dropped whole, and
		// tables with a key are never put together.
		{"max_vacuum_tasks", "0"},
		{"memory_limit", strconv.FormatInt(max(s.cfg.MemoryLimit>>20, 64), 10) + "MiB"},
		{"max_temp_directory_size", strconv.FormatInt(max(s.cfg.TempLimit>>20, 1), 10) + "MiB"},
		{"dynamic_or_filter_threshold", strconv.Itoa(lookupRows)},
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
	}
	if s.cfg.Threads > 0 {
		options = append(options, [2]string{"threads", strconv.Itoa(s.cfg.Threads)})
	}
	db, err := openDatabase(s.cfg.Path, options)
	if err != nil {
		return nil, nil, asHeld(err)
	}
	db.dir = s.shelf.dir
	w, err := newWriter(ctx, db, s.cfg, &s.backups)
	if err == nil {
		// Reading what a sealed file has where took a third of the time of a question over all of them. Parquet's settings are
		// none of the options above.
		err = w.c.exec("SET GLOBAL parquet_metadata_cache = true")
	}
	if err == nil {
		err = s.tidy(w)
	}
	if err != nil {
		if w != nil {
			w.close()
		}
		db.close()
		return nil, nil, err
	}
	return db, w, nil
}

// within runs f and returns its error, or errStuck or that of ctx if it takes longer: then it goes on by itself, since
// nothing ends a call into the database from outside.
func within(ctx context.Context, limit time.Duration, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("%w within %s", errStuck, limit)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Close ends the store once running commits have ended; reads are told to end, and waited for. It writes nothing: what
// was committed is durable already, and the next opening reads it from the WAL. An error says that something does not
// end: only the end of the process releases the store then.
func (s *Store) Close() error {
	if s.within != nil {
		return s.within.closeAnnex(s)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	select {
	case <-s.lost:
		return s.whyDead()
	default:
	}
	if d := s.dead.Swap(&deadness{errClosed}); s.db == nil {
		if d == nil || d.err != errClosed {
			s.endCopying()
			inUse.Delete(s.cfg.Path)
		}
		return nil
	}
	if err := s.stop(); err != nil {
		return s.lose(fmt.Errorf("close the store %s: %w", s.cfg.Path, err))
	}
	s.endCopying()
	inUse.Delete(s.cfg.Path)
	return nil
}

// stop closes the database. The caller holds writing. After an error the store is as good as lost: what is left of the
// old handle and a new one would not know of each other.
func (s *Store) stop() error {
	s.endUse(errReads)
	for end := time.Now().Add(s.cfg.patience); !s.life.TryLock(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return fmt.Errorf("a read was told to end, and %w within %s", errStuck, s.cfg.patience)
		}
	}
	defer s.life.Unlock()
	s.endAnnex()
	db, w := s.db, s.w
	s.w, s.db = nil, nil
	return within(context.Background(), s.cfg.patience, func() error {
		w.close()
		db.close()
		return nil
	})
}

// lose gives the store up for this process.
func (s *Store) lose(err error) error {
	s.dead.Store(&deadness{err})
	close(s.lost)
	return err
}

// Lost is closed when the handle is dead and cannot be replaced in this process. Another one can open the store: what was
// committed is in it.
func (s *Store) Lost() <-chan struct{} { return s.lost }

// write runs f on the writer, alone. After an error that leaves the handle dead it opens the database again.
func (s *Store) write(ctx context.Context, f func(*writer) error) error {
	if s.within != nil {
		return s.writeAnnex(ctx, f)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.revive(ctx); err != nil {
		return err
	}
	opened := s.opened
	err := f(s.w)
	if errors.Is(err, errFatal) {
		err = errors.Join(err, s.reopen(ctx, opened))
	}
	return err
}

// writeLoaded is write for what needs the state that the writer keeps in memory.
func (s *Store) writeLoaded(ctx context.Context, f func(*writer) error) error {
	return s.write(ctx, func(w *writer) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if w.marks == nil {
			if err := w.load(); err != nil {
				return err
			}
		}
		return f(w)
	})
}

// read runs f on a connection of its own, in one transaction, and interrupts it when ctx ends or the handle is dead.
func (s *Store) read(ctx context.Context, f func(*conn) error) error {
	if s.within != nil {
		return s.readAnnex(ctx, f)
	}
	opened, err := s.readOpen(ctx, f)
	if errors.Is(err, errFatal) {
		s.writing.Lock()
		defer s.writing.Unlock()
		err = errors.Join(err, s.reopen(ctx, opened))
	}
	return err
}

func (s *Store) readOpen(ctx context.Context, f func(*conn) error) (opened int, err error) {
	if err := s.lockLife(ctx); err != nil {
		return 0, err
	}
	defer s.life.RUnlock()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.usable, func() { cancel(errReads) })()
	defer s.shelf.begin()()
	c, err := s.db.connect()
	if err != nil {
		return s.opened, err
	}
	defer c.close()
	trace := storage.TraceOf(ctx)
	c.gauge.steps = trace.Step
	if trace.Progress != nil {
		end, err := c.follow(trace.Progress)
		if err != nil {
			return s.opened, err
		}
		defer end() // before the connection is closed
	}
	return s.opened, c.interruptible(ctx, func() error {
		if err := c.exec("BEGIN TRANSACTION READ ONLY"); err != nil {
			return err
		}
		err := f(c)
		return errors.Join(err, c.exec("ROLLBACK"))
	})
}

// lockLife locks life for reading when there is a database.
func (s *Store) lockLife(ctx context.Context) error {
	s.life.RLock()
	if s.db != nil {
		return nil
	}
	s.life.RUnlock()
	s.writing.Lock()
	err := s.revive(ctx)
	s.writing.Unlock()
	if err != nil {
		return err
	}
	s.life.RLock()
	if s.db == nil {
		s.life.RUnlock()
		return s.whyDead()
	}
	return nil
}

func (s *Store) whyDead() error {
	if d := s.dead.Load(); d != nil {
		return d.err
	}
	return errClosed
}

// reopen replaces the handle that was opened as the given one of the store's life, once. Where the database cannot be
// opened, later calls try again; where the old handle cannot be got rid of, the store is lost. The caller holds writing
// and not life.
func (s *Store) reopen(ctx context.Context, opened int) error {
	if s.db == nil || s.opened != opened {
		return nil
	}
	if err := s.stop(); err != nil {
		return s.lose(fmt.Errorf("close the dead handle of the store %s: %w", s.cfg.Path, err))
	}
	s.dead.Store(&deadness{errClosed})
	return s.openNow(ctx)
}

// revive opens a database that could not be opened again before. The caller holds writing.
func (s *Store) revive(ctx context.Context) error {
	select {
	case <-s.lost:
		return s.whyDead()
	default:
	}
	if s.db != nil {
		return nil
	}
	if err := s.whyDead(); errors.Is(err, errClosed) || time.Now().Before(s.again) {
		return err
	}
	return s.openNow(ctx)
}

// openNow opens the database while reads wait.
func (s *Store) openNow(ctx context.Context) error {
	s.life.Lock()
	defer s.life.Unlock()
	limit := s.cfg.patience + time.Duration(fileSize(s.cfg.Path+".wal")/replayed)*time.Second
	err := s.start(context.WithoutCancel(ctx), limit)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("open the store %s again: %w", s.cfg.Path, err)
	if errors.Is(err, errStuck) {
		return s.lose(err)
	}
	s.dead.Store(&deadness{err})
	s.again = time.Now().Add(openAgain)
	return err
}

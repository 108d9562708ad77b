// Package embedded is the store that runs inside the daemon: a DuckDB file with a table of events a day, findings,
// rollups and marks. It implements storage.Writer, storage.Reader and storage.Keeper, and it is the only package
// that links DuckDB.
//
// A commit is one transaction: pages are copied into DuckDB's vectors column by column, everything small goes
// through the same kind of appender, and the file is synced before Commit returns. Nothing but the writer
// checkpoints, and it does so between commits, when there is room (see checkpoint.go): a commit that checkpoints by
// itself on a full disk would leave a dead handle.
//
// There is one writer connection. Every read opens a connection of its own and runs all of its statements in one
// transaction, so it sees one state of the store.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
)

// Config says where the store lies and what it may use.
type Config struct {
	Path        string        // the database file; its folder must exist. "<Path>.wal" and "<Path>.tmp" lie beside it
	Schema      *event.Schema // the schema of the pages that are committed and scanned
	MemoryLimit int64         // bytes DuckDB may use, besides the pages; 0: 1 GiB
	Threads     int           // threads DuckDB may use; 0: one for each core
	TempLimit   int64         // bytes that queries may write to "<Path>.tmp"; 0: 1 GiB

	// Tests set these; 0: the constants of their names.
	walDue  int64 // bytes of WAL that are checkpointed
	runRows int   // rows of a run
}

// Store is an open embedded store. It is safe for concurrent use: reads run beside each other and beside the
// writer, commits wait for each other.
type Store struct {
	cfg    Config
	schema *event.Schema

	sealing  sync.Mutex   // held while days are sealed, before writing
	shelf    shelf        // the files of sealed days
	lastPart atomic.Int32 // the highest number of a part that there ever was

	writing sync.Mutex // held by commits, Expire and checkpoints
	w       *writer    // guarded by writing, and nil once the store is dead

	life   sync.RWMutex // held for reading while the database is used, for writing while it is opened or closed
	db     *database    // nil once closed, or dead
	opened int          // counts openings, so that two failures of one handle lead to one reopening
	dead   error        // why a reopening failed
}

var (
	_ storage.Writer = (*Store)(nil)
	_ storage.Reader = (*Store)(nil)
	_ storage.Keeper = (*Store)(nil)
)

var errClosed = errors.New("the store is closed")

// inUse holds the paths that this process has open: DuckDB's lock keeps other processes out, not a second store in
// the same one.
var inUse sync.Map

// Open opens the store at cfg.Path, creating it if there is none. It refuses a DuckDB before 1.5.6, a store of a
// newer layout, and a store whose events do not agree with what it counted when it wrote them. No other process can
// have the file open.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := checkLibrary(duckdb.LibraryVersion()); err != nil {
		return nil, err
	}
	path, err := filepath.Abs(cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("find the store: %w", err)
	}
	cfg.Path = path
	if cfg.Schema == nil {
		cfg.Schema = event.NewSchema()
	}
	if cfg.MemoryLimit == 0 {
		cfg.MemoryLimit = 1 << 30
	}
	if cfg.TempLimit == 0 {
		cfg.TempLimit = 1 << 30
	}
	if cfg.walDue == 0 {
		cfg.walDue = walDue
	}
	if cfg.runRows == 0 {
		cfg.runRows = runRows
	}
	if strings.ContainsAny(path, "*?[") {
		return nil, fmt.Errorf("open the store %s: its path must not have the characters *, ? and [", path)
	}
	if _, taken := inUse.LoadOrStore(path, true); taken {
		return nil, fmt.Errorf("open the store %s: this process has it open already", path)
	}
	s := &Store{cfg: cfg, schema: cfg.Schema}
	s.shelf.dir = path + ".sealed"
	if err := s.start(ctx); err != nil {
		inUse.Delete(path)
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	return s, nil
}

// start opens the database, brings its layout up to date and compares it with itself. The caller holds life, or is
// the only one who knows the store.
func (s *Store) start(ctx context.Context) error {
	options := [][2]string{
		{"duckdb_api", "veritail"},
		{"storage_compatibility_version", "latest"}, // otherwise the columns' zstd is silently left out
		{"checkpoint_threshold", "1TB"},             // the writer checkpoints, never a commit
		{"memory_limit", strconv.FormatInt(max(s.cfg.MemoryLimit>>20, 64), 10) + "MiB"},
		{"max_temp_directory_size", strconv.FormatInt(max(s.cfg.TempLimit>>20, 1), 10) + "MiB"},
		{"autoinstall_known_extensions", "false"},
		{"autoload_known_extensions", "false"},
	}
	if s.cfg.Threads > 0 {
		options = append(options, [2]string{"threads", strconv.Itoa(s.cfg.Threads)})
	}
	db, err := openDatabase(s.cfg.Path, options)
	if err != nil {
		return err
	}
	db.dir = s.shelf.dir
	w, err := newWriter(ctx, db, s.cfg)
	if err == nil {
		err = s.tidy(w)
	}
	if err != nil {
		if w != nil {
			w.close()
		}
		db.close()
		return err
	}
	s.db, s.w = db, w
	s.opened++
	return nil
}

// Close ends the store once running reads and commits have ended. It writes nothing: what was committed is durable
// already, and the next opening reads it from the WAL.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.life.Lock()
	defer s.life.Unlock()
	if s.db == nil {
		return nil
	}
	s.stop()
	inUse.Delete(s.cfg.Path)
	s.dead = errClosed
	return nil
}

func (s *Store) stop() {
	s.w.close()
	s.db.close()
	s.w, s.db = nil, nil
}

// write runs f on the writer, alone. After an error that leaves the handle dead it opens the database again.
func (s *Store) write(ctx context.Context, f func(*writer) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.life.RLock()
	if s.db == nil {
		defer s.life.RUnlock()
		return s.whyDead()
	}
	opened := s.opened
	err := f(s.w)
	s.life.RUnlock()
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

// read runs f on a connection of its own, in one transaction, and interrupts it when ctx ends.
func (s *Store) read(ctx context.Context, f func(*conn) error) error {
	s.life.RLock()
	if s.db == nil {
		defer s.life.RUnlock()
		return s.whyDead()
	}
	opened := s.opened
	err := s.readOpen(ctx, f)
	s.life.RUnlock()
	if errors.Is(err, errFatal) {
		s.writing.Lock()
		defer s.writing.Unlock()
		err = errors.Join(err, s.reopen(ctx, opened))
	}
	return err
}

func (s *Store) readOpen(ctx context.Context, f func(*conn) error) error {
	defer s.shelf.begin()()
	c, err := s.db.connect()
	if err != nil {
		return err
	}
	defer c.close()
	return c.interruptible(ctx, func() error {
		if err := c.exec("BEGIN TRANSACTION READ ONLY"); err != nil {
			return err
		}
		err := f(c)
		return errors.Join(err, c.exec("ROLLBACK"))
	})
}

func (s *Store) whyDead() error {
	if s.dead != nil {
		return s.dead
	}
	return errClosed
}

// reopen replaces the handle that was opened as the given one of the store's life, once. If that fails the store
// is dead: every later call returns the reason. The caller holds writing and not life.
func (s *Store) reopen(ctx context.Context, opened int) error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.db == nil || s.opened != opened {
		return nil
	}
	s.stop()
	if err := s.start(context.WithoutCancel(ctx)); err != nil {
		inUse.Delete(s.cfg.Path)
		s.dead = fmt.Errorf("open the store %s again: %w", s.cfg.Path, err)
		return s.dead
	}
	return nil
}

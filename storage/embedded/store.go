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
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/backup"
)

// Config says where the store lies and what it may use.
type Config struct {
	Path        string        // the database file; its folder must exist. "<Path>.wal" and "<Path>.tmp" lie beside it
	Schema      *event.Schema // the schema of the pages that are committed and scanned
	MemoryLimit int64         // bytes DuckDB may use, besides the pages; 0: 1 GiB
	Threads     int           // threads DuckDB may use; 0: one for each core
	TempLimit   int64         // bytes that queries may write to "<Path>.tmp"; 0: 1 GiB

	// Tests set these; 0: the constants of their names.
	walDue    int64 // bytes of WAL that are checkpointed
	runRows   int   // rows of a run
	exactRows int64 // sealed events of which percentiles are exact
	keptFree  int64 // bytes that commits of events leave free
	minFree   int64 // bytes that have to be free for a checkpoint, at least
	patience  time.Duration

	copied bool          // Repair has copied the files
	lacks  []backup.Lack // what the backup lacks that becomes this store
}

// Store is an open embedded store. It is safe for concurrent use: reads run beside each other and beside the
// writer, commits wait for each other.
type Store struct {
	cfg    Config
	schema *event.Schema

	sealing  sync.Mutex   // held while days are sealed, before writing
	shelf    shelf        // the files of sealed days
	lastPart atomic.Int32 // the highest number of a part that there ever was
	backups  atomic.Int32 // that run: they hold up checkpoints
	copying  *os.File     // the database file, opened by the first of them; guarded by writing

	writing sync.Mutex // held by commits, Expire and checkpoints, and while the database is opened or closed
	w       *writer    // guarded by writing, and nil where db is

	life   sync.RWMutex // held for reading while the database is used, for writing while it is opened or closed
	db     *database    // nil once closed, and while it cannot be opened again
	opened int          // counts openings, so that two failures of one handle lead to one reopening
	usable context.Context
	endUse context.CancelCauseFunc // ends usable, and with it the reads of this opening

	dead  atomic.Pointer[deadness] // why there is no database
	again time.Time                // when the next opening may be tried; guarded by writing
	lost  chan struct{}            // closed once no opening can be tried in this process

	annex  *Store // that lies within this one; guarded by writing
	within *Store // the store in which an annex lies; of an annex writing guards only w, and that of this one
}

var (
	_ storage.Store = (*Store)(nil)
	_ storage.Annex = (*Store)(nil)
)

// inUse holds the paths that this process has open: DuckDB's lock keeps other processes out, not a second store in
// the same one.
var inUse sync.Map

// Open opens the store at cfg.Path, creating it if there is none. It refuses a DuckDB before 1.5.6, a store of a
// newer layout, and with a *Damaged error files that are not what was written and a store whose events do not agree with
// what it counted. No other process can have the file open: then the error is a *Held.
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
	cfg.MemoryLimit = cmp.Or(cfg.MemoryLimit, 1<<30)
	cfg.TempLimit = cmp.Or(cfg.TempLimit, 1<<30)
	cfg.walDue = cmp.Or(cfg.walDue, walDue)
	cfg.runRows = cmp.Or(cfg.runRows, runRows)
	cfg.exactRows = cmp.Or(cfg.exactRows, exactRows)
	cfg.keptFree = cmp.Or(cfg.keptFree, keptFree)
	cfg.minFree = cmp.Or(cfg.minFree, minFree)
	cfg.patience = cmp.Or(cfg.patience, patience)
	if strings.ContainsAny(path, "*?[") {
		return nil, fmt.Errorf("open the store %s: its path must not have the characters *, ? and [", path)
	}
	if err := halfRestored(path); err != nil {
		return nil, fmt.Errorf("open the store %s: %w", path, err)
	}
	if _, taken := inUse.LoadOrStore(path, true); taken {
		return nil, fmt.Errorf("open the store %s: this process has it open already", path)
	}
	s := &Store{cfg: cfg, schema: cfg.Schema, lost: make(chan struct{})}
	s.shelf.dir = path + sealedSuffix
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.start(ctx, noLimit); err != nil {
		if ctx.Err() == nil { // else it may still be opened behind our back
			inUse.Delete(path)
		}
		return nil, fmt.Errorf("open the store %s: %w", path, damage(err))
	}
	return s, nil
}

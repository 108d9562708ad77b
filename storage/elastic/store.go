// Package elastic is the store in an Elasticsearch cluster that many daemons share: an index of events a day and data
// set, findings, rollups and marks. It implements storage.Writer, storage.Reader and storage.Keeper, and it is the only
// package that knows Elasticsearch's client.
//
// A commit is many requests, and stands with the last of them: the one that replaces the writer's head (see head). Until
// then its documents bear a number that readers leave out; what an interrupted commit left is removed at the next
// opening. Documents are created under ids that follow from the events, so repeating a commit repeats nothing.
//
// What a commit wrote is seen by this store's reads at once, since they refresh the indices first; other readers see it
// some seconds later.
//
// Queries are answered by the index where it can tell the same as query.Matcher. Where it cannot, it yields candidates,
// which are read and matched here (see bounds).
package elastic

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
)

// Store is an open store. It is safe for concurrent use: reads run beside each other and beside a commit, commits wait
// for each other.
type Store struct {
	cfg    Config
	names  names
	client *client
	bulk   *bulker

	writing sync.Mutex // held by commits and by what else writes
	head    head       // the head as this writer knows it; these are guarded by writing
	place   placed
	marks   map[event.GenID]event.Mark // nil when a failure made them doubtful
	last    int64                      // the highest number given to a commit
	doubt   doubt
	enc     encoder

	marked markedFields

	indexing sync.Mutex
	indices  map[string]*index

	refreshing sync.Mutex // held while indices are refreshed, so that nobody reads before
	seen       sync.Mutex
	snapshot   snapshot // guarded by seen, like the following
	dirty      map[string]bool
	apart      map[string]apart // what the cluster refused, by record of the quarantine
	closed     bool

	annexed atomic.Bool // it has an annex
}

// A doubt is a commit that was begun and did not come to stand: its number, and what it was.
type doubt struct {
	batch int64
	print string
}

// A snapshot is what a read may see of this writer's documents.
type snapshot struct {
	batch int64      // of the last commit that stands
	void  [][2]int64 // numbers before it that do not count
}

var (
	_ storage.Store      = (*Store)(nil)
	_ storage.Quarantine = (*Store)(nil)
)

var (
	errClosed   = errors.New("the store is closed")
	errReadOnly = errors.New("the store was opened for reading only")
)

// Open connects to a cluster, makes what the store needs there if it is not there yet, and takes over from whoever wrote
// under this name before. It refuses a cluster before version 8.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	c, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	s := &Store{cfg: cfg, names: names{cfg.Prefix, cfg.Monthly, cfg.annex}, client: c, bulk: newBulker(c, cfg.Workers, cfg.Patience),
		enc: encoder{schema: cfg.Schema, writer: cfg.Writer, keys: make(map[string]bool)}, indices: make(map[string]*index)}
	if _, err := c.version(ctx); err != nil {
		return nil, err
	}
	if err := s.loadQuarantine(ctx); err != nil {
		return nil, err
	}
	if cfg.ReadOnly {
		h, _, _, err := s.readHead(ctx)
		s.stand(h)
		return s, err
	}
	if err := s.layOut(ctx); err != nil {
		return nil, fmt.Errorf("lay out the store %s in Elasticsearch: %w", cfg.Prefix, err)
	}
	if err := s.takeOver(ctx); err != nil {
		return nil, fmt.Errorf("open the store %s in Elasticsearch: %w", cfg.Prefix, err)
	}
	if !cfg.annex {
		if err := s.removeAnnex(ctx); err != nil {
			return nil, fmt.Errorf("remove what a killed process left of an annex: %w", err)
		}
	}
	return s, nil
}

// layOut puts the templates and makes the index of marks; other indices are made when something is to be written to them.
func (s *Store) layOut(ctx context.Context) error {
	for name, t := range map[string]dsl{s.names.events(): s.eventTemplate(), s.names.rollups(): s.rollupTemplate()} {
		if err := s.client.call(ctx, http.MethodPut, "/_index_template/"+name, t, nil); err != nil {
			return fmt.Errorf("put the template %s: %w", name, err)
		}
	}
	return s.ensure(ctx, s.index(s.names.state()))
}

// isThere reports whether an index could not be made because it is there.
func isThere(err error) bool {
	var a *answerError
	return errors.As(err, &a) && a.kind == "resource_already_exists_exception"
}

// Close ends the store. What was committed is durable already.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	s.seen.Lock()
	defer s.seen.Unlock()
	s.closed = true
	return nil
}

// writable returns why nothing can be written.
func (s *Store) writable() error {
	if s.cfg.ReadOnly {
		return errReadOnly
	}
	return s.alive()
}

func (s *Store) alive() error {
	s.seen.Lock()
	defer s.seen.Unlock()
	if s.closed {
		return errClosed
	}
	return nil
}

// stand makes a commit visible to reads, which refresh the given indices first.
func (s *Store) stand(h head, touched ...string) {
	for _, name := range touched {
		s.touch(name)
	}
	s.seen.Lock()
	defer s.seen.Unlock()
	s.snapshot = snapshot{h.Batch, h.Void}
}

// touch makes reads refresh an index first.
func (s *Store) touch(name string) {
	s.seen.Lock()
	defer s.seen.Unlock()
	if s.dirty == nil {
		s.dirty = make(map[string]bool)
	}
	s.dirty[name] = true
}

// begin is called by every read: it returns what the read may see, and makes Elasticsearch see it.
func (s *Store) begin(ctx context.Context) (snapshot, error) {
	s.refreshing.Lock()
	defer s.refreshing.Unlock()
	s.seen.Lock()
	snap, dirty, closed := s.snapshot, s.dirty, s.closed
	s.dirty = nil
	s.seen.Unlock()
	if closed {
		return snap, errClosed
	}
	if err := s.refresh(ctx, slices.Sorted(maps.Keys(dirty))...); err != nil {
		s.seen.Lock()
		defer s.seen.Unlock()
		if s.dirty == nil {
			s.dirty = dirty
		} else {
			maps.Copy(s.dirty, dirty)
		}
		return snap, err
	}
	return snap, nil
}

// refresh makes Elasticsearch see what was written to some indices.
func (s *Store) refresh(ctx context.Context, names ...string) error {
	const together = 30 // names in one path
	for part := range slices.Chunk(names, together) {
		err := s.client.call(ctx, http.MethodPost, "/"+strings.Join(part, ",")+"/_refresh?ignore_unavailable=true", nil, nil)
		if err != nil {
			return fmt.Errorf("refresh the indices: %w", err)
		}
	}
	return nil
}

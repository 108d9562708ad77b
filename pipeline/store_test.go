package pipeline

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"

	"github.com/saypro/veritail/pipeline/event"
)

// stored is one event of a memStore.
type stored struct {
	gen      event.GenID
	off      int64
	text     string
	lines    int32
	unparsed bool
}

// memStore is a store in memory that keeps to the contract of Commit. fail, if set, is asked before each commit.
type memStore struct {
	mu       sync.Mutex
	events   []stored
	marks    map[event.GenID]event.Mark
	gens     map[event.GenID]event.Generation
	findings []event.Finding
	rollups  []event.Delta
	commits  int
	fail     func(n int) failure
	discard  bool // keep no events, for benchmarks
}

type failure int

const (
	works   failure = iota
	fails           // and nothing is written
	doubts          // it is written, and fails all the same
	refuses         // the first generation is refused
)

var errStore = errors.New("no space left on device")

func newMemStore() *memStore {
	return &memStore{marks: map[event.GenID]event.Mark{}, gens: map[event.GenID]event.Generation{}}
}

func (s *memStore) Commit(_ context.Context, c *event.Commit) ([]event.GenID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits++
	how := works
	if s.fail != nil {
		how = s.fail(s.commits)
	}
	if how == fails {
		return nil, errStore
	}
	var refused []event.GenID
	skip := map[event.GenID]bool{}
	for i, to := range c.To {
		have := s.marks[to.Gen]
		have.Gen = to.Gen
		switch {
		case sameMark(have, c.From[i]) && sameMark(have, to):
			s.marks[to.Gen] = to // a generation that has given nothing yet
		case sameMark(have, to) || have.Off > to.Off:
			skip[to.Gen] = true
		case !sameMark(have, c.From[i]) || how == refuses && i == 0:
			skip[to.Gen] = true
			refused = append(refused, to.Gen)
		default:
			s.marks[to.Gen] = to
		}
	}
	for _, g := range c.Gens {
		if !skip[g.ID] {
			s.gens[g.ID] = g
		}
	}
	for _, p := range c.Pages {
		if !skip[p.Gen] && !s.discard {
			s.take(p)
		}
	}
	if len(skip) == 0 {
		s.findings = append(s.findings, c.Findings...)
		s.rollups = append(s.rollups, c.Rollups...)
	}
	if how == doubts {
		return nil, errStore
	}
	return refused, nil
}

func (s *memStore) take(p *event.Page) {
	for i := range p.N {
		s.events = append(s.events, stored{p.Gen, p.Offset(i), string(p.Bytes(p.Raw[i])), p.Lines[i], p.Unparsed.Has(i)})
	}
}

func (s *memStore) Marks(context.Context) ([]event.Mark, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.marks)), nil
}

func (s *memStore) Generations(context.Context) ([]event.Generation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Collect(maps.Values(s.gens)), nil
}

// texts returns the texts of all events, in the order in which they were stored.
func (s *memStore) texts() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, e := range s.events {
		all = append(all, e.text)
	}
	return all
}

func (s *memStore) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.events)
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"hash/maphash"
	"reflect"
	"sync"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/rules/drill"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// storeProof is what the store took of a drill and gave back.
type storeProof struct {
	Events   int    `json:"events"`
	Findings int    `json:"findings"`
	Lost     string `json:"lost,omitempty"` // the first that it did not give back as it was given
}

func (p *storeProof) String() string {
	if p.Lost != "" {
		return "The store did not give back all that it took: " + printable(p.Lost)
	}
	return fmt.Sprintf("The store took %d events and %d findings of them, gave each back as it was, and keeps none.", p.Events, p.Findings)
}

// A drillStore is the annex to which a drill writes. It notes what was committed, and when what rules made of played events became
// durable.
type drillStore struct {
	storage.Annex
	mu             sync.Mutex
	counted, found map[string]time.Time // by site
	events         map[query.ID]uint64  // hashes of their texts
	findings       map[string]event.Finding
	seed           maphash.Seed
	now            func() drillMoment
	lasts          map[string]drillMoment // by site: when its last event was stored, which the engine has judged by then
}

func newDrillStore(a storage.Annex, now func() drillMoment) *drillStore {
	return &drillStore{
		now: now, lasts: map[string]drillMoment{},
		Annex: a, counted: map[string]time.Time{}, found: map[string]time.Time{}, events: map[query.ID]uint64{}, findings: map[string]event.Finding{},
		seed: maphash.MakeSeed(),
	}
}

// Commit implements pipeline.Store.
func (s *drillStore) Commit(ctx context.Context, c *event.Commit) ([]event.GenID, error) {
	refused, err := s.Annex.Commit(ctx, c)
	if err != nil || len(refused) > 0 {
		return refused, err
	}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range c.Pages {
		s.lasts[p.Site] = s.now()
		for i := range p.N {
			s.events[query.ID{Gen: p.Gen, Off: p.Offset(i)}] = s.hash(p, i)
		}
	}
	for i := range c.Rollups {
		note(s.counted, c.Rollups[i].Site+" "+c.Rollups[i].Series, now)
	}
	for i := range c.Findings {
		s.findings[c.Findings[i].ID] = c.Findings[i]
		note(s.found, c.Findings[i].Site+" "+c.Findings[i].Rule, now)
	}
	return nil, nil
}

// last returns when the last event of a site was stored, the zero one if there was none.
func (s *drillStore) last(site string) drillMoment {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lasts[site]
}

// hash is that of an event's text, as stores keep it.
func (s *drillStore) hash(p *event.Page, i int) uint64 {
	return maphash.Bytes(s.seed, bytes.ToValidUTF8(p.Bytes(p.Raw[i]), []byte("\uFFFD")))
}

func note(m map[string]time.Time, key string, at time.Time) {
	if _, ok := m[key]; !ok {
		m[key] = at
	}
}

// durable returns since when that is stored which proves a rule.
func (s *drillStore) durable(p *drill.Play) (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok = s.counted[p.Site+" "+rules.RuleSeries(p.Rule.ID)]
	if ok && p.MakesFindings() {
		at, ok = s.found[p.Site+" "+p.Rule.ID]
	}
	return at, ok
}

// Scan implements rules.History.
func (s *drillStore) Scan(ctx context.Context, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	return s.Annex.Scan(ctx, access.All(), e, during, f)
}

// prove reads back all that was committed.
func (s *drillStore) prove(ctx context.Context) (*storeProof, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	proof := &storeProof{Events: len(s.events), Findings: len(s.findings)}
	left := len(s.events)
	err := s.Annex.Scan(ctx, access.All(), nil, query.Interval{}, func(p *event.Page) error {
		for i := range p.N {
			id := query.ID{Gen: p.Gen, Off: p.Offset(i)}
			if hash, ok := s.events[id]; !ok || hash != s.hash(p, i) {
				proof.Lost = fmt.Sprintf("the event %s-%d is not as it was", id.Gen, id.Off)
			} else {
				left--
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read back the events of a drill: %w", err)
	}
	if proof.Lost == "" && left != 0 {
		proof.Lost = fmt.Sprintf("of %d events %d are there", len(s.events), len(s.events)-left)
	}
	left = len(s.findings)
	for q := (storage.FindingQuery{Limit: 100}); ; {
		list, err := s.Annex.Findings(ctx, access.All(), q)
		if err != nil {
			return nil, fmt.Errorf("read back the findings of a drill: %w", err)
		}
		for _, f := range list {
			if given, ok := s.findings[f.ID]; !ok || !reflect.DeepEqual(f, given) {
				proof.Lost = "the finding " + f.ID + " of " + f.Rule + " is not as it was"
			}
			left--
		}
		if len(list) < q.Limit {
			break
		}
		q.Before = list[len(list)-1].ID
	}
	if proof.Lost == "" && left != 0 {
		proof.Lost = fmt.Sprintf("of %d findings %d are there", len(s.findings), len(s.findings)-left)
	}
	return proof, nil
}

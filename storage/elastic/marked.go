package elastic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// A marks knows which fields have values that the index cannot hold, as of a commit. Most stores have none.
type markedFields struct {
	mu    sync.Mutex
	batch int64 // as of this commit of ours
	at    time.Time
	names map[string]bool // as marker writes them; nil: there are too many, take all to be marked
}

const (
	markedFor  = 5 * time.Second // what others have written since is seen a little later
	markedMost = 5000
)

// doubt makes the next read ask again.
func (m *markedFields) doubt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at = time.Time{}
}

// compiler returns a compiler that knows the marked fields of a snapshot.
func (s *Store) compiler(ctx context.Context, snap snapshot) (compiler, error) {
	m := &s.marked
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.batch != snap.batch || time.Since(m.at) > markedFor {
		names, err := s.readMarked(ctx)
		if err != nil {
			return compiler{}, fmt.Errorf("ask for fields that are not indexed: %w", err)
		}
		m.batch, m.at, m.names = snap.batch, time.Now(), names
	}
	names := m.names
	return compiler{marked: func(name string) bool { return names == nil || names[marker(name)] }}, nil
}

func (s *Store) readMarked(ctx context.Context) (map[string]bool, error) {
	var answer searchAnswer
	body := dsl{"size": 0, "query": exists(fLong), "aggs": dsl{"long": dsl{"terms": dsl{"field": fLong, "size": markedMost}}}}
	if err := s.search(ctx, s.names.events(), body, &answer); err != nil {
		return nil, err
	}
	buckets := answer.Aggregations["long"].Buckets
	if len(buckets) == markedMost {
		return nil, nil
	}
	names := make(map[string]bool, len(buckets))
	for _, b := range buckets {
		names[b.text()] = true
	}
	return names, nil
}

// whole are the parameters of searches: all of the answer or none of it.
const whole = "allow_partial_search_results=false&ignore_unavailable=true&allow_no_indices=true"

// search asks the indices behind a name, patiently.
func (s *Store) search(ctx context.Context, name string, body dsl, answer *searchAnswer) error {
	return s.searchInto(ctx, name, body, answer, answer)
}

// searchInto is search with an answer of another form around the usual one.
func (s *Store) searchInto(ctx context.Context, name string, body dsl, answer any, inner *searchAnswer) error {
	err := patiently(ctx, func() error { return s.client.call(ctx, http.MethodPost, "/"+name+"/_search?"+whole, body, answer) })
	return errors.Join(err, inner.whole())
}

// patiently asks again for a while, if the cluster has too much to do, or has not started the shards of a new index yet.
func patiently(ctx context.Context, ask func() error) error {
	deadline := time.Now().Add(searchPatience)
	for attempt := 1; ; attempt++ {
		err := ask()
		if status := statusOf(err); status != http.StatusServiceUnavailable && status != http.StatusTooManyRequests || time.Now().After(deadline) {
			return err
		}
		if err := sleep(ctx, backoff(attempt)); err != nil {
			return err
		}
	}
}

const searchPatience = 10 * time.Second

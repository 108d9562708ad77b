package elastic

import (
	"context"
	"fmt"

	"github.com/saypro/veritail/storage"
)

// A reading is how far it is gone through what a condition finds, where the events are looked at here.
type reading struct {
	storage.Progress
	tell func(storage.Progress) // nil: nobody wants to know
}

// follow counts what is to be read, if anybody follows the read.
func (s *Store) follow(ctx context.Context, w where) (*reading, error) {
	trace := storage.TraceOf(ctx)
	r := &reading{tell: trace.Progress}
	if trace.Progress == nil && trace.Step == nil {
		return r, nil
	}
	var answer searchAnswer
	if err := s.search(ctx, s.names.events(), dsl{"size": 0, "track_total_hits": true, "query": w.upper}, &answer); err != nil {
		return nil, err
	}
	r.Total = answer.Hits.Total.Value
	if trace.Step != nil {
		trace.Step(fmt.Sprintf("the index cannot answer this alone: up to %d events that it finds are looked at one by one", r.Total))
	}
	r.add(0)
	return r, nil
}

// add counts events that were looked at.
func (r *reading) add(events int) {
	if r.tell == nil {
		return
	}
	r.Read += int64(events)
	r.Total = max(r.Total, r.Read) // some were written meanwhile
	r.tell(r.Progress)
}

// alone tells that the index does it.
func alone(ctx context.Context) {
	if step := storage.TraceOf(ctx).Step; step != nil {
		step("the index answers this alone")
	}
}

package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// Stands returns where every writer of the cluster stands. Scan finds all events of the commits that it names.
func (l *Lease) Stands(ctx context.Context) (map[string]storage.Stand, error) {
	s := l.s
	if err := s.refresh(ctx, s.names.state()); err != nil {
		return nil, err
	}
	stands := make(map[string]storage.Stand)
	err := s.stateSearch(ctx, filter(term("kind", "head")), fWriter, []string{fWriter, "body.batch", "body.marks"}, func(d stateDoc) error {
		var h head
		if err := json.Unmarshal(d.Body, &h); err != nil {
			return fmt.Errorf("%s: %w", d.Writer, err)
		}
		stands[d.Writer] = storage.Stand{Commit: h.Batch, Marks: h.Marks}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read where the hosts stand: %w", err)
	}
	return stands, nil
}

// Time returns the time by the cluster's clock, of which there is one for all who ever have the lease.
func (l *Lease) Time(ctx context.Context) (time.Time, error) {
	skew, err := l.s.Skew(ctx)
	return time.Now().Add(skew), err
}

// Scan calls f with the matching events of those commits that lie, by writer, after from and up to to. Otherwise it is as
// Store.Scan.
//
// Numbers that do not count are of no concern here: their documents have been removed before a greater one stands, and if
// one is written late all the same, it is an event that is stored once, under that number and no other.
func (l *Lease) Scan(ctx context.Context, from, to map[string]int64, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	var commits []dsl
	for writer, upto := range to {
		if after := from[writer]; after < upto {
			commits = append(commits, filter(term(fWriter, writer), dsl{"range": dsl{fBatch: dsl{"gt": after, "lte": upto}}}))
		}
	}
	if len(commits) == 0 {
		return nil
	}
	l.s.touch(l.s.names.events())
	l.s.marked.doubt() // they may have come with just these commits
	return l.s.scanAmong(ctx, either(commits...), access.All(), e, during, f)
}

// Package memory keeps what the stages make of events, findings and rollups, in memory, and no events: a scan of
// finished files needs no more, and its report reads it as it would read a store.
package memory

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
)

// A Store takes commits and answers for findings and rollups; it is a storage.Results. Commits and reads do not run
// at the same time.
type Store struct {
	findings []event.Finding
	series   map[string]*series // there are as many as groups, and few are asked for
	last     [2]*series         // of the deltas before: they come in runs
	origins  []origin
}

// A series is the amounts of one name.
type series struct {
	name  string
	cells map[cell]amount
}

// A cell is a place in a series.
type cell struct {
	minute int64
	bucket int32
	origin int32 // number in origins
}

// An origin is where events come from. There are few.
type origin struct{ site, dataset string }

type amount struct {
	n   int64
	sum float64
}

// New returns an empty store.
func New() *Store {
	return &Store{series: map[string]*series{}}
}

// Commit keeps the findings and rollups of c; nothing of its pages is used afterwards.
func (s *Store) Commit(_ context.Context, c *event.Commit) error {
	s.findings = append(s.findings, c.Findings...)
	for i := range c.Rollups {
		d := &c.Rollups[i]
		cells := s.named(d.Series).cells
		k := cell{d.Minute, d.Bucket, s.origin(origin{d.Site, d.Dataset})}
		a := cells[k]
		cells[k] = amount{a.n + d.N, a.sum + d.Sum}
	}
	return nil
}

// named returns the series of a name, a new one the first time.
func (s *Store) named(name string) *series {
	if s.last[0] != nil && s.last[0].name == name {
		return s.last[0]
	}
	if s.last[1] == nil || s.last[1].name != name {
		if s.last[1] = s.series[name]; s.last[1] == nil {
			s.last[1] = &series{name, map[cell]amount{}}
			s.series[name] = s.last[1]
		}
	}
	s.last[0], s.last[1] = s.last[1], s.last[0]
	return s.last[0]
}

// origin returns the number of an origin.
func (s *Store) origin(o origin) int32 {
	i := slices.Index(s.origins, o)
	if i < 0 {
		i = len(s.origins)
		s.origins = append(s.origins, o)
	}
	return int32(i)
}

// Findings implements storage.Results.
func (s *Store) Findings(_ context.Context, v access.View, q storage.FindingQuery) ([]event.Finding, error) {
	if v.None() {
		return nil, nil
	}
	var out []event.Finding
	for i := len(s.findings) - 1; i >= 0; i-- { // of one time, the one that was found last comes first
		if keep(&s.findings[i], &q) {
			out = append(out, s.findings[i])
		}
	}
	slices.SortStableFunc(out, func(a, b event.Finding) int { return cmp.Compare(b.Time, a.Time) })
	if q.Before != "" {
		i := slices.IndexFunc(out, func(f event.Finding) bool { return f.ID == q.Before })
		out = out[i+1:]
	}
	limit := q.Limit
	if limit == 0 {
		limit = 100
	}
	return out[:min(len(out), limit)], nil
}

func keep(f *event.Finding, q *storage.FindingQuery) bool {
	return (q.ID == "" || f.ID == q.ID) &&
		(len(q.Rules) == 0 || slices.Contains(q.Rules, f.Rule)) &&
		(len(q.Severities) == 0 || slices.Contains(q.Severities, f.Severity)) &&
		(q.Audience == "" || slices.Contains(f.Audience, q.Audience)) &&
		(q.Site == nil || f.Site == *q.Site) &&
		q.During.Contains(f.Time)
}

// Rollups implements storage.Results.
func (s *Store) Rollups(_ context.Context, v access.View, q storage.RollupQuery) ([]event.Delta, error) {
	if v.None() {
		return nil, nil
	}
	step := max(q.Every.Microseconds(), 60_000_000)
	var out []event.Delta
	for name, series := range s.series {
		if !slices.ContainsFunc(q.Series, func(p string) bool { return named(name, p) }) {
			continue
		}
		sums := map[cell]amount{}
		for k, a := range series.cells {
			if s.origins[k.origin].site != q.Site || !q.During.Contains(k.minute) {
				continue
			}
			k.minute -= (k.minute%step + step) % step
			sum := sums[k]
			sums[k] = amount{sum.n + a.n, sum.sum + a.sum}
		}
		for k, a := range sums {
			o := s.origins[k.origin]
			out = append(out, event.Delta{Site: o.site, Series: name, Dataset: o.dataset, Minute: k.minute, Bucket: k.bucket, N: a.n, Sum: a.sum})
		}
	}
	slices.SortFunc(out, func(a, b event.Delta) int {
		return cmp.Or(strings.Compare(a.Series, b.Series), strings.Compare(a.Dataset, b.Dataset),
			cmp.Compare(a.Minute, b.Minute), cmp.Compare(a.Bucket, b.Bucket))
	})
	return out, nil
}

// named reports whether series is what pattern asks for: the same, or with that beginning if it ends in *.
func named(series, pattern string) bool {
	if head, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(series, head)
	}
	return series == pattern
}

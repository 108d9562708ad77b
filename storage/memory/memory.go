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
	findings [][]event.Finding // of each commit that had any
	numbers  map[string]int    // series → number
	names    []string
	last     int // the number of the series that came last
	origins  []origin
	// What is added lies by minute: the stages of a commit add to many series of few minutes.
	rows map[rowKey]*row
	at   rowKey // the row that was used last
	row  *row
	// Cells of histograms, but for the first, are elsewhere.
	cells map[cell]amount
}

// An origin is where events come from. There are few.
type origin struct{ site, dataset string }

type rowKey struct {
	minute int64
	origin int
}

// A row holds the amounts of one minute and origin, by number of series. Few series have sums.
type row struct {
	n   []int64
	sum []float64 // empty until there is one
}

type cell struct {
	rowKey
	series int
	bucket int32
}

type amount struct {
	n   int64
	sum float64
}

// New returns an empty store.
func New() *Store {
	return &Store{numbers: map[string]int{}, rows: map[rowKey]*row{}, cells: map[cell]amount{}}
}

// Commit keeps the findings and rollups of c; nothing else of it is used afterwards.
func (s *Store) Commit(_ context.Context, c *event.Commit) error {
	if len(c.Findings) > 0 {
		s.findings = append(s.findings, c.Findings)
	}
	for i := range c.Rollups {
		d := &c.Rollups[i]
		key := rowKey{d.Minute, s.origin(d.Site, d.Dataset)}
		series := s.number(d.Series)
		if d.Bucket != 0 {
			k := cell{key, series, d.Bucket}
			a := s.cells[k]
			s.cells[k] = amount{a.n + d.N, a.sum + d.Sum}
			continue
		}
		if s.row == nil || s.at != key {
			s.at, s.row = key, rowOf(s.rows, key)
		}
		s.row.add(series, len(s.names), amount{d.N, d.Sum})
	}
	return nil
}

// number returns the number of a series, a new one the first time. Series come in the same order again and again.
func (s *Store) number(name string) int {
	for _, guess := range [...]int{s.last + 1, s.last} {
		if guess < len(s.names) && s.names[guess] == name {
			s.last = guess
			return guess
		}
	}
	n, ok := s.numbers[name]
	if !ok {
		n = len(s.names)
		s.names = append(s.names, name)
		s.numbers[name] = n
	}
	s.last = n
	return n
}

// origin returns the number of an origin.
func (s *Store) origin(site, dataset string) int {
	for i := range s.origins {
		if o := &s.origins[i]; o.dataset == dataset && o.site == site {
			return i
		}
	}
	s.origins = append(s.origins, origin{site, dataset})
	return len(s.origins) - 1
}

// rowOf returns the row of a key, a new one the first time.
func rowOf(rows map[rowKey]*row, key rowKey) *row {
	r := rows[key]
	if r == nil {
		r = &row{}
		rows[key] = r
	}
	return r
}

// add adds to the amount of a series, which is one of so many.
func (r *row) add(series, of int, a amount) {
	r.n = extend(r.n, series, of)
	r.n[series] += a.n
	if a.sum != 0 {
		r.sum = extend(r.sum, series, of)
		r.sum[series] += a.sum
	}
}

// extend makes s as long as there are series, if it does not reach to the one.
func extend[T any](s []T, series, of int) []T {
	if series < len(s) {
		return s
	}
	return append(s, make([]T, of-len(s))...)
}

// amount returns the amount of a series.
func (r *row) amount(series int) amount {
	a := amount{n: r.n[series]}
	if series < len(r.sum) {
		a.sum = r.sum[series]
	}
	return a
}

// Findings implements storage.Results.
func (s *Store) Findings(_ context.Context, v access.View, q storage.FindingQuery) ([]event.Finding, error) {
	if v.None() {
		return nil, nil
	}
	n := 0
	for _, found := range s.findings {
		for i := range found {
			if keep(&found[i], &q) {
				n++
			}
		}
	}
	out := make([]event.Finding, 0, n)
	for _, found := range slices.Backward(s.findings) { // of one time, the one that was found last comes first
		for i := len(found) - 1; i >= 0; i-- {
			if keep(&found[i], &q) {
				out = append(out, found[i])
			}
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
	inStep := func(k rowKey) (rowKey, bool) {
		asked := s.origins[k.origin].site == q.Site && q.During.Contains(k.minute)
		k.minute -= (k.minute%step + step) % step
		return k, asked
	}
	var asked []int // numbers of series
	for i, name := range s.names {
		if slices.ContainsFunc(q.Series, func(p string) bool { return named(name, p) }) {
			asked = append(asked, i)
		}
	}
	if len(asked) == 0 {
		return nil, nil
	}
	rows, cells := map[rowKey]*row{}, map[cell]amount{}
	for key, r := range s.rows {
		if k, ok := inStep(key); ok {
			sum := rowOf(rows, k)
			for _, i := range asked {
				if i < len(r.n) {
					sum.add(i, len(s.names), r.amount(i))
				}
			}
		}
	}
	for key, a := range s.cells {
		if k, ok := inStep(key.rowKey); ok {
			if _, wanted := slices.BinarySearch(asked, key.series); wanted {
				key.rowKey = k
				sum := cells[key]
				cells[key] = amount{sum.n + a.n, sum.sum + a.sum}
			}
		}
	}
	var out []event.Delta
	tell := func(k cell, a amount) {
		if a != (amount{}) {
			o := s.origins[k.origin]
			out = append(out, event.Delta{Site: o.site, Series: s.names[k.series], Dataset: o.dataset, Minute: k.minute, Bucket: k.bucket, N: a.n, Sum: a.sum})
		}
	}
	for k, r := range rows {
		for _, i := range asked {
			if i < len(r.n) {
				tell(cell{k, i, 0}, r.amount(i))
			}
		}
	}
	for k, a := range cells {
		tell(k, a)
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

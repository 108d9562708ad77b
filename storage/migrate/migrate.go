// Package migrate moves what one store has kept into an empty one of another kind: events, findings, rollups, generations
// and marks. It compares both afterwards, by counts and digests, and goes on where it was interrupted. It stands beside the
// flow: no daemon runs meanwhile.
package migrate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// A Source is what is copied.
type Source interface {
	storage.Reader
	Marks(context.Context) ([]event.Mark, error)
	Generations(context.Context) ([]event.Generation, error)
}

// A Target takes the copy. Its reads see nothing but that.
type Target interface {
	Source
	storage.Writer
	// Import writes the events of the pages that each hands to add, all or none; those that it has stay as they are.
	Import(ctx context.Context, each func(add func(*event.Page) error) error) error
	// Missing notes the lines of generations that had been dropped before.
	Missing(context.Context, map[event.GenID]int64) error
}

// Move copies From to To. It is used once.
type Move struct {
	From Source
	To   Target
	// Progress is told after each hour of events how many have been copied or found there, of all; nil: nobody is told.
	Progress func(done, all int64)

	result Result
	sites  []string
	lines  map[event.GenID]int64 // of the source's events, by generation
	done   int64
}

// Result is what was copied and compared.
type Result struct {
	Days     []Part   `json:"days"`
	Rollups  Part     `json:"rollups"`
	Findings Part     `json:"findings"`
	Files    int      `json:"generations"`
	Problems []string `json:"problems"` // what does not agree, one line each; empty: the copy is whole
}

// A Part is what both stores have of something.
type Part struct {
	Day    string `json:"day,omitempty"` // 2026-11-24
	Here   int64  `json:"source"`
	There  int64  `json:"target"`
	Copied bool   `json:"copied"` // this time, else it was there
	Digest string `json:"digest"` // of the source's, whatever their order
	Equal  bool   `json:"equal"`
}

const (
	day  = 24 * time.Hour
	many = 1 << 30 // more groups, findings than there are
	some = 2000    // findings written together
)

// Run copies what is missing, compares all, and last writes the marks, which say that the copy is whole. A target that has
// marks already is only compared. An error means that it has to be run again; the result says what was compared.
func (m *Move) Run(ctx context.Context) (Result, error) {
	m.lines = make(map[event.GenID]int64)
	before, err := m.To.Marks(ctx)
	if err != nil {
		return m.result, err
	}
	copying := len(before) == 0
	for _, step := range []func(context.Context, bool) error{m.events, m.rollups, m.findings} {
		if err := step(ctx, copying); err != nil {
			return m.result, err
		}
	}
	if copying && len(m.result.Problems) == 0 {
		err = m.marks(ctx)
	} else if !copying {
		err = m.compareMarks(ctx, before)
	}
	return m.result, err
}

func (m *Move) problem(format string, args ...any) {
	m.result.Problems = append(m.result.Problems, fmt.Sprintf(format, args...))
}

// hours counts the events of each hour.
func hours(ctx context.Context, r storage.Reader) (map[int64]int64, error) {
	t, err := r.Aggregate(ctx, access.All(), query.Agg{Every: time.Hour, Limit: many})
	if err != nil {
		return nil, fmt.Errorf("count the events: %w", err)
	}
	n := make(map[int64]int64)
	for _, row := range t.Rows {
		n[row.Time] += row.Count
	}
	return n, nil
}

// during is the interval of the events that are counted at an hour, or at a day. Those without a time are counted at 0.
func during(at int64, length time.Duration) query.Interval {
	if at == 0 {
		return query.Interval{To: length.Microseconds()}
	}
	return query.Interval{From: at, To: at + length.Microseconds()}
}

// events copies the hours that are not as many there as here, and compares the days.
func (m *Move) events(ctx context.Context, copying bool) error {
	here, err := hours(ctx, m.From)
	if err != nil {
		return err
	}
	there, err := hours(ctx, m.To)
	if err != nil {
		return err
	}
	all := int64(0)
	days := make(map[int64][]int64)
	for _, at := range slices.Sorted(maps.Keys(here)) {
		all += here[at]
		begin := at - at%day.Microseconds()
		days[begin] = append(days[begin], at)
	}
	for _, begin := range slices.Sorted(maps.Keys(days)) {
		p := Part{Day: time.UnixMicro(begin).UTC().Format(time.DateOnly)}
		for _, at := range days[begin] {
			if copying && there[at] != here[at] {
				if err := m.hour(ctx, at); err != nil {
					return err
				}
				p.Copied = true
			}
			m.done += here[at]
			if m.Progress != nil {
				m.Progress(m.done, all)
			}
		}
		if err := m.compareDay(ctx, begin, p); err != nil {
			return err
		}
	}
	for at := range there {
		if here[at] == 0 {
			m.problem("%s: %d events that are not in the embedded store", time.UnixMicro(at).UTC().Format("2006-01-02 15:04"), there[at])
		}
	}
	return nil
}

func (m *Move) hour(ctx context.Context, at int64) error {
	return m.To.Import(ctx, func(add func(*event.Page) error) error {
		return m.From.Scan(ctx, access.All(), nil, during(at, time.Hour), add)
	})
}

// compareDay compares the events of a day.
func (m *Move) compareDay(ctx context.Context, begin int64, p Part) error {
	here, err := digest(ctx, m.From, begin, func(page *event.Page) {
		for _, n := range page.Lines {
			m.lines[page.Gen] += int64(n)
		}
	})
	if err != nil {
		return err
	}
	there, err := digest(ctx, m.To, begin, nil)
	if err != nil {
		return err
	}
	p.compare(here, there)
	if !p.Equal {
		m.problem("%s: %d events here, %d there, with the digests %s and %s", p.Day, p.Here, p.There, here, there)
	}
	m.result.Days = append(m.result.Days, p)
	return nil
}

func (p *Part) compare(here, there sum) {
	p.Here, p.There, p.Digest, p.Equal = here.n, there.n, here.String(), here == there
}

// A sum is of things in any order: how many, and their hashes added up.
type sum struct {
	n    int64
	hash uint64
}

func (s sum) String() string { return fmt.Sprintf("%016x", s.hash) }

// add adds a value, by its JSON, or where it has none (no number, say) by what it prints.
func (s *sum) add(v any) {
	text, err := json.Marshal(v)
	if err != nil {
		text = fmt.Append(nil, v)
	}
	s.n++
	s.hash += xxhash.Sum64(text)
}

// digest sums up the events of a day, with all their fields.
func digest(ctx context.Context, r storage.Reader, begin int64, each func(*event.Page)) (s sum, err error) {
	err = r.Scan(ctx, access.All(), nil, during(begin, day), func(p *event.Page) error {
		if each != nil {
			each(p)
		}
		for i := range p.N {
			s.add(storage.EventOf(p, i))
		}
		return nil
	})
	return s, err
}

// rollups copies the days of which the target has none, each in one commit, and compares all.
func (m *Move) rollups(ctx context.Context, copying bool) error {
	sites, err := m.From.Aggregate(ctx, access.All(), query.Agg{By: []string{"veritail.site"}, Limit: many})
	if err != nil {
		return fmt.Errorf("list the sites: %w", err)
	}
	m.sites = []string{""}
	for _, row := range sites.Rows {
		if row.Key[0] != "" {
			m.sites = append(m.sites, row.Key[0])
		}
	}
	var here, there sum
	for _, site := range m.sites {
		if err := m.rollupsOf(ctx, site, copying, &here, &there); err != nil {
			return err
		}
	}
	m.result.Rollups.compare(here, there)
	if here != there {
		m.problem("rollups: %d here, %d there, with the digests %s and %s", here.n, there.n, here, there)
	}
	return nil
}

func (m *Move) rollupsOf(ctx context.Context, site string, copying bool, here, there *sum) error {
	days, err := m.From.Rollups(ctx, access.All(), storage.RollupQuery{Site: site, Every: day})
	if err != nil {
		return err
	}
	begins := make(map[int64]bool)
	for _, d := range days {
		begins[d.Minute] = true
	}
	for _, begin := range slices.Sorted(maps.Keys(begins)) {
		q := storage.RollupQuery{Site: site, During: during(begin, day)}
		deltas, err := m.From.Rollups(ctx, access.All(), q)
		if err != nil {
			return err
		}
		has, err := m.To.Rollups(ctx, access.All(), q)
		if err != nil {
			return err
		}
		if copying && len(has) == 0 {
			if _, err := m.To.Commit(ctx, &event.Commit{Rollups: deltas}); err != nil {
				return err
			}
			m.result.Rollups.Copied = true
			if has, err = m.To.Rollups(ctx, access.All(), q); err != nil {
				return err
			}
		}
		for _, d := range deltas {
			here.add(d)
		}
		for _, d := range has {
			there.add(d)
		}
	}
	return nil
}

// findings copies all findings, of which the target keeps those that it has, and compares them.
func (m *Move) findings(ctx context.Context, copying bool) error {
	list, err := m.From.Findings(ctx, access.All(), storage.FindingQuery{Limit: many})
	if err != nil {
		return err
	}
	if copying {
		for part := range slices.Chunk(list, some) {
			if _, err := m.To.Commit(ctx, &event.Commit{Findings: part}); err != nil {
				return err
			}
			m.result.Findings.Copied = true
		}
	}
	copied, err := m.To.Findings(ctx, access.All(), storage.FindingQuery{Limit: many})
	if err != nil {
		return err
	}
	var here, there sum
	for _, x := range []struct {
		list []event.Finding
		s    *sum
	}{{list, &here}, {copied, &there}} {
		for _, f := range x.list {
			body, err := storage.FindingBody(f)
			if err != nil {
				return fmt.Errorf("finding %s: %w", f.ID, err)
			}
			x.s.add(json.RawMessage(body))
		}
	}
	m.result.Findings.compare(here, there)
	if here != there {
		m.problem("findings: %d here, %d there, with the digests %s and %s", here.n, there.n, here, there)
	}
	return nil
}

// marks writes the generations and their marks, in one commit.
func (m *Move) marks(ctx context.Context) error {
	marks, err := m.From.Marks(ctx)
	if err != nil {
		return err
	}
	gens, err := m.From.Generations(ctx)
	if err != nil {
		return err
	}
	missing := make(map[event.GenID]int64)
	b := &event.Batch{To: marks, Gens: gens}
	for _, mark := range marks {
		b.From = append(b.From, event.Mark{Gen: mark.Gen})
		if n := mark.Lines.Parsed + mark.Lines.Unparsed - m.lines[mark.Gen]; n > 0 {
			missing[mark.Gen] = n
		}
	}
	if err := m.To.Missing(ctx, missing); err != nil {
		return err
	}
	refused, err := m.To.Commit(ctx, &event.Commit{Batch: b})
	if err == nil && len(refused) > 0 {
		err = fmt.Errorf("write the marks: those of %d generations were refused", len(refused))
	}
	if err != nil {
		return err
	}
	m.result.Files = len(gens)
	return nil
}

// compareMarks tells of a target whose marks are not those of the source: a daemon has gone on from them.
func (m *Move) compareMarks(ctx context.Context, there []event.Mark) error {
	here, err := m.From.Marks(ctx)
	if err != nil {
		return err
	}
	gens, err := m.From.Generations(ctx)
	if err != nil {
		return err
	}
	m.result.Files = len(gens)
	at := make(map[event.GenID]int64)
	for _, mark := range there {
		at[mark.Gen] = mark.Off
	}
	for _, mark := range here {
		if off, ok := at[mark.Gen]; !ok || off != mark.Off {
			m.problem("the target has been written to by a daemon: generation %s stands at %d there, at %d here", mark.Gen, off, mark.Off)
			return nil
		}
	}
	return nil
}

package kpi

import (
	"context"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

const minute = int64(time.Minute / time.Microsecond)

// A Stage adds the rollups of the KPIs to each commit (it is a pipeline.Stage). Per KPI it writes
//
//	kpi/<id>/from   N: events (or lines) that make it measured
//	kpi/<id>/count  N: those of them that are counted; for averages and p95 those that have the field, Sum its sum
//	kpi/<id>/hist   N by cell of the histogram, for p95
//
// by the minute of the event and its data set, under the site of its page. KPIs that sum rules have no count of
// their own: the rules engine writes their occurrences as rule/<rule id>. An event without a time counts in the
// minute of the event before it in its page, else of the next one that has a time, else of the clock.
//
// Work is per page and per run of rows of one minute: nothing is allocated per row. It is used by one goroutine.
type Stage struct {
	counters []counter
	queries  *query.Set
	runs     []run
	cells    map[cell]int // position in out
	origins  []origin     // of the commit at hand
	out      []event.Delta
	now      func() time.Time
}

// A counter is what Stage does for one definition.
type counter struct {
	def          *Definition
	from, where  int // queries; where is -1 where all of from counts
	series       [3]string
	cells        []int64 // of the histogram, for the run at hand
	touched      []int32
	all, counted event.Bits // of the page at hand
}

// A run is a stretch of rows a ≤ i < b of one minute.
type run struct {
	a, b   int
	minute int64
}

// A cell is a place in a series of one counter, for the page's site and data set.
type cell struct {
	counter int32
	series  int32 // which of the counter's
	origin  int32 // number of site and data set
	bucket  int32
	minute  int64
}

type origin struct{ site, dataset string }

// The series of a counter.
const (
	seriesFrom = iota
	seriesCount
	seriesHist
)

// NewStage returns a stage that counts defs, which Load has checked.
func NewStage(defs []Definition) (*Stage, error) {
	s := &Stage{queries: query.NewSet(), cells: map[cell]int{}, now: time.Now}
	for i := range defs {
		d := &defs[i]
		c := counter{def: d, where: -1, series: [3]string{d.series("from"), d.series("count"), d.series("hist")}}
		var err error
		if c.from, err = s.queries.Add(d.from); err != nil {
			return nil, fmt.Errorf("kpi %q: from: %w", d.ID, err)
		}
		if d.where != nil {
			if c.where, err = s.queries.Add(d.where); err != nil {
				return nil, fmt.Errorf("kpi %q: where: %w", d.ID, err)
			}
		}
		if d.Kind == P95 {
			c.cells = make([]int64, cells)
		}
		s.counters = append(s.counters, c)
	}
	return s, nil
}

// Process appends the deltas of c's events to c.Rollups.
func (s *Stage) Process(_ context.Context, c *event.Commit) error {
	if c.Batch == nil || len(c.Pages) == 0 {
		return nil
	}
	clear(s.cells)
	s.out, s.origins = s.out[:0], s.origins[:0]
	for _, p := range c.Pages {
		if p.N > 0 {
			s.page(p)
		}
	}
	c.Rollups = append(c.Rollups, s.out...)
	return nil
}

func (s *Stage) page(p *event.Page) {
	s.split(p)
	s.queries.Begin(p)
	for i := range s.counters {
		c := &s.counters[i]
		c.all = *s.queries.Match(c.from)
		c.counted = c.all
		if c.where >= 0 {
			where := s.queries.Match(c.where)
			for w := range c.counted {
				c.counted[w] &= where[w]
			}
		}
	}
	at := s.origin(p)
	for _, r := range s.runs {
		for i := range s.counters {
			switch c := &s.counters[i]; c.def.Kind {
			case Average, P95:
				s.measure(p, int32(i), at, r)
			default:
				s.count(p, int32(i), at, r)
			}
		}
	}
}

// origin returns the number of the page's site and data set.
func (s *Stage) origin(p *event.Page) int32 {
	o := origin{p.Site, p.Data}
	i := slices.Index(s.origins, o)
	if i < 0 {
		i = len(s.origins)
		s.origins = append(s.origins, o)
	}
	return int32(i)
}

// split finds the runs of p.
func (s *Stage) split(p *event.Page) {
	s.runs = s.runs[:0]
	var times []int64
	if col := p.Column(event.FieldTime); col != nil {
		times = col.Int
	}
	last := firstTime(times)
	if last == 0 {
		last = s.now().UnixMicro()
	}
	r := run{minute: last - mod(last, minute)}
	for i := range p.N {
		if i < len(times) && times[i] != 0 {
			last = times[i]
		}
		if last >= r.minute && last < r.minute+minute {
			continue
		}
		r.b = i
		if r.b > r.a {
			s.runs = append(s.runs, r)
		}
		r = run{a: i, minute: last - mod(last, minute)}
	}
	r.b = p.N
	s.runs = append(s.runs, r)
}

func firstTime(times []int64) int64 {
	for _, t := range times {
		if t != 0 {
			return t
		}
	}
	return 0
}

// mod is t modulo m, never negative.
func mod(t, m int64) int64 { return (t%m + m) % m }

func (s *Stage) count(p *event.Page, i, at int32, r run) {
	c := &s.counters[i]
	whole, part := rows(p, c, &c.all, r), int64(0)
	if len(c.def.Rules) == 0 && whole > 0 {
		part = rows(p, c, &c.counted, r)
	}
	s.add(cell{counter: i, series: seriesFrom, origin: at, minute: r.minute}, whole, 0)
	s.add(cell{counter: i, series: seriesCount, origin: at, minute: r.minute}, part, 0)
}

// rows counts the events, or their lines, of a run.
func rows(p *event.Page, c *counter, b *event.Bits, r run) int64 {
	if !c.def.Lines {
		return ones(b, r.a, r.b)
	}
	n := int64(0)
	each(b, r.a, r.b, func(i int) { n += int64(p.Lines[i]) })
	return n
}

func (s *Stage) measure(p *event.Page, i, at int32, r run) {
	c := &s.counters[i]
	s.add(cell{counter: i, series: seriesFrom, origin: at, minute: r.minute}, ones(&c.all, r.a, r.b), 0)
	col := p.Column(c.def.field)
	if col == nil {
		return
	}
	var n int64
	var sum float64
	each(&c.counted, r.a, r.b, func(row int) {
		switch {
		case !col.Valid.Has(row):
		case col.Kind == event.Float:
			n++
			sum += col.Float[row]
		default:
			n++
			sum += float64(col.Int[row])
			c.put(col.Int[row])
		}
	})
	s.add(cell{counter: i, series: seriesCount, origin: at, minute: r.minute}, n, sum)
	for _, b := range c.touched {
		s.add(cell{counter: i, series: seriesHist, origin: at, bucket: b, minute: r.minute}, c.cells[b], 0)
		c.cells[b] = 0
	}
	c.touched = c.touched[:0]
}

// put counts v in the histogram. A negative value, which no measured time is, counts as 0.
func (c *counter) put(v int64) {
	if c.cells == nil {
		return
	}
	b := bucket(max(v, 0))
	if c.cells[b] == 0 {
		c.touched = append(c.touched, b)
	}
	c.cells[b]++
}

// add adds to a cell of the rollups, merging what pages of one batch add to the same.
func (s *Stage) add(k cell, n int64, sum float64) {
	if n == 0 {
		return
	}
	i, ok := s.cells[k]
	if !ok {
		i = len(s.out)
		s.cells[k] = i
		o := s.origins[k.origin]
		s.out = append(s.out, event.Delta{Site: o.site, Series: s.counters[k.counter].series[k.series], Dataset: o.dataset, Minute: k.minute, Bucket: k.bucket})
	}
	s.out[i].N += n
	s.out[i].Sum += sum
}

// words calls f with each word of b that holds rows of [from, to), cut to them, and the row of its bit 0.
func words(b *event.Bits, from, to int, f func(w uint64, row int)) {
	for i := from >> 6; i<<6 < to; i++ {
		w := b[i]
		if low := from - i<<6; low > 0 {
			w &= ^uint64(0) << low
		}
		if high := to - i<<6; high < 64 {
			w &= 1<<high - 1
		}
		if w != 0 {
			f(w, i<<6)
		}
	}
}

// ones counts the bits set in [from, to).
func ones(b *event.Bits, from, to int) int64 {
	n := 0
	words(b, from, to, func(w uint64, _ int) { n += bits.OnesCount64(w) })
	return int64(n)
}

// each calls f with each row of [from, to) whose bit is set.
func each(b *event.Bits, from, to int, f func(row int)) {
	words(b, from, to, func(w uint64, row int) {
		for ; w != 0; w &= w - 1 {
			f(row + bits.TrailingZeros64(w))
		}
	})
}

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
//	kpi/<id>/count  N: those of them that are counted; for averages and percentiles those that have the field, Sum its sum
//	kpi/<id>/hist   N by cell of the histogram, for percentiles
//	kpi/<id>/from/<group>  N: events of a service, for uptime and downtime in place of these
//	kpi/<id>/up/<group>    a moment that says that it is up, and
//	kpi/<id>/down/<group>  down: each a cell of its own, whose Sum holds when it was
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
	may      []bool // by query: it may match rows of the page at hand
	here     []int  // the counters that have rows in it
	now      func() time.Time

	// Of the commit at hand:
	origins []origin
	places  []place
	byPlace map[place]int // numbers of places
	sums    []sums        // by place, of each counter
	cells   []cell
	byCell  map[cellKey]int // numbers of cells
	told    []told
	byTold  map[toldKey]int // numbers of told
}

// A counter is what Stage does for one definition.
type counter struct {
	def          *Definition
	from, where  int // queries; where is -1 where all of from counts
	up, down     int // likewise; -1 where d is of no services
	series       [3]string
	name, before []byte     // of the service at hand, and of the one before
	hist         []int64    // the histogram of the run at hand, nil where none is wanted
	touched      []int32    // cells of hist
	all, counted event.Bits // of the page at hand
	same         bool       // counted has the same rows as all
}

// A run is a stretch of rows a ≤ i < b of one minute.
type run struct {
	a, b   int
	minute int64
}

// A place is a minute of a site and data set.
type place struct {
	minute int64
	origin int // number
}

type origin struct{ site, dataset string }

// sums are what the series from and count of a counter come to at a place.
type sums struct {
	from, count int64
	sum         float64
}

// A cell is one of the histogram of a counter at a place.
type cell struct {
	cellKey
	n int64
}

type cellKey struct {
	place, counter int // numbers
	bucket         int32
}

// The series of a counter.
const (
	seriesFrom = iota
	seriesCount
	seriesHist
)

// NewStage returns a stage that counts defs, which Load has checked.
func NewStage(defs []Definition) (*Stage, error) {
	s := &Stage{queries: query.NewSet(), byPlace: map[place]int{}, byCell: map[cellKey]int{}, byTold: map[toldKey]int{}, now: time.Now}
	for i := range defs {
		d := &defs[i]
		if d.Kind == PromQL {
			continue
		}
		c := counter{def: d, where: -1, up: -1, down: -1, series: [3]string{d.series("from"), d.series("count"), d.series("hist")}}
		var err error
		if c.from, err = s.queries.Add(d.from); err != nil {
			return nil, fmt.Errorf("kpi %q: from: %w", d.ID, err)
		}
		if d.where != nil {
			if c.where, err = s.queries.Add(d.where); err != nil {
				return nil, fmt.Errorf("kpi %q: where: %w", d.ID, err)
			}
		}
		if d.Services() {
			if c.up, err = s.queries.Add(d.up); err != nil {
				return nil, fmt.Errorf("kpi %q: up: %w", d.ID, err)
			}
			if c.down, err = s.queries.Add(d.down); err != nil {
				return nil, fmt.Errorf("kpi %q: down: %w", d.ID, err)
			}
		}
		if d.Kind == Percentile {
			c.hist = make([]int64, cells)
		}
		s.counters = append(s.counters, c)
	}
	s.may = make([]bool, s.queries.Len())
	return s, nil
}

// Process appends the deltas of c's events to c.Rollups.
func (s *Stage) Process(_ context.Context, c *event.Commit) error {
	if c.Batch == nil || len(c.Pages) == 0 {
		return nil
	}
	s.origins, s.places, s.sums, s.cells, s.told = s.origins[:0], s.places[:0], s.sums[:0], s.cells[:0], s.told[:0]
	clear(s.byPlace)
	clear(s.byCell)
	clear(s.byTold)
	for _, p := range c.Pages {
		if p.N > 0 {
			s.page(p)
		}
	}
	c.Rollups = s.appendTo(c.Rollups)
	return nil
}

func (s *Stage) page(p *event.Page) {
	s.split(p)
	s.queries.Begin(p)
	clear(s.may)
	for _, i := range s.queries.Candidates() {
		s.may[i] = true
	}
	s.here = s.here[:0]
	for i := range s.counters {
		if c := &s.counters[i]; s.may[c.from] && c.match(s.queries) {
			s.here = append(s.here, i)
		}
	}
	at := s.origin(p)
	for _, r := range s.runs {
		n := s.place(place{r.minute, at})
		for _, i := range s.here {
			c, to := &s.counters[i], &s.sums[n*len(s.counters)+i]
			switch {
			case c.up >= 0:
				s.tell(p, r, n, i)
			case c.def.Kind == Average || c.def.Kind == Percentile:
				c.measure(p, r, to)
				s.spill(n, i)
			default:
				c.count(p, r, to)
			}
		}
	}
}

// match finds the rows that c counts in the page, and reports whether there are any that make it measured.
func (c *counter) match(queries *query.Set) bool {
	c.all = *queries.Match(c.from)
	c.counted = c.all
	if c.where >= 0 {
		where := queries.Match(c.where)
		for w := range c.counted {
			c.counted[w] &= where[w]
		}
	}
	c.same = c.counted == c.all
	return c.all != event.Bits{}
}

// origin returns the number of the page's site and data set.
func (s *Stage) origin(p *event.Page) int {
	o := origin{p.Site, p.Data}
	i := slices.Index(s.origins, o)
	if i < 0 {
		i = len(s.origins)
		s.origins = append(s.origins, o)
	}
	return i
}

// place returns the number of a place.
func (s *Stage) place(p place) int {
	if last := len(s.places) - 1; last >= 0 && s.places[last] == p {
		return last
	}
	i, ok := s.byPlace[p]
	if !ok {
		i = len(s.places)
		s.byPlace[p] = i
		s.places = append(s.places, p)
		s.sums = append(s.sums, make([]sums, len(s.counters))...)
	}
	return i
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

func (c *counter) count(p *event.Page, r run, to *sums) {
	whole := c.rows(p, &c.all, r)
	to.from += whole
	switch {
	case len(c.def.Rules) > 0 || whole == 0:
	case c.same:
		to.count += whole
	default:
		to.count += c.rows(p, &c.counted, r)
	}
}

// rows counts the events, or their lines, of a run.
func (c *counter) rows(p *event.Page, b *event.Bits, r run) int64 {
	if !c.def.Lines {
		return ones(b, r.a, r.b)
	}
	n := int64(0)
	each(b, r.a, r.b, func(i int) { n += int64(p.Lines[i]) })
	return n
}

func (c *counter) measure(p *event.Page, r run, to *sums) {
	to.from += ones(&c.all, r.a, r.b)
	col := p.Column(c.def.field)
	if col == nil {
		return
	}
	each(&c.counted, r.a, r.b, func(row int) {
		switch {
		case !col.Valid.Has(row):
		case col.Kind == event.Float:
			to.count++
			to.sum += col.Float[row]
			c.put(int64(min(col.Float[row]*micro, 1<<62)))
		default:
			to.count++
			to.sum += float64(col.Int[row])
			c.put(col.Int[row])
		}
	})
}

// put counts v in the histogram. A negative value, which no measured time is, counts as 0.
func (c *counter) put(v int64) {
	if c.hist == nil {
		return
	}
	b := bucket(max(v, 0))
	if c.hist[b] == 0 {
		c.touched = append(c.touched, b)
	}
	c.hist[b]++
}

// spill adds the histogram of the run at hand, which was at a place, to the commit's.
func (s *Stage) spill(place, counter int) {
	c := &s.counters[counter]
	for _, b := range c.touched {
		k := cellKey{place, counter, b}
		i, ok := s.byCell[k]
		if !ok {
			i = len(s.cells)
			s.byCell[k] = i
			s.cells = append(s.cells, cell{cellKey: k})
		}
		s.cells[i].n += c.hist[b]
		c.hist[b] = 0
	}
	c.touched = c.touched[:0]
}

// appendTo appends what was counted, as deltas.
func (s *Stage) appendTo(list []event.Delta) []event.Delta {
	add := func(place, counter, series int, bucket int32, n int64, sum float64) {
		if n != 0 {
			p := s.places[place]
			o := s.origins[p.origin]
			list = append(list, event.Delta{Site: o.site, Series: s.counters[counter].series[series], Dataset: o.dataset, Minute: p.minute, Bucket: bucket, N: n, Sum: sum})
		}
	}
	for i, t := range s.sums {
		place, counter := i/len(s.counters), i%len(s.counters)
		add(place, counter, seriesFrom, 0, t.from, 0)
		add(place, counter, seriesCount, 0, t.count, t.sum)
	}
	for _, c := range s.cells {
		add(c.place, c.counter, seriesHist, c.bucket, c.n, 0)
	}
	return s.appendTold(list)
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

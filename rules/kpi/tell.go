package kpi

import (
	"bytes"

	"github.com/saypro/veritail/pipeline/event"
)

// told is what the events of a commit tell of one service at a place: that it is there, up or down.
type told struct {
	toldKey
	n   int64
	sum float64
}

type toldKey struct {
	place, counter int // numbers
	part           part
	service        string
	bucket         int32
}

// maxService bounds the bytes of a service's name that stand in a series.
const maxService = 128

// tell notes what the rows of a run, which is at a place, tell of services. Work
// is per row, but what it allocates is per service and moment.
func (s *Stage) tell(p *event.Page, r run, place, counter int) {
	c := &s.counters[counter]
	up, down := s.queries.Match(c.up), s.queries.Match(c.down)
	var times []int64
	if col := p.Column(event.FieldTime); col != nil {
		times = col.Int
	}
	if len(c.def.group) == 0 {
		s.note(toldKey{place, counter, partFrom, "", 0}, ones(&c.all, r.a, r.b), 0)
	}
	seen := int64(0) // rows of the service c.name, which are not noted yet
	each(&c.all, r.a, r.b, func(row int) {
		if len(c.def.group) > 0 {
			if c.nameOf(p, row) && seen > 0 {
				s.note(toldKey{place, counter, partFrom, string(c.before), 0}, seen, 0)
				seen = 0
			}
			seen++
		}
		isUp, isDown := up.Has(row), down.Has(row)
		if !isUp && !isDown {
			return
		}
		part := partUp
		if isDown {
			part = partDown
		}
		at := int64(0)
		if row < len(times) && times[row] != 0 {
			at = times[row] - r.minute
		}
		offset := p.Offset(row)
		s.note(toldKey{place, counter, part, string(c.name), momentBucket(p.Gen, offset)}, 1, packMoment(at, offset))
	})
	if seen > 0 {
		s.note(toldKey{place, counter, partFrom, string(c.name), 0}, seen, 0)
	}
}

// nameOf puts the name of the service that a row is about in c.name, and reports whether it is another one than that of
// the row before, which it leaves in c.before.
func (c *counter) nameOf(p *event.Page, row int) (other bool) {
	c.name, c.before = c.before[:0], c.name
	for i, f := range c.def.group {
		if i > 0 {
			c.name = append(c.name, '@')
		}
		c.name = appendText(c.name, p, row, f)
	}
	if len(c.name) > maxService {
		c.name = c.name[:maxService]
	}
	return !bytes.Equal(c.name, c.before)
}

// appendText appends the value of a field; keywords, which names mostly are, without allocating.
func appendText(to []byte, p *event.Page, row int, f event.Field) []byte {
	if col := p.Column(f); col != nil && col.Kind == event.Keyword && col.Valid.Has(row) {
		return append(to, p.Bytes(col.Str[row])...)
	}
	text, ok := p.Row(row).Text(f)
	if !ok {
		text = "-"
	}
	return append(to, text...)
}

// momentBucket tells the moments of a service in a minute apart, so that each has a cell of its own: it follows from
// where its event lies.
func momentBucket(gen event.GenID, offset int64) int32 {
	x := (uint64(gen) ^ uint64(offset)) * 0x9e3779b97f4a7c15 // Fibonacci hashing (Knuth, TAOCP 3, 6.4)
	return int32(x >> 33)
}

func (s *Stage) note(k toldKey, n int64, sum float64) {
	i, ok := s.byTold[k]
	if !ok {
		i = len(s.told)
		s.byTold[k] = i
		s.told = append(s.told, told{toldKey: k})
	}
	s.told[i].n += n
	s.told[i].sum += sum
}

// appendTold appends what was told, as deltas.
func (s *Stage) appendTold(list []event.Delta) []event.Delta {
	for _, t := range s.told {
		if t.n == 0 {
			continue
		}
		p := s.places[t.place]
		o := s.origins[p.origin]
		list = append(list, event.Delta{Site: o.site, Series: s.counters[t.counter].def.series(partNames[t.part]) + "/" + t.service,
			Dataset: o.dataset, Minute: p.minute, Bucket: t.bucket, N: t.n, Sum: t.sum})
	}
	return list
}

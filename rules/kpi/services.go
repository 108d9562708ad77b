package kpi

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// Uptime and downtime are computed from moments: each event that says that a service is up, or down, is a cell of its
// own, and what follows from them is found out when a figure is made. So events may come in any order and late, and
// cells may be added up in any way: the moments are a set.
//
// A service is down from a moment that says so until the next one that says that it is up. Before its first moment it
// is up from the first event of it on, whatever that says. With Stale what a moment says is believed for so long, and
// then, until the next one, nothing is known; time of which nothing is known counts neither way.

// A Service is one of those that a figure of uptime or downtime is made of. The figure is that of the worst.
type Service struct {
	Name     string
	Up, Down time.Duration // of the period
	Outages  int           // those that reach into the period
	Longest  time.Duration // of them, within the period
}

// share is the uptime, of 100; NaN where nothing is known.
func (s Service) share() float64 {
	if s.Up+s.Down == 0 {
		return math.NaN()
	}
	return 100 * float64(s.Up) / float64(s.Up+s.Down)
}

// Lookback is how long before a period moments are read for what holds at its beginning. What has said nothing for so
// long is not known to be there.
func (d *Definition) Lookback() time.Duration {
	if d.Stale > 0 {
		return time.Duration(d.Stale)
	}
	return 30 * 24 * time.Hour
}

// Moments lists the series of the moments of d. They are read by the minute, from Lookback before the earliest period
// on.
func (d *Definition) Moments() []string {
	if !d.Services() {
		return nil
	}
	return []string{d.series(partNames[partUp]) + "/*", d.series(partNames[partDown]) + "/*"}
}

// Seen names the series of the events of the services of d, whatever they say. They are read as Moments are, before the
// period as coarsely as one likes.
func (d *Definition) Seen() string { return d.series(partNames[partFrom]) + "/*" }

// A moment is stored as a cell whose sum is the µs within the minute, and in the lower bits how far in its file the
// event lies, which orders the events of a second of logs that tell no less. Both fit into what a float64 holds
// exactly: 60,000,000 µs are less than 2^26.
const orderBits = 27

func packMoment(micros, offset int64) float64 {
	return float64(micros<<orderBits | offset&(1<<orderBits-1))
}

// A moment is when a service was said to be up or down.
type moment struct {
	time, order int64 // µs; among those of one time
	down        bool
}

func unpackMoment(c *event.Delta, down bool) moment {
	v := int64(c.Sum / float64(max(c.N, 1)))
	return moment{c.Minute + v>>orderBits, v & (1<<orderBits - 1), down}
}

// services are what the cells tell of the services of a definition, by name.
type services map[string]*service

type service struct {
	name    string
	seen    []*event.Delta // events of it, by the minute or a longer step
	moments []moment       // by time, then order
}

// services finds the cells of d.
func (ix index) services(d *Definition) services {
	all := services{}
	of := func(name string, c *event.Delta) *service {
		if len(d.Group) == 0 {
			name = c.Dataset
		}
		s := all[name]
		if s == nil {
			s = &service{name: name}
			all[name] = s
		}
		return s
	}
	for _, p := range []part{partFrom, partUp, partDown} {
		prefix := d.series(partNames[p]) + "/"
		for series, cells := range ix {
			name, ok := strings.CutPrefix(series, prefix)
			if !ok {
				continue
			}
			for _, c := range cells {
				if s := of(name, c); p == partFrom {
					s.seen = append(s.seen, c)
				} else {
					s.moments = append(s.moments, unpackMoment(c, p == partDown))
				}
			}
		}
	}
	for _, s := range all {
		slices.SortFunc(s.moments, func(a, b moment) int {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.order, b.order))
		})
	}
	return all
}

// spans calls f with the stretches of time of which it is known whether the service was up, in their order. The last
// one may be without an end.
func (s *service) spans(stale int64, f func(from, to int64, down bool)) {
	if stale == 0 {
		first := int64(math.MaxInt64)
		for _, c := range s.seen {
			first = min(first, c.Minute)
		}
		if len(s.moments) == 0 {
			if first < math.MaxInt64 {
				f(first, math.MaxInt64, false)
			}
		} else if to := s.moments[0].time; first < to {
			f(first, to, false)
		}
	}
	for i, m := range s.moments {
		to := int64(math.MaxInt64)
		if i+1 < len(s.moments) {
			to = s.moments[i+1].time
		}
		if stale > 0 {
			to = min(to, m.time+stale)
		}
		f(m.time, to, m.down)
	}
}

// during sums up what is known of an interval.
func (s *service) during(in query.Interval, stale int64) Service {
	out := Service{Name: s.name}
	var length, ended int64 // of the outage at hand
	s.spans(stale, func(from, to int64, down bool) {
		whole := from
		from, to = max(from, in.From), min(to, in.To)
		if to <= from {
			return
		}
		part := time.Duration(to-from) * time.Microsecond
		if !down {
			out.Up += part
			return
		}
		if out.Outages == 0 || max(whole, in.From) != ended {
			out.Outages++
			length = 0
		}
		length, ended = length+to-from, to
		out.Down += part
		out.Longest = max(out.Longest, time.Duration(length)*time.Microsecond)
	})
	return out
}

// worst returns what is known of the services in an interval, the worst first, without those of which nothing is.
func (all services) worst(d *Definition, in query.Interval) []Service {
	var out []Service
	stale := time.Duration(d.Stale).Microseconds()
	for _, s := range all {
		if got := s.during(in, stale); got.Up+got.Down > 0 {
			out = append(out, got)
		}
	}
	slices.SortFunc(out, func(a, b Service) int {
		if d.Kind == Uptime {
			return cmp.Or(cmp.Compare(a.share(), b.share()), cmp.Compare(b.Down, a.Down), cmp.Compare(a.Name, b.Name))
		}
		return cmp.Or(cmp.Compare(b.Down, a.Down), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// value returns the figure of an interval: that of the worst service.
func (all services) value(d *Definition, in query.Interval) float64 {
	return valueOf(d, all.worst(d, in))
}

func valueOf(d *Definition, worst []Service) float64 {
	switch {
	case len(worst) == 0:
		return math.NaN()
	case d.Kind == Uptime:
		return worst[0].share()
	}
	return worst[0].Down.Seconds() / downtimeUnits[d.Unit]
}

func (all services) evaluate(d *Definition, f *Figure, period, previous query.Interval) {
	f.Services = all.worst(d, period)
	f.Value = valueOf(d, f.Services)
	if len(f.Services) > 0 {
		f.Part = int64(f.Services[0].Outages)
	}
	for _, s := range all {
		for _, c := range s.seen {
			if c.Minute >= period.From && c.Minute < period.To {
				f.Whole += c.N
			}
		}
	}
	f.Now = serviceSums(f.Services, period.From)
	if previous != (query.Interval{}) {
		before := all.worst(d, previous)
		f.Before, f.Past = valueOf(d, before), serviceSums(before, previous.From)
	}
	f.Points = all.points(d, period, f.StepSize)
}

func (all services) points(d *Definition, period query.Interval, every time.Duration) []Point {
	step := every.Microseconds()
	var out []Point
	for at := period.From - mod(period.From, step); at < period.To; at += step {
		out = append(out, Point{at, all.value(d, query.Interval{From: max(at, period.From), To: min(at+step, period.To)})})
	}
	return out
}

package query

import (
	"fmt"
	"time"
)

// Steps are what an aggregation over time is cut into: whole days of a zone, those of several from a Monday on, or even
// parts of a day, counted from its beginning. A day whose clocks change has an hour more or less, and so has its step, or
// more or fewer steps. A Steps is used by one goroutine.
type Steps struct {
	every int64 // µs, less than a day
	days  int64 // or so many days
	zone  *time.Location
	last  Run
}

// A Run is a stretch of time whose steps are equally long: they begin at From + n·Step. Its last one ends with it.
type Run struct{ From, To, Step int64 } // µs

// Begin is when the step of t begins, which is From or later.
func (r Run) Begin(t int64) int64 { return t - (t-r.From)%r.Step }

const microsPerDay = int64(24 * time.Hour / time.Microsecond)

// monday is the number of days that 1970-01-01 is after the Monday from which days are counted.
const monday = 3

// horizon is when clocks are taken to change no more: 2200, in µs.
const horizon = 7_258_118_400_000_000

// Steps returns how q is cut by time, nil if it is not.
func (q Agg) Steps() (*Steps, error) {
	s := &Steps{every: q.Every.Microseconds(), zone: q.Zone}
	if s.zone == nil {
		s.zone = time.UTC
	}
	switch {
	case q.Every == 0:
		return nil, nil
	case !Divides(q.Every):
		return nil, fmt.Errorf("steps of %s neither divide a day nor are whole days", q.Every)
	case s.every%microsPerDay == 0:
		s.days, s.every = s.every/microsPerDay, 0
	}
	return s, nil
}

// Divides reports whether there are steps of d: it divides a day, or is whole days, a hundred years at most.
func Divides(d time.Duration) bool {
	const day, most = 24 * time.Hour, 36_525 * 24 * time.Hour
	return d >= time.Microsecond && d%time.Microsecond == 0 && d <= most && (day%d == 0 || d%day == 0)
}

// Zone is where the days are.
func (s *Steps) Zone() *time.Location { return s.zone }

// Begin is when the step of t begins.
func (s *Steps) Begin(t int64) int64 {
	if s.last.Step == 0 || t < s.last.From || t >= s.last.To {
		runs := s.Runs(t, t+1)
		s.last = runs[len(runs)-1]
	}
	return s.last.Begin(t)
}

// End is when the step ends that begins at t.
func (s *Steps) End(t int64) int64 {
	s.Begin(t)
	return min(t+s.last.Step, s.last.To)
}

// Runs returns the runs in which the times from ≤ t < to are, in order and without gaps. The first begins at from or
// earlier, with a step.
func (s *Steps) Runs(from, to int64) []Run {
	n := max(s.days, 1)
	day := s.day(min(from, horizon))
	day -= (day%n + n) % n
	var runs []Run
	for begin := s.begins(day); len(runs) == 0 || begin < to; {
		at := time.UnixMicro(begin).In(s.zone)
		_, changes := at.ZoneBounds()
		if h, m, sec := at.Clock(); h+m+sec == 0 {
			if changes.IsZero() || begin >= horizon {
				return s.add(runs, begin, 1<<63-1, n*microsPerDay)
			}
			if k := (changes.UnixMicro() - begin - 1) / (n * microsPerDay); k > 0 {
				day += k * n
				next := begin + k*n*microsPerDay
				runs, begin = s.add(runs, begin, next, n*microsPerDay), next
				continue
			}
		}
		day += n
		if next := s.begins(day); next > begin { // or it is left out where the date line was moved
			runs, begin = s.add(runs, begin, next, next-begin), next
		}
	}
	return runs
}

// add adds a stretch of days, or makes the last run longer by it.
func (s *Steps) add(runs []Run, from, to, days int64) []Run {
	step := days
	if s.days == 0 {
		step = s.every
	}
	if n := len(runs); n > 0 && runs[n-1].Step == step && (from-runs[n-1].From)%step == 0 {
		runs[n-1].To = to
		return runs
	}
	return append(runs, Run{from, to, step})
}

// day is the number of the day of t.
func (s *Steps) day(t int64) int64 {
	y, m, d := time.UnixMicro(t).In(s.zone).Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix()/86400 + monday
}

// begins is the first instant of a day. Clocks may skip midnight, or show it twice.
func (s *Steps) begins(day int64) int64 {
	wall := time.Unix((day-monday)*86400, 0).UTC()
	y, m, d := wall.Date()
	t := time.Date(y, m, d, 0, 0, 0, 0, s.zone)
	since, until := t.ZoneBounds()
	_, offset := t.Zone()
	switch shown := t.Unix() + int64(offset); {
	case shown < wall.Unix():
		return until.UnixMicro()
	case shown > wall.Unix():
		return since.UnixMicro()
	case !since.IsZero():
		_, before := since.Add(-1).Zone()
		if first := t.Add(time.Duration(offset-before) * time.Second); first.Before(since) {
			t = first
		}
	}
	return t.UnixMicro()
}

package stamp

import (
	"io"
	"math"
	"time"
)

// A Clock holds what reading the stamps of one generation needs beside the stamp, and how far its lines have come in
// time.
type Clock struct {
	// Reread, where it is not nil, is asked once, when the first stamp without a year needs one: for the file's text
	// from its beginning, and for a function that finds the stamp in a line of it, nil where there is none. A reader that
	// is an io.Seeker is read at places only.
	Reread func(*Layouts) (text io.ReadCloser, stampOf func(line []byte) []byte, err error)

	zone zone
	live time.Time // when the line at hand was received, the zero time unless it was received as it was written
	near time.Time // when the file was written last, or the line received; the zero time: not known
	late int64     // a day after near, µs; the greatest number where near is not known
	order
	before Moment // of the line before

	years   yearPlan
	layouts *Layouts // of the line at hand
	off     int64    // of the line at hand

	last []byte // the stamp read last element by element, and what it meant
	said Moment
	hour hourCache
}

// NewClock returns a clock for a file that was written last at near, the zero time if that is not known. loc is the zone
// of stamps without one.
func NewClock(loc *time.Location, near time.Time) Clock {
	c := Clock{zone: zone{loc: loc}}
	c.Written(near)
	return c
}

// Written tells the clock when the file was written last.
func (c *Clock) Written(near time.Time) {
	c.near, c.late = near, math.MaxInt64
	if !near.IsZero() {
		c.late = near.UnixMicro() + dayMicros
	}
}

// Live tells the clock when the lines that come were received, the zero time unless they were received as they were
// written.
func (c *Clock) Live(received time.Time) {
	was := c.live
	c.live = received
	if was.IsZero() != c.live.IsZero() {
		*c = c.Forgetful() // what was read before was read by another rule
	}
}

// At tells the clock where the line at hand begins in its file.
func (c *Clock) At(off int64) { c.off = off }

// Forgetful returns a copy of c that shares no memory with it.
func (c Clock) Forgetful() Clock {
	c.last, c.zone.name, c.hour = nil, nil, hourCache{}
	return c
}

// Latest returns how far the lines have come, µs since 1970; 0 before the first stamp.
func (c *Clock) Latest() int64 { return c.latest }

// Reach tells the clock that the lines have come as far as t, µs since 1970.
func (c *Clock) Reach(t int64) { c.latest = max(c.latest, t) }

// Seen reports whether a stamp was taken into the order of the file.
func (c *Clock) Seen() bool { return c.before.Time != 0 }

// Take takes a time that was read into the order of the file, and returns it with the doubt that the order casts on it.
func (c *Clock) Take(r Moment) Moment {
	if c.seen(r.Time, c.late, !c.live.IsZero()) && r.Doubt == NoDoubt {
		r.Doubt = Ahead
	}
	c.before = r
	return r
}

// Without returns the time of a line that has no stamp: that of the line before, else of the file.
func (c *Clock) Without() Moment {
	switch {
	case c.before.Time != 0 && c.before.Doubt != Ahead:
		return Moment{Time: c.before.Time, Basis: LineBefore}
	case c.latest != 0:
		return Moment{Time: c.latest, Basis: LineBefore}
	}
	if c.near.IsZero() {
		return Moment{Time: time.Now().UnixMicro(), Basis: FileWritten}
	}
	return Moment{Time: c.near.UnixMicro(), Basis: FileWritten}
}

// limit returns the time, in seconds since 1970, after which no stamp without a year lies.
func (c *Clock) limit() int64 {
	if c.near.IsZero() {
		return time.Now().Unix() + dayMicros/1e6
	}
	return c.late / 1e6
}

// resolve returns the time of a stamp whose numbers are known.
func (c *Clock) resolve(v *civil, dated bool) Moment {
	year, policy := v.year, OwnStamp
	if !dated {
		year, policy = c.yearOf(v)
	}
	s, r := v.seconds1970(year), Moment{Basis: policy}
	known := false
	switch v.zone {
	case fixedZone:
		s, known = s-int64(v.offset), true
	case namedZone:
		s, known = c.zone.named(v.name, s)
	}
	if !known {
		s, r.Doubt = c.zone.instant(s, c.latest, c.live)
		r.Basis = assumedZone[policy]
	}
	r.Time = s*1e6 + int64(v.nsec/1000)
	return r
}

// assumedZone is what a basis becomes when the zone is assumed, too.
var assumedZone = [...]Basis{OwnStamp: ZoneAssumed, YearOfReceipt: ZoneYearReceipt, YearOfFile: ZoneYearFile}

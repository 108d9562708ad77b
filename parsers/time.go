package parsers

import (
	"math"
	"strconv"
	"time"

	"github.com/saypro/veritail/parsers/join"
	"github.com/saypro/veritail/pipeline/event"
)

// A timeParser reads time stamps in one of several layouts.
type timeParser struct {
	format  *format
	temps   []int // what the stamp is made of, joined by a blank
	layouts []layout
}

// A moment is the time that a line has, and what had to be assumed for it.
type moment struct {
	time  int64 // µs
	basis basis
	doubt doubt
}

// A basis says which clock a time is from: what was taken from elsewhere than the stamp.
type basis uint8

const (
	fromStamp       basis = iota // nothing: the stamp has a zone and a year
	zoneAssumed                  // the zone of the source
	yearOfReceipt                // the year in which the stamp is nearest to when the line was received
	yearOfFile                   // the year that fits the time of the file and its order
	zoneYearReceipt              // both
	zoneYearFile                 // both
	lineBefore                   // all: the line has no stamp that can be read
	fileWritten                  // all, and no line before has one
)

// A doubt says why a time may be wrong.
type doubt uint8

const (
	noDoubt       doubt = iota
	overlapFirst        // the zone's clock was put back: the hour came twice, and this is the first reading
	overlapSecond       // the second
	inGap               // the zone's clock was put forward: there was no such time
	ahead               // more than a day after the file was written, or the line received
)

// The texts of veritail.time.clock and veritail.time.doubt; "" is no value.
var (
	basisTexts = [...]string{fromStamp: "", zoneAssumed: "zone", yearOfReceipt: "receipt", yearOfFile: "file",
		zoneYearReceipt: "zone+receipt", zoneYearFile: "zone+file", lineBefore: "before", fileWritten: "written"}
	doubtTexts = [...]string{noDoubt: "", overlapFirst: "overlap-first", overlapSecond: "overlap-second", inGap: "gap", ahead: "ahead"}
)

// A clock holds what reading the time stamps of one generation needs beside the stamp, and how far its lines have come
// in time.
type clock struct {
	zone zone
	live time.Time // when the line at hand was received, the zero time unless it was received as it was written
	near time.Time // when the file was written last, or the line received; the zero time: not known
	late int64     // a day after near, µs; the greatest number where near is not known
	order
	before moment // of the line before

	plan   func(*timeParser) yearPlan // looks ahead for the years of the file, once; nil: it cannot, or has
	years  yearPlan
	parser *timeParser // of the line at hand
	off    int64       // of the line at hand

	last []byte // the stamp read last, and what it meant
	said moment
	hour hourCache

	stamp []byte // memory for stamps of several parts
}

// newClock returns a clock for a file that was written last at near.
func newClock(loc *time.Location, near time.Time) clock {
	c := clock{zone: zone{loc: loc}}
	c.at(near)
	return c
}

// at tells the clock when the file was written last.
func (c *clock) at(near time.Time) {
	c.near, c.late = near, math.MaxInt64
	if !near.IsZero() {
		c.late = near.UnixMicro() + dayMicros
	}
}

// forgetful returns a copy of c that shares no memory with it.
func (c clock) forgetful() clock {
	c.last, c.stamp, c.zone.name, c.hour = nil, nil, nil, hourCache{}
	return c
}

// limit returns the time, in seconds since 1970, after which no stamp without a year lies.
func (c *clock) limit() int64 {
	if c.near.IsZero() {
		return time.Now().Unix() + dayMicros/1e6
	}
	return c.late / 1e6
}

// take takes a time that was read into the order of the file.
func (c *clock) take(r moment) moment {
	if c.seen(r.time, c.late, !c.live.IsZero()) && r.doubt == noDoubt {
		r.doubt = ahead
	}
	c.before = r
	return r
}

// without returns the time of a line that has no stamp: that of the line before, else of the file.
func (c *clock) without() moment {
	switch {
	case c.before.time != 0 && c.before.doubt != ahead:
		return moment{time: c.before.time, basis: lineBefore}
	case c.latest != 0:
		return moment{time: c.latest, basis: lineBefore}
	}
	if c.near.IsZero() {
		return moment{time: time.Now().UnixMicro(), basis: fileWritten}
	}
	return moment{time: c.near.UnixMicro(), basis: fileWritten}
}

// of returns the time of the line whose temporaries are temps, without taking it into the order of the file.
func (p *timeParser) of(c *clock, temps [][]byte) (moment, bool) {
	stamp := temps[p.temps[0]]
	if len(p.temps) > 1 {
		c.stamp = c.stamp[:0]
		for i, temp := range p.temps {
			if i > 0 {
				c.stamp = append(c.stamp, ' ')
			}
			c.stamp = append(c.stamp, temps[temp]...)
		}
		stamp = c.stamp
	}
	if stamp == nil {
		return moment{}, false
	}
	return p.parse(c, stamp)
}

// parse returns what stamp means.
func (p *timeParser) parse(c *clock, stamp []byte) (moment, bool) {
	c.parser = p
	if len(c.last) > 0 && string(stamp) == string(c.last) {
		return c.said, true
	}
	if r, ok := c.hour.read(stamp, c.last, c.said); ok {
		c.last, c.said = append(c.last[:0], stamp...), r
		return r, true
	}
	var state layoutState
	for i := range p.layouts {
		l := &p.layouts[i]
		r, ok := l.read(c, stamp, p.after(i), &state)
		if ok {
			c.last, c.said = append(c.last[:0], stamp...), r
			return r, true
		}
	}
	return moment{}, false
}

// after returns how many elements the layout behind i shares with i, -1 if there is none.
func (p *timeParser) after(i int) int {
	if i+1 < len(p.layouts) {
		return p.layouts[i+1].shared
	}
	return -1
}

// read reads a stamp. It goes on from state where the layout shares elements with the one before it, and leaves in
// state what it read of its first keep elements.
func (l *layout) read(c *clock, stamp []byte, keep int, state *layoutState) (moment, bool) {
	c.hour.minute = 0
	switch {
	case l.unit != 0:
		t, ok := unixTime(stamp, l.unit)
		return moment{time: t}, ok
	case l.slow:
		t, err := time.ParseInLocation(l.text, string(stamp), c.zone.loc)
		return moment{time: t.UnixMicro(), basis: zoneAssumed}, err == nil && t.Year() != 0
	}
	from, at, v := 0, 0, civil{day: -1}
	if l.shared > 0 {
		if state.element < l.shared {
			return moment{}, false // the layout before failed in the part that both share
		}
		v, from, at = state.civil, state.element, state.at
	}
	state.element = -1
	if !l.parse(stamp, &v, from, at, keep, state) {
		return moment{}, false
	}
	if l.utc && v.zone == noZone {
		v.zone, v.offset = fixedZone, 0
	}
	r := c.resolve(&v, l.dated)
	c.hour.learn(c, l, &v, r)
	return r, true
}

// resolve returns the time of a stamp whose numbers are known.
func (c *clock) resolve(v *civil, dated bool) moment {
	year, policy := v.year, fromStamp
	if !dated {
		year, policy = c.yearOf(v)
	}
	s, r := v.seconds1970(year), moment{basis: policy}
	known := false
	switch v.zone {
	case fixedZone:
		s, known = s-int64(v.offset), true
	case namedZone:
		s, known = c.zone.named(v.name, s)
	}
	if !known {
		s, r.doubt = c.zone.instant(s, c.latest, c.live)
		r.basis = assumedZone[policy]
	}
	r.time = s*1e6 + int64(v.nsec/1000)
	return r
}

// assumedZone is what a basis becomes when the zone is assumed, too.
var assumedZone = [...]basis{fromStamp: zoneAssumed, yearOfReceipt: zoneYearReceipt, yearOfFile: zoneYearFile}

// unixTime reads seconds, or thousandths or billionths of them, since 1970: digits, and digits behind a point.
func unixTime(b []byte, unit int64) (int64, bool) {
	n, whole := int64(0), 0
	for whole < len(b) && whole < 19 && isDigit(b[whole]) {
		n = n*10 + int64(b[whole]-'0')
		whole++
	}
	if whole == 0 || n < 0 {
		return unixFloat(b, unit)
	}
	t := n / 1000
	if unit > 0 {
		if n > 1e18/unit {
			return 0, false
		}
		t = n * unit
	}
	if whole == len(b) {
		return t, true
	}
	if b[whole] != '.' || unit < 1 || len(b) == whole+1 {
		return unixFloat(b, unit)
	}
	digit := unit
	for _, c := range b[whole+1:] {
		if !isDigit(c) {
			return unixFloat(b, unit)
		}
		digit /= 10
		t += int64(c-'0') * digit
	}
	return t, true
}

// unixFloat reads what is no plain number: 1.76e9.
func unixFloat(b []byte, unit int64) (int64, bool) {
	scale := float64(unit)
	if unit < 0 {
		scale = 1e-3
	}
	n, err := strconv.ParseFloat(string(b), 64)
	if err != nil || !(n >= 0) || n*scale > 1e18 {
		return 0, false
	}
	return int64(math.Round(n * scale)), true
}

// when reads the time stamp of a line of f, which begins at off, and takes it into the order of the file.
func (d *Decoder) when(f *format, temps [][]byte, off int64) moment {
	d.clock.off = off
	if f.time != nil {
		if r, ok := f.time.of(&d.clock, temps); ok {
			return d.clock.take(r)
		}
	}
	return d.clock.without()
}

// timeOf returns the time of an event of f that begins at off. That of a record whose lines were matched one by one was
// read with its first line, unless only a later one has a stamp.
func (d *Decoder) timeOf(f *format, temps [][]byte, off int64, rec *join.Record[lineInfo]) moment {
	if rec == nil || f.join == nil || f.join.assembly != nil {
		return d.when(f, temps, off)
	}
	r := rec.Parts[0].Info.when
	if r.basis == lineBefore || r.basis == fileWritten {
		if f.time != nil {
			if later, ok := f.time.of(&d.clock, temps); ok {
				return d.clock.take(later)
			}
		}
	}
	return r
}

// liveFor is how long what is decoded counts as received when it was written, once everything before had been decoded.
const liveFor = time.Minute

// received tells the clock when the lines that are to be decoded were received.
func (d *Decoder) received(now time.Time) {
	d.fed = true
	if !d.opts.Live {
		return
	}
	was := d.clock.live
	d.clock.live = time.Time{}
	if !d.idle.IsZero() && now.Sub(d.idle) < liveFor {
		d.clock.live = now
	}
	if was.IsZero() != d.clock.live.IsZero() {
		d.clock = d.clock.forgetful() // what was read before was read by another rule
	}
	if !d.clock.live.IsZero() || d.opened.Sub(d.opts.Near) < 24*time.Hour { // it is written to: what was known grows old
		d.clock.at(now)
	}
}

// setTime sets the time of a row, and the fields that say what it is from.
func (op *openPage) setTime(row int, r moment, s *Set) {
	pg := op.page
	pg.SetInt(row, event.FieldTime, r.time)
	if r.basis != fromStamp {
		if at := &op.basis[r.basis]; at.Len == 0 {
			*at = pg.Arena.PutString(basisTexts[r.basis])
		}
		pg.SetStr(row, s.basis, op.basis[r.basis])
	}
	if r.doubt != noDoubt {
		if at := &op.doubts[r.doubt]; at.Len == 0 {
			*at = pg.Arena.PutString(doubtTexts[r.doubt])
		}
		pg.SetStr(row, s.doubt, op.doubts[r.doubt])
	}
}

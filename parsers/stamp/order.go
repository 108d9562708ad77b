package stamp

import "time"

// How long a line may lie before the others of its file, or ahead of them, and still be one of theirs.
const (
	dayMicros = int64(24 * time.Hour / time.Microsecond)
	stepBack  = 31 * dayMicros // a stamp without a year that lies further back is of the next year
)

// An order is how far the lines of a file have come in time. A stamp that lies more than a day ahead of the others does not
// move it on until the stamps that follow agree with it, so that one wrong clock does not put a whole file in the future:
// one more has to agree, or seven where the stamp also lies more than a day after the file was written.
type order struct {
	latest int64 // µs, 0: no stamp yet
	ahead  int64 // the least of the stamps that lie ahead, 0: none
	agreed int   // how many there were in succession
	single bool  // latest is from the first stamp alone
}

const agreeBeyondFile = 7

// seen takes the stamp t, µs, into the order, and reports whether it lies after late, a day after the file was written or
// the line received. The stamp of a line that is live, received as it was written, needs no other to agree.
func (o *order) seen(t, late int64, live bool) bool {
	beyond := t > late
	switch {
	case o.latest == 0 && !beyond:
		o.latest, o.single = t, true
		return false
	case o.single && t < o.latest-dayMicros: // the first one was the wrong one
		o.latest, o.single = t, false
	case t <= o.latest+dayMicros && o.latest != 0 || !beyond && live:
		o.latest = max(o.latest, t)
		o.ahead, o.agreed = 0, 0
	case o.agreed == 0 || t < o.ahead-dayMicros:
		o.ahead, o.agreed = t, 1
	default:
		o.ahead = min(o.ahead, t)
		if o.agreed++; !beyond || o.agreed > agreeBeyondFile {
			o.latest = max(o.latest, o.ahead)
			if o.ahead, o.agreed = t, 1; t <= o.latest+dayMicros {
				o.latest, o.ahead, o.agreed = max(o.latest, t), 0, 0
			}
		}
	}
	o.single = false
	return beyond
}

// yearOf chooses the year of a stamp that has none. Of a line that was received as it was written it is the year in which
// the stamp is nearest to that. Otherwise the file decides: the first year in which the stamp lies no more than 31 days
// before the lines before it, within what a look ahead found, unless that is more than a day after the file was
// written. 29 February is in leap years only.
func (c *Clock) yearOf(v *civil) (int, Basis) {
	if !c.live.IsZero() {
		return nearestYear(v, c.live), YearOfReceipt
	}
	limit := c.limit()
	if c.Reread != nil {
		c.lookAhead(limit)
	}
	first, last := c.years.at(c.off)
	if c.years.whole && first == last && first != 0 && v.in(first) {
		return first, YearOfFile
	}
	if c.latest == 0 {
		if first != 0 && v.in(first) {
			return first, YearOfFile
		}
		return lastYear(v, time.Unix(limit, 0).UTC().Year()+1, limit), YearOfFile
	}
	from := (c.latest - stepBack) / 1e6
	y := time.Unix(from, 0).UTC().Year() - 1
	for !v.in(y) || v.seconds1970(y) < from {
		y++
	}
	switch {
	case first == 0:
	case y > last && v.in(last):
		y = last
	case y < first && v.in(first) && v.seconds1970(y) > c.latest/1e6: // it is not one that came late
		y = first
	}
	if v.seconds1970(y) > limit {
		y = lastYear(v, y, limit)
	}
	return y, YearOfFile
}

// in reports whether the year has the stamp's day.
func (c *civil) in(year int) bool { return c.day <= 28 || c.day <= daysIn(year, c.month) }

// lastYear returns the last year up to year in which the stamp is not after limit, seconds since 1970.
func lastYear(v *civil, year int, limit int64) int {
	for !v.in(year) || v.seconds1970(year) > limit {
		year--
	}
	return year
}

// nearestYear returns the year in which the stamp is nearest to t.
func nearestYear(v *civil, t time.Time) int {
	best, least := 0, int64(0)
	for y := t.Year() - 4; y <= t.Year()+4; y++ {
		if !v.in(y) {
			continue
		}
		d := v.seconds1970(y) - t.Unix()
		if d = max(d, -d); best == 0 || d < least {
			best, least = y, d
		}
	}
	if best == 0 { // 29 February in the eight years around 1900 or 2100
		return lastYear(v, t.Year(), t.Unix())
	}
	return best
}

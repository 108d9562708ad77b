package stamp

// An hourCache reads a stamp that differs from one before in minutes, seconds and their fraction only. In a busy log
// nearly all do.
type hourCache struct {
	minute int   // where the minutes stand in the stamp, two digits, a colon, two digits; 0: nothing is known
	tail   int   // where what follows the seconds and their fraction begins
	base   int64 // the time at minute 0, µs
}

// learn remembers the stamp of which v are the numbers and r is the time, if its hour is one without a doubt.
func (h *hourCache) learn(c *Clock, l *layout, v *civil, r Moment) {
	h.minute = 0
	if v.minuteAt == 0 || r.Doubt != NoDoubt || v.zone == namedZone && len(c.zone.abbr[string(v.name)]) > 1 {
		return
	}
	base := r.Time - int64(v.min*60+v.sec)*1e6 - int64(v.nsec/1000)
	if !l.dated && base+3600e6 > min(c.late, c.latest+stepBack/2) {
		return // the year may be another one within the hour
	}
	if r.Basis == ZoneAssumed || r.Basis == ZoneYearFile || r.Basis == ZoneYearReceipt {
		if local := base/1e6 + c.zone.offset; local < c.zone.from || local+3600 > c.zone.to {
			return
		}
	}
	*h = hourCache{minute: v.minuteAt, tail: v.tailAt, base: base}
}

// read returns what stamp means where it differs from last, which meant said, in the clock within the hour only.
func (h *hourCache) read(stamp, last []byte, said Moment) (Moment, bool) {
	at := h.minute
	if at == 0 || len(stamp) != len(last) || string(stamp[:at]) != string(last[:at]) || string(stamp[h.tail:]) != string(last[h.tail:]) {
		return said, false
	}
	minutes, seconds := number2(stamp[at:]), number2(stamp[at+3:])
	if stamp[at+2] != ':' || minutes < 0 || minutes > 59 || seconds < 0 || seconds > 59 {
		return said, false
	}
	said.Time = h.base + int64(minutes*60+seconds)*1e6
	if at+5 == h.tail {
		return said, true
	}
	ns, n := nanoseconds(stamp[at+5 : h.tail])
	said.Time += int64(ns / 1000)
	return said, n == h.tail-at-5
}

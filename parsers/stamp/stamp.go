// Package stamp reads the time stamps of log lines: which instant a text means, and what had to be assumed for it.
//
// It stands inside the parser: the decoder finds the text of a line's stamp, and a Clock, one for each generation of a
// file, says what it means. Logs leave things out of their stamps, the year or the zone, and clocks go wrong or are put
// back: a Moment tells which clock it is from and why it may be in doubt. Layouts are safe for concurrent use; a Clock
// belongs to one goroutine.
package stamp

import "time"

// A Moment is the time of a line, and what had to be assumed for it.
type Moment struct {
	Time  int64 // µs since 1970
	Basis Basis
	Doubt Doubt
}

// Stamped reports whether the time was read from a stamp of the line itself.
func (m Moment) Stamped() bool { return m.Basis != LineBefore && m.Basis != FileWritten }

// A Basis says which clock a time is from: what was taken from elsewhere than the stamp.
type Basis uint8

const (
	OwnStamp        Basis = iota // nothing: the stamp has a zone and a year
	ZoneAssumed                  // the zone of the source
	YearOfReceipt                // the year in which the stamp is nearest to when the line was received
	YearOfFile                   // the year that fits the time of the file and its order
	ZoneYearReceipt              // both
	ZoneYearFile                 // both
	LineBefore                   // all: the line has no stamp that can be read
	FileWritten                  // all, and no line before has one

	Bases = iota // their number
)

var basisTexts = [Bases]string{OwnStamp: "", ZoneAssumed: "zone", YearOfReceipt: "receipt", YearOfFile: "file",
	ZoneYearReceipt: "zone+receipt", ZoneYearFile: "zone+file", LineBefore: "before", FileWritten: "written"}

// String returns the value of the field veritail.time.clock; "" for OwnStamp, of which nothing is said.
func (b Basis) String() string { return basisTexts[b] }

// A Doubt says why a time may be wrong.
type Doubt uint8

const (
	NoDoubt       Doubt = iota
	OverlapFirst        // the zone's clock was put back: the hour came twice, and this is the first reading
	OverlapSecond       // the second
	InGap               // the zone's clock was put forward: there was no such time
	Ahead               // more than a day after the file was written, or the line received

	Doubts = iota // their number
)

var doubtTexts = [Doubts]string{NoDoubt: "", OverlapFirst: "overlap-first", OverlapSecond: "overlap-second", InGap: "gap", Ahead: "ahead"}

// String returns the value of the field veritail.time.doubt; "" for NoDoubt.
func (d Doubt) String() string { return doubtTexts[d] }

// Layouts are the ways in which the stamps of one kind of line are written, tried one after the other.
type Layouts struct{ list []layout }

// Compile compiles layouts of Go's time package, and unix, unix_ms, unix_us and unix_ns for numbers. utc says that
// stamps without a zone are in UTC.
func Compile(layouts []string, utc bool) *Layouts {
	l := &Layouts{compileLayouts(layouts)}
	for i := range l.list {
		l.list[i].utc = utc
	}
	return l
}

// Read returns what stamp means by the clock c, without taking it into the order of c's file, and false where it is
// written in none of the layouts.
func (ls *Layouts) Read(c *Clock, stamp []byte) (Moment, bool) {
	c.layouts = ls
	if r, ok := c.hour.read(stamp, c.last, c.said); ok {
		return r, true
	}
	if len(c.last) > 0 && string(stamp) == string(c.last) {
		return c.said, true
	}
	var state layoutState
	for i := range ls.list {
		l := &ls.list[i]
		r, ok := l.read(c, stamp, ls.after(i), &state)
		if ok {
			c.last, c.said = append(c.last[:0], stamp...), r
			return r, true
		}
	}
	return Moment{}, false
}

// after returns how many elements the layout behind i shares with i, -1 if there is none.
func (ls *Layouts) after(i int) int {
	if i+1 < len(ls.list) {
		return ls.list[i+1].shared
	}
	return -1
}

// undated returns the numbers of a stamp whose layout has no year, and false for any other.
func (ls *Layouts) undated(stamp []byte) (civil, bool) {
	for i := range ls.list {
		l, v, kept := &ls.list[i], civil{day: -1}, layoutState{}
		if !l.dated && !l.slow && l.unit == 0 && l.parse(stamp, &v, 0, 0, -1, &kept) {
			return v, true
		}
	}
	return civil{}, false
}

// read reads a stamp. It goes on from state where the layout shares elements with the one before it, and leaves in
// state what it read of its first keep elements.
func (l *layout) read(c *Clock, stamp []byte, keep int, state *layoutState) (Moment, bool) {
	c.hour.minute = 0
	switch {
	case l.unit != 0:
		t, ok := unixTime(stamp, l.unit)
		return Moment{Time: t}, ok
	case l.slow:
		t, err := time.ParseInLocation(l.text, string(stamp), c.zone.loc)
		return Moment{Time: t.UnixMicro(), Basis: ZoneAssumed}, err == nil && t.Year() != 0
	}
	from, at, v := 0, 0, civil{day: -1}
	if l.shared > 0 {
		if state.element < l.shared {
			return Moment{}, false // the layout before failed in the part that both share
		}
		v, from, at = state.civil, state.element, state.at
	}
	state.element = -1
	if !l.parse(stamp, &v, from, at, keep, state) {
		return Moment{}, false
	}
	if l.utc && v.zone == noZone {
		v.zone, v.offset = fixedZone, 0
	}
	r := c.resolve(&v, l.dated)
	c.hour.learn(c, l, &v, r)
	return r, true
}

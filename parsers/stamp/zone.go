package stamp

import (
	"bytes"
	"math"
	"strconv"
	"time"
)

// zoneOffsets are the zone abbreviations that logs write and Go knows only inside a zone that uses them, in hours
// east of UTC. Where several zones share one, it is the meaning that PostgreSQL's timezonesets/Default gives it.
var zoneOffsets = map[string]float64{
	"ACDT": 10.5, "ACST": 9.5, "ADT": -3, "AEDT": 11, "AEST": 10, "AKDT": -8, "AKST": -9, "AST": -4, "AWST": 8,
	"BRT": -3, "BST": 1, "CAT": 2, "CDT": -5, "CEST": 2, "CET": 1, "CST": -6, "EAT": 3, "EDT": -4, "EEST": 3, "EET": 2,
	"EST": -5, "GMT": 0, "HKT": 8, "HST": -10, "IDT": 3, "IST": 2, "JST": 9, "KST": 9, "MDT": -6, "MEST": 2, "MET": 1,
	"MSK": 3, "MST": -7, "NDT": -2.5, "NST": -3.5, "NZDT": 13, "NZST": 12, "PDT": -7, "PHT": 8, "PKT": 5, "PST": -8,
	"SAST": 2, "SGT": 8, "UTC": 0, "WEST": 1, "WET": 0, "WIB": 7, "WIT": 9, "WITA": 8, "Z": 0,
}

// A zone turns the local times of a location into instants. It remembers the period between two changes of the clock in
// which it looked last, and the abbreviations of the location.
type zone struct {
	loc      *time.Location
	from, to int64 // local seconds that have one reading, with this offset
	offset   int64
	abbr     map[string][]int64 // abbreviation → the offsets it had
	name     []byte             // the abbreviation read last, and its offset, if it has one only
	named1   int64
}

// instant returns the second since 1970 at which the zone's clocks show local, and why that is in doubt. Of two readings
// it is the first one, unless the file has come further already (latest, µs), or the line was received (live) nearer
// to the second.
func (z *zone) instant(local, latest int64, live time.Time) (int64, Doubt) {
	if local >= z.from && local < z.to {
		return local - z.offset, NoDoubt
	}
	const day = 24 * 3600
	before, after := z.offsetAt(local-day), z.offsetAt(local+day)
	first, second := local-max(before, after), local-min(before, after)
	one, two := z.offsetAt(first) == local-first, z.offsetAt(second) == local-second
	switch {
	case first == second:
		z.remember(first)
		return first, NoDoubt
	case one && two:
		if latest != 0 && first < latest/1e6-z.disorder(first, latest/1e6) {
			return second, OverlapSecond
		}
		if !live.IsZero() && second-live.Unix() < live.Unix()-first {
			return second, OverlapSecond
		}
		return first, OverlapFirst
	case one:
		return first, NoDoubt
	case two:
		return second, NoDoubt
	}
	return local - before, InGap
}

// disorder is how many seconds behind the others a line may be written without its hour counting as the second one: ten
// minutes, or five seconds once the clock has been put back.
func (z *zone) disorder(first, latest int64) int64 {
	if _, back := time.Unix(first, 0).In(z.loc).ZoneBounds(); latest >= back.Unix() {
		return 5
	}
	return 600
}

func (z *zone) offsetAt(s int64) int64 {
	_, offset := time.Unix(s, 0).In(z.loc).Zone()
	return int64(offset)
}

// remember keeps the period around the instant s, without the local times at its ends that come twice or not at all.
func (z *zone) remember(s int64) {
	begin, end := time.Unix(s, 0).In(z.loc).ZoneBounds()
	z.offset, z.from, z.to = z.offsetAt(s), math.MinInt64, math.MaxInt64
	if !begin.IsZero() {
		z.from = begin.Unix() + max(z.offset, z.offsetAt(begin.Unix()-1))
	}
	if !end.IsZero() {
		z.to = end.Unix() + min(z.offset, z.offsetAt(end.Unix()))
	}
}

// named returns the instant at which clocks of the zone called name show local, and false if the name is not known. A
// name means what the location means by it, else what zoneOffsets says.
func (z *zone) named(name []byte, local int64) (int64, bool) {
	if len(z.name) > 0 && bytes.Equal(name, z.name) {
		return local - z.named1, true
	}
	if z.abbr == nil {
		z.learn()
	}
	if offsets := z.abbr[string(name)]; len(offsets) > 1 {
		for _, o := range offsets { // the one that holds at that time, as Go does
			if n, held := time.Unix(local-o, 0).In(z.loc).Zone(); n == string(name) && int64(held) == o {
				return local - o, true
			}
		}
		return local - offsets[0], true
	}
	o, ok := z.offsetOf(string(name))
	if ok {
		z.name, z.named1 = append(z.name[:0], name...), o
	}
	return local - o, ok
}

// offsetOf returns the one offset of an abbreviation.
func (z *zone) offsetOf(name string) (int64, bool) {
	if offsets := z.abbr[name]; len(offsets) == 1 {
		return offsets[0], true
	}
	if hours, ok := zoneOffsets[name]; ok {
		return int64(hours * 3600), true
	}
	if len(name) > 3 && name[:3] == "GMT" {
		name = name[3:]
	}
	if h, err := strconv.Atoi(name); err == nil { // +03, GMT+3
		return int64(h) * 3600, true
	}
	return 0, false
}

// learn collects the abbreviations that the location has used since 1970 and will until 2050.
func (z *zone) learn() {
	z.abbr = map[string][]int64{}
	last := time.Date(2050, 1, 1, 0, 0, 0, 0, time.UTC)
	for t := time.Unix(0, 0).In(z.loc); t.Before(last); {
		name, offset := t.Zone()
		known := false
		for _, o := range z.abbr[name] {
			known = known || o == int64(offset)
		}
		if !known {
			z.abbr[name] = append(z.abbr[name], int64(offset))
		}
		_, end := t.ZoneBounds()
		if end.IsZero() {
			break
		}
		if t = t.AddDate(0, 0, 1); end.After(t) { // the period may be said to end where it begins
			t = end
		}
	}
}

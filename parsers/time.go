package parsers

import (
	"math"
	"strconv"
	"time"
)

// A timeParser reads time stamps in one of several layouts.
type timeParser struct {
	temps   []int // what the stamp is made of, joined by a blank
	layouts []string
}

// of returns the time of the line whose temporaries are temps, in µs.
func (p *timeParser) of(c *clock, temps [][]byte) (int64, bool) {
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
		return 0, false
	}
	return p.parse(c, stamp)
}

// A clock holds what reading time stamps of one generation needs beside the stamp: the zone of stamps without one,
// and a time near the present for stamps without a year.
type clock struct {
	zone *time.Location
	near time.Time

	last  string // the stamp read last, and its time
	value int64

	stamp []byte // memory for stamps of several parts
}

// parse returns the time of stamp in µs.
func (p *timeParser) parse(c *clock, stamp []byte) (int64, bool) {
	if string(stamp) == c.last && c.last != "" {
		return c.value, true
	}
	text := string(stamp)
	for _, layout := range p.layouts {
		t, ok := parseLayout(c, layout, text)
		if ok {
			c.last, c.value = text, t
			return t, true
		}
	}
	return 0, false
}

func parseLayout(c *clock, layout, text string) (int64, bool) {
	var scale float64
	switch layout {
	case "unix":
		scale = 1e6
	case "unix_ms":
		scale = 1e3
	case "unix_ns":
		scale = 1e-3
	default:
		t, err := time.ParseInLocation(layout, text, c.zone)
		if err != nil {
			return 0, false
		}
		t = inZone(t, c.zone)
		if t.Year() == 0 {
			t = withYear(t, c.near)
		}
		return t.UnixMicro(), true
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n*scale > 1e18 {
		return 0, false
	}
	return int64(math.Round(n * scale)), true
}

// withYear gives t, whose stamp has no year, the latest year in which it is not more than a day after near.
// RFC 3164 stamps have none; logs are of the past, and clocks differ.
func withYear(t, near time.Time) time.Time {
	limit := near.Add(24 * time.Hour)
	for year := limit.Year(); ; year-- {
		d := time.Date(year, t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
		if d.Month() == t.Month() && !d.After(limit) { // 29 February is not in every year
			return d
		}
		if limit.Year()-year > 8 {
			return t.AddDate(near.Year(), 0, 0)
		}
	}
}

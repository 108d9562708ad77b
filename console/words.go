package console

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// number writes n with commas between thousands.
func number(n int64) string {
	s := strconv.FormatInt(n, 10)
	neg := strings.TrimPrefix(s, "-")
	for i := len(neg) - 3; i > 0; i -= 3 {
		neg = neg[:i] + "," + neg[i:]
	}
	if n < 0 {
		return "−" + neg
	}
	return neg
}

// count writes "1 file", "2 files".
func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return number(n) + " " + many
}

// percent writes a share of a whole: with one digit, or with three where one would not tell it from nothing or all.
func percent(part, whole int64) string {
	switch {
	case whole <= 0:
		return "–"
	case part == 0:
		return "0 %"
	case part == whole:
		return "100 %"
	}
	p := 100 * float64(part) / float64(whole)
	if p >= 0.1 && p <= 99.9 {
		return strconv.FormatFloat(p, 'f', 1, 64) + " %"
	}
	if p < 0.001 {
		return "< 0.001 %"
	}
	return strconv.FormatFloat(min(p, 99.999), 'f', 3, 64) + " %"
}

func utc(us int64) time.Time { return time.UnixMicro(us).UTC() }

// clock writes a time of the day of now as 15:04:05, an older one with its date. Times are UTC.
func clock(us int64, now time.Time) string { return stamp(us, now, "15:04:05") }

func stamp(us int64, now time.Time, layout string) string {
	if us == 0 {
		return "–"
	}
	t, now := utc(us), now.UTC()
	switch {
	case t.Format(time.DateOnly) == now.Format(time.DateOnly):
		return t.Format(layout)
	case t.Year() == now.Year():
		return t.Format("2 Jan " + layout)
	}
	return t.Format("2 Jan 2006 " + layout)
}

// between writes a range of times, once where both ends are in the same second.
func between(from, to int64, now time.Time) string {
	a, b := clock(from, now), clock(to, now)
	if a == b {
		return a
	}
	if utc(from).Format(time.DateOnly) == utc(to).Format(time.DateOnly) {
		b = utc(to).Format("15:04:05")
	}
	return a + "–" + b
}

// duration writes d with one unit and at most three digits: 40 ms, 1.5 s, 12 min, 3.2 h, 5 d.
func duration(d time.Duration) string {
	switch {
	case d < 0:
		return "0 s"
	case d < time.Millisecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if d >= u.size {
			v := float64(d) / float64(u.size)
			if v >= 10 || v == math.Trunc(v) {
				return fmt.Sprintf("%.0f %s", v, u.name)
			}
			return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " " + u.name
		}
	}
	return "0 s"
}

// lag writes how far reading is behind, in seconds with one digit.
func lag(d time.Duration) string {
	if d < time.Minute {
		return strconv.FormatFloat(max(d, 0).Seconds(), 'f', 1, 64) + " s"
	}
	return duration(d)
}

// title writes a word with a capital.
func title(s string) string {
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

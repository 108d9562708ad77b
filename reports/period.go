package reports

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/storage/query"
)

// During returns the period of a length that holds a time, cut where it has not passed yet: to the minute after now. It is
// empty where it has not begun.
func (l Length) During(t, now time.Time) query.Interval {
	from := l.begin(t.UTC())
	to := l.after(from, 1)
	if to.After(now) {
		to = now.UTC().Truncate(time.Minute).Add(time.Minute)
	}
	return query.Interval{From: from.UnixMicro(), To: max(to.UnixMicro(), from.UnixMicro())}
}

// Known reports whether a period of the length may be asked for.
func (l Length) Known() bool { return slices.Contains([]Length{Day, Week, Month}, l) }

// Between returns the period between two bounds that somebody wrote: days, of which the last one belongs to it, or times. An
// empty end is now, and no period ends after that. The error says what is wrong with them.
func Between(from, to string, now time.Time) (query.Interval, error) {
	if from == "" {
		return query.Interval{}, errors.New("a period up to a time wants to know from when on, too")
	}
	begin, _, err := bound(from)
	if err != nil {
		return query.Interval{}, err
	}
	end := now.UTC().Truncate(time.Minute).Add(time.Minute)
	if to != "" {
		given, day, err := bound(to)
		if err != nil {
			return query.Interval{}, err
		}
		if day {
			given = given.AddDate(0, 0, 1)
		}
		if given.Before(end) {
			end = given
		}
	}
	if !begin.Before(end) {
		return query.Interval{}, fmt.Errorf("the period from %s has no length", from)
	}
	return query.Interval{From: begin.UnixMicro(), To: end.UnixMicro()}, nil
}

// bound reads a day or a time, in UTC.
func bound(text string) (t time.Time, day bool, err error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), layout == time.DateOnly, nil
		}
	}
	return time.Time{}, false, fmt.Errorf("%.40q is neither a day, as 2006-01-02, nor a time, as 2006-01-02T15:04", text)
}

// begin is when the period that holds t begins.
func (l Length) begin(t time.Time) time.Time {
	day := t.Truncate(24 * time.Hour)
	switch l {
	case Week:
		return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
	case Month:
		return day.AddDate(0, 0, 1-day.Day())
	case Day, Incident:
	}
	return day
}

// after is when the nth period after the one that begins at from begins.
func (l Length) after(from time.Time, n int) time.Time {
	switch l {
	case Week:
		return from.AddDate(0, 0, 7*n)
	case Month:
		return from.AddDate(0, n, 0)
	case Day, Incident:
	}
	return from.AddDate(0, 0, n)
}

// Before returns what a period is compared with: the one of its length before it. A period that has not ended, or that is
// none of a length, is compared with as long a time: a month so far with the first days of the month before, what is
// none of these with what comes right before it.
func (l Length) Before(p query.Interval) query.Interval {
	from, to := utc(p.From), utc(p.To)
	if l == "" || !l.begin(from).Equal(from) {
		return query.Interval{From: 2*p.From - p.To, To: p.From}
	}
	begin := l.after(from, -1)
	end := from
	if l.after(from, 1) != to {
		end = begin.Add(to.Sub(from))
		if end.After(from) {
			end = from
		}
	}
	return query.Interval{From: begin.UnixMicro(), To: end.UnixMicro()}
}

// lengthOf returns the length that a period is of, also one that has not ended; "" where it is of none.
func lengthOf(p query.Interval, l Length) Length {
	from := utc(p.From)
	if l != "" && l.begin(from).Equal(from) && !utc(p.To).After(l.after(from, 1)) {
		return l
	}
	return ""
}

// DocumentID returns the id of the document of a report about a period of a length ("" for any): D-2026-11-23, D-2026-W48,
// D-2026-11, or D-2026-11-01-to-2026-11-14. That of a site other than this machine ends with its name.
func (d *Definition) DocumentID(l Length, p query.Interval, site string) string {
	from, last := utc(p.From), utc(p.To-1)
	var of string
	switch lengthOf(p, l) {
	case Day:
		of = from.Format(time.DateOnly)
	case Week:
		year, week := from.ISOWeek()
		of = fmt.Sprintf("%d-W%02d", year, week)
	case Month:
		of = from.Format("2006-01")
	default:
		of = stamp(from, false) + "-to-" + stamp(last.Add(time.Microsecond), true)
	}
	if site != "" {
		of += "-" + site
	}
	return d.Code + "-" + of
}

// stamp is a bound of a period in an id: a day, which of its end is the last one, or a minute.
func stamp(t time.Time, end bool) string {
	if t.Equal(t.Truncate(24 * time.Hour)) {
		if end {
			t = t.AddDate(0, 0, -1)
		}
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02T1504")
}

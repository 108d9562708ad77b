package console

import (
	"fmt"
	"html/template"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// occurrences draws the evidence of a finding over time: counted lines as numbered dots, the one at which the rule
// fired in Red, lines that only tell of a counted one as ticks below. Nothing is drawn for a single moment.
func occurrences(f event.Finding, width float64) template.HTML {
	first, last := f.First, f.Last
	for _, e := range f.Evidence {
		first, last = min(first, e.Time), max(last, e.Time)
	}
	if len(f.Evidence) < 2 || last-first < 1000 {
		return ""
	}
	left, right := 84.0, 60.0
	if width < 400 {
		left, right = 10, 34
	}
	plot := width - left - right
	x := func(t int64) float64 { return left + plot*float64(t-first)/float64(last-first) }
	var s svg
	s.f(`<svg viewBox="0 0 %.0f 108" width="100%%" role="img" aria-label="%d lines of evidence between %s and %s">`,
		width, len(f.Evidence), utc(first).Format("15:04:05"), utc(last).Format("15:04:05"))
	ticks := int(plot / 130)
	for i := 0; i <= ticks; i++ {
		t := first + (last-first)*int64(i)/int64(ticks)
		s.f(`<path class="gr" d="M%.1f 30V84"/>`, x(t))
		anchor := "middle"
		if left < 50 && i == 0 {
			anchor = "start"
		}
		s.text(x(t), 101, anchor, "t3", axisTime(t, last-first))
	}
	if left > 50 {
		s.text(0, 54, "start", "", "counted")
		if slices.ContainsFunc(f.Evidence, func(e event.Evidence) bool { return e.Teller }) {
			s.text(0, 78, "start", "t3", "telling")
		}
	}
	from, to := x(f.First), x(min(max(f.Time, first), last))
	if to > from {
		s.f(`<rect class="win" x="%.1f" y="30" width="%.1f" height="54"/><path class="wl" d="M%.1f 26v-6H%.1fv6"/>`, from, to-from, from, to)
	}
	if counted := countedUpTo(f); counted > 1 && to-from > 60 {
		s.text((from+to)/2, 14, "middle", "ta", fmt.Sprintf("%d lines in %s", counted, duration(time.Duration(f.Time-f.First)*time.Microsecond)))
	}
	fires := "fires " + utc(f.Time).Format("15:04:05")
	if to > width-right-60 { // no room to the right of the bracket
		s.text(width-2, 14, "end", "tr", fires)
	} else {
		s.text(to+6, 30, "start", "tr", fires)
	}
	n, lastX := 0, -100.0
	for _, e := range f.Evidence {
		at := x(e.Time)
		if e.Teller {
			s.f(`<path class="tk" d="M%.1f 68v10"/>`, at)
			continue
		}
		n++
		class, r := "dotn", 8.0
		fires := e.Time == f.Time
		if fires {
			class = "dotr"
		}
		if at-lastX < 17 && !fires {
			r = 3 // too close for a number of its own
		}
		s.f(`<circle class="%s" cx="%.1f" cy="50" r="%.0f"/>`, class, at, r)
		if r > 3 {
			s.text(at, 54, "middle", "tw", fmt.Sprint(n))
			lastX = at
		}
	}
	s.f(`<path class="ax" d="M%.1f 84.5H%.1f"/></svg>`, left, left+plot)
	return template.HTML(s.String())
}

// countedUpTo is how many counted lines stand up to the one at which the rule fired.
func countedUpTo(f event.Finding) int {
	n := 0
	for _, e := range f.Evidence {
		if !e.Teller && e.Time <= f.Time {
			n++
		}
	}
	return n
}

func axisTime(us, span int64) string {
	switch {
	case span < (10 * time.Second).Microseconds():
		return utc(us).Format("15:04:05.0")
	case span > (24 * time.Hour).Microseconds():
		return utc(us).Format("2 Jan 15:04")
	}
	return utc(us).Format("15:04:05")
}

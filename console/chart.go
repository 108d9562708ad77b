package console

import (
	"bytes"
	"fmt"
	"html/template"
	"math"
	"time"

	"github.com/saypro/veritail/reports/chart"
	"github.com/saypro/veritail/rules/kpi"
)

// The console's own charts: those whose marks are links to their lines. Like those of reports/chart they are inline
// SVG with classes, never style attributes, which the policy forbids. A drawing is made for the width of its
// column, and a wide one has a narrow twin for phones.

// svg collects a drawing.
type svg struct{ bytes.Buffer }

func (s *svg) f(format string, args ...any) { fmt.Fprintf(&s.Buffer, format, args...) }

// text writes a label; what is foreign in it is escaped.
func (s *svg) text(x, y float64, anchor, class, text string) {
	s.f(`<text x="%.1f" y="%.1f" text-anchor="%s" class="%s">%s</text>`, x, y, anchor, class, template.HTMLEscapeString(visible(text)))
}

// bars writes one path of bars that stand on y=base; values are heights in units of the drawing.
func (s *svg) bars(class string, x, step, width, base float64, heights []float64) {
	s.f(`<path class="%s" d="`, class)
	for i, h := range heights {
		if h > 0 {
			s.f("M%.1f %.1fv-%.1fh%.1fv%.1f", x+float64(i)*step, base, h, width, h)
		}
	}
	s.f(`"/>`)
}

// statusClass is the letter that marks a status in classes: G, Y, R, or N for none.
func statusClass(s kpi.Status) string {
	switch s {
	case kpi.Green, kpi.Yellow, kpi.Red:
		return string(s[:1])
	}
	return "N"
}

// spark draws the days of a figure, the last one so far, with the target that is for a day.
func spark(f kpi.Figure, days []kpi.Point) template.HTML {
	s := chart.Series{
		Title: f.Title, Unit: f.Unit, Decimals: f.Decimals, Step: 24 * time.Hour,
		Bars: f.Kind.Counts(), Target: f.Bound, Status: string(f.Status),
	}
	for _, p := range days {
		s.Points = append(s.Points, chart.Point(p))
	}
	return chart.Sparkline(s)
}

// A multiple is one row of the small multiples: a data set's events over the day.
type multiple struct {
	Name   string
	URL    string
	Total  int64
	Counts []int64 // per half hour, 48 of them
}

// multiples draws rows that share time, not height: each to its own peak.
func multiples(rows []multiple, width float64) template.HTML {
	const rowH, barH = 32.5, 24.0
	left, right := 136.0, 64.0
	if width < 400 {
		left, right = 116, 60
	}
	plot := width - left - right
	height := rowH*float64(len(rows)) + 20
	var s svg
	s.f(`<svg viewBox="0 0 %.0f %.0f" width="100%%" role="img" aria-label="Events today by data set, per half hour">`, width, height)
	every := 6
	if width < 400 {
		every = 12
	}
	for hour := 0; hour <= 24; hour += every {
		x := left + plot*float64(hour)/24
		s.f(`<path class="gr" d="M%.1f 4V%.1f"/>`, x, height-18)
		s.text(x, height-4, "middle", "t3", fmt.Sprintf("%02d:00", hour))
	}
	for i, r := range rows {
		base := rowH*float64(i) + 28
		peak := int64(0)
		for _, c := range r.Counts {
			peak = max(peak, c)
		}
		heights := make([]float64, len(r.Counts))
		for j, c := range r.Counts {
			if c > 0 {
				heights[j] = max(1, barH*float64(c)/float64(peak))
			}
		}
		step := plot / 48
		s.f(`<a href="%s"><rect class="hit" x="0" y="%.1f" width="%.0f" height="%.1f"/>`, template.HTMLEscapeString(r.URL), base-26, width, rowH-2)
		s.text(0, base-2, "start", "tm", oneLine(r.Name, int(left/7)-2))
		s.bars("br", left, step, step*.8, base, heights)
		s.f(`<path class="ax" d="M%.1f %.1fH%.1f"/>`, left, base+.5, left+plot)
		s.text(width, base-2, "end", "tb", number(r.Total))
		s.f(`</a>`)
	}
	s.f(`</svg>`)
	return template.HTML(s.String())
}

// A bin is one bar of a histogram over time.
type bin struct {
	From  int64 // µs
	Count int64
	URL   string // narrows the search to the bin
}

// histogram draws counts over time, each bar a link that narrows to it.
func histogram(bins []bin, step time.Duration, width float64) template.HTML {
	if len(bins) == 0 {
		return ""
	}
	const height, base, top = 112.0, 92.0, 14.0
	left := 44.0
	plot := width - left - 8
	peak := int64(1)
	for _, b := range bins {
		peak = max(peak, b.Count)
	}
	peak = roundUp(peak)
	var s svg
	s.f(`<svg viewBox="0 0 %.0f %.0f" width="100%%" role="img" aria-label="Matching events over time, per %s">`, width, height, duration(step))
	for _, part := range []int64{0, 1, 2} {
		if peak == 1 && part == 1 {
			continue
		}
		y := base - (base-top)*float64(part)/2
		class := "gr"
		if part == 0 {
			class = "ax"
		}
		s.f(`<path class="%s" d="M%.0f %.1fH%.0f"/>`, class, left, y+.5, width-8)
		s.text(left-6, y+4, "end", "t3", short(peak*part/2))
	}
	w := plot / float64(len(bins))
	for i, b := range bins {
		if b.Count == 0 {
			continue
		}
		h := max(1.5, (base-top)*float64(b.Count)/float64(peak))
		x := left + float64(i)*w
		s.f(`<a href="%s"><title>%s: %s</title><rect class="hit" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/>`,
			template.HTMLEscapeString(b.URL), utc(b.From).Format("2 Jan 15:04:05"), count(b.Count, "event", "events"), x, top, w, base-top)
		s.f(`<rect class="br2" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/></a>`, x+w*.1, base-h, w*.8, h)
	}
	s.times(bins[0].From, bins[0].From+int64(len(bins))*step.Microseconds(), left, plot)
	s.f(`</svg>`)
	return template.HTML(s.String())
}

// times labels an axis of time at round moments.
func (s *svg) times(from, to int64, left, plot float64) {
	span := time.Duration(to-from) * time.Microsecond
	every := roundStep(span, max(3, int(plot/110)))
	layout := "15:04"
	switch {
	case every < time.Minute:
		layout = "15:04:05"
	case every >= 24*time.Hour:
		layout = "2 Jan"
	case span > 24*time.Hour:
		layout = "2 Jan 15:04"
	}
	step := every.Microseconds()
	for t := from + mod(-from, step); t < to; t += step {
		x := left + plot*float64(t-from)/float64(to-from)
		anchor := "middle"
		switch {
		case x < left+24:
			anchor = "start"
		case x > left+plot-24:
			anchor, x = "end", left+plot
		}
		s.text(x, 107, anchor, "t3", utc(t).Format(layout))
	}
}

// roundStep returns the shortest round step of which at most n make d.
func roundStep(d time.Duration, n int) time.Duration {
	for _, s := range []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 20 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute,
		5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour,
		6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour,
	} {
		if d <= time.Duration(n)*s {
			return s
		}
	}
	return 30 * 24 * time.Hour
}

// roundUp returns the next of 2, 4, 10, 20, 40, 100 … at or above n, so that half of it is a whole number.
func roundUp(n int64) int64 {
	if n <= 1 {
		return 1
	}
	for p := int64(1); ; p *= 10 {
		for _, m := range []int64{2, 4, 6, 8, 10} {
			if m*p >= n {
				return m * p
			}
		}
	}
}

// short writes a count for an axis: 900, 12k, 3.4M.
func short(n int64) string {
	switch {
	case n >= 1e6:
		return fmt.Sprintf("%gM", math.Round(float64(n)/1e5)/10)
	case n >= 10_000:
		return fmt.Sprintf("%dk", n/1000)
	}
	return number(n)
}

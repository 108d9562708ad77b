package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// value writes v as the product shows numbers: thousands with a comma, a space before the unit.
func (s Series) value(v float64) string {
	t := commas(strconv.FormatFloat(v, 'f', s.Decimals, 64))
	if s.Unit != "" {
		t += " " + s.Unit
	}
	return t
}

func commas(t string) string {
	end := strings.IndexByte(t, '.')
	if end < 0 {
		end = len(t)
	}
	for i := end - 3; i > 0 && t[i-1] != '-'; i -= 3 {
		t = t[:i] + "," + t[i:]
	}
	return t
}

// axis writes a grid value with no more decimals than the step between grid lines needs, without unit.
func axis(v, step float64) string {
	decimals := 0
	for x := step; decimals < 6 && math.Abs(x-math.Round(x)) > 1e-6; decimals++ {
		x *= 10
	}
	return commas(strconv.FormatFloat(v, 'f', decimals, 64))
}

// Sentence says what the series shows: "Deadlocks: from 0 to 11, highest at 23:00, last 11 at 23:00. Target 0. Now Red."
func (s Series) Sentence() string {
	i := lastPoint(s.Points)
	if i < 0 {
		return s.Title + ": nothing was measured."
	}
	low, high, at, gaps := math.Inf(1), math.Inf(-1), 0, 0
	for j, p := range s.Points {
		switch {
		case math.IsNaN(p.Value):
			gaps++
			continue
		case p.Value > high:
			high, at = p.Value, j
		}
		low = math.Min(low, p.Value)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: from %s to %s, highest %s, last %s %s.", s.Title, s.value(low), s.value(high),
		s.at(s.Points[at].Time), s.value(s.Points[i].Value), s.at(s.Points[i].Time))
	if gaps > 0 {
		fmt.Fprintf(&b, " Nothing was measured in %d of %d steps.", gaps, len(s.Points))
	}
	if !math.IsNaN(s.Target) {
		fmt.Fprintf(&b, " Target %s.", s.value(s.Target))
	}
	if statusClass(s.Status) != "sn" {
		fmt.Fprintf(&b, " Now %s.", s.Status)
	}
	return b.String()
}

func (s Series) at(t int64) string {
	if s.Step >= 24*time.Hour {
		return "on " + s.when(t)
	}
	return "at " + s.when(t)
}

// when writes the beginning of a step: a day where steps are days, else a time, with its day where the points are of
// several.
func (s Series) when(t int64) string {
	u := time.UnixMicro(t).UTC()
	if s.Step >= 24*time.Hour {
		return u.Format("2 Jan")
	}
	if n := len(s.Points); n > 0 && time.UnixMicro(s.Points[n-1].Time).UTC().YearDay() != time.UnixMicro(s.Points[0].Time).UTC().YearDay() {
		return u.Format("2 Jan 15:04")
	}
	return u.Format("15:04")
}

// Package chart draws small charts as inline SVG, for reports and the console: data in, template.HTML out.
//
// Nothing runs in the reader's browser. Charts have classes, no inline styles, so that a strict content security
// policy can stay; the page that shows them includes CSS and defines the colours it names. Counts are bars from
// zero; shares and times are lines. A target is dotted, the last point alone carries the colour of a status, a gap
// in the data is a gap. Each chart is role=img with a sentence that says its result. All text is escaped. The
// functions are pure and safe for concurrent use.
package chart

import (
	_ "embed"
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
)

// CSS is the style sheet of the charts. It uses the custom properties --bar, --ink, --ink2, --ink3, --line, --line2,
// --g, --y, --r and --sans of the page.
//
//go:embed chart.css
var CSS string

// A Point is one value over a step of time that begins at Time (µs, UTC). NaN is a gap.
type Point struct {
	Time  int64
	Value float64
}

// A Series is what a chart shows. Points lie at equal steps, oldest first.
type Series struct {
	Title    string
	Unit     string // stands behind values: "%", "ms", "" for counts
	Decimals int
	Points   []Point
	Step     time.Duration // of one point
	Bars     bool          // counts: bars from zero; else a line
	Target   float64       // NaN: none
	Status   string        // of the last point: "Green", "Yellow", "Red"; anything else leaves it in ink
}

// svg collects one drawing.
type svg struct{ strings.Builder }

// open begins a drawing of w × h that says sentence to those who do not see it.
func open(class string, w, h float64, sentence string) *svg {
	b := &svg{}
	fmt.Fprintf(b, `<svg class="%s" viewBox="0 0 %s %s" role="img" aria-label="%s">`, strings.TrimSpace("ch "+class), num(w), num(h), html.EscapeString(sentence))
	return b
}

func (b *svg) close() template.HTML {
	b.WriteString("</svg>")
	return template.HTML(b.String()) //nolint:gosec // every text went through html.EscapeString
}

func (b *svg) path(class, d string) {
	if d != "" {
		fmt.Fprintf(b, `<path class="%s" d="%s"/>`, class, d)
	}
}

// text writes s at x, y; anchor is start, middle or end.
func (b *svg) text(class string, x, y float64, anchor, s string) {
	fmt.Fprintf(b, `<text class="%s" x="%s" y="%s" text-anchor="%s">%s</text>`, class, num(x), num(y), anchor, html.EscapeString(s))
}

func (b *svg) dot(class string, x, y float64) {
	fmt.Fprintf(b, `<circle class="%s" cx="%s" cy="%s" r="3"/>`, class, num(x), num(y))
}

// num writes a coordinate with at most one decimal.
func num(v float64) string {
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// statusClass returns the class that colours a mark.
func statusClass(status string) string {
	switch status {
	case "Green":
		return "sg"
	case "Yellow":
		return "sy"
	case "Red":
		return "sr"
	}
	return "sn"
}

// A frame maps values to places: x of a step, y of a value.
type frame struct {
	left, top, w, h float64
	n               int
	min, max        float64
}

func (f frame) step() float64 { return f.w / float64(max(f.n, 1)) }

// x returns the middle of step i.
func (f frame) x(i int) float64 { return f.left + (float64(i)+0.5)*f.step() }

func (f frame) y(v float64) float64 { return f.top + f.h*(1-(v-f.min)/(f.max-f.min)) }

// bars draws the points from zero: all in one path, and the last one, where it carries a status, in its own.
func (f frame) bars(b *svg, s Series) {
	half := f.step()/2 - math.Min(3, f.step()*0.2)/2
	var all strings.Builder
	marked := ""
	last := lastPoint(s.Points)
	for i, p := range s.Points {
		if !(p.Value > 0) {
			continue
		}
		// A count of one is seen, however high the others are.
		top := math.Min(f.y(p.Value), f.y(0)-1)
		left, right := num(f.x(i)-half), num(f.x(i)+half)
		bar := "M" + left + " " + num(top) + "H" + right + "V" + num(f.y(0)) + "H" + left + "Z"
		if i == last && statusClass(s.Status) != "sn" {
			marked = bar
		} else {
			all.WriteString(bar)
		}
	}
	b.path("br", all.String())
	b.path("mk "+statusClass(s.Status), marked)
}

// line draws the points as a line that stops at gaps; a point between two gaps is a short dash.
func (f frame) line(b *svg, s Series) {
	var d strings.Builder
	for i, p := range s.Points {
		if math.IsNaN(p.Value) {
			continue
		}
		before := i > 0 && !math.IsNaN(s.Points[i-1].Value)
		after := i+1 < len(s.Points) && !math.IsNaN(s.Points[i+1].Value)
		switch {
		case before:
			fmt.Fprintf(&d, "L%s %s", num(f.x(i)), num(f.y(p.Value)))
		case after:
			fmt.Fprintf(&d, "M%s %s", num(f.x(i)), num(f.y(p.Value)))
		default:
			fmt.Fprintf(&d, "M%s %sh4", num(f.x(i)-2), num(f.y(p.Value)))
		}
	}
	b.path("ln", d.String())
	if i := lastPoint(s.Points); i >= 0 {
		b.dot("mk "+statusClass(s.Status), f.x(i), f.y(s.Points[i].Value))
	}
}

func (f frame) draw(b *svg, s Series) {
	if s.Bars {
		f.bars(b, s)
	} else {
		f.line(b, s)
	}
}

// lastPoint returns the last measured point, -1 if there is none.
func lastPoint(ps []Point) int {
	for i := len(ps) - 1; i >= 0; i-- {
		if !math.IsNaN(ps[i].Value) {
			return i
		}
	}
	return -1
}

// bounds returns the lowest and highest value of the points, 0 and 0 where there is none.
func (s Series) bounds() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, p := range s.Points {
		if !math.IsNaN(p.Value) {
			low, high = math.Min(low, p.Value), math.Max(high, p.Value)
		}
	}
	if low > high {
		return 0, 0
	}
	return low, high
}

// scale sets the lower and upper end of f and returns the distance of its grid lines. Bars begin at zero. So does a
// line, unless all of it lies in the upper half. A target that would press the values flat is left out.
func (f *frame) scale(s Series) (step float64) {
	low, high := s.bounds()
	if t := s.Target; t > 0 && (high == 0 || t <= 4*high) {
		low, high = math.Min(low, t), math.Max(high, t)
	}
	if s.Bars || low <= high/2 || low == high {
		step = nice(high)
		if s.Bars && s.Unit == "" {
			step = math.Max(1, math.Ceil(step))
		}
		f.min, f.max = 0, 2*step
		return step
	}
	step = nice(math.Max(high-low, high/1e5))
	f.min = math.Min(low, step*math.Floor(low/step+1e-9))
	for f.max = f.min + step; f.max < high*(1-1e-12); f.max += step {
	}
	if s.Unit == "%" && high <= 100 {
		f.max = math.Min(f.max, 100)
	}
	return step
}

// nice returns a round step of which two reach v.
func nice(v float64) float64 {
	if v <= 0 {
		return 1
	}
	raw := v / 2
	p := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10} {
		if m*p >= raw*(1-1e-9) {
			return m * p
		}
	}
	return 10 * p
}

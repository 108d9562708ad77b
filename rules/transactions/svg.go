package transactions

import (
	_ "embed"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// CSS is the style sheet of the drawings. A page that defines them gives the colours --ink, --ink2, --ink3, --panel, --sunk, --edge,
// --line2, --r and --rbg, and the fonts --sans and --mono.
//
//go:embed deadlock.css
var CSS string

// maxRing is how many sessions are drawn; more are a list.
const maxRing = 6

// Widths of the drawings, and the sizes of what is in them.
const (
	wide, slim         = 660.0, 342.0
	boxW, boxH         = 212.0, 92.0
	pillW, pillH       = 132.0, 38.0
	rowGap             = 104.0
	leftX, rightX      = 8.0, wide - 8 - boxW
	slimX, slimW       = 100.0, slim - 106
	slimGap, slimPillH = 74.0, 34.0
)

// Drawn reports whether the deadlock is drawn: whether it has a cycle, and one that is not too large.
func (d *Deadlock) Drawn() bool { return len(d.Cycle) > 1 && len(d.Cycle) <= maxRing }

// SVG returns the deadlock as a picture of its own, with its style sheet. It is "" where it is not Drawn.
func (d *Deadlock) SVG() string {
	p := d.wide()
	if p == nil {
		return ""
	}
	const head = 34.0
	heading := html.EscapeString(d.heading())
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 %s %s %s"><title>%s</title><style>%s</style>`+
		`<g class="dlk"><rect class="dlk-bg" y="%s" width="100%%" height="100%%"/><text class="dlk-b" x="8" y="-14">%s</text>%s</g></svg>`+"\n",
		num(p.w), num(p.h+head), num(-head), num(p.w), num(p.h+head), heading, CSS, num(-head), heading, p.String())
}

// A pen collects one drawing. What is written in it comes from log lines, so it is escaped and bounded.
type pen struct {
	strings.Builder
	d    *Deadlock
	w, h float64
}

func (p *pen) f(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// text writes s, cut to n characters; anchor is start, middle or end.
func (p *pen) text(class string, x, y float64, anchor, s string, n int) {
	full := shown(s, 400)
	title := ""
	if short := shown(s, n); short != full {
		title = "<title>" + html.EscapeString(full) + "</title>"
		full = short
	}
	p.f(`<text class="%s" x="%s" y="%s" text-anchor="%s">%s%s</text>`, class, num(x), num(y), anchor, html.EscapeString(full), title)
}

func num(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }

// drawing returns what was drawn as a part of a page, which says in a sentence what it shows.
func (p *pen) drawing() string {
	sentence := p.d.title() + ": " + p.d.Sentence()
	if v := p.d.Sessions[p.d.Cycle[0]]; v.Victim {
		sentence += "; " + v.Label() + " was rolled back"
	}
	return fmt.Sprintf(`<svg class="dlk" viewBox="0 0 %s %s" role="img" aria-label="%s">%s</svg>`, num(p.w), num(p.h), html.EscapeString(shown(sentence, 400)), p.String())
}

// A point is where a line begins or ends.
type point struct{ x, y float64 }

// box draws session i with its upper left corner at x, y.
func (p *pen) box(i int, x, y, w float64) {
	s := &p.d.Sessions[i]
	class := "dlk-box"
	if s.Victim {
		class += " dlk-victim"
	}
	p.f(`<rect class="%s" x="%s" y="%s" width="%s" height="%s" rx="8"/>`, class, num(x), num(y), num(w), num(boxH))
	room := int((w - 24) / 6.7)
	p.text("dlk-b", x+12, y+20, "start", s.Label(), 16)
	if s.Transaction != "" && s.Label() == s.Name {
		p.text("dlk-q", x+12+8*float64(min(len(s.Label()), 16)+1), y+20, "start", "trx "+s.Transaction, 14)
	}
	if s.Victim {
		p.text("dlk-v", x+w-12, y+20, "end", "✕ victim", 12)
	}
	p.text("dlk-q", x+12, y+39, "start", orNotLogged2("who ", s.Who()), room)
	held := "holds "
	if s.Victim {
		held = "held  "
	}
	p.text("dlk-m", x+12, y+60, "start", held+p.d.Holds(i), room)
	p.text("dlk-m", x+12, y+79, "start", "wants "+p.d.Wants(i), room)
}

// orNotLogged2 is s, or what is not logged of it.
func orNotLogged2(what, s string) string {
	if s == "" {
		return what + NotLogged
	}
	return s
}

// pill draws what a wait is for around the point c.
func (p *pen) pill(w *Wait, c point, h float64) {
	p.f(`<rect class="dlk-pill" x="%s" y="%s" width="%s" height="%s" rx="%s"/>`, num(c.x-pillW/2), num(c.y-h/2), num(pillW), num(h), num(h/2))
	title, below := p.d.pill(w)
	p.text("dlk-s", c.x, c.y-2, "middle", title, 19)
	p.text("dlk-q", c.x, c.y+12, "middle", below, 21)
}

// pill is what is locked, in two lines.
func (d *Deadlock) pill(w *Wait) (string, string) {
	l := &w.Lock
	var place []string
	if l.Index != "" {
		place = append(place, strings.Trim(l.Index, "`\""))
	}
	if len(l.Rows) > 0 {
		row := l.Rows[0]
		if strings.Contains(row, ",") {
			row = "(" + row + ")"
		}
		place = append(place, "row "+row)
	}
	below := strings.Join(place, ", ")
	if below == "" {
		below = "row " + NotLogged
	}
	switch {
	case l.Table != "" && l.Key != "":
		return shortName(l.Table) + " " + l.Key, below
	default:
		return d.Wants(w.From), below
	}
}

// waits draws a line from a to b with its head, held one from b's other side to c. Way is how a line leaves its beginning.
func (p *pen) waits(path string, end point, dir string) {
	p.f(`<path class="dlk-w" d="%s"/>`, path)
	const l, w = 7.0, 4.0
	x, y := end.x, end.y
	var head string
	switch dir {
	case "right":
		head = fmt.Sprintf("M%s %sL%s %sL%s %sz", num(x), num(y), num(x-l), num(y-w), num(x-l), num(y+w))
	case "left":
		head = fmt.Sprintf("M%s %sL%s %sL%s %sz", num(x), num(y), num(x+l), num(y-w), num(x+l), num(y+w))
	case "down":
		head = fmt.Sprintf("M%s %sL%s %sL%s %sz", num(x), num(y), num(x-w), num(y-l), num(x+w), num(y-l))
	default: // up
		head = fmt.Sprintf("M%s %sL%s %sL%s %sz", num(x), num(y), num(x-w), num(y+l), num(x+w), num(y+l))
	}
	p.f(`<path class="dlk-a" d="%s"/>`, head)
}

func (p *pen) held(w *Wait, path string) {
	class := "dlk-h"
	if w.Inferred {
		class += " dlk-i"
	}
	p.f(`<path class="%s" d="%s"/>`, class, path)
}

// label is the mode of a wait and, where it is another thing than what stands in the pill, what it is on.
func label(w *Wait) string {
	text := orNotLogged2("lock mode ", w.Lock.Mode)
	if w.Lock.On != "" {
		text += " on " + w.Lock.On
	}
	return text
}

// straight is a line between two points.
func straight(a, b point) string {
	switch {
	case a.y == b.y:
		return fmt.Sprintf("M%s %sH%s", num(a.x), num(a.y), num(b.x))
	case a.x == b.x:
		return fmt.Sprintf("M%s %sV%s", num(a.x), num(a.y), num(b.y))
	}
	return fmt.Sprintf("M%s %sL%s %s", num(a.x), num(a.y), num(b.x), num(b.y))
}

// legend says what the lines mean.
func (p *pen) legend(x, y float64, narrow bool) {
	p.waits(fmt.Sprintf("M%s %sh24", num(x), num(y)), point{x + 26, y}, "right")
	p.text("dlk-q", x+34, y+4, "start", "waits for", 20)
	p.f(`<path class="dlk-h" d="M%s %sh26"/>`, num(x+98), num(y))
	p.text("dlk-q", x+130, y+4, "start", "held by", 20)
	end := ""
	if p.d.Sessions[p.d.Cycle[0]].Victim {
		end = "✕ rolled back by " + p.d.Server
	} else {
		end = "victim " + NotLogged
	}
	for i := range p.d.Waits {
		if p.d.Waits[i].Inferred && !narrow {
			end += "; dashed: by whom is " + NotLogged
			break
		}
	}
	if p.d.Cut {
		end += "; the report is cut"
	}
	room := 60
	if narrow {
		room = 24
	}
	p.text("dlk-q", x+190, y+4, "start", end, room)
}

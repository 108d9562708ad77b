package transactions

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// A Lane is one session, or one program, of a timeline.
type Lane struct {
	Name  string
	Cells string // of a terminal
}

// Drawn returns the lanes in cells: ─ in a transaction, ▒ waiting for a lock, and a mark where something ends.
func (t *Timeline) Drawn(width int) []Lane {
	var out []Lane
	for _, name := range t.Lanes {
		cells := []rune(strings.Repeat(" ", width+1))
		fill := func(from, to time.Time, r rune) {
			for i := t.place(from, width); i <= t.place(to, width); i++ {
				cells[i] = r
			}
		}
		for _, tx := range t.Transactions {
			if tx.Session == name {
				fill(tx.Begun, tx.Ended, '─')
			}
		}
		for _, w := range t.waits(name) {
			fill(w[0], w[1], '▒')
		}
		for _, m := range t.Moments {
			if m.Session != name {
				continue
			}
			switch m.What {
			case WhatTells:
				cells[t.place(m.Time, width)] = []rune(m.Sign())[0]
			case WhatFails:
				cells[t.place(m.Time, width)] = '✕'
			}
		}
		for _, tx := range t.Transactions {
			if tx.Session == name {
				cells[t.place(tx.Ended, width)] = tx.End.mark()
			}
		}
		out = append(out, Lane{name, strings.TrimRight(string(cells), " ")})
	}
	return out
}

// mark is the sign of an end.
func (e End) mark() rune {
	switch e {
	case Committed:
		return '✓'
	case Failed, Vanished:
		return '✕'
	case RolledBack:
		return '↶'
	}
	return '○'
}

// place is the cell of a time.
func (t *Timeline) place(at time.Time, width int) int {
	all := t.To.Sub(t.From)
	if all <= 0 {
		return 0
	}
	return min(max(int(int64(at.Sub(t.From))*int64(width)/int64(all)), 0), width)
}

// waits are the times in which a session waited for locks: until it got them, failed, or its transaction ended.
func (t *Timeline) waits(name string) [][2]time.Time {
	var out [][2]time.Time
	var since time.Time
	end := func(at time.Time) {
		if !since.IsZero() {
			out = append(out, [2]time.Time{since, at})
			since = time.Time{}
		}
	}
	for _, m := range t.Moments {
		if m.Session != name {
			continue
		}
		switch m.What {
		case WhatWaits:
			if from := m.Time.Add(-m.Took); since.IsZero() || from.Before(since) {
				since = from
			}
		case WhatGets:
			if since.IsZero() {
				since = m.Time.Add(-m.Took)
			}
			end(m.Time)
		default:
			end(m.Time)
		}
	}
	end(t.To)
	return out
}

// The sizes of a drawn timeline.
const (
	laneX, laneH, laneBar = 112.0, 40.0, 22.0
	maxDrawn              = 12 // lanes
)

// Picture returns the lanes as a part of a page, 660 wide; "" where nothing happened.
func (t *Timeline) Picture() string {
	if len(t.Moments) == 0 {
		return ""
	}
	lanes := t.Lanes[:min(len(t.Lanes), maxDrawn)]
	h := float64(len(lanes))*laneH + 44
	p := &pen{w: wide, h: h}
	x := func(at time.Time) float64 {
		all := max(t.To.Sub(t.From), time.Millisecond)
		return laneX + (wide-laneX-16)*min(max(float64(at.Sub(t.From))/float64(all), 0), 1)
	}
	bottom := float64(len(lanes))*laneH + 10
	for i := range 5 {
		at := t.From.Add(t.To.Sub(t.From) * time.Duration(i) / 4)
		anchor := []string{"start", "middle", "middle", "middle", "end"}[i]
		p.f(`<path class="dlk-g" d="M%s 4V%s"/>`, num(x(at)), num(bottom))
		p.text("dlk-q", x(at), bottom+18, anchor, at.Format("15:04:05.000"), 20)
	}
	for i, name := range lanes {
		t.lane(p, name, 10+float64(i)*laneH, x)
	}
	sentence := fmt.Sprintf("Timeline of %s: %s", t.ID, t.Sentence())
	return fmt.Sprintf(`<svg class="dlk" viewBox="0 0 %s %s" role="img" aria-label="%s">%s</svg>`, num(p.w), num(p.h), html.EscapeString(shown(sentence, 300)), p.String())
}

// SVG returns the picture as a file of its own.
func (t *Timeline) SVG() string {
	part := t.Picture()
	at := strings.IndexByte(part, '>') + 1
	if at == 0 {
		return ""
	}
	head := strings.Replace(part[:at], "<svg ", fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%s" `, num(wide)), 1)
	return head + "<style>" + CSS + `</style><rect class="dlk-bg" width="100%" height="100%"/>` + part[at:] + "\n"
}

// lane draws one session: where it was in a transaction, where it waited, and how it ended.
func (t *Timeline) lane(p *pen, name string, y float64, x func(time.Time) float64) {
	mid := y + laneBar/2
	p.text("dlk-s", 8, mid+4, "start", name, 14)
	bar := func(class string, from, to time.Time) {
		p.f(`<rect class="%s" x="%s" y="%s" width="%s" height="%s"/>`, class, num(x(from)), num(y), num(max(x(to)-x(from), 1)), num(laneBar))
	}
	for _, tx := range t.Transactions {
		if tx.Session == name {
			bar("dlk-tx", tx.Begun, tx.Ended)
		}
	}
	for _, w := range t.waits(name) {
		bar("dlk-wait", w[0], w[1])
	}
	last := -100.0
	for _, m := range t.Moments {
		if m.Session != name || m.What == WhatCommits || m.What == WhatRolls || m.What == WhatLeaves || m.Inferred && x(m.Time)-last < 4 || t.endsAt(name, m.Time) {
			continue // the mark of an end stands there, or another dot
		}
		last = x(m.Time)
		class := "dlk-dot"
		if m.Inferred {
			class = "dlk-ring"
		}
		title := shown(m.Time.Format("15:04:05.000 ")+m.Word()+" "+m.Code+" "+m.Text, 200)
		p.f(`<circle class="%s" cx="%s" cy="%s" r="3.5"><title>%s</title></circle>`, class, num(x(m.Time)), num(mid), html.EscapeString(title))
	}
	for _, tx := range t.Transactions {
		if tx.Session != name {
			continue
		}
		class := "dlk-b"
		if tx.End == Failed || tx.End == Vanished {
			class = "dlk-v"
		}
		title := string(tx.End)
		if tx.Why != "" {
			title += ": " + tx.Why
		}
		p.f(`<text class="%s" x="%s" y="%s" text-anchor="middle">%c<title>%s</title></text>`, class, num(x(tx.Ended)), num(mid+5), tx.End.mark(), html.EscapeString(shown(title, 200)))
	}
}

// endsAt reports whether a transaction of the session ends at that time.
func (t *Timeline) endsAt(session string, at time.Time) bool {
	return slices.ContainsFunc(t.Transactions, func(tx *Transaction) bool { return tx.Session == session && tx.Ended.Equal(at) })
}

package transactions

import "fmt"

// Wide draws the cycle as a ring, 660 wide. It is "" where the deadlock is not Drawn.
func (d *Deadlock) Wide() string {
	p := d.wide()
	if p == nil {
		return ""
	}
	return p.drawing()
}

func (d *Deadlock) wide() *pen {
	if !d.Drawn() {
		return nil
	}
	p := &pen{d: d, w: wide}
	if len(d.Cycle) == 2 {
		p.two()
	} else {
		p.ring()
	}
	return p
}

// two draws two sessions beside each other, and between them what each wants of the other.
func (p *pen) two() {
	const y, upper, lower, h = 24.0, 44.0, 106.0, 186.0
	d, mid := p.d, wide/2
	p.h = h
	for k, cy := range []float64{upper, lower} {
		w := d.wait(d.Cycle[k], d.Cycle[1-k])
		c := point{mid, cy}
		if k == 0 {
			p.waits(straight(point{leftX + boxW, cy}, point{mid - pillW/2, cy}), point{mid - pillW/2, cy}, "right")
			p.held(w, straight(point{mid + pillW/2, cy}, point{rightX, cy}))
		} else {
			p.waits(straight(point{rightX, cy}, point{mid + pillW/2, cy}), point{mid + pillW/2, cy}, "left")
			p.held(w, straight(point{mid - pillW/2, cy}, point{leftX + boxW, cy}))
		}
		p.pill(w, c, pillH)
		p.text("dlk-q", mid, cy+32, "middle", label(w), 36)
	}
	p.box(d.Cycle[0], leftX, y, boxW)
	p.box(d.Cycle[1], rightX, y, boxW)
	p.legend(leftX, h-10, false)
}

// ring draws three to six sessions in two columns: down on the right, up on the left. Of an odd number the last stands
// in the middle below.
func (p *pen) ring() {
	d := p.d
	n := len(d.Cycle)
	rows := (n + 1) / 2
	top := func(row int) float64 { return 12 + float64(row)*(boxH+rowGap) }
	h := top(rows-1) + boxH + 40
	p.h = h
	at := make([]point, n) // upper left corners
	at[0] = point{leftX, top(0)}
	for k := 1; k < n; k++ {
		switch {
		case n%2 == 1 && k == rows: // below, in the middle
			at[k] = point{(wide - boxW) / 2, top(rows - 1)}
		case k <= n/2:
			at[k] = point{rightX, top(k - 1)}
		default:
			at[k] = point{leftX, top(n - k)}
		}
	}
	for k := range n {
		p.edge(d.wait(d.Cycle[k], d.Cycle[(k+1)%n]), at[k], at[(k+1)%n])
	}
	for k := range n {
		p.box(d.Cycle[k], at[k].x, at[k].y, boxW)
	}
	cy := top(0) + boxH + rowGap/2 - 6
	p.text("dlk-b", wide/2, cy, "middle", "cycle of "+fmt.Sprint(n), 30)
	p.legend(leftX, h-10, false)
}

// edge draws a wait between two boxes whose corners are a and b.
func (p *pen) edge(w *Wait, a, b point) {
	ac, bc := point{a.x + boxW/2, a.y + boxH/2}, point{b.x + boxW/2, b.y + boxH/2}
	switch {
	case a.y == b.y: // beside each other
		dir, from, to := 1.0, a.x+boxW, b.x
		head := "right"
		if b.x < a.x {
			dir, from, to, head = -1, a.x, b.x+boxW, "left"
		}
		c := point{(from + to) / 2, ac.y}
		end := point{c.x - dir*pillW/2, c.y}
		p.waits(straight(point{from, c.y}, end), end, head)
		p.held(w, straight(point{c.x + dir*pillW/2, c.y}, point{to, c.y}))
		p.pill(w, c, pillH)
		p.text("dlk-q", c.x, c.y+34, "middle", label(w), 36)
	case a.x == b.x && b.y > a.y: // down
		c := point{ac.x, a.y + boxH + rowGap/2}
		end := point{c.x, c.y - pillH/2}
		p.waits(straight(point{c.x, a.y + boxH}, end), end, "down")
		p.held(w, straight(point{c.x, c.y + pillH/2}, point{c.x, b.y}))
		p.pill(w, c, pillH)
		p.text("dlk-q", c.x-8, a.y+boxH+18, "end", label(w), 36)
	case a.x == b.x: // up
		c := point{ac.x, b.y + boxH + rowGap/2}
		end := point{c.x, c.y + pillH/2}
		p.waits(straight(point{c.x, a.y}, end), end, "up")
		p.held(w, straight(point{c.x, c.y - pillH/2}, point{c.x, b.y + boxH}))
		p.pill(w, c, pillH)
		p.text("dlk-q", c.x+8, a.y-10, "start", label(w), 36)
	case b.y > a.y: // down to the middle
		c := point{ac.x, a.y + boxH + rowGap/2}
		end := point{c.x, c.y - pillH/2}
		p.waits(straight(point{c.x, a.y + boxH}, end), end, "down")
		p.held(w, fmt.Sprintf("M%s %sV%sQ%s %s %s %sH%s", num(c.x), num(c.y+pillH/2), num(bc.y-24), num(c.x), num(bc.y), num(c.x-24), num(bc.y), num(b.x+boxW)))
		p.pill(w, c, pillH)
		p.text("dlk-q", c.x-8, a.y+boxH+18, "end", label(w), 36)
	default: // up from the middle
		c := point{bc.x, b.y + boxH + rowGap/2}
		end := point{c.x, c.y + pillH/2}
		p.waits(fmt.Sprintf("M%s %sH%sQ%s %s %s %sV%s", num(a.x), num(ac.y), num(c.x+24), num(c.x), num(ac.y), num(c.x), num(ac.y-24), num(end.y)), end, "up")
		p.held(w, straight(point{c.x, c.y - pillH/2}, point{c.x, b.y + boxH}))
		p.pill(w, c, pillH)
		p.text("dlk-q", c.x+8, end.y+18, "start", label(w), 36)
	}
}

// Slim draws the cycle from above to below, 342 wide, for phones. It is "" where the deadlock is not Drawn.
func (d *Deadlock) Slim() string {
	if !d.Drawn() {
		return ""
	}
	p := &pen{d: d}
	n := len(d.Cycle)
	top := func(k int) float64 { return 2 + float64(k)*(boxH+slimGap) }
	h := top(n-1) + boxH + 34
	p.w, p.h = slim, h
	mid := slimX + 70
	for k := range n - 1 {
		w := d.wait(d.Cycle[k], d.Cycle[k+1])
		c := point{mid, top(k) + boxH + slimGap/2}
		end := point{mid, c.y - slimPillH/2}
		p.waits(straight(point{mid, top(k) + boxH}, end), end, "down")
		p.held(w, straight(point{mid, c.y + slimPillH/2}, point{mid, top(k + 1)}))
		p.pill(w, c, slimPillH)
		p.text("dlk-q", mid+pillW/2+6, c.y+4, "start", label(w), 15)
	}
	w := d.wait(d.Cycle[n-1], d.Cycle[0])
	first, last := top(0)+boxH/2, top(n-1)+boxH/2
	c := point{48, (first + last) / 2}
	const x = 40.0
	p.waits(fmt.Sprintf("M%s %sH%sQ%s %s %s %sV%s", num(slimX), num(last), num(x+20), num(x), num(last), num(x), num(last-20), num(c.y+slimPillH/2)), point{x, c.y + slimPillH/2}, "up")
	p.held(w, fmt.Sprintf("M%s %sV%sQ%s %s %s %sH%s", num(x), num(c.y-slimPillH/2), num(first+20), num(x), num(first), num(x+20), num(first), num(slimX)))
	p.small(w, c)
	for k := range n {
		p.box(d.Cycle[k], slimX, top(k), slimW)
	}
	p.legend(4, h-10, true)
	return p.drawing()
}

// small draws a pill that has less room.
func (p *pen) small(w *Wait, c point) {
	const width = 92.0
	p.f(`<rect class="dlk-pill" x="%s" y="%s" width="%s" height="%s" rx="%s"/>`, num(c.x-width/2), num(c.y-slimPillH/2), num(width), num(slimPillH), num(slimPillH/2))
	title, below := p.d.pill(w)
	p.text("dlk-s", c.x, c.y-2, "middle", title, 13)
	p.text("dlk-q", c.x, c.y+11, "middle", below, 15)
}

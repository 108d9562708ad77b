package chart

import (
	"html/template"
	"math"
	"time"
)

// Sparkline draws the small chart of a tile, 160 × 32, without text: the tile says the number beside it.
func Sparkline(s Series) template.HTML {
	b := open("sp", 160, 32, s.Sentence())
	f := frame{left: 1, top: 3, w: 158, h: 27, n: len(s.Points)}
	f.scale(s)
	if s.Bars {
		b.path("ax", "M0 "+num(f.y(0))+"H160")
	}
	if s.Target > 0 && s.Target >= f.min && s.Target <= f.max {
		b.path("tg", "M0 "+num(f.y(s.Target))+"H160")
	}
	f.draw(b, s)
	return b.close()
}

// Chart draws a series with its axes, 330 × 150: bars by step, or a line, and the target where the scale holds it. A page's column of half its width is what
// it is made for.
func Chart(s Series) template.HTML { return drawn(s, 330, 150) }

// Wide is Chart for a column of the page's width, 680 × 150.
func Wide(s Series) template.HTML { return drawn(s, 680, 150) }

func drawn(s Series, w, h float64) template.HTML {
	b := open("", w, h, s.Sentence())
	f := frame{top: 10, h: h - 32, n: len(s.Points)}
	step := f.scale(s)
	widest := max(len(axis(f.min, step)), len(axis(f.max, step)))
	f.left = math.Max(30, float64(widest)*6.2+8)
	f.w = w - 6 - f.left
	for i := 0; f.min+float64(i)*step <= f.max*(1+1e-12); i++ {
		v := f.min + float64(i)*step
		class := "gr"
		if i == 0 {
			class = "ax"
		}
		b.path(class, "M"+num(f.left)+" "+num(f.y(v))+"H"+num(w-6))
		b.text("t3", f.left-5, f.y(v)+4, "end", axis(v, step))
	}
	if s.Target > 0 && s.Target >= f.min && s.Target <= f.max {
		b.path("tg", "M"+num(f.left)+" "+num(f.y(s.Target))+"H"+num(w-6))
	}
	if lastPoint(s.Points) < 0 {
		b.text("t3", f.left+f.w/2, f.top+f.h/2, "middle", "not measured")
	}
	f.draw(b, s)
	f.times(b, s, h-6)
	return b.close()
}

// times writes the beginnings of some steps below the axis, and the end of the last.
func (f frame) times(b *svg, s Series, y float64) {
	n := len(s.Points)
	if n == 0 {
		return
	}
	// Days are named in the middle of their step, hours where they begin.
	if s.Step >= 24*time.Hour {
		b.text("t3", f.x(0)-f.step()/2, y, "start", s.when(s.Points[0].Time))
		if n > 4 {
			b.text("t3", f.x(n/2), y, "middle", s.when(s.Points[n/2].Time))
		}
		if n > 1 {
			b.text("t3", f.left+f.w, y, "end", s.when(s.Points[n-1].Time))
		}
		return
	}
	marks := 2
	for _, m := range []int{4, 3, 5} { // evenly, where that is possible
		if n%m == 0 {
			marks = m
			break
		}
	}
	if len(s.when(s.Points[0].Time)) > len("15:04") && f.w < 500 { // with their days more than three would overlap
		marks = 2
	}
	for k := 0; k <= marks; k++ {
		at := k * n / marks
		if k > 0 && at == (k-1)*n/marks {
			continue
		}
		anchor := "middle"
		if k == 0 {
			anchor = "start"
		}
		text := ""
		if at == n {
			anchor, text = "end", s.end()
		} else {
			text = s.when(s.Points[at].Time)
		}
		b.text("t3", f.left+float64(at)*f.step(), y, anchor, text)
	}
}

// end writes where the last step ends; midnight after the points is 24:00.
func (s Series) end() string {
	t := s.Points[len(s.Points)-1].Time + s.Step.Microseconds()
	u := time.UnixMicro(t).UTC()
	if u.Hour() == 0 && u.Minute() == 0 {
		return "24:00"
	}
	return s.when(t)
}

// Multiples draws one row of bars for each series, 680 wide: all share the time, each has a height of its own, and
// its sum stands behind it. The caption of the page should say so.
func Multiples(rows []Series) template.HTML {
	const label, total, height = 150.0, 76.0, 30.0
	w, h := 680.0, float64(len(rows))*height+22
	b := open("mu", w, h, multiplesSentence(rows))
	for i, s := range rows {
		base := float64(i)*height + 26
		f := frame{left: label, top: base - 22, w: w - label - total, h: 22, n: len(s.Points)}
		_, f.max = s.bounds()
		f.max = math.Max(f.max, 1)
		b.text("tm", 0, base-2, "start", clip(s.Title, 22))
		b.path("gr", "M"+num(label)+" "+num(base)+"H"+num(w-total))
		f.draw(b, s)
		b.text("tb", w, base-2, "end", s.total())
		if i == len(rows)-1 {
			f.times(b, s, h-4)
		}
	}
	return b.close()
}

func multiplesSentence(rows []Series) string {
	if len(rows) == 0 {
		return "No rows."
	}
	text := ""
	for i, s := range rows {
		if i > 0 {
			text += ", "
		}
		text += s.Title + " " + s.total()
	}
	return text + "."
}

// total is the sum of the measured points, "–" if there is none.
func (s Series) total() string {
	if lastPoint(s.Points) < 0 {
		return "–"
	}
	sum := 0.0
	for _, p := range s.Points {
		if !math.IsNaN(p.Value) {
			sum += p.Value
		}
	}
	return s.value(sum)
}

// clip shortens a label to n characters.
func clip(t string, n int) string {
	r := []rune(t)
	if len(r) <= n {
		return t
	}
	return string(r[:n-1]) + "…"
}

// Share draws a bar of v out of most, for the rows of a table.
func Share(v, most int64) template.HTML {
	b := &svg{}
	b.WriteString(`<svg class="ch hb" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">`)
	if v > 0 && most > 0 {
		b.path("br", "M0 0H"+num(math.Max(1, 100*float64(v)/float64(most)))+"V6H0Z")
	}
	return b.close()
}

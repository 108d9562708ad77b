package main

import "strings"

// A grid is a table for a terminal, with columns as wide as what stands in them.
type grid struct {
	heads []string
	right []bool // columns of numbers, which stand to the right
	rows  [][]string
}

func (g *grid) print(w *sink, p colours) {
	width := make([]int, len(g.heads))
	for _, cells := range append([][]string{g.heads}, g.rows...) {
		for i, c := range cells {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	w.f("%s\n", p.dim(g.line(g.heads, width)))
	for _, cells := range g.rows {
		w.f("%s\n", g.line(cells, width))
	}
}

// line pads cells to their columns; nothing stands behind the last one.
func (g *grid) line(cells []string, width []int) string {
	var b strings.Builder
	for i, c := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		blanks := strings.Repeat(" ", width[i]-len([]rune(c)))
		switch {
		case g.right[i]:
			b.WriteString(blanks + c)
		case i < len(cells)-1:
			b.WriteString(c + blanks)
		default:
			b.WriteString(c)
		}
	}
	return b.String()
}

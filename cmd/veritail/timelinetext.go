package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/saypro/veritail/rules/transactions"
)

// timelineText prints timelines for a person.
type timelineText struct {
	sink
	p colours
}

// laneWidth is how many cells a lane of a terminal has.
const laneWidth = 56

// timeline prints the lanes, then every moment.
func (t *timelineText) timeline(tl *transactions.Timeline) {
	t.f("%s\n", t.p.bold(fmt.Sprintf("Timeline of %s", printable(tl.ID))))
	if len(tl.Moments) == 0 {
		t.f("Nothing that happened in its session was logged.\n")
		return
	}
	t.f("%s to %s, %s\n", tl.From.Format("2 Jan 2006 15:04:05.000"), tl.To.Format("15:04:05.000 UTC"), tl.To.Sub(tl.From).Round(time.Millisecond))
	t.f("%s.\n\n", tl.Sentence())
	width := 0
	for _, name := range tl.Lanes {
		width = max(width, min(len([]rune(name)), 20))
	}
	for _, lane := range tl.Drawn(laneWidth) {
		t.f("  %s  %s\n", pad(printable(lane.Name), width), t.cells(lane.Cells))
	}
	t.f("  %s  %s\n\n", pad("", width), t.p.dim("─ in a transaction  ▒ waits  ✓ committed  ✕ failed, lost  ○ not told"))
	t.moments(tl, width)
	if tl.Cut {
		t.f("%s\n", t.p.yellow("▲ there is more than is shown"))
	}
}

func (t *timelineText) cells(cells string) string {
	return strings.NewReplacer("✕", t.p.red("✕"), "✓", t.p.green("✓"), "▒", t.p.yellow("▒")).Replace(cells)
}

// moments prints a row for each: time since the one before, session, mark, what happened.
func (t *timelineText) moments(tl *transactions.Timeline, width int) {
	var before time.Time
	for _, m := range tl.Moments {
		gap := ""
		if d := m.Time.Sub(before); !before.IsZero() && d >= time.Millisecond {
			gap = "+" + d.Round(time.Millisecond).String()
		}
		before = m.Time
		text := m.Word()
		if m.Code != "" && !strings.Contains(m.Text, m.Code) {
			text += " " + m.Code
		}
		if m.Text != "" {
			text += "  " + strings.Join(strings.Fields(m.Text), " ")
		}
		if m.Took > 0 && m.What != transactions.WhatTells {
			text += fmt.Sprintf("  (%s)", m.Took.Round(time.Millisecond))
		}
		t.f("  %s %s  %s  %s %s\n", m.Time.Format("15:04:05.000"), t.p.dim(fmt.Sprintf("%9s", gap)), pad(printable(m.Session), width), t.mark(m), cutText(printable(text), 110-width))
	}
}

func (t *timelineText) mark(m transactions.Moment) string {
	switch sign := m.Sign(); sign {
	case "✕":
		return t.p.red(sign)
	case "✓":
		return t.p.green(sign)
	default:
		return sign
	}
}

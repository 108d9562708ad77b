package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
)

// place shows which event is explained.
func (x *explainText) place(where string, m *rules.Moment) {
	x.f("%s  %s\n  %s\n\n", x.p.bold(printable(where)), x.p.dim("event "+m.ID), printable(m.Text))
}

// stored shows a stored event, and the finding that it made, if that was asked for.
func (x *explainText) stored(e *ruled) {
	if f := e.Finding; f != nil {
		x.f("%s  %s\n", x.p.bold("Finding "+f.ID), printable(f.Title))
		x.f("  %s, %s, %s\n\n", f.Rule, f.Severity, stampOf(f.Time))
	}
	if e.Note != "" {
		x.f("%s\n", e.Note)
		for i := range e.Finding.Evidence {
			v := &e.Finding.Evidence[i]
			x.f("  %s  %s  %s\n", stampOf(v.Time), x.p.dim(idOfEvidence(v)), printable(v.Text))
		}
		return
	}
	x.place(e.Event.Path, &e.Event)
}

func idOfEvidence(v *event.Evidence) string {
	if len(v.Spans) == 0 {
		return v.Path
	}
	return fmt.Sprintf("%s-%d", v.Gen, v.Spans[0].Off)
}

func stampOf(us int64) string { return time.UnixMicro(us).UTC().Format("2006-01-02 15:04:05") }

// rules shows what rules made of an event, each in full or in short.
func (x *explainText) rules(e *ruled, full bool) {
	if e.Looked == 0 {
		return
	}
	fired, near := 0, 0
	for i := range e.Rules {
		switch v := &e.Rules[i]; {
		case v.Outcome == rules.Raised || v.Outcome == rules.Counted:
			fired++
		case v.Near():
			near++
		}
	}
	x.f("%s  %s\n", x.p.bold("Rules"), x.p.dim(fmt.Sprintf("%d asked, %d fired, %d came near", e.Looked, fired, near)))
	width := 0
	for i := range e.Rules {
		width = max(width, len(e.Rules[i].Rule))
	}
	for i := range e.Rules {
		x.verdict(&e.Rules[i], width, full)
	}
	if r := e.Record; r != nil {
		x.f("      %s %s\n", x.p.dim("judged"), recordText(*r))
	}
	if e.Rest > 0 {
		x.f("  %s\n", x.p.dim(fmt.Sprintf("of %d others half of the conditions or less hold; -rule shows one in full", e.Rest)))
	}
}

func (x *explainText) verdict(v *rules.Verdict, width int, full bool) {
	mark := x.p.yellow("–")
	switch v.Outcome {
	case rules.Raised, rules.Counted, rules.Member:
		mark = x.p.green("✓")
	case rules.Unmatched:
		mark = x.p.red("✕")
	}
	x.f("  %s %s  %s", mark, x.p.bold(fmt.Sprintf("%-*s", width, v.Rule)), word(v.Outcome))
	if v.Outcome == rules.Unmatched && v.Of > 1 {
		x.f(", %d of %d conditions hold", v.Held, v.Of)
	}
	x.f("\n      %s\n", cutText(printable(v.Why), 3*explainWidth))
	if v.Group != "" && v.Outcome != rules.Unmatched {
		x.f("      %s\n", x.p.dim("counted under "+printable(v.Group)))
	}
	if v.By != nil {
		x.f("      %s\n", x.moment(v.By))
	}
	x.finding(v)
	shown := v.Outcome == rules.Raised || full
	if shown {
		for i := range v.Conditions {
			if c := &v.Conditions[i]; !c.Beside() || c.Holds && v.Outcome != rules.Unmatched {
				x.clause(c)
			}
		}
		for _, ref := range v.References {
			if id, ok := strings.CutPrefix(ref, configs.RunbookRef); ok {
				ref = "veritail runbook show " + id
			}
			x.f("      %s %s\n", x.p.dim("to read"), printable(ref))
		}
	}
	if v.Window != nil && len(v.Window.Members) > 1 && (shown || v.Outcome == rules.Waits) {
		for i := range v.Window.Members {
			x.f("        %2d  %s\n", i+1, x.moment(&v.Window.Members[i]))
		}
	}
}

// finding says which finding it was, whether the store has it, and when the next is possible.
func (x *explainText) finding(v *rules.Verdict) {
	if v.Finding != "" {
		text := "finding " + v.Finding
		switch {
		case v.Stored == nil:
		case !*v.Stored:
			text += ", which is not in the store: the event came when later ones were judged already, the rule was another then, or findings are not kept for so long"
		case v.Outcome != rules.Raised && v.Outcome != rules.Member && v.Outcome != rules.Told:
			text += " is in the store: the rule or its history was another then"
		}
		x.f("      %s\n", x.p.dim(text))
	}
	if v.Rearm > 0 {
		x.f("      %s\n", x.p.dim("armed again at "+stampOf(v.Rearm)+" UTC, if nothing comes until then"))
	}
}

func word(o rules.Outcome) string {
	switch o {
	case rules.Raised:
		return "fired"
	case rules.Unmatched:
		return "not matched"
	}
	return string(o)
}

// moment shows an event in one line.
func (x *explainText) moment(m *rules.Moment) string {
	where := m.ID
	if m.Line > 0 {
		where = fmt.Sprintf("line %d", m.Line)
	}
	text := fmt.Sprintf("%s  %s  %s", stampOf(m.Time), where, cutText(printable(m.Text), explainWidth+24))
	if m.This {
		return x.p.bold(text)
	}
	return x.p.dim(text)
}

// clause shows a condition of a rule with its parts.
func (x *explainText) clause(c *rules.Clause) {
	x.f("      %s\n", x.p.cyan(c.Key))
	x.predicate(&c.Predicate, 8)
}

func (x *explainText) predicate(p *rules.Predicate, indent int) {
	parts := append(p.All[:len(p.All):len(p.All)], p.Any...)
	if len(p.All) > 0 {
		for i := range parts {
			x.predicate(&parts[i], indent)
		}
		return
	}
	mark := x.p.red("✕")
	if p.Holds {
		mark = x.p.green("✓")
	}
	blanks := strings.Repeat(" ", indent)
	if len(p.Any) > 0 {
		x.f("%s%s one of these\n", blanks, mark)
		for i := range parts {
			x.predicate(&parts[i], indent+2)
		}
		return
	}
	seen := p.Seen
	if seen == "" {
		seen = "-"
	}
	x.f("%s%s %s  %s\n", blanks, mark, fmt.Sprintf("%-40s", cutText(printable(p.Text), explainWidth)), x.p.dim(cutText(printable(seen), explainWidth)))
}

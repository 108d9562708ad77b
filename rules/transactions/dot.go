package transactions

import (
	"fmt"
	"strings"
)

// DOT returns the graph in Graphviz's language: sessions are boxes, locks are rounded. It ends with a line ending.
func (d *Deadlock) DOT() string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph deadlock {\n  label=%s\n  labelloc=t\n  rankdir=TB\n  node [fontname=\"sans-serif\", fontsize=11, shape=box]\n  edge [fontname=\"sans-serif\", fontsize=10]\n",
		dotText(d.heading()))
	for i := range d.Sessions {
		s := &d.Sessions[i]
		lines := []string{s.Label(), "transaction " + orNotLogged(s.Transaction), "who " + orNotLogged(s.Who()), "holds " + d.Holds(i), "wants " + d.Wants(i), "ran " + orNotLogged(shown(s.Statement, 60))}
		style := ""
		if s.Victim {
			lines[0] += "  ✕ victim"
			style = ", style=dashed, color=red"
		}
		fmt.Fprintf(&b, "  s%d [label=%s%s]\n", i, dotText(strings.Join(lines, "\n")), style)
	}
	for i := range d.Waits {
		w := &d.Waits[i]
		fmt.Fprintf(&b, "  l%d [label=%s, shape=box, style=rounded, color=gray40]\n", i, dotText(w.Lock.Object()))
		fmt.Fprintf(&b, "  s%d -> l%d [label=%s]\n", w.From, i, dotText("waits for "+orNotLogged(w.Lock.Mode)))
		held := "held by"
		if w.Inferred {
			held = "held by (" + NotLogged + ", no other can)"
		}
		fmt.Fprintf(&b, "  l%d -> s%d [label=%s, style=dotted]\n", i, w.To, dotText(held))
	}
	b.WriteString("}\n")
	return b.String()
}

// heading is what, where and when.
func (d *Deadlock) heading() string {
	text := fmt.Sprintf("%s%s, %s, %s", d.title(), d.In(), d.Server, d.Time.Format("2 Jan 2006 15:04:05.000 UTC"))
	if d.Cut {
		text += "; the report is cut"
	}
	return shown(text, 200)
}

// In is " in shop", or of a database that is not logged ", database not logged".
func (d *Deadlock) In() string {
	if d.Database == "" {
		return ", database " + NotLogged
	}
	return " in " + d.Database
}

func (d *Deadlock) title() string {
	n := len(d.Cycle)
	if n == 0 {
		n = len(d.Sessions)
	}
	return "Deadlock of " + plural(n, "session", "sessions")
}

func orNotLogged(s string) string {
	if s == "" {
		return NotLogged
	}
	return s
}

// dotText quotes a label of some lines, which stand to the left.
func dotText(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(shown(line, 200))
		b.WriteString(line + `\l`)
	}
	b.WriteByte('"')
	return b.String()
}

package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/saypro/veritail/rules/transactions"
)

// deadlockText prints deadlocks for a person.
type deadlockText struct {
	sink
	p colours
}

// printDeadlocks prints the patterns first, then every deadlock.
func printDeadlocks(out io.Writer, list []*transactions.Deadlock, patterns []transactions.Pattern) error {
	t := &deadlockText{sink{w: out}, palette(out)}
	if len(list) == 0 {
		t.f("No report of a deadlock.\n")
		return t.err
	}
	t.f("%s\n", t.p.bold(fmt.Sprintf("%d deadlocks, %s", len(list), count(len(patterns), "pattern"))))
	for i := range patterns {
		for k, row := range wrapped(printable(patterns[i].Sentence())+".", explainWidth) {
			indent := "  "
			if k > 0 {
				indent = "    "
			}
			t.f("%s%s\n", indent, row)
		}
	}
	for i, d := range list {
		t.f("\n%s", t.p.dim(fmt.Sprintf("%d  ", i+1)))
		t.deadlock(d, "")
	}
	return t.err
}

func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// deadlock prints one: what happened, each session, the cycle, what is doubtful, where it stands.
func (t *deadlockText) deadlock(d *transactions.Deadlock, pattern string) {
	t.f("%s\n", t.p.bold(fmt.Sprintf("Deadlock%s, %s", printable(d.In()), d.Server))+"  "+d.Time.Format("2 Jan 2006 15:04:05.000 UTC"))
	t.f("%s.\n", printable(d.Sentence()))
	if pattern != "" {
		t.f("%s.\n", printable(pattern))
	}
	for _, i := range append(append([]int{}, d.Cycle...), d.Beside()...) {
		t.session(d, i)
	}
	t.cycle(d)
	if d.Cut {
		t.f("%s\n", t.p.yellow("▲ the report is cut: what is missing may be in the lines that follow in the log"))
	}
	if d.Unproven {
		t.f("%s\n", t.p.dim("Reports of this server are read after its documentation; none of a server was at hand."))
	}
	for _, doubt := range d.Doubts {
		t.f("%s\n", t.p.yellow("▲ "+printable(doubt)))
	}
	t.f("%s\n", t.p.dim(fmt.Sprintf("From %s, %s bytes at %s", printable(d.Path), n(d.Bytes), n(d.Offset))))
}

func (t *deadlockText) session(d *transactions.Deadlock, i int) {
	s := &d.Sessions[i]
	t.f("\n")
	head := "  " + printable(s.Label())
	mark := ""
	if s.Victim {
		mark = t.p.red("✕ rolled back")
	}
	for _, part := range []struct{ what, text string }{
		{"transaction ", s.Transaction}, {"", s.Who()}, {"", s.Application}, {"", s.Isolation},
	} {
		if part.text != "" && !strings.HasPrefix(s.Label(), "transaction") || part.text != "" && part.what == "" {
			head += "  " + part.what + printable(part.text)
		}
	}
	if mark != "" {
		mark = strings.Repeat(" ", max(2, markAt-len([]rune(head)))) + mark
	}
	t.f("%s%s\n", t.p.bold(head), mark)
	held := "holds"
	if s.Victim {
		held = "held"
	}
	t.locks(held, s.Holds, s.Statement, d.Holds(i))
	t.locks("wants", s.Wants, s.Statement, d.Wants(i))
	t.statement("ran", s)
	if s.Batch != "" {
		t.rows("sent", s.Batch)
	}
}

// locks prints what a session holds or wants. What only its statement tells is said to be so.
func (t *deadlockText) locks(word string, list []transactions.Lock, statement, short string) {
	const most = 4
	var rows []string
	for k := range list {
		if k == most {
			rows = append(rows, fmt.Sprintf("and %d more", len(list)-most))
			break
		}
		rows = append(rows, list[k].Text())
	}
	told := len(list) > 0 && list[0].Object() == short
	if !told && short != transactions.NotLogged && statement != "" {
		rows = append(rows, short+" (by its statement)")
	}
	if len(rows) == 0 {
		rows = []string{transactions.NotLogged}
	}
	for k, row := range rows {
		if k > 0 {
			word = ""
		}
		t.f("    %s%s\n", t.p.dim(pad(word, 8)), printable(row))
	}
}

func (t *deadlockText) statement(word string, s *transactions.Session) {
	if s.Statement == "" {
		t.f("    %s%s\n", t.p.dim(pad(word, 8)), transactions.NotLogged)
		return
	}
	text := s.Statement
	if s.StatementCut {
		text += " … (the server keeps no more)"
	}
	t.rows(word, text)
}

// rows prints a text in rows that fit, and of many the first ones.
func (t *deadlockText) rows(word, text string) {
	const most = 12
	rows := wrapped(printable(strings.Join(strings.Fields(text), " ")), explainWidth-12)
	for k, row := range rows {
		if k == most {
			t.f("            %s\n", t.p.dim(fmt.Sprintf("and %d more rows; -json has all", len(rows)-most)))
			return
		}
		if k > 0 {
			word = ""
		}
		t.f("    %s%s\n", t.p.dim(pad(word, 8)), t.p.cyan(row))
	}
}

// cycle draws who waits for whom, one row for each.
func (t *deadlockText) cycle(d *transactions.Deadlock) {
	t.f("\n")
	width := 0
	for _, i := range d.Cycle {
		width = max(width, len([]rune(d.Sessions[i].Label())))
	}
	for k, i := range d.Cycle {
		to := d.Cycle[(k+1)%len(d.Cycle)]
		edge := "│ "
		switch k {
		case 0:
			edge = "┌▶"
		case len(d.Cycle) - 1:
			edge = "└ "
		}
		lock, held := d.Lock(i, to)
		t.f("  %s %s ─▶ %s  %s\n", edge, pad(printable(d.Sessions[i].Label()), width), pad(printable(d.Sessions[to].Label()), width), t.p.dim(printable(lock)+held))
	}
	if len(d.Cycle) > 0 {
		t.f("\n")
	}
}

package reports

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/reports/deadlocks"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/reports/workload"
	"github.com/saypro/veritail/rules/transactions"
)

// What of the work of databases stands on paper.
const (
	maxStatements = 15
	maxPatterns   = 6
	maxStatement  = 600 // bytes of one
)

// workload reads, once, what databases did; nil where there are no events.
func (b *builder) workload(ctx context.Context) (*workload.Workload, error) {
	if b.work != nil || b.Events == nil {
		return b.work, nil
	}
	var err error
	b.work, err = workload.Read(ctx, b.Events, b.view, workload.Request{Schema: b.Databases.Schema, Sessions: b.Databases.Sessions, Site: b.Site, Period: b.Period})
	return b.work, err
}

// noEvents is what a section about events says where there are none to look at.
func noEvents(s *Section) []document.Section {
	return one(s.Title, document.Words("Not measured: the events themselves are not there, only what was counted of them."))
}

// statements are the slowest and the most frequent statements of databases, without their values.
func statements(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	w, err := b.workload(ctx)
	if w == nil || err != nil {
		return noEvents(s), err
	}
	if w.Statements == 0 {
		return one(s.Title, document.Words("Not measured: no statement was logged. log_min_duration_statement of PostgreSQL, the slow log or the audit plugin of MariaDB and MySQL would do that.")), nil
	}
	slow := slices.DeleteFunc(slices.Clone(w.Queries), func(q transactions.Query) bool { return q.Timed == 0 })
	often := slices.Clone(w.Queries)
	slices.SortStableFunc(often, func(x, y transactions.Query) int { return cmp.Compare(y.Count, x.Count) })
	var total time.Duration
	for _, q := range w.Queries {
		total += q.Total
	}
	blocks := []document.Block{
		document.Words(fmt.Sprintf("%s of %s were logged, which differ in more than their values. Values are left out.", count(w.Statements, "statement", "statements"), count(int64(len(w.Queries)), "kind", "kinds"))),
		tableBlock(statementTable("Those that took the most time", slow, total)), tableBlock(statementTable("The most frequent", often, total)),
	}
	if w.Rest > 0 {
		blocks = append(blocks, document.Remark(count(w.Rest, "statement is", "statements are")+" in neither table: there are too many different texts to look at all. The most frequent and the hundredth that took longest were."))
	}
	return one(s.Title, blocks...), nil
}

func statementTable(title string, list []transactions.Query, total time.Duration) document.Table {
	t := document.Table{Title: title, Empty: title + ": not measured, no log tells how long statements took.", Columns: []document.Column{
		{Name: "Statement", Mono: true}, {Name: "Count", Right: true, Keep: true}, {Name: "Total", Right: true, Keep: true}, {Name: "Average", Right: true, Keep: true},
		{Name: "Longest", Right: true, Keep: true}, {Name: "Share of time", Width: document.Narrow}}}
	for _, q := range list[:min(len(list), maxStatements)] {
		average, share := time.Duration(0), 0.0
		if q.Timed > 0 {
			average = q.Total / time.Duration(q.Timed)
		}
		if total > 0 {
			share = float64(q.Total) / float64(total)
		}
		t.Rows = append(t.Rows, []document.Cell{{Text: shortened(q.Text)}, document.Num(number(q.Count), float64(q.Count), ""), lasted(q.Total), lasted(average), lasted(q.Max), {Share: share}})
	}
	if n := len(list) - maxStatements; n > 0 {
		t.Note = count(int64(n), "more kind is", "more kinds are") + " not listed."
	}
	return t
}

// shortened is a statement on one line, cut to what paper bears.
func shortened(sql string) string {
	text := strings.Join(strings.Fields(sql), " ")
	if len(text) > maxStatement {
		text = strings.ToValidUTF8(text[:maxStatement], "") + " …"
	}
	return text
}

// lasted is a cell of a duration in the unit that suits it; its number is in milliseconds.
func lasted(d time.Duration) document.Cell {
	ms := float64(d) / 1e6
	switch {
	case d == 0:
		return document.Cell{Text: "–"}
	case d < time.Second:
		return document.Num(fmt.Sprintf("%.1f ms", ms), ms, "ms")
	case d < 2*time.Minute:
		return document.Num(fmt.Sprintf("%.2f s", d.Seconds()), ms, "ms")
	}
	return document.Num(took(d), ms, "ms")
}

// lockWaits says for how long statements waited for locks.
func lockWaits(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	w, err := b.workload(ctx)
	if w == nil || err != nil {
		return noEvents(s), err
	}
	if w.Waits.Count == 0 {
		return one(s.Title, document.Words("No wait for a lock was logged. PostgreSQL logs those longer than deadlock_timeout with log_lock_waits.")), nil
	}
	t := document.Table{Columns: []document.Column{
		{Name: "Statement that waited", Mono: true}, {Name: "Waits", Right: true, Keep: true}, {Name: "In all", Right: true, Keep: true}, {Name: "Longest", Right: true, Keep: true}}}
	for _, l := range w.Locks[:min(len(w.Locks), maxStatements)] {
		t.Rows = append(t.Rows, []document.Cell{{Text: cmp.Or(shortened(l.Name), "not logged")}, document.Num(number(l.Count), float64(l.Count), ""), lasted(l.Total), lasted(l.Max)})
	}
	if n := len(w.Locks) - maxStatements; n > 0 {
		t.Note = count(int64(n), "more kind of statement is", "more kinds of statements are") + " not listed."
	}
	return one(s.Title, document.Words(fmt.Sprintf("%s in the end, %s in all, the longest %s.",
		count(w.Waits.Count, "wait for a lock that was got", "waits for locks that were got"), lasted(w.Waits.Total).Text, lasted(w.Waits.Max).Text)), tableBlock(t)), nil
}

// clients says who connected to databases, and whose statements they were.
func clients(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	w, err := b.workload(ctx)
	if w == nil || err != nil {
		return noEvents(s), err
	}
	connections := "No connection was logged. log_connections of PostgreSQL, the audit plugin or the general log of MariaDB and MySQL would do that."
	switch {
	case w.Connections > 0:
		connections = fmt.Sprintf("%s, %s let in.", count(w.Connections, "connection was made", "connections were made"), number(w.LetIn))
	case w.LetIn > 0:
		connections = count(w.LetIn, "login", "logins") + "."
	}
	blocks := []document.Block{document.Words(connections)}
	for _, by := range []struct{ field, title string }{{"user.name", "Statements by user"}, {"db.namespace", "Statements by database"}, {"source.ip", "Statements by client"}} {
		if rows := w.By[by.field]; len(rows) > 0 {
			t := document.Table{Title: by.title, Columns: []document.Column{{Name: by.field, Mono: true}, {Name: "Statements", Right: true, Keep: true}, {Name: "Time", Right: true, Keep: true}}}
			for _, r := range rows {
				t.Rows = append(t.Rows, []document.Cell{{Text: r.Name}, document.Num(number(r.Count), float64(r.Count), ""), lasted(r.Total)})
			}
			blocks = append(blocks, tableBlock(t))
		}
	}
	return one(s.Title, blocks...), nil
}

// deadlockList draws one deadlock of each pattern.
func deadlockList(ctx context.Context, b *builder, s *Section) ([]document.Section, error) {
	if b.Events == nil {
		return noEvents(s), nil
	}
	r := deadlocks.Reader{Store: b.Events, Reports: b.Databases.Reports, Sessions: b.Databases.Sessions}
	list, untold, err := r.Patterns(ctx, b.view, b.found(s))
	if err != nil {
		return nil, err
	}
	var blocks []document.Block
	if len(list)+untold == 0 {
		blocks = append(blocks, document.Words("No deadlock was found."))
	}
	for i, p := range list {
		if i == maxPatterns {
			blocks = append(blocks, document.Remark(count(int64(len(list)-maxPatterns), "more pattern is", "more patterns are")+" not drawn."))
			break
		}
		blocks = append(blocks, b.pattern(p))
	}
	if untold > 0 {
		blocks = append(blocks, document.Remark(fmt.Sprintf("Of %s no server's report is stored: a program told of it, or the events have left the store.", count(int64(untold), "deadlock", "deadlocks"))))
	}
	if b.capped {
		blocks = append(blocks, document.Remark("The period has more findings than a report reads: there may be more deadlocks."))
	}
	return one(s.Title, blocks...), nil
}

// pattern draws the first deadlock of a pattern.
func (b *builder) pattern(p transactions.Pattern) document.Block {
	d := p.Deadlocks[0]
	caption := d.Sentence() + ", " + b.moment(d.Time.UnixMicro())
	if last := p.Deadlocks[len(p.Deadlocks)-1]; last != d {
		caption += "; the last one of the pattern " + b.moment(last.Time.UnixMicro())
	}
	var lines []string
	for i := range d.Sessions {
		x := &d.Sessions[i]
		line := x.Label()
		if x.Victim {
			line += " (victim)"
		}
		lines = append(lines, line+": "+shortened(x.Statement))
	}
	return document.Block{Picture: &document.Picture{
		Title: p.Sentence(), Caption: caption + ".", SVG: template.HTML(d.Wide()), Text: strings.Join(lines, "\n"), //nolint:gosec // the drawing escapes what comes from log lines
	}}
}

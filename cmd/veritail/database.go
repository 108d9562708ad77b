package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/rules/transactions"
)

func databaseCommand() *cobra.Command {
	var asJSON bool
	var top int
	var in reading
	c := &cobra.Command{
		Use:   "database FILE...",
		Short: "Sum up what logs of databases tell: transactions, queries, locks",
		Long: `Database counts what the logs of PostgreSQL, MariaDB and MySQL tell: transactions by
how they ended, failures counted once (a server's line and the exception of a driver
are one), retries, the slowest and most frequent queries without their values, by
user, database, client and application; lock waits, checkpoints, autovacuum,
temporary files, sessions.

Give the logs of applications too, and their exceptions are taken into account.`,
		Example: `  veritail database /var/log/postgresql/postgresql-15-main.log*
  veritail database server_audit.log slow.log shop.json`,
		Args: wants(1, 0, "files to read, or - for standard input"),
		RunE: func(cmd *cobra.Command, paths []string) error {
			s, err := in.load()
			if err != nil {
				return err
			}
			c := transactions.NewWorkloadCounter(s.sessions)
			if err := eachEvent(cmd.Context(), s, paths, in.format, cmd.InOrStdin(), c.Add); err != nil {
				return err
			}
			w := c.Workload()
			if asJSON {
				return encode(cmd.OutOrStdout(), w)
			}
			t := &databaseText{sink{w: cmd.OutOrStdout()}, palette(cmd.OutOrStdout()), top}
			t.print(w)
			return t.err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object, with everything")
	c.Flags().IntVar(&top, "top", topRows, "so many `rows` of each list")
	in.flags(c)
	return c
}

// databaseText prints a workload for a person.
type databaseText struct {
	sink
	p   colours
	top int
}

func (t *databaseText) print(w *transactions.Workload) {
	if w.Events == 0 {
		t.f("No line of these files is of a session of a database.\n")
		return
	}
	t.f("%s\n\n", t.p.bold(fmt.Sprintf("%s events of sessions, %s to %s", n(w.Events), w.From.Format("2 Jan 2006 15:04"), w.To.Format("2 Jan 15:04 UTC"))))
	t.transactions(w)
	t.failures(w)
	t.queries("Queries by total time", w.Queries, func(q transactions.Query) bool { return q.Timed > 0 })
	byCount := slices.Clone(w.Queries)
	slices.SortStableFunc(byCount, func(a, b transactions.Query) int { return cmp.Compare(b.Count, a.Count) })
	t.queries("Queries by count", byCount, func(q transactions.Query) bool { return q.Count > 0 })
	if w.Lost > 0 {
		t.f("  %s\n\n", t.p.yellow(fmt.Sprintf("▲ %s statements are in none of them: there are too many different ones", n(w.Lost))))
	}
	for _, of := range []struct{ title, field string }{{"By user", "user.name"}, {"By database", "db.namespace"}, {"By client", "source.ip"}, {"By application", "postgresql.log.application_name"}} {
		t.shares(of.title, w.By[of.field])
	}
	t.server(w)
}

// some returns how many of n rows are printed, and says later how many more there are.
func (t *databaseText) more(all int) {
	if all > t.top {
		t.f("  %s\n", t.p.dim(fmt.Sprintf("%d more", all-t.top)))
	}
	t.f("\n")
}

func (t *databaseText) transactions(w *transactions.Workload) {
	total := 0
	for _, k := range w.Ends {
		total += k
	}
	if total == 0 {
		t.f("%s\n  %s\n\n", t.p.bold("Transactions"), t.p.dim("not measured: the logs tell of no BEGIN; log_statement or the audit plugin would"))
		return
	}
	t.f("%s%s\n", t.p.bold(pad("Transactions", 24)), fmt.Sprintf("%8s", n(int64(total))))
	for _, end := range []transactions.End{transactions.Committed, transactions.RolledBack, transactions.Failed, transactions.Vanished, transactions.Prepared, transactions.Open} {
		if k := w.Ends[end]; k > 0 {
			t.f("  %s%8s  %5.1f %%\n", pad(string(end), 22), n(int64(k)), 100*float64(k)/float64(total))
		}
	}
	if w.Retried+w.Final > 0 {
		t.f("  %s\n", fmt.Sprintf("of those that should be tried again, %d were and succeeded%s; %d were not, or failed for good", w.Retried, tries(w.Tries), w.Final))
	}
	for i, tx := range w.Unended {
		if i == t.top {
			break
		}
		t.f("  %s %s  %s, %s\n", t.p.yellow("▲"), tx.Begun.Format("15:04:05"), printable(tx.Session+" "+tx.User+" "+tx.Database), printable(string(tx.End)+reason(tx.Why)))
	}
	t.more(len(w.Unended))
}

// tries tells how many had failed before, by how many succeeded then.
func tries(by map[int]int) string {
	if len(by) == 0 || len(by) == 1 && by[1] > 0 {
		return ""
	}
	var parts []string
	for _, n := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%d after %d", by[n], n))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func reason(why string) string {
	if why == "" {
		return ""
	}
	return ": " + cutText(why, 60)
}

func (t *databaseText) failures(w *transactions.Workload) {
	if len(w.Failures) == 0 {
		return
	}
	total := int64(0)
	for _, f := range w.Failures {
		total += int64(f.Count)
	}
	t.f("%s%8s  %s\n", t.p.bold(pad("Failures", 24)), n(total), t.p.dim("each once; told by the server, by programs, by both"))
	for i, f := range w.Failures {
		if i == t.top {
			break
		}
		t.f("  %s%8s  %5d %5d %5d  %s\n", pad(printable(f.Code), 22), n(int64(f.Count)), f.ByServer, f.ByPrograms, f.TwiceSeen, printable(f.Text))
	}
	t.more(len(w.Failures))
}

func (t *databaseText) queries(title string, list []transactions.Query, in func(transactions.Query) bool) {
	list = slices.DeleteFunc(slices.Clone(list), func(q transactions.Query) bool { return !in(q) })
	if len(list) == 0 {
		return
	}
	t.f("%s  %s\n", t.p.bold(title), t.p.dim("values are left out"))
	t.f("  %s\n", t.p.dim(fmt.Sprintf("%8s %10s %9s %9s", "count", "total", "average", "longest")))
	for i, q := range list {
		if i == t.top {
			break
		}
		average := time.Duration(0)
		if q.Timed > 0 {
			average = q.Total / time.Duration(q.Timed)
		}
		t.f("  %8s %10s %9s %9s  %s\n", n(q.Count), took(q.Total), took(average), took(q.Max), t.p.cyan(cutText(printable(strings.Join(strings.Fields(q.Text), " ")), 90)))
	}
	t.more(len(list))
}

// took writes a duration in few signs, "–" for none.
func took(d time.Duration) string {
	switch {
	case d == 0:
		return "–"
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(10 * time.Millisecond).String()
}

func (t *databaseText) shares(title string, list []transactions.Share) {
	if len(list) == 0 {
		return
	}
	t.f("%s%8s %10s\n", t.p.bold(pad(title, 24)), t.p.dim("    queries"), t.p.dim("    total"))
	for i, s := range list {
		if i == t.top {
			break
		}
		t.f("  %s%11s %10s\n", pad(printable(s.Name), 22), n(s.Count), took(s.Total))
	}
	t.more(len(list))
}

func (t *databaseText) server(w *transactions.Workload) {
	t.f("%s\n", t.p.bold("Server"))
	row := func(name, text string) { t.f("  %s%s\n", pad(name, 24), text) }
	if w.Waits.Count > 0 {
		row("lock waits", fmt.Sprintf("%s, %s in all, longest %s", n(w.Waits.Count), took(w.Waits.Total), took(w.Waits.Max)))
		for i, s := range w.Locks {
			if i < 3 {
				t.f("    %8s %10s  %s\n", n(s.Count), took(s.Total), t.p.cyan(cutText(printable(s.Name), 80)))
			}
		}
	}
	if w.Connections > 0 {
		text := fmt.Sprintf("%s, at most %d at once", n(w.Connections), w.MostAtOnce)
		if w.SessionsSeen > 0 {
			text += ", " + took(w.SessionTime/time.Duration(w.SessionsSeen)) + " on average"
		}
		row("connections", text)
	}
	if w.Checkpoints > 0 {
		text := n(w.Checkpoints)
		if w.TooFrequent > 0 {
			text += t.p.yellow(fmt.Sprintf("  ▲ %d times too frequent: raise max_wal_size", w.TooFrequent))
		}
		row("checkpoints", text)
	}
	if w.TempFiles.Count > 0 {
		row("temporary files", fmt.Sprintf("%s, %s bytes", n(w.TempFiles.Count), n(w.TempFiles.Size)))
		for i, s := range w.Temp {
			if i < 3 {
				t.f("    %8s %10s  %s\n", n(s.Count), n(s.Size), t.p.cyan(cutText(printable(s.Name), 80)))
			}
		}
	}
	for i, s := range w.Autovacuum {
		if i < t.top {
			row("autovacuum", fmt.Sprintf("%s× %s", n(s.Count), printable(s.Name)))
		}
	}
	if w.Waits.Count+w.Connections+w.Checkpoints+w.TempFiles.Count == 0 {
		t.f("  %s\n", t.p.dim("lock waits, connections, checkpoints and temporary files are not logged"))
	}
}

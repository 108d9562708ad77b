package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/kpi"
)

func statusCommand() *cobra.Command {
	var asJSON bool
	var configFile string
	c := &cobra.Command{
		Use:   "status",
		Short: "Show what the daemon follows and how far it has come",
		Long: `Status shows per source how many lines were read and understood, how far reading
is behind, how much the store takes on disk, and which days it will drop next.

Exit status: 0 if all is well; 1 if no daemon answers, a file cannot be read, or
no line of a source is understood.`,
		Example: `  veritail status
  veritail status -json | jq '.sources[] | select(.unparsed > 0)'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := dial(configFile)
			if err != nil {
				return err
			}
			var r statusReport
			if err := c.ask(cmd.Context(), "/status", nil, &r); err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				err = enc.Encode(r)
			} else {
				err = r.print(cmd.OutOrStdout(), time.Now())
			}
			if err != nil {
				return fmt.Errorf("print the status: %w", err)
			}
			if !r.well() {
				return errQuiet
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	return c
}

// well reports whether nothing needs a person.
func (r *statusReport) well() bool {
	ok := r.Totals.StoreError == "" && (r.Store == nil || r.Store.Error == "") && (r.Fleet == nil || r.Fleet.Problem == "") && r.Rules.Refused == nil &&
		(r.Rules.Drill == nil || len(r.Rules.Drill.Silent) == 0) && len(r.Disks) == 0
	for i := range r.Inputs {
		ok = ok && r.Inputs[i].Error == "" && r.Inputs[i].Refused == 0
	}
	for i := range r.Reports {
		ok = ok && (r.Reports[i].Last == nil || r.Reports[i].Last.Problem == "")
	}
	for i := range r.Sources {
		ok = ok && !r.Sources[i].blind() && r.Sources[i].Error == "" && r.Sources[i].Breach == ""
	}
	return ok
}

func (r *statusReport) print(out io.Writer, now time.Time) error {
	p := palette(out)
	w := &sink{w: out}
	mark := p.green("● green")
	if !r.well() {
		mark = p.red("◆ red")
	}
	w.f("%s %s  running %s, pid %d, console http://%s  %s\n\n", p.bold("veritail"), r.Version, span(now.Sub(r.Started)), r.PID, r.Console, mark)
	t := r.Totals
	w.f("%s  read %s = parsed %s + unparsed %s + ignored %s", p.bold("Lines"), n(t.Read), n(t.Parsed), n(t.Unparsed), n(t.Ignored))
	if open := t.Read - t.Parsed - t.Unparsed - t.Ignored; open > 0 {
		w.f(" + open %s", n(open))
	}
	w.f("\n       stored %s", n(t.Stored))
	if t.Apart > 0 {
		w.f(" + %s", p.yellow("quarantined "+n(t.Apart)))
	}
	w.f(" + pending %s\n", n(t.Pending))
	if t.Apart > 0 {
		w.f("       %s\n", p.yellow("▲ the store was refused lines; veritail redrive writes them once the cause is gone"))
	}
	if t.StoreError != "" {
		w.f("       %s\n", p.red("◆ the store takes nothing now: "+t.StoreError))
	}
	if r.Store != nil {
		r.Store.print(w, p)
	}
	if r.Fleet != nil {
		r.Fleet.print(w, p, now)
	}
	r.Rules.print(w, p, now)
	for i := range r.Inputs {
		r.Inputs[i].print(w, p)
	}
	for i := range r.Disks {
		r.Disks[i].print(w, p)
	}
	if len(r.Reports) > 0 {
		w.f("%s\n", p.bold("Reports"))
	}
	for i := range r.Reports {
		r.Reports[i].print(w, p, now)
	}
	w.f("\n%s%s\n", p.bold(pad("Source", 2+pathWidth)), p.dim("      read    parsed  unparsed    lag  format"))
	var waiting []string
	for i := range r.Sources {
		s := &r.Sources[i]
		if s.State == "waiting for the file" && s.Read == 0 {
			waiting = append(waiting, printable(s.Path))
			continue
		}
		s.print(w, p)
	}
	if len(waiting) > 0 {
		w.f("\n%s  %d paths: ", p.bold("Waiting for"), len(waiting))
		for i, path := range waiting[:min(len(waiting), 3)] {
			if i > 0 {
				w.f(", ")
			}
			w.f("%s", path)
		}
		if len(waiting) > 3 {
			w.f(" and %d more (-json lists them)", len(waiting)-3)
		}
		w.f("\n")
	}
	return w.err
}

// print writes how many rules are judged, what the site changed of them, and how the last reload went.
func (r *rulesReport) print(w *sink, p colours, now time.Time) {
	w.f("%s  %d are judged", p.bold("Rules"), r.Judged)
	if len(r.Changes) == 0 {
		w.f(", all as they were shipped")
	}
	w.f("\n")
	if r.Drill != nil {
		text := drillSentence(*r.Drill, now)
		if len(r.Drill.Silent) > 0 {
			text = p.red("◆ " + text)
		}
		w.f("       %s\n", text)
	}
	for _, c := range r.Changes[:min(len(r.Changes), 10)] {
		w.f("       %s\n", changed(c))
	}
	if more := len(r.Changes) - 10; more > 0 {
		w.f("       and %d more; veritail check lists all\n", more)
	}
	if r.Reload != nil {
		r.Reload.print(w, now)
	}
	if r.Refused != nil {
		r.Refused.print(w, p, now)
	}
	if len(r.Restart) > 0 {
		w.f("       %s\n", p.yellow("▲ read when the daemon starts, and changed since: "+strings.Join(r.Restart, ", ")))
	}
}

// print writes how much the store holds, and what of it goes next.
func (k *keptReport) print(w *sink, p colours) {
	w.f("%s  %s events, %s", p.bold("Store"), n(k.Events), size(k.Bytes))
	if k.Limit > 0 {
		w.f(" of %s", size(k.Limit))
	}
	w.f(" at %s\n", k.At.UTC().Format(time.TimeOnly))
	for _, drop := range k.Coming {
		line := fmt.Sprintf("%s: %s events will be dropped, %s", drop.Day, n(drop.Events), dropReason(drop, *k))
		if drop.Why == "disk" {
			line = p.yellow("▲ " + line)
		}
		w.f("       %s\n", line)
	}
	if k.Error != "" {
		w.f("       %s\n", p.red("◆ "+k.Error))
	}
}

// pathWidth is how much of a path is shown, its end: with it the rows of most formats fit a terminal of 80 characters.
const pathWidth = 22

// backlog is how many bytes that are not read yet are told of a source.
const backlog = 1 << 20

// lag writes how far reading is behind.
func lag(seconds float64) string {
	if seconds < 100 {
		return fmt.Sprintf("%.1f s", seconds)
	}
	return span(time.Duration(seconds * float64(time.Second)))
}

func (s *sourceReport) print(w *sink, p colours) {
	mark, note := p.green("●"), ""
	switch {
	case s.Error != "":
		mark, note = p.red("◆"), p.red(s.Error)
	case s.blind():
		mark = p.red("◆")
		note = p.red(fmt.Sprintf("read %s, understood 0%s", n(s.Read), nearestOf(s.Shapes)))
	case s.Unparsed > 0:
		mark = p.yellow("▲")
	}
	w.f("%s %s%10s%10s%10s%7s  %s\n", mark, pad(printable(s.Path), pathWidth), n(s.Read), n(s.Parsed), n(s.Unparsed), lag(s.LagS), cmp.Or(s.Format, "undecided"))
	if s.LagBytes >= backlog {
		w.f("      %s\n", p.dim(fmt.Sprintf("%s to read in %s: %.0f %% of %s read", size(s.LagBytes), count(s.LagFiles, "file"), 100*float64(s.LagSize-s.LagBytes)/float64(s.LagSize), size(s.LagSize))))
	}
	if note != "" {
		w.f("      %s\n", note)
	}
	if s.Repair != "" {
		w.f("      %s\n", p.blue(s.Repair))
	}
	if s.Unparsed > 0 {
		if s.Sample != nil {
			w.f("      %s\n", p.dim(sure(event.Told{Format: s.Format, Sample: *s.Sample})))
		}
		printShapes(w, p, s.Shapes, event.Told{}, s.Unparsed, "    ")
	}
	if s.Cut > 0 {
		w.f("      %s\n", p.yellow(fmt.Sprintf("▲ %s were longer than they may be and lost their ends", count(int(s.Cut), "record"))))
	}
	if s.Breach != "" {
		w.f("      %s\n", p.red("◆ the account does not add up: "+s.Breach))
	}
	if s.Lost > 0 {
		w.f("      %s\n", p.yellow(fmt.Sprintf("▲ %s bytes were destroyed by rotation before they could be read", n(s.Lost))))
	}
}

// sink keeps the first error of what is printed.
type sink struct {
	w   io.Writer
	err error
}

func (s *sink) f(format string, args ...any) {
	if s.err == nil {
		_, s.err = fmt.Fprintf(s.w, format, args...)
	}
}

// n writes a count with commas.
func n(v int64) string { return kpi.Text(float64(v), 0, "") }

// pad fills s with blanks to width runes; longer text keeps its end, which tells paths apart.
func pad(s string, width int) string {
	r := []rune(s)
	if len(r) > width {
		return "…" + string(r[len(r)-width+1:])
	}
	return fmt.Sprintf("%-*s", width, s)
}

// span writes a duration in its two largest units.
func span(d time.Duration) string {
	switch {
	case d >= 24*time.Hour:
		return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d/time.Hour%24)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d/time.Minute%60)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d/time.Second%60)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

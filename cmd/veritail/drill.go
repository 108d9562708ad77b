package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/rules/drill"
)

func drillCommand() *cobra.Command {
	var ids []string
	var list, asJSON bool
	var configFile string
	var in reading
	c := &cobra.Command{
		Use:   "drill",
		Short: "Prove that the running daemon finds what its rules are about",
		Long: `Drill plays each rule's own test, one that must fire, through the running daemon: its
lines are written to a file, read, parsed, judged by the rules that run, stored, and
found again. It shows for each rule whether it is proven and how long that took.

What is played is harmless. It belongs to a site of its own for each rule and drill,
which rules count apart, and is committed to the real store, there to tables (or indices)
of its own that are removed at the end: it meets no window and nothing that is known, and
is in no search, figure, report or list of findings. Each event and each finding is read
back and compared with what was committed.

A rule that stays silent is a finding. Some rules wait for what else tells of the
same; a drill takes as long as the longest of them, and then some.

Exit status: 0 if no rule stayed silent and the store gave back all that it took, else 1.`,
		Example: `  veritail drill
  veritail drill -rule auth.bruteforce -rule db.deadlock
  veritail drill -list
  veritail drill -json | jq '.results[] | select(.outcome != "proven")'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := dial(configFile)
			if err != nil {
				return err
			}
			var a drillAnswer
			switch {
			case list && len(ids) > 0:
				return userErrorf("-list shows all rules; leave out -rule")
			case list:
				err = lastDrills(cmd.Context(), c, &a)
			default:
				if !asJSON {
					fmt.Fprintln(cmd.ErrOrStderr(), "Playing; rules that wait for what else tells of the same take a while.")
				}
				err = c.post(cmd.Context(), "/drill", url.Values{"rule": ids}, &a)
			}
			if err != nil {
				return err
			}
			if asJSON {
				err = encode(cmd.OutOrStdout(), a)
			} else {
				err = a.print(cmd.OutOrStdout(), time.Now())
			}
			if err == nil && (len(a.Summary.Silent) > 0 || a.Stored != nil && a.Stored.Lost != "") {
				return errQuiet
			}
			return err
		},
	}
	c.Flags().StringArrayVar(&ids, "rule", nil, "only this `rule`; may be given again")
	c.Flags().BoolVar(&list, "list", false, "play nothing, show what is proven since when")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	completes(c, "rule", in.rules)
	return c
}

// lastDrills asks the daemon for the last results, or without one reads them.
func lastDrills(ctx context.Context, c *client, a *drillAnswer) error {
	err := c.ask(ctx, "/drill", nil, a)
	if !errors.Is(err, errNoDaemon) {
		return err
	}
	s, err := loadSetup(c.cfg.Configs)
	if err != nil {
		return err
	}
	d := &daemon{cfg: c.cfg, setup: s}
	d.readDrills()
	*a = *d.drilled()
	return nil
}

// print shows what is not proven first.
func (a *drillAnswer) print(out io.Writer, now time.Time) error {
	w, p := &sink{w: out}, palette(out)
	width := 0
	for _, r := range a.Results {
		width = max(width, len(r.Rule))
	}
	for _, proven := range []bool{false, true} {
		for _, r := range a.Results {
			if (r.Outcome == drill.Proven) == proven {
				w.f("  %s %-*s  %s\n", drillMark(p, r.Outcome), width, r.Rule, told(r, now))
			}
		}
	}
	if len(a.Never) > 0 {
		w.f("  %s\n", p.dim(fmt.Sprintf("%d rules were never played", len(a.Never))))
	}
	w.f("\n%s\n", drillSentence(a.Summary, now))
	if a.Stored != nil {
		w.f("%s\n", a.Stored)
	}
	return w.err
}

func drillMark(p colours, o drill.Outcome) string {
	switch o {
	case drill.Proven:
		return p.green("✓")
	case drill.Silent:
		return p.red("✕")
	}
	return p.yellow("–")
}

// told says what came of a rule's play.
func told(r drill.Result, now time.Time) string {
	switch r.Outcome {
	case drill.Proven:
		return fmt.Sprintf("proven end to end %s, %.1f s", ago(now.Sub(r.At)), r.Took)
	case drill.Silent:
		return fmt.Sprintf("stayed silent %s: %s", ago(now.Sub(r.At)), printable(r.Why))
	case drill.Suppressed:
		return printable(r.Why)
	}
	return "not played: " + r.Why
}

func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return span(d) + " ago"
}

// drillSentence sums up how many rules are proven.
func drillSentence(s drill.Summary, now time.Time) string {
	text := fmt.Sprintf("%d of %d rules are proven end to end", s.Proven, s.Rules)
	if s.Proven > 0 && now.Sub(s.Oldest) >= time.Minute {
		text += ", the first of them " + ago(now.Sub(s.Oldest))
	}
	if len(s.Silent) > 0 {
		text += fmt.Sprintf("; %d stayed silent", len(s.Silent))
	}
	return text + "."
}

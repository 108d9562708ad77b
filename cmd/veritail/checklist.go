package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/checks"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/state"
)

func checklistCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "checklist",
		Short: "Show what has to be done again and again: done, due, overdue; sign it off",
		Long: `The checklist is what has to hold, or to be done, each day, week, month or quarter
(configs/checks.toml): backups, patches, reviews, audits. Logs and key figures show
that it was done; a named role signs off the rest.

Exit status: 0; 1 for a check that there is not, or with -overdue if one is overdue;
2 an error of Veritail or its machine.`,
		Example: `  veritail checklist list
  veritail checklist list -overdue
  veritail checklist show full-backup
  veritail checklist sign access-review -role security -note 'two accounts of leavers removed'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(checklistListCommand(), checklistShowCommand(), checklistSignCommand())
	return c
}

// checklistReport is what a daemon answers that was asked how checks stand.
type checklistReport struct {
	Checks []checks.Standing `json:"checks"`
}

// checklist says how the checks stand now. What is asked:
//
//	site whose evidence; without it this machine's
func (d *daemon) checklist(ctx context.Context, asked url.Values) (checklistReport, error) {
	list, err := d.standings(ctx, asked.Get("site"), time.Now().UTC())
	return checklistReport{list}, err
}

// standings says how the checks stand at a time, by the evidence of a site.
func (d *daemon) standings(ctx context.Context, site string, now time.Time) ([]checks.Standing, error) {
	db, done, err := d.openRecords(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	signed, err := db.LastSignOffs(ctx)
	if err != nil {
		return nil, err
	}
	return checks.Evaluate(ctx, d.store, access.All(), checks.Request{Checks: d.setup.checks, Signed: signed, Site: site, Now: now, Prometheus: d.prometheus})
}

// shownChecks says how the checks stand now, for the console.
func (d *daemon) shownChecks(ctx context.Context, site string) ([]checks.Standing, error) {
	return d.standings(ctx, site, time.Now().UTC())
}

// checklist asks the daemon how the checks stand, or without one its store.
func (c *client) checklist(ctx context.Context, asked url.Values) (r checklistReport, err error) {
	err = c.question(ctx, "/checks", asked, &r, func(storage.Progress) {}, func(ctx context.Context, d *daemon) (err error) {
		if d.prometheus, err = newPrometheus(c.cfg.Prometheus); err != nil {
			return err
		}
		r, err = d.checklist(ctx, asked)
		return err
	})
	return r, err
}

func standings(ctx context.Context, configFile, site string) ([]checks.Standing, error) {
	c, err := dial(configFile)
	if err != nil {
		return nil, err
	}
	r, err := c.checklist(ctx, url.Values{"site": {site}})
	return r.Checks, err
}

func checklistListCommand() *cobra.Command {
	var f recordsFlags
	var site string
	var overdue bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the checks with how they stand",
		Example: `  veritail checklist list
  veritail checklist list -json | jq -r '.[] | select(.state == "due") | .id'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			list, err := standings(cmd.Context(), f.config, site)
			if err != nil {
				return err
			}
			late := 0
			for _, s := range list {
				if s.State == checks.Overdue {
					late++
				}
			}
			if err := f.show(cmd.OutOrStdout(), list, func(w *sink, p colours) { printChecklist(w, p, list) }); err != nil {
				return err
			}
			if overdue && late > 0 {
				return userErrorf("%s overdue", count(late, "check"))
			}
			return nil
		},
	}
	f.add(c, false)
	c.Flags().StringVar(&site, "site", "", "evidence of this `site`; without it, of this machine")
	c.Flags().BoolVar(&overdue, "overdue", false, "exit with 1 if a check is overdue")
	return c
}

func checklistShowCommand() *cobra.Command {
	var f recordsFlags
	var site string
	c := &cobra.Command{
		Use:     "show CHECK",
		Short:   "Show a check with its evidence and who signed it off",
		Example: `  veritail checklist show full-backup`,
		Args:    wants(1, 1, "the id of a CHECK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			list, err := standings(cmd.Context(), f.config, site)
			if err != nil {
				return err
			}
			var ids []string
			for _, s := range list {
				if ids = append(ids, s.ID); s.ID == args[0] {
					return inRecords(cmd.Context(), f.config, func(db *state.DB) error { return showCheck(cmd, db, s, &f) })
				}
			}
			return noCheck(args[0], configs.Nearest(args[0], ids))
		},
	}
	f.add(c, false)
	c.Flags().StringVar(&site, "site", "", "evidence of this `site`; without it, of this machine")
	return c
}

func showCheck(cmd *cobra.Command, db *state.DB, s checks.Standing, f *recordsFlags) error {
	history, err := db.SignOffs(cmd.Context(), s.ID)
	if err != nil {
		return err
	}
	shown := struct {
		checks.Standing
		History []state.SignOff `json:"sign_offs"`
	}{s, history}
	return f.show(cmd.OutOrStdout(), shown, func(w *sink, p colours) {
		w.f("%s  %s\n", p.bold(printable(s.Title)), stateMark(p, s.State, 0))
		w.f("%s, %s, signed off by %s\n", printable(s.List), s.Period, printable(s.Role))
		if !s.Until.IsZero() {
			w.f("holds until %s\n", s.Until.UTC().Format("2 Jan 2006 15:04 UTC"))
		}
		switch {
		case s.Query != "":
			w.f("\nevidence  %s\n          %s\n", p.blue(printable(s.Query)), printable(s.Evidence))
		case s.KPI != "":
			w.f("\nevidence  %s\n          %s\n", p.blue(printable(s.KPI)), printable(s.Evidence))
		}
		w.f("\n%s\n", count(len(history), "sign-off"))
		for _, h := range history {
			w.f("  %s  %s (%s)  %s\n", h.At.Format("2 Jan 2006 15:04"), printable(h.Who), printable(h.Role), printable(h.Note))
		}
	})
}

func noCheck(id, near string) error {
	if near != "" {
		return userErrorf("there is no check %q; did you mean %q?", id, near)
	}
	return userErrorf("there is no check %q; veritail checklist list shows them", id)
}

func checklistSignCommand() *cobra.Command {
	var f recordsFlags
	var role, note string
	c := &cobra.Command{
		Use:   "sign CHECK",
		Short: "Sign a check off: it was done, by whom, and what was done",
		Long: `Sign keeps that a check was done. It holds for the period of the check from now on.
Evidence of the logs is not replaced by it, only what they do not tell.

Exit status: 0, or 1 for a check that there is not, another role, or no note.`,
		Example: `  veritail checklist sign access-review -by ann -role security -note 'two accounts of leavers removed'`,
		Args:    wants(1, 1, "the id of a CHECK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := configs.LoadDaemon(f.config)
			if err != nil {
				return err
			}
			set, err := loadSetup(cfg.Configs)
			if err != nil {
				return err
			}
			check, near := checks.Find(set.checks, args[0])
			if check == nil {
				return noCheck(args[0], near)
			}
			if !strings.EqualFold(strings.TrimSpace(role), check.Role) {
				return userErrorf("%s is signed off by the role %q: say so with -role", check.ID, check.Role)
			}
			s := state.SignOff{Check: check.ID, Who: f.who(), Role: check.Role, Note: note}
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				if err := db.SignCheck(cmd.Context(), s); err != nil {
					return err
				}
				return f.show(cmd.OutOrStdout(), s, func(w *sink, _ colours) {
					w.f("%s is signed off by %s (%s).\n", printable(check.Title), printable(s.Who), printable(s.Role))
				})
			})
		},
	}
	f.add(c, true)
	c.Flags().StringVar(&role, "role", "", "your `role`: that of the check")
	c.Flags().StringVar(&note, "note", "", "`text`: what was done")
	return c
}

func printChecklist(w *sink, p colours, list []checks.Standing) {
	counts := map[checks.State]int{}
	wide := 0
	for _, s := range list {
		counts[s.State]++
		wide = max(wide, len(s.ID))
	}
	w.f("%s\n", p.bold(fmt.Sprintf("%d overdue, %d due, %d done, %d not measured", counts[checks.Overdue], counts[checks.Due], counts[checks.Done], counts[checks.NotMeasured])))
	group := ""
	for _, s := range list {
		if s.List != group {
			group = s.List
			w.f("\n%s\n", p.bold(printable(group)))
		}
		w.f("  %s  %s  %s\n", stateMark(p, s.State, len(checks.NotMeasured)), p.blue(pad(s.ID, wide)), printable(s.Title))
		if why := reasonOf(s); why != "" {
			w.f("  %s  %s\n", strings.Repeat(" ", len(checks.NotMeasured)+2), p.dim(printable(why)))
		}
	}
}

// reasonOf is what a check stands on, in a line.
func reasonOf(s checks.Standing) string {
	switch {
	case s.Evidence != "" && s.State != checks.NotMeasured && s.Signed == nil:
		return s.Evidence
	case s.Signed != nil:
		return fmt.Sprintf("signed off by %s on %s: %s", s.Signed.Who, s.Signed.At.Format("2 Jan 2006"), s.Signed.Note)
	case s.State == checks.NotMeasured:
		return s.Evidence
	}
	return "waits for " + s.Role
}

// stateMark is a state with its shape, padded to a width if it is shorter.
func stateMark(p colours, s checks.State, width int) string {
	text := pad(string(s), max(width, len(s)))
	switch s {
	case checks.Done:
		return p.green("● " + text)
	case checks.Due:
		return p.yellow("▲ " + text)
	case checks.Overdue:
		return p.red("◆ " + text)
	}
	return p.dim("– " + text)
}

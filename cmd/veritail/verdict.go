package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/state"
)

func verdictCommand() *cobra.Command {
	var f recordsFlags
	var note string
	c := &cobra.Command{
		Use:   "verdict [FINDING VERDICT]",
		Short: "Judge a finding, or show how the findings of each rule were judged",
		Long: `Verdict says of a finding whether its rule was right: "confirmed"; "expected", it is
as found and all right here; or "false alarm". "withdrawn" takes the last one back.
Without arguments it shows the rules whose findings were judged, the least precise
first: those are the ones to tune.

Exit status: 0 done; 1 a finding that is not there, or another error you can mend;
2 an error of Veritail or its machine.`,
		Example: `  veritail verdict 7c1e09b4d2a80f31 'false alarm' -note 'the scanner of our own auditor'
  veritail verdict`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 0 && len(args) != 2 {
				return userErrorf("%s wants the id of a FINDING and a VERDICT, or nothing; see %[1]s -h", cmd.CommandPath())
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) != 1 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			var out []string
			for _, j := range judgements() {
				out = append(out, string(j))
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var v state.Verdict
			if len(args) == 2 {
				j, err := oneOf("verdict", args[1], judgements())
				if err != nil {
					return err
				}
				found, err := findFinding(cmd.Context(), f.config, args[0])
				if err != nil {
					return err
				}
				v = state.Verdict{Finding: found.ID, Rule: found.Rule, Judgement: j, Who: f.who(), Note: note}
			}
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				if v.Finding != "" {
					if err := db.Judge(cmd.Context(), v); err != nil {
						return err
					}
				}
				all, err := db.Records(cmd.Context())
				if err != nil {
					return err
				}
				list := slices.SortedFunc(maps.Values(all), state.ByPrecision)
				list = slices.DeleteFunc(list, func(r state.Record) bool { return r.Judged() == 0 || v.Rule != "" && r.Rule != v.Rule })
				if list == nil {
					list = []state.Record{}
				}
				return f.show(cmd.OutOrStdout(), list, func(w *sink, p colours) { printRecords(w, p, list) })
			})
		},
	}
	f.add(c, true)
	c.Flags().StringVar(&note, "note", "", "`text`: why")
	return c
}

func judgements() []state.Judgement {
	return append(state.Judgements[:len(state.Judgements):len(state.Judgements)], state.Withdrawn)
}

// findFinding returns a finding from the daemon, or from its store.
func findFinding(ctx context.Context, configFile, id string) (*event.Finding, error) {
	c, err := dial(configFile)
	if err != nil {
		return nil, err
	}
	f, q := new(event.Finding), url.Values{"id": {id}}
	err = c.question(ctx, "/finding", q, f, func(storage.Progress) {}, func(ctx context.Context, d *daemon) error {
		here, err := d.finding(ctx, q)
		if err == nil {
			f = here
		}
		return err
	})
	if errors.Is(err, errNoDaemon) {
		return nil, userErrorf("there is no daemon and no store that may know a finding %s: %w", printable(id), err)
	}
	return f, err
}

// finding answers for a finding's id.
func (d *daemon) finding(ctx context.Context, q url.Values) (*event.Finding, error) {
	id := q.Get("id")
	list, err := d.store.Findings(ctx, access.All(), storage.FindingQuery{ID: id, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("read finding %s: %w", id, err)
	}
	if len(list) == 0 {
		return nil, &answerError{Message: fmt.Sprintf("there is no finding %s", id)}
	}
	return &list[0], nil
}

func printRecords(w *sink, p colours, list []state.Record) {
	if len(list) == 0 {
		w.f("No finding has a verdict yet: veritail verdict FINDING confirmed|expected|'false alarm'\n")
		return
	}
	g := grid{heads: []string{"Rule", "judged", "confirmed", "expected", "false alarms", "precision"}, right: []bool{false, true, true, true, true, true}}
	for _, r := range list {
		g.rows = append(g.rows, []string{printable(r.Rule), n(int64(r.Judged())), n(int64(r.Confirmed)), n(int64(r.Expected)), n(int64(r.FalseAlarm)), fmt.Sprintf("%.0f %%", 100*r.Precision())})
	}
	g.print(w, p)
}

// recordText says how the findings of a rule were judged: "right in 92 % of 12 findings: 10 confirmed, 1 expected, 1 false alarm".
func recordText(r state.Record) string {
	return fmt.Sprintf("right in %.0f %% of %s: %s confirmed, %s expected, %s", 100*r.Precision(), count(r.Judged(), "finding"), n(int64(r.Confirmed)), n(int64(r.Expected)), count(r.FalseAlarm, "false alarm"))
}

package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/state"
)

// recordDropped keeps the record of what retention dropped. What could not be kept is kept with the next.
func (d *daemon) recordDropped(ctx context.Context, dropped []storage.Dropped, k keptReport, now time.Time) error {
	for _, what := range dropped {
		x := state.Disposal{At: now, What: what.What, N: what.N, Of: what.Of, Why: d.whyDropped(what, k)}
		if x.Of == "" {
			x.Of = "before " + what.Before.UTC().Format(time.RFC3339)
		}
		d.disposed = append(d.disposed, x)
	}
	if len(d.disposed) == 0 || d.records == nil {
		return nil
	}
	if err := d.records.Disposed(ctx, d.disposed); err != nil {
		return err
	}
	d.disposed = nil
	return nil
}

// whyDropped says which setting made something go.
func (d *daemon) whyDropped(what storage.Dropped, k keptReport) string {
	if what.Why == "disk" {
		return "the store took more than retention.disk and retention.disk_share allow, " + size(k.Limit)
	}
	keep := map[string]configs.Duration{"events": d.cfg.Retention.Events, "findings": d.cfg.Retention.Findings, "rollups": d.cfg.Retention.Rollups}[what.What]
	return "older than retention." + what.What + ", " + span(time.Duration(keep))
}

func disposalsCommand() *cobra.Command {
	var f recordsFlags
	var limit int
	c := &cobra.Command{
		Use:   "disposals",
		Short: "Show what retention has dropped: what, how much, when and why",
		Long: `Disposals shows the record of what the daemon dropped because it was older than
[retention] keeps it, or because the store took too much room. The record stays for
good, is in backups, and is in the data-quality report.

Exit status: 0.`,
		Example: `  veritail disposals
  veritail disposals -json | jq -r '.[] | select(.what == "events") | .of'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 || limit > 100_000 {
				return userErrorf("-limit wants 1 to 100000, not %d", limit)
			}
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				list, err := db.Disposals(cmd.Context(), time.Time{}, time.Time{}, limit)
				if err != nil {
					return err
				}
				if list == nil {
					list = []state.Disposal{}
				}
				return f.show(cmd.OutOrStdout(), list, func(w *sink, p colours) { printDisposals(w, p, list) })
			})
		},
	}
	f.add(c, false)
	c.Flags().IntVar(&limit, "limit", 50, "at most this many `records`, the newest")
	return c
}

func printDisposals(w *sink, p colours, list []state.Disposal) {
	if len(list) == 0 {
		w.f("Nothing was dropped yet.\n")
		return
	}
	w.f("%s\n", p.bold(pad("Dropped, UTC", 18)+pad("What", 10)+"       Count  Of"))
	for _, x := range list {
		w.f("%s%s%12s  %s  %s\n", pad(x.At.Format("2006-01-02 15:04"), 18), pad(x.What, 10), n(x.N), printable(x.Of), p.dim(printable(x.Why)))
	}
}

package main

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query"
)

func reportCommand() *cobra.Command {
	var f reportFlags
	c := &cobra.Command{
		Use:   "report REPORT",
		Short: "Write the site's reports, and keep them as issued",
		Long: `Report makes one of the documents of configs/reports.toml about a period: key figures
with their targets, findings with their lines, issues and what was done. It asks the
running daemon, or without one reads its store.

What it makes is kept as issued, with its SHA-256 digest: the same period again is the
next version. -draft writes one that is not kept. A PDF is printed with Chromium; where
there is none the HTML page is written, which prints the same.

Exit status: 0 done; 1 a report, period or format that there is not, or another error you
can mend; 2 an error of Veritail or its machine.`,
		Example: `  veritail report list
  veritail report daily
  veritail report performance -week -day 2026-11-23 -format pdf,xlsx -o reports/
  veritail report performance -from 2026-11-01 -to 2026-11-14 -draft -format md -o -
  veritail report incident -issue 12
  veritail report issued
  veritail report show D-2026-11-23`,
		Args: wants(1, 1, "the id of one REPORT; veritail report list shows them"),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	f.add(c)
	c.AddCommand(reportListCommand(), reportIssuedCommand(), reportShowCommand(), reportVerifyCommand())
	return c
}

// reportFlags say which report is wanted, and where to.
type reportFlags struct {
	config, output, format                  string
	day, from, to, site, by, issue, finding string
	week, month, exact, draft               bool
	json                                    bool
}

func (f *reportFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.day, "day", "today", "a `day` of the period: today, yesterday or 2006-01-02")
	c.Flags().BoolVar(&f.week, "week", false, "about the week of that day, from Monday on")
	c.Flags().BoolVar(&f.month, "month", false, "about the month of that day")
	c.Flags().StringVar(&f.from, "from", "", "about any period, from this `day` or time on: 2006-01-02 or 2006-01-02T15:04")
	c.Flags().StringVar(&f.to, "to", "", "up to and with this `day`, or to this time; without it, to now")
	c.Flags().StringVar(&f.issue, "issue", "", "the `number` of the issue that a review is about")
	c.Flags().StringVar(&f.finding, "finding", "", "the `id` of the finding that a review is about; of its issue, if it has one")
	c.Flags().StringVar(&f.site, "site", "", "the `site`; empty is this machine")
	c.Flags().StringVar(&f.format, "format", "", "`formats`, with commas: html, pdf, md, csv, xlsx, json; without it as -o ends, or those of the report")
	c.Flags().StringVarP(&f.output, "output", "o", "", "the `file` or folder to write to, - for standard output; without it a file of the document's id")
	c.Flags().StringVar(&f.by, "by", "", "`name` or role of who prepares it")
	c.Flags().BoolVar(&f.draft, "draft", false, "do not keep it as issued")
	c.Flags().BoolVar(&f.exact, "exact", false, "compute percentiles of the events, where they are still there, not of histograms")
	c.Flags().BoolVar(&f.json, "json", false, "print what was made as JSON")
	c.Flags().StringVar(&f.config, "config", "", "configuration `file` of the daemon")
	c.MarkFlagsMutuallyExclusive("issue", "finding")
	c.MarkFlagsMutuallyExclusive("week", "month", "from")
	c.MarkFlagsMutuallyExclusive("week", "month", "to")
	c.MarkFlagsMutuallyExclusive("day", "from")
	c.MarkFlagsMutuallyExclusive("day", "to")
}

// asked is what the daemon is asked for.
func (f *reportFlags) asked(id string) url.Values {
	q := url.Values{"id": {id}, "day": {f.day}, "from": {f.from}, "to": {f.to}, "site": {f.site}, "by": {f.by}, "format": {f.format}, "issue": {f.issue}, "finding": {f.finding}}
	if f.week {
		q.Set("period", "week")
	}
	if f.month {
		q.Set("period", "month")
	}
	if f.exact {
		q.Set("exact", "true")
	}
	if f.draft {
		q.Set("draft", "true")
	}
	if q.Get("format") == "" && f.output != "" && f.output != "-" {
		if ext := document.Format(strings.TrimPrefix(strings.ToLower(filepath.Ext(f.output)), ".")); ext.Known() {
			q.Set("format", string(ext))
		}
	}
	return q
}

func (f *reportFlags) run(cmd *cobra.Command, id string) error {
	c, err := dial(f.config)
	if err != nil {
		return err
	}
	made, err := c.report(cmd.Context(), f.asked(id))
	if err != nil {
		return err
	}
	names, err := f.names(made)
	if err != nil {
		return err
	}
	for i, file := range made.Files {
		if f.output == "-" {
			if _, err := cmd.OutOrStdout().Write(file.Data); err != nil {
				return err
			}
			continue
		}
		if err := writeFile(names[i], file.Data); err != nil {
			return err
		}
	}
	if f.output == "-" {
		for _, note := range made.Notes {
			fmt.Fprintln(cmd.ErrOrStderr(), note+".")
		}
		return nil
	}
	shown := recordsFlags{json: f.json}
	for i := range made.Files {
		made.Files[i].size, made.Files[i].Data, made.Files[i].Path = len(made.Files[i].Data), nil, names[i]
	}
	return shown.show(cmd.OutOrStdout(), made, func(w *sink, _ colours) { made.print(w) })
}

// report asks the daemon for a report, or without one makes it of its store.
func (c *client) report(ctx context.Context, asked url.Values) (made madeReport, err error) {
	err = c.question(ctx, "/report", asked, &made, func(storage.Progress) {}, func(ctx context.Context, d *daemon) (err error) {
		if d.prometheus, err = newPrometheus(c.cfg.Prometheus); err != nil {
			return err
		}
		made, err = d.report(ctx, asked)
		return err
	})
	return made, err
}

// names are the files that the formats of a report are written to.
func (f *reportFlags) names(made madeReport) ([]string, error) {
	dir := ""
	st, err := os.Stat(cmp.Or(f.output, "."))
	switch {
	case f.output == "-" && len(made.Files) > 1:
		return nil, userErrorf("only one format fits standard output; choose it with -format")
	case f.output == "-":
		return nil, nil
	case f.output == "":
	case err == nil && st.IsDir() || strings.HasSuffix(f.output, "/"):
		if dir = f.output; err != nil {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				return nil, userErrorf("make the folder %s: %w", dir, err)
			}
		}
	case len(made.Files) > 1:
		return nil, userErrorf("%s would hold several formats; choose one with -format, or a folder", f.output)
	default:
		return []string{f.output}, nil
	}
	var names []string
	for _, file := range made.Files {
		names = append(names, filepath.Join(dir, fileName(made.Document, made.Version, file.Format)))
	}
	return names, nil
}

// fileName is what a document is called as a file: D-2026-11-23.html, D-2026-11-23-v2.html.
func fileName(id string, version int, f document.Format) string {
	name := url.PathEscape(id)
	if version > 1 {
		name += fmt.Sprintf("-v%d", version)
	}
	return name + "." + string(f)
}

func (m *madeReport) print(w *sink) {
	what := fmt.Sprintf("%s %s", m.Name, printable(m.Document))
	if m.Version > 0 {
		w.f("%s, version %d, is issued: %s\n", what, m.Version, m.Period)
	} else {
		w.f("%s, a draft: %s\n", what, m.Period)
	}
	for _, f := range m.Files {
		w.f("%s written, %s bytes, sha256 %s\n", printable(f.Path), n(int64(f.size)), f.SHA256)
	}
	for _, note := range m.Notes {
		w.f("%s.\n", note)
	}
}

// writeFile writes a file whole or not at all.
func writeFile(path string, data []byte) error {
	tmp := path + ".part"
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return userErrorf("write %s: %w", path, err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return userErrorf("write %s: %w", path, err)
	}
	return nil
}

// day returns the day that text names, and the part of it that has passed.
func day(text string, now time.Time) (query.Interval, error) {
	now = now.UTC()
	today := now.Truncate(24 * time.Hour)
	from := today
	switch text {
	case "", "today":
	case "yesterday":
		from = today.AddDate(0, 0, -1)
	default:
		t, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return query.Interval{}, userErrorf("date wants today, yesterday or a day as 2006-01-02, not %q", text)
		}
		if t.After(now) {
			return query.Interval{}, userErrorf("the day %s has not begun", text)
		}
		from = t
	}
	to := from.AddDate(0, 0, 1)
	if to.After(now) {
		to = now.Truncate(time.Minute).Add(time.Minute)
	}
	return query.Interval{From: from.UnixMicro(), To: to.UnixMicro()}, nil
}

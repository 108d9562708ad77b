package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

func reportCommand() *cobra.Command {
	c := &cobra.Command{Use: "report", Short: "Write the site's reports"}
	c.AddCommand(dailyCommand())
	return c
}

func dailyCommand() *cobra.Command {
	var output, configFile string
	var of dailyOf
	c := &cobra.Command{
		Use:   "daily",
		Short: "Write the daily report as one HTML page that prints well",
		Long: `Daily writes the report of one day (UTC): key figures with targets and the day
before, findings with their lines, and what was not counted. It asks the running
daemon, or without one reads its store. The page holds all it needs and prints
on A4.`,
		Example: `  veritail report daily -o report.html
  veritail report daily -date 2026-11-23 -o - | less`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := dial(configFile)
			if err != nil {
				return err
			}
			page, err := c.daily(cmd.Context(), of)
			if err != nil {
				return err
			}
			if output == "-" {
				_, err = cmd.OutOrStdout().Write(page)
				return err
			}
			if err := writeFile(output, page); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s written, %s bytes.\n", output, n(int64(len(page))))
			return nil
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "report.html", "the `file` to write, - for standard output")
	c.Flags().StringVar(&of.date, "date", "today", "the `day`: today, yesterday or 2006-01-02")
	c.Flags().StringVar(&of.site, "site", "", "the `site`; empty is this machine")
	c.Flags().BoolVar(&of.exact, "exact", false, "compute percentiles of the events, where they are still there, not of histograms")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	return c
}

// A dailyOf says which daily report is wanted.
type dailyOf struct {
	date, site string
	exact      bool // percentiles of the events
}

// daily returns the report of the running daemon, or without one of its store.
func (c *client) daily(ctx context.Context, of dailyOf) ([]byte, error) {
	asked := url.Values{"date": {of.date}, "site": {of.site}}
	if of.exact {
		asked.Set("exact", "true")
	}
	body, err := c.get(ctx, "/report", asked)
	if errors.Is(err, errNoDaemon) {
		if storeThere(c.cfg) {
			return storedDaily(ctx, c.cfg, of)
		}
	}
	if err != nil {
		return nil, err
	}
	defer body.Close()
	page, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read the report: %w", err)
	}
	return page, nil
}

// storedDaily returns the report of a store that no daemon has open.
func storedDaily(ctx context.Context, cfg *configs.Daemon, of dailyOf) (page []byte, err error) {
	err = withStore(ctx, cfg, func(d *daemon) error {
		if d.prometheus, err = newPrometheus(cfg.Prometheus); err != nil {
			return err
		}
		page, err = d.daily(ctx, of)
		return err
	})
	return page, err
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

// answerReport writes the daily report of ?date=, ?site= and ?exact=.
func (d *daemon) answerReport(w http.ResponseWriter, r *http.Request) {
	page, err := d.daily(r.Context(), dailyOf{r.URL.Query().Get("date"), r.URL.Query().Get("site"), r.URL.Query().Get("exact") == "true"})
	if err != nil {
		status := http.StatusInternalServerError
		if _, ok := err.(userError); ok {
			status = http.StatusBadRequest
		}
		refuse(w, status, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	if _, err := w.Write(page); err != nil {
		return // the client has gone
	}
}

func (d *daemon) daily(ctx context.Context, of dailyOf) ([]byte, error) {
	period, err := day(of.date, time.Now())
	if err != nil {
		return nil, err
	}
	const dayLength = int64(24 * time.Hour / time.Microsecond)
	subject := d.cfg.Host
	if of.site != "" {
		subject = "site " + of.site
	}
	req := reports.Request{
		Subject: subject, PreparedBy: "Veritail " + version, Made: time.Now().UTC(), Defs: d.setup.kpis, Prometheus: d.prometheus, Site: of.site,
		Period:   period,
		Previous: query.Interval{From: period.From - dayLength, To: period.To - dayLength},
	}
	if of.exact {
		req.Events = d.store
	}
	if req.Lines, err = d.lines(ctx, of.site); err != nil {
		return nil, err
	}
	if req.Occurrences, err = d.occurrences(ctx, of.site, period); err != nil {
		return nil, err
	}
	rep, err := reports.Build(ctx, d.store, access.All(), req)
	if err != nil {
		return nil, err
	}
	var page bytes.Buffer
	if err := rep.WriteHTML(&page); err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	return page.Bytes(), nil
}

// lines is the account of what was read of a site since the store began: as the runner knows it, or without one as
// the stored marks tell it.
func (d *daemon) lines(ctx context.Context, site string) (reports.Lines, error) {
	l := reports.Lines{Scope: "since the store began"}
	if d.runner == nil {
		return l, d.storedLines(ctx, site, &l)
	}
	for _, s := range d.runner.Status() {
		if s.Site != site {
			continue
		}
		l.Add(s.Account)
		l.Stored += s.Stored
		l.Pending += s.Pending
	}
	l.Open = l.Read - l.Parsed - l.Unparsed - l.Ignored
	return l, nil
}

func (d *daemon) storedLines(ctx context.Context, site string, l *reports.Lines) error {
	gens, err := d.store.Generations(ctx)
	if err != nil {
		return fmt.Errorf("ask the store what was read: %w", err)
	}
	marks, err := d.store.Marks(ctx)
	if err != nil {
		return fmt.Errorf("ask the store how far reading came: %w", err)
	}
	sites := map[event.GenID]string{}
	for _, g := range gens {
		sites[g.ID] = g.Site
	}
	for _, m := range marks {
		if of, known := sites[m.Gen]; known && of == site {
			l.Add(m.Lines)
			l.Stored += m.Lines.Parsed + m.Lines.Unparsed
		}
	}
	return nil
}

// occurrences returns what the rules counted in the period, by group.
func (d *daemon) occurrences(ctx context.Context, site string, period query.Interval) (map[string]map[string]int64, error) {
	out := map[string]map[string]int64{}
	judged := d.rules()
	for i := range judged {
		id := judged[i].ID
		prefix := rules.GroupSeries(id)
		cells, err := d.store.Rollups(ctx, access.All(), storage.RollupQuery{
			Site: site, Series: []string{prefix + "*"}, During: period, Every: 24 * time.Hour,
		})
		if err != nil {
			return nil, fmt.Errorf("read what the rules counted: %w", err)
		}
		for _, c := range cells {
			if out[id] == nil {
				out[id] = map[string]int64{}
			}
			out[id][strings.TrimPrefix(c.Series, prefix)] += c.N
		}
	}
	return out, nil
}

// writeReport writes the report of a scan.
func (r *scanResult) writeReport(ctx context.Context, path string) error {
	if r.period == (query.Interval{}) {
		return userErrorf("there is nothing to report: no line was understood")
	}
	req := reports.Request{
		Subject: "Scanned logs", PreparedBy: "Veritail " + version, Made: time.Now().UTC(), Defs: r.setup.kpis,
		Period: r.period, Occurrences: r.counts, Lines: reports.Lines{Scope: fmt.Sprintf("in %d files", len(r.files))},
	}
	for _, f := range r.files {
		req.Lines.Add(f.Account)
		req.Files = append(req.Files, reports.File{Path: f.Path, Format: f.Told.Format, Account: f.Account})
	}
	rep, err := reports.Build(ctx, r.store, access.All(), req)
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if err := rep.WriteHTML(&page); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return writeFile(path, page.Bytes())
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/console"
	"github.com/saypro/veritail/reports"
	"github.com/saypro/veritail/storage/state"
)

// How often the schedules are looked at, how long after a failure a report is tried again, and how far back one that was missed is looked for.
const (
	scheduleEvery = 10 * time.Second
	scheduleAgain = 10 * time.Minute
	longestMissed = 400 * 24 * time.Hour
)

// checkSchedules reports schedules of reports that there are not, or that nobody can make by the clock.
func (d *daemon) checkSchedules() error {
	for i := range d.cfg.Schedules {
		s := &d.cfg.Schedules[i]
		def, err := d.setup.report(s.Report)
		if err == nil {
			_, err = wantedFormats(def, strings.Join(s.Formats, ","))
		}
		var fault *answerError
		if errors.As(err, &fault) {
			return userErrorf("[[schedule]] %d: %s", i+1, fault.Message)
		}
		if err != nil {
			return err
		}
		if def.Period == reports.Incident {
			return userErrorf("[[schedule]] %d: a %s is about an issue or a finding, not about a period", i+1, strings.ToLower(def.Name))
		}
	}
	return nil
}

// runSchedules makes the reports that are due until ctx ends. One that was missed while nothing ran is made at the start, once.
func (d *daemon) runSchedules(ctx context.Context) error {
	if len(d.cfg.Schedules) == 0 {
		return nil
	}
	tick := time.NewTicker(scheduleEvery)
	defer tick.Stop()
	for {
		for i := range d.cfg.Schedules {
			if err := d.runDue(ctx, &d.cfg.Schedules[i], time.Now()); err != nil && ctx.Err() == nil {
				slog.Error("a scheduled report", "report", d.cfg.Schedules[i].Report, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// runDue makes a schedule's report if it is due, or failed and may be tried again.
func (d *daemon) runDue(ctx context.Context, s *configs.Schedule, now time.Time) error {
	last, ran, err := d.records.LastRun(ctx, s.Key())
	if err != nil {
		return err
	}
	begin, err := d.records.Begin(ctx, s.Key())
	if err != nil {
		return err
	}
	due := lastDue(s, begin, now)
	switch {
	case !due.IsZero():
	case ran && last.Problem != "" && now.Sub(last.Ended) >= scheduleAgain:
		due = last.Due
	default:
		return nil
	}
	run := state.Run{Schedule: s.Key(), Due: due, Ended: now}
	if err := d.deliver(ctx, s, &run); err != nil {
		if ctx.Err() != nil {
			return nil // it is made at the next start
		}
		run.Problem = cutText(err.Error(), maxProblem)
		slog.Error("a scheduled report was not made", "report", s.Report, "due", due, "err", err)
	}
	return d.records.Ran(ctx, run)
}

// lastDue returns the last time in (after, now] at which a schedule is due, zero for none.
func lastDue(s *configs.Schedule, after, now time.Time) (due time.Time) {
	if oldest := now.Add(-longestMissed); after.Before(oldest) {
		after = oldest
	}
	for next := s.Next(after); !next.IsZero() && !next.After(now); next = s.Next(next) {
		due = next
	}
	return due
}

// deliver makes the report about the last whole period before it was due, writes its files and puts them into the mail queue.
func (d *daemon) deliver(ctx context.Context, s *configs.Schedule, run *state.Run) error {
	def, err := d.setup.report(s.Report)
	if err != nil {
		return err
	}
	this := def.Period.During(run.Due, run.Due)
	last := time.UnixMicro(this.From).UTC().AddDate(0, 0, -1)
	made, err := d.report(ctx, url.Values{"id": {s.Report}, "day": {last.Format(time.DateOnly)}, "site": {s.Site}, "format": {strings.Join(s.Formats, ",")}})
	if err != nil {
		return err
	}
	run.Document, run.Version = made.Document, made.Version
	var files []state.MailFile
	for _, f := range made.Files {
		name := fileName(made.Document, made.Version, f.Format)
		files = append(files, state.MailFile{Name: name, Type: f.Format.MediaType(), Data: f.Data})
		if s.Folder == "" {
			continue
		}
		if err := os.MkdirAll(s.Folder, 0o755); err != nil {
			return fmt.Errorf("make the folder of a report: %w", err)
		}
		path := filepath.Join(s.Folder, name)
		if err := writeFile(path, f.Data); err != nil {
			return err
		}
		run.Files = append(run.Files, path)
	}
	if len(s.To) == 0 {
		return nil
	}
	text := fmt.Sprintf("%s of %s\n%s\n\nIt is kept as %s, version %d:\n", made.Name, cmp.Or(s.Site, d.cfg.Host), made.Period, made.Document, made.Version)
	for i, f := range made.Files {
		text += fmt.Sprintf("  %s\n  SHA-256 %s\n", files[i].Name, f.SHA256)
	}
	for _, note := range made.Notes {
		text += "\n" + note + "\n"
	}
	return d.mail.Queue(ctx, state.Mail{
		About: s.Key() + " " + run.Due.UTC().Format(time.RFC3339), To: s.To, Files: files, Text: text,
		Subject: fmt.Sprintf("%s %s of %s", made.Name, made.Document, cmp.Or(s.Site, d.cfg.Host)),
	})
}

// A scheduleReport is how a schedule stands.
type scheduleReport struct {
	Report string     `json:"report"`
	Cron   string     `json:"cron"`
	Site   string     `json:"site,omitempty"`
	Folder string     `json:"folder,omitempty"`
	To     []string   `json:"to,omitempty"`
	Next   time.Time  `json:"next,omitzero"`
	Last   *state.Run `json:"last,omitempty"` // nil: it has not run yet
}

// schedules says how the schedules stand.
func (d *daemon) schedules(ctx context.Context, now time.Time) ([]scheduleReport, error) {
	var all []scheduleReport
	for i := range d.cfg.Schedules {
		s := &d.cfg.Schedules[i]
		r := scheduleReport{Report: s.Report, Cron: s.Cron, Site: s.Site, Folder: s.Folder, To: s.To, Next: s.Next(now)}
		last, ran, err := d.records.LastRun(ctx, s.Key())
		if err != nil {
			return nil, err
		}
		if ran {
			r.Last = &last
		}
		all = append(all, r)
	}
	return all, nil
}

// scheduled gives the schedules in the console's words, nil where there are none.
func (d *daemon) scheduled() console.ReadSchedules {
	if len(d.cfg.Schedules) == 0 {
		return nil
	}
	return func(ctx context.Context) ([]console.Scheduled, error) {
		list, err := d.schedules(ctx, time.Now())
		var out []console.Scheduled
		for _, r := range list {
			out = append(out, console.Scheduled{Report: r.Report, Cron: r.Cron, Folder: r.Folder, To: r.To, Next: r.Next, Last: r.Last})
		}
		return out, err
	}
}

func (r *scheduleReport) print(w *sink, p colours, now time.Time) {
	w.f("       %s  next in %s", printable(r.Report), span(r.Next.Sub(now)))
	switch {
	case r.Last == nil:
		w.f(", not made yet\n")
	case r.Last.Problem != "":
		w.f(", %s\n", p.red("◆ failed "+span(now.Sub(r.Last.Ended))+" ago: "+printable(r.Last.Problem)))
	default:
		w.f(", last %s %s ago\n", printable(r.Last.Document), span(now.Sub(r.Last.Ended)))
	}
}

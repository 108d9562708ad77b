package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
)

// How the habit of a source is learnt: one that had lines in each of habitHours hours, one after the other, is expected to have some every
// hour. When it has been silent, which is told once, its habit is learnt anew.
const (
	habitHours   = 48
	silent       = 75 * time.Minute // an hour, and what logs that are written on the hour need
	forgetHabit  = 30 * 24 * time.Hour
	silenceEvery = time.Minute
)

// A habit is what is known of how often lines come from a source.
type habit struct {
	Site   string    `json:"site,omitempty"`
	Bytes  int64     `json:"bytes"`          // read, all generations
	Last   time.Time `json:"last"`           // when the last lines came, as the daemon saw it
	Hour   int64     `json:"hour"`           // the hour that is counted now, since 1970
	Active bool      `json:"active"`         // something came in that hour
	Busy   int       `json:"busy"`           // so many hours before it had lines, one after the other
	Hourly bool      `json:"hourly"`         // it is expected to have some every hour
	Told   bool      `json:"told,omitempty"` // that it is silent
}

// habits are those of all sources, by path. They are kept in the daemon's state.
type habits struct {
	file string
	of   map[string]*habit
}

func openHabits(state string) *habits {
	h := &habits{file: filepath.Join(state, "habits.json"), of: map[string]*habit{}}
	text, err := os.ReadFile(h.file)
	if err == nil {
		err = json.Unmarshal(text, &h.of)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		slog.Warn("how often lines come from each source is learnt anew", "error", err)
		h.of = map[string]*habit{}
	}
	return h
}

func (h *habits) save() error {
	text, err := json.Marshal(h.of)
	if err != nil {
		return err
	}
	return replaceFile(h.file, text)
}

// look takes up how far each source has come and returns the paths that have fallen silent. declared says after what time a path has, 0
// where that is to be learnt. A source that is behind, or that cannot be read, says nothing by its silence.
func (h *habits) look(all []pipeline.SourceStatus, declared func(path string) time.Duration, now time.Time) (fallen []string) {
	unsure := map[string]bool{}
	for _, s := range all {
		x := h.of[s.Path]
		if x == nil {
			if s.Account.Bytes == 0 {
				continue
			}
			x = &habit{Bytes: s.Account.Bytes, Last: now, Hour: hourOf(now), Active: true}
			h.of[s.Path] = x
		}
		x.Site = s.Site
		unsure[s.Path] = s.LagBytes > 0 || s.Err != nil
		if s.Account.Bytes != x.Bytes {
			x.Bytes, x.Last, x.Active, x.Told = s.Account.Bytes, now, true, false
		}
	}
	for path, x := range h.of {
		x.turn(hourOf(now))
		quiet, limit := now.Sub(x.Last), declared(path)
		if limit == 0 && x.Hourly {
			limit = silent
		}
		switch {
		case quiet > forgetHabit:
			delete(h.of, path)
		case limit > 0 && quiet > limit && !x.Told && !unsure[path]:
			x.Told, x.Hourly = true, false
			fallen = append(fallen, path)
		}
	}
	return fallen
}

func hourOf(t time.Time) int64 { return t.Unix() / 3600 }

// turn ends the hour that is counted when another has begun. Hours in which nobody looked say nothing.
func (x *habit) turn(hour int64) {
	if hour == x.Hour {
		return
	}
	if x.Busy++; !x.Active {
		x.Busy = 0
	}
	x.Hourly = x.Hourly || x.Busy >= habitHours
	x.Hour, x.Active = hour, false
}

// watchSilence makes it a finding, until ctx ends, that nothing comes any more from a source that mostly has lines.
func (d *daemon) watchSilence(ctx context.Context) error {
	h := openHabits(d.cfg.State)
	h.resume(time.Now())
	tick := time.NewTicker(silenceEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		now := time.Now()
		fallen := h.look(d.runner.Status(), d.silentAfter, now)
		c := &event.Commit{Batch: &event.Batch{}}
		for _, path := range fallen {
			c.Findings = append(c.Findings, silenceFinding(path, h.of[path], now))
		}
		var err error
		if len(c.Findings) > 0 {
			_, err = d.announcer.Commit(ctx, c)
		}
		if err = errors.Join(err, h.save()); err != nil && ctx.Err() == nil {
			slog.Error("looking after silent sources failed", "error", err)
		}
	}
}

// resume takes up the habits after a start: while the daemon was down nobody saw what came.
func (h *habits) resume(now time.Time) {
	for _, x := range h.of {
		if down := now.Sub(x.Last); down > 0 && !x.Told {
			x.Last = now
		}
		x.Hour, x.Active = hourOf(now), true
	}
}

// silentAfter returns after what time without a line the source at path is silent, as the configuration says, 0 if it does not.
func (d *daemon) silentAfter(path string) time.Duration {
	for _, p := range d.patterns {
		if ok, err := filepath.Match(p.Glob, path); err == nil && ok {
			return p.Silent
		}
	}
	return 0
}

func silenceFinding(path string, x *habit, now time.Time) event.Finding {
	return event.Finding{
		ID: fmt.Sprintf("silence-%016x-%s", xxhash.Sum64String(path), x.Last.UTC().Format("20060102T150405")), Rule: "veritail.silence", Severity: "medium", Audience: []string{"operator", "security"}, Site: x.Site,
		Title:      "A log has fallen silent",
		Message:    fmt.Sprintf("Nothing has come from %s since %s, for %s.", path, x.Last.UTC().Format(time.DateTime+" UTC"), span(now.Sub(x.Last))),
		References: ownRunbook, Runbook: "Does the program run, and log to that file? Was its logging turned off, the file moved, or its sender cut off? " +
			"Who switches logs off to hide something does it before. silent_after in its [[source]] sets another time.",
		Count: 1, Time: now.UnixMicro(), First: x.Last.UnixMicro(), Last: now.UnixMicro(),
	}
}

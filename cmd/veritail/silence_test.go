package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline"
)

// A writtenLog is a log that is written by the clock of a test, and watched every minute.
type writtenLog struct {
	t        *testing.T
	h        *habits
	now      time.Time
	bytes    int64
	declared time.Duration
	gone     bool // the path is not followed any more, as that of a sender without a file
	behind   bool
	fallen   []string // when it fell silent, since the beginning
	begin    time.Time
}

func watchLog(t *testing.T, declared time.Duration) *writtenLog {
	begin := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	return &writtenLog{t: t, h: openHabits(t.TempDir()), now: begin, begin: begin, declared: declared}
}

// pass lets hours pass in which a line comes every so many minutes; 0: none.
func (w *writtenLog) pass(hours float64, every int) {
	for m := range int(hours * 60) {
		w.now = w.now.Add(time.Minute)
		if every > 0 && m%every == 0 {
			w.bytes += 100
		}
		s := pipeline.SourceStatus{Path: "/var/log/a.log"}
		s.Account.Bytes = w.bytes
		if w.behind {
			s.LagBytes = 1
		}
		all := []pipeline.SourceStatus{s}
		if w.gone {
			all = nil
		}
		for range w.h.look(all, func(string) time.Duration { return w.declared }, w.now) {
			w.fallen = append(w.fallen, w.now.Sub(w.begin).Round(time.Hour).String())
		}
	}
}

// restart starts the daemon anew after it was down for a time.
func (w *writtenLog) restart(down time.Duration) {
	w.t.Helper()
	if err := w.h.save(); err != nil {
		w.t.Fatal(err)
	}
	w.h = openHabits(filepath.Dir(w.h.file))
	w.now = w.now.Add(down)
	w.h.resume(w.now)
}

func TestWhenALogIsSilent(t *testing.T) {
	for _, tc := range []struct {
		what     string
		declared time.Duration
		run      func(w *writtenLog)
		want     int
	}{
		{"lines every 20 minutes for days, then none", 0, func(w *writtenLog) { w.pass(60, 20); w.pass(2, 0) }, 1},
		{"it is told once", 0, func(w *writtenLog) { w.pass(60, 20); w.pass(100, 0) }, 1},
		{"and again when it had spoken for days", 0, func(w *writtenLog) { w.pass(60, 20); w.pass(5, 0); w.pass(60, 20); w.pass(5, 0) }, 2},
		{"not when it only spoke for hours", 0, func(w *writtenLog) { w.pass(60, 20); w.pass(5, 0); w.pass(5, 20); w.pass(5, 0) }, 1},
		{"no habit yet", 0, func(w *writtenLog) { w.pass(40, 20); w.pass(10, 0) }, 0},
		{"a log of every day", 0, func(w *writtenLog) { w.pass(400, 1440) }, 0},
		{"a log of the hour", 0, func(w *writtenLog) { w.pass(100, 60) }, 0},
		{"nothing ever", 0, func(w *writtenLog) { w.pass(100, 0) }, 0},
		{"a sender whose file has gone", 0, func(w *writtenLog) { w.pass(60, 20); w.gone = true; w.pass(2, 0) }, 1},
		{"reading is behind", 0, func(w *writtenLog) { w.pass(60, 20); w.behind = true; w.pass(5, 0) }, 0},
		{"the daemon was down", 0, func(w *writtenLog) { w.pass(60, 20); w.restart(5 * time.Hour); w.pass(1, 0); w.pass(5, 20) }, 0},
		{"silent since the daemon was down", 0, func(w *writtenLog) { w.pass(60, 20); w.restart(5 * time.Hour); w.pass(2, 0) }, 1},
		{"a time that is declared", 10 * time.Minute, func(w *writtenLog) { w.pass(1, 5); w.pass(1, 0); w.pass(1, 5); w.pass(1, 0) }, 2},
		{"and kept to", 3 * time.Hour, func(w *writtenLog) { w.pass(60, 170) }, 0},
	} {
		t.Run(tc.what, func(t *testing.T) {
			w := watchLog(t, tc.declared)
			tc.run(w)
			if len(w.fallen) != tc.want {
				t.Errorf("it fell silent after %v, want %d times", w.fallen, tc.want)
			}
		})
	}
}

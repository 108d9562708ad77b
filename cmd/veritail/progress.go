package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progress draws how far reading has come, on a terminal only, and only when it takes longer than a second.
type progress struct {
	w           io.Writer
	done, total int64
	begun, last time.Time
	drawn       bool
}

func newProgress(w io.Writer, total int64) *progress {
	if !isTerminal(w) {
		w = nil
	}
	now := time.Now()
	return &progress{w: w, total: total, begun: now, last: now.Add(time.Second)}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// events says how many of all events something has been done to.
func (p *progress) events(done, all int64) {
	if p.due() {
		fmt.Fprintf(p.w, "\r\033[K%3d %%, %s of %s events", done*100/max(all, 1), n(done), n(all))
	}
}

// due reports whether it is time to draw, and notes that it is done.
func (p *progress) due() bool {
	if p.w == nil || time.Since(p.last) < 200*time.Millisecond {
		return false
	}
	p.last, p.drawn = time.Now(), true
	return true
}

func (p *progress) add(n int64) {
	p.done += n
	if !p.due() {
		return
	}
	rate := float64(p.done) / 1e6 / time.Since(p.begun).Seconds()
	if p.total > 0 && p.done <= p.total {
		fmt.Fprintf(p.w, "\r\033[K%3d %%, %.0f MB/s", p.done*100/p.total, rate)
	} else {
		fmt.Fprintf(p.w, "\r\033[K%.0f MB, %.0f MB/s", float64(p.done)/1e6, rate)
	}
}

func (p *progress) end() {
	if p.drawn {
		fmt.Fprint(p.w, "\r\033[K")
	}
}

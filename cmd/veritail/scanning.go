package main

import (
	"fmt"
	"io"
	"time"

	"github.com/saypro/veritail/storage"
)

// scanning draws how far a query has come, on a terminal only and only when it takes longer than half a second.
type scanning struct {
	w     io.Writer // nil: no terminal
	what  string    // what is looked at: "events"
	begun time.Time
	drawn bool
}

func newScanning(w io.Writer, what string) *scanning {
	if !isTerminal(w) {
		w = nil
	}
	return &scanning{w: w, what: what, begun: time.Now()}
}

func (s *scanning) tell(p storage.Progress) {
	if s.w == nil || time.Since(s.begun) < 500*time.Millisecond {
		return
	}
	s.drawn = true
	fmt.Fprintf(s.w, "\r\033[K%s, %s; Ctrl-C ends it", scannedText(p, s.what), time.Since(s.begun).Round(time.Second))
}

// end clears the line.
func (s *scanning) end() {
	if s.drawn {
		fmt.Fprint(s.w, "\r\033[K")
	}
}

// scannedText says how far a query has come.
func scannedText(p storage.Progress, what string) string {
	text := "Working"
	switch {
	case p.Total == 0 && p.Read > 0:
		text = "Looked at " + n(p.Read) + " " + what
	case p.Total > 0:
		text = fmt.Sprintf("%3d %%: looked at %s of %s %s", p.Read*100/p.Total, n(p.Read), n(p.Total), what)
	}
	if p.Found > 0 {
		text += ", " + n(p.Found) + " found"
	}
	return text
}

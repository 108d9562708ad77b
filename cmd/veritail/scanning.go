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
	begun time.Time
	drawn bool
}

func newScanning(w io.Writer) *scanning {
	if !isTerminal(w) {
		w = nil
	}
	return &scanning{w: w, begun: time.Now()}
}

func (s *scanning) tell(p storage.Progress) {
	if s.w == nil || time.Since(s.begun) < 500*time.Millisecond {
		return
	}
	s.drawn = true
	fmt.Fprintf(s.w, "\r\033[K%s; Ctrl-C ends it", scannedText(p))
}

// end clears the line.
func (s *scanning) end() {
	if s.drawn {
		fmt.Fprint(s.w, "\r\033[K")
	}
}

// scannedText says how far a query has come.
func scannedText(p storage.Progress) string {
	text := "Working"
	switch {
	case p.Total == 0 && p.Read > 0:
		text = "Looked at " + n(p.Read) + " events"
	case p.Total > 0:
		text = fmt.Sprintf("%3d %%: looked at %s of %s events", p.Read*100/p.Total, n(p.Read), n(p.Total))
	}
	if p.Found > 0 {
		text += ", " + n(p.Found) + " found"
	}
	return text
}

package console

import (
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// Status is what the daemon does at one moment. The command fills it from the pipeline.
type Status struct {
	At      time.Time // when this was true
	Sources []Source  // one per file that is followed, waited for or refused
	Problem string    // what keeps the whole from working, "" where nothing does
}

// State is what the daemon does with a source.
type State string

// The states of a source.
const (
	Following  State = "following"
	Waiting    State = "waiting"    // the file does not exist (yet)
	Unreadable State = "unreadable" // it may not be read
	Failing    State = "failing"    // reading or storing it fails
	Finished   State = "finished"   // it was rotated away and has been read to its end
)

// A Source is one file.
type Source struct {
	Path    string
	Site    string // "" for this machine
	Dataset string
	Format  string // "" while undecided
	State   State
	Problem string // why it is not followed, or what fails
	Repair  string // the exact command that would help, if there is one

	Lag    time.Duration // how far the newest stored line is behind the file
	Behind int64         // bytes of the file that have not been read
	Lines  event.Account // what became of the lines read so far, stored or not
	Stored event.Account // the same, of what is durable

	Nearest string // where nothing is understood: the format that came nearest
	Column  int    // and the column, from 1, at which it stops; 0 where there is none
}

// a balance is the account of a set of sources: every line read is in exactly one of its parts.
type balance struct {
	Files   int           // that are followed
	Lag     time.Duration // the longest
	Lines   event.Account
	Open    int64 // lines of records that are not complete yet
	Stored  int64 // parsed or unparsed lines that are durable
	Pending int64 // those on their way to the store
	Blind   int   // files of which no line is understood
	Refused int   // files that cannot be read
}

// sum adds up the sources of a site.
func sum(sources []Source, site string) balance {
	var b balance
	for _, s := range sources {
		if s.Site != site {
			continue
		}
		if s.State == Following {
			b.Files++
			b.Lag = max(b.Lag, s.Lag)
		}
		if s.State == Unreadable || s.State == Failing {
			b.Refused++
		}
		if s.blind() {
			b.Blind++
		}
		b.Lines.Add(s.Lines)
		b.Stored += s.Stored.Parsed + s.Stored.Unparsed
	}
	b.Open = b.Lines.Read - b.Lines.Parsed - b.Lines.Unparsed - b.Lines.Ignored
	b.Pending = b.Lines.Parsed + b.Lines.Unparsed - b.Stored
	return b
}

// Balanced reports whether no part of the account is negative, that is, nothing was counted twice.
func (b balance) Balanced() bool { return b.Open >= 0 && b.Pending >= 0 }

// blind reports whether lines were read and none of them was understood.
func (s Source) blind() bool {
	return s.Lines.Read > 0 && s.Lines.Parsed == 0 && s.Lines.Unparsed > 0
}

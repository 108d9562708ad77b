package console

import (
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// Status is what the daemon does at one moment. The command fills it from the pipeline.
type Status struct {
	At      time.Time // when this was true
	Sources []Source  // one per file that is followed, waited for or refused
	Inputs  []Input   // what comes from elsewhere than files, of this machine
	Problem string    // what keeps the whole from working, "" where nothing does
}

// State is what the daemon does with a source.
type State string

// The states of a source.
const (
	Following  State = "following"
	Waiting    State = "waiting"    // the file does not exist (yet)
	Unreadable State = "unreadable" // it may not be read
)

// A Source is one followed path. Counts are of all files that have had the name, in lines.
type Source struct {
	Path    string
	Site    string // "" for this machine
	Dataset string
	Format  string // "" while undecided
	State   State
	Problem string // what could not be read, of it or of a rotated file of it; "" if nothing
	Repair  string // the exact command that would help, if there is one

	Lag     time.Duration // the age of the oldest byte that has not been read
	Behind  int64         // bytes that have not been read
	Lost    int64         // bytes that rotation destroyed before they could be read
	Breach  string        // how its account does not add up; "" as it should be
	Lines   event.Account // what became of the lines read so far, stored or not
	Stored  int64         // lines that are durable
	Pending int64         // lines on their way to the store
	Refused int64         // lines that the store refused and that are kept apart: the quarantine

	Nearest string // where lines are not understood: the format that came nearest
	Column  int    // and the column, from 1, at which it stops; 0 where there is none

	Sure    string  // how sure the format is that was found; "" where it was named
	Shapes  []Shape // of the lines that are not understood, most frequent first
	Dropped int64   // such lines whose shapes were dropped for others
}

// An Input is what brings lines from elsewhere than files, which wait on disk until they are stored: the journal,
// listeners for syslog, a pipe. Counts are of this run, in messages.
type Input struct {
	Name      string
	Dataset   string
	Addresses []string // it listens at; none for the journal and pipes
	Received  int64
	Senders   int   // with something on disk that is not stored yet
	Used, Max int64 // bytes on disk that are not stored yet, and how many there may be
	Lost      int64 // messages that came and were not taken
	Notes     []string
	Problem   string
	Repair    string // the exact command that would help, if there is one
}

// A Shape is a group of lines that are not understood, alike but for their words and numbers.
type Shape struct {
	Example string
	Count   int64
	Offset  int64  // of the example in the file
	Format  string // that comes nearest; "" if none does
	Column  int    // at which it stops in the example, from 1
	Failed  string // the part of the pattern that goes no further
}

// a balance is the account of a set of sources: every line read is in exactly one of its parts.
type balance struct {
	Files int           // that are followed
	Lag   time.Duration // the longest
	Lines event.Account
	Open  int64 // lines of records that are not complete yet
	// The lines that became events, parsed or not, are Stored + Quarantined + Pending.
	Stored, Quarantined, Pending int64

	Blind  int // files of which no line is understood
	Broken int // files that cannot be read, or not wholly
}

// sum adds up the sources of a site.
func sum(sources []Source, site string) balance {
	var b balance
	for _, s := range ofSite(sources, site) {
		if s.State == Following {
			b.Files++
			b.Lag = max(b.Lag, s.Lag)
		}
		if s.broken() {
			b.Broken++
		} else if s.blind() {
			b.Blind++
		}
		b.Lines.Add(s.Lines)
		b.Stored += s.Stored
		b.Quarantined += s.Refused
		b.Pending += s.Pending
	}
	b.Open = b.Lines.Read - b.Lines.Parsed - b.Lines.Unparsed - b.Lines.Ignored
	return b
}

// Balanced reports whether both sums hold: what was read, and what became of the events.
func (b balance) Balanced() bool {
	return b.Open >= 0 && b.Pending >= 0 && b.Lines.Parsed+b.Lines.Unparsed == b.Stored+b.Quarantined+b.Pending
}

// blind reports whether lines were read and none of them was understood.
func (s Source) blind() bool {
	return s.Lines.Read > 0 && s.Lines.Parsed == 0 && s.Lines.Unparsed > 0
}

// broken reports whether it cannot be read, or not wholly.
func (s Source) broken() bool {
	return s.State == Unreadable || s.Problem != "" && s.State == Following
}

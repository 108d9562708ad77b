// Package storage says what Veritail asks of a store: Writer takes commits, Reader answers queries, Keeper looks
// after marks, retention and health. Package storetest in this folder holds the suite that every store passes.
//
// The daemon is the only writer of a store; readers see a consistent snapshot at any time.
package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// Refused lists the generations of a batch that were not written because the mark their batch starts from is not
// the mark that is stored. The caller reads them again from the stored mark.
type Refused []event.GenID

// ErrFull is why a store takes no events while its disk has too little free space. It takes them again when there is
// more; commits without events it takes as long as it can.
var ErrFull = errors.New("the disk is full")

// A Writer takes commits, one at a time.
type Writer interface {
	// Commit writes a commit durably, events, findings, rollups, generations and marks together. A generation
	// whose stored mark is at or past the batch's end is skipped with all that belongs to it: repeating a commit
	// changes nothing. If any generation is skipped or refused, only the events of the others are written, and
	// findings and rollups are written only if nothing was skipped or refused.
	//
	// The generations of a batch are kept even where their mark does not move: a file that is followed is known before
	// its first line is stored.
	//
	// After an error the outcome is unknown: the caller re-reads Marks and goes on from them, never resends
	// blindly.
	Commit(context.Context, *event.Commit) (Refused, error)
}

// A Keeper looks after a store.
type Keeper interface {
	// Marks returns the stored mark of each generation.
	Marks(context.Context) ([]event.Mark, error)
	// Generations returns every generation the store knows.
	Generations(context.Context) ([]event.Generation, error)
	// Expire drops what Policy no longer keeps.
	Expire(context.Context, Policy) (Report, error)
	// Check compares the store with itself: rows of each generation against its mark, ids against each other.
	Check(context.Context) (Report, error)
	// Close ends the store; the error is of what was still to be written.
	Close() error
}

// A Policy says how long things are kept; zero values keep for ever.
type Policy struct {
	Events   time.Duration
	Findings time.Duration
	Rollups  time.Duration
	Disk     int64         // bytes that the store may take: beyond them the oldest day goes, sealed ones first
	Notice   time.Duration // how long before it is dropped a day has to be announced; 0: not at all
	Now      time.Time
}

// A Report tells what a Keeper did or found.
type Report struct {
	Dropped   []Dropped // what was dropped
	Announced []Drop    // what this call has announced
	Coming    []Drop    // all that is announced
	Problems  []string  // what does not agree, one line each; empty means sound
	Events    int64     // events in the store
	Bytes     int64     // that the store takes on disk, but for free space within its files
}

// A Dropped is what Expire has dropped: all of a day or of an index, or what was older than a time.
type Dropped struct {
	What   string    // "events", "findings", "rollups"
	N      int64     // how many
	Of     string    // the day, 2026-08-29, or the name of the index; "" where Before says it
	Before time.Time // all before this time; zero where Of says it
	Why    string    // "age" or "disk"
}

func (d Dropped) String() string {
	if d.Of != "" {
		return fmt.Sprintf("%d %s of %s", d.N, d.What, d.Of)
	}
	return fmt.Sprintf("%d %s before %s", d.N, d.What, d.Before.UTC().Format(time.RFC3339))
}

// A Drop is a day of events that will be dropped.
type Drop struct {
	Day    string    `json:"day"` // 2026-11-24
	Events int64     `json:"events"`
	Why    string    `json:"why"`         // "age" or "disk"
	At     time.Time `json:"at,omitzero"` // when it is too old; zero if only the disk decides
}

// A Reader answers queries within a View. Reads see the last commit that had returned when they began, or a later
// one, and all of a commit or nothing.
type Reader interface {
	// Search returns matching events, newest first.
	Search(context.Context, access.View, query.Search) (Rows, error)
	// Aggregate returns counts and measures of matching events. Without By and Every the table has one row always.
	// Groups stand in the order of their counts, largest first, then of their keys; with Every the rows are ordered by
	// time first, and Limit bounds the groups, by their counts over the whole interval. Percentiles are values at a
	// rank; a store may be off by 1 % in percentiles and, above 10,000, in distinct values.
	Aggregate(context.Context, access.View, query.Agg) (Table, error)
	// Scan calls f with pages of the matching events in ascending order of time, generation and offset, until f
	// fails. Rules re-seed their windows and replay through it. A page is valid until f returns.
	Scan(context.Context, access.View, query.Expr, query.Interval, func(*event.Page) error) error
	Results
}

// Results reads what the stages made of the events. Reports and KPIs need nothing more of a store.
type Results interface {
	// Findings returns findings, newest first.
	Findings(context.Context, access.View, FindingQuery) ([]event.Finding, error)
	// Rollups returns the sum of the deltas of each cell that is asked for, ordered by series, data set, minute
	// and bucket.
	Rollups(context.Context, access.View, RollupQuery) ([]event.Delta, error)
}

// A FindingQuery asks for findings; empty fields do not narrow.
type FindingQuery struct {
	ID         string
	Rules      []string
	Severities []string
	Audience   string
	Site       *string // nil: every site; "" is this machine
	During     query.Interval
	Before     string // the id of the last finding of the previous page
	Limit      int    // 0: 100
}

// A RollupQuery asks for rollups. Series ending in * match by prefix.
type RollupQuery struct {
	Site   string
	Series []string
	During query.Interval
	Every  time.Duration // sums the minutes of each step of this length, aligned to the epoch; 0: minutes
}

// Rows are events as a search returns them.
type Rows struct {
	Events []Event
	More   *query.Cursor // where the next page begins; nil at the end
	Note   string        // how it was answered, where that is worth saying (a scan, say)
}

// An Event is one stored event.
type Event struct {
	query.ID
	Time   int64 // µs
	Spans  []event.Span
	Lines  int32
	Fields map[string]any // by field name; values as event.Row.Value returns them
}

// EventOf copies row i of a page, for stores that answer searches out of pages.
func EventOf(p *event.Page, i int) Event {
	e := Event{
		ID: query.ID{Gen: p.Gen, Off: p.Offset(i)}, Time: p.Time(i),
		Spans: slices.Clone(p.RowSpans(i)), Lines: p.Lines[i],
	}
	row := p.Row(i)
	fields := row.Extra()
	if fields == nil {
		fields = make(map[string]any, 16)
	}
	add := func(f event.Field) {
		if v, ok := row.Value(f); ok {
			fields[p.Schema.Def(f).Name] = v
		}
	}
	for _, f := range p.Columns() {
		add(f)
	}
	for f := event.FieldDataset; f <= event.FieldUnparsed; f++ {
		add(f)
	}
	if p.CutRows.Has(i) {
		fields["veritail.cut"] = true
	}
	e.Fields = fields
	return e
}

// A Table is the result of an aggregation.
type Table struct {
	By   []string
	Rows []TableRow
}

// A TableRow is one group: its time step (µs, 0 without Every), the values of By as text ("" where missing), its
// count and its measures, NaN where no event had the field.
type TableRow struct {
	Time   int64
	Key    []string
	Count  int64
	Values []float64
}

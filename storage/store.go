package storage

import (
	"context"

	"github.com/saypro/veritail/pipeline/event"
)

// A Store is all that a daemon asks of one.
type Store interface {
	Writer
	Reader
	Keeper
	Annexer
}

// An Annexer is a store that can have an annex: another one, empty at first, in the same database file or the same cluster,
// written and read by the same code through the same handle or with the same rights. Neither sees anything of the other, in
// whatever read, account or check. Closing the annex removes it with all that it holds, and what a process that was killed
// has left of one is removed when the store is opened next. A store has one annex at a time; it is gone when the store is
// closed. Drills prove with one that the store takes and gives back what they play.
type Annexer interface {
	Annex(context.Context) (Annex, error)
}

// An Annex is a store within another one.
type Annex interface {
	Writer
	Reader
	// Marks and Generations are those of a Keeper.
	Marks(context.Context) ([]event.Mark, error)
	Generations(context.Context) ([]event.Generation, error)
	// Close removes the annex.
	Close() error
}

// A Quarantine keeps apart what could not be written for what it is. A store that takes everything is none.
type Quarantine interface {
	// Quarantined returns how many lines of each generation are kept apart. They count as written.
	Quarantined() map[event.GenID]int64
	// Redrive writes what is kept apart once more; what is refused again stays.
	Redrive(context.Context) (Redriven, error)
}

// Redriven is what became of documents that were kept apart.
type Redriven struct {
	Stored  int      `json:"stored"`
	Refused int      `json:"refused"`
	Reasons []string `json:"reasons,omitempty"` // some of those refused again
}

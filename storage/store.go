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

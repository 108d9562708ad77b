package storage

import (
	"encoding/json"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// A Position is how far the commits of many writers have been judged together.
type Position struct {
	// Taken is by writer the number of the last commit that was taken. A writer's numbers grow, with gaps.
	Taken map[string]int64 `json:"taken"`
	// Judged is the time (µs) before which every event of the commits taken has been judged, 0 before the first.
	Judged int64 `json:"judged"`
	// Newest is the time (µs) of the newest event that was judged: before Judged, and long before it where nothing happens or
	// the clock is ahead. 0 if it is not known.
	Newest int64 `json:"newest,omitempty"`
	// Set names the rules that judged last, "" where that is not known.
	Set string `json:"set,omitempty"`
	// Rules is what the rules remember besides; the store keeps it as it is.
	Rules json.RawMessage `json:"rules,omitempty"`
}

// A Stand is where a writer of many stands.
type Stand struct {
	Commit int64        // the number of its last commit
	Marks  []event.Mark // those that this commit moved
}

// A LeaseState is what one that waits for a lease has seen of it.
type LeaseState struct {
	Holder string // who has it; "": nobody
	Since  time.Time
	Judged int64         // of the holder's position
	Quiet  time.Duration // for so long nothing was heard of the holder
}

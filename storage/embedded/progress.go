package embedded

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"github.com/saypro/veritail/storage"
)

// gauge knows how far the reading of a connection has come. What runs is asked of DuckDB.
type gauge struct {
	steps   func(string) // nil: nobody wants to know
	total   atomic.Int64 // rows that may be looked at
	done    atomic.Int64 // rows that earlier statements have looked at, or that were left out
	running atomic.Int64 // rows of the statement that runs; 0: those that DuckDB counts, and total with them
	found   atomic.Int64
}

// step tells how the question is answered.
func (g *gauge) step(format string, args ...any) {
	if g.steps != nil {
		g.steps(fmt.Sprintf(format, args...))
	}
}

// run is to be called before a statement that looks at so many rows; after it they are done.
func (g *gauge) run(rows int64) (end func()) {
	g.running.Store(rows)
	return func() {
		g.running.Store(0)
		g.done.Add(rows)
	}
}

// progressEvery is how often progress is told.
const progressEvery = 200 * time.Millisecond

// follow tells tell every progressEvery how far c's reading is, until end is called, which waits for the last call of tell.
func (c *conn) follow(tell func(storage.Progress)) (end func(), err error) {
	for _, set := range []string{"SET enable_progress_bar = true", "SET enable_progress_bar_print = false", "SET progress_bar_time = 0"} {
		if err := c.exec(set); err != nil {
			return nil, fmt.Errorf("follow a statement: %w", err)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(progressEvery)
		defer tick.Stop()
		var last storage.Progress
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			p := c.progress()
			if p.Total == last.Total { // what is looked at again is not counted back
				p.Read = max(p.Read, last.Read)
			}
			last = p
			tell(p)
		}
	}()
	return func() { stop(); <-ended }, nil
}

// progress asks how far c's reading is.
func (c *conn) progress() storage.Progress {
	q := duckdb.QueryProgress(c.h)
	percent, rows, all := duckdb.QueryProgressTypeMembers(&q)
	p := storage.Progress{Read: c.gauge.done.Load(), Total: c.gauge.total.Load(), Found: c.gauge.found.Load()}
	switch running := c.gauge.running.Load(); {
	case running > 0:
		p.Read += int64(min(max(percent, 0), 100) / 100 * float64(running))
	case p.Total == 0:
		p.Read, p.Total = int64(rows), int64(all)
	}
	p.Read = min(p.Read, p.Total)
	return p
}

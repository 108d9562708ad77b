package main

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
	"github.com/saypro/veritail/storage/embedded"
)

// againQuiet is how long nothing more of a log file is found before it is taken for gone.
const againQuiet = 8 * time.Second

// readAgain reads the log files of holes from their beginning, rotated ones too, as a daemon would that has followed
// them, and fills the holes. It returns what is left of them. No rule and no figure sees the events once more.
func (d *daemon) readAgain(ctx context.Context, st *embedded.Store, holes []embedded.Hole) ([]embedded.Hole, error) {
	f, err := st.NewFiller(ctx, holes)
	if err != nil {
		return nil, err
	}
	a := &again{fill: f, at: map[event.GenID]event.Mark{}, moved: time.Now(), done: make(chan struct{})}
	if d.patterns, err = followed(d.cfg, d.setup.set); err != nil {
		return nil, err
	}
	marks, err := st.Marks(ctx)
	if err != nil {
		return nil, err
	}
	for _, m := range marks {
		if slices.ContainsFunc(holes, func(h embedded.Hole) bool { return h.Gen == m.Gen }) {
			a.at[m.Gen] = event.Mark{Gen: m.Gen}
		}
	}
	gens, err := st.Generations(ctx)
	if err != nil {
		return nil, err
	}
	var sources []source.Pattern
	for _, g := range gens {
		if _, wanted := a.at[g.ID]; !wanted {
			continue
		}
		a.gens = append(a.gens, g)
		p := d.patternOf(g)
		p.Glob, p.Exclude = g.Path, nil
		if !slices.ContainsFunc(sources, func(s source.Pattern) bool { return s.Glob == p.Glob }) {
			sources = append(sources, p)
		}
	}
	r := pipeline.New(pipeline.Config{
		Host: d.cfg.Host, Sources: sources, Decoder: d.decoder, Store: a, Settle: 300 * time.Millisecond, Grace: 300 * time.Millisecond,
	})
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		a.wait(ctx)
		stop()
	}()
	if err := r.Run(ctx); err != nil {
		return nil, err
	}
	return f.Left(), nil
}

// again is a store that takes of what is committed only what fills a hole.
type again struct {
	gens  []event.Generation
	mu    sync.Mutex
	fill  *embedded.Filler
	at    map[event.GenID]event.Mark // how far it was read again
	moved time.Time
	over  bool
	done  chan struct{} // closed when there is nothing left to read
}

// Marks implements pipeline.Store.
func (a *again) Marks(context.Context) ([]event.Mark, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(maps.Values(a.at)), nil
}

// Generations implements pipeline.Store.
func (a *again) Generations(context.Context) ([]event.Generation, error) {
	return slices.Clone(a.gens), nil
}

// Commit implements pipeline.Store.
func (a *again) Commit(ctx context.Context, c *event.Commit) ([]event.GenID, error) {
	if err := a.fill.Fill(ctx, c.Pages); err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.moved = time.Now()
	for _, to := range c.To {
		a.at[to.Gen] = to
	}
	if !a.over && len(a.fill.Left()) == 0 {
		a.over = true
		close(a.done)
	}
	return nil, nil
}

// wait returns when all holes are filled, or nothing has come for a while.
func (a *again) wait(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-a.done:
			return
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		a.mu.Lock()
		quiet := time.Since(a.moved) > againQuiet
		a.mu.Unlock()
		if quiet {
			return
		}
	}
}

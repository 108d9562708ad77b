package pipeline

import (
	"context"
	"time"
)

// A slice is parts of a commit that are judged together.
type slice struct {
	parts []part
	since time.Time // when the first of them came
	due   bool      // the commit is full, or its time has come
	more  bool      // false after the last
}

// growth is what the slices of a commit come to so far.
type growth struct {
	rows  int
	bytes int64
	since time.Time // when the first part came; zero while there is none
}

func (g *growth) add(p part) {
	if g.since.IsZero() {
		g.since = time.Now()
	}
	g.rows, g.bytes = g.rows+p.batch.Rows(), g.bytes+p.bytes
}

// full reports whether a commit is full that has grown to the n-th part of the bounds.
func (r *Runner) full(g *growth, n int) bool {
	return g.rows >= r.cfg.Rows/n || g.bytes >= r.cfg.Bytes/int64(n)
}

// caught reports whether all that is known to be there has been read and gathered. While a file is still read up to its end it is not, though no
// reader may be at work at this moment: what that file has of before is judged with what others have.
func (r *Runner) caught() bool {
	return r.behind.Load() == 0 && len(r.turns) == 0 && len(r.parts) == 0
}

// gather waits for parts and returns a slice of a commit that has grown to g. It ends when the commit is full, or its time has come; or
// after Config.Soon, if there is nothing left to be read: a backlog is judged a whole commit at once. It has no parts when nothing
// came for a while.
func (r *Runner) gather(ctx context.Context, g *growth) (s slice) {
	s.more = true
	wait := r.cfg.Idle
	if !g.since.IsZero() {
		wait = r.cfg.left(g)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		if s.due = r.full(g, 1); s.due {
			return s
		}
		select {
		case p, ok := <-r.parts:
			if s.more = ok; !ok {
				return s
			}
			g.add(p)
			if s.parts = append(s.parts, p); len(s.parts) == 1 {
				timer.Reset(min(r.cfg.Soon, r.cfg.left(g)))
			}
		case now := <-timer.C:
			if s.due = g.since.IsZero() || now.Sub(g.since) >= r.cfg.Interval; s.due || len(s.parts) > 0 && r.caught() {
				return s
			}
			timer.Reset(r.cfg.again(g))
		case <-ctx.Done():
			return s
		}
	}
}

// left is how long it is until the time of a commit has come.
func (c *Config) left(g *growth) time.Duration { return max(c.Interval-time.Since(g.since), 0) }

// again is after what time to look again whether all was read.
func (c *Config) again(g *growth) time.Duration {
	return min(max(c.Soon/8, time.Millisecond), c.left(g))
}

// gatherAhead gathers in a goroutine, which end waits for. next returns what there is: as soon as it is worth a commit, while
// nothing is stored, else up to a full one.
func (r *Runner) gatherAhead(ctx context.Context) (next func(context.Context, *growth) slice, end func()) {
	ctx, cancel := context.WithCancel(ctx)
	out, done := make(chan slice), make(chan struct{})
	go func() {
		defer close(done)
		for r.gatherTo(ctx, out) {
		}
	}()
	next = func(ctx context.Context, g *growth) slice {
		due := make(<-chan time.Time)
		if !g.since.IsZero() {
			due = time.After(r.cfg.left(g))
		}
		select {
		case s := <-out:
			if g.since.IsZero() {
				g.since = s.since
			} else if len(s.parts) == 0 { // there is nothing more, for a while
				s.due = false
			}
			for _, p := range s.parts {
				g.add(p)
			}
			s.due = s.due || r.full(g, worth)
			return s
		case <-due:
			return slice{due: true, more: true}
		case <-ctx.Done():
			return slice{}
		}
	}
	return next, func() { cancel(); <-done }
}

// worth is what part of a full commit is not waited with while nothing is stored.
const worth = 8

// gatherTo gathers parts until it has handed them over, and reports whether there are more to come.
func (r *Runner) gatherTo(ctx context.Context, out chan<- slice) bool {
	timer := time.NewTimer(r.cfg.Idle)
	defer timer.Stop()
	var g growth
	s := slice{more: true}
	soon := false
	for {
		var in <-chan part
		if s.more && !r.full(&g, 1) {
			in = r.parts
		}
		var to chan<- slice
		if soon || s.due || in == nil || r.full(&g, worth) {
			to = out
		}
		select {
		case p, ok := <-in:
			if s.more = ok; !ok {
				continue
			}
			if g.since.IsZero() && !s.due {
				timer.Reset(r.cfg.Soon)
			}
			g.add(p)
			s.parts, s.since = append(s.parts, p), g.since
		case to <- s:
			return s.more
		case now := <-timer.C:
			s.due = s.due || g.since.IsZero() || now.Sub(g.since) >= r.cfg.Interval
			if soon = len(s.parts) > 0 && r.caught(); !s.due {
				timer.Reset(r.cfg.again(&g))
			}
		case <-ctx.Done():
			release(s.parts)
			return false
		}
	}
}

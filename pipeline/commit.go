package pipeline

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// maxBackoff bounds the doubling of Config.Backoff.
const maxBackoff = 32

// commitAll merges parts, takes them through the stages and commits them, until parts is closed or ctx ends.
func (r *Runner) commitAll(ctx context.Context) error {
	carry := []event.Finding(nil) // made of a commit that was refused in part
	next := r.gather
	if r.cfg.Ahead {
		ahead, end := r.gatherAhead(ctx)
		defer end()
		next = ahead
	}
	for more := true; more; {
		var parts []part
		if parts, more = next(ctx); ctx.Err() != nil {
			release(parts)
			return context.Cause(ctx)
		}
		parts = withoutRefused(parts)
		c := &event.Commit{Batch: &event.Batch{}, Findings: carry}
		for _, p := range parts {
			c.Merge(p.batch)
		}
		rows := c.Rows()
		for _, s := range r.cfg.Stages {
			if err := s.Process(ctx, c); err != nil {
				c.Release()
				return fmt.Errorf("process a commit of %d events: %w", rows, err)
			}
		}
		refused, err := r.commit(ctx, c)
		if err != nil {
			c.Release()
			return err
		}
		carry = nil
		if len(refused) > 0 {
			carry = c.Findings
			if err := r.rewind(ctx, refused, parts); err != nil {
				c.Release()
				return err
			}
		}
		r.account.stored(c, refused, time.Now())
		c.Release()
	}
	return nil
}

// gather waits for a first part, then takes more until the commit is full or its time has come. It returns none
// when nothing came for a while, and more is false after the last.
func (r *Runner) gather(ctx context.Context) (parts []part, more bool) {
	timer := time.NewTimer(r.cfg.Idle)
	defer timer.Stop()
	rows, bytes := 0, int64(0)
	for rows < r.cfg.Rows && bytes < r.cfg.Bytes {
		select {
		case p, ok := <-r.parts:
			if !ok {
				return parts, false
			}
			if len(parts) == 0 {
				timer.Reset(r.cfg.Interval)
			}
			rows, bytes = rows+p.batch.Rows(), bytes+p.bytes
			parts = append(parts, p)
		case <-timer.C:
			return parts, true
		case <-ctx.Done():
			return parts, false
		}
	}
	return parts, true
}

// gatherAhead gathers in a goroutine, which end waits for. next returns what there is: as soon as it is worth a commit, while
// nothing is stored, else up to a full one.
func (r *Runner) gatherAhead(ctx context.Context) (next func(context.Context) (parts []part, more bool), end func()) {
	ctx, cancel := context.WithCancel(ctx)
	out, done := make(chan gathered), make(chan struct{})
	go func() {
		defer close(done)
		for r.gatherTo(ctx, out) {
		}
	}()
	next = func(ctx context.Context) ([]part, bool) {
		select {
		case g := <-out:
			return g.parts, g.more
		case <-ctx.Done():
			return nil, false
		}
	}
	return next, func() { cancel(); <-done }
}

// gathered are parts for a commit; more is false after the last.
type gathered struct {
	parts []part
	more  bool
}

// worth is what part of a full commit is not waited with while nothing is stored.
const worth = 8

// gatherTo gathers parts until it has handed them over, and reports whether there are more to come.
func (r *Runner) gatherTo(ctx context.Context, out chan<- gathered) bool {
	timer := time.NewTimer(r.cfg.Idle)
	defer timer.Stop()
	g := gathered{more: true}
	due, rows, bytes := false, 0, int64(0)
	for {
		var in <-chan part
		if g.more && rows < r.cfg.Rows && bytes < r.cfg.Bytes {
			in = r.parts
		}
		var to chan<- gathered
		if due || in == nil || rows >= r.cfg.Rows/worth || bytes >= r.cfg.Bytes/worth {
			to = out
		}
		select {
		case p, ok := <-in:
			if g.more = ok; !ok {
				continue
			}
			if len(g.parts) == 0 && !due {
				timer.Reset(r.cfg.Interval)
			}
			g.parts, rows, bytes = append(g.parts, p), rows+p.batch.Rows(), bytes+p.bytes
		case to <- g:
			return g.more
		case <-timer.C:
			due = true
		case <-ctx.Done():
			release(g.parts)
			return false
		}
	}
}

// withoutRefused drops what comes of readers that read from where the store does not stand.
func withoutRefused(parts []part) []part {
	return slices.DeleteFunc(parts, func(p part) bool {
		refused := p.from.refused.Load()
		if refused {
			p.batch.Release()
		}
		return refused
	})
}

func release(parts []part) {
	for _, p := range parts {
		p.batch.Release()
	}
}

// commit writes c until it is durable. After a failure the stored marks say whether it is already.
func (r *Runner) commit(ctx context.Context, c *event.Commit) ([]event.GenID, error) {
	if len(c.To) == 0 && len(c.Findings)+len(c.Rollups)+len(c.Seals) == 0 {
		return nil, nil
	}
	for wait := r.cfg.Backoff; ; wait = min(2*wait, maxBackoff*r.cfg.Backoff) {
		refused, err := r.cfg.Store.Commit(ctx, c)
		if err == nil {
			r.account.storeFailed(nil)
			return refused, nil
		}
		r.account.storeFailed(err)
		marks, merr := r.marksAfter(ctx, wait)
		if merr != nil {
			return nil, fmt.Errorf("the last commit's outcome is not known (%w): %w; the next start reads on from what is stored", err, merr)
		}
		durable, err := outcome(c.Batch, marks)
		if err != nil {
			return nil, err
		}
		if durable {
			r.account.storeFailed(nil)
			return nil, nil
		}
	}
}

// marksAfter waits and reads the stored marks, as often as it takes.
func (r *Runner) marksAfter(ctx context.Context, wait time.Duration) (map[event.GenID]event.Mark, error) {
	for ; ; wait = min(2*wait, maxBackoff*r.cfg.Backoff) {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		marks, err := r.cfg.Store.Marks(ctx)
		if err != nil {
			r.account.storeFailed(err)
			continue
		}
		byGen := make(map[event.GenID]event.Mark, len(marks))
		for _, m := range marks {
			byGen[m.Gen] = m
		}
		return byGen, nil
	}
}

// outcome tells from the stored marks whether all of b is durable or nothing of it. A batch whose marks do not move
// cannot be told: what it holds is then written again.
func outcome(b *event.Batch, marks map[event.GenID]event.Mark) (durable bool, err error) {
	at, moved := 0, 0
	for i, to := range b.To {
		stored := marks[to.Gen]
		if !sameMark(b.From[i], to) {
			moved++
		}
		switch {
		case sameMark(b.From[i], to) && sameMark(stored, to):
		case sameMark(stored, to):
			at++
		case !sameMark(stored, b.From[i]):
			return false, fmt.Errorf("generation %s: the store stands at offset %d, but this run went from %d to %d: another writer, or a store that was put back; start again to read on from there",
				to.Gen, stored.Off, b.From[i].Off, to.Off)
		}
	}
	if at != 0 && at != moved {
		return false, fmt.Errorf("a commit became durable in part (%d of %d generations): the store is not sound; check it before starting again", at, moved)
	}
	return at > 0, nil
}

// rewind makes refused generations be read again from what is stored. What their readers still send is dropped.
func (r *Runner) rewind(ctx context.Context, refused []event.GenID, parts []part) error {
	marks, err := r.marksAfter(ctx, 0)
	if err != nil {
		return fmt.Errorf("read the marks of refused generations: %w", err)
	}
	for _, id := range refused {
		m := marks[id]
		m.Gen = id
		for _, p := range parts {
			if p.gen == id {
				p.from.refused.Store(true)
				p.from.cancel()
			}
		}
		r.finder.Rewind(m)
		r.account.rewound(m)
	}
	return nil
}

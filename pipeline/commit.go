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
		var err error
		c := &event.Commit{Batch: &event.Batch{}, Findings: carry}
		if parts, more, err = r.judged(ctx, c, next); err != nil {
			c.Release()
			return err
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

// judged gathers a commit slice by slice and takes each through the stages, until it is full, its time has come, or something was found.
func (r *Runner) judged(ctx context.Context, c *event.Commit, next func(context.Context, *growth) slice) (parts []part, more bool, err error) {
	found := len(c.Findings)
	for g := (growth{}); ; {
		s := next(ctx, &g)
		if ctx.Err() != nil {
			release(s.parts)
			return nil, false, context.Cause(ctx)
		}
		part := &event.Commit{Batch: &event.Batch{}}
		for _, p := range withoutRefused(s.parts) {
			parts = append(parts, p)
			part.Merge(p.batch)
		}
		rows := part.Rows()
		for _, st := range r.cfg.Stages {
			if err := st.Process(ctx, part); err != nil {
				part.Release()
				return nil, false, fmt.Errorf("process %d events: %w", rows, err)
			}
		}
		c.Findings, c.Rollups, c.Seals = append(c.Findings, part.Findings...), append(c.Rollups, part.Rollups...), append(c.Seals, part.Seals...)
		c.Merge(part.Batch)
		if s.due || !s.more || len(c.Findings) > found {
			return parts, s.more, nil
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

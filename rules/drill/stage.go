// Package drill proves rules end to end: it plays a rule's own test through the engine of a running daemon, beside what that judges, and
// keeps apart what comes of it.
//
// Played events belong to a site of their own for each rule and run. Rules count sites apart, so nothing that is played meets a window, or
// what is known, of anything real, or of another play. What the engine makes of them goes to whoever plays, never into a commit
// of what is real.
package drill

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/saypro/veritail/pipeline/event"
)

// sitePrefix begins the sites of what is played.
const sitePrefix = "drill/"

// SiteOf returns the site under which a run plays a rule's test.
func SiteOf(run, rule string) string { return sitePrefix + run + "/" + rule }

// IsDrill reports whether a site is one of what is played.
func IsDrill(site string) bool { return strings.HasPrefix(site, sitePrefix) }

// A Stage stands around the stage of the rules in a daemon's flow. While nothing is played it does nothing.
type Stage struct {
	judge func(context.Context, *event.Commit) error
	in    chan *played
	turns atomic.Int64 // of the real flow

	mu       sync.Mutex
	playing  bool
	findings []event.Finding // that came of what is played, and that nobody has taken yet
	rollups  []event.Delta
}

// played is a commit of played events on its way through the engine.
type played struct {
	pages []*event.Page
	done  chan error
}

// NewStage returns a stage around judge, which it calls from the goroutine that calls Process.
func NewStage(judge func(context.Context, *event.Commit) error) *Stage {
	return &Stage{judge: judge, in: make(chan *played)}
}

// Begin says that something is going to be played, and reports whether nothing is being played already. The caller calls end when it is over.
func (s *Stage) Begin() (end func(), ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.playing {
		return nil, false
	}
	s.playing, s.findings, s.rollups = true, nil, nil
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.playing, s.findings, s.rollups = false, nil, nil
	}, true
}

// Turns returns how often the real flow has come by: each time the engine judges what it holds back as far as its time has come.
func (s *Stage) Turns() int64 { return s.turns.Load() }

// Process implements pipeline.Stage. The engine judges c, and with it what is played meanwhile; c is left with what is real.
func (s *Stage) Process(ctx context.Context, c *event.Commit) error {
	var p *played
	select {
	case p = <-s.in:
	default:
	}
	pages := c.Pages
	if p != nil { // without its marks: how far the real files are is not its business
		c.Pages = append(pages[:len(pages):len(pages)], p.pages...)
	}
	err := s.judge(ctx, c)
	c.Pages = pages
	s.part(c)
	s.turns.Add(1)
	if p != nil {
		p.done <- err
	}
	return err
}

// part takes what was made of played events out of c. Some comes later than they do: where a rule waits for what else tells of the same.
func (s *Stage) part(c *event.Commit) {
	findings, rollups := c.Findings[:0], c.Rollups[:0]
	for _, f := range c.Findings {
		if IsDrill(f.Site) {
			s.keep(func() { s.findings = append(s.findings, f) })
		} else {
			findings = append(findings, f)
		}
	}
	for _, d := range c.Rollups {
		if IsDrill(d.Site) {
			s.keep(func() { s.rollups = append(s.rollups, d) })
		} else {
			rollups = append(rollups, d)
		}
	}
	c.Findings, c.Rollups = findings, rollups
}

// keep calls f while somebody plays; what comes when nobody does any more is dropped.
func (s *Stage) keep(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.playing {
		f()
	}
}

// Play lets the engine judge the events of c, and adds to c what came of played events since the last call. It is a stage of the flow of
// what is played, and waits for the real flow, which comes by at least once a second.
func (s *Stage) Play(ctx context.Context, c *event.Commit) error {
	if c.Batch != nil && c.Rows() > 0 {
		p := &played{pages: c.Pages, done: make(chan error, 1)}
		select {
		case s.in <- p:
		case <-ctx.Done():
			return fmt.Errorf("hand %d played events to the rules: %w", c.Rows(), context.Cause(ctx))
		}
		if err := <-p.done; err != nil { // the engine has the pages until then
			return fmt.Errorf("judge %d played events: %w", c.Rows(), err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Findings, c.Rollups = append(c.Findings, s.findings...), append(c.Rollups, s.rollups...)
	s.findings, s.rollups = nil, nil
	return nil
}

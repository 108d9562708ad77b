// Package fleet runs the rules that are about many hosts together, over the events that all of them have stored in one
// cluster. Every daemon has a Runner; the one that has the cluster's lease runs the rules, the others wait for it.
//
// How far the rules have come is, of each host, the number of its last commit that they took, and the time up to which they
// have judged. That position stands together with what was found on the way to it, so another daemon goes on exactly there:
// it fills the windows of the rules from the events that were taken, and takes those that were not.
package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query"
)

const (
	// Late is how much later than its time an event may be stored and still be judged in its turn. A host that is further
	// behind and catches up holds up the others; one that stores nothing for so long does not.
	Late = 10 * time.Second

	every = 2 * time.Second // between looks at what the hosts have stored

	// still is how long nobody may have looked until all hosts may have stood still: the machine was out of memory, say, or
	// the cluster away. Others then get patience to store what they had read, or could not read, before anything is judged
	// that is of later.
	still    = 2 * Late
	patience = 2 * Late
)

// A Cluster is the store that the hosts share, and its lease. An error of any call ends what was begun with Wait: the
// runner then waits for the lease again.
type Cluster interface {
	// Wait takes the lease as soon as it is free, and returns how far its last holder has come.
	Wait(context.Context) (storage.Position, error)
	// Renew keeps the lease; it is called often, whatever it costs.
	Renew(context.Context) error
	// Commit makes a position stand, together with what was found on the way to it, and keeps the lease.
	Commit(context.Context, storage.Position, []event.Finding, []event.Delta) error
	// Release lets another have the lease.
	Release(context.Context) error
	// Stands returns, by host, the last commit that stands.
	Stands(context.Context) (map[string]storage.Stand, error)
	// Time returns the time by a clock that is the same for all runners.
	Time(context.Context) (time.Time, error)
	// Scan calls f with the matching events, by time, of each host's commits after from and up to to.
	Scan(ctx context.Context, from, to map[string]int64, e query.Expr, during query.Interval, f func(*event.Page) error) error
}

// Config says what a Runner runs, and where.
type Config struct {
	Cluster Cluster
	Rules   []rules.Rule
	Set     string // the name of these rules
	Schema  *event.Schema
	// Known returns rules by the name of their set, as they were; an error if they are not known here. It is called by Run's goroutine.
	Known func(set string) ([]rules.Rule, error)
	Found func([]event.Finding) // called with findings that stand, if it is not nil
}

// A Runner runs the rules whenever it has the lease. Run is called once; Err by anyone.
type Runner struct {
	cfg Config

	clock clock // of Run's goroutine

	mu    sync.Mutex
	err   error
	rules []rules.Rule
	set   string        // the name of rules
	again chan struct{} // has one when the rules were changed
}

// New returns a Runner. Its rules are compiled when they are needed; they must be such that rules.New takes.
func New(cfg Config) *Runner {
	return &Runner{cfg: cfg, clock: clock{cluster: cfg.Cluster}, rules: cfg.Rules, set: cfg.Set, again: make(chan struct{}, 1)}
}

// Reload lets the runner run other rules, the set of a name, from its next round on, or once it has the lease. They must be such
// that rules.New takes.
func (r *Runner) Reload(list []rules.Rule, set string) {
	r.mu.Lock()
	r.rules, r.set = list, set
	r.mu.Unlock()
	select {
	case r.again <- struct{}{}:
	default:
	}
}

// engine returns a new engine for the rules, and the name of their set.
func (r *Runner) engine() (*rules.Engine, string, error) {
	r.mu.Lock()
	list, set := r.rules, r.set
	r.mu.Unlock()
	e, err := r.engineOf(list)
	return e, set, err
}

func (r *Runner) engineOf(list []rules.Rule) (*rules.Engine, error) {
	e, err := rules.New(list, rules.Config{Schema: r.cfg.Schema, Idle: Late, Now: r.clock.now})
	if err != nil {
		return nil, fmt.Errorf("compile the fleet's rules: %w", err)
	}
	return e, nil
}

// Run runs the rules, or waits for the lease, until ctx ends. Whatever fails is tried again.
func (r *Runner) Run(ctx context.Context) error {
	for r.anyRules(ctx) {
		err := r.turn(ctx)
		if ctx.Err() != nil {
			break
		}
		r.failed(err)
		select {
		case <-time.After(every):
		case <-ctx.Done():
		}
	}
	// Without it the others would wait until the lease has expired.
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), every)
	defer cancel()
	if err := r.cfg.Cluster.Release(stop); err != nil {
		slog.Warn("the lease of the fleet's rules could not be given back; another daemon takes it over", "error", err)
	}
	return nil
}

// Err returns why the rules do not run, or why this daemon cannot tell; nil while all is well.
func (r *Runner) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// anyRules waits until there are rules to run, and returns false when ctx has ended.
func (r *Runner) anyRules(ctx context.Context) bool {
	for ctx.Err() == nil {
		r.mu.Lock()
		n := len(r.rules)
		r.mu.Unlock()
		if n > 0 {
			return true
		}
		select {
		case <-r.again:
		case <-ctx.Done():
		}
	}
	return false
}

// failed notes an error, and tells of it once.
func (r *Runner) failed(err error) {
	r.mu.Lock()
	before := r.err
	r.err = err
	r.mu.Unlock()
	if err != nil && (before == nil || before.Error() != err.Error()) {
		slog.Warn("the fleet's rules: trying again", "error", err)
	}
}

// turn waits for the lease and runs the rules until something fails, or ctx ends.
func (r *Runner) turn(ctx context.Context) error {
	at, err := r.cfg.Cluster.Wait(ctx)
	if err == nil {
		err = r.clock.look(ctx)
	}
	if err != nil {
		return err
	}
	r.clock.reach(time.UnixMicro(at.Judged).Add(Late)) // so late it was already
	slog.Info("this daemon runs the fleet's rules now")
	engine, set, err := r.engine()
	if err != nil {
		return err
	}
	var fired []rules.Fired
	if at.Rules != nil {
		if err := json.Unmarshal(at.Rules, &fired); err != nil {
			return fmt.Errorf("read what the fleet's rules remember: %w", err)
		}
	}
	first, before := engine, r.before(at, set)
	if len(before) > 0 {
		first = before[0].Engine
	}
	first.Refire(fired, at.Newest)
	report, err := engine.Resume(ctx, commits{r.cfg.Cluster, nil, at.Taken}, before, at.Judged, r.clock.now())
	if err != nil {
		return err
	}
	if len(before) > 0 {
		logReload(&report)
	}
	h := holder{Config: r.cfg, engine: engine, set: set, at: at, low: make(map[string]int64), looked: time.UnixMicro(at.Judged).Add(Late)}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := r.clock.look(ctx)
		if err == nil {
			err = h.round(ctx, r.clock.now())
		}
		if err != nil {
			return err
		}
		r.failed(nil)
		select {
		case <-tick.C:
		case <-r.again:
			if left, err := r.takeOver(ctx, &h); err != nil || !left {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// before returns a new engine for the rules that judged last, if they are another set that is known here.
func (r *Runner) before(at storage.Position, set string) []rules.Turn {
	if at.Set == "" || at.Set == set || r.cfg.Known == nil {
		return nil
	}
	list, err := r.cfg.Known(at.Set)
	if err != nil {
		slog.Info("the fleet's rules were others, which are not known here: those that differ are taken to have judged before", "why", err)
		return nil
	}
	engine, err := r.engineOf(list)
	if err != nil {
		slog.Warn("the fleet's rules were others, which cannot be judged here: those that differ are taken to have judged before", "error", err)
		return nil
	}
	return []rules.Turn{{Engine: engine, Until: at.Judged}}
}

func logReload(report *rules.Reload) {
	slog.Info("the fleet's rules were reloaded", "unchanged", report.Unchanged, "changed", len(report.Changed), "new", len(report.New), "removed", len(report.Removed))
}

// takeOver lets an engine with the rules as they are now go on. It returns false when there are none left.
func (r *Runner) takeOver(ctx context.Context, h *holder) (left bool, err error) {
	next, set, err := r.engine()
	if err != nil {
		return false, err
	}
	report, err := next.TakeOver(ctx, h.engine, commits{r.cfg.Cluster, nil, h.at.Taken}, r.clock.now())
	if err != nil {
		return false, err
	}
	h.engine, h.set = next, set
	logReload(&report)
	return report.Left() > 0, nil
}

// A holder runs the rules as long as it has the lease.
type holder struct {
	Config
	engine *rules.Engine
	set    string // the name of its rules
	at     storage.Position
	low    map[string]int64 // by host: the time up to which its own rules had judged, as far as is known

	looked time.Time // when somebody had last a look at what there is
	wait   time.Time // until then nothing is judged that is of later than before a standstill
	stood  int64     // how far they had judged when they waited last
	waited int       // rounds that waited
}

// round takes what the hosts have stored since the last one.
func (h *holder) round(ctx context.Context, now time.Time) error {
	stands, err := h.Cluster.Stands(ctx)
	if err != nil {
		return err
	}
	c := &event.Commit{Batch: &event.Batch{}}
	next := storage.Position{Taken: maps.Clone(h.at.Taken), Judged: h.at.Judged, Set: h.set}
	if next.Taken == nil {
		next.Taken = make(map[string]int64)
	}
	for host, stand := range stands {
		if stand.Commit <= h.at.Taken[host] {
			continue
		}
		next.Taken[host] = stand.Commit
		for _, m := range stand.Marks {
			if m.Gen == rules.Progress {
				h.low[host] = m.Off
			}
		}
		if low, known := h.low[host]; known {
			c.To = append(c.To, event.Mark{Gen: event.GenID(xxhash.Sum64String(host)), Low: low})
		}
	}
	h.mindStandstill(c, now)
	judged, err := h.engine.Gather(ctx, commits{h.Cluster, h.at.Taken, next.Taken}, c)
	if err != nil {
		return err
	}
	next.Judged, next.Newest = max(next.Judged, judged), h.engine.Newest()
	if next.Rules, err = json.Marshal(h.engine.Fired()); err != nil {
		return fmt.Errorf("write what the fleet's rules remember: %w", err)
	}
	if err := h.Cluster.Commit(ctx, next, c.Findings, c.Rollups); err != nil {
		return err
	}
	h.at = next
	if h.Found != nil && len(c.Findings) > 0 {
		h.Found(c.Findings)
	}
	return nil
}

// mindStandstill has the engine wait, as for a host that is behind, after a time in which nobody looked.
func (h *holder) mindStandstill(c *event.Commit, now time.Time) {
	waiting := now.Before(h.wait)
	if now.Sub(h.looked) > still && h.at.Judged > h.stood {
		h.wait, h.stood, waiting = now.Add(patience), h.at.Judged, true
	}
	if waiting {
		// Each is forgotten after Late, or when it is no more behind.
		h.waited++
		c.To = append(c.To, event.Mark{Gen: event.GenID(xxhash.Sum64String(fmt.Sprint("standstill ", h.waited))), Low: h.at.Judged})
	}
	h.looked = now
}

// commits are the events of some commits of the hosts. It implements rules.History.
type commits struct {
	cluster  Cluster
	from, to map[string]int64
}

// Scan keeps the lease meanwhile.
func (c commits) Scan(ctx context.Context, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	return c.cluster.Scan(ctx, c.from, c.to, e, during, func(p *event.Page) error {
		if err := c.cluster.Renew(ctx); err != nil {
			return err
		}
		return f(p)
	})
}

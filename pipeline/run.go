package pipeline

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
)

// A Store takes commits and knows what it has taken. storage.Writer and storage.Keeper together are one.
type Store interface {
	// Commit writes a commit durably, as a whole, except for the generations it refuses because the mark their
	// batch starts from is not the stored one, and for those whose stored mark is at the batch's end already. A
	// generation that is new and has given nothing yet comes with two marks at 0: it and its mark are kept, too.
	// After an error the outcome is unknown; the runner then asks for the marks.
	Commit(context.Context, *event.Commit) (refused []event.GenID, err error)
	// Marks returns the stored mark of each generation.
	Marks(context.Context) ([]event.Mark, error)
	// Generations returns every generation the store knows.
	Generations(context.Context) ([]event.Generation, error)
}

// Config says what a Runner follows and through what it goes. Zero durations and sizes mean their defaults.
type Config struct {
	Host    string // name of this machine; it is part of each generation's identity
	Sources []source.Pattern
	// Decoder returns a decoder for a generation. Its Format is the configured one, else the one that was found
	// before, else empty.
	Decoder func(event.Generation) Decoder
	Stages  []Stage // called one after the other on each commit
	Store   Store
	// Quarantined returns how many lines of each generation the store keeps apart, among those that it has taken. nil: none.
	Quarantined func() map[event.GenID]int64

	// Ahead gathers a commit while the one before it is stored, which takes the memory of two. A store that is on another
	// machine has something to do all the time then.
	Ahead bool

	MaxLine  int           // bound on a line in bytes; 1 MiB
	Rows     int           // events that end a commit; 122,880, a row group of the embedded store
	Bytes    int64         // bytes read that end a commit; 64 MiB
	Interval time.Duration // longest wait of an event for its commit; 500 ms
	Soon     time.Duration // wait of an event for being judged, where all that is there was read: a commit ends then if something was found; 25 ms
	Idle     time.Duration // between empty commits for the stages; 1 s
	Poll     time.Duration // between looks at each file; 250 ms
	Grace    time.Duration // how long a rotated file must be quiet before it is complete; 5 s
	Settle   time.Duration // how long an unknown rotated file must rest before it is judged; 2 s
	Rescan   time.Duration // between evaluations of the patterns; 1 s
	Backoff  time.Duration // first wait after a failed commit, doubled up to 32 times; 250 ms
	Stop     time.Duration // how long a clean stop may take; 30 s
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&c.Interval, 500*time.Millisecond)
	set(&c.Soon, 25*time.Millisecond)
	set(&c.Idle, time.Second)
	set(&c.Poll, 250*time.Millisecond)
	set(&c.Grace, 5*time.Second)
	set(&c.Settle, 2*time.Second)
	set(&c.Rescan, time.Second)
	set(&c.Backoff, 250*time.Millisecond)
	set(&c.Stop, 30*time.Second)
	if c.Rows <= 0 {
		c.Rows = 60 * event.PageRows
	}
	if c.Bytes <= 0 {
		c.Bytes = 64 << 20
	}
	if c.MaxLine <= 0 {
		c.MaxLine = source.MaxLine
	}
	return c
}

// A Runner follows files and commits what they say. Run is called once; Status at any time, from any goroutine.
type Runner struct {
	cfg     Config
	parts   chan part
	turns   chan struct{} // a reader holds one while it reads, decodes and hands over: this bounds memory
	readers sync.WaitGroup
	behind  atomic.Int64 // readers that have not come to the end of their files yet
	account accounts

	mu     sync.Mutex
	finder *source.Finder // nil until Run has read the marks
}

// New returns a Runner for cfg.
func New(cfg Config) *Runner {
	r := &Runner{cfg: cfg.withDefaults(), parts: make(chan part, 2), turns: make(chan struct{}, runtime.GOMAXPROCS(0)+1)}
	r.account.lives = map[event.GenID]*progress{}
	return r
}

// errStopTime is why the last commit was given up.
var errStopTime = errors.New("the time for a clean stop is over")

// Run follows the sources until ctx ends. Then reading stops, what was read is committed, and Run returns nil; open
// records stay open, their spans are in the marks. An error means that it could not start, that a stage failed, or
// that the store holds what nobody can go on from without reading its marks anew; nothing that was not committed is
// lost, since the next run reads it again.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.start(ctx); err != nil {
		return err
	}
	defer r.finder.Close()
	reading, stopReading := context.WithCancel(ctx)
	defer stopReading()
	// hard outlives ctx by the time that a clean stop may take.
	hard, giveUp := context.WithCancelCause(context.WithoutCancel(ctx))
	defer giveUp(nil)
	committed := make(chan error, 1)
	go func() {
		err := r.commitAll(hard)
		if err != nil {
			giveUp(err) // readers that wait to hand over go away
		}
		stopReading()
		committed <- err
	}()
	r.look(reading, hard)
	stopTime := time.AfterFunc(r.cfg.Stop, func() { giveUp(errStopTime) })
	defer stopTime.Stop()
	r.readers.Wait()
	close(r.parts)
	return <-committed
}

func (r *Runner) start(ctx context.Context) error {
	gens, err := r.cfg.Store.Generations(ctx)
	if err != nil {
		return fmt.Errorf("read the stored generations: %w", err)
	}
	marks, err := r.cfg.Store.Marks(ctx)
	if err != nil {
		return fmt.Errorf("read the stored marks: %w", err)
	}
	f, err := source.NewFinder(r.cfg.Host, r.cfg.Sources, gens, marks, source.Timing{Rescan: r.cfg.Rescan, Settle: r.cfg.Settle})
	if err != nil {
		return err
	}
	r.account.begin(gens, marks, time.Now())
	r.mu.Lock()
	r.finder = f
	r.mu.Unlock()
	return nil
}

// look starts a reader for each file that is found, until ctx ends.
func (r *Runner) look(ctx, hard context.Context) {
	tick := time.NewTicker(r.cfg.Poll)
	defer tick.Stop()
	for ctx.Err() == nil {
		for _, f := range r.finder.Look(time.Now()) {
			rd := newReader(r, f)
			own, cancel := context.WithCancel(ctx)
			rd.cancel = cancel
			r.readers.Add(1)
			r.behind.Add(1)
			go func() {
				defer r.readers.Done()
				defer cancel()
				rd.run(own, hard)
			}()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

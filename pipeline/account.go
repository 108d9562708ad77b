package pipeline

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// The states of a source.
const (
	Following = "following"
	Waiting   = "waiting for the file"
	Unread    = "cannot read"
)

// A SourceStatus is how it stands with one followed path, or with a pattern that matches nothing. Counts are of all
// generations that the store knows of the path, in lines.
type SourceStatus struct {
	Path, Dataset, Site string
	State               string
	Err                 error // what could not be read, in it or in a rotated file of it; nil if nothing
	Told                event.Told
	Gen                 event.GenID
	Size, Offset        int64         // of the generation that has the name now
	LagBytes            int64         // bytes there, and in rotated files that are to be read, that have not been decoded
	LagFiles            int           // files that have such bytes
	LagSize             int64         // how large those files are, uncompressed as far as that is known
	Lag                 time.Duration // since all that was there had been decoded last: the greatest age of an unread byte
	Account             event.Account
	Stored              int64  // lines that are durable
	Quarantined         int64  // lines that the store was refused and keeps apart
	Pending             int64  // lines that are decoded and not yet durable
	LostBytes           int64  // destroyed by rotation before they could be read, as far as was seen, in this run
	Breach              string // how the account of a generation did not add up in this run, "" if all did
}

// Totals are the counts of all sources.
type Totals struct {
	Account     event.Account
	Stored      int64
	Quarantined int64
	Pending     int64
	Events      int64     // committed in this run
	LastCommit  time.Time // zero before the first
	StoreErr    error     // why the store takes nothing now; nil if it does
}

// accounts keeps what status tells. Readers and the committer write it once a batch.
type accounts struct {
	mu       sync.Mutex
	lives    map[event.GenID]*progress
	started  time.Time
	events   int64
	last     time.Time
	storeErr error
}

// progress is how far one generation has come.
type progress struct {
	read, stored event.Mark
	size, lost   int64
	caught       time.Time // when all that was there had been decoded
	told         event.Told
	breach       string // how its account did not add up first
}

func (a *accounts) begin(gens []event.Generation, marks []event.Mark, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.started = now
	for _, m := range marks {
		a.lives[m.Gen] = &progress{read: m, stored: m, size: m.Off}
	}
	for _, g := range gens {
		a.of(g.ID).told.Format = g.Format
	}
}

func (a *accounts) of(id event.GenID) *progress {
	p := a.lives[id]
	if p == nil {
		p = &progress{}
		a.lives[id] = p
	}
	return p
}

func (a *accounts) read(rd *reader, to event.Mark) {
	told := rd.dec.Told()
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.of(to.Gen)
	p.read, p.size, p.lost = to, max(rd.file.Size(), to.Off), rd.file.Lost()
	p.told = told
	if p.breach == "" {
		p.breach = to.Breach()
	}
	if p.size == to.Off {
		p.caught = time.Now()
	}
}

// rested says that nothing has come to a generation that was read to its end, until now.
func (a *accounts) rested(id event.GenID, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.of(id); p.size == p.read.Off {
		p.caught = now
	}
}

// opened takes up how long a file is that is to be read: it may have to wait for others.
func (a *accounts) opened(id event.GenID, size int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.of(id)
	p.size = max(p.size, size)
}

// ended takes up that a generation is no longer read: what it did not give is gone, or found again.
func (a *accounts) ended(id event.GenID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.of(id)
	p.size = p.read.Off
}

func (a *accounts) stored(c *event.Commit, refused []event.GenID, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, to := range c.To {
		if !slices.Contains(refused, to.Gen) {
			a.of(to.Gen).stored = to
		}
	}
	a.events += int64(c.Rows())
	if len(c.To) > 0 {
		a.last = now
	}
}

func (a *accounts) rewound(m event.Mark) {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.of(m.Gen)
	p.read, p.stored = m, m
}

func (a *accounts) storeFailed(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.storeErr = err
}

// Totals returns the counts of all sources. It is safe for concurrent use.
func (r *Runner) Totals() Totals {
	a, apart := &r.account, r.quarantined()
	a.mu.Lock()
	defer a.mu.Unlock()
	t := Totals{Events: a.events, LastCommit: a.last, StoreErr: a.storeErr}
	for id, p := range a.lives {
		t.Account.Add(p.read.Lines)
		t.Stored += kept(p.stored.Lines) - apart[id]
		t.Quarantined += apart[id]
		t.Pending += kept(p.read.Lines) - kept(p.stored.Lines)
	}
	return t
}

func (r *Runner) quarantined() map[event.GenID]int64 {
	if r.cfg.Quarantined == nil {
		return nil
	}
	return r.cfg.Quarantined()
}

// kept is how many lines become events.
func kept(a event.Account) int64 { return a.Parsed + a.Unparsed }

// Status returns the state of every source, sorted by path; nil before Run has read the marks. It is safe for
// concurrent use.
func (r *Runner) Status() []SourceStatus {
	r.mu.Lock()
	f := r.finder
	r.mu.Unlock()
	if f == nil {
		return nil
	}
	places := f.Places()
	a, apart := &r.account, r.quarantined()
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]SourceStatus, 0, len(places))
	for _, pl := range places {
		s := SourceStatus{Path: pl.Path, Dataset: pl.Pattern.Dataset, Site: pl.Pattern.Site, Told: event.Told{Format: pl.Pattern.Format}, Gen: pl.Here, Err: pl.Err, State: Following}
		switch {
		case errors.Is(pl.Err, fs.ErrNotExist):
			s.State, s.Err = Waiting, nil
		case pl.Here == 0:
			s.State = Unread
		}
		now := time.Now()
		for _, id := range pl.Gens {
			if p := a.lives[id]; p != nil {
				s.add(p, apart[id])
				a.behind(&s, p, now)
			}
		}
		if p := a.lives[pl.Here]; p != nil {
			s.Size, s.Offset = p.size, p.read.Off
		}
		all = append(all, s)
	}
	return all
}

func (s *SourceStatus) add(p *progress, apart int64) {
	s.Account.Add(p.read.Lines)
	s.Stored += kept(p.stored.Lines) - apart
	s.Quarantined += apart
	s.Pending += kept(p.read.Lines) - kept(p.stored.Lines)
	s.LostBytes += p.lost
	s.Breach = cmp.Or(s.Breach, p.breach)
	if t := p.told; t.Format != "" || len(t.Shapes) > 0 {
		if t.Format == "" {
			t.Format = s.Told.Format
		}
		s.Told = t
	}
}

// behind adds what of a generation is not read yet.
func (a *accounts) behind(s *SourceStatus, p *progress, now time.Time) {
	if p.size <= p.read.Off {
		return
	}
	s.LagBytes, s.LagFiles, s.LagSize = s.LagBytes+p.size-p.read.Off, s.LagFiles+1, s.LagSize+p.size
	since := p.caught
	if since.IsZero() {
		since = a.started
	}
	s.Lag = max(s.Lag, now.Sub(since))
}

// Stored reports whether the store has all of the file at path, which is not written to any more.
func (r *Runner) Stored(path string) bool {
	r.mu.Lock()
	f := r.finder
	r.mu.Unlock()
	if f == nil {
		return false
	}
	gen, size, ok := f.Known(path)
	if !ok {
		return false
	}
	a := &r.account
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.lives[gen]
	return p != nil && p.stored.Off >= size && len(p.stored.Open) == 0
}

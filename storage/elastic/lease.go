package elastic

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
)

// A Lease lets one of many daemons judge the events of all. It is one document, which changes only if nobody else has
// changed it (if_seq_no): who has the lease, how far the events have been judged, and what the last commit found, all of it
// at once. So a commit of one that lost the lease meanwhile, however long it was stopped, does not stand.
//
// Findings and rollups go to their indices after their commit stands. They have ids that follow from it, and whoever takes
// the lease writes those of the last commit again: a kill in between loses none and repeats none.
//
// The one who has the lease changes the document every LeaseRenew; the others look at it, and take it over when it stayed
// the same for LeaseExpiry of their own clocks. No two hosts' clocks are compared.
//
// Wait, Renew, Commit, Release and Scan are for one goroutine; State is for any.
type Lease struct {
	s      *Store // which writes under the lease's name
	holder string

	doc     leaseDoc // as it was seen or written last
	place   placed
	owner   string // of this one's last take-over
	pending bool   // what the document's commit found is perhaps not in its indices
	written time.Time

	mu    sync.Mutex
	state storage.LeaseState // guarded by mu
	heard time.Time          // when the document was first seen as it is; zero where it was not seen since a failure
}

// A leaseDoc is the lease's document.
type leaseDoc struct {
	Holder   string           `json:"holder"` // "": it was given back
	Owner    string           `json:"owner"`  // tells take-overs apart
	Since    time.Time        `json:"since"`
	Batch    int64            `json:"batch"` // the number of the last commit
	Position storage.Position `json:"position"`
	Out      *leaseOut        `json:"out,omitempty"`
}

// leaseOut is what a commit found.
type leaseOut struct {
	Findings []json.RawMessage `json:"findings,omitempty"`
	Rollups  []event.Delta     `json:"rollups,omitempty"`
}

const (
	// LeaseRenew is how often the lease's document changes, and how often those look who wait for it.
	LeaseRenew = 2 * time.Second
	// LeaseExpiry is how long it has to stay the same until another takes it over.
	LeaseExpiry = 10 * time.Second

	// leaseWriter is who writes what is found under a lease. No host has a name like that.
	leaseWriter = "(fleet)"
	leasePath   = "/_doc/lease-fleet"

	maxLeaseOut = 8 << 20 // bytes of findings that a document holds
)

// ErrLeaseLost is the error of one whose lease another has taken over.
var ErrLeaseLost = errors.New("another daemon has taken over")

// Lease returns the lease of this store's cluster, for a daemon of the given name. Where there is none yet it begins with
// the commits that come from now on.
func (s *Store) Lease(ctx context.Context, holder string) (*Lease, error) {
	cfg := s.cfg
	cfg.Writer, cfg.Quarantine, cfg.Workers = leaseWriter, "", 1
	l := &Lease{holder: holder, s: &Store{cfg: cfg, names: s.names, client: s.client, bulk: newBulker(s.client, cfg.Workers, cfg.Patience),
		indices: make(map[string]*index), apart: make(map[string]apart)}}
	_, _, found, err := l.read(ctx, false)
	if err != nil || found {
		return l, err
	}
	stands, err := l.Stands(ctx)
	if err != nil {
		return nil, err
	}
	d := leaseDoc{Position: storage.Position{Taken: make(map[string]int64)}}
	for writer, at := range stands {
		d.Position.Taken[writer] = at.Commit
	}
	if _, err := l.write(ctx, d, url.Values{"op_type": {"create"}}); err != nil && statusOf(err) != http.StatusConflict {
		return nil, fmt.Errorf("make the fleet's lease: %w", err)
	}
	return l, nil
}

// read reads the document, with what its commit found only where that is wanted.
func (l *Lease) read(ctx context.Context, out bool) (d leaseDoc, at placed, found bool, err error) {
	var answer struct {
		SeqNo  int64    `json:"_seq_no"`
		Term   int64    `json:"_primary_term"`
		Source stateDoc `json:"_source"`
	}
	path := "/" + l.s.names.state() + leasePath
	if !out {
		path += "?_source_excludes=body.out"
	}
	err = patiently(ctx, func() error { return l.s.client.call(ctx, http.MethodGet, path, nil, &answer) })
	if statusOf(err) == http.StatusNotFound {
		return d, at, false, nil
	}
	if err == nil {
		err = json.Unmarshal(answer.Source.Body, &d)
	}
	if err != nil {
		return d, at, false, fmt.Errorf("read the fleet's lease: %w", err)
	}
	return d, placed{answer.SeqNo, answer.Term}, true, nil
}

func (l *Lease) write(ctx context.Context, d leaseDoc, condition url.Values) (placed, error) {
	body, err := json.Marshal(d)
	if err != nil {
		return placed{}, err
	}
	var answer struct {
		SeqNo int64 `json:"_seq_no"`
		Term  int64 `json:"_primary_term"`
	}
	err = l.s.client.call(ctx, http.MethodPut, "/"+l.s.names.state()+leasePath+"?"+condition.Encode(),
		stateDoc{Kind: "lease", Writer: leaseWriter, Body: body}, &answer)
	return placed{answer.SeqNo, answer.Term}, err
}

// replace writes the document in the place of what was seen or written last.
func (l *Lease) replace(ctx context.Context, d leaseDoc) error {
	at, err := l.write(ctx, d, url.Values{"if_seq_no": {strconv.FormatInt(l.place.seqNo, 10)}, "if_primary_term": {strconv.FormatInt(l.place.term, 10)}})
	if statusOf(err) == http.StatusConflict {
		var now leaseDoc
		if now, at, _, err = l.read(ctx, false); err != nil {
			return err
		}
		if now.Owner != d.Owner || now.Batch != d.Batch || now.Holder != d.Holder { // else a request whose answer was lost was repeated
			return ErrLeaseLost
		}
	}
	if err != nil {
		return fmt.Errorf("write the fleet's lease: %w", err)
	}
	l.doc, l.place, l.written = d, at, time.Now()
	l.see(d, l.written)
	return nil
}

// see notes the document for State.
func (l *Lease) see(d leaseDoc, heard time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.state, l.heard = storage.LeaseState{Holder: d.Holder, Since: d.Since, Judged: d.Position.Judged}, heard
}

// State returns what was seen of the lease last.
func (l *Lease) State() storage.LeaseState {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := l.state
	if !l.heard.IsZero() {
		st.Quiet = time.Since(l.heard)
	}
	return st
}

// Wait waits until the lease is free, takes it, and returns the position from which to go on.
func (l *Lease) Wait(ctx context.Context) (storage.Position, error) {
	for {
		free, err := l.look(ctx)
		if err == nil && free {
			err = l.take(ctx)
			if err == nil {
				return l.position(), nil
			}
			if errors.Is(err, ErrLeaseLost) { // another one was faster
				err = nil
			}
		}
		if err != nil {
			return storage.Position{}, err
		}
		if err := sleep(ctx, LeaseRenew*3/4+mathrand.N(LeaseRenew/2)); err != nil {
			return storage.Position{}, err
		}
	}
}

// look reads the document and reports whether the lease may be taken.
func (l *Lease) look(ctx context.Context) (free bool, err error) {
	d, at, found, err := l.read(ctx, false)
	if err == nil && !found {
		err = errors.New("read the fleet's lease: somebody has removed it; the next start makes another")
	}
	l.mu.Lock()
	heard := l.heard
	if err != nil {
		l.heard = time.Time{} // whoever has it cannot renew it either, perhaps
	}
	l.mu.Unlock()
	if err != nil {
		return false, err
	}
	if at != l.place || heard.IsZero() {
		heard = time.Now()
	}
	l.doc, l.place = d, at
	l.see(d, heard)
	return d.Holder == "" || d.Owner == l.owner || time.Since(heard) >= LeaseExpiry, nil
}

// take takes the lease from whoever had it, and brings what the last commit found to where it belongs.
func (l *Lease) take(ctx context.Context) error {
	d, at, found, err := l.read(ctx, true)
	if err != nil {
		return err
	}
	if !found || at != l.place {
		return ErrLeaseLost
	}
	d.Holder, d.Owner, d.Since = l.holder, rand.Text(), time.Now().UTC()
	if err := l.replace(ctx, d); err != nil {
		return err
	}
	l.owner, l.pending = d.Owner, true
	return l.bringOut(ctx)
}

// bringOut writes what the last commit found to its indices.
func (l *Lease) bringOut(ctx context.Context) error {
	out := l.doc.Out
	if !l.pending || out == nil {
		l.pending = false
		return nil
	}
	findings := make([]event.Finding, len(out.Findings))
	for i, body := range out.Findings {
		var err error
		if findings[i], err = storage.ReadFinding(body); err != nil {
			return fmt.Errorf("read what the fleet's rules found: %w", err)
		}
	}
	now := l.s.cfg.now()
	touched := make(map[string]bool)
	err := l.s.deliver(ctx, func(d *delivery) error {
		if err := l.s.findings(d, findings, l.doc.Batch, touched); err != nil {
			return err
		}
		return l.s.deltas(d, out.Rollups, l.doc.Batch, now, touched)
	})
	if err != nil {
		return fmt.Errorf("write what the fleet's rules found: %w", err)
	}
	l.pending = false
	l.doc.Out = nil // it leaves the document with the next change
	return nil
}

// position is a copy of the document's.
func (l *Lease) position() storage.Position {
	p := l.doc.Position
	p.Taken = maps.Clone(p.Taken)
	return p
}

// Renew keeps the lease, if it was not written lately. ErrLeaseLost is the error where another has it.
func (l *Lease) Renew(ctx context.Context) error {
	if time.Since(l.written) < LeaseRenew {
		return nil
	}
	return l.replace(ctx, l.doc)
}

// Commit makes a position stand together with what was found on the way to it, and keeps the lease. After an error the
// caller begins again with Wait: the commit stands or not.
func (l *Lease) Commit(ctx context.Context, to storage.Position, findings []event.Finding, rollups []event.Delta) error {
	if err := l.bringOut(ctx); err != nil {
		return err
	}
	out := &leaseOut{}
	size := 0
	for _, f := range findings {
		body, err := storage.FindingBody(f)
		if err != nil {
			return fmt.Errorf("write finding %s: %w", f.ID, err)
		}
		// More than a document should hold goes ahead, without the position: if the lease is lost between, it is found again.
		if size += len(body); size > maxLeaseOut && len(out.Findings) > 0 {
			if err := l.commit(ctx, l.doc.Position, out); err != nil {
				return err
			}
			out, size = &leaseOut{}, len(body)
		}
		out.Findings = append(out.Findings, json.RawMessage(body))
	}
	out.Rollups = sums(rollups)
	return l.commit(ctx, to, out)
}

func (l *Lease) commit(ctx context.Context, to storage.Position, out *leaseOut) error {
	d := l.doc
	d.Position = to
	if d.Out = nil; len(out.Findings)+len(out.Rollups) > 0 {
		d.Batch++
		d.Out = out
	}
	if err := l.replace(ctx, d); err != nil {
		return err
	}
	l.pending = d.Out != nil
	return l.bringOut(ctx)
}

// Release gives the lease back, if this one has it, so that another takes it at once.
func (l *Lease) Release(ctx context.Context) error {
	if l.owner == "" || l.doc.Owner != l.owner || l.pending { // it is another's, or there is something to be done
		return nil
	}
	d := l.doc
	d.Holder = ""
	err := l.replace(ctx, d)
	if errors.Is(err, ErrLeaseLost) {
		return nil
	}
	return err
}

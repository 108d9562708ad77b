package elastic

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// fleet is a cluster of daemons under test.
type fleet struct {
	*testing.T
	cfg   Config
	store *Store // of the first one
}

func newFleet(t *testing.T) *fleet {
	t.Parallel()
	f := &fleet{T: t, cfg: testConfig(t, t.TempDir(), event.NewSchema())}
	f.store = f.open(f.cfg)
	return f
}

func (f *fleet) open(cfg Config) *Store {
	f.Helper()
	s, err := Open(f.Context(), cfg)
	if err != nil {
		f.Fatal(err)
	}
	return s
}

// lease returns the lease of a daemon, behind a proxy if address is one.
func (f *fleet) lease(holder, address string) *Lease {
	f.Helper()
	cfg := f.cfg
	if cfg.Writer = holder; address != "" {
		cfg.Addresses = []string{address}
	}
	l, err := f.open(cfg).Lease(f.Context(), holder)
	if err != nil {
		f.Fatal(err)
	}
	return l
}

func (f *fleet) wait(l *Lease) storage.Position {
	f.Helper()
	p, err := l.Wait(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	return p
}

// commit commits a position at second n, where a finding and a rollup of that number were found.
func (f *fleet) commit(l *Lease, n int) {
	f.Helper()
	if err := foundOne(f.Context(), l, n); err != nil {
		f.Fatal(err)
	}
}

func foundOne(ctx context.Context, l *Lease, n int) error {
	to := l.position()
	to.Judged = int64(n)
	c := withExtras(&event.Commit{}, fmt.Sprint("found ", n), 1)
	return l.Commit(ctx, to, c.Findings, c.Rollups)
}

// holds fails unless these are the findings, each once, and the rollups add up to their number.
func (f *fleet) holds(numbers ...int) {
	f.Helper()
	if err := f.store.refresh(f.Context(), f.store.names.findings(), f.store.names.rollups()); err != nil {
		f.Fatal(err)
	}
	list, err := f.store.Findings(f.Context(), access.All(), storage.FindingQuery{})
	if err != nil {
		f.Fatal(err)
	}
	var got, want []string
	for _, x := range list {
		got = append(got, x.ID)
	}
	for _, n := range numbers {
		want = append(want, fmt.Sprint("found ", n))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		f.Errorf("there are the findings %q, want %q", got, want)
	}
	cells, err := f.store.Rollups(f.Context(), access.All(), storage.RollupQuery{})
	sum := int64(0)
	for _, c := range cells {
		sum += c.N
	}
	if err != nil || sum != int64(len(numbers)) {
		f.Errorf("the rollups add up to %d, error %v, want %d", sum, err, len(numbers))
	}
}

// One that was stopped, by whatever, loses the lease; what it commits then does not stand, and is found by the next one.
func TestLeaseIsTakenOverFromOneThatIsStopped(t *testing.T) {
	f := newFleet(t)
	first, second := f.lease("host1", ""), f.lease("host2", "")
	if p := f.wait(first); p.Taken["host1"] == 0 || p.Judged != 0 {
		t.Errorf("the lease begins at %+v, want where host1 stands", p)
	}
	f.commit(first, 1)
	began := time.Now()
	if p := f.wait(second); p.Judged != 1 {
		t.Errorf("the second one goes on from %+v, want 1", p)
	}
	if took := time.Since(began); took < LeaseExpiry || took > LeaseExpiry+2*LeaseRenew {
		t.Errorf("the lease was taken over after %s", took)
	}
	if err := foundOne(t.Context(), first, 2); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("the first one's commit returns %v", err)
	}
	f.holds(1)
	f.commit(second, 3)
	f.holds(1, 3)
	if _, err := first.look(t.Context()); err != nil { // it waits for its turn now
		t.Fatal(err)
	}
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	if st := second.State(); st.Holder != "host2" || st.Judged != 3 || st.Quiet > LeaseExpiry {
		t.Errorf("the second one says %+v", st)
	}
	f.commit(second, 4) // nobody else has given it back
	f.holds(1, 3, 4)
}

func TestLeaseThatIsRenewedStays(t *testing.T) {
	f := newFleet(t)
	first, second := f.lease("host1", ""), f.lease("host2", "")
	f.wait(first)
	waiting, cancel := context.WithTimeout(t.Context(), 2*LeaseExpiry)
	defer cancel()
	taken := make(chan error, 1)
	go func() { _, err := second.Wait(waiting); taken <- err }()
	for waiting.Err() == nil {
		if err := first.Renew(t.Context()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(LeaseRenew / 4)
	}
	if err := <-taken; err == nil {
		t.Error("the second one has it")
	}
	if st := second.State(); st.Holder != "host1" {
		t.Errorf("the second one says %+v", st)
	}
	began := time.Now()
	if err := first.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.wait(second)
	if took := time.Since(began); took > 2*LeaseRenew {
		t.Errorf("a lease that was given back is taken after %s", took)
	}
	if err := foundOne(t.Context(), first, 1); !errors.Is(err, ErrLeaseLost) {
		t.Errorf("who gave it back commits: %v", err)
	}
}

// A kill between the commit that stands and the writing of what it found: the next one writes it, and the first one,
// if it was only stopped, writes it again to no effect.
func TestWhatACommitFoundIsWrittenByTheNext(t *testing.T) {
	var stopped atomic.Bool
	f := newFleet(t)
	srv := proxy(t, func(w http.ResponseWriter, r *http.Request) bool {
		if stopped.Load() && r.URL.Path == "/_bulk" {
			refuse(w, http.StatusBadRequest, "exception", "as if it was stopped here")
			return true
		}
		return false
	})
	srv.Start()
	first, second := f.lease("host1", srv.URL), f.lease("host2", "")
	f.wait(first)
	f.commit(first, 1)
	stopped.Store(true)
	if err := foundOne(t.Context(), first, 2); err == nil {
		t.Fatal("the commit was not stopped")
	}
	f.holds(1)
	f.wait(second)
	f.holds(1, 2)
	f.commit(second, 3)
	stopped.Store(false)
	if err := first.bringOut(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.holds(1, 2, 3)
}

// Of several that see a lease expire one takes it; the answer to its request may be lost.
func TestOneOfManyTakesTheLease(t *testing.T) {
	var lose atomic.Bool
	f := newFleet(t)
	srv := proxy(t, func(http.ResponseWriter, *http.Request) bool { return false })
	behind := srv.Config.Handler
	srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, leasePath) && lose.CompareAndSwap(true, false) {
			behind.ServeHTTP(discard{}, r)
			panic(http.ErrAbortHandler)
		}
		behind.ServeHTTP(w, r)
	})
	srv.Start()
	var leases []*Lease
	for i := range 5 {
		leases = append(leases, f.lease(fmt.Sprint("host", i+1), srv.URL))
	}
	lose.Store(true)
	waiting, cancel := context.WithTimeout(t.Context(), 2*LeaseRenew)
	defer cancel()
	taken := make(chan *Lease, len(leases))
	for _, l := range leases {
		go func() {
			if _, err := l.Wait(waiting); err != nil {
				l = nil
			}
			taken <- l
		}()
	}
	var have []*Lease
	for range leases {
		if l := <-taken; l != nil {
			have = append(have, l)
		}
	}
	if len(have) != 1 || lose.Load() {
		t.Fatalf("%d have the lease", len(have))
	}
	f.commit(have[0], 1)
	f.holds(1)
}

// More findings than a document should hold are several changes of it.
func TestManyFindingsOfOneCommit(t *testing.T) {
	f := newFleet(t)
	l := f.lease("host1", "")
	f.wait(l)
	var findings []event.Finding
	var numbers []int
	var rollups []event.Delta
	for i := range 60 {
		x := withExtras(&event.Commit{}, fmt.Sprint("found ", i), 1)
		x.Findings[0].Message = strings.Repeat("x", 300<<10)
		findings, rollups, numbers = append(findings, x.Findings...), append(rollups, x.Rollups...), append(numbers, i)
	}
	if err := l.Commit(t.Context(), storage.Position{Judged: 9}, findings, rollups); err != nil {
		t.Fatal(err)
	}
	if l.doc.Batch < 2 {
		t.Errorf("it took %d changes", l.doc.Batch)
	}
	f.holds(numbers...)
}

// A scan over commits finds the events of just these, of many writers too, and what was written again after it was refused.
func TestScanOfCommits(t *testing.T) {
	f := newFleet(t)
	f.cfg.Quarantine = filepath.Join(t.TempDir(), "q")
	s := f.open(f.cfg)
	l := f.lease("host2", "")
	at := f.wait(l).Taken
	scan := func(from, to map[string]int64) (rows int) {
		t.Helper()
		err := l.Scan(t.Context(), from, to, nil, query.Interval{}, func(p *event.Page) error { rows += p.N; return nil })
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	next := func() map[string]int64 {
		t.Helper()
		stands, err := l.Stands(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		to := make(map[string]int64)
		for writer, x := range stands {
			to[writer] = x.Commit
		}
		return to
	}
	if n := scan(at, next()); n != 0 {
		t.Errorf("%d events before there are any", n)
	}
	commit(t, s, batchOf(page(f.cfg.Schema, 1, 10)))
	first := next()
	commit(t, s, batchOf(page(f.cfg.Schema, 2, 20)))
	second := next()
	if a, b, c := scan(at, first), scan(first, second), scan(nil, second); a != 10 || b != 20 || c != 30 {
		t.Errorf("the commits have %d, %d and together %d events, want 10, 20, 30", a, b, c)
	}

	name := s.names.eventIndex("two", around.UnixMicro(), around)
	wrong := dsl{"mappings": dsl{"properties": dsl{fLen: ip}}}
	if err := s.client.call(t.Context(), http.MethodPut, "/"+name, wrong, nil); err != nil {
		t.Fatal(err)
	}
	refused := page(f.cfg.Schema, 3, 5)
	refused.Data = "two"
	commit(t, s, batchOf(refused))
	third := next()
	if err := s.client.call(t.Context(), http.MethodDelete, "/"+name, nil, nil); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Redrive(t.Context()); err != nil || r.Stored != 5 {
		t.Fatalf("the redrive says %+v, error %v", r, err)
	}
	fourth := next()
	if a, b := scan(second, third), scan(third, fourth); a != 0 || b != 5 {
		t.Errorf("%d and %d events after the second commit, want none while they are refused, then 5", a, b)
	}

	many := maps.Clone(fourth)
	for i := range 2000 {
		many[fmt.Sprint("other", i)] = int64(i + 1)
	}
	if n := scan(nil, many); n != 35 {
		t.Errorf("%d events of 2,000 writers, want 35", n)
	}
}

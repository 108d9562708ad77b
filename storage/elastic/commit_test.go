package elastic

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
)

// withExtras adds a finding and a rollup to a commit.
func withExtras(c *event.Commit, id string, n int64) *event.Commit {
	c.Findings = []event.Finding{{ID: id, Rule: "r", Time: around.UnixMicro()}}
	c.Rollups = []event.Delta{{Series: "s", Dataset: "one", Minute: around.UnixMicro(), N: n}}
	return c
}

// holds fails unless the store holds so many events, findings and sums of rollups, and agrees with its marks.
func holds(t *testing.T, s *Store, events int64, findings int, sum int64) {
	t.Helper()
	found, err := s.Findings(t.Context(), access.All(), storage.FindingQuery{})
	if err != nil || len(found) != findings {
		t.Errorf("there are %d findings, error %v, want %d", len(found), err, findings)
	}
	cells, err := s.Rollups(t.Context(), access.All(), storage.RollupQuery{})
	n := int64(0)
	for _, c := range cells {
		n += c.N
	}
	if err != nil || n != sum {
		t.Errorf("the rollups add up to %d, error %v, want %d", n, err, sum)
	}
	if n := count(t, s); n != events {
		t.Errorf("there are %d events, want %d", n, events)
	}
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 {
		t.Errorf("check finds %v, error %v", r.Problems, err)
	}
}

// A commit whose last request fails does not stand: nothing of it is seen. Repeating it makes it stand; another commit in
// its place, or another opening, removes what it left.
func TestCommitThatDoesNotStand(t *testing.T) {
	var failing atomic.Bool
	srv := proxy(t, func(w http.ResponseWriter, r *http.Request) bool {
		if failing.Load() && r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/_doc/head-") {
			refuse(w, http.StatusInternalServerError, "exception", "as if it broke off here")
			return true
		}
		return false
	})
	srv.Start()
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	cfg.Addresses = []string{srv.URL}
	open := func() *Store {
		t.Helper()
		s, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	fail := func(s *Store, c *event.Commit) {
		t.Helper()
		failing.Store(true)
		defer failing.Store(false)
		if _, err := s.Commit(t.Context(), c); err == nil {
			t.Fatal("the commit stands")
		}
	}
	s := open()
	commit(t, s, withExtras(batchOf(page(cfg.Schema, 1, 10)), "a", 1))
	second := withExtras(batchOf(page(cfg.Schema, 2, 20)), "b", 2)
	fail(s, second)
	holds(t, s, 10, 1, 1)
	commit(t, s, second)
	holds(t, s, 30, 2, 3)

	fail(s, withExtras(batchOf(page(cfg.Schema, 3, 30)), "c", 4))
	commit(t, s, withExtras(batchOf(page(cfg.Schema, 4, 40)), "d", 8))
	holds(t, s, 70, 3, 11)

	fail(s, withExtras(batchOf(page(cfg.Schema, 3, 30)), "c", 4))
	s = open() // as after a kill
	holds(t, s, 70, 3, 11)
	commit(t, s, withExtras(batchOf(page(cfg.Schema, 3, 25)), "c", 3)) // the same lines, read in other portions
	holds(t, s, 95, 4, 14)
}

// The answer to a commit's last request may be lost: the commit stands all the same.
func TestLostAnswer(t *testing.T) {
	var lose atomic.Bool
	srv := proxy(t, func(http.ResponseWriter, *http.Request) bool { return false })
	behind := srv.Config.Handler
	srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/_doc/head-") && lose.CompareAndSwap(true, false) {
			behind.ServeHTTP(discard{}, r)
			panic(http.ErrAbortHandler)
		}
		behind.ServeHTTP(w, r)
	})
	srv.Start()
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	cfg.Addresses = []string{srv.URL}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	lose.Store(true)
	commit(t, s, withExtras(batchOf(page(cfg.Schema, 1, 10)), "a", 1))
	if lose.Load() {
		t.Error("no answer was lost")
	}
	commit(t, s, withExtras(batchOf(page(cfg.Schema, 2, 10)), "b", 1))
	holds(t, s, 20, 2, 2)
}

// discard is an answer that nobody gets.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

// Of two daemons under one name the one that opened last writes; the other says why it does not.
func TestOneWriterUnderAName(t *testing.T) {
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	first, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, first, batchOf(page(cfg.Schema, 1, 10)))
	second, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Commit(t.Context(), batchOf(page(cfg.Schema, 2, 10))); !errors.Is(err, errOther) {
		t.Errorf("the first one's commit returns %v", err)
	}
	if _, err := first.Marks(t.Context()); !errors.Is(err, errOther) {
		t.Errorf("the first one's marks return %v", err)
	}
	commit(t, second, batchOf(page(cfg.Schema, 2, 10)))
	cfg.Writer = "another"
	third, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, third, batchOf(page(cfg.Schema, 3, 10)))
	commit(t, second, batchOf(page(cfg.Schema, 4, 10)))
	if n := count(t, third); n != 40 {
		t.Errorf("%d events are seen by another host's daemon, want 40", n)
	}
	if marks, err := third.Marks(t.Context()); err != nil || len(marks) != 1 {
		t.Errorf("another host's marks are %v, error %v", marks, err)
	}
}

// Of two daemons that open at the same moment under one name one has it, and the other one knows.
func TestTwoOpenAtOnce(t *testing.T) {
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	var second *Store
	srv := proxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/_doc/head-") && second == nil {
			var err error
			if second, err = Open(t.Context(), cfg); err != nil {
				t.Error(err)
			}
		}
		return false
	})
	srv.Start()
	behind := cfg
	behind.Addresses = []string{srv.URL}
	if _, err := Open(t.Context(), behind); !errors.Is(err, errOther) {
		t.Errorf("the first one's opening returns %v", err)
	}
	commit(t, second, batchOf(page(cfg.Schema, 1, 10)))
}

// Marks of the same generation are each writer's own: how far the rules have come is one in every writer's store.
func TestEachWriterKeepsItsMarks(t *testing.T) {
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	other := cfg
	other.Writer = "another"
	for _, c := range []Config{cfg, other} {
		s, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		commit(t, s, batchOf(page(cfg.Schema, 1, 10)))
		commit(t, s, batchOf(page(cfg.Schema, 2, 10))) // now the mark of 1 is no more in the head
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if marks, err := s.Marks(t.Context()); err != nil || len(marks) != 2 {
		t.Errorf("the marks are %v, error %v, want two", marks, err)
	}
}

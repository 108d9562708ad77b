package pipeline

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/spool"
)

// newSpooled returns a site that follows the files of a spool.
func newSpooled(t *testing.T) (*site, *spool.Spool) {
	s := newSite(t)
	s.cfg.Sources[0].Glob, s.cfg.Sources[0].Spool = spool.Glob(s.dir), true
	return s, openSpool(t, s.dir)
}

func openSpool(t *testing.T, dir string) *spool.Spool {
	t.Helper()
	sp, err := spool.Open(spool.Config{Dir: dir, Max: 1 << 30})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sp.Close() })
	return sp
}

func (s *site) receive(sp *spool.Spool, from, text string) {
	s.t.Helper()
	if n, err := sp.Append(from, []byte(text)); err != nil || n != len(text) {
		s.t.Fatalf("%d of %d bytes were taken: %v", n, len(text), err)
	}
}

// swept waits until the spool is empty, as everything in it is stored.
func (s *site) swept(sp *spool.Spool) {
	s.t.Helper()
	for end := time.Now().Add(8 * time.Second); sp.Status().Used > 0; time.Sleep(20 * time.Millisecond) {
		if err := sp.Sweep(time.Now().Add(time.Hour), s.run.Stored); err != nil {
			s.t.Fatal(err)
		}
		if time.Now().After(end) {
			left, _ := filepath.Glob(filepath.Join(s.dir, "*"))
			s.t.Fatalf("the spool still has %q; status %+v", left, s.run.Status())
		}
	}
}

// All that is in a spool is to be read, also what was renamed before anybody looked.
func TestASpoolFromBeforeTheFirstStartIsRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.append(filepath.Join(s.dir, "10.0.0.1.log.17"), text(lines(0, 100)))
	time.Sleep(50 * time.Millisecond)
	s.append(filepath.Join(s.dir, "10.0.0.2.log"), text(lines(100, 110)))
	s.cfg.Sources[0].Glob, s.cfg.Sources[0].Spool = spool.Glob(s.dir), true
	sp := openSpool(t, s.dir)
	s.start()
	s.expect(lines(0, 110)...)
	s.swept(sp)
}

func TestASenderWhoseFileIsGoneIsForgottenAndMayComeAgain(t *testing.T) {
	t.Parallel()
	s, sp := newSpooled(t)
	s.start()
	for i := range 3 {
		s.receive(sp, "10.0.0.1", text(lines(10*i, 10*i+10)))
		s.expect(lines(0, 10*i+10)...)
		s.swept(sp)
		for end := time.Now().Add(8 * time.Second); len(s.run.Status()) > 0; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("a sender without a file is still followed: %+v", s.run.Status())
			}
		}
	}
	s.halt()
	s.start() // the store knows the generations, of which no file is left
	time.Sleep(100 * time.Millisecond)
	if got := s.run.Status(); len(got) > 0 {
		t.Errorf("after a start it is followed: %+v", got)
	}
	s.receive(sp, "10.0.0.1", text(lines(30, 40)))
	s.expect(lines(0, 40)...)
}

// While the store takes nothing, no file of the spool goes.
func TestASpoolKeepsWhatIsNotStored(t *testing.T) {
	t.Parallel()
	s, sp := newSpooled(t)
	var away atomic.Bool
	away.Store(true)
	s.store.fail = func(int) failure {
		if away.Load() {
			return fails
		}
		return works
	}
	s.start()
	s.receive(sp, "10.0.0.1", text(lines(0, 100)))
	for range 20 {
		time.Sleep(10 * time.Millisecond)
		if err := sp.Sweep(time.Now().Add(time.Hour), s.run.Stored); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "10.0.0.1.log")); err != nil {
		t.Fatalf("nothing is stored, and the file has gone: %v", err)
	}
	away.Store(false)
	s.expect(lines(0, 100)...)
	s.swept(sp)
}

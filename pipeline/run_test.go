package pipeline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
)

// A site is a directory with logs, a store, and a runner that can be stopped and started again.
type site struct {
	t     *testing.T
	dir   string
	log   string
	store *memStore
	cfg   Config
	run   *Runner
	stop  context.CancelFunc
	done  chan error
}

func newSite(t *testing.T) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{t: t, dir: dir, log: filepath.Join(dir, "app.log"), store: newMemStore()}
	s.cfg = Config{
		Host:     "here",
		Sources:  []source.Pattern{{Glob: s.log, Dataset: "app"}},
		Decoder:  func(g event.Generation) Decoder { return newLineDecoder(g, false) },
		Store:    s.store,
		Interval: 10 * time.Millisecond,
		Idle:     20 * time.Millisecond,
		Poll:     20 * time.Millisecond,
		Grace:    200 * time.Millisecond,
		Settle:   300 * time.Millisecond,
		Rescan:   40 * time.Millisecond,
		Backoff:  5 * time.Millisecond,
		Stop:     5 * time.Second,
	}
	t.Cleanup(func() {
		if s.stop != nil {
			s.halt()
		}
	})
	return s
}

func (s *site) start() {
	ctx, stop := context.WithCancel(context.Background())
	s.run, s.stop, s.done = New(s.cfg), stop, make(chan error, 1)
	go func() { s.done <- s.run.Run(ctx) }()
}

// halt stops the runner cleanly.
func (s *site) halt() {
	s.t.Helper()
	if err := s.end(); err != nil {
		s.t.Fatalf("the runner ended with: %v", err)
	}
}

func (s *site) end() error {
	s.t.Helper()
	s.stop()
	s.stop = nil
	select {
	case err := <-s.done:
		return err
	case <-time.After(20 * time.Second):
		buf := make([]byte, 1<<20)
		s.t.Fatalf("the runner does not stop:\n%s", buf[:runtime.Stack(buf, true)])
		return nil
	}
}

func (s *site) append(path, text string) {
	s.t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// expect waits until the stored texts are want, in any order, and then a little, so that a repeat would show.
func (s *site) expect(want ...string) {
	s.t.Helper()
	slices.Sort(want)
	var got []string
	for end := time.Now().Add(8 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if got = s.store.texts(); len(got) >= len(want) {
			break
		}
	}
	time.Sleep(60 * time.Millisecond)
	got = s.store.texts()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		s.t.Fatalf("stored %q, want %q\nstatus %+v", clip(got), clip(want), s.run.Status())
	}
}

func clip(s []string) []string { return s[:min(len(s), 40)] }

// wait waits until the status of path is as ok asks.
func (s *site) wait(what, path string, ok func(SourceStatus) bool) SourceStatus {
	s.t.Helper()
	var last []SourceStatus
	for end := time.Now().Add(8 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		last = s.run.Status()
		for _, st := range last {
			if st.Path == path && ok(st) {
				return st
			}
		}
	}
	s.t.Fatalf("%s: %s never: %+v", path, what, last)
	return SourceStatus{}
}

func lines(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("line %06d", i))
	}
	return all
}

func text(l []string) string { return strings.Join(l, "\n") + "\n" }

func TestAFileThatIsThereIsReadFromItsBeginningAndFollowed(t *testing.T) {
	s := newSite(t)
	s.append(s.log, text(lines(0, 3)))
	s.start()
	s.expect(lines(0, 3)...)
	s.append(s.log, text(lines(3, 5)))
	s.expect(lines(0, 5)...)
}

func TestAFileThatIsNotThereIsWaitedFor(t *testing.T) {
	s := newSite(t)
	s.start()
	s.wait("waiting", s.log, func(st SourceStatus) bool { return st.State == Waiting && st.Err == nil })
	s.append(s.log, text(lines(0, 2)))
	s.expect(lines(0, 2)...)
	s.wait("following", s.log, func(st SourceStatus) bool { return st.State == Following && st.Stored == 2 && st.LagBytes == 0 })
}

func TestALineIsReadWhenItsEndingComes(t *testing.T) {
	s := newSite(t)
	s.append(s.log, "whole\nhal")
	s.start()
	s.expect("whole")
	st := s.wait("lagging", s.log, func(st SourceStatus) bool { return st.LagBytes == 3 })
	if st.Offset != 6 || st.Size != 9 {
		t.Fatalf("stands at %d of %d, want 6 of 9", st.Offset, st.Size)
	}
	s.append(s.log, "f\n")
	s.expect("whole", "half")
}

func TestAfterAStopReadingGoesOnWhereItStood(t *testing.T) {
	s := newSite(t)
	s.append(s.log, text(lines(0, 3))+"line 00")
	s.start()
	s.expect(lines(0, 3)...)
	s.halt()
	s.append(s.log, "0003\n"+text(lines(4, 6)))
	s.start()
	s.expect(lines(0, 6)...)
	if n := len(s.store.gens); n != 1 {
		t.Fatalf("%d generations, want 1", n)
	}
}

func TestRenamingRotation(t *testing.T) {
	s := newSite(t)
	s.append(s.log, text(lines(0, 3)))
	s.start()
	s.expect(lines(0, 3)...)
	s.must(os.Rename(s.log, s.log+".1"))
	s.append(s.log+".1", text(lines(3, 5))) // the writer has it open still
	s.append(s.log, text(lines(5, 7)))
	s.append(s.log+".1", "no ending")
	s.expect(append(lines(0, 7), "no ending")...)
	if n := len(s.store.gens); n != 2 {
		t.Fatalf("%d generations, want 2", n)
	}
}

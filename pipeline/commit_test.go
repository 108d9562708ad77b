package pipeline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
)

// countStage adds one finding and one rollup a commit that has events, and counts how often it is called without.
type countStage struct {
	mu    sync.Mutex
	empty int
	rows  int
	err   error
}

func (c *countStage) Process(_ context.Context, m *event.Commit) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Rows() == 0 {
		c.empty++
		return c.err
	}
	c.rows += m.Rows()
	m.Findings = append(m.Findings, event.Finding{ID: m.To[0].Gen.String() + "/" + time.Now().String()})
	m.Rollups = append(m.Rollups, event.Delta{N: int64(m.Rows())})
	return c.err
}

func (c *countStage) counts() (empty, rows int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.empty, c.rows
}

// bothWays runs a test with commits that are gathered one after the other, and with such that are gathered ahead.
func bothWays(t *testing.T, f func(*testing.T, *site)) {
	for name, ahead := range map[string]bool{"one after the other": false, "ahead": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.cfg.Ahead = ahead
			f(t, s)
		})
	}
}

func TestAFailingStoreLosesAndRepeatsNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		fail func(n int) failure
	}{
		{"when commits fail and nothing is written", func(n int) failure {
			if n%3 != 0 {
				return fails
			}
			return works
		}},
		{"when commits fail although they are durable", func(n int) failure {
			if n%2 == 1 {
				return doubts
			}
			return works
		}},
		{"when both happen", func(n int) failure { return []failure{fails, doubts, works, doubts, fails}[n%5] }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bothWays(t, func(t *testing.T, s *site) {
				stage := &countStage{}
				s.store.fail, s.cfg.Stages = tc.fail, []Stage{stage}
				s.append(s.log, text(lines(0, 100)))
				s.start()
				for i := 1; i < 10; i++ {
					s.append(s.log, text(lines(100*i, 100*i+100)))
					time.Sleep(15 * time.Millisecond)
				}
				s.expect(lines(0, 1000)...)
				s.halt()
				sum := int64(0)
				for _, d := range s.store.rollups {
					sum += d.N
				}
				if sum != 1000 {
					t.Errorf("rollups count %d, want 1000", sum)
				}
				if _, rows := stage.counts(); rows != 1000 {
					t.Errorf("the stage saw %d events, want 1000", rows)
				}
			})
		})
	}
}

func TestIntakeWaitsWhileTheStoreFails(t *testing.T) { bothWays(t, intakeWaitsWhileTheStoreFails) }

func intakeWaitsWhileTheStoreFails(t *testing.T, s *site) {
	var mu sync.Mutex
	full := true
	s.store.fail = func(int) failure {
		mu.Lock()
		defer mu.Unlock()
		if full {
			return fails
		}
		return works
	}
	s.cfg.Rows, s.cfg.Bytes = 1000, 1<<20
	want := lines(0, 200_000)
	for i := range 20 {
		s.append(filepath.Join(s.dir, "f"+string(rune('a'+i))+".log"), text(want[i*10_000:(i+1)*10_000]))
	}
	s.cfg.Sources[0].Glob = filepath.Join(s.dir, "f*.log")
	s.start()
	time.Sleep(300 * time.Millisecond)
	tot := s.run.Totals()
	if !errors.Is(tot.StoreErr, errStore) {
		t.Errorf("status does not tell of the store: %+v", tot)
	}
	if tot.Pending == 0 || tot.Pending > 150_000 {
		t.Errorf("%d lines wait in memory, want some, but not all that the files hold", tot.Pending)
	}
	mu.Lock()
	full = false
	mu.Unlock()
	s.expect(want...)
	if tot := s.run.Totals(); tot.StoreErr != nil || tot.Pending != 0 || tot.Stored != 200_000 || tot.Events != 200_000 || tot.LastCommit.IsZero() {
		t.Errorf("totals %+v", tot)
	}
}

func TestARefusedGenerationIsReadAgainFromItsStoredMark(t *testing.T) {
	bothWays(t, aRefusedGenerationIsReadAgainFromItsStoredMark)
}

func aRefusedGenerationIsReadAgainFromItsStoredMark(t *testing.T, s *site) {
	s.store.fail = func(n int) failure {
		if n%4 == 2 {
			return refuses
		}
		return works
	}
	other := filepath.Join(s.dir, "other.log")
	s.cfg.Sources = append(s.cfg.Sources, source.Pattern{Glob: other})
	s.start()
	for i := range 10 {
		s.append(s.log, text(lines(100*i, 100*i+100)))
		s.append(other, text(lines(100*i+1000, 100*i+1100)))
		time.Sleep(30 * time.Millisecond)
	}
	s.must(os.Rename(s.log, s.log+".1"))
	s.append(s.log, text(lines(2000, 2100)))
	s.expect(lines(0, 2100)...)
	s.wait("agrees", s.log, func(st SourceStatus) bool { return st.Stored == 1100 && st.Pending == 0 })
}

func TestAStoreThatAnotherWriterMovedEndsTheRun(t *testing.T) {
	bothWays(t, aStoreThatAnotherWriterMovedEndsTheRun)
}

func aStoreThatAnotherWriterMovedEndsTheRun(t *testing.T, s *site) {
	s.append(s.log, text(lines(0, 10)))
	s.start()
	s.expect(lines(0, 10)...)
	s.store.mu.Lock()
	s.store.fail = func(int) failure {
		for id, m := range s.store.marks {
			m.Off = 5
			s.store.marks[id] = m
		}
		return fails
	}
	s.store.mu.Unlock()
	s.append(s.log, "more\n")
	select {
	case err := <-s.done:
		if err == nil || !strings.Contains(err.Error(), "another writer") {
			t.Fatalf("ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("the run goes on")
	}
	s.stop()
	s.stop = nil
}

func TestAStopDoesNotWaitForEverOnAStoreThatFails(t *testing.T) {
	bothWays(t, aStopDoesNotWaitForEverOnAStoreThatFails)
}

func aStopDoesNotWaitForEverOnAStoreThatFails(t *testing.T, s *site) {
	s.cfg.Stop = 200 * time.Millisecond
	s.store.fail = func(int) failure { return fails }
	s.append(s.log, text(lines(0, 10)))
	s.start()
	s.wait("pending", s.log, func(st SourceStatus) bool { return st.Pending == 10 })
	if err := s.end(); !errors.Is(err, errStopTime) {
		t.Fatalf("ended with %v", err)
	}
	s.store.fail = nil
	s.start()
	s.expect(lines(0, 10)...)
}

func TestAnIdlePipelineLetsTimePassInItsStages(t *testing.T) {
	bothWays(t, anIdlePipelineLetsTimePassInItsStages)
}

func anIdlePipelineLetsTimePassInItsStages(t *testing.T, s *site) {
	stage := &countStage{}
	s.cfg.Stages = []Stage{stage}
	s.start()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if n, _ := stage.counts(); n > 2 {
			break
		}
	}
	s.halt()
	if n, _ := stage.counts(); n < 3 || s.store.commits != 0 {
		t.Fatalf("%d empty calls, %d commits: want some of the former, none of the latter", n, s.store.commits)
	}
}

func TestAStageThatFailsEndsTheRun(t *testing.T) { bothWays(t, aStageThatFailsEndsTheRun) }

func aStageThatFailsEndsTheRun(t *testing.T, s *site) {
	s.cfg.Stages = []Stage{&countStage{err: errors.New("broken")}}
	s.append(s.log, "x\n")
	s.start()
	if err := <-s.done; err == nil || !strings.Contains(err.Error(), "broken") {
		t.Fatalf("ended with %v", err)
	}
	s.stop()
	s.stop = nil
	if s.store.len() != 0 {
		t.Fatal("a commit was written that no stage has finished")
	}
}

// Gathered ahead, a commit is begun as soon as it is worth it, the next is read while it is stored, and what came meanwhile
// is stored at once.
func TestTheNextCommitIsGatheredWhileOneIsStored(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cfg.Ahead, s.cfg.Rows, s.cfg.Interval = true, 4000, time.Hour
	begun, stored := make(chan struct{}), make(chan struct{})
	s.store.fail = func(n int) failure {
		if n == 1 {
			close(begun)
			<-stored
		}
		return works
	}
	s.append(s.log, text(lines(0, 500)))
	s.start()
	<-begun
	for i := 1; i < 7; i++ {
		s.append(s.log, text(lines(500*i, 500*i+500)))
		s.wait("it is read", s.log, func(st SourceStatus) bool { return st.Pending == int64(500*i+500) })
	}
	close(stored)
	s.expect(lines(0, 3500)...)
	s.halt()
	if s.store.commits != 2 {
		t.Errorf("there were %d commits, want one of 500 lines and one of the 3,000 that came meanwhile", s.store.commits)
	}
}

func TestOutcome(t *testing.T) {
	at := func(g event.GenID, off int64) event.Mark { return event.Mark{Gen: g, Off: off} }
	b := &event.Batch{From: []event.Mark{at(1, 0), at(2, 5), at(3, 0)}, To: []event.Mark{at(1, 10), at(2, 15), at(3, 0)}}
	for _, tc := range []struct {
		name    string
		stored  map[event.GenID]event.Mark
		durable bool
		err     string
	}{
		{"all marks at their end: durable", map[event.GenID]event.Mark{1: at(1, 10), 2: at(2, 15)}, true, ""},
		{"all marks at their start, new ones missing: nothing was written", map[event.GenID]event.Mark{2: at(2, 5)}, false, ""},
		{"some at their end: not sound", map[event.GenID]event.Mark{1: at(1, 10), 2: at(2, 5)}, false, "in part"},
		{"somewhere else: another writer", map[event.GenID]event.Mark{1: at(1, 7), 2: at(2, 5)}, false, "another writer"},
		{"a generation that gave nothing says nothing: nothing was written", map[event.GenID]event.Mark{2: at(2, 5), 3: at(3, 0)}, false, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			durable, err := outcome(b, tc.stored)
			if durable != tc.durable || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Fatalf("durable %v, error %v", durable, err)
			}
		})
	}
}

package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	needs "github.com/saypro/veritail/tools/need"
)

// onDisk is the configuration of a store on a disk of its own, which leaves nothing free by itself.
func onDisk(t *testing.T, megabytes int64) Config {
	return Config{Path: filepath.Join(needs.Disk(t, megabytes<<20), "events.db"), Schema: event.NewSchema(), keptFree: -1, minFree: 1}
}

func openWith(t *testing.T, cfg Config) *Store {
	t.Helper()
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close the store: %v", err)
		}
	})
	return s
}

// storedMark returns the only mark of the store.
func storedMark(t *testing.T, s *Store) event.Mark {
	t.Helper()
	marks, err := s.Marks(t.Context())
	if err != nil || len(marks) != 1 {
		t.Fatalf("the marks are %v, error %v", marks, err)
	}
	return marks[0]
}

// A COMMIT that fails for want of space, small or of a row group and more, leaves all or nothing of itself. The store
// answers reads meanwhile and takes commits as soon as there is space, from the marks on.
func TestFullDiskAtCommit(t *testing.T) {
	for _, rows := range []int{1, 3000, 130_000} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			cfg := onDisk(t, 256)
			cfg.walDue = 4 << 20
			s := openWith(t, cfg)
			mark := event.Mark{Gen: killGen}
			commit(t, s, numbered(s.schema, &mark, 1000))
			empty := needs.Fill(t, filepath.Dir(cfg.Path), int64(rows)*100)
			failed := 0
			for range 100 {
				before := mark
				_, err := s.Commit(t.Context(), numbered(s.schema, &mark, rows))
				if err == nil {
					continue
				}
				got := storedMark(t, s)
				if got.Off != before.Off && got.Off != mark.Off {
					t.Fatalf("after a failed commit from %d to %d the mark is %d", before.Off, mark.Off, got.Off)
				}
				mark = got
				if failed++; !strings.Contains(err.Error(), "No space left") {
					t.Fatalf("on a full disk it fails with %v", err)
				}
				if failed == 3 {
					break
				}
			}
			if failed == 0 {
				t.Fatal("no COMMIT met a full disk")
			}
			checkKilled(t, s, mark.Off)
			empty()
			commit(t, s, numbered(s.schema, &mark, rows))
			checkKilled(t, s, mark.Off)
		})
	}
}

// A CHECKPOINT that runs into a full disk leaves the handle dead: the store opens itself again, at no free space too,
// and has every row.
func TestFullDiskAtCheckpoint(t *testing.T) {
	cfg := onDisk(t, 96)
	s := openWith(t, cfg)
	mark := event.Mark{Gen: killGen}
	for range 20 {
		commit(t, s, numbered(s.schema, &mark, 3000))
	}
	empty := needs.Fill(t, filepath.Dir(cfg.Path), 0)
	for range 2 {
		err := s.write(t.Context(), func(w *writer) error { return w.c.exec("CHECKPOINT") })
		if !errors.Is(err, errFatal) {
			t.Fatalf("a checkpoint on a full disk returns %v; it should be fatal, or this test shows nothing", err)
		}
		if errors.Is(err, s.whyDead()) {
			t.Fatal(err)
		}
		checkKilled(t, s, mark.Off)
	}
	if s.opened != 3 {
		t.Errorf("it was opened %d times, want 3", s.opened)
	}
	empty()
	commit(t, s, numbered(s.schema, &mark, 3000))
	if err := s.write(t.Context(), (*writer).freeBlocks); err != nil || fileSize(cfg.Path+".wal") > 0 {
		t.Errorf("with space again the WAL has %d bytes, error %v", fileSize(cfg.Path+".wal"), err)
	}
	checkKilled(t, s, mark.Off)
}

// Where there is too little space for a checkpoint none is begun, and Check tells of it.
func TestNoCheckpointWithoutRoom(t *testing.T) {
	cfg := onDisk(t, 192)
	cfg.walDue, cfg.minFree = 1<<20, 32<<20
	s := openWith(t, cfg)
	mark := event.Mark{Gen: killGen}
	empty := needs.Fill(t, filepath.Dir(cfg.Path), 24<<20)
	for range 10 {
		commit(t, s, numbered(s.schema, &mark, 3000))
	}
	r, err := s.Check(t.Context())
	if err != nil || len(r.Problems) != 1 || !strings.Contains(r.Problems[0], "MB are wanted") || s.opened != 1 {
		t.Errorf("check finds %v, error %v; opened %d times", r.Problems, err, s.opened)
	}
	empty()
	for range 40 { // enough to pass walAgain
		commit(t, s, numbered(s.schema, &mark, 3000))
	}
	checkKilled(t, s, mark.Off)
}

// Closing on a full disk keeps the WAL, and opening reads it, with no space at all.
func TestFullDiskAtClose(t *testing.T) {
	cfg := onDisk(t, 64)
	s := openWith(t, cfg)
	mark := event.Mark{Gen: killGen}
	for range 20 {
		commit(t, s, numbered(s.schema, &mark, 3000))
	}
	needs.Fill(t, filepath.Dir(cfg.Path), 0)
	wal := fileSize(cfg.Path + ".wal")
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if now := fileSize(cfg.Path + ".wal"); now != wal || wal == 0 {
			t.Errorf("the WAL had %d bytes and has %d after closing", wal, now)
		}
		s = openWith(t, cfg)
		checkKilled(t, s, mark.Off)
	}
}

// Below the floor of free space no events are taken, and what is smaller is.
func TestEventsLeaveSpaceFree(t *testing.T) {
	cfg := onDisk(t, 32)
	cfg.keptFree = 8 << 20
	s := openWith(t, cfg)
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 3000))
	empty := needs.Fill(t, filepath.Dir(cfg.Path), 8<<20-4096)
	before := mark
	if _, err := s.Commit(t.Context(), numbered(s.schema, &mark, 3000)); !errors.Is(err, storage.ErrFull) || !strings.Contains(err.Error(), "8.4 MB are kept free") {
		t.Errorf("a commit of events returns %v", err)
	}
	if mark = storedMark(t, s); mark.Off != before.Off {
		t.Errorf("the mark is %d, want %d", mark.Off, before.Off)
	}
	if _, err := s.Seal(t.Context(), SealPolicy{Now: later}); !errors.Is(err, storage.ErrFull) || len(sealedFiles(t, s)) > 0 {
		t.Errorf("sealing returns %v and leaves %v", err, sealedFiles(t, s))
	}
	commit(t, s, &event.Commit{Batch: &event.Batch{}, Findings: []event.Finding{{ID: "full", Rule: "test"}}})
	if _, err := s.Expire(t.Context(), storage.Policy{Events: time.Hour, Now: time.Date(2026, 11, 25, 0, 30, 0, 0, time.UTC)}); err != nil {
		t.Errorf("dropping what is past its time returns %v", err)
	}
	empty()
	commit(t, s, numbered(s.schema, &mark, 3000))
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 {
		t.Errorf("check finds %v, error %v", r.Problems, err)
	}
}

// A database that cannot be opened again is tried once more later. What comes meanwhile is told why.
func TestReopeningIsTriedAgain(t *testing.T) {
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 10))
	away := s.cfg.Path + ".away"
	if err := os.Rename(s.cfg.Path, away); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.cfg.Path, []byte(strings.Repeat("no database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	_ = s.write(t.Context(), func(*writer) error { return duckError("FATAL Error: no space") })
	for range 2 {
		if _, err := s.Marks(t.Context()); err == nil || !strings.Contains(err.Error(), "again") {
			t.Errorf("reading returns %v", err)
		}
		if _, err := s.Commit(t.Context(), numbered(s.schema, &event.Mark{Gen: killGen}, 10)); err == nil || !strings.Contains(err.Error(), "again") {
			t.Errorf("committing returns %v", err)
		}
	}
	if err := os.Rename(away, s.cfg.Path); err != nil {
		t.Fatal(err)
	}
	time.Sleep(openAgain)
	if got := storedMark(t, s); got.Off != mark.Off {
		t.Errorf("the mark is %d, want %d", got.Off, mark.Off)
	}
	commit(t, s, numbered(s.schema, &mark, 10))
	select {
	case <-s.Lost():
		t.Error("it is lost")
	default:
	}
}

// Reads of a dead handle are told to end. One that does not end would leave two handles on one file: then the store is
// given up, in bounded time, and says so; its files are sound.
func TestAReadThatDoesNotEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.db")
	s, err := Open(t.Context(), Config{Path: path, patience: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 10))
	scan := func(f func(context.Context) error) <-chan error {
		begun, done := make(chan struct{}), make(chan error, 1)
		go func() {
			done <- s.read(t.Context(), func(c *conn) error {
				close(begun)
				return errors.Join(f(t.Context()), c.exec("SELECT count(*) FROM range(1000000000000)"))
			})
		}()
		<-begun
		return done
	}
	die := func() error {
		return s.write(t.Context(), func(*writer) error { return duckError("FATAL Error: no space") })
	}
	long := scan(func(context.Context) error { return nil })
	if err := die(); !errors.Is(err, errFatal) || s.opened != 2 {
		t.Fatalf("with a long read it returns %v, opened %d times", err, s.opened)
	}
	if err := <-long; !errors.Is(err, errReads) {
		t.Errorf("the long read returns %v", err)
	}
	commit(t, s, numbered(s.schema, &mark, 10))

	release := make(chan struct{})
	hanging := scan(func(context.Context) error { <-release; return nil })
	begin := time.Now()
	if err := die(); !errors.Is(err, errStuck) || time.Since(begin) > 5*time.Second {
		t.Errorf("after %s it returns %v", time.Since(begin), err)
	}
	<-s.Lost()
	if _, err := s.Commit(t.Context(), numbered(s.schema, &event.Mark{Gen: killGen}, 10)); !errors.Is(err, errStuck) {
		t.Errorf("a commit returns %v", err)
	}
	if err := s.Close(); !errors.Is(err, errStuck) {
		t.Errorf("closing returns %v", err)
	}
	close(release)
	if err := <-hanging; err == nil {
		t.Error("the read that hung returns no error")
	}
	if _, err := Open(t.Context(), Config{Path: path}); err == nil {
		t.Error("this process opens it again")
	}
}

// Rows that were read are of one state of the store, even when the disk fills while they are read.
func TestReadsGoOnWhenTheDiskIsFull(t *testing.T) {
	cfg := onDisk(t, 64)
	s := openWith(t, cfg)
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 10_000))
	needs.Fill(t, filepath.Dir(cfg.Path), 0)
	n := 0
	err := s.Scan(t.Context(), access.All(), nil, query.Interval{}, func(p *event.Page) error {
		n += p.N
		_, err := s.Commit(t.Context(), numbered(s.schema, &mark, 3000))
		mark = storedMark(t, s)
		if err == nil {
			t.Error("a commit on a full disk succeeds")
		}
		return nil
	})
	if err != nil || n != 10_000 {
		t.Errorf("%d events were read, error %v", n, err)
	}
}

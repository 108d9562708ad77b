package embedded

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	needs "github.com/saypro/veritail/tools/need"
)

// A store on a small disk that becomes full and is emptied at random, whose writer is killed at random, and whose WAL is
// cut or damaged at random in between, agrees with its marks at every start, and has every event once. What it lost is
// told, and nothing else is lost.
func TestTortureStore(t *testing.T) {
	last := 3 * time.Second
	if v := os.Getenv("VERITAIL_TORTURE"); v != "" {
		var err error
		if last, err = time.ParseDuration(v); err != nil {
			t.Fatalf("VERITAIL_TORTURE: %v", err)
		}
	}
	t.Setenv(fullEnv, "1")
	dir := needs.Disk(t, 384<<20)
	path := filepath.Join(dir, "events.db")
	rounds, cuts, repairs := 0, 0, 0
	for end := time.Now().Add(last); time.Now().Before(end); rounds++ {
		var filling sync.WaitGroup
		acked := killOne(t, path, func() { // a disk that is full before lets the writer begin nothing
			filling.Go(func() {
				time.Sleep(time.Duration(rand.IntN(400)) * time.Millisecond)
				needs.Fill(t, dir, rand.Int64N(1<<20))
			})
		})
		filling.Wait()
		empty := func() { os.Remove(filepath.Join(dir, "filler")) }
		wal := fileSize(path + ".wal")
		damaged := false
		switch rand.IntN(4) {
		case 0:
			if wal > 0 {
				if err := os.Truncate(path+".wal", rand.Int64N(wal)); err != nil {
					t.Fatal(err)
				}
				empty()
				cuts++
			}
		case 1:
			if wal > 0 {
				empty()
				change(t, path+".wal", func(b []byte) []byte { b[rand.IntN(len(b))] ^= 1 << rand.IntN(8); return b })
				damaged = true
			}
		}
		cfg := Config{Path: path, keptFree: -1, minFree: 1}
		s, err := Open(t.Context(), cfg)
		if err != nil && damaged {
			repairs++
			s, _, err = Repair(t.Context(), cfg, t.TempDir(), time.Now())
		}
		if err != nil {
			t.Fatalf("round %d: %v", rounds, err)
		}
		if doubts := s.Doubts(); len(doubts) > 0 {
			acked = 0 // it has told that it lost something
			linesAgain(t, s, storedMark(t, s).Off+10)
		}
		checkKilled(t, s, acked)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			t.Fatalf("round %d", rounds)
		}
		empty()
		for _, name := range kept(t, path) {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		if free, err := freeSpace(dir); err != nil || free < 128<<20 { // begin anew
			for _, suffix := range []string{"", ".wal", waterSuffix, ".sealed", ".tmp"} {
				if err := os.RemoveAll(path + suffix); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	t.Logf("%d rounds, %d cuts, %d repairs", rounds, cuts, repairs)
}

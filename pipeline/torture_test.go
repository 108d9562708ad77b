package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
)

// tortureTime is how long each torture test writes; VERITAIL_TORTURE sets it, as in VERITAIL_TORTURE=5m.
func tortureTime(t *testing.T) time.Duration {
	v := os.Getenv("VERITAIL_TORTURE")
	if v == "" {
		return 3 * time.Second
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		t.Fatalf("VERITAIL_TORTURE: %v", err)
	}
	return d
}

// A torturer writes numbered lines into a log as fast as its pace allows, and rotates the log.
type torturer struct {
	t     *testing.T
	path  string
	keyed bool
	pace  time.Duration
	mu    sync.Mutex // held while a line is written or the file is changed
	f     *os.File
	n     int
	gaps  [][2]int // numbers that may be gone: written after the last read of a copy, before the truncation
	rnd   *rand.Rand
}

func (w *torturer) check(err error) {
	if err != nil {
		w.t.Error(err)
		panic(err)
	}
}

func (w *torturer) open() {
	f, err := os.OpenFile(w.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	w.check(err)
	if w.f != nil {
		w.check(w.f.Close())
	}
	w.f = f
}

// burst writes some lines; a line is written in two parts now and then.
func (w *torturer) burst() {
	for range 1 + w.rnd.IntN(200) {
		w.mu.Lock()
		line := fmt.Sprintf("%d\n", w.n)
		if w.keyed {
			key := byte('A' + w.rnd.IntN(4) + 32*w.rnd.IntN(2))
			line = fmt.Sprintf("%c %d\n", key, w.n)
		}
		cut := 0
		if w.rnd.IntN(50) == 0 {
			cut = w.rnd.IntN(len(line))
			_, err := w.f.WriteString(line[:cut])
			w.check(err)
		}
		_, err := w.f.WriteString(line[cut:])
		w.check(err)
		w.n++
		w.mu.Unlock()
	}
	if w.pace > 0 {
		time.Sleep(time.Duration(w.rnd.Int64N(int64(w.pace))))
	}
}

// shift renames path.1 to path.2 and so on.
func (w *torturer) shift() {
	var names []string
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s.%d", w.path, i)
		if _, err := os.Stat(name); err == nil {
			names = append(names, name)
		} else if _, err := os.Stat(name + ".gz"); err == nil {
			names = append(names, name+".gz")
		} else {
			break
		}
	}
	for i := len(names); i > 0; i-- {
		to := fmt.Sprintf("%s.%d", w.path, i+1)
		if filepath.Ext(names[i-1]) == ".gz" {
			to += ".gz"
		}
		w.check(os.Rename(names[i-1], to))
	}
}

// rename rotates by renaming; the writer goes on in the old file for a while.
func (w *torturer) rename() {
	w.shift()
	w.check(os.Rename(w.path, w.path+".1"))
	if w.rnd.IntN(2) == 0 {
		w.burst()
	}
	w.open()
}

// copyTruncate rotates by copying, as logrotate does, while the writer writes.
func (w *torturer) copyTruncate() {
	if st, err := os.Stat(w.path); err != nil || st.Size() < 2*source.HeadBytes {
		return // a copy shorter than the fingerprint is not known again after a restart
	}
	w.shift()
	src, err := os.Open(w.path)
	w.check(err)
	defer src.Close()
	dst, err := os.Create(w.path + ".1")
	w.check(err)
	defer dst.Close()
	_, err = io.Copy(dst, src)
	w.check(err)
	w.mu.Lock()
	from := w.n
	_, err = io.Copy(dst, src)
	w.check(err)
	w.mu.Unlock()
	if rand.IntN(2) == 0 {
		time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond) // the gap
	}
	w.mu.Lock()
	w.check(os.Truncate(w.path, 0))
	w.gaps = append(w.gaps, [2]int{from, w.n})
	w.mu.Unlock()
}

// compress replaces path.2 by path.2.gz, as gzip does: with the time of the original.
func (w *torturer) compress() {
	name := w.path + ".2"
	b, err := os.ReadFile(name)
	if err != nil {
		return
	}
	st, err := os.Stat(name)
	w.check(err)
	f, err := os.Create(name + ".gz")
	w.check(err)
	z := gzip.NewWriter(f)
	_, err = z.Write(b)
	w.check(err)
	w.check(z.Close())
	w.check(f.Close())
	w.check(os.Chtimes(name+".gz", st.ModTime(), st.ModTime()))
	w.check(os.Remove(name))
}

// killable is a store whose process can be killed: from then on nothing is written.
type killable struct {
	*memStore
	dead atomic.Bool
	mu   *sync.Mutex
}

func (k *killable) Commit(ctx context.Context, c *event.Commit) ([]event.GenID, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dead.Load() {
		return nil, errStore
	}
	return k.memStore.Commit(ctx, c)
}

// torture runs the site against the writer until the time is over, stopping, killing and starting it again at
// random, and then checks that every number is stored exactly once.
func torture(t *testing.T, s *site, w *torturer, rotate func()) {
	end := time.Now().Add(tortureTime(t))
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	w.rnd = rand.New(rand.NewPCG(seed, 1))
	w.open()
	w.burst()
	s.start()
	w.followed(s)
	s.halt()
	written := make(chan struct{})
	go func() {
		defer close(written)
		for time.Now().Before(end) {
			w.burst()
			if w.rnd.IntN(30) == 0 {
				rotate()
			}
			if w.rnd.IntN(300) == 0 {
				for range 20 { // quick rotations
					w.burst()
					rotate()
				}
			}
		}
	}()
	rnd := rand.New(rand.NewPCG(seed, 2))
	starts := 0
	for ; time.Now().Before(end); starts++ {
		k := &killable{memStore: s.store, mu: &sync.Mutex{}}
		s.cfg.Store = k
		s.cfg.Stop = 10 * time.Second
		kill := rnd.IntN(2) == 0
		if kill {
			s.cfg.Stop = time.Millisecond
		}
		s.start()
		time.Sleep(time.Duration(rnd.IntN(500)) * time.Millisecond)
		k.dead.Store(kill)
		if err := s.end(); err != nil && !kill {
			t.Fatal(err)
		}
		if rnd.IntN(3) == 0 {
			time.Sleep(time.Duration(rnd.IntN(150)) * time.Millisecond)
		}
	}
	<-written
	if w.keyed { // the records that are still open end with their generation
		w.shift()
		w.check(os.Rename(w.path, w.path+".1"))
		w.open()
	}
	w.check(w.f.Close())
	s.cfg.Store, s.cfg.Stop = s.store, 10*time.Second
	s.start()
	w.verify(s)
	t.Logf("%d lines, %d generations, %d starts", w.n, len(s.store.gens), starts+1)
}

// followed waits until the store knows that the log is followed: rotated files from before that are left alone.
func (w *torturer) followed(s *site) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if gens, _ := s.store.Generations(w.t.Context()); len(gens) > 0 {
			return // lines may be part of open records still
		}
		if time.Now().After(end) {
			w.t.Fatal("nothing is stored")
		}
	}
}

var number = regexp.MustCompile(`[0-9]+`)

// verify waits until every number is stored, or nothing more comes, and then whether one comes again.
func (w *torturer) verify(s *site) {
	missing, _ := w.count(s)
	for grown, last := time.Now(), -1; len(missing) > 0 && time.Since(grown) < 15*time.Second; missing, _ = w.count(s) {
		if n := s.store.len(); n != last {
			grown, last = time.Now(), n
		}
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(5 * s.cfg.Settle)
	s.halt()
	missing, twice := w.count(s)
	if len(missing) > 0 || twice > 0 {
		w.t.Errorf("of %d lines %d are missing and %d are stored more than once; first missing %v", w.n, len(missing), twice, missing[:min(10, len(missing))])
		w.tell(s)
	}
}

// count returns the numbers that should be stored and are not, and how many are stored more than once.
func (w *torturer) count(s *site) (missing []int, twice int) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	seen := make([]int, w.n)
	for _, e := range s.store.events {
		if e.unparsed && len(w.gaps) > 0 {
			continue // a line that lost its tail in a truncation
		}
		for _, m := range number.FindAllString(e.text, -1) {
			n, err := strconv.Atoi(m)
			if err != nil || n >= w.n {
				w.t.Fatalf("event %+v was never written", e)
			}
			seen[n]++
		}
	}
	for n, c := range seen {
		if c > 1 {
			twice++
		}
		if c == 0 && !w.inGap(n) {
			missing = append(missing, n)
		}
	}
	return missing, twice
}

// tell logs the newest generations and files, of which one was not read as it should be.
func (w *torturer) tell(s *site) {
	gens := slices.SortedFunc(maps.Values(s.store.gens), func(a, b event.Generation) int { return cmp.Compare(b.Birth, a.Birth) })
	for _, g := range gens[:min(20, len(gens))] {
		w.t.Logf("generation %s: inode %d, first seen %d, %d bytes of fingerprint, read to %d", g.ID, g.Inode, g.Birth, g.HeadLen, s.store.marks[g.ID].Off)
	}
	files, err := os.ReadDir(s.dir)
	w.check(err)
	for _, e := range files {
		f, err := source.Open(filepath.Join(s.dir, e.Name()), nil)
		w.check(err)
		b, err := io.ReadAll(f)
		w.check(err)
		w.check(f.Close())
		w.t.Logf("%s: %d bytes, from %.12q", e.Name(), len(b), b)
	}
}

func (w *torturer) inGap(n int) bool {
	for _, g := range w.gaps {
		if n >= g[0] && n < g[1] {
			return true
		}
	}
	return false
}

func newTorture(t *testing.T, keyed bool) (*site, *torturer) {
	t.Parallel()
	s := newSite(t)
	s.cfg.Decoder = func(g event.Generation) Decoder { return newLineDecoder(g, keyed) }
	s.cfg.Ahead = keyed
	return s, &torturer{t: t, path: s.log, keyed: keyed, pace: 3 * time.Millisecond}
}

func TestTortureByRenaming(t *testing.T) {
	s, w := newTorture(t, false)
	torture(t, s, w, w.rename)
}

func TestTortureOfInterleavedRecordsByRenaming(t *testing.T) {
	s, w := newTorture(t, true)
	torture(t, s, w, w.rename)
}

func TestTortureByRenamingAndCompressing(t *testing.T) {
	s, w := newTorture(t, false)
	torture(t, s, w, func() { w.rename(); w.compress() })
}

func TestTortureByCopyingAndTruncating(t *testing.T) {
	s, w := newTorture(t, false)
	var rotating sync.WaitGroup
	var busy atomic.Bool
	torture(t, s, w, func() { // beside the writer
		if !busy.CompareAndSwap(false, true) {
			return
		}
		rotating.Go(func() { defer busy.Store(false); w.copyTruncate() })
	})
	rotating.Wait()
}

package pipeline

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
)

// order returns the texts of the store in the order in which they were stored.
func (s *memStore) order() (all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		all = append(all, e.text)
	}
	return all
}

func TestTwoLogsThatBeginAlikeAreTwo(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := filepath.Join(s.dir, "other.log")
	s.cfg.Sources = append(s.cfg.Sources, source.Pattern{Glob: other, Dataset: "other"})
	banner := lines(0, 300) // longer than a fingerprint
	want := append(append(slices.Clone(banner), banner...), "app", "other")
	s.append(s.log, text(append(slices.Clone(banner), "app")))
	s.append(other, text(append(slices.Clone(banner), "other")))
	s.start()
	s.expect(want...)
	for i := range 3 { // each file begins so
		for _, log := range []string{s.log, other} {
			s.must(os.Rename(log, fmt.Sprintf("%s.%d", log, 9-i)))
			own := fmt.Sprint(log, i)
			s.append(log, text(append(slices.Clone(banner), own)))
			want = append(append(want, banner...), own)
		}
		s.expect(want...)
		if i == 1 {
			s.halt()
			s.start()
		}
	}
	s.halt()
	s.start()
	time.Sleep(2 * s.cfg.Settle)
	s.expect(want...)
}

// A log that is removed and made again, and begins and grows as the one before did, is another.
func TestALogThatIsMadeAgainWithTheSameBeginningIsAnother(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	banner := lines(0, 300)
	s.append(s.log, text(append(slices.Clone(banner), lines(1000, 1010)...)))
	s.start()
	want := append(slices.Clone(banner), lines(1000, 1010)...)
	s.expect(want...)
	for i := 2; i < 5; i++ {
		s.must(os.Remove(s.log))
		now := append(slices.Clone(banner), lines(1000*i, 1000*i+10*i)...)
		s.append(s.log+"~", text(now))
		s.must(os.Rename(s.log+"~", s.log))
		want = append(want, now...)
		s.expect(want...)
	}
}

// What was rotated while nobody looked is read oldest first, and then the log itself.
func TestABacklogIsReadOldestFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.append(s.log, text(lines(0, 10)))
	s.start()
	s.expect(lines(0, 10)...)
	s.halt()
	each := 20_000
	if testing.Short() { // the race detector takes its time
		each = 3_000
	}
	for i := range 5 {
		s.append(s.log, text(lines(10+i*each, 10+(i+1)*each)))
		for n := i; n > 0; n-- {
			from := fmt.Sprintf("%s.%d", s.log, n)
			if _, err := os.Stat(from + ".gz"); err == nil {
				from += ".gz"
			}
			s.must(os.Rename(from, strings.Replace(from, fmt.Sprintf(".log.%d", n), fmt.Sprintf(".log.%d", n+1), 1)))
		}
		s.must(os.Rename(s.log, s.log+".1"))
		if i == 1 { // the oldest but one
			b, err := os.ReadFile(s.log + ".1")
			s.must(err)
			st, err := os.Stat(s.log + ".1")
			s.must(err)
			writeGzip(t, s.log+".1.gz", string(b))
			s.must(os.Chtimes(s.log+".1.gz", st.ModTime(), st.ModTime()))
			s.must(os.Remove(s.log + ".1"))
		}
		time.Sleep(10 * time.Millisecond) // times of files are coarse
	}
	all := lines(0, 10+5*each+10)
	s.append(s.log, text(all[10+5*each:]))
	time.Sleep(2 * s.cfg.Settle) // a compressed file that has changed just now may still be written
	s.start()
	s.expect(all...)
	got := s.store.order()
	for i := 1; i < len(got); i++ {
		if got[i] < got[i-1] {
			t.Fatalf("%q was stored after %q", got[i], got[i-1])
		}
	}
}

// Large files that were not read yet are read side by side, and a log that is written meanwhile does not wait for them.
func TestABacklogHoldsUpNoOtherLog(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cfg.Rows = 20_000 // what is read ahead of the store is a part of the files
	live := filepath.Join(s.dir, "live.log")
	s.cfg.Sources = []source.Pattern{{Glob: live, Dataset: "live"}}
	const files = 4
	each := 400_000
	if testing.Short() {
		each = 150_000
	}
	pad := strings.Repeat("x", 60)
	for i := range files {
		path := filepath.Join(s.dir, fmt.Sprintf("big%d.log", i))
		s.cfg.Sources = append(s.cfg.Sources, source.Pattern{Glob: path, Dataset: "big"})
		var b strings.Builder
		for n := range each {
			fmt.Fprintf(&b, "big%d %06d %s\n", i, n, pad)
		}
		s.append(path, b.String())
	}
	s.append(live, "live 0\n")
	s.start()
	seen := func() (lives, big int, sides [files]int) {
		s.store.mu.Lock()
		defer s.store.mu.Unlock()
		for _, e := range s.store.events {
			if strings.HasPrefix(e.text, "live") {
				lives++
				continue
			}
			big++
			sides[e.text[3]-'0']++
		}
		return lives, big, sides
	}
	written := 1
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		lives, big, sides := seen()
		if big > files*each/3 && written == 1 {
			s.append(live, "live 1\n")
			written++
			for i, n := range sides {
				if n == 0 {
					t.Errorf("of %d lines of the others none of file %d is stored: %v", big, i, sides)
				}
			}
			st := s.run.Status()
			behind := int64(0)
			for _, one := range st {
				behind += one.LagBytes
			}
			t.Logf("%v stored, %d bytes to go", sides, behind)
		}
		if lives == 2 {
			t.Logf("a line of the live log was stored beside %d of %d", big, files*each)
			if big > files*each*9/10 {
				t.Errorf("a line of the live log waited for the others: %d of %d lines were stored before", big, files*each)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d lines of the live log, %v of the others", lives, sides)
		}
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if _, big, _ := seen(); big == files*each {
			break
		} else if time.Now().After(end) || big > files*each {
			t.Fatalf("%d lines of %d", big, files*each)
		}
	}
}

// A run that is killed in the middle of a large compressed file goes on in there, and tells meanwhile how much is left.
func TestAKillWithinACompressedFile(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.append(s.log, text(lines(0, 300)))
	s.start()
	s.expect(lines(0, 300)...)
	s.halt()
	const n = 600_000
	all := lines(0, n)
	size := int64(n * len("line 000000\n"))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write([]byte(text(all)))
	s.must(err)
	s.must(z.Close())
	s.must(os.WriteFile(s.log+".1.gz", packed.Bytes(), 0o644))
	s.must(os.Remove(s.log))
	s.append(s.log, "after\n")
	stored, stop := 0, s.cfg.Stop
	s.cfg.Rows = 20_000 // what is read ahead of the store is a part of the file
	for range 4 {
		until := stored + 20_000
		s.store.fail = func(int) failure { // the store takes nothing more, and then it is killed
			if len(s.store.events) >= until {
				return fails
			}
			return works
		}
		s.cfg.Stop = time.Millisecond
		s.start()
		for end := time.Now().Add(time.Minute); s.store.len() < until && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		st := s.wait("behind", s.log, func(st SourceStatus) bool { return st.LagBytes > 0 })
		s.end() // it was killed
		if st.LagSize < size || st.LagFiles < 1 || st.LagBytes > size-int64(stored*len("line 000000\n")) {
			t.Errorf("with at least %d of %d lines stored it tells %d bytes of %d in %d files to go", stored, n, st.LagBytes, st.LagSize, st.LagFiles)
		}
		if stored = s.store.len(); stored >= n {
			t.Fatalf("all %d lines were stored before the last kill", stored)
		}
	}
	s.store.fail, s.cfg.Stop = nil, stop
	s.start()
	s.expect(append(all, "after")...)
	s.wait("read", s.log, func(st SourceStatus) bool { return st.LagBytes == 0 })
	t.Logf("%d of %d lines were stored at the last of 4 kills", stored, n)
}

// Ten thousand rotations leave no descriptor and no goroutine behind; without VERITAIL_TORTURE three hundred do not.
func TestTortureRotationsLeaveNothingOpen(t *testing.T) {
	s := newSite(t)
	s.store.discard = true
	s.append(s.log, text(lines(0, 10)))
	s.start()
	s.wait("following", s.log, func(st SourceStatus) bool { return st.Stored == 10 })
	count := func() (files, routines int) {
		entries, err := os.ReadDir("/proc/self/fd")
		s.must(err)
		return len(entries), runtime.NumGoroutine()
	}
	files, routines := count()
	rotations, kept := 300, 30
	if os.Getenv("VERITAIL_TORTURE") != "" {
		rotations = 10_000
	}
	begin := time.Now()
	most := 0
	for i := range rotations {
		s.must(os.Rename(s.log, fmt.Sprintf("%s.%d", s.log, i)))
		s.append(s.log, fmt.Sprintf("rotation %d\n", i))
		if i >= kept { // what is removed has been read
			if i%10 == 0 {
				s.wait("reading", s.log, func(st SourceStatus) bool { return st.Stored >= int64(10+i-kept/2) })
				now, _ := count()
				most = max(most, now)
			}
			s.must(os.Remove(fmt.Sprintf("%s.%d", s.log, i-kept)))
			if i%1000 == 0 {
				t.Logf("%d after %s", i, time.Since(begin).Round(time.Millisecond))
			}
		}
	}
	s.wait("all", s.log, func(st SourceStatus) bool { return st.Stored == int64(10+rotations) })
	took := time.Since(begin)
	var nowFiles, nowRoutines int
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if nowFiles, nowRoutines = count(); nowFiles <= files+kept+5 && nowRoutines <= routines+kept+5 {
			break
		}
	}
	t.Logf("%d rotations in %s: %d files and %d goroutines before, %d and %d after, at most %d files", rotations, took.Round(time.Millisecond), files, routines, nowFiles, nowRoutines, most)
	if nowFiles > files+kept+5 || nowRoutines > routines+kept+5 {
		t.Errorf("%d files and %d goroutines before, %d and %d after", files, routines, nowFiles, nowRoutines)
	}
}

// Where a user has no inotify instance left, logs are followed all the same.
func TestAllInotifyIsUsedUp(t *testing.T) {
	if os.Getuid() == 0 { // as a user whom nothing else needs them
		asNobody(t)
		return
	}
	var all []*fsnotify.Watcher
	for {
		w, err := fsnotify.NewWatcher()
		if err != nil {
			t.Logf("%d instances were to be had: %v", len(all), err)
			break
		}
		if all = append(all, w); len(all) > 10_000 {
			t.Fatal("there is no end of them")
		}
	}
	s := newSite(t)
	s.append(s.log, text(lines(0, 10)))
	s.start()
	s.expect(lines(0, 10)...)
	for i := 1; i < 4; i++ {
		s.append(s.log, text(lines(10*i, 10*i+5)))
		s.must(os.Rename(s.log, fmt.Sprintf("%s.%d", s.log, 9-i)))
		s.append(s.log, text(lines(10*i+5, 10*i+10)))
		s.expect(lines(0, 10*i+10)...)
	}
	for _, w := range all {
		s.must(w.Close())
	}
}

// A watchedDecoder notes how far it had come whenever it was told that time has passed.
type watchedDecoder struct {
	Decoder
	mu  *sync.Mutex
	log *[]flushed
}

type flushed struct {
	now time.Time
	off int64
}

func (w watchedDecoder) Decode(b *event.Batch, lines []byte, off int64) {
	w.Decoder.Decode(b, lines, off)
	time.Sleep(30 * time.Millisecond) // more is written meanwhile
}

func (w watchedDecoder) Flush(b *event.Batch, now time.Time, final bool) {
	if !final {
		w.mu.Lock()
		*w.log = append(*w.log, flushed{now, w.Mark().Off})
		w.mu.Unlock()
	}
	w.Decoder.Flush(b, now, final)
}

// Time passes for open records as long as all has been read that was there: a record whose other lines wait in the file is not over,
// whatever holds up reading.
func TestTimePassesForWhatHasBeenRead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var mu sync.Mutex
	var log []flushed
	s.cfg.Decoder = func(g event.Generation) Decoder { return watchedDecoder{newLineDecoder(g, false), &mu, &log} }
	s.append(s.log, "line 000000\n")
	s.start()
	s.expect("line 000000")
	var written []flushed
	for i := 1; i < 300; i++ {
		s.append(s.log, fmt.Sprintf("line %06d\n", i))
		written = append(written, flushed{time.Now(), int64(12 * (i + 1))})
		time.Sleep(2 * time.Millisecond)
	}
	s.expect(lines(0, 300)...)
	s.halt()
	for _, f := range log {
		for _, w := range written {
			if w.now.Before(f.now) && w.off > f.off {
				t.Fatalf("time passed to %s for a file that was read to %d and had %d bytes since %s", f.now.Format(time.StampMicro), f.off, w.off, w.now.Format(time.StampMicro))
			}
		}
	}
	t.Logf("time passed %d times", len(log))
}

package source

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/gzip"

	"github.com/saypro/veritail/pipeline/event"
)

// A looker drives a finder by hand, with a clock of its own: nothing happens between two steps of a test.
type looker struct {
	*testing.T
	log   string
	gens  []event.Generation
	marks []event.Mark
	x     *Finder
	now   time.Time
}

func newLooker(t *testing.T) *looker {
	return &looker{T: t, log: filepath.Join(t.TempDir(), "app.log")}
}

func (l *looker) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// start is a start of the daemon with what is stored, long after everything that has happened.
func (l *looker) start() {
	l.Helper()
	var err error
	l.x, err = NewFinder("here", []Pattern{{Glob: l.log}}, l.gens, l.marks, Timing{Settle: time.Second})
	l.must(err)
	l.now = time.Now().Add(time.Minute)
	l.Cleanup(l.x.Close)
}

// look looks a second later.
func (l *looker) look() []*File {
	l.now = l.now.Add(time.Second)
	return l.x.Look(l.now)
}

// stored says that the store holds a generation of which the file at path has been read up to off.
func (l *looker) stored(text string, off int, fs facts) {
	head := text[:min(off, HeadBytes)]
	g := event.Generation{Host: "here", Path: l.log, Device: fs.dev, Inode: fs.ino, Birth: fs.birth,
		Head: xxhash.Sum64String(head), HeadLen: int32(len(head))}
	g.ID = generationID(g, len(l.gens))
	l.gens, l.marks = append(l.gens, g), append(l.marks, event.Mark{Gen: g.ID, Off: int64(off)})
}

func (l *looker) write(path, text string) facts {
	l.Helper()
	l.must(os.WriteFile(path, []byte(text), 0o644))
	fs, err := factsAt(path)
	l.must(err)
	return fs
}

// gzip writes text compressed; of the compressed bytes only the first n, unless n is 0.
func (l *looker) gzip(path, text string, n int) facts {
	l.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.WriteString(w, text)
	l.must(err)
	l.must(w.Close())
	if n > 0 {
		b.Truncate(n)
	}
	return l.write(path, b.String())
}

// read reads f as far as it goes.
func (l *looker) read(f *File) string {
	l.Helper()
	var b strings.Builder
	for p := make([]byte, 1000); ; {
		n, err := f.Read(p)
		b.Write(p[:n])
		if err == io.EOF {
			f.Caught()
			return b.String()
		}
		l.must(err)
	}
}

// end ends the reading of f.
func (l *looker) end(f *File) {
	m := f.Mark()
	m.Off = f.pos
	l.x.Ended(f, f.Gen(), m)
	f.Close()
}

// all looks and reads until there is nothing new, and returns what each generation gave, in order.
func (l *looker) all() (texts []string) {
	l.Helper()
	for quiet := 0; quiet < 3; quiet++ {
		for _, f := range l.look() {
			texts, quiet = append(texts, l.read(f)), 0
			if f.name.Load() == hasName {
				l.Cleanup(func() { f.Close() })
				continue
			}
			l.end(f)
		}
	}
	slices.Sort(texts)
	return texts
}

func (l *looker) want(want ...string) {
	l.Helper()
	if got := l.all(); !slices.Equal(got, want) {
		l.Fatalf("read %s, want %s", brief(got), brief(want))
	}
}

func brief(texts []string) (s []string) {
	for _, t := range texts {
		s = append(s, fmt.Sprintf("%.12q+%d", t, len(t)))
	}
	return s
}

// text returns the text of a log of n lines, whose lines begin with name.
func text(name string, n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%s %06d\n", name, i)
	}
	return b.String()
}

// A compressed generation frees the inode of its original, and the next file that is made gets it.
func TestAFileWithTheInodeOfAGenerationThatIsReadFromItsCopyIsRead(t *testing.T) {
	for _, where := range []string{".1", ".3.gz", ""} {
		t.Run("at path"+where, func(t *testing.T) {
			l := newLooker(t)
			a, b, c := text("a", 500), text("b", 300), text("c", 300)
			var reused facts
			if where == ".3.gz" {
				reused = l.gzip(l.log+where, b, 0)
			} else {
				reused = l.write(l.log+where, b)
			}
			older := l.gzip(l.log+".2.gz", a, 0)
			l.must(os.Chtimes(l.log+".2.gz", time.Now(), time.Now().Add(-time.Minute)))
			older.birth -= 1e6
			l.stored(text("gone", 100), 1300, older)
			if where != "" {
				l.write(l.log, c)
			}
			reused.birth -= 1e6 // of the original, whose inode it was
			l.stored(a, 1300, reused)
			l.start()
			if where == "" {
				l.want(a[1300:], b)
			} else {
				l.want(a[1300:], b, c)
			}
		})
	}
}

// Without the time at which a file was made, only its first bytes tell that its inode was used again.
func TestAReusedInodeIsToldByTheFirstBytesAlone(t *testing.T) {
	l := newLooker(t)
	a, b, c := text("a", 500), text("b", 300), text("c", 300)
	reused := l.write(l.log+".1", b)
	l.stored(text("gone", 100), 1300, l.gzip(l.log+".2.gz", a, 0))
	l.must(os.Chtimes(l.log+".2.gz", time.Now(), time.Now().Add(-time.Minute)))
	l.write(l.log, c)
	l.stored(a, 1300, reused)
	l.start()
	l.want(a[1300:], b, c)
}

func TestACopyWhoseReaderEndedEarlyIsReadOn(t *testing.T) {
	l := newLooker(t)
	a := text("a", 300)
	l.write(l.log, a[:1300])
	l.start()
	files := l.look()
	if len(files) != 1 || l.read(files[0]) != a[:1300] {
		t.Fatalf("%d files at the start", len(files))
	}
	l.gzip(l.log+".1.gz", a, 0) // the writer wrote on after its reader had looked last
	l.must(os.Remove(l.log))
	l.write(l.log, text("b", 2))
	l.now = l.now.Add(time.Minute)
	for range 3 {
		for _, f := range l.look() {
			if got := l.read(f); got != text("b", 2) {
				t.Fatalf("read %q", got)
			}
		}
	}
	l.end(files[0])
	l.want(a[1300:])
}

func TestTwoFilesOfOneUnknownGenerationAreReadOnce(t *testing.T) {
	for _, size := range []int{3, 300} {
		l := newLooker(t)
		l.stored(text("0", 9), 72, facts{birth: 1})
		a := text("a", size)
		l.write(l.log+".1", a)
		l.gzip(l.log+".1.gz", a, 0) // gzip has not removed the original yet
		l.write(l.log, text("b", 3))
		l.start()
		l.want(a, text("b", 3))
	}
}

func TestACompressedCopyThatIsStillWrittenIsNotTakenForAGeneration(t *testing.T) {
	for _, n := range []int{5, 10, 40, 0} {
		t.Run(fmt.Sprintf("%d bytes are there", n), func(t *testing.T) {
			l := newLooker(t)
			a := text("a", 300)
			old := l.write(l.log+".1", a)
			l.stored(a, len(a), old)
			l.gzip(l.log+".1.gz", a, n)
			l.write(l.log, text("b", 3))
			l.start()
			l.now = time.Now().Add(3 * time.Second) // it rests because the machine is busy, not because it is done
			l.want(text("b", 3))
			l.must(os.Remove(l.log + ".1"))
			l.gzip(l.log+".1.gz", a, 0)
			l.now = l.now.Add(time.Minute)
			l.want()
		})
	}
}

// The beginning of a file, while only that has been read, may be the beginning of many.
func TestAFileThatBeginsLikeTheOneBeingReadIsJudgedAgainWhenThatHasGrown(t *testing.T) {
	l := newLooker(t)
	a := "1000\n" + text("a", 300)
	l.stored("0\n", 2, facts{birth: 1})
	l.gzip(l.log+".1.gz", a, 0)
	l.must(os.Chtimes(filepath.Dir(l.log), time.Now(), time.Now().Add(-time.Hour)))
	l.write(l.log, "10")
	l.start()
	files := l.look()
	for range 3 {
		files = append(files, l.look()...)
		l.read(files[0])
	}
	if len(files) != 1 {
		t.Fatalf("%d files, want the one that has the name", len(files))
	}
	f, err := os.OpenFile(l.log, os.O_APPEND|os.O_WRONLY, 0)
	l.must(err)
	_, err = f.WriteString("42\nnext\n")
	l.must(err)
	l.must(f.Close())
	if got := l.read(files[0]); got != "42\nnext\n" {
		t.Fatalf("read %q", got)
	}
	l.want(a)
}

func TestACopyWithTheInodeOfAnOldGenerationIsReadAfterTruncation(t *testing.T) {
	l := newLooker(t)
	a := text("a", 300)
	l.write(l.log, a[:1300])
	reused := l.write(l.log+".1", a)
	reused.birth -= 1e6
	l.stored(text("old", 200), 1500, reused)
	l.start()
	var f *File
	for _, f = range l.look() {
		if got := l.read(f); got != a[:1300] {
			t.Fatalf("read %d bytes of %s", len(got), f.Name())
		}
	}
	l.must(os.Truncate(l.log, 0))
	if _, err := f.Read(make([]byte, 10)); err != ErrTruncated {
		t.Fatalf("error %v, want that it was truncated", err)
	}
	c, ok := l.x.Truncated(f)
	if !ok {
		t.Fatal("the copy is not found")
	}
	l.must(f.Continue(c))
	if got := l.read(f); got != a[1300:] {
		t.Fatalf("read %d bytes from the copy, want %d", len(got), len(a)-1300)
	}
	l.end(f)
}

func TestAnUnreadDamagedCopyIsReadOnceAndThenLeftAlone(t *testing.T) {
	l := newLooker(t)
	l.stored("0\n", 2, facts{birth: 1})
	l.gzip(l.log+".1.gz", text("a", 30), 40)
	l.start() // a minute later: nobody writes it any more
	files := l.look()
	if len(files) != 1 {
		t.Fatalf("%d files, want the damaged one", len(files))
	}
	var err error
	for err == nil {
		_, err = files[0].Read(make([]byte, 100))
	}
	if err == io.EOF {
		t.Fatal("the damage is not told")
	}
	l.x.Failed(files[0], err, l.now)
	l.end(files[0])
	for range 3 {
		if len(l.look()) > 0 {
			t.Fatal("it is read again and again")
		}
	}
}

func TestShortFilesThatBeginAlikeAreEachRead(t *testing.T) {
	const banner = "service started\n"
	for _, tc := range []struct{ name, old, here string }{
		{"the older is the beginning of the newer", banner, banner + "more\n"},
		{"the newer is the beginning of the older", banner + "more\n", banner},
		{"they are the same", banner, banner},
	} {
		for _, compressed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, compressed %v", tc.name, compressed), func(t *testing.T) {
				l := newLooker(t)
				l.stored("0\n", 2, facts{birth: 1})
				was := l.write(l.log+".1", tc.old)
				time.Sleep(20 * time.Millisecond)
				l.write(l.log, tc.here)
				if compressed {
					l.must(os.Remove(l.log + ".1"))
					l.gzip(l.log+".1.gz", tc.old, 0)
					l.must(os.Chtimes(l.log+".1.gz", time.UnixMicro(was.mtime), time.UnixMicro(was.mtime)))
				}
				l.start()
				want := []string{tc.old, tc.here}
				slices.Sort(want)
				l.want(want...)
			})
		}
	}
}

// Where the system gives no notice of a file, the finder's looks tell its reader of any change, at a quiet one too.
func TestEachLookTellsTheReaderOfWhatHasChanged(t *testing.T) {
	l := newLooker(t)
	l.write(l.log, "one\n")
	l.start()
	files := l.look()
	if len(files) != 1 {
		t.Fatalf("%d files to be read, want 1", len(files))
	}
	f, place := files[0], l.x.places[l.log]
	defer f.Close()
	place.notice.stop()
	place.notice = nil
	told := func() bool {
		place.quiet = l.now // or a new notice would be taken
		l.look()
		select {
		case <-f.Wake():
			return true
		default:
			return false
		}
	}
	for told() {
	}
	for _, change := range []struct {
		what string
		do   func() error
	}{
		{"it grew", func() error { return os.WriteFile(l.log, []byte("one\ntwo\n"), 0o644) }},
		{"it was written anew, and is as long as before", func() error { return os.WriteFile(l.log, []byte("six\nten\n"), 0o644) }},
		{"it was emptied", func() error { return os.Truncate(l.log, 0) }},
		{"it was renamed", func() error { return os.Rename(l.log, l.log+".1") }},
	} {
		time.Sleep(20 * time.Millisecond) // times of files are coarse
		l.must(change.do())
		if !told() {
			t.Errorf("%s, and the reader does not know", change.what)
		}
	}
	if told() {
		t.Error("nothing has happened, and the reader was woken")
	}
}

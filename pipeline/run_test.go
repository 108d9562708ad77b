package pipeline

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
	"github.com/saypro/veritail/tools/need"
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
	want = slices.Clone(want)
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
	t.Parallel()
	s := newSite(t)
	s.append(s.log, text(lines(0, 3)))
	s.start()
	s.expect(lines(0, 3)...)
	s.append(s.log, text(lines(3, 5)))
	s.expect(lines(0, 5)...)
}

func TestAFileThatIsNotThereIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.start()
	s.wait("waiting", s.log, func(st SourceStatus) bool { return st.State == Waiting && st.Err == nil })
	s.append(s.log, text(lines(0, 2)))
	s.expect(lines(0, 2)...)
	s.wait("following", s.log, func(st SourceStatus) bool { return st.State == Following && st.Stored == 2 && st.LagBytes == 0 })
}

func TestALineIsReadWhenItsEndingComes(t *testing.T) {
	t.Parallel()
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
	t.Parallel()
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
	t.Parallel()
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

func TestRotationsWhileNobodyLooked(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.append(s.log, text(lines(0, 100)))
	s.start()
	s.expect(lines(0, 100)...)
	s.halt()
	s.append(s.log, text(lines(100, 200)))
	s.must(os.Rename(s.log, s.log+".3"))
	s.append(s.log+".2", text(lines(200, 300))) // came and went while the daemon was down
	s.append(s.log+".1", text(lines(300, 305)))
	s.append(s.log, text(lines(305, 400)))
	s.start()
	s.expect(lines(0, 400)...)
}

// packers are the programs that rotation compresses with, and the extensions that they give.
var packers = []struct{ program, ext string }{{"gzip", ".gz"}, {"zstd", ".zst"}, {"bzip2", ".bz2"}}

// eachPacker runs a test for each packer; pack writes text compressed to path with its extension.
func eachPacker(t *testing.T, test func(t *testing.T, pack func(path, text string))) {
	t.Parallel()
	for _, p := range packers {
		t.Run(p.program, func(t *testing.T) {
			t.Parallel()
			program := need.Program(t, p.program)
			test(t, func(path, text string) {
				t.Helper()
				plain := filepath.Join(t.TempDir(), "plain")
				if err := os.WriteFile(plain, []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
				packed, err := exec.Command(program, "-c", plain).Output()
				if err == nil {
					err = os.WriteFile(path+p.ext, packed, 0o644)
				}
				if err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}

func TestTheRestOfACompressedGenerationIsReadFromItsCopy(t *testing.T) {
	eachPacker(t, testTheRestOfACompressedGeneration)
}

func testTheRestOfACompressedGeneration(t *testing.T, pack func(path, text string)) {
	s := newSite(t)
	s.append(s.log, text(lines(0, 500)))
	s.start()
	s.expect(lines(0, 500)...)
	s.halt()
	s.append(s.log, text(lines(500, 900)))
	pack(s.log+".1", text(lines(0, 900)))
	pack(s.log+".2", text(lines(0, 500))) // a copy that holds nothing new
	s.must(os.Remove(s.log))
	s.append(s.log, text(lines(900, 950)))
	s.start()
	s.expect(lines(0, 950)...)
	if n := len(s.store.gens); n != 2 {
		t.Fatalf("%d generations, want 2: a copy keeps the generation of its original", n)
	}
}

func TestACompressedGenerationThatNobodySawIsRead(t *testing.T) {
	eachPacker(t, testACompressedGenerationThatNobodySaw)
}

func testACompressedGenerationThatNobodySaw(t *testing.T, pack func(path, text string)) {
	s := newSite(t)
	s.append(s.log, text(lines(0, 10)))
	s.start()
	s.expect(lines(0, 10)...)
	s.halt()
	s.must(os.Rename(s.log, s.log+".2"))
	pack(s.log+".1", text(lines(10, 700)))
	s.append(s.log, text(lines(700, 702)))
	s.start()
	s.expect(lines(0, 702)...)
	s.halt()
	s.start() // and is known from then on
	s.expect(lines(0, 702)...)
}

func TestAFileThatWasEmptyAtTheStopAndRotatedSinceIsRead(t *testing.T) {
	t.Parallel()
	for _, compressed := range []bool{false, true} {
		t.Run(fmt.Sprintf("compressed %v", compressed), func(t *testing.T) {
			s := newSite(t)
			s.append(s.log, "")
			s.start()
			s.wait("known", s.log, func(SourceStatus) bool { gens, _ := s.store.Generations(t.Context()); return len(gens) == 1 })
			s.halt()
			s.append(s.log, text(lines(0, 50)))
			if compressed {
				writeGzip(t, s.log+".1.gz", text(lines(0, 50)))
				s.must(os.Remove(s.log))
			} else {
				s.must(os.Rename(s.log, s.log+".1"))
			}
			s.append(s.log, text(lines(50, 60)))
			s.start()
			s.expect(lines(0, 60)...)
		})
	}
}

func TestRotatedFilesFromBeforeTheFirstStartAreLeftAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.append(s.log+".1", text(lines(0, 100)))
	time.Sleep(50 * time.Millisecond)
	s.append(s.log, text(lines(100, 110)))
	s.start()
	s.expect(lines(100, 110)...)
	s.must(os.Rename(s.log+".1", s.log+".2"))
	s.must(os.Rename(s.log, s.log+".1"))
	s.append(s.log, text(lines(110, 120)))
	s.expect(lines(100, 120)...)
}

func TestAPatternThatMatchesRotatedFilesReadsEachLineOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cfg.Sources[0].Glob = filepath.Join(s.dir, "*")
	writeGzip(t, s.log+".2.gz", text(lines(0, 100)))
	s.append(s.log+".1", text(lines(100, 200)))
	s.append(s.log, text(lines(200, 300)))
	s.append(filepath.Join(s.dir, "other.log"), "other\n")
	s.start()
	want := append(lines(0, 300), "other")
	s.expect(want...)
	s.must(os.Rename(s.log+".2.gz", s.log+".3.gz"))
	writeGzip(t, s.log+".2.gz", text(lines(100, 200)))
	s.must(os.Remove(s.log + ".1"))
	s.must(os.Rename(s.log, s.log+".1"))
	s.append(s.log, "new\n")
	s.expect(append(want, "new")...)
	time.Sleep(2 * s.cfg.Settle)
	s.expect(append(want, "new")...)
}

func TestTruncationInPlace(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.append(s.log, text(lines(0, 200)))
	s.start()
	s.expect(lines(0, 200)...)
	s.must(os.Truncate(s.log, 0))
	s.append(s.log, text(lines(200, 203)))
	s.expect(lines(0, 203)...)
	if n := len(s.store.gens); n != 2 {
		t.Fatalf("%d generations, want 2", n)
	}
}

func TestTruncationThatGrewPastTheOldOffsetIsToldByTheHead(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.append(s.log, text(lines(0, 20)))
	s.start()
	s.expect(lines(0, 20)...)
	s.halt()
	s.must(os.Truncate(s.log, 0))
	s.append(s.log, text(lines(20, 90)))
	s.start()
	s.expect(lines(0, 90)...)
}

func TestWhatACopyHoldsIsReadAfterTruncation(t *testing.T) {
	t.Parallel()
	for _, down := range []bool{false, true} {
		t.Run(fmt.Sprintf("while the daemon was down %v", down), func(t *testing.T) {
			s := newSite(t)
			s.cfg.Poll = 300 * time.Millisecond
			s.append(s.log, text(lines(0, 200)))
			s.start()
			s.expect(lines(0, 200)...)
			if down {
				s.halt()
			}
			s.append(s.log, text(lines(200, 300)))
			b, err := os.ReadFile(s.log)
			s.must(err)
			s.must(os.WriteFile(s.log+".1", b, 0o644))
			s.must(os.Truncate(s.log, 0))
			s.append(s.log, text(lines(300, 310)))
			if down {
				s.start()
			}
			s.expect(lines(0, 310)...)
			st := s.wait("nothing lost", s.log, func(st SourceStatus) bool { return st.LostBytes == 0 })
			if n := len(s.store.gens); n != 2 {
				t.Fatalf("%d generations, want 2: %+v", n, st)
			}
		})
	}
}

func TestBytesThatRotationDestroyedAreCounted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.append(s.log, text(lines(0, 200))+"half a li")
	s.start()
	s.expect(lines(0, 200)...)
	s.wait("half a line", s.log, func(st SourceStatus) bool { return st.LagBytes > 0 })
	s.must(os.Truncate(s.log, 0))
	s.append(s.log, "new\n")
	s.expect(append(lines(0, 200), "half a li", "new")...)
	for _, e := range s.store.events {
		if e.unparsed != (e.text == "half a li") {
			t.Errorf("%q: unparsed %v; only the line that lost its tail is", e.text, e.unparsed)
		}
	}
}

// A reader that waits for the store knows how much was there when the file is emptied.
func TestWhatATruncationDestroyedUnreadIsCounted(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var away atomic.Bool
	away.Store(true)
	s.store.fail = func(int) failure {
		if away.Load() {
			return fails
		}
		return works
	}
	s.cfg.Bytes = 1 << 20
	line := strings.Repeat("x", 1<<16-1) + "\n"
	const total = 40 << 20
	s.append(s.log, strings.Repeat(line, total>>16))
	s.start()
	var last SourceStatus
	s.wait("all of its size known, and a part read", s.log, func(st SourceStatus) bool {
		same := st.Account.Bytes == last.Account.Bytes
		last = st
		return same && st.Account.Bytes > 0 && st.Account.Bytes < total
	})
	time.Sleep(10 * s.cfg.Poll)
	s.must(os.Truncate(s.log, 0))
	away.Store(false)
	st := s.wait("what was lost", s.log, func(st SourceStatus) bool { return st.LostBytes > 0 && st.Pending == 0 })
	if st.Account.Bytes+st.LostBytes != total || st.Breach != "" {
		t.Errorf("%d bytes were read and %d lost of %d; %s", st.Account.Bytes, st.LostBytes, total, st.Breach)
	}
}

func TestRemovedAndMadeAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.append(s.log, text(lines(0, 5)))
	s.start()
	s.expect(lines(0, 5)...)
	last := s.wait("opened", s.log, func(SourceStatus) bool { return true }).Gen
	for i := range 5 {
		s.must(os.Remove(s.log))
		s.append(s.log, text(lines(5*i+5, 5*i+10)))
		// One that is removed before it was opened is gone for everybody.
		last = s.wait("opened anew", s.log, func(st SourceStatus) bool { return st.Gen != 0 && st.Gen != last }).Gen
	}
	s.expect(lines(0, 30)...)
}

func TestAFileReplacedByALongerCopyOfItselfIsTheSameGeneration(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.append(s.log, text(lines(0, 200)))
	s.start()
	s.expect(lines(0, 200)...)
	for _, to := range []int{250, 300} {
		s.append(s.log+"~", text(lines(0, to)))
		s.must(os.Rename(s.log+"~", s.log))
		s.expect(lines(0, to)...)
	}
	if n := len(s.store.gens); n != 1 {
		t.Fatalf("%d generations, want 1", n)
	}
}

func TestACopyApartIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.append(s.log, text(lines(0, 200)))
	s.start()
	s.expect(lines(0, 200)...)
	s.append(s.log+".1", text(lines(0, 200)))
	s.append(s.log, text(lines(200, 210)))
	s.expect(lines(0, 210)...)
	s.halt()
	s.start()
	s.expect(lines(0, 210)...)
}

func TestAnUnreadableFileIsReportedAndTriedAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.must(os.Mkdir(s.log, 0o755)) // as good as a permission, and root cannot read it either
	s.start()
	st := s.wait("unreadable", s.log, func(st SourceStatus) bool { return st.State == Unread })
	if !strings.Contains(fmt.Sprint(st.Err), "not a regular file") || !strings.Contains(st.Err.Error(), s.log) {
		t.Fatalf("error %v", st.Err)
	}
	s.must(os.Remove(s.log))
	s.append(s.log, "now\n")
	s.expect("now")
}

func TestAPermissionThatIsMissingIsReportedExactly(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 { // root may read everything: be nobody
		asNobody(t)
		return
	}
	s := newSite(t)
	open := filepath.Join(s.dir, "open.log")
	s.cfg.Sources = append(s.cfg.Sources, source.Pattern{Glob: open, Dataset: "open"})
	s.append(s.log, "secret\n")
	s.must(os.Chmod(s.log, 0))
	s.append(open, "open\n")
	s.start()
	s.expect("open") // the others are read
	st := s.wait("unreadable", s.log, func(st SourceStatus) bool { return st.State == Unread })
	if !os.IsPermission(st.Err) {
		t.Fatalf("error %v", st.Err)
	}
	s.must(os.Chmod(s.log, 0o600))
	s.expect("open", "secret")
}

// asNobody runs the test again as a user without rights. The program is run through its process, since nobody may
// not enter the folder it lies in.
func asNobody(t *testing.T) {
	t.Helper()
	const nobody = 65534
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Dir, cmd.Env = "/", []string{"TMPDIR=/tmp"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Fatalf("as nobody: %v\n%s", err, out)
	}
}

func TestADamagedCompressedFileGivesWhatCanBeReadAndItsError(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cfg.Sources[0].Glob = filepath.Join(s.dir, "*.gz")
	name := filepath.Join(s.dir, "old.gz")
	writeGzip(t, name, text(lines(0, 20_000)))
	b, err := os.ReadFile(name)
	s.must(err)
	s.must(os.WriteFile(name, b[:3*len(b)/4], 0o644))
	s.start()
	st := s.wait("damage", name, func(st SourceStatus) bool { return st.Err != nil })
	for _, want := range []string{name, "offset", "cut off"} {
		if !strings.Contains(st.Err.Error(), want) {
			t.Errorf("error %q does not say %q", st.Err, want)
		}
	}
	s.wait("read", name, func(st SourceStatus) bool { return st.Stored > 10_000 && st.Pending == 0 })
	n := s.store.len()
	time.Sleep(200 * time.Millisecond)
	if s.store.len() != n {
		t.Fatal("a damaged file is read again and again")
	}
}

func TestALineLongerThanTheBoundIsOneCutEvent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cfg.MaxLine = 1 << 10
	long := strings.Repeat("x", 100_000)
	s.append(s.log, "before\n"+long+"\nafter\n")
	s.start()
	s.expect("before", long[:100], "after")
	st := s.wait("account", s.log, func(st SourceStatus) bool { return st.Account.Cut == 1 })
	if st.Account.Bytes != int64(len(long)+1+7+6) || st.Account.Unparsed != 1 {
		t.Fatalf("account %+v", st.Account)
	}
}

func TestOpenRecordsOutliveARestart(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cfg.Decoder = func(g event.Generation) Decoder { return newLineDecoder(g, true) }
	s.append(s.log, "A one\nB un\na two\nC x\nc .\n???\nb deux\n")
	s.start()
	s.expect("x|.|", "???")
	s.halt()
	if open := s.mark(s.log).Open; len(open) != 4 {
		t.Fatalf("open spans %v, want those of 4 lines", open)
	}
	s.append(s.log, "a three\nb .\n")
	s.start()
	s.expect("x|.|", "???", "un|deux|.|")
	s.must(os.Rename(s.log, s.log+".1")) // a rotated generation has no open records
	s.append(s.log, "C y\nc .\n")
	s.expect("x|.|", "???", "un|deux|.|", "one|two|three|", "y|.|")
	st := s.wait("read", s.log, func(st SourceStatus) bool { return st.Pending == 0 })
	if a := st.Account; !a.Balanced() || a.Read != 11 || st.Stored != 11 {
		t.Fatalf("account %+v, stored %d: want 11 lines, balanced", a, st.Stored)
	}
}

func TestRecordsEndWhenTheirTimeIsOver(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.cfg.Decoder = func(g event.Generation) Decoder {
		d := newLineDecoder(g, true)
		d.until = 50 * time.Millisecond
		return d
	}
	s.append(s.log, "A one\n")
	s.start()
	s.expect("one|")
	s.wait("stored", s.log, func(st SourceStatus) bool { return st.Stored == 1 })
	if m := s.mark(s.log); len(m.Open) != 0 || m.Off != 6 {
		t.Fatalf("stored mark %+v", m)
	}
}

// mark returns the stored mark of the generation that was seen last at path.
func (s *site) mark(path string) event.Mark {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	var last event.Generation
	for _, g := range s.store.gens {
		if g.Path == path && g.Birth > last.Birth {
			last = g
		}
	}
	return s.store.marks[last.ID]
}

func writeGzip(t *testing.T, path, text string) {
	t.Helper()
	var b bytes.Buffer
	half := len(text) / 2
	for _, part := range []string{text[:half], text[half:]} { // two members
		w := gzip.NewWriter(&b)
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

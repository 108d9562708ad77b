package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/spool"
	"github.com/saypro/veritail/tools/need"
)

// A site has a directory of journal files and a spool.
type site struct {
	journal, dir string
	remote       string
	time         time.Time
	next         int
}

func newSite(t *testing.T) *site {
	t.Helper()
	return &site{
		journal: t.TempDir(), dir: t.TempDir(), remote: need.Program(t, "systemd-journal-remote"),
		time: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC),
	}
}

// write writes n entries into the journal file of that name, numbered on from the last; messages may be replaced.
func (s *site) write(t *testing.T, name string, n int, messages ...string) {
	t.Helper()
	var b bytes.Buffer
	for i := range n {
		message := fmt.Sprintf("entry %d", s.next)
		if i < len(messages) {
			message = messages[i]
		}
		s.next++
		s.time = s.time.Add(time.Second)
		fmt.Fprintf(&b, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_MACHINE_ID=0123456789abcdef0123456789abcdee\n", s.time.UnixMicro(), s.next)
		fmt.Fprintf(&b, "_HOSTNAME=web1\nPRIORITY=6\nSYSLOG_IDENTIFIER=test\nMESSAGE=%s\n\n", message)
	}
	cmd := exec.Command(s.remote, "-o", filepath.Join(s.journal, name+".journal"), "-")
	cmd.Stdin = &b
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("write a journal: %v\n%s", err, out)
	}
}

// read runs a reader until the spool has n lines and returns their messages, and what the reader says then.
func (s *site) read(t *testing.T, n int) ([]string, Status) {
	t.Helper()
	sp, err := spool.Open(spool.Config{Dir: s.dir, Max: 1 << 30, Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	r := New(Config{Program: need.Program(t, "journalctl"), Directory: s.journal, MaxLine: 1 << 20, Spool: sp})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		got := s.messages(t)
		if len(got) >= n {
			time.Sleep(200 * time.Millisecond) // are there more?
			return s.messages(t), r.Status()
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d entries: %+v", len(got), n, r.Status())
		}
	}
}

func (s *site) messages(t *testing.T) (all []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "journal.log"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var e struct {
			Message string `json:"MESSAGE"`
		}
		if !strings.HasSuffix(line, "\n") {
			break
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, e.Message)
	}
	return all
}

// entries returns the messages of entries from to to.
func entries(from, to int) (all []string) {
	for i := from; i < to; i++ {
		all = append(all, fmt.Sprintf("entry %d", i))
	}
	return all
}

func TestEachEntryIsReadOnceAcrossStarts(t *testing.T) {
	s := newSite(t)
	s.write(t, "a", 5)
	for start := range 3 {
		got, status := s.read(t, s.next)
		if want := entries(0, s.next); !slices.Equal(got, want) || status.Missing != 0 || status.Err != nil {
			t.Fatalf("start %d: %q, %+v", start, got, status)
		}
		s.write(t, "a", 3+start)
	}
}

func TestEntriesAreFollowed(t *testing.T) {
	s := newSite(t)
	s.write(t, "a", 1)
	sp, err := spool.Open(spool.Config{Dir: s.dir, Max: 1 << 30, Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	r := New(Config{Program: need.Program(t, "journalctl"), Directory: s.journal, MaxLine: 1 << 20, Spool: sp})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	for n := 1; n <= 3; n++ {
		for end := time.Now().Add(20 * time.Second); len(s.messages(t)) < n; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d entries of %d", len(s.messages(t)), n)
			}
		}
		s.write(t, "a", 1)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The journal drops its oldest files when it is too large, whether they were read or not.
func TestAJournalThatDroppedWhatWasReadLastHasAGap(t *testing.T) {
	s := newSite(t)
	s.write(t, "a", 5)
	if got, _ := s.read(t, 5); len(got) != 5 {
		t.Fatalf("%q", got)
	}
	s.write(t, "a", 4) // not read
	if err := os.Remove(filepath.Join(s.journal, "a.journal")); err != nil {
		t.Fatal(err)
	}
	s.write(t, "b", 2)
	got, status := s.read(t, 7)
	if want := append(entries(0, 5), entries(9, 11)...); !slices.Equal(got, want) || status.Gaps != 1 {
		t.Errorf("%q, %+v; want %q and a gap", got, status, want)
	}
}

func TestEntriesThatAreMissingAreCountedByTheirNumbers(t *testing.T) {
	s := newSite(t)
	s.write(t, "a", 10)
	text, err := exec.Command(need.Program(t, "journalctl"), "-D", s.journal, "-o", "json", "--all").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte{'\n'})
	sp, err := spool.Open(spool.Config{Dir: s.dir, Max: 1 << 30, Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	r := New(Config{MaxLine: 1 << 20, Spool: sp})
	left := bytes.Join(slices.Concat(lines[:3], lines[5:8], lines[9:]), nil)
	if err := r.take(t.Context(), bytes.NewReader(left), position{}); err != nil {
		t.Fatal(err)
	}
	if got := r.Status(); got.Entries != 7 || got.Gaps != 2 || got.Missing != 3 {
		t.Errorf("%+v, want 7 entries, and 3 missing in 2 gaps", got)
	}
}

func TestAnEntryBeyondTheBoundLosesItsLongestFields(t *testing.T) {
	s := newSite(t)
	long := strings.Repeat("x", 3<<20)
	s.write(t, "a", 3, "before", "short\nCORE="+long, "after")
	got, status := s.read(t, 3)
	if want := []string{"before", "short", "after"}; !slices.Equal(got, want) || status.Cut != 1 {
		t.Errorf("%q, %+v", got, status)
	}
	if got, _ := s.read(t, 3); len(got) != 3 {
		t.Errorf("after another start there are %d", len(got))
	}
}

func TestAJournalThatCannotBeReadIsTold(t *testing.T) {
	s := newSite(t)
	sp, err := spool.Open(spool.Config{Dir: s.dir, Max: 1 << 30, Resume: true})
	if err != nil {
		t.Fatal(err)
	}
	defer sp.Close()
	for _, tc := range []struct{ program, directory, want string }{
		{filepath.Join(s.dir, "no-such-journalctl"), s.journal, "no such file"},
		{need.Program(t, "journalctl"), filepath.Join(s.dir, "nowhere"), "No such file"},
	} {
		r := New(Config{Program: tc.program, Directory: tc.directory, MaxLine: 1 << 20, Spool: sp})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		for end := time.Now().Add(10 * time.Second); r.Status().Err == nil && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := r.Status().Err; err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v", err)
		}
	}
}

func TestPositionsComeFromTheEntryAndNotFromItsTexts(t *testing.T) {
	for _, tc := range []struct {
		entry, cursor string
		number        uint64
	}{
		{`{"MESSAGE":"\"__CURSOR\":\"s=1;i=2\"","__CURSOR":"s=ab;i=1f;b=0","X":"y"}`, "s=ab;i=1f;b=0", 31},
		{`{"__CURSOR":"s=ab;i=1f`, "", 0},
		{`{"MESSAGE":"none"}`, "", 0},
		{`no JSON at all`, "", 0},
	} {
		if got := positionOf([]byte(tc.entry)); got.cursor != tc.cursor || got.number != tc.number {
			t.Errorf("%s: %+v", tc.entry, got)
		}
	}
}

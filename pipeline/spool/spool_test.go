package spool_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/spool"
	"github.com/saypro/veritail/tools/need"
)

const mib = 1 << 20

func open(t *testing.T, dir string, max int64) *spool.Spool {
	t.Helper()
	s, err := spool.Open(spool.Config{Dir: dir, Max: max})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func add(t *testing.T, s *spool.Spool, from, lines string) {
	t.Helper()
	if n, err := s.Append(from, []byte(lines)); err != nil || n != len(lines) {
		t.Fatalf("%d of %d bytes were taken: %v", n, len(lines), err)
	}
}

// files returns the names and texts of what lies in a directory.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		all[e.Name()] = string(text)
	}
	return all
}

func TestLinesStandInTheFileOfTheirSender(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, mib)
	add(t, s, "10.0.0.1", "a\n")
	add(t, s, "fe80::1", "b\n")
	add(t, s, "10.0.0.1", "c\nd\n")
	got := files(t, dir)
	if len(got) != 2 || got["10.0.0.1.log"] != "a\nc\nd\n" || got["fe80::1.log"] != "b\n" {
		t.Errorf("the spool has %q", got)
	}
}

func TestNoNameLeavesTheSpool(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, mib)
	for _, from := range []string{"../../etc/passwd", "/etc/passwd", "..", "", ".hidden", "a\x00b", "x.log.5", strings.Repeat("long", 100)} {
		add(t, s, from, "a\n")
	}
	for name := range files(t, dir) {
		if !strings.HasSuffix(name, ".log") || strings.HasPrefix(name, ".") || len(name) > 80 {
			t.Errorf("a file is called %q", name)
		}
	}
	if around, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(around) != 1 {
		t.Errorf("beside the spool lies %v, %v", around, err)
	}
}

func TestASpoolTakesNoMoreThanItsBound(t *testing.T) {
	s := open(t, t.TempDir(), 10)
	if n, err := s.Append("a", []byte("123\n567\n90\n")); n != 8 || !errors.Is(err, spool.ErrFull) {
		t.Fatalf("%d bytes were taken: %v", n, err)
	}
	if n, err := s.Append("a", []byte("901\n")); n != 0 || !errors.Is(err, spool.ErrFull) || !s.Status().Full {
		t.Fatalf("%d bytes were taken: %v", n, err)
	}
	if err := s.Sweep(time.Now().Add(time.Hour), func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if got := s.Status(); got.Used != 0 || got.Full || got.Senders != 0 {
		t.Errorf("after the store has all: %+v", got)
	}
	add(t, s, "a", "901\n")
}

func TestFilesGoWhenTheyAreStored(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, 1<<30)
	line := strings.Repeat("x", 1<<20-1) + "\n"
	for range 40 { // more than two segments
		add(t, s, "big", line)
	}
	add(t, s, "small", "a\n")
	names := func() (all []string) {
		for name := range files(t, dir) {
			all = append(all, name)
		}
		slices.Sort(all)
		return all
	}
	if got := names(); len(got) != 4 || got[0] != "big.log" || got[3] != "small.log" || !strings.HasPrefix(got[1], "big.log.") {
		t.Fatalf("the spool has %q", got)
	}
	none := func(string) bool { return false }
	later := time.Now().Add(time.Hour)
	if err := s.Sweep(later, none); err != nil || len(names()) != 4 {
		t.Fatalf("without the store the spool has %q, %v", names(), err)
	}
	first := names()[1]
	if err := s.Sweep(later, func(path string) bool { return filepath.Base(path) == first || filepath.Base(path) == "big.log" }); err != nil {
		t.Fatal(err)
	}
	if got := names(); len(got) != 3 || slices.Contains(got, first) || got[0] != "big.log" {
		t.Fatalf("the file through which a segment is found has gone before it: %q", got)
	}
	if err := s.Sweep(time.Now(), func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if got := names(); !slices.Equal(got, []string{"big.log", "small.log"}) {
		t.Fatalf("files of senders that may go on are %q", got)
	}
	if err := s.Sweep(later, func(string) bool { return true }); err != nil || len(names()) != 0 || s.Status().Used != 0 {
		t.Fatalf("all is stored, and the spool has %q, %+v, %v", names(), s.Status(), err)
	}
	add(t, s, "small", "b\n")
	if got := files(t, dir); got["small.log"] != "b\n" {
		t.Errorf("a sender that comes again has %q", got)
	}
}

func TestASpoolGoesOnWhereItWasLeft(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"whole.log": "a\n", "cut.log": "a\nb", "gone.log.17": "a\n", "other.txt": "not ours",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, dir, mib)
	if got := s.Status(); got.Used != 7 || got.Senders != 3 {
		t.Errorf("%+v", got)
	}
	for _, from := range []string{"whole", "cut", "gone"} {
		add(t, s, from, "c\n")
	}
	want := map[string]string{"whole.log": "a\nc\n", "cut.log": "a\nb\nc\n", "gone.log": "c\n", "gone.log.17": "a\n", "other.txt": "not ours"}
	if got := files(t, dir); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the spool has %q, not %q", got, want)
	}
}

func TestManySendersShareAFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, mib)
	for i := range 3000 {
		add(t, s, fmt.Sprintf("10.0.%d.%d", i/250, i%250), "a\n")
	}
	got := files(t, dir)
	if len(got) != 1025 || len(got[spool.Others+".log"]) != 2*(3000-1024) {
		t.Errorf("%d files; others has %d bytes", len(got), len(got[spool.Others+".log"]))
	}
}

func TestAFullDiskCutsNoLine(t *testing.T) {
	dir := need.Disk(t, 4<<20)
	empty := need.Fill(t, dir, 100_000)
	s := open(t, dir, 1<<30)
	var want strings.Builder
	offer := func(i int) bool { // as a connection does: what was not taken is offered again
		lines := fmt.Sprintf("%06d %s\n%06d %s\n", i, strings.Repeat("x", 3000), i, strings.Repeat("y", 3000))
		n, err := s.Append("a", []byte(lines))
		want.WriteString(lines[:n])
		return err == nil
	}
	i := 0
	for offer(i) {
		i++
	}
	if s.Status().Err == nil {
		t.Fatal("the disk is full, and the spool does not say so")
	}
	if offer(i) {
		t.Fatal("the disk is full, and the spool took lines")
	}
	empty()
	if err := s.Sync(); err != nil || s.Status().Err != nil { // whether the sender sends more or not
		t.Fatalf("there is room again: %v, %v", err, s.Status().Err)
	}
	if got := files(t, dir)["a.log"]; got != want.String() {
		t.Fatalf("the spool has %d bytes, not %d", len(got), want.Len())
	}
	for range 3 {
		if i++; !offer(i) {
			t.Fatalf("there is room again: %v", s.Status().Err)
		}
	}
	if got := files(t, dir)["a.log"]; got != want.String() {
		t.Errorf("the spool has %d bytes, not %d", len(got), want.Len())
	}
}

func TestWhoResumesFindsTheLastLine(t *testing.T) {
	dir := t.TempDir()
	resume := func() *spool.Spool {
		t.Helper()
		s, err := spool.Open(spool.Config{Dir: dir, Max: 1 << 30, Resume: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	last := func(s *spool.Spool, want string) {
		t.Helper()
		if got, err := s.Last("journal"); err != nil || string(got) != want {
			t.Errorf("the last line is %.20q…, %v; want %.20q…", got, err, want)
		}
	}
	s := resume()
	last(s, "")
	add(t, s, "journal", "one\ntwo\n")
	last(s, "two")
	if err := s.Sweep(time.Now().Add(time.Hour), func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	last(s, "two") // all is stored, and it stays
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "journal.log"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("thr"); err != nil { // a kill has cut it
		t.Fatal(err)
	}
	f.Close()
	s = resume()
	last(s, "two")
	long := strings.Repeat("x", spool.Segment)
	add(t, s, "journal", long+"\n") // fills a segment
	if got := files(t, dir); len(got) != 2 || got["journal.log"] != "" {
		t.Fatalf("%d files", len(got))
	}
	last(s, long)
	if err := s.Sweep(time.Now().Add(time.Hour), func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	last(s, long)
	add(t, s, "journal", "four\n")
	if err := s.Sweep(time.Now().Add(time.Hour), func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	last(s, "four")
	if got := files(t, dir); len(got) != 1 || got["journal.log"] != "four\n" {
		t.Errorf("%d files are left", len(got))
	}
}

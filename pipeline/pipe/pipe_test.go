package pipe

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/spool"
)

func TestLinesAreCutAtTheirEndings(t *testing.T) {
	for _, tc := range []struct {
		chunks []string
		want   string
		cut    int64
	}{
		{[]string{"a\nb\n"}, "a\nb\n", 0},
		{[]string{"a", "b\nc", "\n"}, "ab\nc\n", 0},
		{[]string{"a\n", "rest"}, "a\nrest\n", 0},
		{[]string{"\n\r\n"}, "\n\r\n", 0},
		{[]string{"123456789012345\nb\n", "1234567", "8901234", "x\nc\n"}, "1234567890\nb\n1234567890\nc\n", 2},
	} {
		l, got := lines{max: 10}, ""
		for _, c := range tc.chunks {
			got += string(l.add([]byte(c)))
		}
		if got += string(l.rest()); got != tc.want || l.cut != tc.cut {
			t.Errorf("%q becomes %q with %d cut, not %q with %d", tc.chunks, got, l.cut, tc.want, tc.cut)
		}
	}
}

// follow reads a pipe into a spool of at most max bytes until the test ends.
func follow(t *testing.T, path string, max int64) (r *Reader, sp *spool.Spool, text func() string) {
	t.Helper()
	dir := t.TempDir()
	sp, err := spool.Open(spool.Config{Dir: dir, Max: max})
	if err != nil {
		t.Fatal(err)
	}
	r = New(Config{Path: path, Name: "app", MaxLine: 1 << 20, Spool: sp})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		sp.Close()
	})
	return r, sp, func() string {
		b, err := os.ReadFile(filepath.Join(dir, "app.log"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return string(b)
	}
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

func TestWritersOfAPipeComeAndGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	r, _, text := follow(t, path, 1<<20)
	await(t, "that there is no pipe yet is told", func() bool { return r.Status().Err != nil })
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	want := ""
	for i := range 3 {
		var f *os.File
		await(t, "the pipe is read", func() bool {
			var err error
			f, err = os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
			return err == nil
		})
		fmt.Fprintf(f, "line %d\nand %d\n", i, i)
		f.Close()
		want += fmt.Sprintf("line %d\nand %d\n", i, i)
		await(t, "its lines are there", func() bool { return text() == want })
	}
	if s := r.Status(); s.Err != nil || s.Lines != 6 {
		t.Errorf("%+v", s)
	}
}

func TestWhoWritesToAPipeWaitsForTheSpool(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	r, sp, _ := follow(t, path, 100_000)
	line := strings.Repeat("x", 999) + "\n"
	written := make(chan error, 1)
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		for i := 0; i < 1000 && err == nil; i++ {
			_, err = f.WriteString(line)
		}
		written <- err
		f.Close()
	}()
	await(t, "all lines, of which the spool holds a tenth", func() bool {
		if s := sp.Status(); s.Used > s.Max {
			t.Fatalf("the spool has %d of %d bytes", s.Used, s.Max)
		}
		if err := sp.Sweep(time.Now().Add(time.Hour), func(string) bool { return true }); err != nil {
			t.Fatal(err)
		}
		return r.Status().Lines == 1000
	})
	if err := <-written; err != nil {
		t.Fatal(err)
	}
}

func TestAFileIsNoPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, _, _ := follow(t, path, 1<<20)
	await(t, "it is told", func() bool { return r.Status().Err != nil && strings.Contains(r.Status().Err.Error(), "no named pipe") })
}

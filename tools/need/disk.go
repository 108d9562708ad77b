package need

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Disk mounts a file system of the given size in bytes in memory, for what happens when a disk is full, and returns its
// directory; it goes when the test ends. Without the right to mount the test is skipped, or fails with REQUIRE_ALL=1.
func Disk(t testing.TB, size int64) string {
	t.Helper()
	dir := t.TempDir()
	out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+strconv.FormatInt(size, 10), "veritail-test", dir).CombinedOutput()
	if err != nil {
		message := "needs the right to mount a tmpfs, which root has: mount: " + strings.TrimSpace(string(out)+" "+err.Error())
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	t.Cleanup(func() {
		// Lazily: a process that was killed may still be about to leave it.
		if out, err := exec.Command("umount", "--lazy", dir).CombinedOutput(); err != nil {
			t.Errorf("unmount %s: %v: %s", dir, err, out)
		}
	})
	return dir
}

// Fill leaves about left bytes of a directory's file system free, by a file; the returned function gives the space back.
// A file that is there already is made longer.
func Fill(t testing.TB, dir string, left int64) (empty func()) {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st syscall.Statfs_t
	block := make([]byte, 1<<20)
	for {
		if err := syscall.Statfs(dir, &st); err != nil {
			t.Fatal(err)
		}
		more := min(int64(st.Bavail)*int64(st.Bsize)-left, int64(len(block)))
		if more <= 0 {
			break
		}
		if _, err := f.Write(block[:more]); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}

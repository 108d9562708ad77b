package need

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder is a testing.TB that notes how a test ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper() {}
func (r *recorder) Skip(args ...any) {
	r.skipped = fmt.Sprint(args...)
	panic(r)
}
func (r *recorder) Fatal(args ...any) {
	r.failed = fmt.Sprint(args...)
	panic(r)
}
func (r *recorder) Fatalf(format string, args ...any) { r.Fatal(fmt.Sprintf(format, args...)) }

func program(t *testing.T, name string) (r *recorder, path string) {
	r = &recorder{TB: t}
	defer func() {
		if p := recover(); p != nil && p != any(r) {
			panic(p)
		}
	}()
	return r, Program(r, name)
}

func TestADiskThatCannotBeMountedSkipsOrFails(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	disk := func() (r *recorder) {
		r = &recorder{TB: t}
		defer func() {
			if p := recover(); p != nil && p != any(r) {
				panic(p)
			}
		}()
		Disk(r, 1<<20)
		return r
	}
	const message = "needs the right to mount a tmpfs, which root has"
	t.Setenv("REQUIRE_ALL", "")
	if r := disk(); !strings.HasPrefix(r.skipped, message) || r.failed != "" {
		t.Errorf("skipped %q, failed %q", r.skipped, r.failed)
	}
	t.Setenv("REQUIRE_ALL", "1")
	if r := disk(); !strings.HasPrefix(r.failed, message) || r.skipped != "" {
		t.Errorf("skipped %q, failed %q with REQUIRE_ALL=1", r.skipped, r.failed)
	}
}

func TestAProgramThatIsNotThereSkipsOrFails(t *testing.T) {
	before := All
	t.Cleanup(func() { All = before })
	dir := t.TempDir()
	for _, version := range []string{"13", "15"} {
		path := filepath.Join(dir, version, "elsewhere")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	All = []Need{{Program: "sh", Package: "dash"}, {Program: "no-such-program", Package: "some-package"},
		{Program: "elsewhere", Package: "p", also: []string{dir + "/*/elsewhere"}}}

	const message = "needs the program no-such-program (Debian package some-package; make deps installs it)"
	t.Setenv("REQUIRE_ALL", "")
	if r, _ := program(t, "no-such-program"); r.skipped != message || r.failed != "" {
		t.Errorf("skipped %q, failed %q", r.skipped, r.failed)
	}
	t.Setenv("REQUIRE_ALL", "1")
	if r, _ := program(t, "no-such-program"); r.failed != message || r.skipped != "" {
		t.Errorf("skipped %q, failed %q with REQUIRE_ALL=1", r.skipped, r.failed)
	}
	if r, path := program(t, "sh"); r.failed != "" || r.skipped != "" || !strings.HasSuffix(path, "/sh") {
		t.Errorf("a program in the PATH: %q, skipped %q, failed %q", path, r.skipped, r.failed)
	}
	if r, path := program(t, "elsewhere"); r.failed != "" || path != filepath.Join(dir, "15", "elsewhere") {
		t.Errorf("the newest of several elsewhere: %q, failed %q", path, r.failed)
	}
	if r, _ := program(t, "unheard-of"); !strings.Contains(r.failed, "unheard-of") {
		t.Errorf("an unknown name fails with %q", r.failed)
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The summary is made of what a real `go test -json` says about these packages.
var packages = map[string]string{
	"go.mod": "module example.org/m\n\ngo 1.24\n",
	"good/a_test.go": `package good
import "testing"
func TestWell(t *testing.T) {}
func TestTable(t *testing.T) { t.Run("one", func(t *testing.T) {}); t.Run("two", func(t *testing.T) {}) }`,
	"skips/a_test.go": `package skips
import "testing"
func TestBrowser(t *testing.T) { t.Skip("needs the program chromium (Debian package chromium; make deps installs it)") }
func TestToo(t *testing.T) { t.Skip("needs the program chromium (Debian package chromium; make deps installs it)") }`,
	"fails/a_test.go": `package fails
import "testing"
func TestTable(t *testing.T) {
	t.Run("holds", func(t *testing.T) {})
	t.Run("falls short", func(t *testing.T) { t.Error("got 1, want 2") })
}`,
	"panics/a_test.go": `package panics
import "testing"
func TestPanics(t *testing.T) { panic("at the disco") }`,
	"unbuilt/a_test.go": `package unbuilt
import "testing"
func TestX(t *testing.T) { undefined() }`,
	"empty/a.go": "package empty\n",
}

func run(t *testing.T, requireAll bool, names ...string) (string, bool) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range packages {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", append([]string{"test", "-json"}, names...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	raw, _ := cmd.Output() // its exit status is what the summary has to tell by itself
	var b strings.Builder
	s := newSummary(&b)
	if err := s.read(strings.NewReader(string(raw))); err != nil {
		t.Fatal(err)
	}
	ok := s.finish(requireAll)
	return regexp.MustCompile(`\d+\.\d+s`).ReplaceAllString(b.String(), "0.0s"), ok
}

func TestTheSummaryTellsWhatHappened(t *testing.T) {
	for _, tc := range []struct {
		name       string
		packages   []string
		requireAll bool
		ok         bool
		want       []string
		not        []string
	}{
		{"all well", []string{"./good", "./empty"}, true, true,
			[]string{"ok    example.org/m/good  0.0s\n", "\n4 passed, 0 failed, 0 skipped in 1 packages\n"}, []string{"skipped:", "FAIL", "empty"}},
		{"a skip is told once a reason and is no failure", []string{"./skips", "./good"}, false, true,
			[]string{"\nskipped:\n  needs the program chromium (Debian package chromium; make deps installs it)\n    skips.TestBrowser\n    skips.TestToo\n",
				"4 passed, 0 failed, 2 skipped in 2 packages"}, []string{"FAIL"}},
		{"a skip is a failure where all is required", []string{"./skips"}, true, false,
			[]string{"REQUIRE_ALL=1: a skipped test counts as failed"}, nil},
		{"a failed subtest is shown with its output, its parent is not", []string{"./fails", "./good"}, false, false,
			[]string{"FAIL  example.org/m/fails", "\n--- FAIL: example.org/m/fails TestTable/falls_short\n", "got 1, want 2", "5 passed, 1 failed, 0 skipped"},
			[]string{"m/fails TestTable\n"}},
		{"a panic is shown", []string{"./panics"}, false, false, []string{"at the disco", "0 passed, 1 failed"}, nil},
		{"a package that does not build is shown with the compiler's words", []string{"./unbuilt", "./good"}, false, false,
			[]string{"--- does not build: ", "undefined: undefined", "ok    example.org/m/good", "4 passed, 1 failed"}, []string{"(the package)"}},
		{"nothing tested is not success", []string{"./empty"}, false, false, []string{"nothing was tested"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := run(t, tc.requireAll, tc.packages...)
			if ok != tc.ok {
				t.Errorf("well: %v, want %v", ok, tc.ok)
			}
			for _, w := range tc.want {
				if !strings.Contains(got, w) {
					t.Errorf("lacks %q", w)
				}
			}
			for _, n := range tc.not {
				if strings.Contains(got, n) {
					t.Errorf("should not say %q", n)
				}
			}
			if t.Failed() {
				t.Logf("the summary:\n%s", got)
			}
		})
	}
}

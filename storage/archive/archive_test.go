package archive

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// made is an archive of two days.
func made(t *testing.T) (dir string, m *Manifest) {
	t.Helper()
	dir = t.TempDir()
	m = new(Manifest)
	for _, day := range []string{"2026-11-24", "2026-11-23"} {
		name := strings.ReplaceAll(day, "-", "") + ".parquet"
		src := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(src, []byte("events of "+day), 0o600); err != nil {
			t.Fatal(err)
		}
		sum, bytes, err := Copy(src, filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
		m.Files = append(m.Files, File{Name: name, Day: day, Layout: 3, Rows: 2, Bytes: bytes, SHA256: sum, First: at, Last: at,
			Generations: []Generation{{ID: "0000000000000007", Path: "/var/log/x", Events: 2, Lines: 3}}})
	}
	if err := m.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir, m
}

func TestManifestComesBack(t *testing.T) {
	dir, want := made(t)
	got, err := Read(dir)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, error %v\nwant %+v", got, err, want)
	}
	if got.Files[0].Day != "2026-11-23" {
		t.Errorf("the first day is %s", got.Files[0].Day)
	}
	if p, err := Check(dir, got.Files); err != nil || len(p) > 0 {
		t.Errorf("check finds %v, error %v", p, err)
	}
	for bounds, n := range map[[2]string]int{{"", ""}: 2, {"2026-11-24", ""}: 1, {"", "2026-11-23"}: 1, {"2026-11-25", "2026-11-26"}: 0} {
		if files := got.Between(bounds[0], bounds[1]); len(files) != n {
			t.Errorf("between %v there are %d files, want %d", bounds, len(files), n)
		}
	}
	if names, err := filepath.Glob(filepath.Join(dir, "*.tmp")); err != nil || len(names) > 0 {
		t.Errorf("left behind: %v, error %v", names, err)
	}
}

func TestWhatWasAlteredIsNoticed(t *testing.T) {
	for name, tc := range map[string]struct {
		alter func(file string) error
		want  string
	}{
		"a changed byte":  {func(f string) error { return os.WriteFile(f, []byte("Events of 2026-11-23"), 0o600) }, "20261123.parquet has the SHA-256 "},
		"a cut file":      {func(f string) error { return os.Truncate(f, 3) }, "20261123.parquet has 3 bytes, the manifest says 20"},
		"a lost file":     {os.Remove, "20261123.parquet is missing: 2 events of 2026-11-23"},
		"something added": {func(f string) error { return os.WriteFile(f, []byte("events of 2026-11-23!"), 0o600) }, "has 21 bytes, the manifest says 20"},
	} {
		dir, m := made(t)
		if err := tc.alter(filepath.Join(dir, "20261123.parquet")); err != nil {
			t.Fatal(err)
		}
		if p, err := Check(dir, m.Files); err != nil || !strings.Contains(p.Error(), tc.want) || strings.Contains(p.Error(), "20261124") {
			t.Errorf("%s: check finds %v, error %v, want %q", name, p, err, tc.want)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":              "is no manifest",
		"[]":            "is no manifest",
		`{"version":2}`: "has version 2",
		`{"files":[]}`:  "has version 0",
		`{"version":1,"files":[{"file":"../x.parquet","day":"2026-11-24"}]}`: `"../x.parquet" is no name of a file`,
		`{"version":1,"files":[{"file":"/x.parquet","day":"2026-11-24"}]}`:   "is no name of a file",
		`{"version":1,"files":[{"file":"x.csv","day":"2026-11-24"}]}`:        "is no name of a file",
		`{"version":1,"files":[{"file":"x.parquet","day":"24.11."}]}`:        `"24.11." is no day`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, ManifestName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(dir)
		var p Problems
		if !errors.As(err, &p) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if _, err := Read(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder without a manifest: %v", err)
	}
}

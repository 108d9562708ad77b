package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestWatchNoticesWhatBecomesOfFiles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		file  string
		do    func(path string) error
		rules bool // it is read while the daemon runs
		start bool // it is read when the daemon starts
	}{
		{"nothing", "local/a.toml", func(string) error { return nil }, false, false},
		{"more in it", "local/a.toml", func(p string) error { return os.WriteFile(p, []byte("more"), 0o600) }, true, false},
		{"as much in it, later", "local/a.toml", func(p string) error { return os.Chtimes(p, time.Time{}, time.Unix(1e9, 0)) }, true, false},
		{"another in its place, of the same size and time", "local/a.toml", func(p string) error {
			old, err := os.Stat(p)
			if err != nil {
				return err
			}
			if err := os.WriteFile(p+".new", []byte("b"), 0o600); err != nil {
				return err
			}
			if err := os.Chtimes(p+".new", time.Time{}, old.ModTime()); err != nil {
				return err
			}
			return os.Rename(p+".new", p)
		}, true, false},
		{"it is gone", "local/a.toml", os.Remove, true, false},
		{"a new one", "rules/sub/b.toml", func(p string) error { return os.WriteFile(p, nil, 0o600) }, true, false},
		{"what an editor puts beside it", "local/.a.toml.swp", func(p string) error { return os.WriteFile(p, nil, 0o600) }, false, false},
		{"a list that a rule names", "lists/ours.txt", func(p string) error { return os.WriteFile(p, nil, 0o600) }, true, false},
		{"one that none names", "lists/theirs.txt", func(p string) error { return os.WriteFile(p, nil, 0o600) }, false, false},
		{"hours", "hours.toml", func(p string) error { return os.WriteFile(p, nil, 0o600) }, true, false},
		{"logs of transactions", "transactions.toml", func(p string) error { return os.WriteFile(p, nil, 0o600) }, true, false},
		{"key figures", "kpis.toml", func(p string) error { return os.WriteFile(p, nil, 0o600) }, false, true},
		{"a format", "formats/a.toml", func(p string) error { return os.WriteFile(p, nil, 0o600) }, false, true},
		{"patterns", "patterns/a", func(p string) error { return os.WriteFile(p, nil, 0o600) }, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for _, folder := range []string{"local", "rules/sub", "lists", "formats", "patterns"} {
				if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "local/a.toml"), []byte("a"), 0o600); err != nil {
				t.Fatal(err)
			}
			lists := []string{"lists/ours.txt"}
			before := watch(dir, lists)
			if err := tc.do(filepath.Join(dir, tc.file)); err != nil {
				t.Fatal(err)
			}
			now := watch(dir, lists)
			if got := !now.same(before); got != tc.rules {
				t.Errorf("rules are read again: %v, want %v", got, tc.rules)
			}
			if got := slices.Contains(now.changed(before, readAtStart), tc.file); got != tc.start {
				t.Errorf("a restart is wanted: %v, want %v", got, tc.start)
			}
		})
	}
}

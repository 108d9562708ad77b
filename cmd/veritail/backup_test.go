package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/embedded"
)

// A backup is made while a daemon stores lines; the store is lost; the backup takes its place, and the daemon reads what
// came after it: each line is stored, and counted, once.
func TestADaemonGoesOnFromABackup(t *testing.T) {
	t.Parallel()
	bin, dir := program(t), doubtSite(t, "state")
	lines := appendLines(t, dir, 0, 2000)
	daemon := start(t, bin, dir)
	awaitStored(t, bin, dir, lines)
	if out := output(t, bin, dir, "backup", "first"); !strings.HasPrefix(out, "2,000 events of ") || !strings.Contains(out, "copied to first") {
		t.Errorf("backup says %s", out)
	}
	lines = appendLines(t, dir, lines, 7000) // some of them come while the second is made
	time.Sleep(150 * time.Millisecond)
	output(t, bin, dir, "backup", "second")
	lines = appendLines(t, dir, lines, 500)
	awaitStored(t, bin, dir, lines)
	refused := func(want string, args ...string) {
		t.Helper()
		out, err := command(bin, dir, append(args, "-config", "v.toml")...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("veritail %v: %v, %s\nwant %s", args, err, out, want)
		}
	}
	refused("the daemon is running; stop it first", "restore", "second")
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait() // it was killed
	refused("away first", "restore", "second")
	for _, name := range []string{"first", "second"} {
		if err := os.RemoveAll(filepath.Join(dir, "state", "store")); err != nil {
			t.Fatal(err)
		}
		output(t, bin, dir, "backup", "-check", name)
		if out := output(t, bin, dir, "restore", name); !strings.Contains(out, "restored. The daemon can be started.") {
			t.Errorf("restore says %s", out)
		}
		again := start(t, bin, dir)
		awaitStored(t, bin, dir, lines)
		check(t, output(t, bin, dir, "search", "-json", "-limit", "10000", "*"), lines)
		awaitCounted(t, lines, func() int64 { return countedBy(t, bin, dir) })
		if err := again.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := again.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	store, err := embedded.Open(t.Context(), embedded.Config{Path: filepath.Join(dir, "state/store/events.duckdb"), Schema: event.NewSchema()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.Check(t.Context())
	if err != nil || len(r.Problems) > 0 {
		t.Errorf("the store says of itself: %v %v", r.Problems, err)
	}
	if err := store.Close(); err != nil {
		t.Error(err)
	}
	f := filepath.Join(dir, "first", "events.duckdb.wal")
	text, err := os.ReadFile(f)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)/2] ^= 1
	if err := os.WriteFile(f, text, 0o600); err != nil {
		t.Fatal(err)
	}
	refused("events.duckdb.wal has the SHA-256", "backup", "-check", "first")
}

// A store that root restores, or opens to search it, stays one that a daemon of another user can open.
func TestRootLeavesAStoreToItsOwner(t *testing.T) {
	t.Parallel()
	bin, dir := program(t), doubtSite(t, "state")
	lines := appendLines(t, dir, 0, 100)
	daemon := start(t, bin, dir)
	awaitStored(t, bin, dir, lines)
	output(t, bin, dir, "backup", "kept")
	if err := daemon.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Wait(); err != nil {
		t.Fatal(err)
	}
	const user = 47110 // which no machine has
	state := filepath.Join(dir, "state")
	store, given := filepath.Join(state, "store"), ""
	if err := os.RemoveAll(store); err != nil {
		t.Fatal(err)
	}
	owner := os.Geteuid()
	if owner == 0 {
		owner, given = user, "restored, for 47110:47110, to whom the directory belongs."
		if err := os.Chown(state, user, user); err != nil {
			t.Fatal(err)
		}
	}
	if out := output(t, bin, dir, "restore", "kept"); !strings.Contains(out, given) {
		t.Errorf("restore says %s", out)
	}
	output(t, bin, dir, "search", "*")
	files, err := filepath.Glob(filepath.Join(store, "*"))
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range append(files, store) {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != owner {
			t.Errorf("%s belongs to %d, not to %d", file, st.Uid, owner)
		}
	}
}

package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// kill ends a daemon as a power cut would.
func kill(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the daemon ended by itself")
	}
}

// What a WAL that was cut, or removed with all that the store knew, has lost is a finding, and is read again from the
// files, rotated ones too: every line is stored once.
func TestDaemonReadsAgainWhatTheWALHasLost(t *testing.T) {
	t.Parallel()
	for _, keep := range []float64{0, 0.5} {
		bin := program(t)
		dir := doubtSite(t, "state")
		log, wal := filepath.Join(dir, "a.log"), filepath.Join(dir, "state/store/events.duckdb.wal")
		cmd := start(t, bin, dir)
		n := 0
		for rotation := range 2 {
			n = appendLines(t, dir, n, 400)
			awaitStored(t, bin, dir, n)
			if rotation == 1 {
				break
			}
			if err := os.Rename(log, log+".1"); err != nil {
				t.Fatal(err)
			}
		}
		kill(t, cmd)
		var err error
		if st, serr := os.Stat(wal); serr != nil {
			t.Fatal(serr)
		} else if keep == 0 {
			err = os.Remove(wal)
		} else {
			err = os.Truncate(wal, int64(float64(st.Size())*keep))
		}
		if err != nil {
			t.Fatal(err)
		}
		cmd = start(t, bin, dir)
		awaitStored(t, bin, dir, n)
		check(t, output(t, bin, dir, "search", "-json", "-limit", "10000", "*"), n)
		out := output(t, bin, dir, "sql", "-csv", "SELECT message FROM findings WHERE rule = 'veritail.store'")
		if strings.Count(out, "are missing, up to") != 1 {
			t.Errorf("the findings are\n%s", out)
		}
		kill(t, cmd)
	}
}

// flip changes a byte of a file.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// exitsWith runs a command and checks its exit status.
func exitsWith(t *testing.T, status int, bin, dir string, args ...string) string {
	t.Helper()
	cmd := command(bin, dir, append(args, "-config", "v.toml")...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != status {
		t.Fatalf("veritail %s ends with %v, want status %d\n%s", strings.Join(args, " "), err, status, out)
	}
	return string(out)
}

// A daemon refuses a damaged WAL and names the repair. After it every line is stored once.
func TestRepairOfADamagedWAL(t *testing.T) {
	t.Parallel()
	bin := program(t)
	dir := doubtSite(t, "state")
	wal := filepath.Join(dir, "state/store/events.duckdb.wal")
	cmd := start(t, bin, dir)
	n := 0
	for range 3 {
		n = appendLines(t, dir, n, 300)
		awaitStored(t, bin, dir, n)
	}
	if out := exitsWith(t, 1, bin, dir, "repair"); !strings.Contains(out, "stop it first") {
		t.Errorf("beside the daemon it prints\n%s", out)
	}
	if out := exitsWith(t, 0, bin, dir, "repair", "-check"); !strings.Contains(out, "900 events, ") || !strings.Contains(out, "the store is sound") {
		t.Errorf("a check by the daemon prints\n%s", out)
	}
	kill(t, cmd)
	if out := exitsWith(t, 0, bin, dir, "repair"); !strings.Contains(out, "nothing was changed") {
		t.Errorf("a sound store: it prints\n%s", out)
	}
	st, err := os.Stat(wal)
	if err != nil {
		t.Fatal(err)
	}
	flip(t, wal, st.Size()/2)
	for _, args := range [][]string{{"run"}, {"search", "*"}, {"repair", "-check"}} {
		if out := exitsWith(t, 1, bin, dir, args...); !strings.Contains(out, "Corrupt WAL file") || !strings.Contains(out, "veritail repair") {
			t.Errorf("veritail %s prints\n%s", args[0], out)
		}
	}
	out := exitsWith(t, 0, bin, dir, "repair")
	for _, want := range []string{"it was cut there", "are missing, up to", "kept  "} {
		if !strings.Contains(out, want) {
			t.Errorf("the repair prints\n%s", out)
		}
	}
	cmd = start(t, bin, dir)
	awaitStored(t, bin, dir, n)
	check(t, output(t, bin, dir, "search", "-json", "-limit", "10000", "*"), n)
	kill(t, cmd)
}

// Of a database with a damaged block what can be read is kept, and the rest is read again, by the repair itself or by the
// daemon: every line is stored once, and counted once.
func TestRepairOfADamagedDatabase(t *testing.T) {
	t.Parallel()
	bin := program(t)
	dir := doubtSite(t, "state")
	if err := os.WriteFile(filepath.Join(dir, "old.log"), []byte("2026-11-01T10:00:00.000000Z app01 sshd[1]: Failed password for user0 from 10.0.0.1 port 4242 ssh2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "old.log"), filepath.Join(dir, "a.log")); err != nil {
		t.Fatal(err)
	}
	cmd := start(t, bin, dir)
	n := appendLines(t, dir, 1, 3000)
	awaitStored(t, bin, dir, n)
	if err := os.Rename(filepath.Join(dir, "a.log"), filepath.Join(dir, "a.log.1")); err != nil {
		t.Fatal(err)
	}
	n = appendLines(t, dir, n, 3000)
	awaitStored(t, bin, dir, n)
	output(t, bin, dir, "archive", "archived") // seals the old day, which moves the WAL into the database
	kill(t, cmd)
	base := filepath.Join(dir, "state")
	sound := filepath.Join(t.TempDir(), "state")
	if err := errors.Join(os.Remove(filepath.Join(base, "veritail.sock")), os.Rename(base, sound)); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(filepath.Join(sound, "store/events.duckdb"))
	if err != nil {
		t.Fatal(err)
	}
	filled, anew := false, false
	for at := int64(12288 + 5000); at < st.Size() && !(filled && anew); at += 131072 {
		if err := os.RemoveAll(base); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(base, os.DirFS(sound)); err != nil {
			t.Fatal(err)
		}
		flip(t, filepath.Join(base, "store/events.duckdb"), at)
		var done repaired
		if err := json.Unmarshal([]byte(exitsWith(t, 0, bin, dir, "repair", "-json")), &done); err != nil {
			t.Fatal(err)
		}
		if len(done.Done) == 0 || done.Filled > 0 && filled || done.Filled == 0 && anew {
			continue
		}
		filled, anew = filled || done.Filled > 0, anew || done.Filled == 0
		t.Logf("byte %d: %+v", at, done)
		cmd := start(t, bin, dir)
		awaitStored(t, bin, dir, n)
		check(t, output(t, bin, dir, "search", "-json", "-limit", "10000", "*"), n)
		if out := output(t, bin, dir, "repair", "-check"); !strings.Contains(out, "the store is sound") {
			t.Errorf("afterwards a check prints\n%s", out)
		}
		awaitCounted(t, n, func() int64 { return countedBy(t, bin, dir) })
		kill(t, cmd)
	}
	if !filled || !anew {
		t.Errorf("blocks of events were damaged: %v, others: %v", filled, anew)
	}
}

package main

import (
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

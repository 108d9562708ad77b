package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/tools/need"
)

// doubtConfig follows a.log; the state lies in %STATE%.
const doubtConfig = "state = \"%STATE%\"\nwellknown = false\nhost = \"h\"\n[console]\nlisten = \"127.0.0.1:0\"\n[[source]]\npaths = [\"a.log\"]\ndataset = \"a\"\nformat = \"auto\"\n"

// doubtSite makes a directory with a configuration whose state lies in state.
func doubtSite(t *testing.T, state string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "v.toml"), []byte(strings.ReplaceAll(doubtConfig, "%STATE%", state)), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// appendLines appends numbered lines from n on and returns how many there are then.
func appendLines(t *testing.T, dir string, n, more int) int {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "a.log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for i := n; i < n+more; i++ {
		b.WriteString(numbered(i))
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return n + more
}

// output runs a command that must succeed and returns what it printed.
func output(t *testing.T, bin, dir string, args ...string) string {
	t.Helper()
	out, err := command(bin, dir, append(args, "-config", "v.toml")...).CombinedOutput()
	if err != nil {
		t.Fatalf("veritail %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// awaitOutput runs a command, whatever its exit status, until it prints a text.
func awaitOutput(t *testing.T, text, bin, dir string, args ...string) {
	t.Helper()
	var out []byte
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		out, _ = command(bin, dir, append(args, "-config", "v.toml")...).CombinedOutput()
		if strings.Contains(string(out), text) {
			return
		}
	}
	t.Fatalf("veritail %s does not print %q, but\n%s", strings.Join(args, " "), text, out)
}

// A daemon whose disk becomes full stops reading, says so, answers, and goes on by itself when there is space, killed
// and started meanwhile or not: every line is stored once.
func TestDaemonOnAFullDisk(t *testing.T) {
	t.Parallel()
	bin := program(t)
	disk := need.Disk(t, 512<<20)
	dir := doubtSite(t, disk)
	n := appendLines(t, dir, 0, 300)
	cmd := start(t, bin, dir)
	awaitStored(t, bin, dir, n)

	empty := need.Fill(t, disk, 100<<20)
	n = appendLines(t, dir, n, 300)
	awaitOutput(t, "events: the disk is full: 104.9 MB are free", bin, dir, "status")
	if out := output(t, bin, dir, "search", "* | count"); !strings.Contains(out, "300") {
		t.Errorf("with a full disk it finds\n%s", out)
	}
	findings := []string{"sql", "-csv", "SELECT title || ': ' || message FROM findings WHERE rule = 'veritail.store'"}
	awaitOutput(t, "The disk of the store is full: reading stands still", bin, dir, findings...)

	need.Fill(t, disk, 0)
	n = appendLines(t, dir, n, 300)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Fatal("the daemon ended by itself")
	}
	cmd = start(t, bin, dir)
	awaitOutput(t, "the store takes nothing now", bin, dir, "status")

	empty()
	awaitStored(t, bin, dir, n)
	check(t, output(t, bin, dir, "search", "-json", "-limit", "10000", "*"), n)
	if out := output(t, bin, dir, findings...); strings.Count(out, "reading stands still") != 2 {
		t.Errorf("the findings are\n%s", out)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("a stop that was asked for: %v", err)
	}
}

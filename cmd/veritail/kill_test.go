package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
)

// program returns the path of the command: by the name of veritail the test's own program is it.
func program(t testing.TB) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "veritail")
	if err := os.Symlink(self, bin); err != nil {
		t.Fatal(err)
	}
	return bin
}

// A daemon that is killed at random moments, while its log grows and is rotated by renaming, stores each line once and
// counts each failed login once.
func TestKilledDaemonStoresAndCountsEachLineOnce(t *testing.T) {
	t.Parallel()
	rounds := 4
	if os.Getenv("TORTURE") != "" {
		rounds = 60
	}
	bin := program(t)
	dir := t.TempDir()
	conf := "state = \"state\"\nwellknown = false\nhost = \"h\"\n[console]\nlisten = \"127.0.0.1:0\"\n[[source]]\npaths = [\"a.log\"]\ndataset = \"a\"\nformat = \"auto\"\n"
	if err := os.WriteFile(filepath.Join(dir, "v.toml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	if err := os.WriteFile(filepath.Join(dir, "a.log"), []byte(numbered(0)), 0o600); err != nil {
		t.Fatal(err)
	}
	written := make(chan int, 1)
	for round := range rounds {
		cmd := start(t, bin, dir)
		if round == 0 { // what was rotated away before anybody followed the log is nobody's
			awaitStored(t, bin, dir, 1)
			go func() { written <- writeLines(ctx, t, dir, rand.New(rand.NewPCG(seed, 2))) }()
		}
		time.Sleep(time.Duration(300+r.IntN(1200)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the daemon ended by itself")
		}
	}
	stop()
	n := <-written
	cmd := start(t, bin, dir)
	awaitStored(t, bin, dir, n)
	out, err := command(bin, dir, "search", "-json", "-limit", "10000", "-config", "v.toml", "*").Output()
	if err != nil {
		t.Fatal(err)
	}
	check(t, string(out), n)
	awaitCounted(t, n, func() int64 { return countedBy(t, bin, dir) })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("a stop that was asked for: %v", err)
	}
	store, err := embedded.Open(t.Context(), embedded.Config{Path: filepath.Join(dir, "state/store/events.duckdb"), Schema: event.NewSchema()})
	if err != nil {
		t.Fatal(err)
	}
	if counted := countedLogins(t, store); counted != int64(n) {
		t.Errorf("%d failed logins are stored, and auth.ssh-failed counted %d", n, counted)
	}
}

// awaitCounted waits until the rules have counted n failed logins, which they do after the events are stored, and
// checks that they count no more.
func awaitCounted(t *testing.T, n int, counted func() int64) {
	t.Helper()
	last := int64(0)
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if last = counted(); last >= int64(n) {
			break
		}
	}
	if last == int64(n) {
		time.Sleep(ruleIdle)
		last = counted()
	}
	if last != int64(n) {
		t.Errorf("%d failed logins are stored, and auth.ssh-failed counted %d", n, last)
	}
}

// countedBy asks a running daemon how many failed logins the rules have counted.
func countedBy(t *testing.T, bin, dir string) int64 {
	t.Helper()
	out, err := command(bin, dir, "sql", "-csv", "-config", "v.toml",
		"SELECT coalesce(sum(n), 0)::BIGINT FROM rollups WHERE series = '"+rules.RuleSeries("auth.ssh-failed")+"'").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, last, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	sum, err := strconv.ParseInt(strings.TrimSpace(last), 10, 64)
	if err != nil {
		t.Fatalf("the sum of the rollups is %q", out)
	}
	return sum
}

// countedLogins returns how many failed logins the rules have counted in a store, and closes it.
func countedLogins(t *testing.T, store storage.Store) int64 {
	t.Helper()
	cells, err := store.Rollups(t.Context(), access.All(), storage.RollupQuery{Series: []string{rules.RuleSeries("auth.ssh-failed")}})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, c := range cells {
		sum += c.N
	}
	return sum
}

func command(bin, dir string, args ...string) *exec.Cmd {
	cmd := exec.Command(bin, args...)
	cmd.Dir = dir
	return cmd
}

func start(t *testing.T, bin, dir string) *exec.Cmd {
	t.Helper()
	cmd := command(bin, dir, "run", "-config", "v.toml")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil { // the test failed before it ended
			if err := cmd.Process.Kill(); err == nil {
				err = cmd.Wait()
				t.Log("killed a daemon that was left over:", err)
			}
		}
	})
	return cmd
}

// numbered returns line i: a failed login of its own.
func numbered(i int) string {
	return fmt.Sprintf("%s app01 sshd[%d]: Failed password for user%d from 10.0.0.1 port 4242 ssh2\n",
		time.Now().UTC().Format("2006-01-02T15:04:05.000000Z07:00"), i+1, i)
}

// writeLines appends numbered lines, from 1 on, and rotates the log now and then, until ctx ends. It returns how many there are.
func writeLines(ctx context.Context, t *testing.T, dir string, r *rand.Rand) int {
	path := filepath.Join(dir, "a.log")
	rotated, n := 0, 1
	for ctx.Err() == nil && n < 9000 {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Error(err)
			return n
		}
		w := bufio.NewWriter(f)
		for range 1 + r.IntN(20) {
			if _, err := w.WriteString(numbered(n)); err != nil {
				t.Error(err)
			}
			n++
		}
		if err := w.Flush(); err != nil {
			t.Error(err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		if r.IntN(40) == 0 {
			rotated++
			for i := rotated; i > 0; i-- {
				from := path
				if i > 1 {
					from = fmt.Sprintf("%s.%d", path, i-1)
				}
				if err := os.Rename(from, fmt.Sprintf("%s.%d", path, i)); err != nil {
					t.Error(err)
				}
			}
		}
		time.Sleep(time.Duration(r.IntN(15)) * time.Millisecond)
	}
	<-ctx.Done()
	return n
}

func awaitStored(t *testing.T, bin, dir string, n int) {
	t.Helper()
	var last statusReport
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		out, err := command(bin, dir, "status", "-json", "-config", "v.toml").Output()
		if err == nil && json.Unmarshal(out, &last) == nil && last.Totals.Stored >= int64(n) {
			return
		}
	}
	out, err := command(bin, dir, "search", "-json", "-limit", "10000", "-config", "v.toml", "*").Output()
	if err == nil {
		check(t, string(out), n)
	}
	list, _ := exec.Command("ls", "-lai", "--time-style=full-iso", dir).Output()
	t.Fatalf("%d lines were written; the daemon says %+v\n%s", n, last.Totals, list)
}

// check compares the numbers of the stored lines with those that were written.
func check(t *testing.T, out string, n int) {
	t.Helper()
	seen := make([]int, n)
	for _, line := range strings.Split(strings.TrimSpace(out), "\n") {
		var e struct {
			User string `json:"user.name"`
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		var i int
		if _, err := fmt.Sscanf(e.User, "user%d", &i); err != nil || i < 0 || i >= n {
			t.Fatalf("a line that was not written: %q", line)
		}
		seen[i]++
	}
	for i := 0; i < n; i++ {
		from := i
		for i+1 < n && seen[i+1] == seen[from] {
			i++
		}
		if seen[from] != 1 {
			t.Errorf("lines %d to %d are stored %d times", from, i, seen[from])
		}
	}
	t.Logf("%d lines", n)
}

package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/tools/need"
)

// inputs returns what a running daemon says of what comes over the network, once it has received n messages since its start.
func inputs(t *testing.T, bin, dir string, n int64) inputReport {
	t.Helper()
	var r statusReport
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		out, _ := command(bin, dir, "status", "-json", "-config", "v.toml").Output() // one that is not well is told by what it says
		if json.Unmarshal(out, &r) != nil || len(r.Inputs) != 1 {
			continue
		}
		if got := r.Inputs[0].Listeners[0].Received; got == n {
			return r.Inputs[0]
		} else if got > n {
			t.Fatalf("%d messages were sent and %d received", n, got)
		}
	}
	t.Fatalf("%d messages were sent; the daemon says %+v", n, r.Inputs)
	return inputReport{}
}

// What was received is stored once, although the daemon is killed right after it has received it; and the spool is empty in the end.
func TestAKilledDaemonStoresWhatItReceivedOnce(t *testing.T) {
	t.Parallel()
	bin, dir := program(t), t.TempDir()
	conf := "state = \"state\"\nwellknown = false\nhost = \"h\"\n[console]\nlisten = \"127.0.0.1:0\"\n[[syslog]]\nname = \"net\"\nlisten = [\"tcp://127.0.0.1:0\"]\ndataset = \"net\"\n"
	if err := os.WriteFile(filepath.Join(dir, "v.toml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	const each, rounds = 1500, 4
	pad := strings.Repeat(" and", 1000) // together more than a segment of the spool
	for round := range rounds {
		cmd := start(t, bin, dir)
		address := strings.TrimPrefix(inputs(t, bin, dir, 0).Listeners[0].Address, "tcp://")
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		for i := round * each; i < (round+1)*each; i++ {
			msg := fmt.Sprintf("<38>1 %s web1 sshd %d - [pad@1 text=\"%s\"] Failed password for user%d from 10.0.0.1 port 4242 ssh2",
				time.Now().UTC().Format("2006-01-02T15:04:05.000000Z07:00"), i+1, pad, i)
			if i%2 == 0 {
				msg = fmt.Sprintf("%d %s", len(msg), msg)
			} else {
				msg += "\n"
			}
			if _, err := c.Write([]byte(msg)); err != nil {
				t.Fatal(err)
			}
		}
		inputs(t, bin, dir, each)
		time.Sleep(time.Duration(r.IntN(600)) * time.Millisecond)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the daemon ended by itself")
		}
		c.Close()
	}
	cmd := start(t, bin, dir)
	awaitStored(t, bin, dir, rounds*each)
	out, err := command(bin, dir, "search", "-json", "-limit", "10000", "-config", "v.toml", "event.dataset:net host.name:web1").Output()
	if err != nil {
		t.Fatal(err)
	}
	check(t, string(out), rounds*each)
	for end := time.Now().Add(time.Minute); inputs(t, bin, dir, 0).Used > 16<<20; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			list, _ := command("ls", dir, "-la", "state/spool/net").Output()
			t.Fatalf("all is stored, and segments are left:\n%s", list)
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("a stop that was asked for: %v", err)
	}
}

// Entries of a journal are stored once, although the daemon is killed while they come.
func TestAKilledDaemonReadsTheJournalOnce(t *testing.T) {
	t.Parallel()
	remote := need.Program(t, "systemd-journal-remote")
	need.Program(t, "journalctl")
	bin, dir := program(t), t.TempDir()
	conf := "state = \"state\"\nwellknown = false\nhost = \"h\"\n[console]\nlisten = \"127.0.0.1:0\"\n[journal]\nfollow = \"yes\"\ndirectory = \"journal\"\n"
	if err := os.WriteFile(filepath.Join(dir, "v.toml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "journal"), 0o700); err != nil {
		t.Fatal(err)
	}
	written := 0
	write := func(n int) {
		var b strings.Builder
		for range n {
			fmt.Fprintf(&b, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=0123456789abcdef0123456789abcdef\n_MACHINE_ID=0123456789abcdef0123456789abcdee\n", time.Now().UnixMicro(), written+1)
			fmt.Fprintf(&b, "_HOSTNAME=web1\nPRIORITY=6\nSYSLOG_FACILITY=4\nSYSLOG_IDENTIFIER=sshd\n_PID=%d\nMESSAGE=Failed password for user%d from 10.0.0.1 port 4242 ssh2\n\n", written+1, written)
			written++
		}
		cmd := command(remote, dir, "-o", "journal/a.journal", "-")
		cmd.Stdin = strings.NewReader(b.String())
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("write the journal: %v\n%s", err, out)
		}
	}
	write(500)
	for round := range 4 {
		cmd := start(t, bin, dir)
		for range 3 {
			write(200)
			time.Sleep(time.Duration(100*(round+1)) * time.Millisecond)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("the daemon ended by itself")
		}
	}
	cmd := start(t, bin, dir)
	awaitStored(t, bin, dir, written)
	out, err := command(bin, dir, "search", "-json", "-limit", "10000", "-config", "v.toml", "host.name:web1").Output()
	if err != nil {
		t.Fatal(err)
	}
	check(t, string(out), written)
	awaitCounted(t, written, func() int64 { return countedBy(t, bin, dir) })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("a stop that was asked for: %v", err)
	}
}

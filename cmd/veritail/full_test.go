package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
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
	awaitOutput(t, "events: the disk is full: 104.", bin, dir, "status")
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

// message returns message i of a sender: a failed login of its own, of a length at which a full disk cuts it.
func message(i int) string {
	return fmt.Sprintf("<38>1 %s web1 sshd %d - [pad@1 text=\"%s\"] Failed password for user%d from 10.0.0.1 port 4242 ssh2\n",
		time.Now().UTC().Format("2006-01-02T15:04:05.000000Z07:00"), i+1, strings.Repeat(" and", 700), i)
}

// When the disk of the spool is full, senders over TCP and writers of pipes wait, datagrams that are lost are counted, and it is told.
// When there is space all goes on: what waited is stored once.
func TestDaemonOnAFullDiskOfItsSpool(t *testing.T) {
	t.Parallel()
	bin, dir, disk := program(t), t.TempDir(), need.Disk(t, 8<<20)
	fifo := filepath.Join(dir, "fifo")
	conf := "state = \"state\"\nwellknown = false\nhost = \"h\"\n[console]\nlisten = \"127.0.0.1:0\"\n[retention]\ndisk_share = 0\n" +
		"[[syslog]]\nname = \"stream\"\nlisten = [\"tcp://127.0.0.1:0\"]\ndataset = \"stream\"\n" +
		"[[syslog]]\nname = \"grams\"\nlisten = [\"udp://127.0.0.1:0\"]\ndataset = \"grams\"\n" +
		"[[pipe]]\nname = \"piped\"\npath = \"" + fifo + "\"\ndataset = \"piped\"\n"
	must(t, os.WriteFile(filepath.Join(dir, "v.toml"), []byte(conf), 0o600))
	must(t, syscall.Mkfifo(fifo, 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "state"), 0o700))
	must(t, os.Symlink(disk, filepath.Join(dir, "state/spool")))
	cmd := start(t, bin, dir)
	var r statusReport
	status := func() statusReport {
		r = statusReport{}
		out, _ := command(bin, dir, "status", "-json", "-config", "v.toml").Output() // one that is not well is told by what it says
		if len(out) > 0 {
			must(t, json.Unmarshal(out, &r))
		}
		return r
	}
	for len(status().Inputs) < 3 {
		time.Sleep(50 * time.Millisecond)
	}
	at := map[string]string{}
	for _, in := range r.Inputs {
		if len(in.Listeners) > 0 {
			_, at[in.Name], _ = strings.Cut(in.Listeners[0].Address, "://")
		}
	}
	stream, err := net.Dial("tcp", at["stream"])
	must(t, err)
	defer stream.Close()
	grams, err := net.Dial("udp", at["grams"])
	must(t, err)
	defer grams.Close()
	pipe, err := os.OpenFile(fifo, os.O_WRONLY, 0)
	must(t, err)
	const before, during, all = 100, 600, 700
	write := func(from, to int) {
		var busy sync.WaitGroup
		defer busy.Wait()
		for _, w := range []interface{ Write([]byte) (int, error) }{stream, pipe} {
			busy.Go(func() {
				for i := from; i < to; i++ {
					if _, err := w.Write([]byte(message(i))); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for i := from; i < to; i++ {
			if _, err := grams.Write([]byte(message(i))); err != nil {
				t.Error(err)
			}
			time.Sleep(100 * time.Microsecond) // it is not about the kernel's buffer
		}
	}
	write(0, before)
	awaitStored(t, bin, dir, 3*before)

	empty := need.Fill(t, disk, 50_000)
	written := make(chan struct{})
	go func() { defer close(written); write(before, before+during) }()
	awaitOutput(t, "no space left on device", bin, dir, "status")
	awaitOutput(t, "senders over TCP and writers of pipes wait", bin, dir, "status")
	findings := []string{"sql", "-csv", "SELECT title || ': ' || message FROM findings WHERE rule IN ('veritail.disk', 'veritail.input') ORDER BY 1"}
	awaitOutput(t, "The disk of a spool is full: The file system of the spool of stream, grams, piped is full", bin, dir, findings...)
	select {
	case <-written:
		t.Error("a pipe took what there was no room for")
	case <-time.After(500 * time.Millisecond):
	}
	empty()
	<-written
	must(t, pipe.Close())
	lost := int64(0)
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		lost = 0
		for _, in := range status().Inputs {
			lost += in.Refused
			for _, l := range in.Listeners {
				lost += l.Dropped
			}
		}
		if lost > 0 && r.Totals.Stored+lost == 3*all && len(r.Disks) == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("of 3 x %d messages %d are stored and %d told lost, the status is %+v", all, r.Totals.Stored, lost, r)
		}
	}
	t.Logf("%d datagrams were lost", lost)
	for _, set := range []string{"stream", "piped"} {
		check(t, output(t, bin, dir, "search", "-json", "-limit", "10000", "event.dataset:"+set), all)
	}
	stop(t, cmd)
}

// stop ends a daemon as it is asked to.
func stop(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	must(t, cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); err != nil {
		t.Fatalf("a stop that was asked for: %v", err)
	}
}

// When the disk of a log is full, its program writes no more, or half a line, and rotation makes no whole copies. It is told, and when there is
// space all goes on: each line is stored once, whether the daemon is killed meanwhile or not.
func TestDaemonOnAFullDiskOfItsLogs(t *testing.T) {
	t.Parallel()
	bin, dir, disk := program(t), t.TempDir(), need.Disk(t, 4<<20)
	path := filepath.Join(disk, "a.log")
	conf := strings.ReplaceAll(strings.ReplaceAll(doubtConfig, "%STATE%", "state"), "a.log", path)
	must(t, os.WriteFile(filepath.Join(dir, "v.toml"), []byte(conf), 0o600))
	log, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	n := 0
	var rest []byte
	write := func(more int) (full bool) { // as a program does that keeps what it could not write
		for ; more > 0; more-- {
			if rest == nil {
				rest = []byte(numbered(n))
				n++
			}
			k, err := log.Write(rest)
			if rest = rest[k:]; errors.Is(err, syscall.ENOSPC) {
				return true
			}
			must(t, err)
			rest = nil
		}
		return false
	}
	write(3000)
	cmd := start(t, bin, dir)
	awaitStored(t, bin, dir, n)

	empty := need.Fill(t, disk, 50_000)
	for !write(1) {
	}
	t.Logf("the disk took %d of the lines, and %d bytes of the last are left", n, len(rest))
	awaitStored(t, bin, dir, n-1)
	awaitOutput(t, "Disk   ◆ the file system of "+disk+" is full, 0 B are free", bin, dir, "status")
	findings := []string{"sql", "-csv", "SELECT title || ': ' || message FROM findings WHERE rule = 'veritail.disk'"}
	awaitOutput(t, "The disk of logs is full: The file system of "+disk+" is full, 0 B are free: programs cannot write their logs", bin, dir, findings...)
	rotate := func(directives string) string {
		state := filepath.Join(dir, "rotation")
		must(t, os.WriteFile(state+".conf", []byte(fmt.Sprintf("%q {\n  rotate 9\n  su root root\n  %s\n}\n", path, directives)), 0o644))
		out, err := exec.Command(need.Program(t, "logrotate"), "--force", "--state", state, state+".conf").CombinedOutput()
		if err == nil {
			t.Errorf("on a full disk logrotate succeeds with %s\n%s", directives, out)
		}
		return string(out)
	}
	if out := rotate("copytruncate"); !strings.Contains(out, "No space left") {
		t.Errorf("logrotate says %s", out)
	}
	time.Sleep(3 * time.Second) // what it has left is looked at
	kill(t, cmd)
	rotate("copytruncate")
	cmd = start(t, bin, dir)
	awaitOutput(t, "is full, 0 B are free", bin, dir, "status")
	time.Sleep(3 * time.Second)

	empty()
	write(500)
	must(t, os.Rename(path, path+".1"))
	must(t, log.Close())
	log, err = os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	must(t, err)
	write(500)
	must(t, log.Close())
	awaitStored(t, bin, dir, n)
	check(t, output(t, bin, dir, "search", "-json", "-limit", "10000", "*"), n)
	awaitText(t, "● green", func() string { out, _ := command(bin, dir, "status", "-config", "v.toml").Output(); return string(out) })
	stop(t, cmd)
}

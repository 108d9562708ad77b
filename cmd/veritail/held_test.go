package main

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/embedded"
)

// A daemon that is started while a command reads the store waits for it, and says so once. One that holds the store longer is named.
func TestADaemonWaitsForTheStore(t *testing.T) {
	t.Parallel()
	bin, dir := program(t), t.TempDir()
	conf := "state = \"state\"\nwellknown = false\nhost = \"h\"\n[console]\nlisten = \"127.0.0.1:0\"\n[[source]]\npaths = [\"a.log\"]\ndataset = \"a\"\n"
	if err := os.WriteFile(filepath.Join(dir, "v.toml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "a.log"), []byte(numbered(0)), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "state/store/events.duckdb")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	held, err := embedded.Open(t.Context(), embedded.Config{Path: path, Schema: event.NewSchema()})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	patient := command(bin, dir, "run", "-config", "v.toml")
	stderr, err := patient.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := patient.Start(); err != nil {
		t.Fatal(err)
	}
	out, err := command(bin, dir, "sql", "-config", "v.toml", "SELECT 1").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "another process has it open") || !strings.Contains(string(out), "(PID ") {
		t.Errorf("a command says %q, %v", out, err)
	}
	log, told := bufio.NewScanner(stderr), 0
	tells := func() bool { return strings.Contains(log.Text(), "another process has the store open; waiting") }
	for log.Scan() && !tells() {
	}
	if !tells() {
		t.Fatalf("it does not say that it waits: %v", log.Err())
	}
	time.Sleep(time.Second)
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	awaitStored(t, bin, dir, 1)
	if err := patient.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for log.Scan() {
		if tells() {
			told++
		}
	}
	if err := patient.Wait(); err != nil || told > 0 {
		t.Errorf("it ended with %v, and said %d more times that it waits", err, told)
	}
}

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/tools/need"
)

// TestADeadlockOfALogIsReproduced runs the deadlock of a sample again and looks at what the command says and writes.
func TestADeadlockOfALogIsReproduced(t *testing.T) {
	t.Parallel()
	need.Program(t, "initdb")
	dir := filepath.Join(t.TempDir(), "proof")
	var out, errs bytes.Buffer
	if code := run([]string{"deadlock", "-reproduce", "-out", dir, "../../testdata/formats/postgresql.stderr.log"}, nil, &out, &errs); code != exitFine {
		t.Fatalf("exit %d: %s%s", code, out.String(), errs.String())
	}
	for _, want := range []string{
		"Reproducing: 18730 waits for 18731", "The deadlock, run 1", "✕ 40P01 after", "reports two updates of accounts in opposite order, as in the log",
		"Every transaction locks in one order: accounts id=2, then accounts id=3", "✓ 10 runs in changing turns, no deadlock",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	for file, want := range map[string]string{
		"deadlock.sql": "/* 18730 */ UPDATE accounts SET balance=balance-1 WHERE id=3;",
		"order.sql":    "-- Every transaction locks in one order",
		"server.log":   "ERROR:  deadlock detected",
	} {
		text, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: %v, it does not hold %q", file, err, want)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "runs.json"))
	if err != nil || !json.Valid(text) {
		t.Errorf("runs.json: %v", err)
	}
}

// TestTheRunsAreAttachedToTheFinding runs the deadlock of a daemon's finding again: afterwards the finding shows both runs.
func TestTheRunsAreAttachedToTheFinding(t *testing.T) {
	t.Parallel()
	need.Program(t, "initdb")
	bin, dir := program(t), t.TempDir()
	conf := "state = \"state\"\nwellknown = false\nhost = \"h\"\n[console]\nlisten = \"127.0.0.1:0\"\n[[source]]\npaths = [\"pg.log\"]\ndataset = \"pg\"\nformat = \"auto\"\n"
	log, err := os.ReadFile("../../testdata/site/postgres-stderr/postgresql.log")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"v.toml": []byte(conf), "pg.log": log} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	daemon := start(t, bin, dir)
	id := ""
	for end := time.Now().Add(patience); id == "" && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		out, err := command(bin, dir, "sql", "-json", "-config", "v.toml", "select id from findings where rule='db.deadlock' order by 1 limit 1").Output()
		if m := regexp.MustCompile(`"id": *"([0-9a-f]+)"`).FindSubmatch(out); err == nil && m != nil {
			id = string(m[1])
		}
	}
	if id == "" {
		t.Fatal("no deadlock was found")
	}
	before := output(t, bin, dir, "deadlock", id)
	if strings.Contains(before, "Reproduced") {
		t.Fatalf("it was run again already:\n%s", before)
	}
	if said := output(t, bin, dir, "deadlock", "-reproduce", id); !strings.Contains(said, "The runs are attached to the finding") {
		t.Errorf("it says\n%s", said)
	}
	after := output(t, bin, dir, "deadlock", id)
	for _, want := range []string{before, "\nReproduced ", "The deadlock, run ", "✕ 40P01 after", "as in the log", "✓ 10 runs in changing turns, no deadlock"} {
		if !strings.Contains(after, want) {
			t.Errorf("it does not say %q:\n%s", want, after)
		}
	}
	if err := daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = daemon.Wait() // it was killed
	if alone := output(t, bin, dir, "deadlock", id); alone != after {
		t.Errorf("without the daemon it says\n%s", alone)
	}
}

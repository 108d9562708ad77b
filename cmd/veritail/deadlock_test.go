package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saypro/veritail/tools/need"
)

// TestADeadlockOfALogIsReproduced runs the deadlock of a sample again and looks at what the command says and writes.
func TestADeadlockOfALogIsReproduced(t *testing.T) {
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

package main

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/tools/need"
)

// TestFiguresOfADatabaseAreThoseOfPgBadger reads the same log with veritail database and with pgBadger: the figures that both have are
// equal.
func TestFiguresOfADatabaseAreThoseOfPgBadger(t *testing.T) {
	const log = "../../testdata/site/postgres-stderr/postgresql.log"
	out := filepath.Join(t.TempDir(), "report.json")
	said, err := exec.Command(need.Program(t, "pgbadger"), "-q", "-f", "stderr", "-p", "%m [%p] %q%u@%d ", "-x", "json", "-o", out, log).CombinedOutput()
	if err != nil {
		t.Fatalf("pgbadger: %v: %s", err, said)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	type counted struct {
		Count    int64   `json:"count"`
		Duration float64 `json:"duration"` // ms
		Size     int64   `json:"size"`
	}
	var their struct {
		Overall map[string]json.RawMessage    `json:"overall_stat"`
		Temp    map[string]counted            `json:"tempfile_info"`
		Locks   map[string]map[string]counted `json:"lock_info"`
		Queries map[string]map[string]counted `json:"normalyzed_info"`
		Session map[string]counted            `json:"session_info"`
		Connect map[string]counted            `json:"connection_info"`
		Points  struct {
			Starting map[string]int64 `json:"starting"`
		} `json:"checkpoint_info"`
	}
	if err := json.Unmarshal(text, &their); err != nil {
		t.Fatal(err)
	}
	var overall struct {
		Duration struct {
			Execute float64 `json:"execute"`
		} `json:"queries_duration"`
	}
	if err := json.Unmarshal(their.Overall["postgres"], &overall); err != nil {
		t.Fatal(err)
	}
	var our transactions.Workload
	if err := json.Unmarshal([]byte(veritail(t, "database", "-json", log)), &our); err != nil {
		t.Fatal(err)
	}
	var locks, points counted
	for _, l := range their.Locks["postgres"] {
		locks.Count, locks.Duration = locks.Count+l.Count, locks.Duration+l.Duration
	}
	for _, n := range their.Points.Starting {
		points.Count += n
	}
	var statements int64
	var time float64
	queries := map[string]counted{}
	for _, q := range our.Queries {
		statements, time = statements+q.Count, time+ms(q.Total.Nanoseconds())
		queries[spelt(q.Text)] = counted{Count: q.Count, Duration: ms(q.Total.Nanoseconds())}
	}
	var theirStatements int64
	equal, ranked := 0, 0
	for text, q := range their.Queries["postgres"] {
		theirStatements += q.Count
		if q.Count == 0 || q.Duration == 0 {
			continue
		}
		if ranked++; queries[spelt(text)].Count == q.Count && near(queries[spelt(text)].Duration, q.Duration) {
			equal++
		} else {
			t.Errorf("%s: %d in %.3f ms, pgBadger has %d in %.3f ms", text, queries[spelt(text)].Count, queries[spelt(text)].Duration, q.Count, q.Duration)
		}
	}
	if equal == 0 || equal != ranked {
		t.Errorf("%d of %d queries with a time are equal", equal, ranked)
	}
	for _, c := range []struct {
		what        string
		ours, other float64
	}{
		{"statements", float64(statements), float64(theirStatements)},
		{"time of statements, ms", time, overall.Duration.Execute},
		{"temporary files", float64(our.TempFiles.Count), float64(their.Temp["postgres"].Count)},
		{"bytes of temporary files", float64(our.TempFiles.Size), float64(their.Temp["postgres"].Size)},
		{"waits for locks", float64(our.Waits.Count), float64(locks.Count)},
		{"time of waits, ms", ms(our.Waits.Total.Nanoseconds()), locks.Duration},
		{"checkpoints", float64(our.Checkpoints), float64(points.Count)},
		{"sessions that ended", float64(our.SessionsSeen), float64(their.Session["postgres"].Count)},
		{"connections that were let in", float64(our.LetIn), float64(their.Connect["postgres"].Count)},
	} {
		if c.ours == 0 || !near(c.ours, c.other) {
			t.Errorf("%s: %v, and pgBadger has %v", c.what, c.ours, c.other)
		}
	}
}

func ms(ns int64) float64 { return float64(ns) / 1e6 }

// near reports whether two figures are equal to the digits that pgBadger adds up.
func near(a, b float64) bool { return math.Abs(a-b) < 0.001 }

var lists = regexp.MustCompile(`\?(?:[.,]\s*\?)+`)

// spelt writes a query without values as both programs would: pgBadger keeps a mark for each value of a list, and for both parts of a number.
func spelt(query string) string {
	query = lists.ReplaceAllString(strings.ToLower(query), "?")
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(query), ";"))
}

package parsers_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// prefixCase is a case of testdata/pganalyze/prefix-parse.jsonl.
type prefixCase struct {
	ID      string
	Prefix  string `json:"log_line_prefix"`
	Line    string
	Verbose bool
	Want    struct {
		Time        *stamp
		User        string
		Database    string
		Level       string
		PID         int `json:"pid"`
		Content     string
		LineNo      int `json:"line_no"`
		Application string
	} `json:"expected"`
}

// stamp is year, month's name, day, hour, minute, second, nanosecond, and a zone's name or its name and offset.
type stamp struct {
	Clock []any `json:"ymdhms_ns"`
	Zone  any   `json:"tz"`
}

func (s *stamp) time(t *testing.T) time.Time {
	t.Helper()
	zone := time.UTC
	if z, ok := s.Zone.([]any); ok {
		zone = time.FixedZone(z[0].(string), int(z[1].(float64)))
	}
	month, err := time.Parse("January", s.Clock[1].(string))
	if err != nil {
		t.Fatal(err)
	}
	n := func(i int) int { return int(s.Clock[i].(float64)) }
	return time.Date(n(0), month.Month(), n(2), n(3), n(4), n(5), n(6), zone)
}

// Every prefix that pganalyze's tests hold is read as they expect: given as the setting, and guessed from the line.
func TestPostgreSQLPrefixes(t *testing.T) {
	for _, tc := range jsonLines[prefixCase](t, "../testdata/pganalyze/prefix-parse.jsonl") {
		for _, given := range []string{tc.Prefix, ""} {
			t.Run(tc.ID+" "+given, func(t *testing.T) {
				got := prefixed(t, given, strings.ReplaceAll(tc.Line, "\n", "\n\t")+"\n")
				want := map[string]any{"log.level": tc.Want.Level, "message": strings.ReplaceAll(tc.Want.Content, "\n", "\n\t")}
				for field, value := range map[string]string{"user.name": tc.Want.User, "db.namespace": tc.Want.Database, "postgresql.log.application_name": tc.Want.Application} {
					if value != "" {
						want[field] = value
					}
				}
				for field, n := range map[string]int{"process.pid": tc.Want.PID, "postgresql.log.session_line_number": tc.Want.LineNo} {
					if n != 0 {
						want[field] = float64(n)
					}
				}
				if tc.Want.Time != nil {
					want["@timestamp"] = tc.Want.Time.time(t).UTC().Format("2006-01-02T15:04:05.000000Z")
				}
				for field, value := range want {
					if got[field] != value {
						t.Errorf("%s: %v, want %v", field, got[field], value)
					}
				}
			})
		}
	}
}

// prefixed returns the one event of text, read with a log_line_prefix.
func prefixed(t *testing.T, prefix, text string) map[string]any {
	t.Helper()
	if err := shipped(t).CheckPrefix(prefix); err != nil {
		t.Fatal(err)
	}
	d, err := shipped(t).NewDecoder(event.Generation{ID: 1, Format: "postgresql.stderr"}, parsers.Options{Near: near, Prefix: prefix})
	if err != nil {
		t.Fatal(err)
	}
	got := read(d, []byte(text))
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	var e map[string]any
	if err := json.NewDecoder(strings.NewReader(got[0].text)).Decode(&e); err != nil {
		t.Fatal(err)
	}
	return e
}

// jsonLines reads a file of one JSON value a line.
func jsonLines[T any](t *testing.T, path string) []T {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []T
	for i, line := range bytes.Split(bytes.TrimSpace(text), []byte("\n")) {
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(fmt.Errorf("%s:%d: %w", path, i+1, err))
		}
		out = append(out, v)
	}
	return out
}

// Where no password is asked for, a login of nobody ends with words that a statement may get as well.
func TestARoleThatDoesNotExistIsALoginOrAStatement(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ line, action, code string }{
		{`2024-03-05 10:00:02.523 UTC [304] bob@shop FATAL:  role "bob" does not exist`, "db_login", "28000"},
		{`2024-03-05 10:00:02.523 UTC [305] app@shop ERROR:  role "bob" does not exist`, "undefined_object", "42704"},
		{`2024-03-05 10:00:02.523 UTC [305] app@nope FATAL:  database "nope" does not exist`, "undefined_database", "3D000"},
		{`2024-03-05 10:00:02.523 UTC:192.0.2.7(5):bob@shop:[304]:28000:FATAL:  role "bob" does not exist`, "db_login", "28000"},
		{`2024-03-05 10:00:02.523 UTC:192.0.2.7(5):app@shop:[304]:42704:ERROR:  role "bob" does not exist`, "undefined_object", "42704"},
	} {
		got := events(t, "postgresql.stderr", "x.log", tc.line+"\n")
		has(t, got[0], `"event.action":"`+tc.action+`"`, `"db.response.status_code":"`+tc.code+`"`, `"event.outcome":"failure"`)
	}
}

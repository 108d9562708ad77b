package rules_test

import (
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/testdata/site"
)

// scanLogs gives the engine whole bundled logs, whose formats are detected, as one stream.
func scanLogs(t *testing.T, s *shipped, names ...string) (tally map[string]map[string]int64, findings []event.Finding) {
	t.Helper()
	var logs []logText
	for _, name := range names {
		logs = append(logs, logText{name, text(t, name)})
	}
	return scanTexts(t, s, logs...)
}

// A logText is a whole file.
type logText struct{ name, text string }

// scanTexts is scanLogs of other files.
func scanTexts(t *testing.T, s *shipped, logs ...logText) (tally map[string]map[string]int64, findings []event.Finding) {
	t.Helper()
	e, err := rules.New(s.rules, rules.Config{Schema: s.schema, Tally: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &event.Commit{Batch: &event.Batch{}}
	for i, l := range logs {
		d, err := s.set.NewDecoder(event.Generation{ID: event.GenID(i + 1), Path: l.name},
			parsers.Options{Host: "db1", Near: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		b := &event.Batch{}
		d.Decode(b, []byte(l.text), 0)
		d.Flush(b, time.Now(), true)
		b.From, b.To = []event.Mark{{Gen: event.GenID(i + 1)}}, []event.Mark{d.Mark()}
		c.Merge(b)
	}
	if err := e.Process(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	return e.Tally(), c.Findings
}

func text(t *testing.T, name string) string {
	t.Helper()
	b, err := site.Logs.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// grep counts lines by what the expression's first group found, "" where it has none.
func grep(t *testing.T, expr string, names ...string) map[string]int64 {
	t.Helper()
	re := regexp.MustCompile(expr)
	found := map[string]int64{}
	for _, name := range names {
		for line := range strings.Lines(text(t, name)) {
			if m := re.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
				found[m[len(m)-1]]++
			}
		}
	}
	return found
}

func equal(t *testing.T, what string, got, want map[string]int64) {
	t.Helper()
	if !maps.Equal(got, want) {
		t.Errorf("%s: counted %v, plain searching finds %v", what, got, want)
	}
}

func sum(m map[string]int64) (n int64) {
	for _, v := range m {
		n += v
	}
	return n
}

// truth is what was provoked when the logs were written.
func truth(t *testing.T, folder string) map[string]any {
	t.Helper()
	var all struct {
		Expected map[string]any `json:"expected"`
	}
	if err := json.Unmarshal([]byte(text(t, folder+"/truth.json")), &all); err != nil {
		t.Fatal(err)
	}
	return all.Expected
}

// bySource turns a table of truth.json into counts.
func bySource(v any) map[string]int64 {
	out := map[string]int64{}
	for k, n := range v.(map[string]any) {
		out[k] = int64(n.(float64))
	}
	return out
}

func TestSSHAndSudoAgainstPlainSearching(t *testing.T) {
	t.Parallel()
	s := loadShipped(t)
	want := truth(t, "linux-auth")
	for _, name := range []string{"linux-auth/auth.log", "linux-auth/auth-iso.log", "linux-auth/auth-rfc5424.log"} {
		tally, findings := scanLogs(t, s, name)
		failed := grep(t, ` sshd.* Failed \S+ for .* from (\S+) port \d+ ssh2$`, name)
		for ip, n := range grep(t, `message repeated 2 times: \[ Failed \S+ for .* from (\S+) port \d+ ssh2\]`, name) {
			failed[ip] += 2 * n
		}
		equal(t, name+" ssh", tally["auth.ssh-failed"], failed)
		equal(t, name+" ssh, truth", tally["auth.ssh-failed"], bySource(want["ssh_failed_password_by_source"]))
		equal(t, name+" logins", tally["auth.ssh-login"], bySource(want["ssh_logins"]))
		if got, lines := sum(tally["auth.ssh-login"]), sum(grep(t, `sshd.* Accepted (?:password|publickey) for`, name)); got != lines {
			t.Errorf("%s: %d logins, %d lines", name, got, lines)
		}
		equal(t, name+" sudo", tally["auth.sudo-failed"], grep(t, ` sudo.* (\S+) : \d incorrect password attempts`, name))
		equal(t, name+" sudo refused", tally["auth.sudo-refused"], grep(t, ` sudo.* (\S+) : (?:user NOT in sudoers|command not allowed)`, name))
		if got := sum(tally["auth.su-failed"]); got != sum(grep(t, `FAILED SU`, name)) || got != int64(want["su_failed"].(float64)) {
			t.Errorf("%s: %d failed su", name, got)
		}
		tried := map[string]int64{}
		for _, ip := range want["bruteforce_sources_at_5_failures"].([]any) {
			tried[ip.(string)] = 1
		}
		equal(t, name+" brute force", tally["auth.bruteforce"], tried)
		for _, f := range findings {
			if v := f.Group[0].Value; v == "10.66.66.66" || strings.HasPrefix(v, "127.0.3.1") && len(v) == len("127.0.3.1") {
				t.Errorf("%s blames %s", f.Rule, v)
			}
		}
	}
}

func TestWebAgainstPlainSearching(t *testing.T) {
	t.Parallel()
	s := loadShipped(t)
	for folder, logs := range map[string][]string{
		"nginx":  {"nginx/access.log.1", "nginx/access.log", "nginx/error.log"},
		"apache": {"apache/access.log", "apache/error.log"},
	} {
		tally, findings := scanLogs(t, s, logs...)
		want := truth(t, folder)
		access := logs[:len(logs)-1]
		equal(t, folder+" logins", tally["web.auth-failed"], grep(t, `^(\S+) - [^-]\S* .* 401 \d+ `, access...))
		equal(t, folder+" logins, truth", tally["web.auth-failed"], bySource(want["failed_basic_auth_by_source"]))
		errors := grep(t, `^\S+ - .*?\] "[A-Z]+ ([^ ?"]+).*" 5\d\d [\d-]+ "`, access...)
		equal(t, folder+" 5xx", tally["web.server-error"], errors)
		if n := int64(want["server_errors_5xx"].(float64)); sum(errors) != n {
			t.Errorf("%s: plain searching finds %d of %d responses 5xx", folder, sum(errors), n)
		}
		equal(t, folder+" traversal", tally["web.path-traversal"], grep(t, `^(\S+) - .*"\S+ [^"]*(?:\.\./|%2e/|etc/passwd|%2F\.\.|%2e%2e)[^"]* HTTP`, access...))
		equal(t, folder+" sql", tally["web.sql-injection"], grep(t, `^(\S+) - .*"GET [^"]*(?i:union|%27|sleep\()[^"]*" `, access...))
		equal(t, folder+" xss", tally["web.xss"], grep(t, `^(\S+) - .*"GET [^"]*(?i:%3cscript|<script|onerror=)[^"]*" `, access...))
		equal(t, folder+" shellshock", tally["web.shellshock"], grep(t, `^(\S+) - .*"\(\) \{`, access...))
		equal(t, folder+" scan", tally["web.scan"], map[string]int64{want["scanner_source"].(string): 1})
		for _, f := range findings {
			if v := f.Group[0].Value; strings.HasPrefix(v, "127.0.1.") {
				t.Errorf("%s blames the ordinary client %s", f.Rule, v)
			}
		}
	}
}

func TestPostgreSQLAgainstPlainSearching(t *testing.T) {
	t.Parallel()
	s := loadShipped(t)
	const name = "postgres-stderr/postgresql.log"
	tally, _ := scanLogs(t, s, name, "postgres-stderr/backup.log")
	want := truth(t, "postgres-stderr")
	// severity and text as the server writes them at the beginning of a line, and the name of the truth
	for id, c := range map[string]struct{ expr, truth string }{
		"db.deadlock":                    {`^\S+ \S+ UTC \[\d+\] \S+ ERROR:  deadlock detected$`, "deadlocks"},
		"db.serialization-failure":       {`^\d.* ERROR:  could not serialize access`, "serialization_failures"},
		"db.statement-timeout":           {`^\d.* ERROR:  canceling statement due to statement timeout`, "statement_timeouts"},
		"db.lock-timeout":                {`^\d.* ERROR:  canceling statement due to lock timeout`, "lock_timeouts"},
		"db.idle-in-transaction-timeout": {`^\d.* FATAL:  terminating connection due to idle-in-transaction`, "idle_in_transaction_timeouts"},
		"db.user-cancel":                 {`^\d.* ERROR:  canceling statement due to user request`, "user_cancels"},
		"db.admin-terminate":             {`^\d.* FATAL:  terminating connection due to administrator command`, "admin_terminates"},
		"db.unique-violation":            {`^\d.* ERROR:  duplicate key value`, "unique_violations"},
		"db.foreign-key-violation":       {`^\d.* ERROR:  .*violates foreign key constraint`, "foreign_key_violations"},
		"db.check-violation":             {`^\d.* ERROR:  .*violates check constraint`, "check_violations"},
		"db.not-null-violation":          {`^\d.* ERROR:  .*violates not-null constraint`, "not_null_violations"},
		"db.division-by-zero":            {`^\d.* ERROR:  division by zero`, "division_by_zero"},
		"db.aborted-transaction-reused":  {`^\d.* ERROR:  current transaction is aborted`, "refused_in_aborted_transaction"},
		"db.login-failed":                {`^\d.* FATAL:  password authentication failed`, "failed_password_logins"},
		"db.login-refused":               {`^\d.* FATAL:  no pg_hba.conf entry`, "logins_refused_no_hba_entry"},
		"db.too-many-connections":        {`^\d.* FATAL:  (?:sorry, too many clients|remaining connection slots)`, "connections_refused_too_many"},
		"db.disk-full":                   {`^\d.* ERROR:  .*No space left on device`, "disk_full_errors"},
		"db.server-crash":                {`^\d.* LOG:  server process .* was terminated by signal`, "server_crashes"},
		"db.crash-recovery":              {`^\d.* LOG:  .*automatic recovery in progress`, "crash_recoveries"},
		"db.corruption":                  {`^\d.* ERROR:  invalid page in block`, "corrupt_page_reads"},
	} {
		lines, provoked := sum(grep(t, c.expr, name)), int64(want[c.truth].(float64))
		if got := sum(tally[id]); got != lines || got != provoked {
			t.Errorf("%s: counted %d, plain searching finds %d, %d were provoked", id, got, lines, provoked)
		}
	}
	// an outage begins with the first failure after none for ten minutes: here they all lie within one
	if n, tries := sum(tally["db.wal-archiving-failed"]), sum(grep(t, `LOG:  archive command failed`, name)); n != 1 || tries < 2 {
		t.Errorf("%d outages of archiving in %d failed tries", n, tries)
	}
	equal(t, "backup.failed", tally["backup.failed"], grep(t, `^\S+ backup\[(.*)\]: FAILED`, "postgres-stderr/backup.log"))
	equal(t, "backup.succeeded", tally["backup.succeeded"], grep(t, `^\S+ backup\[(.*)\]: finished OK`, "postgres-stderr/backup.log"))
}

package rules_test

import (
	"testing"
)

// Each failure counts once, in two logs and in all that MariaDB can write.
func TestMariaDBCountsWhatWasProvoked(t *testing.T) {
	t.Parallel()
	s := loadShipped(t)
	want := truth(t, "mariadb")
	two := []string{"mariadb/error.log", "mariadb/sql_errors.log", "mariadb/backup.log"}
	for _, logs := range [][]string{two, append([]string{"mariadb/server_audit.log", "mariadb/general.log", "mariadb/slow.log"}, two...)} {
		tally, findings := scanLogs(t, s, logs...)
		for id, names := range map[string][]string{
			"db.deadlock":              {"deadlocks"},
			"db.lock-timeout":          {"lock_wait_timeouts"},
			"db.statement-timeout":     {"statement_timeouts"},
			"db.unique-violation":      {"duplicate_key_errors"},
			"db.foreign-key-violation": {"foreign_key_errors"},
			"db.check-violation":       {"check_constraint_errors"},
			"db.not-null-violation":    {"not_null_errors"},
			"db.login-failed":          {"failed_logins"},
			"db.access-denied":         {"denied_to_database", "statements_denied"},
			"db.too-many-connections":  {"connections_refused_too_many"},
			"db.aborted-connection":    {"aborted_connections_by_timeout"},
			"db.crash-recovery":        {"crash_recoveries"},
			"db.server-crash":          {"server_crashes"},
			"db.corruption":            {"corrupt_tables"},
			"backup.failed":            {"backup_failures"},
			"backup.succeeded":         {"backup_successes"},
		} {
			provoked := int64(0)
			for _, name := range names {
				provoked += int64(want[name].(float64))
			}
			if got := sum(tally[id]); got != provoked {
				t.Errorf("%d logs: %s: counted %d, %d were provoked: %v", len(logs), id, got, provoked, tally[id])
			}
		}
		equal(t, "sources", tally["db.login-failed"], grep(t, `^\S+ +\S+ \d+ \[Warning\] Access denied for user '.*'@'(.*)' \(using password`, "mariadb/error.log"))
		equal(t, "brute force", tally["auth.bruteforce"], map[string]int64{"127.0.2.10": 1})
		for _, f := range findings {
			if v := f.Group[0].Value; v == "10.66.66.66" {
				t.Errorf("%s blames %s", f.Rule, v)
			}
		}
	}
}

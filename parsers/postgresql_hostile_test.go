package parsers_test

import (
	"strings"
	"testing"
)

// What users write into statements, messages and names is no event of the server, in any form of the log.
func TestForgedPostgreSQLMessagesAreNone(t *testing.T) {
	const csv, end = `2026-11-24 10:00:00.000 UTC,"app","shop",7,"127.0.0.1:5",6b07636d.1bca,1,"DO",2026-11-24 10:00:00 UTC,3/5,0,`, `,,"psql","client backend",,0` + "\n"
	for _, tc := range []struct {
		name, format, text string
		actions            []string
	}{
		{"the SQLSTATE decides, not the text of a RAISE", "postgresql.csv", csv + `ERROR,P0001,"deadlock detected",,,,,"PL/pgSQL function f() line 1 at RAISE","select f()",` + end, []string{"raised_exception"}},
		{"nor where the log has no SQLSTATE", "postgresql.stderr", "2026-11-24 10:00:00.000 UTC [7] app@shop ERROR:  deadlock detected\n2026-11-24 10:00:00.000 UTC [7] app@shop CONTEXT:  PL/pgSQL function f() line 1 at RAISE\n", []string{"raised_exception"}},
		{"nor in Georgian", "postgresql.stderr", "2026-11-24 10:00:00.000 UTC [7] app@shop შეცდომა:  deadlock detected\n2026-11-24 10:00:00.000 UTC [7] app@shop კონტექსტი:  PL/pgSQL ფუნქცია f() ხაზზე 1 RAISE-სთან\n", []string{"raised_exception"}},
		{"nor in Turkish", "postgresql.stderr", "2026-11-24 10:00:00.000 UTC [7] app@shop HATA:  deadlock detected\n2026-11-24 10:00:00.000 UTC [7] app@shop ORTAM:  f() PL/pgSQL fonksiyonu, 1. satır, RAISE içinde\n", []string{"raised_exception"}},
		{"nor in Chinese", "postgresql.stderr", "2026-11-24 10:00:00.000 UTC [7] app@shop 错误:  deadlock detected\n2026-11-24 10:00:00.000 UTC [7] app@shop 上下文:  在RAISE的第1行的PL/pgSQL函数f()\n", []string{"raised_exception"}},
		{"a crash that a user raises", "postgresql.csv", csv + `LOG,00000,"server process (PID 1) was terminated by signal 11: Segmentation fault",,,,,"PL/pgSQL function inline_code_block line 1 at RAISE","do",` + end, []string{"raised_message"}},
		{"a real deadlock inside a function is one", "postgresql.csv", csv + `ERROR,40P01,"deadlock detected",,,,,"PL/pgSQL function ""x at RAISE""() line 1 at SQL statement","select f()",` + end, []string{"deadlock"}},
		{"a record inside a statement of csvlog", "postgresql.csv", csv + `LOG,00000,"statement: insert into t values ('` + "\n" + csv + `ERROR,40P01,""deadlock detected"",,,,,,,` + end + `')",,,,,,,` + end, []string{"statement"}},
		{"a line inside a statement of the text log", "postgresql.stderr", "2026-11-24 10:00:00.000 UTC [7] app@shop LOG:  statement: insert into t values ('\n\t2026-11-24 10:00:00.000 UTC [8] app@shop ERROR:  deadlock detected\n\t')\n", []string{"statement"}},
		{"an audited statement that looks like more of the record", "postgresql.stderr", "2026-11-24 10:00:00.000 UTC [7] app@shop LOG:  AUDIT: SESSION,1,1,READ,SELECT,,,\"select '\"\",<none>\n\tAUDIT: SESSION,2,1,ROLE,GRANT,,,x'\",<none>\n", []string{"audit"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := events(t, tc.format, "x.log", tc.text)
			if len(got) != len(tc.actions) {
				t.Fatalf("%d events:\n%s", len(got), strings.Join(got, "\n"))
			}
			for i, action := range tc.actions {
				has(t, got[i], `"event.action":"`+action+`"`)
			}
		})
	}
}

// log_statement writes the statement before its duration; what it did not write is not made up.
func TestDurationsGetTheStatementBefore(t *testing.T) {
	const p = "2026-11-24 10:00:00.000 UTC [7] app@shop "
	got := events(t, "postgresql.stderr", "x.log", p+"LOG:  statement: update t set a=1\n"+p+"LOG:  duration: 5.000 ms\n"+p+"LOG:  duration: 6.000 ms\n"+
		p+"LOG:  statement: update t set a=2\n"+p+"ERROR:  canceling statement due to lock timeout\n"+p+"STATEMENT:  update t set a=2\n"+p+"LOG:  duration: 7.000 ms\n")
	if len(got) != 6 {
		t.Fatalf("%d events", len(got))
	}
	has(t, got[1], `"event.duration":5000000`, `"db.query.text":"update t set a=1"`)
	for _, i := range []int{2, 5} {
		if strings.Contains(got[i], "db.query.text") {
			t.Errorf("a statement that was not logged is told: %s", got[i])
		}
	}
}

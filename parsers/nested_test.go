package parsers_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// PostgreSQL 15 sent these lines to rsyslog: two processes whose messages have the same number.
const deadlockInSyslog = `Nov 25 23:50:29 db1 postgres[32475]: [9-1] 2026-11-25 23:50:29.023 UTC [32475] app@shop ERROR:  deadlock detected
Nov 25 23:50:29 db1 postgres[32475]: [9-2] 2026-11-25 23:50:29.023 UTC [32475] app@shop DETAIL:  Process 32475 waits for ShareLock on transaction 732; blocked by process 32474.
Nov 25 23:50:29 db1 postgres[32469]: [9-1] 2026-11-25 23:50:29.023 UTC [32469] app@shop ERROR:  relation "nosuch" does not exist at character 118
Nov 25 23:50:29 db1 sshd[7]: Connection closed by 10.0.0.7 port 4242
Nov 25 23:50:29 db1 postgres[32475]: [9-3] #011Process 32474 waits for ShareLock on transaction 731; blocked by process 32475.
Nov 25 23:50:29 db1 postgres[32469]: [9-2] 2026-11-25 23:50:29.023 UTC [32469] app@shop STATEMENT:  select '
Nov 25 23:50:29 db1 postgres[32475]: [9-4] 2026-11-25 23:50:29.023 UTC [32475] app@shop HINT:  See server log for query details.
Nov 25 23:50:29 db1 postgres[32475]: [9-5] 2026-11-25 23:50:29.023 UTC [32475] app@shop STATEMENT:  update t set v='y' where id=1;
Nov 25 23:50:29 db1 postgres[32469]: [9-3] #0112026-11-23 10:00:00.000 UTC [1234] root@prod FATAL:  password authentication failed for user "forged"' from nosuch
`

func TestTheLinesOfAMessageInSyslogAreOneEvent(t *testing.T) {
	got := events(t, "syslog.rfc3164", "syslog", deadlockInSyslog)
	if len(got) != 3 {
		t.Fatalf("%d events\n%s", len(got), strings.Join(got, "\n"))
	}
	for _, e := range got {
		switch {
		case strings.Contains(e, `"process.pid":32475`):
			has(t, e, `"event.action":"deadlock"`, `"message":"deadlock detected"`, `"db.query.text":"update t set v='y' where id=1;"`,
				`"postgresql.log.detail":"Process 32475 waits for ShareLock on transaction 732; blocked by process 32474.\u000a\u0009Process 32474 waits for ShareLock on transaction 731; blocked by process 32475."`,
				`"event.sequence":9`, `"user.name":"app"`, `"db.namespace":"shop"`, `"host.name":"db1"`, `"event.category":"database"`)
		case strings.Contains(e, `"process.pid":32469`):
			has(t, e, `"event.action":"undefined_table"`, `"user.name":"app"`, `"db.namespace":"shop"`, `"log.level":"ERROR"`,
				`"db.query.text":"select '\u000a\u00092026-11-23 10:00:00.000 UTC [1234] root@prod FATAL:  password authentication failed for user \"forged\"' from nosuch"`)
		default:
			has(t, e, `"process.name":"sshd"`, `"message":"Connection closed by 10.0.0.7 port 4242"`)
		}
	}
}

// Lines of more than 900 bytes are cut, at a blank or else in a word, and what somebody writes may begin the next one.
func TestWhatIsCutInSyslogIsPutTogether(t *testing.T) {
	head := "Nov 25 23:50:28 db1 postgres[7]: "
	long := strings.Repeat("a", 899)
	for _, forged := range []string{
		`2026-11-23 10:00:00.000 UTC [7] root@prod FATAL:  password authentication failed for user "forged"`,
		`user=root,db=prod,app=x,client=10.66.66.66 DETAIL:  forged`,
		`DETAIL:  forged`,
	} {
		text := head + "[8-1] 2026-11-25 23:50:28.305 UTC [7] app@shop ERROR:  relation \"nosuch\" does not exist at character 9\n" +
			head + "[8-2] 2026-11-25 23:50:28.305 UTC [7] app@shop STATEMENT:  select\n" +
			head + "[8-3]  '" + long + "\n" +
			head + "[8-4] " + forged + "' from nosuch\n"
		got := events(t, "syslog.rfc3164", "syslog", text)
		if len(got) != 1 {
			t.Fatalf("%d events", len(got))
		}
		quoted := strings.ReplaceAll(forged, `"`, `\"`)
		has(t, got[0], `"user.name":"app"`, `"db.namespace":"shop"`, `"event.action":"undefined_table"`, `"db.query.text":"select '`+long+quoted+`' from nosuch"`)
		if strings.Contains(got[0], `"postgresql.log.detail"`) || strings.Contains(got[0], `"source.ip"`) {
			t.Errorf("forged: %s", got[0])
		}
	}
}

func TestPostgreSQLInSyslogInAllItsForms(t *testing.T) {
	want := []string{`"event.action":"unique_violation"`, `"postgresql.log.detail":"Key (id)=(1) already exists."`, `"db.query.text":"insert into t\u000a\u0009values (1,'a')"`, `"db.response.status_code":"23505"`}
	for _, tc := range []struct{ name, format, text string }{
		{"without sequence numbers, prefix or time", "syslog.rfc3164", `Nov 25 23:50:33 db1 postgres[7]: [1] ERROR:  23505: duplicate key value violates unique constraint "t_pkey"
Nov 25 23:50:33 db1 postgres[7]: [2] DETAIL:  Key (id)=(1) already exists.
Nov 25 23:50:33 db1 postgres[7]: [3] LOCATION:  _bt_check_unique, nbtinsert.c:664
Nov 25 23:50:33 db1 postgres[7]: [4] STATEMENT:  insert into t
Nov 25 23:50:33 db1 postgres[7]: [5] #011values (1,'a')
`},
		{"not split", "syslog.iso", `2026-11-25T23:50:31.797+00:00 db1 postgres-main[7]: [8] 2026-11-25 23:50:31.797 UTC [7] ERROR:  duplicate key value violates unique constraint "t_pkey"#0122026-11-25 23:50:31.797 UTC [7] DETAIL:  Key (id)=(1) already exists.#0122026-11-25 23:50:31.797 UTC [7] STATEMENT:  insert into t#012#011values (1,'a')
`},
		{"Heroku", "syslog.iso", `2026-11-25T23:50:31.797+00:00 app[postgres.19643]: [DATABASE] [15-1]  sql_error_code = 23505 ERROR:  duplicate key value violates unique constraint "t_pkey"
2026-11-25T23:50:31.797+00:00 app[postgres.19643]: [DATABASE] [15-2]  sql_error_code = 23505 DETAIL:  Key (id)=(1) already exists.
2026-11-25T23:50:31.797+00:00 app[postgres.19643]: [DATABASE] [15-3]  sql_error_code = 23505 STATEMENT:  insert into t
2026-11-25T23:50:31.797+00:00 app[postgres.19643]: [DATABASE] [15-4] ` + "\tvalues (1,'a')\n"},
		{"RFC 5424 and pgBadger's prefix", "syslog.rfc5424", `<131>1 2026-11-25T23:50:28.1+00:00 db1 postgres 7 - -  [8-1] user=app,db=shop,app=psql,client=10.0.0.7 ERROR:  duplicate key value violates unique constraint "t_pkey"
<131>1 2026-11-25T23:50:28.1+00:00 db1 postgres 7 - -  [8-2] user=app,db=shop,app=psql,client=10.0.0.7 DETAIL:  Key (id)=(1) already exists.
<131>1 2026-11-25T23:50:28.1+00:00 db1 postgres 7 - -  [8-3] user=app,db=shop,app=psql,client=10.0.0.7 STATEMENT:  insert into t
<131>1 2026-11-25T23:50:28.1+00:00 db1 postgres 7 - -  [8-4] #011values (1,'a')
`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := events(t, tc.format, "syslog", tc.text)
			if len(got) != 1 {
				t.Fatalf("%d events\n%s", len(got), strings.Join(got, "\n"))
			}
			has(t, got[0], want...)
		})
	}
}

// Process ids are of their host only: the address of a session on one is not that of another.
func TestSessionsOfSeveralHostsAreKeptApart(t *testing.T) {
	line := "Nov 25 23:50:28 %HOST postgres[7]: [6-1] 2026-11-25 23:50:28.196 UTC [7] "
	received := func(host, ip string) string {
		return strings.ReplaceAll(line, "%HOST", host) + "[unknown]@[unknown] LOG:  connection received: host=" + ip + " port=57368\n"
	}
	failed := strings.ReplaceAll(strings.ReplaceAll(line, "[6-1]", "[7-1]"), "%HOST", "db1") + "app@shop FATAL:  password authentication failed for user \"app\"\n"
	got := events(t, "syslog.rfc3164", "syslog", received("db1", "10.0.0.1")+received("db2", "10.0.0.2")+failed)
	if len(got) != 3 {
		t.Fatalf("%d events", len(got))
	}
	for _, e := range got {
		if strings.Contains(e, "password authentication failed") {
			has(t, e, `"source.ip":"10.0.0.1"`, `"event.outcome":"failure"`, `"event.action":"db_login"`)
		}
	}
}

func TestMistakesInRecordsOfOtherFormatsAreNamed(t *testing.T) {
	lines := "[[pattern]]\ngrok = '(?<_id>[0-9]+) (?<message>.*)'\n"
	for _, tc := range []struct{ name, of, record, want string }{
		{"no such format", lines, "of = 'lins'\nfrom = '_x'", `did you mean "lines"?`},
		{"a format within others", lines, "of = 'in'\nfrom = '_x'", `unknown format of lines "in"`},
		{"lines that are not joined", lines, "of = 'lines'\nfrom = '_x'", "not matched one by one and joined"},
		{"a capture that there is not", lines + "[join]\nby = '_id'", "of = 'lines'\nfrom = '_y'", "record: from: no pattern captures _y"},
		{"an escape of nothing", lines + "[join]\nby = '_id'", "of = 'lines'\nfrom = '_x'\nescaped = { '' = 'x' }", "record: escaped"},
		{"itself", "[[pattern]]\ngrok = '(?<_id>[0-9]+) (?<message>.*)'\n[join]\nby = '_id'", "of = 'lines'\nfrom = '_x'", "read each other"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parsers.Load(fstest.MapFS{
				"patterns/own":       {Data: []byte("W \\w+\n")},
				"formats/lines.toml": {Data: []byte(tc.of)},
				"formats/in.toml":    {Data: []byte("within = ['lines']\n[[pattern]]\ngrok = '(?<_x>.*)'\n[record]\n" + tc.record)},
			}, event.NewSchema())
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

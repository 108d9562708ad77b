package rules_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
)

// A said is what a log of some format says.
type said struct{ format, lines string }

// tallied lets all shipped rules judge logs and returns how often each counted, by group: "rule group" = n.
func tallied(t *testing.T, logs ...said) map[string]int64 {
	t.Helper()
	s := loadShipped(t)
	e, err := rules.New(s.rules, rules.Config{Schema: s.schema, Tally: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &event.Commit{Batch: &event.Batch{}}
	for i, l := range logs {
		b, err := s.decode(l.format, event.GenID(i+1), []byte(l.lines))
		if err != nil {
			t.Fatal(err)
		}
		for j := range b.To {
			b.To[j].Low = math.MaxInt64
		}
		c.Merge(b)
	}
	if err := e.Process(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	e.Flush(c)
	got := map[string]int64{}
	for id, groups := range e.Tally() {
		for group, n := range groups {
			got[id+" "+group] += n
		}
	}
	return got
}

// Each trap that real logs set, and all that the shipped rules count of it: what is not named here is a false alarm.
func TestTrapsThatRealLogsSet(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		logs []said
		want map[string]int64
	}{
		{"57014 is a statement time-out or a client's cancel", []said{{"postgresql.stderr", `2026-11-23 10:06:24.928 UTC [1] app@shop ERROR:  57014: canceling statement due to statement timeout
2026-11-23 10:06:25.928 UTC [2] app@shop ERROR:  57014: canceling statement due to user request
`}}, map[string]int64{"db.statement-timeout shop": 1, "db.user-cancel shop": 1}},
		{"with log_statement=all a duration has the statement of the line before", []said{{"postgresql.stderr", `2026-11-23 10:06:24.928 UTC [1] app@shop LOG:  statement: DELETE FROM accounts
2026-11-23 10:06:34.928 UTC [1] app@shop LOG:  duration: 10000.123 ms
`}}, map[string]int64{"db.slow-query shop": 1, "audit.change-without-where app in shop": 1}},
		{"with log_statement=mod neither BEGIN nor ROLLBACK is told: nothing is open", []said{{"postgresql.stderr", `2026-11-23 10:00:00.000 UTC [1] app@shop LOG:  statement: INSERT INTO t VALUES (1)
2026-11-23 10:59:00.000 UTC [2] app@shop LOG:  statement: INSERT INTO t VALUES (2)
`}}, map[string]int64{}},
		{"one deadlock is many lines that hold the word", []said{{"postgresql.stderr", `2026-11-23 10:00:00.000 UTC [81] app@shop LOG:  process 81 detected deadlock while waiting for ShareLock on transaction 7 after 1000.134 ms
2026-11-23 10:00:00.000 UTC [81] app@shop DETAIL:  Process holding the lock: 80. Wait queue: .
2026-11-23 10:00:00.001 UTC [81] app@shop ERROR:  deadlock detected
2026-11-23 10:00:00.001 UTC [81] app@shop DETAIL:  Process 81 waits for ShareLock on transaction 7; blocked by process 80.
	Process 80 waits for ShareLock on transaction 8; blocked by process 81.
	Process 81: UPDATE accounts SET balance=1 WHERE id=1;
	Process 80: UPDATE accounts SET balance=1 WHERE id=2;
2026-11-23 10:00:00.001 UTC [81] app@shop HINT:  See server log for query details.
2026-11-23 10:00:00.001 UTC [81] app@shop STATEMENT:  UPDATE accounts SET balance=1 WHERE id=1;
`}}, map[string]int64{"db.deadlock shop": 1}},
		{"lines that a statement forges, and words in its data", []said{{"postgresql.stderr", `2026-11-23 10:00:00.000 UTC [1] app@shop LOG:  statement: INSERT INTO ledger(note) VALUES ('line one
	2026-01-01 00:00:00.000 UTC [1] app@shop ERROR:  deadlock detected
	2026-01-01 00:00:00.000 UTC [1] app@shop FATAL:  password authentication failed for user "root"
	line three')
2026-11-23 10:00:01.000 UTC [1] app@shop LOG:  statement: INSERT INTO notes VALUES ('no deadlock detected'), ('Access denied for user ''root''@''10.66.66.66'' (using password: YES)')
`}}, map[string]int64{}},
		{"sql_errlog writes 1213 and 1205 twice each", []said{{"mariadb.sql-errors", `2026-11-23 23:09:18 app[app] @  [127.0.0.1] ERROR 1213: Deadlock found when trying to get lock; try restarting transaction : UPDATE t SET v=1
2026-11-23 23:09:18 app[app] @  [127.0.0.1] ERROR 1213: Deadlock found when trying to get lock; try restarting transaction : UPDATE t SET v=1
2026-11-23 23:19:18 app[app] @  [127.0.0.1] ERROR 1205: Lock wait timeout exceeded; try restarting transaction : UPDATE t SET v=2
2026-11-23 23:19:18 app[app] @  [127.0.0.1] ERROR 1205: Lock wait timeout exceeded; try restarting transaction : UPDATE t SET v=2
`}}, map[string]int64{"db.deadlock -": 1, "db.lock-timeout -": 1}},
		{"1044 is denied with the right password", []said{{"mysql.error", `2026-11-25 22:32:42 31 [Warning] Access denied for user 'report'@'10.0.0.7' to database 'shop2'
`}}, map[string]int64{"db.access-denied report": 1}},
		{"a dump rolls back to its savepoint", []said{{"mariadb.audit", `20261126 10:17:16,db1,backup,localhost,4,6,QUERY,shop,'SAVEPOINT sp',0
20261126 10:17:16,db1,backup,localhost,4,7,QUERY,shop,'ROLLBACK TO SAVEPOINT sp',0
20261126 10:17:16,db1,backup,localhost,4,8,QUERY,shop,'RELEASE SAVEPOINT sp',0
`}}, map[string]int64{}},
		{"InnoDB's report has stamped lines in its middle", []said{{"mysql.error", "2026-11-25 22:52:41 5 [Note] InnoDB: Transactions deadlock detected, dumping detailed information.\n" +
			"2026-11-25 22:52:41 5 [Note] InnoDB: \n*** (1) TRANSACTION:\n\nTRANSACTION 25, ACTIVE 1 sec starting index read\nmysql tables in use 1, locked 1\n" +
			"MariaDB thread id 6, OS thread handle 1, query id 35 127.0.0.1 app Updating\nUPDATE accounts SET balance=1 WHERE id=2\n*** WAITING FOR THIS LOCK TO BE GRANTED:\n" +
			"RECORD LOCKS space id 6 page no 3 n bits 8 index PRIMARY of table `shop`.`accounts` trx id 25 lock_mode X locks rec but not gap waiting\n" +
			"2026-11-25 22:52:41 5 [Note] InnoDB: *** (2) TRANSACTION:\n\nTRANSACTION 26, ACTIVE 1 sec starting index read\n*** WE ROLL BACK TRANSACTION (2)\n"}}, map[string]int64{"db.deadlock shop": 1}},
		{"the general log escapes nothing", []said{{"mysql.general", "261125 22:32:42\t    21 Query\tINSERT INTO ledger(note) VALUES ('tabs\n\t\t    99 Connect\tAccess denied for user 'fake'@'10.66.66.66' (using password: YES)\n')\n"}}, map[string]int64{}},
		{"an unknown user is three lines of one attempt, by sshd of 9.8 too", []said{{"syslog.rfc3164", `Nov 23 10:19:59 app01 sshd-session[5775]: Invalid user x from 127.0.3.16 port 59233
Nov 23 10:20:01 app01 sshd-session[5775]: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=127.0.3.16
Nov 23 10:20:03 app01 sshd-session[5775]: Failed password for invalid user x from 127.0.3.16 port 59233 ssh2
Nov 23 10:20:03 app01 sshd-session[5775]: Connection closed by invalid user x 127.0.3.16 port 59233 [preauth]
`}}, map[string]int64{"auth.ssh-failed 127.0.3.16": 1}},
		{"three failures are one line and one that repeats it twice", []said{{"syslog.rfc3164", `Nov 23 10:20:01 app01 sshd[1]: Failed password for alice from 127.0.3.10 port 1001 ssh2
Nov 23 10:20:09 app01 sshd[1]: message repeated 2 times: [ Failed password for alice from 127.0.3.10 port 1001 ssh2]
`}}, map[string]int64{"auth.ssh-failed 127.0.3.10": 3}},
		{"a user's name forges a source", []said{{"syslog.rfc3164", `Nov 23 10:20:01 app01 sshd[1]: Failed password for invalid user root from 10.66.66.66 port 22 ssh2 from 127.0.3.14 port 4242 ssh2
`}}, map[string]int64{"auth.ssh-failed 127.0.3.14": 1}},
		{"an expired account with the right password is told as a failed one", []said{{"syslog.rfc3164", `Nov 23 10:20:01 app01 sshd[1]: pam_unix(sshd:account): account old has expired (account expired)
Nov 23 10:20:01 app01 sshd[1]: Failed password for old from 127.0.3.17 port 1001 ssh2
Nov 23 10:20:01 app01 sshd[1]: fatal: Access denied for user old by PAM account configuration [preauth]
`}}, map[string]int64{"auth.ssh-failed 127.0.3.17": 1}},
		{"VERBOSE tells of the key before the login", []said{{"syslog.rfc3164", `Nov 23 10:20:01 app01 sshd[1]: Accepted key ED25519 SHA256:7uyHZ8Yk found at /home/alice/.ssh/authorized_keys:1
Nov 23 10:20:01 app01 sshd[1]: Postponed publickey for alice from 127.0.3.10 port 1001 ssh2 [preauth]
Nov 23 10:20:01 app01 sshd[1]: Accepted publickey for alice from 127.0.3.10 port 1001 ssh2: ED25519 SHA256:7uyHZ8Yk
`}}, map[string]int64{"auth.ssh-login alice@127.0.3.10": 1}},
		{"auditd: events interleave, texts are in hex, and a byte stands before what is added", []said{{"auditd", "type=SYSCALL msg=audit(1795475926.223:1478): arch=c000003e syscall=59 success=yes exit=0 items=2 ppid=1 pid=2 auid=1001 uid=0 comm=\"rm\" exe=\"/usr/bin/rm\" key=(null)\x1dARCH=x86_64 SYSCALL=execve AUID=\"alice\" UID=\"root\"\n" +
			"type=CONFIG_CHANGE msg=audit(1795475926.223:1479): auid=1001 ses=3 op=remove_rule key=70617920726F6C6C list=4 res=1\x1dAUID=\"alice\"\n" +
			"type=EXECVE msg=audit(1795475926.223:1478): argc=3 a0=\"rm\" a1=\"-f\" a2=\"/var/log/auth.log\"\n"}},
			map[string]int64{"audit.rules-removed test": 1, "audit.log-cleared test": 1}},
		{"nginx escapes a quote as \\x22, Apache as \\\"", []said{
			{"nginx.access", `127.0.2.33 - al\x22ice [23/Nov/2026:10:12:59 +0000] "GET /a?x=\x22 HTTP/1.1" 401 153 "-" "() { :;}; echo \x22a\x22"` + "\n"},
			{"apache.access", `127.0.2.34 - al\"ice [23/Nov/2026:10:12:59 +0000] "GET /a?x=\" HTTP/1.1" 401 153 "-" "() { :;}; echo \"a\""` + "\n"},
		}, map[string]int64{"web.shellshock 127.0.2.33": 1, "web.shellshock 127.0.2.34": 1, "web.auth-failed 127.0.2.33": 1, "web.auth-failed 127.0.2.34": 1}},
		{"a dead back end is 502 in nginx and 503 in Apache, a slow one 504 and 502", []said{
			{"nginx.access", `127.0.1.2 - - [23/Nov/2026:10:12:59 +0000] "GET /dead HTTP/1.1" 502 157 "-" "-"
127.0.1.2 - - [23/Nov/2026:10:12:59 +0000] "GET /slow HTTP/1.1" 504 157 "-" "-"
`},
			{"apache.access", `127.0.1.2 - - [23/Nov/2026:10:12:59 +0000] "GET /dead HTTP/1.1" 503 157 "-" "-"
127.0.1.2 - - [23/Nov/2026:10:12:59 +0000] "GET /slow HTTP/1.1" 502 157 "-" "-"
`},
		}, map[string]int64{"web.server-error /dead": 2, "web.server-error /slow": 2}},
		{"a TLS hello on a plain port is a request without a target", []said{{"nginx.access", hellos(10)}}, map[string]int64{"web.scan 127.0.2.10": 1}},
		{"the first challenge is no failed login", []said{{"apache.access", `127.0.1.3 - - [23/Nov/2026:10:12:55 +0000] "GET /private/ HTTP/1.1" 401 179 "-" "curl/7.88.1"
127.0.1.3 - alice [23/Nov/2026:10:12:55 +0000] "GET /private/ HTTP/1.1" 200 179 "-" "curl/7.88.1"
`}}, map[string]int64{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := tallied(t, tc.logs...)
			if fmt.Sprint(got) != fmt.Sprint(tc.want) {
				t.Errorf("counted\n%v\nwant\n%v", got, tc.want)
			}
		})
	}
}

// hellos are different TLS hellos that one client sends to a plain port.
func hellos(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `127.0.2.10 - - [23/Nov/2026:10:12:55 +0000] "\x16\x03\x01\x02\x%02x" 400 157 "-" "-"`+"\n", i)
	}
	return b.String()
}

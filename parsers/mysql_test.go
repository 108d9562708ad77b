package parsers_test

import (
	"strings"
	"testing"
)

// A user name is written as the client sent it: the host that the server adds is the one that counts.
func TestHostileMySQLNamesForgeNothing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, format, line string
		want               []string
	}{
		{"error log: another host in the name", "mysql.error",
			`2026-11-25 22:32:42 27 [Warning] Access denied for user 'root'@'10.66.66.66' (using password: YES)'@'127.0.2.12' (using password: YES)`,
			[]string{`"source.ip":"127.0.2.12"`, `"event.action":"db_login"`, `"db.response.status_code":"1045"`}},
		{"error log: the words of a denied database in the name", "mysql.error",
			`2026-11-25 22:32:42 28 [Warning] Access denied for user 'x'@'10.66.66.66' to database 'shop'@'127.0.2.12' (using password: YES)`,
			[]string{`"source.ip":"127.0.2.12"`, `"event.action":"db_login"`}},
		{"error log: a database called like a denied login", "mysql.error",
			`2026-11-25 22:32:42 31 [Warning] Access denied for user 'report'@'127.0.1.6' to database 'a'@'10.66.66.66' to database 'b' (using password: YES)'`,
			[]string{`"source.ip":"127.0.1.6"`, `"event.action":"access_denied"`, `"user.name":"report"`}},
		{"error log: names of an account and its database", "mysql.error",
			`2026-11-25 22:32:43 34 [Warning] Aborted connection 34 to db: 'd' user: 'x' host: '10.66.66.66' user: 'a' host: '10.66.66.66' (x' host: '127.0.1.7' (Got timeout reading communication packets)`,
			[]string{`"source.ip":"127.0.1.7"`, `"event.action":"connection_timeout"`}},
		{"error log: MySQL 8", "mysql.error",
			`2021-10-28T08:06:45.411498Z 25 [Note] [MY-010926] [Server] Access denied for user 'a'@'10.66.66.66' (using password: NO)'@'192.0.2.7' (using password: NO)`,
			[]string{`"source.ip":"192.0.2.7"`, `"event.code":"MY-010926"`, `"event.provider":"Server"`}},
		{"SQL error log: the front of its own line in the name", "mariadb.sql-errors",
			`2026-11-25 22:52:42 [z] @  [10.66.66.66] ERROR 1045: Access denied for user 'z] @  [127.0.2.12] ERROR 1045: Access denied for user 'z] @  [10.66.66.66] ERROR 1045: Access denied for user 'z'@'127.0.2.12' (using password: YES) : (null)`,
			[]string{`"source.ip":"127.0.2.12"`, `"event.action":"db_login"`}},
		{"SQL error log: another error in the name", "mariadb.sql-errors",
			`2026-11-25 22:52:42 [z] @  [10.66.66.66] ERROR 4151: Access denied, this account is locked : (null)] @  [127.0.2.12] ERROR 1040: Too many connections : (null)`,
			[]string{`"source.ip":"127.0.2.12"`, `"event.action":"too_many_connections"`}},
		{"SQL error log: a denied login in a statement", "mariadb.sql-errors",
			`2026-11-25 22:52:42 app[app] @  [127.0.1.5] ERROR 1064: You have an error in your SQL syntax; near 'x' at line 1 : '] @  [10.66.66.66] ERROR 1045: Access denied for user 'a'@'10.66.66.66' (using password: YES) : (null)`,
			[]string{`"source.ip":"127.0.1.5"`, `"user.name":"app"`, `"db.response.status_code":"1064"`}},
		{"audit log: a whole line in the name", "mariadb.audit",
			`20261125 22:52:41,db01,a,10.66.66.66,9,0,FAILED_CONNECT,,,127.0.2.12,36,0,FAILED_CONNECT,,,1045`,
			[]string{`"source.ip":"127.0.2.12"`, `"mysql.thread_id":36`, `"event.action":"db_login"`}},
		{"audit log: a whole line in a statement", "mariadb.audit",
			`20261125 22:52:41,db01,app,127.0.1.5,25,470,QUERY,shop,'SELECT \'x\',10.66.66.66,9,0,FAILED_CONNECT,,,1045',0`,
			[]string{`"source.ip":"127.0.1.5"`, `"event.action":"statement"`, `"event.outcome":"success"`}},
		{"general log: another host in the name", "mysql.general",
			"2026-11-25T22:52:41.000000Z\t   14 Connect\tAccess denied for user 'a'@'10.66.66.66' (using password: YES)'@'127.0.2.12' (using password: YES)",
			[]string{`"source.ip":"127.0.2.12"`, `"event.provider":"general_log"`}},
		{"syslog: another host in the name", "syslog.rfc3164",
			`Sep 16 21:30:32 db01 mysqld: 130916 21:30:32 [Warning] Access denied for user 'h'@'10.66.66.66' (using password: NO)'@'74.63.196.73' (using password: NO)`,
			[]string{`"source.ip":"74.63.196.73"`, `"event.action":"db_login"`, `"host.name":"db01"`, `"event.module":"mysql"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := events(t, tc.format, "test", tc.line+"\n")
			if len(got) != 1 {
				t.Fatalf("%d events: %s", len(got), got)
			}
			has(t, got[0], tc.want...)
			if strings.Contains(got[0], `"source.ip":"10.66.66.66"`) {
				t.Errorf("a forged address in\n%s", got[0])
			}
		})
	}
}

// Other lines of the report stand between its own, and what a transaction ran may look like a line of any log.
func TestADeadlockReportIsOneEvent(t *testing.T) {
	t.Parallel()
	report := `2024-08-04T07:51:55.786277Z 12 [Note] [MY-012468] [InnoDB] Transactions deadlock detected, dumping detailed information.
2024-08-04T07:51:55.786375Z 12 [Note] [MY-012469] [InnoDB] *** (1) TRANSACTION:
TRANSACTION 246047, ACTIVE 7 sec starting index read
MySQL thread id 11, query id 350 localhost baron Updating
UPDATE t SET note = 'x
Nov 23 23:18:49 app01 sshd[5479]: Failed password for root from 10.66.66.66 port 42319 ssh2
' WHERE id = 2
2024-08-04T07:51:55.786400Z 13 [Note] [MY-010926] [Server] Access denied for user 'app'@'192.0.2.7' (using password: NO)
2024-08-04T07:51:55.786398Z 12 [Note] [MY-012469] [InnoDB] *** (1) HOLDS THE LOCK(S):
RECORD LOCKS space id 163 page no 3 n bits 72 index GEN_CLUST_INDEX of table ` + "`deadlock_test`.`t`" + ` trx id 246047 lock_mode X
2024-08-04T07:51:55.786498Z 12 [Note] [MY-012469] [InnoDB] *** (2) TRANSACTION:
TRANSACTION 246048, ACTIVE 6 sec starting index read
2024-08-04T07:51:55.786598Z 12 [Note] [MY-012469] [InnoDB] *** WE ROLL BACK TRANSACTION (2)
`
	for _, format := range []string{"auto", "mysql.error"} {
		got := events(t, format, "error.log", report)
		if len(got) != 2 {
			t.Fatalf("%s: %d events: %s", format, len(got), got)
		}
		for _, e := range got {
			if strings.Contains(e, "192.0.2.7") {
				has(t, e, `"event.action":"db_login"`, `"source.ip":"192.0.2.7"`)
				continue
			}
			has(t, e, `"event.action":"deadlock"`, `"db.namespace":"deadlock_test"`, `"db.collection.name":"t"`,
				`"mysql.innodb.trx_id":"246047"`, `"mysql.innodb.blocking_trx_id":"246048"`, `WE ROLL BACK TRANSACTION (2)`, `Failed password for root`)
		}
	}
	status := `=====================================
2010-01-20 17:00:58 7f0a8c0d1700 INNODB MONITOR OUTPUT
=====================================
------------------------
LATEST DETECTED DEADLOCK
------------------------
2010-01-20 16:58:02 7f0a8c0d1700
TOO DEEP OR LONG SEARCH IN THE LOCK TABLE WAITS-FOR GRAPH, WE WILL ROLL BACK FOLLOWING TRANSACTION

*** TRANSACTION:
TRANSACTION 45A5, ACTIVE 0 sec, process no 4170, OS thread id 1188550976 inserting
RECORD LOCKS space id 0 page no 4 n bits 72 index ` + "`a` of table `test`.`t`" + ` trx id 45A5 lock_mode X waiting
------------
TRANSACTIONS
------------
Trx id counter 45B0
`
	got := strings.Join(events(t, "mysql.error", "status.txt", status), "\n")
	has(t, got, `"@timestamp":"2010-01-20T16:58:02.000000Z"`, `"event.action":"deadlock"`, `"db.namespace":"test"`, `"mysql.innodb.trx_id":"45A5"`, `TOO DEEP OR LONG`)
	if n := strings.Count(got, `"event.action":"deadlock"`); n != 1 {
		t.Errorf("%d deadlocks in\n%s", n, got)
	}
}

func TestAFileMayBeginWithALongReport(t *testing.T) {
	t.Parallel()
	report := `2026-11-25 22:36:05 7f3f384496c0InnoDB: transactions deadlock detected, dumping detailed information.
2026-11-25 22:36:05 7f3f384496c0
*** (1) TRANSACTION:
` + strings.Repeat(" 0: len 4; hex 80000003; asc     ;;\n", 90) + "*** WE ROLL BACK TRANSACTION (2)\n"
	got := events(t, "auto", "x.log", report)
	if len(got) != 1 {
		t.Fatalf("%d events", len(got))
	}
	has(t, got[0], `"event.action":"deadlock"`, `"event.module":"mysql"`)
}

// The slow log's records have the time of their SET timestamp, which has a zone.
func TestASlowQueryIsOneEventWhateverStandsInItsHead(t *testing.T) {
	t.Parallel()
	got := events(t, "auto", "slow.log", `/usr/sbin/mysqld, Version: 8.0.34 (MySQL Community Server - GPL). started with:
Tcp port: 3306  Unix socket: /var/run/mysqld/mysqld.sock
Time                 Id Command    Argument
# Time: 2023-08-07T16:27:47.169604Z
# User@Host: shop[shop] @ app01 [10.0.0.7]  Id:  7234
# Query_time: 15.000223  Lock_time: 0.000021 Rows_sent: 1  Rows_examined: 0 Thread_id: 7234 Errno: 0 Killed: 0 Bytes_received: 0 Bytes_sent: 57 Read_first: 0 Read_last: 0 Read_key: 0 Read_next: 0 Read_prev: 0 Read_rnd: 0 Read_rnd_next: 0 Sort_merge_passes: 0 Sort_range_count: 0 Sort_rows: 0 Sort_scan_count: 0 Created_tmp_disk_tables: 0 Created_tmp_tables: 0 Start: 2023-08-07T16:27:32.169381Z End: 2023-08-07T16:27:47.169604Z
SET timestamp=1691425652;
select sleep(15);
# User@Host: root[root] @ localhost []  Id:    10
# Query_time: 2.000000  Lock_time: 0.000000 Rows_sent: 0  Rows_examined: 0
SET timestamp=1691425700;
# administrator command: Quit;
`)
	if len(got) != 2 {
		t.Fatalf("%d events: %s", len(got), got)
	}
	has(t, got[0], `"event.duration":15000223000`, `"@timestamp":"2023-08-07T16:27:32.000000Z"`, `"user.name":"shop"`, `"source.ip":"10.0.0.7"`,
		`"source.domain":"app01"`, `"mysql.thread_id":7234`, `"mysql.slowlog.bytes_sent":57`, `"db.query.text":"select sleep(15);"`)
	has(t, got[1], `"mysql.slowlog.administrator_command":"Quit"`, `"user.name":"root"`, `"event.duration":2000000000`)
}

// Wordings of versions that the sample has no lines of: those of MySQL 8 end with a full stop.
func TestMessagesOfOtherMySQLs(t *testing.T) {
	t.Parallel()
	const v8 = "2021-01-01T00:00:00.000000Z 9 [Note] [MY-010914] [Server] "
	for _, tc := range []struct {
		line string
		want []string
	}{
		{v8 + "Aborted connection 9 to db: 'shop' user: 'app' host: '192.0.2.7' (Got timeout reading communication packets).", []string{`"connection_timeout"`, `"source.ip":"192.0.2.7"`, `"db.namespace":"shop"`, `"db.response.status_code":"1159"`}},
		{v8 + "Aborted connection 9 to db: 'unconnected' user: 'app' host: '192.0.2.7' (The client was disconnected by the server because of inactivity).", []string{`"connection_timeout"`, `"source.ip":"192.0.2.7"`}},
		{v8 + "Aborted connection 9 to db: 'shop' user: 'app' host: '192.0.2.7' (Got an error reading communication packets).", []string{`"connection_lost"`, `"event.reason":"Got an error reading communication packets"`}},
		{"2026-11-25 22:32:43 34 [Warning] Aborted connection 34 to db: 'shop' user: 'app' host: '10.0.0.1' real ip: '192.0.2.7' (Got an error reading communication packets)", []string{`"connection_lost"`, `"source.ip":"192.0.2.7"`}},
		{v8 + "Access denied for user 'bob'@'192.0.2.7'. Account is blocked for 3 day(s) (3 day(s) remaining) due to 4 consecutive failed logins.", []string{`"db_login_refused"`, `"user.name":"bob"`, `"source.ip":"192.0.2.7"`, `"event.reason":"account locked"`}},
		{"2021-01-01T00:00:00.000000Z 0 [ERROR] [MY-012592] [InnoDB] Operating system error number 28 in a file operation.", []string{`"disk_full"`}},
		{"2016-02-24T15:26:18.237955 6 [Note] Access denied for user 'root'@'localhost' (using password: YES)", []string{`"@timestamp":"2016-02-24T15:26:18.237955Z"`, `"db_login"`}},
	} {
		got := events(t, "mysql.error", "x.log", tc.line+"\n")
		if len(got) != 1 {
			t.Fatalf("%d events of %s", len(got), tc.line)
		}
		has(t, got[0], tc.want...)
	}
}

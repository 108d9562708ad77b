package rules_test

import "testing"

// A program tells in its own log of what its database refused, and the database tells of it too: that is one failure,
// whichever wrote first, and two where there were two. Without the database's log the program's word counts.
func TestAFailureThatTheProgramTellsOfAsWellCountsOnce(t *testing.T) {
	t.Parallel()
	s := loadShipped(t)
	for _, tc := range []struct{ rule, server, program string }{
		{"db.deadlock", `ERROR:  deadlock detected`, `psycopg2.errors.DeadlockDetected: deadlock detected`},
		{"db.serialization-failure", `ERROR:  could not serialize access due to concurrent update`, `psycopg2.errors.SerializationFailure: could not serialize access due to concurrent update`},
		{"db.statement-timeout", `ERROR:  canceling statement due to statement timeout`, `psycopg2.errors.QueryCanceled: canceling statement due to statement timeout`},
		{"db.lock-timeout", `ERROR:  canceling statement due to lock timeout`, `psycopg2.errors.LockNotAvailable: canceling statement due to lock timeout`},
		{"db.idle-in-transaction-timeout", `FATAL:  terminating connection due to idle-in-transaction timeout`, `psycopg2.errors.IdleInTransactionSessionTimeout: terminating connection due to idle-in-transaction timeout`},
		{"db.user-cancel", `ERROR:  canceling statement due to user request`, `psycopg2.errors.QueryCanceled: canceling statement due to user request`},
		{"db.admin-terminate", `FATAL:  terminating connection due to administrator command`, `psycopg2.errors.AdminShutdown: terminating connection due to administrator command`},
		{"db.unique-violation", `ERROR:  duplicate key value violates unique constraint "acct_pkey"`, `psycopg2.errors.UniqueViolation: duplicate key value violates unique constraint "acct_pkey"`},
		{"db.foreign-key-violation", `ERROR:  insert or update on table "orders" violates foreign key constraint "orders_acct_fkey"`, `psycopg2.errors.ForeignKeyViolation: insert or update on table "orders" violates foreign key constraint "orders_acct_fkey"`},
		{"db.check-violation", `ERROR:  new row for relation "acct" violates check constraint "acct_balance_check"`, `psycopg2.errors.CheckViolation: new row for relation "acct" violates check constraint "acct_balance_check"`},
		{"db.not-null-violation", `ERROR:  null value in column "owner" of relation "acct" violates not-null constraint`, `psycopg2.errors.NotNullViolation: null value in column "owner" of relation "acct" violates not-null constraint`},
		{"db.division-by-zero", `ERROR:  division by zero`, `psycopg2.errors.DivisionByZero: division by zero`},
		{"db.aborted-transaction-reused", `ERROR:  current transaction is aborted, commands ignored until end of transaction block`, `psycopg2.errors.InFailedSqlTransaction: current transaction is aborted, commands ignored until end of transaction block`},
		{"db.too-many-connections", `FATAL:  sorry, too many clients already`, `psycopg2.OperationalError: connection to server at "10.0.0.1", port 5432 failed: FATAL:  sorry, too many clients already`},
		{"db.disk-full", `ERROR:  could not extend file "base/16384/16397": No space left on device`, `psycopg2.errors.DiskFull: could not extend file "base/16384/16397": No space left on device`},
		{"db.access-denied", `ERROR:  permission denied for table secrets`, `psycopg2.errors.InsufficientPrivilege: permission denied for table secrets`},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			t.Parallel()
			server := func(at string) string { return at + " UTC [18730] app@shop " + tc.server + "\n" }
			program := func(at string) string {
				return at + " - shop.orders - ERROR - transfer failed\nTraceback (most recent call last):\n" +
					"  File \"/srv/shop/orders.py\", line 41, in transfer\n    cur.execute(sql)\n" + tc.program + "\n"
			}
			const first, same, later, second = "2026-11-23 23:06:24.928", "2026-11-23 23:06:24,951", "2026-11-23 23:06:24,920", "2026-11-23 23:09:00.000"
			for _, c := range []struct {
				name string
				logs []logText
				want int64
			}{
				{"the server first", []logText{{"postgresql.log", server(first)}, {"shop.log", program(same)}}, 1},
				{"the program first", []logText{{"shop.log", program(later)}, {"postgresql.log", server(first)}}, 1},
				{"two failures", []logText{{"postgresql.log", server(first) + server(second)}, {"shop.log", program(same) + program("2026-11-23 23:09:00,004")}}, 2},
				{"the program alone", []logText{{"shop.log", program(same)}}, 1},
			} {
				tally, _ := scanTexts(t, s, c.logs...)
				if got := sum(tally[tc.rule]); got != c.want {
					t.Errorf("%s: counted %d, want %d: %v", c.name, got, c.want, tally)
				}
				if len(c.logs) > 1 && tally[tc.rule]["shop"]+tally[tc.rule]["app"] != c.want {
					t.Errorf("%s: the group that the server tells is missing: %v", c.name, tally[tc.rule])
				}
			}
		})
	}
}

// The same of other servers: each line of a pair tells of the failure that the other one tells of.
func TestWhatOtherDatabasesAndTheirProgramsTellCountsOnce(t *testing.T) {
	t.Parallel()
	s := loadShipped(t)
	for _, tc := range []struct {
		rule    string
		server  logText
		program string
	}{
		{"db.lock-timeout", logText{"sql_errors.log", "2026-11-23 23:06:24 app[app] @ localhost [] ERROR 1205: Lock wait timeout exceeded; try restarting transaction : UPDATE acct SET balance=1\n2026-11-23 23:06:24 app[app] @ localhost [] ERROR 1205: Lock wait timeout exceeded; try restarting transaction : UPDATE acct SET balance=1\n"},
			"com.mysql.cj.jdbc.exceptions.MySQLTransactionRollbackException: Lock wait timeout exceeded; try restarting transaction"},
		{"db.deadlock", logText{"sql_errors.log", "2026-11-23 23:06:24 app[app] @ localhost [] ERROR 1213: Deadlock found when trying to get lock; try restarting transaction : UPDATE acct SET balance=1\n2026-11-23 23:06:24 app[app] @ localhost [] ERROR 1213: Deadlock found when trying to get lock; try restarting transaction : UPDATE acct SET balance=1\n"},
			"java.sql.SQLTransactionRollbackException: (conn=40) Deadlock found when trying to get lock; try restarting transaction"},
		{"db.deadlock", logText{"ERRORLOG", "2026-11-23 23:06:24.90 spid19s     deadlock-list\n2026-11-23 23:06:24.90 spid19s      deadlock victim=processAAA\n2026-11-23 23:06:24.90 spid19s       process-list\n"},
			"com.microsoft.sqlserver.jdbc.SQLServerException: Transaction (Process ID 54) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction."},
		{"db.deadlock", logText{"alert_shop.log", "2026-11-23T23:06:24.903112+00:00\nORA-00060: Deadlock detected. See Note 60.1 at My Oracle Support for Troubleshooting ORA-60 Errors. More info in file /u01/diag/shop_ora_13792.trc.\n"},
			"java.sql.SQLException: ORA-00060: deadlock detected while waiting for resource"},
	} {
		tally, _ := scanTexts(t, s, tc.server, logText{"shop.log", "2026-11-23 23:06:24,951 ERROR [main] shop.Orders - transfer failed\n" + tc.program + "\n\tat shop.Orders.transfer(Orders.java:41)\n"})
		if got := sum(tally[tc.rule]); got != 1 {
			t.Errorf("%s of %s: counted %d: %v", tc.rule, tc.server.name, got, tally)
		}
	}
}

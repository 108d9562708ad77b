package parsers_test

import (
	"strings"
	"testing"
)

// What drivers say inside an application's log gives the database's code and the action that the databases' own logs give.
func TestDriversErrorsGiveTheDatabasesCode(t *testing.T) {
	for _, tc := range []struct{ driver, text, system, code, action string }{
		{"PDO", "SQLSTATE[40001]: Serialization failure: 1213 Deadlock found when trying to get lock; try restarting transaction", "mysql", "1213", "deadlock"},
		{"PDO, login", "PDOException: SQLSTATE[HY000] [1045] Access denied for user 'shop'@'localhost' (using password: YES)", "mysql", "1045", "db_login"},
		{"PDO, PostgreSQL", "SQLSTATE[40P01]: Deadlock detected: 7 ERROR:  deadlock detected", "postgresql", "40P01", "deadlock"},
		{"PDO, PostgreSQL in another language", "SQLSTATE[23505]: Unique violation: 7 FEHLER:  doppelter Schlüsselwert", "postgresql", "23505", "unique_violation"},
		{"psycopg2", "psycopg2.errors.DeadlockDetected: deadlock detected", "postgresql", "40P01", "deadlock"},
		{"psycopg 3", "psycopg.errors.SerializationFailure: could not serialize access due to read/write dependencies among transactions", "postgresql", "40001", "serialization_failure"},
		{"psycopg2, cancelled by a user", "psycopg2.errors.QueryCanceled: canceling statement due to user request", "postgresql", "57014", "user_cancel"},
		{"psycopg2 of a translated server", "psycopg2.errors.UniqueViolation: doppelter Schlüsselwert verletzt Unique-Constraint", "postgresql", "23505", "unique_violation"},
		{"SQLAlchemy", "sqlalchemy.exc.OperationalError: (pymysql.err.OperationalError) (1205, 'Lock wait timeout exceeded; try restarting transaction')", "mysql", "1205", "lock_timeout"},
		{"JDBC, MySQL, in MyBatis", "### Error updating database.  Cause: com.mysql.jdbc.exceptions.jdbc4.MySQLIntegrityConstraintViolationException: Duplicate entry '0AA2' for key 'tb_vehicle.uq_vin'", "mysql", "1062", "unique_violation"},
		{"JDBC, PostgreSQL", "org.postgresql.util.PSQLException: ERROR: canceling statement due to statement timeout", "postgresql", "57014", "statement_timeout"},
		{"JDBC, PostgreSQL, batch", `java.sql.BatchUpdateException: Batch entry 0 insert into t values (1) was aborted: org.postgresql.util.PSQLException: ERROR: null value in column "n" of relation "t" violates not-null constraint`, "postgresql", "23502", "not_null_violation"},
		{"JDBC, MariaDB", "java.sql.SQLTransactionRollbackException: (conn=134) Deadlock found when trying to get lock; try restarting transaction", "mariadb", "1213", "deadlock"},
		{"JDBC, SQL Server", "com.microsoft.sqlserver.jdbc.SQLServerException: Transaction (Process ID 52) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction.", "microsoft.sql_server", "1205", "deadlock"},
		{"JDBC, Oracle, in Quartz", "org.quartz.JobPersistenceException: Couldn't remove trigger: ORA-00060: deadlock detected while waiting for resource", "oracle.db", "ORA-00060", "deadlock"},
		{"JDBC, Oracle, unique", "java.sql.SQLIntegrityConstraintViolationException: ORA-00001: unique constraint (SHOP.PK_ORDERS) violated", "oracle.db", "ORA-00001", "unique_violation"},
		{"Spring", "PreparedStatementCallback; uncategorized SQLException for SQL []; SQL state [40001]; error code [1213]; x", "mysql", "1213", "deadlock"},
		{".NET, SQL Server", "System.Data.SqlClient.SqlException (0x80131904): Transaction (Process ID 411) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction.", "microsoft.sql_server", "1205", "deadlock"},
		{".NET, SQL Server, login", "Microsoft.Data.SqlClient.SqlException (0x80131904): Login failed for user 'shop'.", "microsoft.sql_server", "18456", "db_login"},
		{"pyodbc", "pyodbc.IntegrityError: ('23000', \"[23000] [Microsoft][ODBC Driver 18 for SQL Server][SQL Server]Violation of PRIMARY KEY constraint 'PK_t'. (2627) (SQLExecDirectW)\")", "microsoft.sql_server", "2627", "unique_violation"},
		{".NET, Npgsql", "Npgsql.PostgresException (0x80004005): 40P01: deadlock detected", "postgresql", "40P01", "deadlock"},
		{".NET, MySqlConnector", "MySqlConnector.MySqlException (0x80004005): Lock wait timeout exceeded; try restarting transaction", "mysql", "1205", "lock_timeout"},
		{"Go, pgx", `store: ERROR: duplicate key value violates unique constraint "t_pkey" (SQLSTATE 23505)`, "postgresql", "23505", "unique_violation"},
		{"Go, lib/pq, older", "transfer: pq: deadlock detected", "postgresql", "40P01", "deadlock"},
		{"Go, MySQL", "transfer: Error 1213 (40001): Deadlock found when trying to get lock; try restarting transaction", "mysql", "1213", "deadlock"},
		{"Go, MySQL, older", "transfer: Error 1213: Deadlock found when trying to get lock; try restarting transaction", "mysql", "1213", "deadlock"},
		{"Ruby, Rails", "ActiveRecord::Deadlocked: Mysql2::Error: Deadlock found when trying to get lock; try restarting transaction", "mysql", "1213", "deadlock"},
		{"Ruby, pg", "ActiveRecord::Deadlocked: PG::TRDeadlockDetected: ERROR:  deadlock detected", "postgresql", "40P01", "deadlock"},
		{"Node.js, MongoDB", "MongoServerError: WriteConflict error: this operation conflicted with another operation. Please retry your operation or multi-document transaction.", "mongodb", "112", "serialization_failure"},
		{"Java, MongoDB", "com.mongodb.MongoCommandException: Command failed with error 112 (WriteConflict): 'WriteConflict error' on server db:27017", "mongodb", "112", "serialization_failure"},
		{"Python, MongoDB", "pymongo.errors.DuplicateKeyError: E11000 duplicate key error collection: shop.orders index: _id_ dup key", "mongodb", "11000", "unique_violation"},
		{"Python, SQLite", "sqlite3.OperationalError: database is locked", "sqlite", "5", "lock_timeout"},
		{"HikariCP", "java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms.", "", "", "connection_pool_exhausted"},
	} {
		t.Run(tc.driver, func(t *testing.T) {
			got := events(t, "app.text", "x.log", "2026-11-24 10:00:00,000 ERROR shop: "+tc.text+"\n")[0]
			has(t, got, `"event.category":"database"`, `"event.outcome":"failure"`, `"event.action":"`+tc.action+`"`)
			if tc.code != "" {
				has(t, got, `"db.system.name":"`+tc.system+`"`, `"db.response.status_code":"`+tc.code+`"`)
			}
		})
	}
}

// The words of an error in somebody's data, without a driver's mark before them, are none.
func TestWordsOfErrorsAreNoErrors(t *testing.T) {
	for _, text := range []string{
		"comment stored: deadlock detected",
		"user wrote: Deadlock found when trying to get lock; try restarting transaction",
		"searching for \"Duplicate entry '1' for key 'PRIMARY'\"",
		"no ORA errors today",
		"retry after Transaction (Process ID 7) was deadlocked on lock",
		"order 40001 stored, code 1213",
	} {
		got := events(t, "app.text", "x.log", "2026-11-24 10:00:00,000 INFO shop: "+text+"\n")[0]
		if strings.Contains(got, "db.response") || strings.Contains(got, `"event.category":"database"`) {
			t.Errorf("%s", got)
		}
	}
}

// A trace gives the error's type, its message and itself; the message keeps what stood before.
func TestTracesAreTakenOffTheMessage(t *testing.T) {
	const at = "2026-11-24 10:00:00,000 ERROR shop: "
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"Java, with its causes", "order failed\njava.lang.IllegalStateException: no order\n\tat shop.A.b(A.java:3)\nCaused by: java.io.IOException: gone\n\tat shop.C.d(C.java:4)\n\t... 1 more\n",
			[]string{`"message":"order failed"`, `"error.type":"java.lang.IllegalStateException"`, `"error.message":"no order"`, `Caused by: java.io.IOException`}},
		{"Java, nothing before it", "java.lang.NullPointerException\n\tat shop.A.b(A.java:3)\n", []string{`"message":"java.lang.NullPointerException"`, `"error.type":"java.lang.NullPointerException"`}},
		{"Java, a text of several lines", "x\njava.lang.Error: one\n  two\n\tat shop.A.b(A.java:3)\n", []string{`"error.message":"one\u000a  two"`}},
		{".NET, with an inner exception", "failed System.InvalidOperationException: outer\n ---> System.Exception: inner\n   at A.B() in /a.cs:line 3\n   --- End of inner exception stack trace ---\n   at C.D()\n",
			[]string{`"message":"failed"`, `"error.type":"System.InvalidOperationException"`, `"error.message":"outer"`}},
		{"Node.js", "failed TypeError: x is null\n    at f (/a.js:1:2)\n    at g (/a.js:3:4)\n", []string{`"message":"failed"`, `"error.type":"TypeError"`, `"error.message":"x is null"`}},
		{"Python, a chain: the last one counts", "failed\nTraceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nKeyError: 'a'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"a.py\", line 3, in f\n    h()\nValueError: no a\n",
			[]string{`"message":"failed"`, `"error.type":"ValueError"`, `"error.message":"no a"`, "KeyError: 'a'"}},
		{"PHP", "Uncaught RuntimeException: gone in /srv/a.php:7\nStack trace:\n#0 {main}\n  thrown in /srv/a.php on line 7\n",
			[]string{`"error.type":"RuntimeException"`, `"error.message":"gone"`, `"log.origin.file.name":"/srv/a.php"`, `"log.origin.file.line":7`}},
		{"Go", "recovered\ngoroutine 7 [running]:\nmain.main()\n\t/a.go:7 +0x2a\n", []string{`"message":"recovered"`, `"error.stack_trace":"goroutine 7`}},
		{"no trace: the message goes on", "a\n  b\nc\n", []string{`"message":"a\u000a  b\u000ac"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := events(t, "app.text", "x.log", at+tc.text)
			if len(got) != 1 {
				t.Fatalf("%d events:\n%s", len(got), strings.Join(got, "\n"))
			}
			has(t, got[0], tc.want...)
		})
	}
}

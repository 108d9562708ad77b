package rules_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/rules/transactions/scratch"
	"github.com/saypro/veritail/tools/need"
)

// server starts a server for a test, and returns it with its administrator's way in.
func server(t *testing.T, kind scratch.Kind, program string, options ...string) (*scratch.Server, *sql.DB) {
	t.Helper()
	need.Program(t, program)
	s, err := scratch.Start(t.Context(), kind, "shop", options...)
	if err != nil {
		t.Fatal(err)
	}
	dir, driver, name := filepath.Dir(s.Log), "pgx", "host=%s user=veritail dbname=shop sslmode=disable"
	if kind == scratch.InnoDB {
		driver, name = "mysql", "root@unix(%s/s)/shop"
	}
	admin, err := sql.Open(driver, fmt.Sprintf(name, dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := admin.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s, admin
}

// do runs statements, each in its turn and all in one session.
func do(t *testing.T, db *sql.DB, statements ...string) {
	t.Helper()
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, q := range statements {
		if _, err := conn.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// found scans what servers wrote and compares how often some rules counted with what was done.
func found(t *testing.T, want map[string]int64, logs ...string) {
	t.Helper()
	var list []logText
	for _, name := range logs {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, logText{filepath.Base(name), string(text)})
	}
	tally, _ := scanTexts(t, loadShipped(t), list...)
	for id, n := range want {
		if got := sum(tally[id]); got != n {
			t.Errorf("%s: counted %d, %d were done: %v", id, got, n, tally[id])
		}
	}
	if t.Failed() {
		for _, l := range list {
			t.Logf("%s:\n%s", l.name, l.text)
		}
	}
}

// until waits until a log says something.
func until(t *testing.T, log, words string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), words) {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the server never says %q:\n%s", words, text)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// PostgreSQL with pgAudit: what is written is counted once, by whom, with its rows.
func TestPgAuditTellsWhoChangedWhat(t *testing.T) {
	t.Parallel()
	need.Program(t, "pgaudit.control")
	s, admin := server(t, scratch.PostgreSQL, "initdb", "shared_preload_libraries=pgaudit", "pgaudit.log=write,role,ddl", "pgaudit.log_rows=on")
	do(t, admin, "create table t (id int primary key, v text)", "grant all on t to scratch")
	do(t, s.DB, "insert into t select n, 'x' from generate_series(1, 20000) n", "select count(*) from t",
		"update t set v = 'y' where id < 10", "begin", "delete from t", "rollback", "truncate t")
	do(t, admin, "create role alice login password 'secret'", "alter role alice superuser", "grant pg_read_all_data to alice")
	found(t, map[string]int64{
		"audit.data-changed":         4, // insert, update, delete, truncate
		"audit.mass-change":          1,
		"audit.change-without-where": 2,
		"audit.database-unwatched":   0,
		"db.account-created":         2, // the server's own user besides
		"db.privilege-changed":       3,
		"db.rollback":                1,
	}, s.Log)
}

// MariaDB with its audit plugin, which is switched off at last.
func TestMariaDBsAuditTellsWhoChangedWhat(t *testing.T) {
	t.Parallel()
	audit := "server_audit.log" // in the data directory
	s, admin := server(t, scratch.InnoDB, "mariadbd", "plugin-load-add=server_audit", "server-audit-logging=ON", "server-audit-file-path="+audit)
	do(t, admin, "create table t (id int primary key, v text) engine=InnoDB")
	do(t, s.DB, "insert into t values (1, 'it''s'), (2, 'b')", "select count(*) from t", "update t set v = 'delete from t' where id = 1",
		"start transaction", "delete from t", "rollback", "truncate table t")
	written := filepath.Join(filepath.Dir(s.Log), "data", audit)
	until(t, written, "'truncate table t'") // which is written after it was answered
	do(t, admin, "create user eve@localhost identified by 'secret'", "grant all on shop.* to eve@localhost", "set global server_audit_logging=OFF")
	until(t, written, "server_audit_logging=OFF") // likewise
	found(t, map[string]int64{
		"audit.data-changed":         4,
		"audit.change-without-where": 2,
		"audit.database-unwatched":   1,
		"db.account-created":         2,
		"db.privilege-changed":       2,
		"db.rollback":                1,
	}, written)
	found(t, map[string]int64{"audit.database-unwatched": 1}, s.Log)
}

// Somebody writes on a replica; then its primary writes the same.
func TestReplicasThatWereWrittenToAreFound(t *testing.T) {
	t.Parallel()
	t.Run("PostgreSQL", func(t *testing.T) {
		t.Parallel()
		first, primary := server(t, scratch.PostgreSQL, "initdb", "wal_level=logical")
		second, replica := server(t, scratch.PostgreSQL, "initdb")
		do(t, primary, "create table t (id int primary key)", "create publication p for table t")
		do(t, replica, "create table t (id int primary key)",
			fmt.Sprintf("create subscription s connection 'host=%s user=veritail dbname=shop' publication p", filepath.Dir(first.Log)))
		until(t, second.Log, `table "t" has finished`)
		do(t, replica, "insert into t values (7)")
		do(t, primary, "insert into t values (7)")
		until(t, second.Log, "duplicate key value")
		do(t, replica, "alter subscription s disable")
		found(t, map[string]int64{"db.replica-drift": 1}, second.Log)
		found(t, map[string]int64{"db.replica-drift": 0}, first.Log)
	})
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		first, primary := server(t, scratch.InnoDB, "mariadbd", "skip-networking=0", "bind-address=127.0.0.1", fmt.Sprint("port=", port), "log-bin=log", "server-id=1", "binlog-format=ROW")
		second, replica := server(t, scratch.InnoDB, "mariadbd", "server-id=2")
		do(t, primary, "create user copy@127.0.0.1 identified by 'secret'", "grant replication slave on *.* to copy@127.0.0.1", "create table t (id int primary key, v int)", "insert into t values (1, 1)")
		do(t, replica, "create table t (id int primary key, v int)") // and not the row
		var file string
		var at int
		var a, b sql.NullString
		if err := primary.QueryRowContext(t.Context(), "show master status").Scan(&file, &at, &a, &b); err != nil {
			t.Fatal(err)
		}
		do(t, replica, fmt.Sprintf("change master to master_host='127.0.0.1', master_port=%d, master_user='copy', master_password='secret', master_log_file='%s', master_log_pos=%d", port, file, at), "start slave")
		do(t, primary, "update t set v = 2 where id = 1")
		until(t, second.Log, "Can't find record")
		do(t, replica, "stop slave")
		found(t, map[string]int64{"db.replica-drift": 1}, second.Log)
		found(t, map[string]int64{"db.replica-drift": 0}, first.Log)
	})
}

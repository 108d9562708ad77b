package main

import (
	"bytes"
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/saypro/veritail/rules/transactions/scratch"
	"github.com/saypro/veritail/tools/need"
)

// A driven is a real server that a test drives into failures, on loopback and with a data directory of its own.
type driven struct {
	t     *testing.T
	s     *scratch.Server
	dir   string // of the server
	port  string
	admin *sql.DB
	want  map[string]int64  // occurrences that were provoked, by rule
	files map[string]string // the logs that it writes, by the names that a copy gets
}

// freePort returns a port of loopback that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

func (d *driven) start(kind scratch.Kind, settings ...string) {
	d.t.Helper()
	s, err := scratch.Start(d.t.Context(), kind, "shop", settings...)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			d.t.Error(err)
		}
	})
	d.s, d.dir, d.want = s, filepath.Dir(s.Log), map[string]int64{}
}

func (d *driven) open(name, dsn string) *sql.DB {
	d.t.Helper()
	db, err := sql.Open(name, dsn)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { db.Close() })
	return db
}

// A session is one connection.
type session struct {
	d *driven
	*sql.Conn
}

func (d *driven) session() session {
	d.t.Helper()
	c, err := d.s.DB.Conn(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	return session{d, c}
}

// run runs statements, which succeed.
func (s session) run(statements ...string) {
	s.d.t.Helper()
	for _, sql := range statements {
		if err := s.try(sql); err != nil {
			s.d.t.Fatalf("%s: %v", sql, err)
		}
	}
}

func (s session) try(sql string) error {
	_, err := s.ExecContext(s.d.t.Context(), sql)
	return err
}

// fails runs a statement that has to be refused, as an occurrence of a rule.
func (s session) fails(rule, sql string) {
	s.d.t.Helper()
	if err := s.try(sql); err == nil {
		s.d.t.Fatalf("%s was not refused", sql)
	}
	s.d.want[rule]++
}

func (s session) leave() {
	s.d.t.Helper()
	if err := s.Raw(func(any) error { return driver.ErrBadConn }); err == nil { // the pool does not take it back
		s.d.t.Fatal("the connection stays")
	}
	s.Close()
}

// deadlock lets two sessions update two rows in opposite order. The one that is refused tries again, with success, or gives up.
func (d *driven) deadlock(retry bool) {
	d.t.Helper()
	a, b := d.session(), d.session()
	defer a.Close()
	defer b.Close()
	update := func(id int) string { return fmt.Sprintf("update accounts set balance=balance+1 where id=%d", id) }
	a.run("begin", update(1))
	b.run("begin", update(2))
	first := make(chan error, 1)
	go func() { first <- a.try(update(2)) }()
	time.Sleep(scratch.DeadlockTimeout / 2)
	second := b.try(update(1))
	won, lost, text := b, a, update(2)
	if err := <-first; (err == nil) == (second == nil) {
		d.t.Fatalf("both or none of two sessions were refused: %v, %v", err, second)
	} else if err == nil {
		won, lost, text = a, b, update(1)
	}
	won.run("commit")
	lost.run("rollback")
	d.want["db.deadlock"]++
	d.again(lost, retry, text)
}

// again lets a session try again what failed, or not.
func (d *driven) again(s session, retry bool, text string) {
	d.t.Helper()
	if !retry {
		d.want["db.retry-given-up"]++
		return
	}
	s.run("begin", text, "commit", "select 1")
	d.want["db.retry-succeeded"]++
}

// copies returns copies of the server's logs as they are now: those of another user cannot be read in place.
func (d *driven) copies() []string {
	d.t.Helper()
	dir := d.t.TempDir()
	var list []string
	for _, name := range slices.Sorted(maps.Keys(d.files)) {
		text, err := os.ReadFile(d.files[name])
		if err != nil {
			d.t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			d.t.Fatal(err)
		}
		list = append(list, path)
	}
	return list
}

// veritail runs a command of Veritail's and returns what it prints.
func veritail(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(args, nil, &out, &errs); code != exitFine && code != exitUser {
		t.Fatalf("veritail %s: exit %d: %s%s", strings.Join(args, " "), code, out.String(), errs.String())
	}
	return out.String()
}

// scanned is what the last line of a scan says.
type scanned struct {
	Counts map[string]int64            `json:"counts"`
	Groups map[string]map[string]int64 `json:"groups"`
	KPIs   map[string]struct {
		Value *float64 `json:"value"`
	} `json:"kpis"`
}

// compare scans the logs and compares what was found with what was provoked: all of it, and nothing else of databases.
func (d *driven) compare(beside ...string) scanned {
	d.t.Helper()
	files := d.copies()
	ends, undone := d.ends(files)
	d.want["db.rollback"] = int64(undone)
	lines := strings.Split(strings.TrimSpace(veritail(d.t, append([]string{"scan", "-json"}, files...)...)), "\n")
	var got scanned
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &got); err != nil {
		d.t.Fatal(err)
	}
	for id, n := range got.Counts {
		if strings.HasPrefix(id, "db.") && !slices.Contains(beside, id) && d.want[id] == 0 {
			d.t.Errorf("%s: counted %d, and none was provoked: %v", id, n, got.Groups[id])
		}
	}
	for id, n := range d.want {
		if got.Counts[id] != n {
			d.t.Errorf("%s: counted %d, and %d were provoked: %v", id, got.Counts[id], n, got.Groups[id])
		}
	}
	failed := int64(0)
	for _, id := range []string{"db.deadlock", "db.serialization-failure", "db.statement-timeout", "db.lock-timeout", "db.idle-in-transaction-timeout", "db.user-cancel",
		"db.admin-terminate", "db.unique-violation", "db.foreign-key-violation", "db.check-violation", "db.not-null-violation", "db.division-by-zero"} {
		failed += d.want[id]
	}
	for id, want := range map[string]float64{
		"db.deadlocks": float64(d.want["db.deadlock"]), "db.failed-transactions": float64(failed),
		"db.retries-succeeded": float64(d.want["db.retry-succeeded"]), "db.retries-given-up": float64(d.want["db.retry-given-up"]),
		"db.transactions": float64(ends), "db.rollback-rate": 100 * float64(undone) / float64(ends),
	} {
		if v := got.KPIs[id].Value; v == nil || *v != want {
			d.t.Errorf("the key figure %s is %v, not %v", id, v, want)
		}
	}
	if d.t.Failed() {
		for _, f := range files {
			text, _ := os.ReadFile(f)
			d.t.Logf("%s:\n%s", f, text)
		}
	}
	return got
}

// ends counts by plain search the statements that end a transaction, and those of them that undo it.
func (d *driven) ends(files []string) (all, undo int) {
	said := regexp.MustCompile(`(?i)(?:LOG:  statement: |,QUERY,[a-z]*,')(commit|rollback)\b`)
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, m := range said.FindAllSubmatch(text, -1) {
			if all++; strings.EqualFold(string(m[1]), "rollback") {
				undo++
			}
		}
	}
	return all, undo
}

// doctor returns what the doctor says of one thing.
func (d *driven) doctor(system, what string) string {
	d.t.Helper()
	var said struct {
		Checks []struct{ System, What, Verdict string } `json:"checks"`
	}
	if err := json.Unmarshal([]byte(veritail(d.t, append([]string{"doctor", "-json"}, d.copies()...)...)), &said); err != nil {
		d.t.Fatal(err)
	}
	for _, c := range said.Checks {
		if c.System == system && c.What == what {
			return c.Verdict
		}
	}
	d.t.Fatalf("the doctor says nothing of %s of %s", what, system)
	return ""
}

// TestPostgreSQLFailuresAreCountedAsTheyWereProvoked drives a server into failures of each kind and compares the rules and key figures
// with what was done; before that, two switches are off, and the doctor says so.
func TestPostgreSQLFailuresAreCountedAsTheyWereProvoked(t *testing.T) {
	need.Program(t, "initdb")
	port := freePort(t)
	t.Setenv("PGPORT", port)
	d := &driven{t: t, port: port}
	d.start(scratch.PostgreSQL, "port="+port, "listen_addresses=127.0.0.1", "log_lock_waits=off", "log_connections=off")
	d.files = map[string]string{"postgresql.log": d.s.Log}
	d.admin = d.open("pgx", fmt.Sprintf("host=%s user=veritail dbname=postgres sslmode=disable default_query_exec_mode=simple_protocol", d.dir))
	d.s.DB.Close()
	d.s.DB = d.open("pgx", fmt.Sprintf("host=%s user=scratch dbname=shop sslmode=disable default_query_exec_mode=simple_protocol", d.dir))

	a := d.session()
	a.run("create table customers (id int primary key)", "create table accounts (id int primary key, balance int not null check (balance >= 0), customer int references customers)",
		"insert into accounts select n, 100 from generate_series(1, 9) n")
	a.Close()
	d.deadlock(true)
	if got := d.doctor("PostgreSQL", "lock waits"); got != "off" {
		t.Errorf("with log_lock_waits off the doctor says %q", got)
	}
	if got := d.doctor("PostgreSQL", "connections"); got == "on" {
		t.Errorf("with log_connections off the doctor says %q", got)
	}
	d.exec("alter role scratch password 'right'", "create role refused login",
		fmt.Sprintf("copy (values ('local all all trust'), ('host all refused 127.0.0.1/32 reject'), ('host all all 127.0.0.1/32 scram-sha-256')) to '%s/data/pg_hba.conf'", d.dir),
		"alter system set log_lock_waits = on", "alter system set log_connections = on", "select pg_reload_conf()")
	for d.setting("show log_lock_waits") != "on" { // the reload comes with the next statement of a session
		time.Sleep(10 * time.Millisecond)
	}

	for i := range 3 {
		d.deadlock(i < 2)
	}
	d.serialization()
	d.timeouts()
	d.violations()
	d.logins()
	d.lost()
	if got := d.doctor("PostgreSQL", "lock waits"); got != "on" {
		t.Errorf("with log_lock_waits on the doctor says %q", got)
	}
	if got := d.doctor("PostgreSQL", "connections"); got != "on" {
		t.Errorf("with log_connections on the doctor says %q", got)
	}
	d.s.DB.Close()
	d.awaitGone()
	got := d.compare("db.lock-wait", "db.configuration-changed", "db.account-created", "db.privilege-changed")
	if ip := got.Groups["db.login-failed"]["127.0.0.1"]; ip != 6 {
		t.Errorf("of failed logins from 127.0.0.1 %d were counted, not 6", ip)
	}
}

// exec runs statements of the administrator.
func (d *driven) exec(statements ...string) {
	d.t.Helper()
	for _, sql := range statements {
		if _, err := d.admin.ExecContext(d.t.Context(), sql); err != nil {
			d.t.Fatalf("%s: %v", sql, err)
		}
	}
}

// awaitGone waits until the server has sessions of none of these ids, of none of the application's user where none is given.
func (d *driven) awaitGone(ids ...string) {
	d.t.Helper()
	list, id, user := "pg_stat_activity", "pid", "usename"
	if d.s.Kind == scratch.InnoDB {
		list, id, user = "information_schema.processlist", "id", "user"
	}
	ask := fmt.Sprintf("select count(*) from %s where %s='scratch'", list, user)
	if len(ids) > 0 {
		ask += fmt.Sprintf(" and %s in (%s)", id, strings.Join(ids, ","))
	}
	for end := time.Now().Add(patience); d.setting(ask) != "0"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			d.t.Fatalf("of the sessions %q there are still %s", ids, d.setting(ask))
		}
	}
	time.Sleep(100 * time.Millisecond) // the server writes its line when a session is listed no more
}

// id returns by which number the server lists the session.
func (s session) id() (id string) {
	s.d.t.Helper()
	ask := "select pg_backend_pid()"
	if s.d.s.Kind == scratch.InnoDB {
		ask = "select connection_id()"
	}
	if err := s.QueryRowContext(s.d.t.Context(), ask).Scan(&id); err != nil {
		s.d.t.Fatal(err)
	}
	return id
}

func (d *driven) setting(ask string) (value string) {
	d.t.Helper()
	if err := d.admin.QueryRowContext(d.t.Context(), ask).Scan(&value); err != nil {
		d.t.Fatal(err)
	}
	return value
}

// serialization lets transactions fail because another was first: one that is tried again once, one that is refused three times before it
// succeeds, and one that is given up.
func (d *driven) serialization() {
	d.t.Helper()
	for i, refused := range []int{1, 3, 1} {
		a, b := d.session(), d.session()
		text := fmt.Sprintf("update accounts set balance=balance+1 where id=%d", i+4)
		for range refused {
			a.run("begin isolation level repeatable read", "select 1 from accounts")
			b.run(fmt.Sprintf("update accounts set balance=balance+2 where id=%d", i+4))
			a.fails("db.serialization-failure", text)
			a.run("rollback")
		}
		d.again(a, i < 2, text)
		a.Close()
		b.Close()
	}
}

// timeouts lets statements and a session run out of time, be cancelled and be ended.
func (d *driven) timeouts() {
	d.t.Helper()
	a, b := d.session(), d.session()
	defer a.Close()
	defer b.Close()
	a.run("set statement_timeout='50ms'")
	a.fails("db.statement-timeout", "select pg_sleep(2)")
	a.fails("db.statement-timeout", "select pg_sleep(3)")
	a.run("set statement_timeout=0", "begin", "update accounts set balance=balance where id=8")
	b.run("set lock_timeout='50ms'")
	b.fails("db.lock-timeout", "update accounts set balance=balance where id=8")
	a.run("rollback")

	for _, end := range []struct{ rule, how string }{{"db.user-cancel", "pg_cancel_backend"}, {"db.admin-terminate", "pg_terminate_backend"}} {
		c := d.session()
		pid := c.id()
		ended := make(chan error, 1)
		go func() {
			_, err := d.admin.ExecContext(d.t.Context(), fmt.Sprintf(`do $$ begin
				loop
					exit when exists (select 1 from pg_stat_activity where pid=%s and state='active' and query like 'select pg_sleep%%');
					perform pg_stat_clear_snapshot(), pg_sleep(0.01);
				end loop;
				perform %s(%[1]s);
			end $$`, pid, end.how))
			ended <- err
		}()
		c.fails(end.rule, "select pg_sleep(60)")
		if err := <-ended; err != nil {
			d.t.Fatal(err)
		}
		c.leave()
	}
	c := d.session()
	id := c.id()
	c.run("set idle_in_transaction_session_timeout='50ms'", "begin", "select 1")
	d.awaitGone(id)
	d.want["db.idle-in-transaction-timeout"]++
	d.want["db.transaction-vanished"]++
	c.leave()
}

// violations lets statements break rules of the data.
func (d *driven) violations() {
	d.t.Helper()
	a := d.session()
	defer a.Close()
	for range 3 {
		a.fails("db.unique-violation", "insert into accounts (id, balance) values (1, 1)")
	}
	a.fails("db.foreign-key-violation", "insert into accounts values (20, 1, 7)")
	a.fails("db.foreign-key-violation", "insert into accounts values (21, 1, 8)")
	a.fails("db.check-violation", "update accounts set balance=-1 where id=1")
	a.fails("db.not-null-violation", "insert into accounts (id, balance) values (22, null)")
	if d.s.Kind != scratch.PostgreSQL {
		return
	}
	a.run("begin")
	a.fails("db.division-by-zero", "select 1/0")
	a.fails("db.aborted-transaction-reused", "select 1")
	a.fails("db.aborted-transaction-reused", "select 2")
	a.run("rollback")
}

// logins lets some fail, and some be refused.
func (d *driven) logins() {
	d.t.Helper()
	for range 4 {
		d.refused("db.login-failed", "scratch", "wrong", "shop")
	}
	d.refused("db.login-failed", "nobody", "x", "shop")
	d.refused("db.login-failed", "nobody", "y", "shop")
	if d.s.Kind == scratch.PostgreSQL {
		d.refused("db.login-refused", "refused", "", "shop")
		d.refused("db.login-refused", "refused", "", "shop")
		return
	}
	d.refused("db.access-denied", "scratch", "right", "mysql")
}

func (d *driven) refused(rule, user, password, database string) {
	d.t.Helper()
	name, dsn := "pgx", fmt.Sprintf("host=127.0.0.1 port=%s user=%s password=%s dbname=%s sslmode=disable", d.port, user, password, database)
	if d.s.Kind == scratch.InnoDB {
		name, dsn = "mysql", fmt.Sprintf("%s:%s@tcp(127.0.0.1:%s)/%s", user, password, d.port, database)
	}
	db := d.open(name, dsn)
	if err := db.PingContext(d.t.Context()); err == nil {
		d.t.Fatalf("%s was let in", user)
	}
	d.want[rule]++
}

// lost lets clients go inside a transaction without a word.
func (d *driven) lost() {
	d.t.Helper()
	name, dsn := "pgx", fmt.Sprintf("host=127.0.0.1 port=%s user=scratch password=right dbname=shop sslmode=disable default_query_exec_mode=simple_protocol", d.port)
	if d.s.Kind == scratch.InnoDB {
		name, dsn = "mysql", fmt.Sprintf("scratch:right@cut(127.0.0.1:%s)/shop", d.port)
	}
	var ids []string
	for range 2 {
		var line net.Conn
		mysql.RegisterDialContext("cut", func(ctx context.Context, address string) (net.Conn, error) {
			c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
			line = c
			return c, err
		})
		c, err := d.open(name, dsn).Conn(d.t.Context())
		if err != nil {
			d.t.Fatal(err)
		}
		s := session{d, c}
		ids = append(ids, s.id())
		s.run("begin", "select 1")
		err = c.Raw(func(conn any) error {
			if pg, ok := conn.(*stdlib.Conn); ok {
				line = pg.Conn().PgConn().Conn()
			}
			return errors.Join(line.Close(), driver.ErrBadConn)
		})
		if !errors.Is(err, driver.ErrBadConn) {
			d.t.Fatal(err)
		}
		if d.s.Kind == scratch.PostgreSQL {
			d.want["db.connection-lost-in-transaction"]++
		}
		d.want["db.transaction-vanished"]++
	}
	d.awaitGone(ids...)
}

// TestMariaDBFailuresAreCountedAsTheyWereProvoked is the same of MariaDB, with its error log, audit plugin and SQL error log.
func TestMariaDBFailuresAreCountedAsTheyWereProvoked(t *testing.T) {
	need.Program(t, "mariadbd")
	if err := mysql.SetLogger(&mysql.NopLogger{}); err != nil { // of connections that are cut
		t.Fatal(err)
	}
	d := &driven{t: t, port: freePort(t)}
	d.start(scratch.InnoDB, "skip-networking=0", "bind-address=127.0.0.1", "port="+d.port, "skip-name-resolve", "innodb-print-all-deadlocks=OFF")
	data := filepath.Join(d.dir, "data")
	d.files = map[string]string{"error.log": d.s.Log, "server_audit.log": filepath.Join(data, "server_audit.log"), "sql_errors.log": filepath.Join(data, "sql_errors.log")}
	d.admin = d.open("mysql", fmt.Sprintf("root@unix(%s/s)/", d.dir))
	d.exec("install soname 'server_audit'", "install soname 'sql_errlog'", "set global server_audit_events='CONNECT,QUERY'", "set global server_audit_excl_users='root'", "set global server_audit_logging=on",
		"create user scratch@127.0.0.1 identified by 'right'", "grant all on shop.* to scratch@127.0.0.1")
	d.s.DB.Close()
	d.s.DB = d.open("mysql", fmt.Sprintf("scratch:right@tcp(127.0.0.1:%s)/shop", d.port))

	a := d.session()
	a.run("create table customers (id int primary key) engine=InnoDB",
		"create table accounts (id int primary key, balance int not null check (balance >= 0), customer int, foreign key (customer) references customers (id)) engine=InnoDB",
		"insert into accounts values (1,100,null),(2,100,null),(3,100,null),(4,100,null),(5,100,null),(8,100,null)")
	a.Close()
	d.deadlock(true)
	if got := d.doctor("MySQL and MariaDB", "deadlocks"); got != "off" {
		t.Errorf("with innodb_print_all_deadlocks off the doctor says %q", got)
	}
	d.exec("set global innodb_print_all_deadlocks = on")
	for i := range 3 {
		d.deadlock(i < 2)
	}
	if got := d.doctor("MySQL and MariaDB", "deadlocks"); got != "on" {
		t.Errorf("with innodb_print_all_deadlocks on the doctor says %q", got)
	}
	d.lockTimeouts()
	d.violations()
	d.logins()
	d.lost()
	d.s.DB.Close()
	d.awaitGone()
	got := d.compare()
	if ip := got.Groups["db.login-failed"]["127.0.0.1"]; ip != 6 {
		t.Errorf("of failed logins from 127.0.0.1 %d were counted, not 6", ip)
	}
}

// lockTimeouts lets statements wait for a lock for too long, and run for too long; one of the first is tried again with success.
func (d *driven) lockTimeouts() {
	d.t.Helper()
	a, b := d.session(), d.session()
	defer a.Close()
	defer b.Close()
	b.run("set innodb_lock_wait_timeout=1")
	for i := range 2 {
		text := fmt.Sprintf("update accounts set balance=balance+%d where id=8", i+1)
		a.run("begin", "update accounts set balance=balance+1 where id=8")
		b.run("begin")
		b.fails("db.lock-timeout", text)
		a.run("commit")
		b.run("rollback")
		d.again(b, i == 0, text)
	}
	a.run("set max_statement_time=0.1")
	a.fails("db.statement-timeout", "select sleep(2) from accounts")
	a.fails("db.statement-timeout", "select sleep(3) from accounts")
	a.run("set max_statement_time=0")
	c := d.session()
	id := c.id()
	c.run("set wait_timeout=1", "select 1")
	d.awaitGone(id)
	d.want["db.aborted-connection"]++
	c.leave()
}

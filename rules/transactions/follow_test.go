package transactions_test

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/deadlocks"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/rules/transactions/scratch"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/tools/need"
)

func sessions(t testing.TB) *transactions.Sessions {
	t.Helper()
	s, err := transactions.LoadSessions(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// events are those of lines, by the shipped format.
func events(t testing.TB, path, format string) []transactions.Event {
	t.Helper()
	set, err := parsers.Open(configs.FS(""), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	var list []transactions.Event
	scan := pipeline.Scan{
		Decoder: func(g event.Generation) (pipeline.Decoder, error) {
			return set.NewDecoder(g, parsers.Options{Zone: time.UTC, Host: "db1"})
		},
		Commit: func(_ context.Context, c *event.Commit) error {
			for _, p := range c.Pages {
				for i := range p.N {
					if !p.Unparsed.Has(i) {
						list = append(list, deadlocks.EventOf(storage.EventOf(p, i)))
					}
				}
			}
			return nil
		},
	}
	if _, err := scan.Run(t.Context(), []event.Generation{{ID: 1, Path: path, Format: format}}); err != nil {
		t.Fatal(err)
	}
	// Records of several lines end when others have begun: they come out of order.
	slices.SortStableFunc(list, func(a, b transactions.Event) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Offset, b.Offset))
	})
	return list
}

// postgres makes a log of "pid text" lines, a second apart.
func postgres(t testing.TB, lines string) []transactions.Event {
	t.Helper()
	var b strings.Builder
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for line := range strings.Lines(strings.TrimSpace(lines)) {
		pid, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		fmt.Fprintf(&b, "%s UTC [%s] app@shop %s\n", at.Format("2006-01-02 15:04:05.000"), pid, strings.TrimSpace(text))
		at = at.Add(time.Second)
	}
	path := t.TempDir() + "/postgresql.log"
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return events(t, path, "postgresql.stderr")
}

// followed returns how the transactions ended, in the order of their ends: "1 committed".
func followed(t testing.TB, list []transactions.Event) []string {
	t.Helper()
	f := transactions.NewFollower(sessions(t))
	var got []string
	say := func(tx *transactions.Transaction) {
		text := tx.Session + " " + string(tx.End)
		if tx.Inferred {
			text += "?"
		}
		if tx.Why != "" {
			text += ": " + tx.Why
		}
		got = append(got, text)
	}
	f.Ended = say
	for i := range list {
		f.Add(&list[i])
	}
	for _, tx := range f.Close() {
		say(tx)
	}
	return got
}

func TestHowTransactionsEnd(t *testing.T) {
	for _, tc := range []struct{ name, log, want string }{
		{"committed", "1 LOG:  statement: begin\n1 LOG:  statement: update a set x=1\n1 LOG:  statement: commit", "1 committed"},
		{"in other words", "1 LOG:  statement: START TRANSACTION ISOLATION LEVEL SERIALIZABLE\n1 LOG:  statement: END", "1 committed"},
		{"rolled back", "1 LOG:  statement: BEGIN\n1 LOG:  statement: ROLLBACK", "1 rolled back"},
		{"failed, and then rolled back", "1 LOG:  statement: BEGIN\n1 ERROR:  division by zero\n1 LOG:  statement: ROLLBACK", "1 failed: 22012 division by zero"},
		{"a commit of a failed one is none", "1 LOG:  statement: BEGIN\n1 ERROR:  division by zero\n1 LOG:  statement: COMMIT", "1 failed: 22012 division by zero"},
		{"back to a savepoint, it goes on", "1 LOG:  statement: BEGIN\n1 LOG:  statement: SAVEPOINT s\n1 ERROR:  division by zero\n1 LOG:  statement: ROLLBACK TO s\n1 LOG:  statement: COMMIT", "1 committed"},
		{"sent as one text, followed by another", "1 LOG:  statement: BEGIN; update a set x=1; COMMIT;\n1 LOG:  statement: select 1", "1 committed?"},
		{"sent as one text that failed", "1 LOG:  statement: BEGIN; update a set x=1/0; COMMIT;\n1 ERROR:  division by zero\n1 LOG:  statement: select 1", "1 failed?: 22012 division by zero"},
		{"begun and never ended", "1 LOG:  statement: BEGIN\n2 LOG:  statement: select 1", "1 open"},
		{"its session left", "1 LOG:  statement: BEGIN\n1 LOG:  disconnection: session time: 0:00:01.000 user=app database=shop host=127.0.0.1 port=1", "1 vanished?: its session left"},
		{"its session was ended", "1 LOG:  statement: BEGIN\n1 FATAL:  terminating connection due to idle-in-transaction timeout", "1 vanished?: terminating connection due to idle-in-transaction timeout"},
		{"its connection was lost", "1 LOG:  statement: BEGIN\n1 LOG:  could not receive data from client: Connection reset by peer\n1 LOG:  disconnection: session time: 0:00:01.000 user=app database=shop host=127.0.0.1 port=1", "1 vanished?: could not receive data from client: Connection reset by peer"},
		{"the server's number is used again", "1 LOG:  statement: BEGIN\n1 LOG:  connection received: host=127.0.0.1 port=2\n1 LOG:  statement: select 1", "1 vanished?: its session is gone: the server uses its number again"},
		{"the server crashed", "1 LOG:  statement: BEGIN\n9 LOG:  server process (PID 1) was terminated by signal 9: Killed\n9 LOG:  all server processes terminated; reinitializing", "1 vanished?: the server stopped"},
		{"prepared and left", "1 LOG:  statement: BEGIN\n1 LOG:  statement: PREPARE TRANSACTION 'x'\n1 LOG:  statement: select 1", "1 prepared"},
		{"prepared and committed by another session", "1 LOG:  statement: BEGIN\n1 LOG:  statement: PREPARE TRANSACTION 'x'\n2 LOG:  statement: COMMIT PREPARED 'x'", "1 committed"},
		{"statements of their own are no transaction", "1 LOG:  statement: update a set x=1\n1 ERROR:  division by zero", ""},
		{"the words inside a text are none", "1 LOG:  statement: insert into t values ('; begin; ')\n1 LOG:  statement: select 'commit'", ""},
		{"two sessions interleave", "1 LOG:  statement: begin\n2 LOG:  statement: begin\n2 LOG:  statement: commit\n1 LOG:  statement: rollback", "2 committed, 1 rolled back"},
	} {
		if got := strings.Join(followed(t, postgres(t, tc.log)), ", "); got != tc.want {
			t.Errorf("%s: %q, not %q", tc.name, got, tc.want)
		}
	}
}

// TestRealTransactionsEndAsTheyWere lets sessions of a real server commit, roll back, fail, deadlock and be cut off, and counts
// what its log is read to tell.
func TestRealTransactionsEndAsTheyWere(t *testing.T) {
	need.Program(t, "initdb")
	ctx := t.Context()
	s, err := scratch.Start(ctx, scratch.PostgreSQL, "shop")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	exec := func(c interface {
		ExecContext(context.Context, string, ...any) (sql.Result, error)
	}, fails bool, statements ...string) {
		t.Helper()
		for i, text := range statements {
			if _, err := c.ExecContext(ctx, text); (err != nil) != (fails && i == len(statements)-1) {
				t.Fatalf("%s: %v", text, err)
			}
		}
	}
	conn := func() *sql.Conn {
		c, err := s.DB.Conn(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	exec(s.DB, false, "create table accounts (id int primary key, balance int)", "insert into accounts select n, 100 from generate_series(1, 9) n")
	a, b := conn(), conn()
	for range 3 {
		exec(a, false, "begin", "update accounts set balance=1 where id=1", "commit")
	}
	for range 2 {
		exec(a, false, "begin", "update accounts set balance=1 where id=1", "rollback")
	}
	exec(a, true, "begin", "select 1/0")
	exec(a, false, "rollback")
	exec(a, false, "begin; update accounts set balance=2 where id=1; commit", "select 1")
	exec(a, true, "begin; update accounts set balance=1/0 where id=1; commit")
	exec(a, false, "rollback")
	var pid int
	exec(b, false, "begin", "update accounts set balance=3 where id=2")
	if err := b.QueryRowContext(ctx, "select pg_backend_pid()").Scan(&pid); err != nil {
		t.Fatal(err)
	}
	exec(a, false, fmt.Sprintf("select pg_terminate_backend(%d)", pid))
	play, err := s.Play(ctx, 2, []scratch.Step{
		{Session: 0, SQL: "begin"}, {Session: 1, SQL: "begin"},
		{Session: 0, SQL: "update accounts set balance=1 where id=5"}, {Session: 1, SQL: "update accounts set balance=1 where id=6"},
		{Session: 0, SQL: "update accounts set balance=1 where id=6"}, {Session: 1, SQL: "update accounts set balance=1 where id=5"},
		{Session: 0, SQL: "commit"}, {Session: 1, SQL: "commit"},
	})
	if err != nil || !play.Deadlock {
		t.Fatalf("no deadlock: %v", err)
	}
	exec(a, false, "begin", "select 1")
	time.Sleep(200 * time.Millisecond) // the server writes that the terminated session is gone

	log, err := os.ReadFile(s.Log)
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/server.log"
	if err := os.WriteFile(path, log, 0o600); err != nil {
		t.Fatal(err)
	}
	list := events(t, path, "postgresql.stderr")
	got := map[string]int{}
	for _, tx := range followed(t, list) {
		end, _, _ := strings.Cut(tx[strings.IndexByte(tx, ' ')+1:], ":")
		got[strings.TrimSuffix(end, "?")]++
	}
	want := map[string]int{"committed": 5, "rolled back": 2, "failed": 3, "vanished": 1, "open": 1}
	if !maps.Equal(got, want) {
		t.Errorf("the transactions ended %v; done was %v; the log is\n%s", got, want, log)
	}

	// The deadlock's victim, its timeline: both sessions, its wait, its end.
	victim := ""
	for _, o := range play.Outcomes {
		if o.Error != "" {
			victim = fmt.Sprint(play.Sessions[o.Session])
		}
	}
	q := transactions.NewTimelineSearch(sessions(t), reports(t), victim)
	for i := range list {
		q.Look(&list[i])
	}
	for i := range list {
		q.Take(&list[i])
	}
	tl := q.Timeline()
	if !q.Found() || len(tl.Lanes) != 2 || tl.Lanes[0] != victim || tl.Sentence() != "2 transactions: 1 committed, 1 failed" {
		t.Errorf("the timeline of %s has the lanes %q: %s", victim, tl.Lanes, tl.Sentence())
	}
	var whats []string
	for _, m := range tl.Moments {
		if m.Session == victim {
			whats = append(whats, m.What)
		}
	}
	if got := strings.Join(whats, ", "); !strings.Contains(got, "begins, runs, runs, waits, fails") {
		t.Errorf("the victim's moments are %s", got)
	}
	wellFormed(t, tl.SVG())
}

func TestAnApplicationsLinesOfTheSameRequestStandBeside(t *testing.T) {
	list := postgres(t, "1 LOG:  statement: BEGIN\n1 ERROR:  deadlock detected\n1 LOG:  statement: ROLLBACK")
	at := list[1].Time
	app := func(after time.Duration, fields map[string]any) {
		fields["event.dataset"], fields["service.name"] = "app", "shop-api"
		list = append(list, transactions.Event{Time: at + after.Microseconds(), Path: "app.json", Fields: fields})
	}
	app(100*time.Millisecond, map[string]any{"message": "order failed", "event.outcome": "failure", "db.response.status_code": "40P01"})
	app(5*time.Second, map[string]any{"message": "another one's", "event.outcome": "failure", "db.response.status_code": "40P01"})
	app(200*time.Millisecond, map[string]any{"message": "no error of a database"})
	q := transactions.NewTimelineSearch(sessions(t), reports(t), "1")
	for i := range list {
		q.Look(&list[i])
	}
	for i := range list {
		q.Take(&list[i])
	}
	var told []string
	for _, m := range q.Timeline().Moments {
		if m.What == transactions.WhatTells {
			told = append(told, fmt.Sprint(m.Session, " ", m.Text, " ", m.Inferred))
		}
	}
	if got := strings.Join(told, "; "); got != "shop-api order failed true" {
		t.Errorf("told by others: %q", got)
	}
	if q := transactions.NewTimelineSearch(sessions(t), reports(t), "no-such"); q.Found() {
		t.Error("an id that no line has is found")
	}
}

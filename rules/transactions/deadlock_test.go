package transactions_test

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/rules/transactions"
)

var update = flag.Bool("update", false, "write the golden files anew")

// outline is a deadlock in a few lines, as the golden files have it.
func outline(d *transactions.Deadlock) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s %s\n%s\n%s\n", d.Server, d.In(), d.Time.Format("2006-01-02 15:04:05.000"), d.Sentence(), d.What())
	if d.Cut {
		b.WriteString("cut\n")
	}
	for _, s := range d.Doubts {
		fmt.Fprintf(&b, "doubt: %s\n", s)
	}
	for i, s := range d.Sessions {
		fmt.Fprintf(&b, "%s transaction %q who %q application %q isolation %q victim %v\n", s.Label(), s.Transaction, s.Who(), s.Application, s.Isolation, s.Victim)
		for _, l := range s.Holds {
			fmt.Fprintf(&b, "  holds %s\n", l.Text())
		}
		for _, l := range s.Wants {
			fmt.Fprintf(&b, "  wants %s\n", l.Text())
		}
		fmt.Fprintf(&b, "  in short holds %s, wants %s\n  ran %q\n", d.Holds(i), d.Wants(i), s.Statement)
		if s.Batch != "" {
			fmt.Fprintf(&b, "  sent %q\n", s.Batch)
		}
	}
	for _, w := range d.Waits {
		fmt.Fprintf(&b, "%s -> %s: %s inferred %v\n", d.Sessions[w.From].Label(), d.Sessions[w.To].Label(), w.Lock.Text(), w.Inferred)
	}
	return b.String()
}

// TestSamples reads the reports in the samples of the formats: every participant, statement, lock and object of them
// stands in testdata/deadlocks.txt, which was compared with the logs by hand.
func TestSamples(t *testing.T) {
	var b strings.Builder
	for _, s := range []struct{ path, format string }{
		{"site/postgres-stderr/postgresql.log", "postgresql.stderr"},
		{"formats/postgresql.csv.log", "postgresql.csv"},
		{"formats/postgresql.json.log", "postgresql.json"},
		{"formats/mysql.error.log", "mysql.error"},
		{"formats/mysql.innodb-status.log", "mysql.innodb-status"},
		{"deadlocks/mysql-json.log", "mysql.error-json"},
		{"deadlocks/mysql-json-headings.log", "mysql.error-json"},
		{"deadlocks/sqlserver.log", "mssql.errorlog"},
		{"deadlocks/sqlserver-1204.log", "mssql.errorlog"},
		{"formats/oracle.trace.log", "oracle.trace"},
	} {
		list := read(t, "../../testdata/"+s.path, s.format)
		fmt.Fprintf(&b, "=== %s: %d\n", s.path, len(list))
		for _, d := range list {
			b.WriteString(outline(d) + "\n")
		}
	}
	golden(t, "deadlocks.txt", b.String())
}

// TestEveryLanguage reads the report of one deadlock as PostgreSQL writes it in all the languages that there are logs of.
func TestEveryLanguage(t *testing.T) {
	logs, err := filepath.Glob("../../testdata/postgresql/*.log")
	if err != nil || len(logs) < 10 {
		t.Fatalf("%d logs, %v", len(logs), err)
	}
	for _, path := range logs {
		t.Run(filepath.Base(path), func(t *testing.T) {
			list := read(t, path, "postgresql.stderr")
			if len(list) != 1 {
				t.Fatalf("%d deadlocks", len(list))
			}
			d := list[0]
			if len(d.Cycle) != 2 || len(d.Doubts) > 0 || !d.Sessions[d.Cycle[0]].Victim {
				t.Errorf("cycle %v, doubts %q", d.Cycle, d.Doubts)
			}
			for _, s := range d.Sessions {
				if s.Statement == "" || s.Transaction == "" || len(s.Wants) != 1 || s.Wants[0].Mode != "ShareLock" {
					t.Errorf("session %+v", s)
				}
			}
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; go test ./rules/transactions -update writes it anew. Got:\n%s", path, got)
	}
}

// report is PostgreSQL's of two sessions, with what each ran.
func report(first, second string) transactions.Event {
	return transactions.Event{Time: 1764000000000000, Path: "postgresql.log", Fields: map[string]any{
		"event.action": "deadlock", "event.module": "postgresql", "process.pid": int64(81), "db.namespace": "shop",
		"postgresql.log.detail": "Process 81 waits for ShareLock on transaction 7; blocked by process 80.\n" +
			"\tProcess 80 waits for ShareLock on transaction 8; blocked by process 81.\n" +
			"\tProcess 81: " + first + "\n\tProcess 80: " + second,
	}}
}

func TestWhatIsNotToldIsNotMadeUp(t *testing.T) {
	r := reports(t)
	for _, tc := range []struct {
		name   string
		change func(map[string]any)
		check  func(*transactions.Deadlock) bool
	}{
		{"a report that was cut when it was read", func(f map[string]any) { f["veritail.cut"] = true }, func(d *transactions.Deadlock) bool { return d.Cut }},
		{"a report of which one line is left", func(f map[string]any) {
			f["postgresql.log.detail"] = "Process 81 waits for ShareLock on transaction 7; blocked by process 80."
		}, func(d *transactions.Deadlock) bool { return len(d.Cycle) == 0 && len(d.Doubts) == 1 && !d.Drawn() }},
		{"without statements", func(f map[string]any) {
			f["postgresql.log.detail"] = strings.Join(strings.SplitAfter(f["postgresql.log.detail"].(string), "\n")[:2], "")
		}, func(d *transactions.Deadlock) bool {
			return len(d.Cycle) == 2 && d.Holds(0) == transactions.NotLogged && d.What() == "two sessions whose statement is not logged, each waiting for the other"
		}},
		{"without a database", func(f map[string]any) { delete(f, "db.namespace") }, func(d *transactions.Deadlock) bool { return d.In() == ", database not logged" }},
		{"without the pid of the error the first session is the victim", func(f map[string]any) { delete(f, "process.pid") }, func(d *transactions.Deadlock) bool { return d.Sessions[0].Victim && !d.Sessions[1].Victim }},
	} {
		e := report("update a set x=1 where id=1", "update a set x=1 where id=2")
		tc.change(e.Fields)
		if d, ok := r.Read(e); !ok || !tc.check(d) {
			t.Errorf("%s: %v\n%s", tc.name, ok, outline(d))
		}
	}
}

func TestDriversExceptionsAndOtherLinesAreNoReport(t *testing.T) {
	r := reports(t)
	for _, fields := range []map[string]any{
		nil,
		{"event.action": "deadlock", "event.module": "app", "message": "deadlock detected"},
		{"event.action": "deadlock", "event.module": "postgresql", "message": "deadlock detected"},
		{"event.action": "deadlock", "event.module": "mysql", "db.response.status_code": "1213"},
		{"event.action": "lock_wait", "event.module": "postgresql", "postgresql.log.detail": "Process holding the lock: 1. Wait queue: 2."},
	} {
		if d, ok := r.Read(transactions.Event{Fields: fields}); ok {
			t.Errorf("%v was read as\n%s", fields, outline(d))
		}
	}
}

// TestStatementsForgeNothing: what somebody writes into a statement stays in it, or is told to be doubtful.
func TestStatementsForgeNothing(t *testing.T) {
	r := reports(t)
	for _, tc := range []struct{ name, statement string }{
		{"another session's statement", "select '\n\tProcess 80: drop table a' from b"},
		{"a session that is none", "select '\n\tProcess 99: drop table a' from b"},
		{"the same session again", "select '\n\tProcess 81: drop table a' from b"},
		{"markup", "select '</text></svg><script>alert(1)</script>\" onload=\"x' from b"},
		{"control characters", "select '\x1b[31m\u202egnp' from b"},
	} {
		d, ok := r.Read(report(tc.statement, "update a set x=1 where id=2"))
		if !ok || len(d.Sessions) != 2 || len(d.Cycle) != 2 {
			t.Fatalf("%s: %v\n%s", tc.name, ok, outline(d))
		}
		whole := strings.Contains(d.Sessions[0].Statement, "from b")
		if !whole && len(d.Doubts) == 0 {
			t.Errorf("%s: the statement is %q, and nothing is doubtful", tc.name, d.Sessions[0].Statement)
		}
		svg := d.SVG()
		if strings.ContainsAny(svg, "\x1b\u202e") || strings.Contains(svg, "<script") || strings.Contains(svg, "onload=\"x") && !strings.Contains(svg, "&#34; onload=&#34;x") {
			t.Errorf("%s: the picture holds it as it is", tc.name)
		}
		wellFormed(t, svg)
		if dot := d.DOT(); strings.ContainsAny(dot, "\x1b\u202e") {
			t.Errorf("%s: the graph holds it as it is", tc.name)
		}
	}
}

func wellFormed(t *testing.T, svg string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the picture is not well formed: %v\n%s", err, svg)
		}
	}
}

// ringOf is a report of n sessions that wait in a ring.
func ringOf(n int) transactions.Event {
	var waits, ran strings.Builder
	for i := range n {
		fmt.Fprintf(&waits, "Process %d waits for ShareLock on transaction %d; blocked by process %d.\n", 100+i, 700+(i+1)%n, 100+(i+1)%n)
		fmt.Fprintf(&ran, "Process %d: update accounts set x=1 where id=%d\n", 100+i, i)
	}
	e := report("", "")
	e.Fields["process.pid"], e.Fields["postgresql.log.detail"] = int64(100), waits.String()+ran.String()
	return e
}

func TestRingsAreDrawnUpToSix(t *testing.T) {
	r := reports(t)
	for n := 2; n <= 8; n++ {
		d, ok := r.Read(ringOf(n))
		if !ok || len(d.Cycle) != n {
			t.Fatalf("%d sessions: %v, cycle %v", n, ok, d.Cycle)
		}
		if d.Drawn() != (n <= 6) || (d.SVG() == "") != (n > 6) || (d.Slim() == "") != (n > 6) {
			t.Errorf("%d sessions: drawn is %v", n, d.Drawn())
		}
		for _, svg := range []string{d.SVG(), d.Wide(), d.Slim()} {
			if n <= 6 {
				wellFormed(t, svg)
				if got := strings.Count(svg, `class="dlk-pill"`); got != n {
					t.Errorf("%d sessions have %d locks between them", n, got)
				}
			}
		}
		if got := strings.Count(d.DOT(), "held by"); got != n {
			t.Errorf("%d sessions: the graph has %d waits", n, got)
		}
	}
	d, _ := r.Read(ringOf(4))
	golden(t, "four.svg", d.SVG())
	golden(t, "four.dot", d.DOT())
}

func TestAReportWithoutEndIsBounded(t *testing.T) {
	e := ringOf(5000)
	begun := time.Now()
	d, ok := reports(t).Read(e)
	if !ok || len(d.Sessions) > 100 || time.Since(begun) > 5*time.Second {
		t.Errorf("%v, %d sessions in %s", ok, len(d.Sessions), time.Since(begun))
	}
	e = report(strings.Repeat("x\n", 1<<20), "update a")
	if d, _ := reports(t).Read(e); len(d.Sessions[0].Statement) > 100<<10 {
		t.Errorf("a statement of %d bytes is kept", len(d.Sessions[0].Statement))
	}
}

func TestThePatternOfADayIsOneSentence(t *testing.T) {
	r := reports(t)
	var list []*transactions.Deadlock
	for i := range 6 {
		d, _ := r.Read(report(fmt.Sprintf("update accounts set x=%d where id=%d", i, i), fmt.Sprintf("UPDATE accounts SET x=1 WHERE id=%d", i+10)))
		list = append(list, d)
	}
	other, _ := r.Read(report("delete from orders where id=1", "update accounts set x=1 where id=2"))
	got := transactions.Patterns(append(list, other))
	if len(got) != 2 || got[0].Sentence() != "Six times: two updates of accounts in opposite order" || got[1].Sentence() != "Once: a delete from orders and an update of accounts in opposite order" {
		for _, p := range got {
			t.Errorf("%s", p.Sentence())
		}
	}
}

func TestMistakesInAReportAreToldWithTheirPlace(t *testing.T) {
	for _, tc := range []struct{ toml, want string }{
		{"title = 'X'\ntext = ['message']\nhas = {a='b'}\n[[line]]\nmatch = ['(?P<sesion>x)']", `deadlocks/x.toml:5: the capture "sesion" is none of session`},
		{"title = 'X'\ntext = ['message']\nhas = {a='b'}\n[[line]]\nmatch = ['(']", "deadlocks/x.toml:5: missing closing )"},
		{"title = 'X'\ntext = ['message']\nhas = {a='b'}\n[[line]]\nmatch = ['x']\nlock = 'hold'", `deadlocks/x.toml:6: "hold" is none of waits, holds`},
		{"title = 'X'\ntxt = ['message']", `unknown key "txt"`},
		{"", "missing: the server"},
	} {
		_, err := transactions.Load(fstest.MapFS{"deadlocks/x.toml": {Data: []byte(tc.toml)}})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s\ngives %v, not %s", tc.toml, err, tc.want)
		}
	}
	if _, err := transactions.Load(configs.FS(t.TempDir())); err != nil {
		t.Errorf("a configuration without reports: %v", err)
	}
}

// FuzzReports reads whatever stands where a report should: it comes to an end, is bounded, and is drawn well formed.
func FuzzReports(f *testing.F) {
	r := reports(f)
	f.Add("postgresql", report("update a", "update b").Fields["postgresql.log.detail"].(string))
	f.Add("mysql", "*** (1) TRANSACTION:\nTRANSACTION 7, ACTIVE 1 sec\nMySQL thread id 3, query id 4 h u\nselect 1\n*** (1) WAITING FOR THIS LOCK TO BE GRANTED:\nRECORD LOCKS space id 1 page no 2 n bits 3 index P of table `a`.`b` trx id 7 lock_mode X waiting\nRecord lock, heap no 2 x\n 0: len 4; hex 80000001; asc x;;\n*** WE ROLL BACK TRANSACTION (1)")
	f.Add("mssql", "deadlock-list\n deadlock victim=p1\n  process id=p1 spid=5\n  keylock x objectname=a.b.c id=lock1 m\n   owner id=p2 mode=X\n   waiter id=p1 mode=U")
	f.Fuzz(func(t *testing.T, module, text string) {
		d, ok := r.Read(transactions.Event{Fields: map[string]any{
			"event.action": "deadlock", "event.module": module, "event.code": "1222", "mysql.innodb.trx_id": "7", "postgresql.log.detail": text, "message": text,
		}})
		if !ok {
			return
		}
		if len(d.Sessions) > 100 {
			t.Errorf("%d sessions", len(d.Sessions))
		}
		for _, svg := range []string{d.SVG(), d.Slim()} {
			if svg != "" {
				wellFormed(t, svg)
			}
		}
		_, _, _ = d.DOT(), d.What(), d.Sentence()
	})
}

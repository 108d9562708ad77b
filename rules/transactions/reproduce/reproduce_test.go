package reproduce_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/rules/transactions/reproduce"
	"github.com/saypro/veritail/tools/need"
)

// deadlock is one of sessions that wait in a ring, each with its statement.
func deadlock(server string, statements ...string) *transactions.Deadlock {
	d := &transactions.Deadlock{Server: server, Database: "shop"}
	for i, sql := range statements {
		d.Sessions = append(d.Sessions, transactions.Session{Name: string(rune('a' + i)), Statement: sql})
		d.Cycle = append(d.Cycle, i)
		d.Waits = append(d.Waits, transactions.Wait{From: i, To: (i + 1) % len(statements)})
	}
	return d
}

// one is of two sessions that wait for the same lock.
func one(d *transactions.Deadlock) *transactions.Deadlock {
	for i := range d.Waits {
		d.Waits[i].Lock = transactions.Lock{Resource: "space id 5 page no 3", Index: "PRIMARY", Rows: []string{"3"}}
	}
	return d
}

func TestDeadlocksComeBackAndAnOrderEndsThem(t *testing.T) {
	for _, tc := range []struct {
		name   string
		d      *transactions.Deadlock
		schema string
		order  string // what is proposed at last
	}{
		{"each session's last statement", deadlock("PostgreSQL", "UPDATE accounts SET balance=balance+1 WHERE id=10", "UPDATE accounts SET balance=balance+1 WHERE id=9"), "",
			"Every transaction locks in one order: accounts id=9, then accounts id=10"},
		{"the same in MariaDB", deadlock("InnoDB", "UPDATE accounts SET balance=balance+1 WHERE id=10", "UPDATE accounts SET balance=balance+1 WHERE id=9"), "",
			"Every transaction locks in one order: accounts id=9, then accounts id=10"},
		{"whole transactions of three", deadlock("PostgreSQL",
			"BEGIN; UPDATE a SET x=1 WHERE id=1; UPDATE a SET x=1 WHERE id=2; COMMIT", "BEGIN; UPDATE a SET x=1 WHERE id=2; UPDATE a SET x=1 WHERE id=3; COMMIT", "BEGIN; UPDATE a SET x=1 WHERE id=3; UPDATE a SET x=1 WHERE id=1; COMMIT"), "",
			"Every transaction locks in one order: a id=1, then a id=2, then a id=3"},
		{"two tables, one in a schema, and values that are not logged", deadlock("PostgreSQL", "UPDATE sales.accounts SET balance=$1 WHERE id=$2", "DELETE FROM orders WHERE account=$1"), "",
			"Every transaction locks in one order: accounts id=2, then orders account=1"},
		{"inserts of the same keys", deadlock("PostgreSQL", "INSERT INTO t (id, v) VALUES (2, 'x')", "INSERT INTO t (id, v) VALUES (1, 'y')"), "",
			"Every transaction locks in one order: t (1, 'y'), then t (2, 'x')"},
		{"a shared lock that both want alone", one(deadlock("InnoDB", "UPDATE accounts SET balance=5 WHERE id=1", "UPDATE accounts SET balance=6 WHERE id=1")), "",
			"Every transaction locks all that it will need first, and alone: accounts id=1"},
		{"the same in PostgreSQL", one(deadlock("PostgreSQL", "UPDATE accounts SET balance=5 WHERE id=1", "UPDATE accounts SET balance=6 WHERE id=1")), "",
			"Every transaction locks all that it will need first, and alone: accounts id=1"},
		{"tables that are given", deadlock("InnoDB", "UPDATE accounts SET balance=balance+1 WHERE id > 7", "UPDATE accounts SET balance=balance+1 WHERE id < 3"),
			"CREATE TABLE accounts (id int primary key, balance int, note text) ENGINE=InnoDB; INSERT INTO accounts VALUES (1,1,''),(2,1,''),(5,1,''),(8,1,''),(9,1,'')",
			"Every transaction locks in one order: accounts id < 3, then accounts id > 7"},
	} {
		if testing.Short() && tc.name != "inserts of the same keys" && tc.name != "tables that are given" {
			continue // each takes some seconds: one of each server is enough
		}
		t.Run(tc.name, func(t *testing.T) {
			need.Program(t, map[string]string{"PostgreSQL": "initdb", "InnoDB": "mariadbd"}[tc.d.Server])
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			c, err := reproduce.Of(tc.d, tc.schema)
			if err != nil {
				t.Fatal(err)
			}
			r, err := c.Run(ctx, func(string) {})
			if err != nil {
				t.Fatal(err)
			}
			if !r.Back {
				t.Fatalf("it did not come back; the last run was %+v", r.With.Play.Outcomes)
			}
			if !strings.Contains(strings.ToLower(string(r.Log)), "deadlock detected") {
				t.Errorf("the server's log tells of none:\n%s", r.Log)
			}
			solved := r.Solved()
			if solved == nil || solved.Runs != 10 || solved.What != tc.order {
				t.Errorf("orders: %+v", r.Proposed)
			}
			if c.Derived != (tc.schema == "") || len(c.Notes) == 0 && c.Derived {
				t.Errorf("tables made of the statements: %v; notes %q", c.Derived, c.Notes)
			}
			script := c.Script(r.With.Steps, "x")
			if !strings.Contains(script, "/* a */ BEGIN;") || !strings.Contains(script, "/* b */ ") {
				t.Errorf("the script is\n%s", script)
			}
		})
	}
}

func TestWhatCannotBeReproducedSaysWhy(t *testing.T) {
	cut := deadlock("PostgreSQL", "UPDATE a SET x=1 WHERE id=1", "UPDATE a SET x=1 WHERE id=2")
	cut.Sessions[1].StatementCut = true
	open := deadlock("PostgreSQL", "UPDATE a SET x=1 WHERE id=1", "UPDATE a SET x=1 WHERE id=2")
	open.Cycle = nil
	for _, tc := range []struct {
		d    *transactions.Deadlock
		want string
	}{
		{deadlock("SQL Server", "a", "b"), "of SQL Server cannot be reproduced"},
		{deadlock("PostgreSQL", "UPDATE a SET x=1 WHERE id=1", ""), "what b ran is not logged"},
		{deadlock("PostgreSQL", "UPDATE a SET x=1 WHERE id=1", "SELECT f(1)"), `b ran "SELECT f(1)", which is known to lock nothing`},
		{deadlock("PostgreSQL", "UPDATE a SET x=1 WHERE id=1", "UPDATE a SET x=1 WHERE id > 2"), `the condition "id > 2" is more than column = value; give them with -schema FILE`},
		{cut, "the statement of b is cut"},
		{open, "no cycle"},
	} {
		_, err := reproduce.Of(tc.d, "")
		if err == nil || !reproduce.Cannot(err) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, not %s", err, tc.want)
		}
	}
}

func TestTablesThatDoNotFitAreSaid(t *testing.T) {
	need.Program(t, "initdb")
	d := deadlock("PostgreSQL", "UPDATE a SET x=1 WHERE id=1", "UPDATE a SET x=1 WHERE id=2")
	for schema, want := range map[string]string{
		"CREATE TABLE b (id int)":                       `relation "a" does not exist`,
		"CREATE TABEL a (id int)":                       "syntax error",
		"COPY (SELECT 1) TO PROGRAM 'touch /tmp/owned'": "must be superuser",
	} {
		c, err := reproduce.Of(d, schema)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = c.Run(t.Context(), func(string) {}); err == nil || !reproduce.Cannot(err) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "-schema") {
			t.Errorf("%s gives %v", schema, err)
		}
	}
}

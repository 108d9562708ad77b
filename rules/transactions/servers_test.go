package transactions_test

import (
	"context"
	"fmt"
	"os"
	"slices"
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

// reports are the shipped ones.
func reports(t testing.TB) *transactions.Reports {
	t.Helper()
	r, err := transactions.Load(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// read returns the deadlocks that a log tells of, by its shipped format.
func read(t testing.TB, path, format string) []*transactions.Deadlock {
	t.Helper()
	set, err := parsers.Open(configs.FS(""), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	r := reports(t)
	var list []*transactions.Deadlock
	scan := pipeline.Scan{
		Decoder: func(g event.Generation) (pipeline.Decoder, error) {
			return set.NewDecoder(g, parsers.Options{Zone: time.UTC})
		},
		Commit: func(_ context.Context, c *event.Commit) error {
			for _, p := range c.Pages {
				for i := range p.N {
					if d, ok := r.Read(deadlocks.EventOf(storage.EventOf(p, i))); ok {
						list = append(list, d)
					}
				}
			}
			return nil
		},
	}
	if _, err := scan.Run(t.Context(), []event.Generation{{ID: 1, Path: path, Format: format}}); err != nil {
		t.Fatal(err)
	}
	return list
}

// TestRealServersDeadlocks drives servers into deadlocks of two and of three sessions, and compares what their logs are
// read to tell with what was done.
func TestRealServersDeadlocks(t *testing.T) {
	for _, tc := range []struct {
		kind            scratch.Kind
		program, format string
		make            []string
	}{
		{scratch.PostgreSQL, "initdb", "postgresql.stderr", []string{"create table accounts (id int primary key, balance int)", "insert into accounts select n, 100 from generate_series(1, 9) n"}},
		{scratch.InnoDB, "mariadbd", "mysql.error", []string{"create table shop.accounts (id int primary key, balance int) engine=InnoDB", "insert into shop.accounts values (1,1),(2,1),(3,1),(4,1),(5,1),(6,1),(7,1),(8,1),(9,1)"}},
	} {
		t.Run(string(tc.kind), func(t *testing.T) {
			need.Program(t, tc.program)
			s, err := scratch.Start(t.Context(), tc.kind, "shop")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Stop(); err != nil {
					t.Error(err)
				}
			})
			for _, sql := range tc.make {
				if _, err := s.DB.ExecContext(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
			for n := 2; n <= 3; n++ {
				t.Run(fmt.Sprint(n, " sessions"), func(t *testing.T) { provoked(t, s, tc.format, n) })
			}
		})
	}
}

// provoked lets n sessions update a row each, then each the row of the next.
func provoked(t *testing.T, s *scratch.Server, format string, n int) {
	table, wantTable := "accounts", "accounts"
	if s.Kind == scratch.InnoDB {
		table, wantTable = "shop.accounts", "shop.accounts"
	}
	var steps []scratch.Step
	update := func(session, id int) {
		steps = append(steps, scratch.Step{Session: session, SQL: fmt.Sprintf("update %s set balance=balance+1 where id=%d", table, id)})
	}
	for i := range n {
		steps = append(steps, scratch.Step{Session: i, SQL: "begin"})
		update(i, i+1)
	}
	for i := range n {
		update(i, (i+1)%n+1)
	}
	for i := range n {
		steps = append(steps, scratch.Step{Session: i, SQL: "commit"})
	}
	play, err := s.Play(t.Context(), n, steps)
	if err != nil {
		t.Fatal(err)
	}
	if !play.Deadlock {
		t.Fatalf("no deadlock came: %+v", play.Outcomes)
	}
	var victims []string
	for _, o := range play.Outcomes {
		if o.Error != "" {
			victims = append(victims, fmt.Sprint(play.Sessions[o.Session]))
		}
	}
	said, err := os.ReadFile(s.Log)
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/server.log"
	if err := os.WriteFile(path, said, 0o600); err != nil {
		t.Fatal(err)
	}
	list := read(t, path, format)
	if len(list) != n-1 { // the log has those of the runs before
		t.Fatalf("%d deadlocks were read; the log is\n%s", len(list), said)
	}
	d := list[len(list)-1]
	if d.Cut || len(d.Doubts) > 0 || len(d.Sessions) != n || len(d.Cycle) != n {
		t.Fatalf("cut %v, doubts %q, %d sessions, cycle %v; the log is\n%s", d.Cut, d.Doubts, len(d.Sessions), d.Cycle, said)
	}
	if got := d.Sessions[d.Cycle[0]]; !got.Victim || !slices.Equal(victims, []string{got.Name}) {
		t.Errorf("the victim is %q; the server refused %q", got.Name, victims)
	}
	for k, at := range d.Cycle {
		one, next := d.Sessions[at], d.Sessions[d.Cycle[(k+1)%n]]
		i := slices.Index(play.Sessions, number(t, one.Name))
		if want := fmt.Sprint(play.Sessions[(i+1)%n]); next.Name != want {
			t.Errorf("%s waits for %s, not for %s", one.Name, next.Name, want)
		}
		if want := steps[2*n+i].SQL; one.Statement != want {
			t.Errorf("%s ran %q, not %q", one.Name, one.Statement, want)
		}
		if one.Transaction == "" || len(one.Wants) != 1 || one.Wants[0].Mode == "" {
			t.Errorf("of %s there is no transaction or lock: %+v", one.Name, one)
		}
		if s.Kind == scratch.InnoDB {
			if w := one.Wants[0]; w.Table != wantTable || w.Index != "PRIMARY" || w.Key != fmt.Sprint((i+1)%n+1) {
				t.Errorf("%s wants %+v", one.Name, w)
			}
			if len(one.Holds) != 1 || one.Holds[0].Key != fmt.Sprint(i+1) {
				t.Errorf("%s holds %+v", one.Name, one.Holds)
			}
		}
	}
	if w := d.Sessions[d.Cycle[0]].Wants[0]; w.Table != wantTable || len(w.Rows) != 1 {
		t.Errorf("the victim wants %+v", w)
	}
	for _, w := range d.Waits {
		if w.Inferred {
			t.Errorf("a wait is inferred: %+v", w)
		}
	}
	want := "two updates of accounts in opposite order"
	if n == 3 {
		want = "three updates of accounts, each in its own order"
	}
	if got := d.What(); got != want {
		t.Errorf("it is %q, not %q", got, want)
	}
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	var n int64
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatalf("%q is no number", s)
	}
	return n
}

// Package reproduce turns the report of a deadlock into sessions that can be run, runs them on a scratch server until the deadlock
// comes back, and looks for an order of locks in which it does not.
//
// A report tells what each session ran when it waited. What it had run before is often not logged: a session held what another one
// waited for, so it is made to lock that. Where tables are not given they are made of what the statements name. Both are told
// in the Case's Notes. It never touches a real database.
package reproduce

import (
	"errors"
	"fmt"
	"strings"

	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/rules/transactions/scratch"
)

// A Case is a deadlock as it can be run.
type Case struct {
	Kind     scratch.Kind `json:"kind"`
	Database string       `json:"database"`
	Tables   []string     `json:"tables"`   // statements that make the tables
	Rows     []string     `json:"rows"`     // and their rows
	Derived  bool         `json:"derived"`  // they were made of what the statements name
	Sessions [][]Step     `json:"sessions"` // what each does between BEGIN and ROLLBACK, in the order of the cycle
	Names    []string     `json:"names"`    // of the sessions in the log
	Notes    []string     `json:"notes"`    // what was assumed, one sentence each
}

// A Step is one statement of a session.
type Step struct {
	SQL  string `json:"sql"`
	Held bool   `json:"held"` // the report does not tell it: it takes the lock that the session held

	on resource
}

// errCannot is why a deadlock cannot be reproduced from what is logged.
type errCannot struct{ error }

// Cannot reports whether an error says that the deadlock cannot be reproduced from what is logged, and is none of the machine.
func Cannot(err error) bool {
	var e errCannot
	return errors.As(err, &e)
}

func cannot(format string, args ...any) error { return errCannot{fmt.Errorf(format, args...)} }

// Of makes a case of a deadlock. Schema is SQL that makes the tables, with rows or without; "": they are made of what the
// statements name.
func Of(d *transactions.Deadlock, schema string) (*Case, error) {
	c := &Case{Kind: scratch.Kind(d.Server), Database: d.Database}
	if c.Kind != scratch.PostgreSQL && c.Kind != scratch.InnoDB {
		return nil, cannot("deadlocks of %s cannot be reproduced: scratch servers are PostgreSQL and MariaDB", d.Server)
	}
	if len(d.Cycle) < 2 {
		return nil, cannot("the report tells of no cycle")
	}
	n := len(d.Cycle)
	last := make([]transactions.Statement, n) // with which each waited
	all := make([][]transactions.Statement, n)
	for k, at := range d.Cycle {
		s := &d.Sessions[at]
		c.Names = append(c.Names, s.Label())
		list, err := statements(s, k, n, c)
		if err != nil {
			return nil, err
		}
		all[k], last[k] = list, list[len(list)-1]
	}
	share := d.Upgrade() || alike(last)
	for k := range n {
		c.Sessions = append(c.Sessions, nil)
		if len(all[k]) == 1 { // what it held is what the one before waits for
			before := last[(k+n-1)%n]
			step, err := c.hold(before, share)
			if err != nil {
				return nil, err
			}
			c.Sessions[k] = append(c.Sessions[k], step)
			c.note("what %s held is not logged: it is made to lock what %s waited for", c.Names[k], c.Names[(k+n-1)%n])
		}
		for _, s := range all[k] {
			c.Sessions[k] = append(c.Sessions[k], Step{SQL: s.Text, on: resourceOf(s)})
		}
	}
	if share {
		c.note("all wait for the same: each is made to share a lock on it first")
	}
	if strings.TrimSpace(schema) != "" {
		c.Tables = []string{schema}
		return c, nil
	}
	return c, c.derive(all)
}

func (c *Case) note(format string, args ...any) {
	c.Notes = append(c.Notes, fmt.Sprintf(format, args...))
}

// statements returns the locking statements of session k of n, with values in the place of parameters.
func statements(s *transactions.Session, k, n int, c *Case) ([]transactions.Statement, error) {
	switch {
	case s.Statement == "":
		return nil, cannot("what %s ran is %s", s.Label(), transactions.NotLogged)
	case s.StatementCut:
		return nil, cannot("the statement of %s is cut: the server keeps no more of it than %d bytes", s.Label(), len(s.Statement))
	}
	list := transactions.Locking(s.Statement)
	if len(list) == 0 {
		return nil, cannot("%s ran %q, which is known to lock nothing", s.Label(), oneLine(s.Statement))
	}
	made := 0
	for i := range list {
		of := k // the row that it holds
		if i == len(list)-1 {
			of = (k + 1) % n // the row that it waits for
		}
		text, filled := transactions.Fill(list[i].Text, func(int) string { return fmt.Sprint(of + 1) })
		if made += filled; filled > 0 {
			list[i] = transactions.Locking(text)[0]
		}
	}
	if made > 0 {
		c.note("the values that %s sent are not logged: whole numbers stand in their place", s.Label())
	}
	return list, nil
}

// alike reports whether all statements ask for the same rows.
func alike(list []transactions.Statement) bool {
	for _, s := range list {
		if s.Name != list[0].Name || s.Condition() != list[0].Condition() || s.Where == "" {
			return false
		}
	}
	return true
}

// hold is the step that takes the lock which a statement waits for.
func (c *Case) hold(s transactions.Statement, share bool) (Step, error) {
	step := Step{Held: true, on: resourceOf(s)}
	switch s.Verb {
	case "insert", "replace", "lock", "truncate", "alter":
		step.SQL = s.Text
		return step, nil
	case "update", "delete", "select":
		step.SQL = "SELECT 1 FROM " + s.Name
		if cond := s.Condition(); cond != "" {
			step.SQL += " WHERE " + cond
		}
		step.SQL += c.lockClause(share)
		return step, nil
	}
	return Step{}, cannot("what a %s waits for cannot be locked by another statement", strings.ToUpper(s.Verb))
}

func (c *Case) lockClause(share bool) string {
	switch {
	case !share:
		return " FOR UPDATE"
	case c.Kind == scratch.InnoDB:
		return " LOCK IN SHARE MODE"
	}
	return " FOR SHARE"
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 80 {
		return string(r[:79]) + "…"
	}
	return s
}

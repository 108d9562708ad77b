package reproduce

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/saypro/veritail/rules/transactions/scratch"
)

// A Result is what came of running a case.
type Result struct {
	Server   string  `json:"server"`   // its version, in its own words
	Case     *Case   `json:"case"`     //
	Back     bool    `json:"back"`     // the deadlock came back
	Tries    int     `json:"tries"`    // runs until it did, or all of them
	With     Run     `json:"with"`     // the last of these
	Proposed []Tried `json:"proposed"` // orders, until one was without a deadlock
	Log      []byte  `json:"-"`        // what the server wrote
}

// A Run is the steps as they were begun, and what became of them.
type Run struct {
	Steps []scratch.Step `json:"steps"`
	Play  *scratch.Play  `json:"play"`
}

// A Tried is an order and its runs.
type Tried struct {
	Order
	Runs      int    `json:"runs"`
	Deadlocks int    `json:"deadlocks"`
	Error     string `json:"error,omitempty"` // of a statement that fails in this order
	Last      Run    `json:"last"`
}

// Solved returns the order in which no run had a deadlock, nil where none was found.
func (r *Result) Solved() *Tried {
	for i := range r.Proposed {
		if t := &r.Proposed[i]; t.Deadlocks == 0 && t.Error == "" {
			return t
		}
	}
	return nil
}

// How often things are run.
const (
	maxTries = 6  // until the deadlock comes back
	proof    = 10 // without a deadlock, in changing turns
)

// Run runs the case on a scratch server of its own; tell is told which, once it runs. The error is of the machine, or says why the case cannot be run.
func (c *Case) Run(ctx context.Context, tell func(string)) (_ *Result, err error) {
	s, err := scratch.Start(ctx, c.Kind, c.Database)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	r := &Result{Server: s.Version, Case: c}
	tell("On a scratch server, " + s.Version)
	for _, sql := range append(append([]string{}, c.Tables...), c.Rows...) {
		if _, err := s.DB.ExecContext(ctx, sql); err != nil {
			return nil, c.refused("the tables are not made", err)
		}
	}
	for !r.Back && r.Tries < maxTries {
		r.With, err = c.play(ctx, s, c.Sessions, r.Tries)
		if err != nil {
			return nil, err
		}
		r.Tries++
		r.Back = r.With.Play.Deadlock
		if failed := r.With.failed(); failed != "" && !r.Back {
			return nil, c.refused("a statement fails", errors.New(failed))
		}
	}
	if r.Back {
		if err := c.propose(ctx, s, r); err != nil {
			return nil, err
		}
	}
	if r.Log, err = os.ReadFile(s.Log); err != nil {
		return nil, fmt.Errorf("read what the scratch server wrote: %w", err)
	}
	return r, nil
}

// refused is the error of a statement that the scratch server does not take.
func (c *Case) refused(what string, err error) error {
	if c.Derived {
		return cannot("%s on the scratch server, whose tables were made of what the statements name: %w; give the real ones with -schema FILE", what, err)
	}
	return cannot("%s on the scratch server: %w; the file of -schema has to make all tables, and the rows that the statements ask for", what, err)
}

// propose runs the proposed orders until one has no deadlock.
func (c *Case) propose(ctx context.Context, s *scratch.Server, r *Result) error {
	for _, o := range c.orders() {
		t := Tried{Order: o}
		for t.Runs < proof && t.Deadlocks == 0 && t.Error == "" {
			run, err := c.play(ctx, s, o.Sessions, t.Runs)
			if err != nil {
				return err
			}
			t.Last = run
			t.Runs++
			if run.Play.Deadlock {
				t.Deadlocks++
			} else {
				t.Error = run.failed()
			}
		}
		r.Proposed = append(r.Proposed, t)
		if r.Solved() != nil {
			return nil
		}
	}
	return nil
}

// play runs sessions, each a step in turn; which session is the first changes with turn. All are rolled back, so that each
// run begins alike.
func (c *Case) play(ctx context.Context, s *scratch.Server, sessions [][]Step, turn int) (Run, error) {
	steps := turns(sessions, turn)
	p, err := s.Play(ctx, len(sessions), steps)
	if err != nil {
		return Run{}, fmt.Errorf("run the sessions: %w", err)
	}
	return Run{steps, p}, nil
}

func turns(sessions [][]Step, turn int) []scratch.Step {
	var out []scratch.Step
	n, longest := len(sessions), 0
	for _, steps := range sessions {
		longest = max(longest, len(steps))
	}
	each := func(sql func(session int) string) {
		for i := range n {
			k := (i + turn) % n
			if text := sql(k); text != "" {
				out = append(out, scratch.Step{Session: k, SQL: text})
			}
		}
	}
	each(func(int) string { return "BEGIN" })
	for at := range longest + 1 {
		each(func(k int) string {
			switch {
			case at < len(sessions[k]):
				return sessions[k][at].SQL
			case at == len(sessions[k]):
				return "ROLLBACK"
			}
			return ""
		})
	}
	return out
}

// failed is what the server said of a statement that failed for another reason than a deadlock.
func (r Run) failed() string {
	for _, o := range r.Play.Outcomes {
		if o.Error != "" && o.Code != "40P01" && o.Code != "1213" {
			return fmt.Sprintf("%s: %s", oneLine(o.SQL), o.Error)
		}
	}
	return ""
}

// Script writes sessions as SQL that people can run by hand, each statement in the session that its comment names.
func (c *Case) Script(steps []scratch.Step, head string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- %s\n", head)
	for _, note := range c.Notes {
		fmt.Fprintf(&b, "-- %s.\n", strings.Join(strings.Fields(note), " "))
	}
	fmt.Fprintf(&b, "\n-- Once, before\n")
	for _, sql := range append(append([]string{}, c.Tables...), c.Rows...) {
		fmt.Fprintf(&b, "%s;\n", strings.TrimRight(strings.TrimSpace(sql), ";"))
	}
	fmt.Fprintf(&b, "\n-- Then line by line, each in the session that stands in front of it. One that does not come back waits: go on.\n")
	for _, s := range steps {
		fmt.Fprintf(&b, "/* %s */ %s;\n", comment(c.Names[s.Session]), s.SQL)
	}
	return b.String()
}

// comment is a name that can stand in a comment.
func comment(s string) string { return strings.ReplaceAll(s, "*/", "* /") }

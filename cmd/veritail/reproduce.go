package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/saypro/veritail/reports/deadlocks"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/rules/transactions/reproduce"
	"github.com/saypro/veritail/rules/transactions/scratch"
)

// run reproduces a deadlock, shows what came of it, and gives it to attach, unless that is nil.
func (o *deadlockAsk) run(ctx context.Context, s *setup, d *transactions.Deadlock, out io.Writer, attach func(*deadlocks.Proof) error) error {
	schema := ""
	if o.schema != "" {
		text, err := os.ReadFile(o.schema)
		if err != nil {
			return userErrorf("read the tables: %w", err)
		}
		schema = string(text)
	}
	c, err := reproduce.Of(d, schema)
	if err != nil {
		return userErrorf("%s cannot be reproduced: %w", d.Sentence(), err)
	}
	t := &reproducedText{sink{w: out}, palette(out)}
	if !o.json {
		t.intro(d, c)
	}
	r, err := c.Run(ctx, func(step string) {
		if !o.json {
			t.f("%s.\n", printable(step))
		}
	})
	switch {
	case reproduce.Cannot(err):
		return userErrorf("%s cannot be reproduced: %w", d.Sentence(), err)
	case errors.Is(err, scratch.ErrMissing):
		return userErrorf("a scratch server is needed: %w", err)
	case err != nil:
		return fmt.Errorf("reproduce the deadlock: %w", err)
	}
	again, err := reported(ctx, s, r)
	if err != nil {
		return err
	}
	if o.dir != "" {
		if err := write(o.dir, r, d); err != nil {
			return err
		}
	}
	p := &deadlocks.Proof{At: time.Now().UTC(), Result: r}
	if again != nil {
		p.Reported, p.Same = again.What(), again.What() == d.What()
	}
	if o.json {
		err = encode(out, r)
	} else {
		t.result(p, o.dir)
		err = t.err
	}
	if err == nil && attach != nil {
		if err = attach(p); err == nil && !o.json {
			t.f("\nThe runs are attached to the finding: its page and veritail deadlock show them.\n")
			err = t.err
		}
	}
	if err == nil && !r.Back {
		return errQuiet
	}
	return err
}

// reported is the deadlock that the scratch server reported first, as its log is read; nil where it reported none.
func reported(ctx context.Context, s *setup, r *reproduce.Result) (_ *transactions.Deadlock, err error) {
	dir, err := os.MkdirTemp("", "veritail-log-")
	if err != nil {
		return nil, fmt.Errorf("keep the scratch server's log: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "server.log")
	if err := os.WriteFile(path, r.Log, 0o600); err != nil {
		return nil, fmt.Errorf("keep the scratch server's log: %w", err)
	}
	list, _, err := readDeadlocks(ctx, s, []string{path}, "auto", nil)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return list[0], nil
}

// write writes the scripts, the runs and the server's log to a folder.
func write(dir string, r *reproduce.Result, d *transactions.Deadlock) error {
	runs, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the runs: %w", err)
	}
	files := map[string][]byte{
		"runs.json":    append(runs, '\n'),
		"server.log":   r.Log,
		"deadlock.sql": []byte(r.Case.Script(r.With.Steps, d.Sentence()+", "+d.Time.Format("2 Jan 2006 15:04:05 UTC"))),
	}
	if t := r.Solved(); t != nil {
		files["order.sql"] = []byte(r.Case.Script(t.Last.Steps, t.What))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return userErrorf("write the runs: %w", err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return userErrorf("write the runs: %w", err)
		}
	}
	return nil
}

// reproducedText prints for a person how a deadlock was run again.
type reproducedText struct {
	sink
	p colours
}

func (t *reproducedText) intro(d *transactions.Deadlock, c *reproduce.Case) {
	t.f("%s\n", t.p.bold("Reproducing: "+printable(d.Sentence())))
	for _, note := range c.Notes {
		for k, row := range wrapped(printable(note)+".", explainWidth-4) {
			mark := "– "
			if k > 0 {
				mark = "  "
			}
			t.f("  %s%s\n", t.p.dim(mark), row)
		}
	}
}

func (t *reproducedText) result(p *deadlocks.Proof, dir string) {
	r := p.Result
	if !r.Back {
		t.f("\n%s\n", t.p.yellow(fmt.Sprintf("▲ The deadlock did not come back in %d runs.", r.Tries)))
		t.f("  What is not logged may matter: earlier statements, rows, other columns and\n  indexes, the isolation level. The last run:\n")
		t.steps(r.Case, r.With)
		return
	}
	t.f("\n%s\n", t.p.bold(fmt.Sprintf("The deadlock, run %d", r.Tries)))
	t.steps(r.Case, r.With)
	if p.Reported != "" {
		same := "another pattern than in the log"
		if p.Same {
			same = "as in the log"
		}
		t.f("  The scratch server reports %s, %s.\n", printable(p.Reported), same)
	}
	for i := range r.Proposed {
		o := &r.Proposed[i]
		t.f("\n%s\n", t.p.bold("Proposed"))
		for _, row := range wrapped(printable(o.What)+".", explainWidth) {
			t.f("  %s\n", row)
		}
		switch {
		case o.Error != "":
			t.f("  %s\n", t.p.yellow("▲ a statement fails in this order: "+printable(o.Error)))
		case o.Deadlocks > 0:
			t.f("  %s\n", t.p.yellow(fmt.Sprintf("▲ a deadlock came in run %d", o.Runs)))
		default:
			t.f("  %s\n", t.p.green(fmt.Sprintf("✓ %d runs in changing turns, no deadlock", o.Runs))+"; the last one:")
			t.steps(r.Case, o.Last)
		}
	}
	if r.Solved() == nil {
		t.f("\n%s\n", t.p.yellow("▲ No order that was tried is without a deadlock."))
	}
	if dir != "" {
		t.f("\ndeadlock.sql, order.sql, runs.json and server.log are in %s.\n", dir)
	}
}

// steps prints the steps of a run with what became of each.
func (t *reproducedText) steps(c *reproduce.Case, run reproduce.Run) {
	width := 0
	for _, name := range c.Names {
		width = max(width, len([]rune(name)))
	}
	for _, o := range run.Play.Outcomes {
		end := ""
		switch {
		case o.Error != "":
			end = t.p.red("✕ " + o.Code + " after " + o.Took.Round(time.Millisecond).String())
		case o.Waited && o.Took >= 100*time.Millisecond: // else it came after one that waited
			end = t.p.yellow("waits " + o.Took.Round(time.Millisecond).String())
		}
		row := "  " + pad(printable(c.Names[o.Session]), width) + "  " + cutText(printable(strings.Join(strings.Fields(o.SQL), " ")), 66-width)
		if end != "" {
			end = strings.Repeat(" ", max(2, markAt-len([]rune(row)))) + end
		}
		t.f("%s%s\n", row, end)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/deadlocks"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
)

// deadlockAsk is what the command is told beside what to look at.
type deadlockAsk struct {
	svg, dot, json bool
	number         int
	reproduce      bool
	schema, dir    string
	configFile     string
	in             reading
}

func deadlockCommand() *cobra.Command {
	var o deadlockAsk
	c := &cobra.Command{
		Use:   "deadlock FINDING | FILE...",
		Short: "Draw a deadlock: who waited for whom, with which statements",
		Long: `Deadlock shows what a database's report tells of a deadlock: each session with its
statement, what it held and what it waited for, the cycle, and who was rolled back.
What the log does not tell reads "not logged".

FINDING is the id of a finding; the running daemon is asked, or without one its
store. FILE is a log, or - for standard input; no store is needed.

Read are the reports of PostgreSQL, of InnoDB (MySQL, MariaDB), of SQL Server's
trace flags 1222 and 1204 and of Oracle's trace files; the last two after
documentation only.

-reproduce runs the sessions on a scratch PostgreSQL or MariaDB, which has to be
installed: with a data directory of its own, behind a socket, as a user who may do
nothing else. When the deadlock has come back, orders of locks are tried until one
has no deadlock. The tables are those of -schema, or are made of what the
statements name. What had to be assumed is said.

Exit status: 0, also where there is no deadlock; 1 for a finding that is none, or
a deadlock that cannot be reproduced.`,
		Example: `  veritail deadlock /var/log/postgresql/postgresql-15-main.log
  veritail deadlock 7c1e09b4a1d2 -svg > deadlock.svg
  veritail deadlock -reproduce -schema shop.sql -number 1 -out proof/ error.log
  veritail deadlock -dot -number 2 error.log | dot -Tpng > deadlock.png`,
		Args: wants(1, 0, "the id of a finding, or files to read"),
		RunE: func(cmd *cobra.Command, args []string) error {
			forms := 0
			for _, set := range []bool{o.svg, o.dot, o.json} {
				if set {
					forms++
				}
			}
			if forms > 1 || o.reproduce && (o.svg || o.dot) {
				return userErrorf("-svg, -dot and -json exclude each other; -reproduce goes with -json only")
			}
			if len(args) == 1 && args[0] != "-" && !there(args[0]) {
				return o.finding(cmd.Context(), args[0], cmd.OutOrStdout())
			}
			return o.files(cmd.Context(), args, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	c.Flags().BoolVar(&o.svg, "svg", false, "print a picture as SVG")
	c.Flags().BoolVar(&o.dot, "dot", false, "print the graph in Graphviz's language")
	c.Flags().BoolVar(&o.json, "json", false, "print one JSON object a line")
	c.Flags().BoolVar(&o.reproduce, "reproduce", false, "run the sessions on a scratch server until the deadlock comes back")
	c.Flags().StringVar(&o.schema, "schema", "", "with -reproduce: `file` of SQL that makes the tables, with the rows that are asked for")
	c.Flags().StringVar(&o.dir, "out", "", "with -reproduce: write scripts and runs to this `directory`")
	c.Flags().IntVar(&o.number, "number", 0, "only this `one` of the deadlocks in files, from 1")
	c.Flags().StringVar(&o.configFile, "config", "", "configuration `file` of the daemon")
	o.in.flags(c)
	return c
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// finding shows the deadlock of a finding.
func (o *deadlockAsk) finding(ctx context.Context, id string, out io.Writer) error {
	c, err := dial(o.configFile)
	if err != nil {
		return err
	}
	var a deadlocks.Answer
	q := url.Values{"id": {id}}
	err = c.question(ctx, "/deadlock", q, &a, func(storage.Progress) {}, func(ctx context.Context, d *daemon) error {
		here, err := d.deadlock(ctx, q)
		if err == nil {
			a = *here
		}
		return err
	})
	if errors.Is(err, errNoDaemon) {
		return userErrorf("there is no file %s, and no daemon or store that may know a finding of that id: %w", printable(id), err)
	}
	if err != nil {
		return err
	}
	switch {
	case o.reproduce:
		s, err := o.in.load()
		if err != nil {
			return err
		}
		return o.run(ctx, s, a.Deadlock, out, func(p *deadlocks.Proof) error {
			if err := p.Attach(deadlocks.Proofs(c.cfg.State), a.Finding); err != nil {
				return userErrorf("the runs are not attached to the finding: %w", err)
			}
			return nil
		})
	case o.json:
		return encode(out, a)
	}
	if err := o.print(out, a.Deadlock, a.Pattern); err != nil || a.Proof == nil || o.svg || o.dot {
		return err
	}
	t := &reproducedText{sink{w: out}, palette(out)}
	t.f("\n%s\n", t.p.bold("Reproduced "+a.Proof.At.Format("2 Jan 2006 15:04 UTC")+" on "+printable(a.Proof.Result.Server)))
	t.result(a.Proof, "")
	return t.err
}

// deadlock answers for a finding's id.
func (d *daemon) deadlock(ctx context.Context, q url.Values) (*deadlocks.Answer, error) {
	id := q.Get("id")
	list, err := d.store.Findings(ctx, access.All(), storage.FindingQuery{ID: id, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("read finding %s: %w", id, err)
	}
	if len(list) == 0 {
		return nil, &answerError{Message: fmt.Sprintf("there is no file and no finding %s", id)}
	}
	a, err := deadlocks.Reader{Store: d.store, Reports: d.setup.deadlocks, Proofs: deadlocks.Proofs(d.cfg.State)}.Of(ctx, access.All(), list[0])
	if err != nil {
		return nil, err
	}
	if a == nil {
		return nil, &answerError{Message: fmt.Sprintf("finding %s (%s) rests on no report of a deadlock that is still in the store", id, list[0].Rule)}
	}
	return a, nil
}

// files shows the deadlocks that logs tell of.
func (o *deadlockAsk) files(ctx context.Context, paths []string, stdin io.Reader, out, note io.Writer) error {
	s, err := o.in.load()
	if err != nil {
		return err
	}
	list, files, err := readDeadlocks(ctx, s, paths, o.in.format, stdin)
	if err != nil {
		return err
	}
	if o.number > len(list) || o.number < 0 {
		return userErrorf("-number %d: there are %d deadlocks", o.number, len(list))
	}
	patterns := transactions.Patterns(list)
	if o.number > 0 {
		list = list[o.number-1 : o.number]
	}
	switch {
	case o.reproduce && len(list) != 1:
		return userErrorf("there are %d deadlocks; choose one with -number", len(list))
	case o.reproduce:
		return o.run(ctx, s, list[0], out, nil)
	case o.json:
		for _, d := range list {
			if err := encode(out, d); err != nil {
				return err
			}
		}
	case (o.svg || o.dot) && len(list) > 1:
		return userErrorf("there are %d deadlocks; choose one with -number 1 to %d", len(list), len(list))
	case (o.svg || o.dot) && len(list) == 0:
		return userErrorf("there is no report of a deadlock in what was read")
	case len(list) == 1:
		err = o.print(out, list[0], sentenceOf(patterns, list[0]))
	default:
		err = printDeadlocks(out, list, patterns)
	}
	if err != nil {
		return err
	}
	r := scanResult{setup: s, files: files}
	return r.status(note)
}

// sentenceOf is the sentence of the pattern that d is of.
func sentenceOf(patterns []transactions.Pattern, d *transactions.Deadlock) string {
	for i := range patterns {
		if patterns[i].Deadlocks[0].Alike(d) {
			return patterns[i].Sentence()
		}
	}
	return ""
}

// readDeadlocks reads files and returns the deadlocks that they tell of, in the order of their times; one that is told of again is
// left out.
func readDeadlocks(ctx context.Context, s *setup, paths []string, format string, stdin io.Reader) ([]*transactions.Deadlock, []pipeline.ScannedFile, error) {
	var gens []event.Generation
	for _, p := range paths {
		gens = append(gens, s.generation(p, format))
	}
	var list []*transactions.Deadlock
	scan := pipeline.Scan{
		Decoder: func(g event.Generation) (pipeline.Decoder, error) { return s.decoder(g) },
		Stdin:   stdin,
		Commit: func(_ context.Context, c *event.Commit) error {
			for _, p := range c.Pages {
				for i := range p.N {
					if p.Unparsed.Has(i) || p.Column(event.FieldAction) == nil {
						continue
					}
					if d, ok := s.deadlocks.Read(deadlocks.EventOf(storage.EventOf(p, i))); ok {
						list = addDeadlock(list, d)
					}
				}
			}
			return nil
		},
	}
	files, err := scan.Run(ctx, gens)
	return list, files, err
}

// addDeadlock adds d, or puts it in the place of one that tells less of the same.
func addDeadlock(list []*transactions.Deadlock, d *transactions.Deadlock) []*transactions.Deadlock {
	for i, o := range list {
		if d.Same(o) {
			if d.Fuller(o) {
				list[i] = d
			}
			return list
		}
	}
	return append(list, d)
}

func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("print the answer: %w", err)
	}
	return nil
}

// print shows one deadlock in the form that was asked for.
func (o *deadlockAsk) print(out io.Writer, d *transactions.Deadlock, pattern string) error {
	text := ""
	switch {
	case o.svg && !d.Drawn():
		return userErrorf("%s is not drawn; without -svg it is told in words", d.Sentence())
	case o.svg:
		text = d.SVG()
	case o.dot:
		text = d.DOT()
	default:
		t := &deadlockText{sink{w: out}, palette(out)}
		t.deadlock(d, pattern)
		return t.err
	}
	if _, err := io.WriteString(out, text); err != nil {
		return fmt.Errorf("print the deadlock: %w", err)
	}
	return nil
}

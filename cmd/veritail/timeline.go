package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/deadlocks"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
)

func timelineCommand() *cobra.Command {
	var asJSON, svg bool
	var configFile string
	var in reading
	c := &cobra.Command{
		Use:   "timeline ID [FILE...]",
		Short: "Tell the story of a transaction or session, moment by moment",
		Long: `Timeline shows what a session of a database did: when its transactions began, what
they ran, what they waited for, which errors they met, and whether they were
committed, rolled back or vanished. The sessions it met in a deadlock or waited
for stand beside it, and so does what other programs tell of the same request.

ID is any of: process or thread of the session, PostgreSQL's session id, virtual or
real transaction id; a request, trace or transaction id of an application.

With FILEs they are read, twice. Without, the running daemon is asked, or its store.

● stands in a log, ○ follows from other lines, ✓ committed, ✕ failed or lost.`,
		Example: `  veritail timeline 18956 /var/log/postgresql/postgresql-15-main.log
  veritail timeline 5/137 postgresql.csv shop.json
  veritail timeline 0af7651916cd43dd8448eb211c80319c`,
		Args: wants(1, 0, "an ID, and files or none"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON && svg {
				return userErrorf("-svg and -json exclude each other")
			}
			t, err := timelineOf(cmd.Context(), args[0], args[1:], &in, configFile)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				return encode(cmd.OutOrStdout(), t)
			case svg:
				_, err = io.WriteString(cmd.OutOrStdout(), t.SVG())
				return err
			}
			p := &timelineText{sink{w: cmd.OutOrStdout()}, palette(cmd.OutOrStdout())}
			p.timeline(t)
			return p.err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().BoolVar(&svg, "svg", false, "print a picture as SVG")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	in.flags(c)
	return c
}

func timelineOf(ctx context.Context, id string, files []string, in *reading, configFile string) (*transactions.Timeline, error) {
	if len(files) > 0 {
		return timelineOfFiles(ctx, id, files, in)
	}
	c, err := dial(configFile)
	if err != nil {
		return nil, err
	}
	t, q := &transactions.Timeline{}, url.Values{"id": {id}}
	err = c.question(ctx, "/timeline", q, t, func(storage.Progress) {}, func(ctx context.Context, d *daemon) error {
		here, err := d.timeline(ctx, q)
		if err == nil {
			*t = *here
		}
		return err
	})
	return t, err
}

func nowhere(id string) string {
	return fmt.Sprintf("%q is no process, session, transaction or request that was logged", id)
}

// timelineOfFiles reads the files twice: for the sessions, and then for what they did.
func timelineOfFiles(ctx context.Context, id string, paths []string, in *reading) (*transactions.Timeline, error) {
	s, err := in.load()
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		if p == "-" {
			return nil, userErrorf("a timeline needs files that can be read twice, and standard input cannot")
		}
	}
	q := transactions.NewTimelineSearch(s.sessions, s.deadlocks, id)
	if err := eachEvent(ctx, s, paths, in.format, nil, q.Look); err != nil {
		return nil, err
	}
	if !q.Found() {
		return nil, userError{errors.New(nowhere(id))}
	}
	if err := eachEvent(ctx, s, paths, in.format, nil, q.Take); err != nil {
		return nil, err
	}
	return q.Timeline(), nil
}

// eachEvent calls f with each event of the files, those of one file in its order.
func eachEvent(ctx context.Context, s *setup, paths []string, format string, stdin io.Reader, f func(*transactions.Event)) error {
	var gens []event.Generation
	for _, p := range paths {
		gens = append(gens, s.generation(p, format))
	}
	scan := pipeline.Scan{
		Decoder: func(g event.Generation) (pipeline.Decoder, error) { return s.decoder(g) },
		Stdin:   stdin,
		Commit: func(_ context.Context, c *event.Commit) error {
			for _, p := range c.Pages {
				eachRow(p, f)
			}
			return nil
		},
	}
	files, err := scan.Run(ctx, gens)
	if err != nil {
		return err
	}
	for _, file := range files {
		if file.Err != nil {
			return userError{file.Err}
		}
	}
	return nil
}

func eachRow(p *event.Page, f func(*transactions.Event)) {
	for i := range p.N {
		if !p.Unparsed.Has(i) {
			e := deadlocks.EventOf(storage.EventOf(p, i))
			f(&e)
		}
	}
}

// timeline answers for an id from the store.
func (d *daemon) timeline(ctx context.Context, ask url.Values) (*transactions.Timeline, error) {
	t, err := deadlocks.Reader{Store: d.store, Reports: d.setup.deadlocks, Sessions: d.setup.sessions}.Timeline(ctx, access.All(), d.setup.schema, ask.Get("id"), time.Now())
	if err == nil && t == nil {
		return nil, &answerError{Message: nowhere(ask.Get("id"))}
	}
	return t, err
}

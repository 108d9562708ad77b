package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// maxSearch bounds the events of one search.
const maxSearch = 10000

// searching is what a search is told beside its query.
type searching struct {
	json, csv, follow, how bool
	limit                  int
	configFile             string
}

func searchCommand() *cobra.Command {
	var o searching
	c := &cobra.Command{
		Use:   "search QUERY",
		Short: "Ask for events, newest first, or for numbers of them",
		Long: `Search asks the running daemon, or without one reads its store. Behind a | stands
what is asked of the matching events: count, sum(f), avg(f), min(f), max(f),
p50(f), p95(f), p99(f), distinct(f); by fields, every step of time, limit groups.

With -f the newest events come, oldest first, then new ones as the daemon stores
them, until Ctrl-C.

A query that has to look at many events shows on a terminal how far it has come;
Ctrl-C ends it, in the daemon too.

With -csv all fields are columns. A text that a spreadsheet would run as a formula
has an apostrophe in front.

Exit status: 0 with or without matches, 1 for a query that is not understood,
2 for an error of Veritail or its store.`,
		Example: `  veritail search 'event.outcome:failure and source.ip:10.0.0.0/8'
  veritail search -f 'event.category:authentication'
  veritail search 'event.outcome:failure @timestamp>=now-1d | count by source.ip limit 10'
  veritail search 'event.dataset:nginx.access | p95(event.duration) every 1h'
  veritail search -csv -limit 1000 'http.response.status_code>=500' > errors.csv`,
		Args: wants(1, 1, "one QUERY, in quotes"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.limit < 1 || o.limit > maxSearch {
				return userErrorf("-limit wants a number from 1 to %d", maxSearch)
			}
			if o.csv && (o.json || o.follow) {
				return userErrorf("-csv excludes -json and -f")
			}
			c, err := dial(o.configFile)
			if err != nil {
				return err
			}
			s := &search{searching: o, query: args[0], from: c, out: cmd.OutOrStdout(), note: cmd.ErrOrStderr()}
			if o.follow {
				return s.tail(cmd.Context())
			}
			return s.once(cmd.Context())
		},
	}
	c.Flags().BoolVar(&o.json, "json", false, "print one JSON object a line")
	c.Flags().BoolVar(&o.csv, "csv", false, "print comma-separated values, names first")
	c.Flags().BoolVarP(&o.follow, "follow", "f", false, "go on with new events")
	c.Flags().BoolVar(&o.how, "explain", false, "also say how it was answered")
	c.Flags().IntVar(&o.limit, "limit", 50, "at most this many `events`")
	c.Flags().StringVar(&o.configFile, "config", "", "configuration `file` of the daemon")
	return c
}

// A search is one run of the command.
type search struct {
	searching
	query     string
	from      *client
	out, note io.Writer
}

func (s *search) ask() url.Values {
	return url.Values{"q": {s.query}, "limit": {strconv.Itoa(s.limit)}}
}

// once asks and prints the answer.
func (s *search) once(ctx context.Context) error {
	a, err := s.answer(ctx)
	if err != nil {
		return err
	}
	s.hint(a)
	if err := s.print(a); err != nil {
		return fmt.Errorf("print the answer: %w", err)
	}
	if s.how {
		s.explain(a)
	}
	return nil
}

// hint tells of fields that may be slips.
func (s *search) hint(a *found) {
	for _, u := range a.Unknown {
		if u.Nearest != "" {
			fmt.Fprintf(s.note, "veritail: no format has the field %s; did you mean %s?\n", printable(u.Field), u.Nearest)
		}
	}
}

// explain says how the query was answered.
func (s *search) explain(a *found) {
	p := palette(s.note)
	fmt.Fprintf(s.note, "%s  %s\n", p.bold("Query "), printable(a.Query))
	for _, line := range a.How {
		fmt.Fprintf(s.note, "        %s\n", printable(line))
	}
	fmt.Fprintf(s.note, "%s  %s\n", p.bold("Took  "), time.Duration(a.Took).Round(100*time.Microsecond))
}

// tail prints the newest events and goes on with new ones until ctx ends.
func (s *search) tail(ctx context.Context) error {
	body, err := s.from.stream(ctx, "/follow", s.ask())
	if err != nil {
		return err
	}
	defer body.Close()
	dec := json.NewDecoder(body)
	a := &found{}
	if err = dec.Decode(a); err == nil {
		a.More = false // the newest were asked for, no more
		s.hint(a)
		err = s.print(a)
	}
	w, p := &sink{w: s.out}, palette(s.out)
	for err == nil {
		var e map[string]any
		if err = dec.Decode(&e); err != nil {
			break
		}
		missed, none := e["missed"].(float64)
		switch {
		case none:
			fmt.Fprintf(s.note, "veritail: %s events came too fast and are left out; narrow the query\n", n(int64(missed)))
		case s.json:
			err = printEventJSON(w, e)
		default:
			printEvent(w, p, e)
			err = w.err
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, io.EOF):
		return errors.New("the daemon has stopped")
	}
	return fmt.Errorf("follow the events: %w", err)
}

// answer asks the daemon, or without one its store, and shows progress meanwhile.
func (s *search) answer(ctx context.Context) (*found, error) {
	a, bar := &found{}, newScanning(s.note, "events")
	defer bar.end()
	err := s.from.question(ctx, "/search", s.ask(), a, bar.tell, func(ctx context.Context, d *daemon) error {
		here, err := d.search(ctx, s.ask())
		if err != nil {
			return err
		}
		answer, err := json.Marshal(here) // as a daemon would send it
		if err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
		return json.Unmarshal(answer, a)
	})
	return a, err
}

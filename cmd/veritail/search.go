package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

// maxSearch bounds the events of one search over the socket.
const maxSearch = 10000

func searchCommand() *cobra.Command {
	var asJSON bool
	var limit int
	var configFile string
	c := &cobra.Command{
		Use:   "search QUERY",
		Short: "Ask the running daemon for events, newest first",
		Example: `  veritail search 'event.outcome:failure and source.ip:10.0.0.0/8'
  veritail search 'message:"deadlock detected" and @timestamp>=now-1h'
  veritail search -json -limit 1000 'http.response.status_code>=500'`,
		Args: wants(1, 1, "one QUERY, in quotes"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > maxSearch {
				return userErrorf("-limit wants a number from 1 to %d", maxSearch)
			}
			c, err := dial(configFile)
			if err != nil {
				return err
			}
			var found foundRows
			q := url.Values{"q": {args[0]}, "limit": {strconv.Itoa(limit)}}
			if err := c.ask(cmd.Context(), "/search", q, &found); err != nil {
				return err
			}
			w := &sink{w: cmd.OutOrStdout()}
			if asJSON {
				err = found.printJSON(w)
			} else {
				err = found.printTable(w, palette(cmd.OutOrStdout()))
			}
			if err != nil {
				return fmt.Errorf("print the events: %w", err)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	c.Flags().IntVar(&limit, "limit", 50, "at most this many events")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	return c
}

func (r *foundRows) printJSON(w *sink) error {
	for _, e := range r.Events {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		w.f("%s\n", line)
	}
	return w.err
}

func (r *foundRows) printTable(w *sink, p colours) error {
	w.f("%s\n", p.dim(fmt.Sprintf("%-23s  %-18s %-9s %-15s %s", "time (UTC)", "data set", "outcome", "source", "line")))
	for _, e := range r.Events {
		text := func(name string) string {
			if v, ok := e[name]; ok {
				return printable(fmt.Sprint(v))
			}
			return ""
		}
		stamp := strings.TrimSuffix(strings.Replace(text("@timestamp"), "T", " ", 1), "Z")
		outcome := text("event.outcome")
		mark := pad(outcome, 9)
		if outcome == "failure" {
			mark = p.red(mark)
		}
		w.f("%-23.23s  %s %s %-15s %s\n", stamp, pad(text("event.dataset"), 18), mark, text("source.ip"), text("event.original"))
	}
	switch {
	case len(r.Events) == 0:
		w.f("No event matches.\n")
	case r.More:
		w.f("%s\n", p.dim(fmt.Sprintf("%d shown, there are more: raise -limit or narrow the query.", len(r.Events))))
	}
	if r.Note != "" {
		w.f("%s\n", p.dim(r.Note))
	}
	return w.err
}

// printable makes a foreign text harmless on a terminal: control and format characters are shown as their codes.
func printable(s string) string {
	clean := true
	for _, r := range s {
		clean = clean && unicode.IsPrint(r)
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(" ⏎ ")
		case r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, "\\u%04x", r)
		}
	}
	return b.String()
}

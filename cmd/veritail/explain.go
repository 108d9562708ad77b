package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/parsers"
)

// explaining is what the command is told beside what to explain.
type explaining struct {
	json       bool
	rule       string
	configFile string
	in         reading
}

func explainCommand() *cobra.Command {
	var o explaining
	c := &cobra.Command{
		Use:   "explain LINE | FILE:NUMBER | EVENT | FINDING",
		Short: "Tell what the formats and the rules make of a line, and why",
		Long: `Explain tells what the formats make of a LINE: which format and pattern takes it,
what each part of the pattern captured, and the event that it becomes; or, if none
takes it, where the nearest ones stop and what they wanted there. A record of
several lines may be given as one LINE.

Then it tells what each rule makes of that event: why it fired, or why not. It shows
the conditions with the values they saw, how full a window is and with which lines,
and what left the event out, told it before, cancelled it or comes too late. Shown
are the rules that fired, then those that came near: most of their conditions hold,
or they counted the event. -rule shows one in full, and how its findings were
judged (veritail verdict).

A LINE by itself has no history. FILE:NUMBER is a line of a file, among the others
of that file. EVENT is the id of a stored event, as search -json prints it (event.id);
FINDING is the id of a finding, and stands for the event that made it. For these the
running daemon is asked, or without one its store.

Exit status: 0 if a format takes the line (with -, every line) or the id is known,
1 if not.`,
		Example: `  veritail explain '10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl"'
  veritail explain -format nginx.access "$(tail -n 1 access.log)"
  veritail explain -rule auth.bruteforce auth.log:133
  veritail explain 7c1e09b4a1d20f35-10499
  veritail explain 55d0c4b3a9e81f27
  grep odd access.log | veritail explain -json - | jq .stops`,
		Args: wants(1, 1, "one LINE in quotes, FILE:NUMBER, the id of an event or a finding, or - for the lines of standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			if isID(args[0]) {
				return o.stored(cmd.Context(), args[0], out)
			}
			s, err := o.in.load()
			if err != nil {
				return err
			}
			if err := hasRule(s.rules, o.rule); err != nil {
				return err
			}
			if path, number, ok := fileLine(args[0]); ok {
				return o.inFile(cmd.Context(), s, path, number, out)
			}
			return o.lines(cmd.Context(), s, args[0], cmd.InOrStdin(), out)
		},
	}
	c.Flags().BoolVar(&o.json, "json", false, "print one JSON object a line")
	c.Flags().StringVar(&o.rule, "rule", "", "only this `rule`, in full")
	c.Flags().StringVar(&o.configFile, "config", "", "configuration `file` of the daemon, for EVENT and FINDING")
	o.in.flags(c)
	completes(c, "rule", o.in.rules)
	return c
}

// A lineExplained is what formats and rules make of a line.
type lineExplained struct {
	parsers.Explanation
	Rules []ruled `json:"rules,omitempty"` // of each event
}

// lines explains lines by themselves.
func (o *explaining) lines(ctx context.Context, s *setup, arg string, stdin io.Reader, out io.Writer) error {
	x := &explainText{sink{w: out}, palette(out)}
	taken, first := true, true
	err := eachLine(arg, stdin, func(line string) error {
		parsed, err := s.set.Explain(o.in.format, []byte(line), s.options())
		if err != nil {
			return userError{err}
		}
		e := lineExplained{Explanation: parsed}
		if taken = taken && e.Format != ""; e.Format != "" {
			if e.Rules, err = o.alone(s, e.Format, line); err != nil {
				return err
			}
			for i := range e.Rules {
				if err := o.recordIn(ctx, &e.Rules[i]); err != nil {
					return err
				}
			}
		}
		if o.json {
			return encode(x.w, e)
		}
		if !first {
			x.f("\n")
		}
		first = false
		x.print(&e.Explanation)
		for i := range e.Rules {
			x.f("\n")
			x.rules(&e.Rules[i], o.rule != "")
		}
		return x.err
	})
	if err == nil && !taken {
		return errQuiet
	}
	return err
}

// eachLine calls f with the line that arg is, or with the lines of stdin if arg is -.
func eachLine(arg string, stdin io.Reader, f func(string) error) error {
	if arg != "-" {
		return f(arg)
	}
	r := bufio.NewReader(stdin)
	for {
		line, err := r.ReadString('\n')
		if text := strings.TrimRight(line, "\r\n"); text != "" {
			if err := f(text); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
	}
}

// explainText prints explanations for a person.
type explainText struct {
	sink
	p colours
}

func (x *explainText) print(e *parsers.Explanation) {
	if e.Format == "" {
		x.stops(e)
		return
	}
	for i := range e.Steps {
		x.step(&e.Steps[i])
	}
	if len(e.Others) > 0 {
		x.f("%s\n", x.p.dim("would take it too: "+strings.Join(e.Others, ", ")))
	}
	for _, raw := range e.Events {
		x.f("%s\n", x.p.bold("Event"))
		x.event(raw)
	}
}

func (x *explainText) step(s *parsers.Step) {
	what := "Line"
	if s.Field != "" {
		what = s.Field
	}
	x.f("%s taken by %s  %s\n", x.p.bold(what), patternOf(s.Format, s.Pattern), x.p.dim(s.Title))
	x.f("  %s\n", printable(s.Text))
	for _, c := range s.Captures {
		from := c.Name
		if strings.HasPrefix(c.Ref, "%{") {
			from += x.p.dim("  " + c.Ref)
		}
		x.f("  %s%s\n", x.p.cyan(pad(cutText(printable(c.Text), 34), 36)), from)
	}
	x.f("\n")
}

// event prints the fields of an event but for those that repeat the line.
func (x *explainText) event(raw json.RawMessage) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil {
		return
	}
	var names []string
	for name := range fields {
		switch name {
		case "event.original", "log.file.path", "log.offset":
		default:
			names = append(names, name)
		}
	}
	sort.Strings(names)
	for _, name := range names {
		value := string(fields[name])
		var text string
		if json.Unmarshal(fields[name], &text) == nil {
			value = text
		}
		x.f("  %s%s\n", pad(name, 36), printable(value))
	}
}

// stops shows where the nearest format stops, and names the next ones.
func (x *explainText) stops(e *parsers.Explanation) {
	x.f("%s\n", x.p.bold("No format takes the line"))
	if len(e.Stops) == 0 {
		x.f("  %s\n", printable(cutText(e.Text, explainWidth)))
		return
	}
	s := e.Stops[0]
	line, at := window(e.Text, s.Column)
	x.f("  %s\n  %s%s\n", line, strings.Repeat(" ", at), x.p.red("^"))
	x.f("  %s, stops at column %d\n", patternOf(s.Format, s.Pattern), s.Column)
	if s.Failed != "" {
		x.f("  at       %s\n", s.Failed)
	}
	if s.Wanted != "" {
		x.f("  wanted   %s\n", s.Wanted)
	}
	x.f("  pattern  %s\n", x.p.dim(s.Grok))
	for i, s := range e.Stops[1:] {
		if i == 0 {
			x.f("\n")
		}
		x.f("  %s\n", x.p.dim(fmt.Sprintf("%s, stops at column %d", patternOf(s.Format, s.Pattern), s.Column)))
	}
}

// patternOf names a pattern of a format; number 0 is none of them: the members of the text were read.
func patternOf(format string, number int) string {
	if number == 0 {
		return format
	}
	return fmt.Sprintf("%s, pattern %d", format, number)
}

// explainWidth bounds what is shown of a line, so that the caret stands under its column in a terminal of 80 characters.
const explainWidth = 76

// window returns a part of text that can be shown in one row, and where column, in bytes from 1, stands in it.
func window(text string, column int) (string, int) {
	byteAt := min(column-1, len(text))
	before, behind := []rune(printable(text[:byteAt])), []rune(printable(text[byteAt:]))
	cut := 0
	if len(before) > explainWidth-30 {
		cut = len(before) - (explainWidth - 30)
		before = append([]rune{'…'}, before[cut+1:]...)
	}
	return string(before) + cutText(string(behind), max(10, explainWidth-len(before))), len(before)
}

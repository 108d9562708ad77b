package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/parsers"
)

func explainCommand() *cobra.Command {
	var asJSON bool
	var in reading
	c := &cobra.Command{
		Use:   "explain LINE",
		Short: "Tell which format takes a line, or where each stops in it",
		Long: `Explain tells what the formats make of a line: which format and pattern takes it,
what each part of the pattern captured, and the event that it becomes; or, if none
takes it, where the nearest ones stop and what they wanted there. A record of
several lines may be given as one LINE.

Exit status: 0 if a format takes the line (with -, every line), 1 if none does.`,
		Example: `  veritail explain '10.0.0.1 - - [24/Nov/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "curl"'
  veritail explain -format nginx.access "$(tail -n 1 access.log)"
  grep odd access.log | veritail explain -json - | jq .stops`,
		Args:              wants(1, 1, "one LINE in quotes, or - for the lines of standard input"),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := in.load()
			if err != nil {
				return err
			}
			x := &explainText{sink{w: cmd.OutOrStdout()}, palette(cmd.OutOrStdout())}
			taken, first := true, true
			err = eachLine(args[0], cmd.InOrStdin(), func(line string) error {
				e, err := s.set.Explain(in.format, []byte(line), s.options())
				if err != nil {
					return userError{err}
				}
				taken = taken && e.Format != ""
				if asJSON {
					enc := json.NewEncoder(x.w)
					enc.SetEscapeHTML(false)
					return enc.Encode(e)
				}
				if !first {
					x.f("\n")
				}
				first = false
				x.print(&e)
				return x.err
			})
			if err != nil {
				return err
			}
			if !taken {
				return errQuiet
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	in.flags(c)
	return c
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

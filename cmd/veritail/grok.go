package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers/grok"
)

func grokCommand() *cobra.Command {
	var configDir, mode string
	var batch bool
	c := &cobra.Command{
		Use:   "grok PATTERN",
		Short: "Try a grok pattern on lines from standard input",
		Long: `Grok reads lines from standard input and prints for each the named captures of
PATTERN as JSON, or null where it does not match. The pattern may match anywhere
in the line; a capture that matched nothing is left out, one that matched several
times is a list, [a][b] is member b of a. See docs/grok.md for the dialect.

With -batch it reads questions instead, {"expr":…,"mode":…,"input":…} a line, and
answers each with {"match":true,"fields":{…}} or {"match":false}, in their order.`,
		Example: `  echo '10.0.0.1 GET /x 200' | veritail grok '%{IP:source.ip} %{WORD:method} %{NOTSPACE:path} %{INT:status:int}'
  veritail grok -mode ecs-v1 '%{COMBINEDAPACHELOG}' < access.log
  echo '{"expr":"%{INT:n:int}","input":"7"}' | veritail grok -batch`,
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			naming, err := grok.ParseNaming(mode)
			if err != nil {
				return userErrorf("-mode: %w", err)
			}
			lib, err := grok.LoadLibrary(configs.FS(configDir), "patterns")
			if err != nil {
				return userError{err}
			}
			if batch {
				if len(args) > 0 {
					return userErrorf("%s: -batch takes the patterns from standard input, not %q", cmd.CommandPath(), args[0])
				}
				return lib.Batch(cmd.InOrStdin(), cmd.OutOrStdout())
			}
			if err := wants(1, 1, "one PATTERN, in quotes")(cmd, args); err != nil {
				return err
			}
			m, err := lib.In(naming).Compile(args[0])
			if err != nil {
				return userError{err}
			}
			return grokLines(m, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	configsFlag(c, &configDir, "patterns")
	c.Flags().StringVar(&mode, "mode", "legacy", "`naming` of the fields of Logstash's patterns: legacy or ecs-v1")
	completes(c, "mode", cobra.FixedCompletions([]string{"legacy", "ecs-v1"}, cobra.ShellCompDirectiveNoFileComp))
	c.Flags().BoolVar(&batch, "batch", false, "read questions as JSON lines, each with a pattern, a mode and an input")
	return c
}

// grokLines prints what m captures of each line.
func grokLines(m grok.Matcher, in io.Reader, w io.Writer) error {
	r, out := bufio.NewReader(in), bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	slots := make([]int32, 2*len(m.Captures()))
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			if n := len(line) - 1; line[n] == '\n' {
				line = line[:n]
			}
			if n := len(line) - 1; n >= 0 && line[n] == '\r' {
				line = line[:n]
			}
			var fields any
			if m.Match(line, slots) {
				fields = grok.Fields(m.Captures(), line, slots)
			}
			if err := enc.Encode(fields); err != nil {
				return fmt.Errorf("print captures: %w", err)
			}
		}
		if errors.Is(err, io.EOF) {
			return out.Flush()
		}
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
	}
}

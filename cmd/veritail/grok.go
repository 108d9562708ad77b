package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers/grok"
)

func grokCommand() *cobra.Command {
	var configDir string
	c := &cobra.Command{
		Use:   "grok PATTERN",
		Short: "Try a grok pattern on lines from standard input",
		Long: `Grok reads lines from standard input and prints for each the named captures of
PATTERN as JSON, or null where it does not match. The pattern may match anywhere
in the line; a capture that matched nothing is left out, one that matched several
times is a list.`,
		Example: `  echo '10.0.0.1 GET /x 200' | veritail grok '%{IP:source.ip} %{WORD:method} %{NOTSPACE:path} %{INT:status:int}'`,
		Args:    wants(1, 1, "one PATTERN, in quotes"),
		RunE: func(cmd *cobra.Command, args []string) error {
			lib, err := grok.LoadLibrary(configs.FS(configDir), "patterns")
			if err != nil {
				return userError{err}
			}
			m, err := lib.Compile(args[0])
			if err != nil {
				return userError{err}
			}
			return grokLines(m, cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	c.Flags().StringVar(&configDir, "configs", "", "`directory` of patterns in place of the shipped ones")
	return c
}

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
				fields = captured(m.Captures(), line, slots)
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

// captured returns the captures by name; a name that captured several times holds a list.
func captured(caps []grok.Capture, line []byte, slots []int32) map[string]any {
	fields := map[string]any{}
	for i, c := range caps {
		from, to := slots[2*i], slots[2*i+1]
		if from < 0 || from == to {
			continue
		}
		v := typed(c.Type, string(line[from:to]))
		switch old := fields[c.Name].(type) {
		case nil:
			fields[c.Name] = v
		case []any:
			fields[c.Name] = append(old, v)
		default:
			fields[c.Name] = []any{old, v}
		}
	}
	return fields
}

// typed converts a capture as its type says; what does not fit stays text.
func typed(kind, text string) any {
	switch kind {
	case "int":
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
	case "float":
		if x, err := strconv.ParseFloat(text, 64); err == nil {
			return x
		}
	}
	return text
}

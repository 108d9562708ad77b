package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/parsers/suggest"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
)

// suggestLines bounds the lines that a proposal is made from.
const suggestLines = 20_000

func suggestCommand() *cobra.Command {
	var configDir, name, out string
	var all bool
	c := &cobra.Command{
		Use:   "suggest FILE",
		Short: "Propose a format for lines that no format takes",
		Long: `Suggest reads the lines of a log that no format takes, groups them by their form,
and prints a complete format file for them: stamps with their layouts, levels,
programs and pids, addresses, key=value, quoted texts, JSON members. What has no
name that is known is called app.field1 and so on, for you to name.

The proposal is compiled and tried on the lines; standard error says how many it
takes, and prints what one line of each kind becomes. With -o it is written into a
configuration directory, where nothing is overwritten.

Exit status: 0 if there is a proposal, or nothing to propose for; 1 if not.`,
		Example: `  veritail suggest /srv/shop/log/shop.log
  veritail suggest -name shop -o /etc/veritail/configs /srv/shop/log/shop.log
  veritail suggest -all odd.log > odd.toml`,
		Args: wants(1, 1, "one FILE, or - for standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSetup(configDir)
			if err != nil {
				return err
			}
			if name == "" {
				name = formatName(args[0])
			}
			if err := s.checkNewName(name); err != nil {
				return err
			}
			lines, err := s.notTaken(args[0], cmd.InOrStdin(), all)
			if err != nil {
				return err
			}
			stderr := cmd.ErrOrStderr()
			if len(lines) == 0 {
				fmt.Fprintf(stderr, "%s: every line is understood; veritail suggest -all makes a format of its own for it.\n", args[0])
				return nil
			}
			p, err := suggest.Propose(s.set, name, filepath.Base(args[0]), lines)
			if err != nil {
				return userError{err}
			}
			if out == "" {
				fmt.Fprint(cmd.OutOrStdout(), p.TOML)
			} else if err := writeNew(filepath.Join(out, "formats", name+".toml"), p.TOML, stderr); err != nil {
				return err
			}
			return tellProposal(stderr, args[0], &p)
		},
	}
	c.Flags().StringVar(&name, "name", "", "`name` of the format; default: from the file's name")
	c.Flags().StringVarP(&out, "out", "o", "", "write the format into this configuration `directory`, below formats/")
	c.Flags().BoolVar(&all, "all", false, "make it for all lines, also those that other formats take")
	configsFlag(c, &configDir, "formats")
	return c
}

var notName = regexp.MustCompile(`[^a-z0-9_-]+`)

// formatName makes the name of a format from a file's.
func formatName(path string) string {
	base := strings.ToLower(filepath.Base(path))
	base, _, _ = strings.Cut(base, ".")
	if base = strings.Trim(notName.ReplaceAllString(base, "_"), "_-"); base == "" {
		return "suggested"
	}
	return base
}

var newName = regexp.MustCompile(`^[a-z0-9_-]+(\.[a-z0-9_-]+)*$`)

func (s *setup) checkNewName(name string) error {
	if !newName.MatchString(name) {
		return userErrorf("the name %q is not of small letters, digits, _ and - in parts joined by dots", name)
	}
	if name != "auto" && s.set.Known(name) != nil {
		return nil
	}
	return userErrorf("there is a format called %q already; give the new one another -name", name)
}

// notTaken returns the lines of a file that no format takes, or all.
func (s *setup) notTaken(path string, stdin io.Reader, all bool) ([][]byte, error) {
	f, err := source.Open(path, stdin)
	if err != nil {
		return nil, userError{err}
	}
	defer f.Close()
	d, err := s.decoder(s.generation(path, ""))
	if err != nil {
		return nil, err
	}
	r, off := bufio.NewReaderSize(f, 1<<16), int64(0)
	var lines [][]byte
	for len(lines) < suggestLines {
		line, err := r.ReadBytes('\n')
		if text := trimLine(line); all && len(text) > 0 {
			lines = append(lines, text)
		} else if len(line) > 0 && !all {
			var b event.Batch
			d.Decode(&b, line, off)
			lines = appendUnparsed(lines, &b)
		}
		off += int64(len(line))
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, userError{err}
		}
	}
	return lines, nil
}

func trimLine(line []byte) []byte { return []byte(strings.TrimRight(string(line), "\r\n")) }

// appendUnparsed appends the lines of a batch that became no event, and gives the batch back.
func appendUnparsed(lines [][]byte, b *event.Batch) [][]byte {
	for _, p := range b.Pages {
		for i := range p.N {
			if p.Unparsed.Has(i) {
				lines = append(lines, []byte(string(p.Bytes(p.Raw[i]))))
			}
		}
	}
	b.Release()
	return lines
}

// writeNew writes a file that is not there yet.
func writeNew(path, text string, stderr io.Writer) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return userError{err}
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return userErrorf("%s is there already and is not overwritten; give another -name", path)
	}
	if err != nil {
		return userError{err}
	}
	if _, err := f.WriteString(text); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	fmt.Fprintf(stderr, "written to %s\n", path)
	return f.Close()
}

// tellProposal says how good a proposal is.
func tellProposal(w io.Writer, path string, p *suggest.Proposal) error {
	t := &explainText{sink{w: w}, palette(w)}
	t.f("%s: %d patterns take %s of %s lines (%.1f %%)\n", path, p.Patterns, n(int64(p.Taken)), n(int64(p.Lines)), 100*float64(p.Taken)/float64(max(1, p.Lines)))
	for _, sh := range p.Left[:min(len(p.Left), topShapes)] {
		t.f("%9s  left: %s\n", n(sh.Count), cutText(printable(sh.Example), 90))
	}
	for _, e := range p.Events[:min(len(p.Events), 3)] {
		t.f("\n")
		t.event(e)
	}
	if t.err == nil && p.Taken == 0 {
		return errQuiet
	}
	return t.err
}

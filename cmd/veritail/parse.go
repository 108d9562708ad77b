package main

import (
	"bufio"
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
)

func parseCommand() *cobra.Command {
	var in reading
	c := &cobra.Command{
		Use:   "parse FILE...",
		Short: "Print each event of a log as one JSON object a line",
		Long: `Parse prints each event as one JSON object a line with flat ECS field names,
log.file.path, log.offset (of its first line) and event.original. A line that no
format takes has "veritail.unparsed": true.

Standard error tells of each file which format it was taken for and how sure that
is, and groups the lines that were not understood by their shape.`,
		Example: `  veritail parse /var/log/auth.log | jq 'select(."event.outcome" == "failure")'
  veritail parse -format nginx.access access.log`,
		Args: wants(1, 0, "files to read, or - for standard input"),
		RunE: func(cmd *cobra.Command, paths []string) error {
			s, err := in.load()
			if err != nil {
				return err
			}
			out := bufio.NewWriterSize(cmd.OutOrStdout(), 1<<16)
			var gens []event.Generation
			for _, p := range paths {
				gens = append(gens, s.generation(p, in.format))
			}
			var line []byte
			scan := pipeline.Scan{
				Decoder: func(g event.Generation) (pipeline.Decoder, error) { return s.decoder(g) },
				Stdin:   cmd.InOrStdin(),
				Commit: func(_ context.Context, c *event.Commit) error {
					for _, p := range c.Pages {
						for i := range p.N {
							line = append(p.Row(i).AppendJSON(line[:0]), '\n')
							if _, err := out.Write(line); err != nil {
								return fmt.Errorf("print an event: %w", err)
							}
						}
					}
					return nil
				},
			}
			files, err := scan.Run(cmd.Context(), gens)
			if err != nil {
				return err
			}
			if err := out.Flush(); err != nil {
				return fmt.Errorf("print the events: %w", err)
			}
			r := scanResult{setup: s, files: files}
			r.summary(cmd.ErrOrStderr())
			return r.status(cmd.ErrOrStderr())
		},
	}
	c.Flags().Bool("json", true, "one JSON object a line, the only form")
	in.flags(c)
	return c
}

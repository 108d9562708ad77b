package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/storage/state"
)

// keepReport writes a document and keeps it as issued, under the next version of its id.
func keepReport(ctx context.Context, db *state.DB, doc *document.Document, formats []document.Format, site string) (madeReport, error) {
	for {
		next, err := db.NextVersion(ctx, doc.ID)
		if err != nil {
			return madeReport{}, err
		}
		doc.Version = strconv.Itoa(next)
		made, err := writtenReport(ctx, doc, next, formats)
		if err != nil {
			return madeReport{}, err
		}
		kept := state.Issued{
			Document: doc.ID, Version: next, Report: doc.Report, Name: doc.Name, Title: doc.Title, Site: site,
			From: doc.Period.From, To: doc.Period.To, Made: doc.Made, By: doc.By,
		}
		for _, f := range made.Files {
			kept.Files = append(kept.Files, state.IssuedFile{Format: string(f.Format), SHA256: f.SHA256, Bytes: int64(len(f.Data)), Data: f.Data})
		}
		err = db.KeepReport(ctx, kept)
		if errors.Is(err, state.ErrTaken) { // somebody was faster
			continue
		}
		return made, err
	}
}

func reportListCommand() *cobra.Command {
	var f recordsFlags
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the reports that there are",
		Example: `  veritail report list`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := configs.LoadDaemon(f.config)
			if err != nil {
				return err
			}
			s, err := loadSetup(cfg.Configs)
			if err != nil {
				return err
			}
			list := make([]reportKind, len(s.reports))
			for i := range s.reports {
				list[i] = kindOf(&s.reports[i])
			}
			return f.show(cmd.OutOrStdout(), list, func(w *sink, p colours) { printKinds(w, p, list) })
		},
	}
	f.add(c, false)
	return c
}

// A reportKind is a report that there is, as the list tells it.
type reportKind struct {
	ID      string            `json:"id"`
	Name    string            `json:"name"`
	Period  reports.Length    `json:"period"`
	Formats []document.Format `json:"formats"`
	About   string            `json:"about"`
}

func kindOf(d *reports.Definition) reportKind {
	return reportKind{d.ID, d.Name, d.Period, d.Formats, d.About}
}

func printKinds(w *sink, p colours, list []reportKind) {
	g := grid{heads: []string{"report", "name", "period", "formats", "about"}, right: make([]bool, 5)}
	for _, k := range list {
		names := make([]string, len(k.Formats))
		for i, f := range k.Formats {
			names[i] = string(f)
		}
		g.rows = append(g.rows, []string{k.ID, printable(k.Name), string(k.Period), strings.Join(names, ","), printable(k.About)})
	}
	g.print(w, p)
}

func reportIssuedCommand() *cobra.Command {
	var f recordsFlags
	var q state.IssuedQuery
	var site string
	c := &cobra.Command{
		Use:   "issued",
		Short: "List reports as they were issued, the last ones first",
		Example: `  veritail report issued
  veritail report issued -report performance -json | jq -r '.[].files[].sha256'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if q.Limit < 1 {
				return userErrorf("-limit wants a number from 1 on")
			}
			if site != "" {
				of := strings.TrimSuffix(site, "this-machine")
				q.Site = &of
			}
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				list, err := db.IssuedReports(cmd.Context(), q)
				if err != nil {
					return err
				}
				if list == nil {
					list = []state.Issued{}
				}
				return f.show(cmd.OutOrStdout(), list, func(w *sink, p colours) { printIssued(w, p, list) })
			})
		},
	}
	f.add(c, false)
	c.Flags().StringVar(&q.Report, "report", "", "only those of this `report`")
	c.Flags().StringVar(&site, "site", "", "only those of this `site`; this-machine: of none")
	c.Flags().IntVar(&q.Limit, "limit", 100, "at most so `many`")
	return c
}

func printIssued(w *sink, p colours, list []state.Issued) {
	if len(list) == 0 {
		w.f("No report was issued yet. veritail report list shows those that can be.\n")
		return
	}
	g := grid{heads: []string{"document", "version", "issued (UTC)", "by", "format", "bytes", "sha256"}, right: []bool{false, true, false, false, false, true, false}}
	for _, i := range list {
		for _, f := range i.Files {
			g.rows = append(g.rows, []string{printable(i.Document), strconv.Itoa(i.Version), i.Made.Format("2006-01-02 15:04"), printable(i.By), f.Format, n(f.Bytes), f.SHA256})
		}
	}
	g.print(w, p)
}

func reportShowCommand() *cobra.Command {
	var config, output, format string
	var version int
	c := &cobra.Command{
		Use:   "show DOCUMENT",
		Short: "Write a report as it was issued",
		Long: `Show writes the bytes of a report that was issued, the last version unless another one
is asked for, after they were found to have the digest that they were issued with.

Exit status: 0 done; 1 a document that there is not; 2 an error of Veritail or its
machine; 3 the bytes are not those that were issued.`,
		Example: `  veritail report show D-2026-11-23 > report.html
  veritail report show P-2026-W48 -version 1 -format pdf -o week.pdf`,
		Args: wants(1, 1, "the id of a DOCUMENT; veritail report issued shows them"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return inRecords(cmd.Context(), config, func(db *state.DB) error {
				data, err := issuedBytes(cmd.Context(), db, args[0], version, format)
				if err != nil {
					return err
				}
				if output == "-" {
					_, err := cmd.OutOrStdout().Write(data)
					return err
				}
				if err := writeFile(output, data); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s written, %s bytes, sha256 %s\n", printable(output), n(int64(len(data))), state.Digest(data))
				return nil
			})
		},
	}
	c.Flags().IntVar(&version, "version", 0, "the `version`; without it, the last one")
	c.Flags().StringVar(&format, "format", "", "the `format`; without it, the first that it was issued in")
	c.Flags().StringVarP(&output, "output", "o", "-", "the `file` to write, - for standard output")
	c.Flags().StringVar(&config, "config", "", "configuration `file` of the daemon")
	return c
}

func reportVerifyCommand() *cobra.Command {
	var f recordsFlags
	c := &cobra.Command{
		Use:   "verify FILE",
		Short: "Say whether a file is a report as it was issued here",
		Long: `Verify computes the SHA-256 of a file, - for standard input, and looks for it among the
reports that were issued. It finds also what a page that checks itself cannot: that all
it carries was replaced.

Exit status: 0 it is as issued; 1 a file that cannot be read; 2 an error of Veritail or
its machine; 3 no report was issued like that.`,
		Example: `  veritail report verify D-2026-11-23.html
  curl -s https://intranet/report.pdf | veritail report verify -`,
		Args: wants(1, 1, "one FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := readWhole(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			digest := state.Digest(data)
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				i, err := db.IssuedWith(cmd.Context(), digest)
				if errors.Is(err, state.ErrNotFound) {
					return integrityError{fmt.Errorf("%s is no report as it was issued here: none has the SHA-256 %s", printable(args[0]), digest)}
				}
				if err != nil {
					return err
				}
				return f.show(cmd.OutOrStdout(), i, func(w *sink, p colours) {
					w.f("%s %s: %s %s, version %d, as issued by %s on %s UTC\n", p.green("✓"), printable(args[0]), i.Name, printable(i.Document), i.Version, printable(i.By), i.Made.Format("2 January 2006, 15:04"))
				})
			})
		},
	}
	f.add(c, false)
	return c
}

// maxReportFile bounds what is read to be verified.
const maxReportFile = 256 << 20

// readWhole reads a file, - for standard input.
func readWhole(stdin io.Reader, path string) ([]byte, error) {
	in := stdin
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, userError{err}
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxReportFile+1))
	if err != nil {
		return nil, userErrorf("read %s: %w", printable(path), err)
	}
	if len(data) > maxReportFile {
		return nil, userErrorf("%s is longer than any report", printable(path))
	}
	return data, nil
}

// issuedBytes returns a document as it was issued, in a format; "" is the first one.
func issuedBytes(ctx context.Context, db *state.DB, id string, version int, format string) ([]byte, error) {
	i, err := db.IssuedReport(ctx, id, version)
	if err != nil {
		return nil, err
	}
	for _, f := range i.Files {
		if format != "" && f.Format != format {
			continue
		}
		data, err := db.IssuedBytes(ctx, f.SHA256)
		if errors.Is(err, state.ErrAltered) {
			return nil, integrityError{err}
		}
		return data, err
	}
	return nil, userErrorf("%s was not issued as %s", printable(id), format)
}

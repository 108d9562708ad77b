package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/reports/issuelog"
	"github.com/saypro/veritail/storage/state"
)

func issueSummaryCommand() *cobra.Command {
	var f recordsFlags
	var last, site string
	var days int
	c := &cobra.Command{
		Use:   "summary",
		Short: "Sum up the log: logged, resolved, open, how long it took, each with its trend",
		Example: `  veritail issue summary
  veritail issue summary -day 2026-11-23 -days 7`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if days < 1 || days > 3660 {
				return userErrorf("-days wants 1 to 3660, not %d", days)
			}
			last, err := dayOf(cmp.Or(last, "today"))
			if err != nil {
				return err
			}
			to := last.AddDate(0, 0, 1)
			from := to.AddDate(0, 0, -days)
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				list, err := issuelog.Trends(cmd.Context(), db, site, from, to)
				if err != nil {
					return err
				}
				return f.show(cmd.OutOrStdout(), list, func(w *sink, p colours) { printTrends(w, p, list, from, to) })
			})
		},
	}
	f.add(c, false)
	c.Flags().StringVar(&last, "day", "", "the last `day` of the period, as 2026-11-24; without it, today")
	c.Flags().IntVar(&days, "days", 1, "how many days the period has")
	c.Flags().StringVar(&site, "site", "", "of this `site`; without it, of this machine")
	return c
}

func issueExportCommand() *cobra.Command {
	var configFile string
	var q issueAsk
	c := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the log as a table: .csv or .xlsx, - for CSV on standard output",
		Example: `  veritail issue export issues.xlsx
  veritail issue export -status resolved -from 2026-11-01 november.csv`,
		Args: wants(1, 1, "one FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := q.query()
			if err != nil {
				return err
			}
			write := issuelog.WriteCSV
			if args[0] != "-" {
				if write, err = tableWriter(args[0]); err != nil {
					return err
				}
			}
			return inRecords(cmd.Context(), configFile, func(db *state.DB) error {
				list, err := db.Issues(cmd.Context(), query)
				if err != nil {
					return err
				}
				for i := range list { // with their comments
					if list[i], err = db.Issue(cmd.Context(), list[i].ID); err != nil {
						return err
					}
				}
				if args[0] == "-" {
					return write(cmd.OutOrStdout(), list)
				}
				var table bytes.Buffer
				if err := write(&table, list); err != nil {
					return err
				}
				if err := writeFile(args[0], table.Bytes()); err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s written to %s.\n", count(len(list), "issue"), args[0])
				return nil
			})
		},
	}
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	q.add(c)
	return c
}

func tableWriter(path string) (func(io.Writer, []state.Issue) error, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
		return issuelog.WriteCSV, nil
	case ".xlsx":
		return issuelog.WriteXLSX, nil
	}
	return nil, notATable(path)
}

func notATable(path string) error {
	return userErrorf("%s: the name of a table ends in .csv or .xlsx", printable(path))
}

func issueImportCommand() *cobra.Command {
	var f recordsFlags
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Take issues from a table, .csv or .xlsx, into the log",
		Long: `Import reads a table with a head that has some of the columns that export writes. A
row whose number the log has changes that issue where it differs, which its history
keeps; every other row becomes an issue, under its number if it has one. Importing
the same table again changes nothing.`,
		Example: `  veritail issue import old-log.xlsx
  veritail issue export issues.csv && $EDITOR issues.csv && veritail issue import issues.csv`,
		Args: wants(1, 1, "one FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			rows, err := readTable(args[0])
			if err != nil {
				return userErrorf("%s: %w", printable(args[0]), err)
			}
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				done, err := issuelog.Import(cmd.Context(), db, rows, f.who())
				if err != nil {
					return fmt.Errorf("%s: %w (%d new and %d changed before it)", printable(args[0]), err, done.New, done.Changed)
				}
				return f.show(cmd.OutOrStdout(), done, func(w *sink, _ colours) {
					w.f("%s new, %d changed, %d as they were.\n", count(done.New, "issue"), done.Changed, done.Same)
				})
			})
		},
	}
	f.add(c, true)
	return c
}

func readTable(path string) (rows []issuelog.Row, err error) {
	read := issuelog.ReadCSV
	switch strings.ToLower(filepath.Ext(path)) {
	case ".csv":
	case ".xlsx":
		read = issuelog.ReadXLSX
	default:
		return nil, errors.New("the name of a table ends in .csv or .xlsx")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return read(f)
}

package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
)

const (
	maxSQLRows   = 100000
	maxStatement = 256 << 10 // bytes; it travels in an address
)

func sqlCommand() *cobra.Command {
	var asJSON, asCSV bool
	var limit int
	var configFile string
	c := &cobra.Command{
		Use:   "sql STATEMENT",
		Short: "Run one SELECT over events, findings, rollups and archives",
		Long: `Sql runs one SELECT of DuckDB's SQL on the embedded store, through the running
daemon or without one by itself. It reads the views events, findings, rollups and
archives, whose columns docs/sql.md lists, and nothing else: no file, no other
table, no setting. - reads the statement from standard input. Fields are columns
in quotation marks: "source.ip".

Exit status: 0 fine, 1 for a statement that is refused, 2 for an error of Veritail
or its store. While a statement takes long, a terminal shows how far it has come;
Ctrl-C ends it.`,
		Example: `  veritail sql 'SELECT "db.namespace", count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC'
  veritail sql -csv 'SELECT rule, count(*) FROM findings GROUP BY ALL' > rules.csv
  veritail sql - < report.sql`,
		Args: wants(1, 1, "one STATEMENT, in quotes, or - for standard input"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if limit < 1 || limit > maxSQLRows {
				return userErrorf("-limit wants a number from 1 to %d", maxSQLRows)
			}
			if asJSON && asCSV {
				return userErrorf("-csv excludes -json")
			}
			statement := args[0]
			if statement == "-" {
				text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), maxStatement+1))
				if err != nil {
					return fmt.Errorf("read the statement: %w", err)
				}
				statement = string(text)
			}
			c, err := dial(configFile)
			if err != nil {
				return err
			}
			ask, a := url.Values{"q": {statement}, "limit": {strconv.Itoa(limit)}}, &selected{}
			bar := newScanning(cmd.ErrOrStderr(), "rows")
			err = c.question(cmd.Context(), "/sql", ask, a, bar.tell, func(ctx context.Context, d *daemon) (err error) {
				a, err = d.sql(ctx, ask)
				return err
			})
			bar.end()
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				err = a.printJSON(&sink{w: cmd.OutOrStdout()})
			case asCSV:
				err = a.printCSV(cmd.OutOrStdout())
			default:
				err = a.print(&sink{w: cmd.OutOrStdout()}, palette(cmd.OutOrStdout()))
			}
			if err != nil {
				return fmt.Errorf("print the rows: %w", err)
			}
			if a.More && (asJSON || asCSV) {
				fmt.Fprintf(cmd.ErrOrStderr(), "veritail: %s rows, there are more: raise -limit\n", n(int64(limit)))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line")
	c.Flags().BoolVar(&asCSV, "csv", false, "print comma-separated values, names first")
	c.Flags().IntVar(&limit, "limit", 1000, "at most this many `rows`")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	return c
}

// selected is the answer to a statement. Values are texts as DuckDB writes them, null for NULL.
type selected struct {
	Columns []embedded.SQLColumn `json:"columns"`
	Rows    [][]*string          `json:"rows"`
	More    bool                 `json:"more,omitempty"`
}

// sql runs ?q= and answers with at most ?limit= rows. An *answerError is of the statement.
func (d *daemon) sql(ctx context.Context, ask url.Values) (*selected, error) {
	limit, err := strconv.Atoi(ask.Get("limit"))
	if err != nil || limit < 1 || limit > maxSQLRows {
		return nil, &answerError{Message: fmt.Sprintf("limit wants a number from 1 to %d", maxSQLRows)}
	}
	statement := ask.Get("q")
	if len(statement) > maxStatement {
		return nil, &answerError{Message: fmt.Sprintf("a statement has at most %d bytes", maxStatement)}
	}
	st, err := d.embedded("sql")
	if err != nil {
		return nil, &answerError{Message: err.Error()}
	}
	a := &selected{Rows: [][]*string{}}
	a.More, err = st.SQL(ctx, access.All(), statement, limit,
		func(columns []embedded.SQLColumn) error { a.Columns = columns; return nil },
		func(row []*string) error { a.Rows = append(a.Rows, row); return nil })
	var wrong *embedded.SQLError
	if errors.As(err, &wrong) {
		return nil, &answerError{Message: wrong.Message}
	}
	return a, err
}

func (a *selected) printJSON(w *sink) error {
	for _, row := range a.Rows {
		var line strings.Builder
		line.WriteByte('{')
		for i, c := range a.Columns {
			if i > 0 {
				line.WriteByte(',')
			}
			name, err := json.Marshal(c.Name)
			if err != nil {
				return err
			}
			value, err := json.Marshal(jsonValue(c, row[i]))
			if err != nil {
				return err
			}
			line.Write(name)
			line.WriteByte(':')
			line.Write(value)
		}
		w.f("%s}\n", line.String())
	}
	return w.err
}

// jsonValue is a value for JSON, in which there are no infinite numbers.
func jsonValue(c embedded.SQLColumn, text *string) any {
	switch {
	case text == nil:
		return nil
	case c.Bool:
		return *text == "true"
	case c.Number && json.Valid([]byte(*text)):
		return json.RawMessage(*text)
	}
	return *text
}

func (a *selected) printCSV(out io.Writer) error {
	w := csv.NewWriter(out)
	head := make([]string, len(a.Columns))
	for i, c := range a.Columns {
		head[i] = csvText(c.Name)
	}
	if err := w.Write(head); err != nil {
		return err
	}
	for _, row := range a.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			switch {
			case v == nil:
			case a.Columns[i].Number:
				cells[i] = *v
			default:
				cells[i] = csvText(*v)
			}
		}
		if err := w.Write(cells); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func (a *selected) print(w *sink, p colours) error {
	t := grid{}
	for _, c := range a.Columns {
		t.heads, t.right = append(t.heads, printable(c.Name)), append(t.right, c.Number)
	}
	for _, row := range a.Rows {
		cells := make([]string, len(row))
		for i, v := range row {
			if cells[i] = "–"; v != nil {
				cells[i] = printable(*v)
			}
		}
		t.rows = append(t.rows, cells)
	}
	t.print(w, p)
	switch {
	case len(a.Rows) == 0:
		w.f("No rows.\n")
	case a.More:
		w.f("%s\n", p.dim(n(int64(len(a.Rows)))+" rows, there are more: raise -limit."))
	}
	return w.err
}

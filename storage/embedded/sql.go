package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// A SQLColumn is a column of the answer to a statement.
type SQLColumn struct {
	Name   string `json:"name"`
	Number bool   `json:"number,omitempty"` // its values are numbers
	Bool   bool   `json:"bool,omitempty"`   // its values are true or false
}

// SQL runs a SELECT of a reader's own over the views that docs/sql.md describes, narrowed to what v sees, and hands over
// at most limit rows as texts, nil for NULL. It reports whether there were more. The statement can read nothing else: no
// other table, no file, no setting; it runs in a transaction that only reads. An error of the statement itself is a
// *SQLError.
func (s *Store) SQL(ctx context.Context, v access.View, statement string, limit int, head func([]SQLColumn) error, row func([]*string) error) (more bool, err error) {
	err = s.read(ctx, func(c *conn) error {
		if err := checkSQL(c, statement); err != nil {
			return err
		}
		views, err := s.sqlViews(ctx, c, v, statement)
		if err != nil {
			return err
		}
		columns, err := describe(c, views, statement)
		if err != nil {
			return err
		}
		if err := head(columns); err != nil {
			return err
		}
		r, err := c.query(fmt.Sprintf("%s SELECT COLUMNS(*)::VARCHAR FROM (%s\n) LIMIT %d", views, statement, limit+1))
		if err != nil {
			return sqlError(err)
		}
		n := 0
		return sqlError(r.each(func(c []cells, i int) error {
			if n++; n > limit {
				more = true
				return nil
			}
			values := make([]*string, len(columns))
			for j := range values {
				if c[j].has(i) {
					text := c[j].str(i)
					values[j] = &text
				}
			}
			return row(values)
		}))
	})
	if err != nil {
		return false, fmt.Errorf("run the statement: %w", err)
	}
	return more, nil
}

// describe returns the columns of a statement without running it.
func describe(c *conn, views, statement string) ([]SQLColumn, error) {
	var stmt duckdb.PreparedStatement
	defer duckdb.DestroyPrepare(&stmt)
	if duckdb.Prepare(c.h, views+" SELECT * FROM ("+statement+"\n)", &stmt) == duckdb.StateError {
		return nil, sqlError(duckError(duckdb.PrepareError(stmt)))
	}
	columns := make([]SQLColumn, duckdb.PreparedStatementColumnCount(stmt))
	for i := range columns {
		n := duckdb.IdxT(i)
		columns[i].Name = duckdb.PreparedStatementColumnName(stmt, n)
		switch duckdb.PreparedStatementColumnType(stmt, n) {
		case duckdb.TypeBoolean:
			columns[i].Bool = true
		case duckdb.TypeTinyInt, duckdb.TypeSmallInt, duckdb.TypeInteger, duckdb.TypeBigInt, duckdb.TypeHugeInt, duckdb.TypeUTinyInt,
			duckdb.TypeUSmallInt, duckdb.TypeUInteger, duckdb.TypeUBigInt, duckdb.TypeUHugeInt, duckdb.TypeFloat, duckdb.TypeDouble, duckdb.TypeDecimal:
			columns[i].Number = true
		}
	}
	return columns, nil
}

// A SQLError is what is wrong with a statement.
type SQLError struct{ Message string }

// Error returns DuckDB's words, or why the statement is refused.
func (e *SQLError) Error() string { return e.Message }

// sqlError makes an error of a statement of the database's, unless the handle is dead or the statement was interrupted.
func sqlError(err error) error {
	if err == nil || strings.Contains(err.Error(), "INTERRUPT") || errors.Is(err, errFatal) {
		return err
	}
	return &SQLError{err.Error()}
}

// SQLViews are the names of what a statement can read.
var SQLViews = []string{"events", "findings", "rollups", "archives"}

// sqlViews writes the WITH that makes the views, narrowed to what v sees. A view holds the fields that the statement
// names, beside those that always have columns, so that SELECT * stays readable.
//
// There are literals in it instead of parameters: DuckDB names the columns of a statement with parameters only when it
// runs.
func (s *Store) sqlViews(ctx context.Context, c *conn, v access.View, statement string) (string, error) {
	a := &args{}
	events, err := s.eventsView(c, a, v, statement)
	if err != nil {
		return "", err
	}
	findings, err := s.findingsView(ctx, a, v)
	if err != nil {
		return "", err
	}
	rollups, err := rollupsView(a, v)
	if err != nil {
		return "", err
	}
	archives := archivesView(v)
	return a.literals("WITH events AS (" + events + "), findings AS (" + findings + "), rollups AS (" + rollups + "), archives AS (" + archives + ")"), nil
}

func (s *Store) eventsView(c *conn, a *args, v access.View, statement string) (string, error) {
	parts, err := partsOf(c, query.Interval{})
	if err != nil {
		return "", err
	}
	from := unionOf(parts)
	if len(parts) == 0 {
		from = noEvents
	}
	cond, err := where(a, v, nil, query.Interval{})
	if err != nil {
		return "", err
	}
	if v.None() {
		cond = "FALSE"
	}
	columns := []string{
		`CASE WHEN hour IS NOT NULL THEN make_timestamp(time) END AS "@timestamp"`,
		`printf('%016x', gen) || '-' || off AS "event.id"`,
	}
	for _, d := range s.schema.Fields() {
		f, known := s.schema.Lookup(d.Name)
		if !known || f == event.FieldTime || f >= event.StoredColumns && !strings.Contains(statement, d.Name) {
			continue
		}
		columns = append(columns, sqlValue(a, f, d)+" AS "+identifier(d.Name))
	}
	columns = append(columns, "fields::JSON AS fields", "extra::JSON AS extra")
	return fmt.Sprintf("SELECT %s FROM (%s) WHERE %s", strings.Join(columns, ", "), from, cond), nil
}

// noEvents has the columns of an event table and no rows.
var noEvents = func() string {
	columns := make([]string, len(eventColumns))
	for i, c := range eventColumns {
		typ, _, _ := strings.Cut(c.typ, " ")
		columns[i] = "NULL::" + typ + " AS " + c.name
	}
	return "SELECT " + strings.Join(columns, ", ") + " WHERE FALSE"
}()

// sqlValue is the expression of a field as people read it: times as timestamps, durations as nanoseconds, addresses as
// texts.
func sqlValue(a *args, f event.Field, d event.FieldDef) string {
	value := valueOf(a, f, d.Kind, d.Name)
	switch {
	case f == event.FieldSourceIP:
		return addressSQL("source_hi", "source_lo")
	case d.Kind == event.Address:
		return "CASE WHEN " + value + " IS NOT NULL THEN " + addressSQL("('0x' || left("+value+", 16))::UBIGINT", "('0x' || right("+value+", 16))::UBIGINT") + " END"
	case d.Kind == event.Time:
		return "make_timestamp(" + value + ")"
	case d.Kind == event.Bool:
		return value + " = 1"
	}
	return value
}

// addressSQL writes an address of two halves as text: an IPv4 one with dots, an IPv6 one with all of its eight groups.
func addressSQL(hi, lo string) string {
	var groups []string
	for _, half := range []string{hi, lo} {
		for shift := 48; shift >= 0; shift -= 16 {
			groups = append(groups, fmt.Sprintf("((%s >> %d) & 65535)", half, shift))
		}
	}
	var bytes []string
	for shift := 24; shift >= 0; shift -= 8 {
		bytes = append(bytes, fmt.Sprintf("((%s >> %d) & 255)", lo, shift))
	}
	return fmt.Sprintf("CASE WHEN %s = 0 AND %s >> 32 = 65535 THEN concat_ws('.', %s) WHEN %[1]s IS NOT NULL THEN printf('%%x:%%x:%%x:%%x:%%x:%%x:%%x:%%x', %[4]s) END",
		hi, lo, strings.Join(bytes, ", "), strings.Join(groups, ", "))
}

func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// seenFindings bounds the findings that a narrowed view's statement reads.
const seenFindings = 10000

func (s *Store) findingsView(ctx context.Context, a *args, v access.View) (string, error) {
	cond := "TRUE"
	switch {
	case v.None():
		cond = "FALSE"
	case v.Filter() != nil:
		seen, err := s.Findings(ctx, v, storage.FindingQuery{Limit: seenFindings})
		if err != nil {
			return "", err
		}
		ids := []string{"NULL"}
		for _, f := range seen {
			ids = append(ids, a.add(f.ID))
		}
		cond = "id IN (" + strings.Join(ids, ", ") + ")"
	}
	return fmt.Sprintf(`SELECT id, make_timestamp(time) AS "@timestamp", rule, severity, site,
		json_extract_string(body, '$.title') AS title, json_extract_string(body, '$.message') AS message,
		(json_extract_string(body, '$.count'))::BIGINT AS events, make_timestamp(json_extract_string(body, '$.first')::BIGINT) AS first,
		make_timestamp(json_extract_string(body, '$.last')::BIGINT) AS last, body::JSON AS body FROM findings WHERE %s`, cond), nil
}

func rollupsView(a *args, v access.View) (string, error) {
	cond := "FALSE"
	if !v.None() && query.Only(v.Filter(), event.FieldDataset, event.FieldSite) {
		var err error
		if cond, err = where(a, v, nil, query.Interval{}); err != nil {
			return "", err
		}
	}
	return `SELECT site, series, dataset, make_timestamp(minute) AS minute, bucket, n, "sum"
		FROM (SELECT * REPLACE (nullif(site, '') AS site, nullif(dataset, '') AS dataset) FROM rollups) WHERE ` + cond, nil
}

// archivesView lists what the stored days lie in: the tables, and the files of sealed days with what was written down of
// them when they were made. Who does not see everything sees none: their sizes tell of all events.
func archivesView(v access.View) string {
	cond := "FALSE"
	if !v.None() && v.Filter() == nil {
		cond = "TRUE"
	}
	return `SELECT s.file AS file, DATE '1970-01-01' + k.day AS day,
		CASE WHEN k.part = 0 THEN 'table' WHEN s.restored IS NOT NULL THEN 'restored' ELSE 'sealed' END AS state,
		k.events AS events, k.lines AS lines, s.bytes AS bytes, s.sha256 AS sha256,
		make_timestamp(s."first") AS first, make_timestamp(s."last") AS last, make_timestamp(coalesce(s.restored, s.sealed)) AS since
		FROM (SELECT day, part, sum(events)::BIGINT AS events, sum(lines)::BIGINT AS lines FROM counts GROUP BY day, part) AS k
		LEFT JOIN sealed AS s ON k.part = s.part WHERE ` + cond + ` ORDER BY k.day, k.part`
}

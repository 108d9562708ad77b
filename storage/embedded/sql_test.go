package embedded

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

// ask runs a statement and returns its rows, values with | between them, the names first.
func ask(t *testing.T, s *Store, v access.View, statement string) (string, error) {
	t.Helper()
	var out strings.Builder
	_, err := s.SQL(t.Context(), v, statement, 100, func(columns []SQLColumn) error {
		for i, c := range columns {
			if i > 0 {
				out.WriteByte('|')
			}
			out.WriteString(c.Name)
		}
		return nil
	}, func(values []*string) error {
		sep := "\n"
		for _, v := range values {
			text := "NULL"
			if v != nil {
				text = *v
			}
			out.WriteString(sep + text)
			sep = "|"
		}
		return nil
	})
	return out.String(), err
}

// sqlStore is a store with two events of data set "test", of which alice's has a field of each kind.
func sqlStore(t *testing.T) *Store {
	t.Helper()
	schema := querytest.Schema()
	s := openTest(t, schema, "")
	at := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	p := &event.Page{Schema: schema, Arena: new(event.Arena), Gen: 0xabc, Data: "test", Path: "/var/log/test"}
	set := func(row int, name string, v any) {
		f, _ := schema.Lookup(name)
		switch v := v.(type) {
		case string:
			p.SetStr(row, f, p.Arena.PutString(v))
		case int:
			p.SetInt(row, f, int64(v))
		case float64:
			p.SetFloat(row, f, v)
		case time.Time:
			p.SetInt(row, f, v.UnixMicro())
		case time.Duration:
			p.SetInt(row, f, int64(v))
		case netip.Addr:
			p.SetIP(row, f, event.IPFrom(v))
		}
	}
	for i, user := range []string{"alice", "bob"} {
		row := p.AddRow(p.Arena.PutString("line of "+user), 1, []event.Span{{Off: int64(i) * 20, Len: 20}})
		set(row, "@timestamp", at.Add(time.Duration(i)*time.Minute))
		set(row, "user.name", user)
		set(row, "source.ip", netip.MustParseAddr("10.1.2.3"))
	}
	set(0, "event.duration", 1500*time.Millisecond)
	set(0, "client.ip", netip.MustParseAddr("2001:db8::1"))
	set(1, "client.ip", netip.MustParseAddr("192.0.2.7"))
	set(0, "system.load", 0.5)
	set(0, "event.end", at)
	set(0, "tls.established", 1)
	set(0, "http.response.bytes", 1<<40)
	set(0, "url.original", `/a'b"c`)
	p.Extra[0] = p.Arena.PutString(`{"shop.order":7}`)
	p.Complete()
	c := batchOf(p)
	c.Findings = []event.Finding{{ID: "f1", Rule: "r", Title: "of alice", Severity: "high", Count: 3, Time: at.UnixMicro(), First: at.UnixMicro(), Last: at.UnixMicro(),
		Evidence: []event.Evidence{{Gen: p.Gen, Time: at.UnixMicro(), Spans: []event.Span{{Off: 0, Len: 20}}}}}}
	c.Rollups = []event.Delta{{Series: "kpi/x", Dataset: "test", Minute: at.UnixMicro(), N: 2, Sum: 5}}
	commit(t, s, c)
	return s
}

func TestSQL(t *testing.T) {
	s := sqlStore(t)
	for statement, want := range map[string]string{
		`SELECT "@timestamp", "event.id", "user.name", "source.ip" FROM events ORDER BY 1`:                                                                                                                    "@timestamp|event.id|user.name|source.ip\n2026-11-24 10:00:00|0000000000000abc-0|alice|10.1.2.3\n2026-11-24 10:01:00|0000000000000abc-20|bob|10.1.2.3",
		`select "client.ip", "event.duration", "system.load", "event.end", "tls.established", "http.response.bytes", "url.original", extra->>'shop.order' AS "order" from events order by "event.id" limit 1`: "client.ip|event.duration|system.load|event.end|tls.established|http.response.bytes|url.original|order\n2001:db8:0:0:0:0:0:1|1500000000|0.5|2026-11-24 10:00:00|true|1099511627776|/a'b\"c|7",
		`SELECT "client.ip" FROM events WHERE "user.name" = 'bob' -- a comment`:                                                                                                                               "client.ip\n192.0.2.7",
		`WITH per AS (SELECT "user.name" AS who, count(*) AS n FROM events GROUP BY 1) SELECT max(n), count(*) FROM per`:                                                                                      "max(n)|count_star()\n1|2",
		`SELECT id, title, severity, events, "first" FROM findings`:                                                                                                                                           "id|title|severity|events|first\nf1|of alice|high|3|2026-11-24 10:00:00",
		`SELECT series, dataset, minute, n, "sum" FROM rollups`:                                                                                                                                               "series|dataset|minute|n|sum\nkpi/x|test|2026-11-24 10:00:00|2|5.0",
		`SELECT * FROM archives`:                                                             "file|day|state|events|lines|bytes|sha256|first|last|since\nNULL|2026-11-24|table|2|2|NULL|NULL|NULL|NULL|NULL",
		`SELECT * FROM range(3) ORDER BY 1 DESC`:                                             "range\n2\n1\n0",
		`SELECT 1 AS a UNION ALL SELECT NULL ORDER BY a NULLS LAST`:                          "a\n1\nNULL",
		`SELECT count(*) FROM events e JOIN findings f ON f.title LIKE '%' || e."user.name"`: "count_star()\n1",
	} {
		if got, err := ask(t, s, access.All(), statement); err != nil || got != want {
			t.Errorf("%s\ngives %s, error %v\nwant  %s", statement, got, err, want)
		}
	}
}

// The archives name each sealed file with the SHA-256 that it has.
func TestSQLListsTheSealedFiles(t *testing.T) {
	l := newSiteLogs(siteStart, siteDays, 22_000)
	s := openTest(t, l.schema, "")
	fill(t, s, l, 20_000)
	got, err := ask(t, s, access.All(), `SELECT file, sha256, bytes, state FROM archives WHERE state <> 'table' ORDER BY day`)
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(got, "\n")[1:]
	if len(rows) != siteDays-hotDays {
		t.Errorf("%d files are listed, want %d:\n%s", len(rows), siteDays-hotDays, got)
	}
	for _, row := range rows {
		cells := strings.Split(row, "|")
		content, err := os.ReadFile(filepath.Join(s.shelf.dir, cells[0]))
		if want := fmt.Sprintf("%x|%d|sealed", sha256.Sum256(content), len(content)); err != nil || strings.Join(cells[1:], "|") != want {
			t.Errorf("the file %s is listed as %s, error %v, want %s", cells[0], row, err, want)
		}
	}
	days, err := ask(t, s, access.All(), `SELECT count(*) AS days, sum(events) AS n, count(file) AS files, min(first) >= DATE '2026-11-20' AS timely FROM archives`)
	if want := "days|n|files|timely\n7|20000|5|true"; err != nil || days != want {
		t.Errorf("the archives hold %s, error %v, want %s", days, err, want)
	}
}

func TestSQLGoesThroughTheView(t *testing.T) {
	s := sqlStore(t)
	bob, err := query.Parse("user.name:bob", s.schema, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	data, err := query.Parse("event.dataset:test", s.schema, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name                                string
		view                                access.View
		events, findings, rollups, archives int
	}{
		{"everything", access.All(), 2, 1, 1, 1},
		{"nothing", access.View{}, 0, 0, 0, 0},
		{"one user's events: not the finding whose evidence is another's, nor figures of all", access.All().Where(bob), 1, 0, 0, 0},
		{"a data set", access.All().Where(data), 2, 1, 1, 0},
	} {
		statement := `SELECT (SELECT count(*) FROM events), (SELECT count(*) FROM findings), (SELECT count(*) FROM rollups), (SELECT count(*) FROM archives)`
		got, err := ask(t, s, tc.view, statement)
		_, got, _ = strings.Cut(got, "\n")
		if want := fmt.Sprintf("%d|%d|%d|%d", tc.events, tc.findings, tc.rollups, tc.archives); err != nil || got != want {
			t.Errorf("%s: sees %s, error %v, want %s", tc.name, got, err, want)
		}
	}
}

// A statement reads no file, no other table and no other database, writes nothing and changes no setting.
func TestSQLCanDoNothingElse(t *testing.T) {
	s := sqlStore(t)
	secret := filepath.Join(t.TempDir(), "secret.csv")
	if err := os.WriteFile(secret, []byte("secret\n1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	day := eventTable(dayOf(time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC).UnixMicro()))
	for _, statement := range []string{
		"", ";", "SELECT", "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE marks", "not SQL",
		"SELECT * FROM read_text('" + secret + "')", "SELECT * FROM read_csv('" + secret + "')", "SELECT * FROM '" + secret + "'",
		"SELECT * FROM glob('/*')", "SELECT * FROM read_parquet('/etc/passwd')", "FROM read_blob('/etc/passwd')",
		"SELECT * FROM sniff_csv('" + secret + "')", "SELECT * FROM events WHERE EXISTS (SELECT 1 FROM read_text('/etc/passwd'))",
		"ATTACH '" + filepath.Join(t.TempDir(), "x.db") + "'", "COPY (SELECT 1) TO '" + secret + "'", "EXPORT DATABASE '/tmp'", "INSTALL httpfs", "LOAD httpfs",
		"INSERT INTO marks SELECT 1", "DELETE FROM " + day, "UPDATE meta SET version = 9", "DROP TABLE meta", "CREATE TABLE x (a INT)", "CREATE TEMP TABLE x AS SELECT 1",
		"WITH x AS (DELETE FROM meta RETURNING *) SELECT * FROM x", "SELECT * INTO x FROM events",
		"SET memory_limit = '1TB'", "PRAGMA database_list", "RESET threads", "CHECKPOINT", "BEGIN", "COMMIT", "CALL pragma_version()", "EXPLAIN SELECT 1", "DESCRIBE events", "SUMMARIZE events", "SHOW TABLES", "PREPARE p AS SELECT 1", "USE memory",
		"SELECT * FROM " + day, "SELECT * FROM marks", "SELECT * FROM main.findings", "SELECT * FROM events.main.marks", `SELECT * FROM "MARKS"`,
		"SELECT * FROM query('SELECT * FROM marks')", "SELECT * FROM query_table('marks')", "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
		"SELECT * FROM duckdb_settings()", "SELECT * FROM duckdb_tables()", "SELECT * FROM pragma_table_info('marks')", "SELECT * FROM information_schema.tables", "SELECT * FROM sqlite_master", "SELECT * FROM pg_catalog.pg_tables",
		"WITH marks AS (SELECT 1) SELECT * FROM marks", "WITH events AS (SELECT 1 AS x) SELECT * FROM events", "WITH " + day + " AS (SELECT 1) SELECT (SELECT 1) FROM " + day,
		"WITH RECURSIVE meta AS (SELECT 1) SELECT 1",
		"SELECT $1", "SELECT ?", "SELECT $name",
		"SELECT 1) UNION ALL (SELECT version FROM meta", "SELECT 1) AS x, marks --", "SELECT 1\n) --", "SELECT 1 /*", "SELECT '\x00' FROM marks",
		"VALUES (1); SELECT * FROM marks", "TABLE marks", "FROM marks", "SELECT (FROM marks)", "SELECT (TABLE meta)", "PIVOT marks ON off", "SELECT * FROM (PIVOT marks ON off)",
		"SELECT * FROM events, LATERAL (SELECT * FROM marks)", "SELECT * FROM events POSITIONAL JOIN marks", "SELECT [x FOR x IN (SELECT off FROM marks)]",
	} {
		got, err := ask(t, s, access.All(), statement)
		var mine *SQLError
		if err == nil || !errors.As(err, &mine) {
			t.Errorf("%s\ngives %.200s, error %v; want a *SQLError", statement, got, err)
		}
	}
	if got, err := ask(t, s, access.All(), "SELECT count(*) FROM events"); err != nil || !strings.HasSuffix(got, "\n2") {
		t.Errorf("afterwards %s, error %v", got, err)
	}
	if r, err := s.Check(t.Context()); err != nil || len(r.Problems) > 0 {
		t.Errorf("check finds %v, error %v", r.Problems, err)
	}
}

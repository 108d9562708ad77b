package embedded

import (
	"fmt"
	"slices"
	"strings"
	"time"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"github.com/saypro/veritail/pipeline/event"
)

// schemaVersion is the layout that this package writes. It is stored; older ones are brought up to it when a store is
// opened (see migrate.go), a newer one is refused.
const schemaVersion = 7

// column is a column of the event tables.
type column struct {
	name string
	typ  string // in SQL
	kind duckdb.Type
}

// The columns of an event table after those of the core fields.
const (
	colTime       = iota // 0 where the event has no time of its own
	colHour              // hours since 1970, missing where the event has no time
	colBucket            // quarter octaves of the duration in ns
	colDataset           //
	colSite              //
	colFormat            //
	colPath              //
	colGen               //
	colOff               // of the first span
	colLen               // of the first span
	colLines             //
	colSpans             // the spans after the first, see packSpans
	colUnparsed          //
	colCut               //
	colOriginal          // event.original
	colFields            // every field without a column, as a JSON object (see fieldsJSON)
	colExtra             // Page.Extra as it was given
	colCore              // the first of the core fields' columns: those of coreColumns, in this order
	colKeptByPage = colCore
)

// coreColumn says where a core field lies in an event table. An address has two columns.
type coreColumn struct {
	field event.Field
	names []string
}

// coreColumns are the core fields with columns of their own, but for the time, which comes first in the table.
var coreColumns = []coreColumn{
	{event.FieldModule, []string{"module"}},
	{event.FieldCategory, []string{"category"}},
	{event.FieldAction, []string{"action"}},
	{event.FieldOutcome, []string{"outcome"}},
	{event.FieldLevel, []string{"level"}},
	{event.FieldHost, []string{"host"}},
	{event.FieldProcess, []string{"process"}},
	{event.FieldPID, []string{"pid"}},
	{event.FieldSourceIP, []string{"source_hi", "source_lo"}},
	{event.FieldUser, []string{"user_name"}},
	{event.FieldMethod, []string{"method"}},
	{event.FieldStatus, []string{"status"}},
	{event.FieldURLPath, []string{"url_path"}},
	{event.FieldDuration, []string{"duration"}},
	{event.FieldNamespace, []string{"namespace"}},
	{event.FieldDBCode, []string{"db_code"}},
	{event.FieldMessage, []string{"message"}},
}

// eventColumns is the layout of an event table; the chunk that is appended has the same.
var eventColumns = makeEventColumns()

func makeEventColumns() []column {
	const text, zstd = "VARCHAR", "VARCHAR USING COMPRESSION zstd"
	cols := []column{
		colTime:     {"time", "BIGINT NOT NULL", duckdb.TypeBigInt},
		colHour:     {"hour", "INTEGER", duckdb.TypeInteger},
		colBucket:   {"duration_bucket", "SMALLINT", duckdb.TypeSmallInt},
		colDataset:  {"dataset", text, duckdb.TypeVarchar},
		colSite:     {"site", text, duckdb.TypeVarchar},
		colFormat:   {"format", text, duckdb.TypeVarchar},
		colPath:     {"path", text, duckdb.TypeVarchar},
		colGen:      {"gen", "UBIGINT NOT NULL", duckdb.TypeUBigInt},
		colOff:      {"off", "BIGINT NOT NULL", duckdb.TypeBigInt},
		colLen:      {"len", "INTEGER NOT NULL", duckdb.TypeInteger},
		colLines:    {"lines", "INTEGER NOT NULL", duckdb.TypeInteger},
		colSpans:    {"spans", "BLOB", duckdb.TypeBlob},
		colUnparsed: {"unparsed", "BOOLEAN NOT NULL", duckdb.TypeBoolean},
		colCut:      {"cut", "BOOLEAN NOT NULL", duckdb.TypeBoolean},
		colOriginal: {"original", zstd, duckdb.TypeVarchar},
		colFields:   {"fields", zstd, duckdb.TypeVarchar},
		colExtra:    {"extra", zstd, duckdb.TypeVarchar},
	}
	for _, c := range coreColumns {
		for _, name := range c.names {
			switch event.CoreFields()[c.field].Kind {
			case event.Keyword:
				cols = append(cols, column{name, text, duckdb.TypeVarchar})
			case event.Text:
				cols = append(cols, column{name, zstd, duckdb.TypeVarchar})
			case event.Address:
				cols = append(cols, column{name, "UBIGINT", duckdb.TypeUBigInt})
			default:
				cols = append(cols, column{name, "BIGINT", duckdb.TypeBigInt})
			}
		}
	}
	return cols
}

// colMessage is the column of the message.
var colMessage = slices.IndexFunc(eventColumns, func(c column) bool { return c.name == "message" })

// selectAll is the list of an event table's columns.
var selectAll = func() string {
	names := make([]string, len(eventColumns))
	for i, c := range eventColumns {
		names[i] = c.name
	}
	return strings.Join(names, ", ")
}()

// createTables makes everything but the event tables, which come one a day.
var createTables = []string{
	`CREATE TABLE meta (version INTEGER NOT NULL, commits BIGINT, rolled BIGINT)`,
	`CREATE TABLE generations (id UBIGINT PRIMARY KEY, host VARCHAR, path VARCHAR, dataset VARCHAR, format VARCHAR,
		site VARCHAR, device UBIGINT, inode UBIGINT, birth BIGINT, head UBIGINT, head_len INTEGER)`,
	`CREATE TABLE marks (gen UBIGINT PRIMARY KEY, off BIGINT, open VARCHAR, lines_read BIGINT, parsed BIGINT,
		unparsed BIGINT, ignored BIGINT, bytes BIGINT, cut BIGINT)`,
	createCounts,
	createSealed,
	`CREATE TABLE expired (gen UBIGINT PRIMARY KEY, events BIGINT, lines BIGINT)`,
	`CREATE TABLE findings (id VARCHAR PRIMARY KEY, time BIGINT, rule VARCHAR, severity VARCHAR, audience VARCHAR,
		site VARCHAR, body VARCHAR USING COMPRESSION zstd)`,
	`CREATE TABLE rollups (site VARCHAR, series VARCHAR, dataset VARCHAR, minute BIGINT, bucket INTEGER, n BIGINT,
		sum DOUBLE, PRIMARY KEY (site, series, dataset, minute, bucket))`,
}

// counts is what each day holds of each generation, so that a store can be compared with itself; expired holds what was
// dropped. Part 0 is the day's table, others are sealed files; written says when (µs) it was added to.
const createCounts = `CREATE TABLE counts (day INTEGER, part INTEGER, gen UBIGINT, events BIGINT, lines BIGINT,
	written BIGINT, PRIMARY KEY (day, part, gen))`

// sealed is the files of days that have ended. layout is that of their columns, first and last are the times of their
// events, sealed is when they were made, all in µs; restored is when one came back from an archive, else NULL. durations
// is how many events have which duration, about; NULL of files that were sealed before layout 6.
const createSealed = `CREATE TABLE sealed (part INTEGER PRIMARY KEY, day INTEGER, file VARCHAR, layout INTEGER, rows BIGINT,
	bytes BIGINT, sha256 VARCHAR, "first" BIGINT, "last" BIGINT, sealed BIGINT, restored BIGINT, durations ` + durationsType + `)`

const (
	microsPerHour = int64(time.Hour / time.Microsecond)
	microsPerDay  = 24 * microsPerHour
)

// firstDay and lastDay bound the days that have a table of their own: times outside lie in the first or the last,
// so that forged timestamps cannot make tables without end.
var (
	firstDay = dayNumber(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	lastDay  = dayNumber(time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
)

func dayNumber(t time.Time) int32 { return int32(t.Unix() / 86400) }

// dayOf returns the day whose table holds events of the time t.
func dayOf(t int64) int32 {
	return int32(min(max(floorDiv(t, microsPerDay), int64(firstDay)), int64(lastDay)))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// eventTable is the name of a day's table.
func eventTable(day int32) string { return "events_" + dayName(day) }

// dayName is a day as it stands in the names of tables and files.
func dayName(day int32) string { return dayTime(day).Format("20060102") }

// dayTime is when a day begins.
func dayTime(day int32) time.Time { return time.Unix(int64(day)*86400, 0).UTC() }

func createEventTable(day int32) string {
	defs := make([]string, len(eventColumns))
	for i, c := range eventColumns {
		defs[i] = c.name + " " + c.typ
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s (%s)", eventTable(day), strings.Join(defs, ", "))
}

package embedded

import (
	"fmt"
	"math"
	"runtime"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/embedded/tokens"
)

// runRows is how many rows of a day make a run. Of each run the store knows the times it covers and a filter of its
// words: a search reads the newest runs first, and of those only the ones that may hold what it looks for.
const runRows = event.PageRows

// run is a row of a table of runs: which rows of the events it covers, and what is known of them.
type run struct {
	first    int64
	n        int32
	from, to int64 // the earliest and the latest time of its events, µs
	words    [tokens.Shards]tokens.Filter
	bare     int32 // events without a message
}

// hotRuns is the table of the runs of a day's table.
func hotRuns(day int32) string { return "runs_" + dayName(day) }

// createRunTable makes a table of runs. A shard of a filter is a column of its own, of bits that nothing compresses. bare is NULL
// in runs that were made before layout 7.
func createRunTable(name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `CREATE TABLE %s ("first" BIGINT NOT NULL, n INTEGER NOT NULL, t_from BIGINT NOT NULL, t_to BIGINT NOT NULL`, name)
	for i := range tokens.Shards {
		fmt.Fprintf(&b, ", %s BLOB USING COMPRESSION uncompressed", shardColumn(i))
	}
	return b.String() + ", " + bareColumn + ")"
}

const bareColumn = "bare INTEGER"

func shardColumn(i int) string { return fmt.Sprint("w", i) }

func shardColumns() []string {
	names := make([]string, tokens.Shards)
	for i := range names {
		names[i] = shardColumn(i)
	}
	return names
}

// runKinds are the columns of a table of runs.
var runKinds = func() []duckdb.Type {
	kinds := []duckdb.Type{duckdb.TypeBigInt, duckdb.TypeInteger, duckdb.TypeBigInt, duckdb.TypeBigInt}
	for range tokens.Shards {
		kinds = append(kinds, duckdb.TypeBlob)
	}
	return append(kinds, duckdb.TypeInteger)
}()

// putRuns appends runs to a table of runs.
func (c *conn) putRuns(table string, runs []run) error {
	types := make([]duckdb.LogicalType, len(runKinds))
	for i, k := range runKinds {
		types[i] = duckdb.CreateLogicalType(k)
		defer duckdb.DestroyLogicalType(&types[i])
	}
	chunk := duckdb.CreateDataChunk(types)
	defer duckdb.DestroyDataChunk(&chunk)
	var app duckdb.Appender
	state := duckdb.AppenderCreateExt(c.h, "", "", table, &app)
	defer duckdb.AppenderDestroy(&app)
	fail := func() error { return fmt.Errorf("append to %s: %w", table, duckError(duckdb.AppenderError(app))) }
	if state == duckdb.StateError {
		return fail()
	}
	for len(runs) > 0 {
		n := min(len(runs), vectorSize)
		var pin runtime.Pinner
		fillRuns(chunk, runs[:n], &pin)
		state := duckdb.AppendDataChunk(app, chunk)
		pin.Unpin() // DuckDB has copied the filters
		if state == duckdb.StateError {
			return fail()
		}
		duckdb.DataChunkReset(chunk)
		runs = runs[n:]
	}
	if duckdb.AppenderFlush(app) == duckdb.StateError {
		return fail()
	}
	return nil
}

func fillRuns(chunk duckdb.DataChunk, runs []run, pin *runtime.Pinner) {
	column := func(i int) vector {
		return vector{data: duckdb.VectorGetData(duckdb.DataChunkGetVector(chunk, duckdb.IdxT(i)))}
	}
	n := len(runs)
	first, rows, from, to := ints[int64](column(0), n), ints[int32](column(1), n), ints[int64](column(2), n), ints[int64](column(3), n)
	bare := ints[int32](column(4+tokens.Shards), n)
	for i, r := range runs {
		first[i], rows[i], from[i], to[i], bare[i] = r.first, r.n, r.from, r.to, r.bare
	}
	for s := range tokens.Shards {
		v := column(4 + s)
		for i, r := range runs {
			if f := r.words[s]; len(f) > inlineLen {
				pin.Pin(&f[0])
			}
			v.put(i, r.words[s])
		}
	}
	duckdb.DataChunkSetSize(chunk, duckdb.IdxT(n))
}

// runMaker makes runs of events that are given to it in the order of their rows. What does not fill a run yet is its
// tail.
type runMaker struct {
	size     int   // rows of a run
	first    int64 // the row at which the tail begins
	n        int
	bare     int
	from, to int64
	words    tokens.Set
	full     []run // not yet stored
}

// next is the row of the event that is added next.
func (m *runMaker) next() int64 { return m.first + int64(m.n) }

// add adds an event of a time whose words have been added.
func (m *runMaker) add(t int64, message bool) {
	if m.n == 0 {
		m.from, m.to = math.MaxInt64, math.MinInt64
	}
	if !message {
		m.bare++
	}
	m.from, m.to = min(m.from, t), max(m.to, t)
	if m.n++; m.n == m.size {
		m.end()
	}
}

// end makes a run of the tail.
func (m *runMaker) end() {
	if m.n == 0 {
		return
	}
	m.full = append(m.full, run{first: m.first, n: int32(m.n), from: m.from, to: m.to, words: m.words.Filters(), bare: int32(m.bare)})
	m.first, m.n, m.bare = m.next(), 0, 0
	m.words.Reset()
}

// page adds the rows from to to of a page.
func (m *runMaker) page(p *event.Page, from, to int) {
	messages := p.Column(event.FieldMessage)
	for i := from; i < to; i++ {
		raw := p.Raw[i]
		m.words.Add(p.Bytes(raw))
		has := messages != nil && messages.Valid.Has(i)
		if has && !wordsWithin(p, raw, messages.Str[i]) {
			m.words.Add(p.Bytes(messages.Str[i]))
		}
		m.add(p.Time(i), has)
	}
}

// wordsWithin reports whether part is a piece of whole that cuts no word of it, so that it has no words of its own.
func wordsWithin(p *event.Page, whole, part event.Str) bool {
	end, wholeEnd := part.Off+part.Len, whole.Off+whole.Len
	if part.Off < whole.Off || end > wholeEnd {
		return false
	}
	text := p.Bytes(part)
	return !(tokens.Begins(text) && tokens.Ends(p.Arena.Buf[whole.Off:part.Off])) &&
		!(tokens.Ends(text) && tokens.Begins(p.Arena.Buf[end:wholeEnd]))
}

// take returns the runs that are full and not yet stored.
func (m *runMaker) take() []run {
	full := m.full
	m.full = nil
	return full
}

// readRows are how many stored rows are made runs of at once: whole row groups of a sealed part.
const readRows = 3 * 20_480

// read adds the stored rows of a part from m.next() on, and hands the runs that become full to put. c must have no
// result open.
func (m *runMaker) read(c *conn, p part, put func([]run) error) error {
	for {
		begin := m.next()
		r, err := c.query(fmt.Sprintf("SELECT %[1]s, time, message, original FROM %[2]s WHERE %[1]s >= $1 AND %[1]s < $2 ORDER BY %[1]s",
			p.row(), p.numbered()), begin, begin+readRows)
		if err != nil {
			return err
		}
		err = r.each(func(c []cells, i int) error {
			if row := c[0].i64(i); row != m.next() {
				return fmt.Errorf("row %d comes where row %d was expected", row, m.next())
			}
			m.words.Add(c[3].bytes(i))
			message := c[2].bytes(i)
			if message != nil {
				m.words.Add(message)
			}
			m.add(c[1].i64(i), message != nil)
			return nil
		})
		if err != nil {
			return err
		}
		if full := m.take(); len(full) > 0 {
			if err := put(full); err != nil {
				return err
			}
		}
		if m.next() == begin {
			return nil
		}
	}
}

// maxTails bounds the days whose tails stay in memory from commit to commit.
const maxTails = 64

// tail returns the runMaker of a day's table. When it is not in memory it is made of the rows that no run covers, which
// has to be before the transaction appends to the day.
func (w *writer) tail(day int32) (*runMaker, error) {
	if m := w.tails[day]; m != nil {
		return m, nil
	}
	m := &runMaker{size: w.runRows}
	if w.hot[day] > 0 {
		err := w.rows(`SELECT coalesce(max("first" + n), 0) FROM `+hotRuns(day), func(c []cells, i int) { m.first = c[0].i64(i) })
		if err == nil {
			err = m.read(w.c, part{day: day}, func(runs []run) error { return w.c.putRuns(hotRuns(day), runs) })
		}
		if err != nil {
			return nil, fmt.Errorf("read the newest rows of %s: %w", eventTable(day), err)
		}
	}
	w.tails[day] = m
	return m, nil
}

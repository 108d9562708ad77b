package embedded

import (
	"fmt"
	"strings"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// stage collects rows for one statement that takes them all: `INSERT … SELECT … FROM rows`, where the columns are
// named c1, c2, …. It is for everything but events.
type stage struct {
	c     *conn
	what  string
	app   duckdb.Appender
	types []duckdb.LogicalType
	kinds []duckdb.Type
	chunk duckdb.DataChunk
	n     int
	err   error
}

// begin prepares the stage for rows of the given types, which sql takes in when end is called.
func (s *stage) begin(c *conn, what, sql string, kinds ...duckdb.Type) {
	*s = stage{c: c, what: what, kinds: kinds}
	names := make([]string, len(kinds))
	for i, k := range kinds {
		s.types = append(s.types, duckdb.CreateLogicalType(k))
		names[i] = fmt.Sprint("c", i+1)
	}
	s.chunk = duckdb.CreateDataChunk(s.types)
	if duckdb.AppenderCreateQuery(c.h, sql, s.types, "rows", names, &s.app) == duckdb.StateError {
		s.fail()
	}
}

func (s *stage) fail() {
	if s.err == nil {
		s.err = duckError(duckdb.AppenderError(s.app))
	}
}

// add appends a row: uint64, int64, int32, float64 or string, as the types say.
func (s *stage) add(values ...any) {
	if s.err != nil {
		return
	}
	for col, value := range values {
		v := duckdb.DataChunkGetVector(s.chunk, duckdb.IdxT(col))
		data := vector{data: duckdb.VectorGetData(v)}
		switch x := value.(type) {
		case uint64:
			ints[uint64](data, vectorSize)[s.n] = x
		case int64:
			ints[int64](data, vectorSize)[s.n] = x
		case int32:
			ints[int32](data, vectorSize)[s.n] = x
		case float64:
			ints[float64](data, vectorSize)[s.n] = x
		case string:
			duckdb.VectorAssignStringElement(v, duckdb.IdxT(s.n), strings.ToValidUTF8(x, "\uFFFD"))
		default:
			s.err = fmt.Errorf("a value of type %T in column %d", value, col+1)
			return
		}
	}
	if s.n++; s.n == vectorSize {
		s.append()
	}
}

func (s *stage) append() {
	duckdb.DataChunkSetSize(s.chunk, duckdb.IdxT(s.n))
	if s.n > 0 && duckdb.AppendDataChunk(s.app, s.chunk) == duckdb.StateError {
		s.fail()
	}
	duckdb.DataChunkReset(s.chunk)
	s.n = 0
}

// end runs the statement over the rows and returns the first error.
func (s *stage) end() error {
	if s.err == nil {
		s.append()
	}
	if s.err == nil && duckdb.AppenderFlush(s.app) == duckdb.StateError {
		s.fail()
	}
	if s.err != nil {
		duckdb.AppenderClear(s.app)
	}
	duckdb.AppenderDestroy(&s.app)
	duckdb.DestroyDataChunk(&s.chunk)
	for i := range s.types {
		duckdb.DestroyLogicalType(&s.types[i])
	}
	if s.err != nil {
		return fmt.Errorf("write %s: %w", s.what, s.err)
	}
	return nil
}

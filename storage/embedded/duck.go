package embedded

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go-bindings"
)

// minLibrary is the oldest DuckDB that keeps every acknowledged row when the disk is full.
var minLibrary = [3]int{1, 5, 6}

// errFatal marks an error after which DuckDB refuses every statement on the same handle: all of it has to be
// closed and opened again.
var errFatal = errors.New("the database handle is dead")

// checkLibrary refuses a DuckDB that is too old; version is "v1.5.6" or "v1.6.0-dev12".
func checkLibrary(version string) error {
	var v [3]int
	if _, err := fmt.Sscanf(version, "v%d.%d.%d", &v[0], &v[1], &v[2]); err != nil {
		return fmt.Errorf("read DuckDB's version %q: %w", version, err)
	}
	for i := range v {
		if v[i] != minLibrary[i] {
			if v[i] < minLibrary[i] {
				return fmt.Errorf("DuckDB %s is too old: versions before 1.5.6 lose acknowledged events on a full disk", version)
			}
			break
		}
	}
	return nil
}

// database is an open DuckDB file.
type database struct {
	h   duckdb.Database
	dir string // of the sealed files
}

// openDatabase opens or creates the file at path with the given options.
func openDatabase(path string, options [][2]string) (*database, error) {
	var cfg duckdb.Config
	if duckdb.CreateConfig(&cfg) == duckdb.StateError {
		return nil, errors.New("create DuckDB's configuration")
	}
	defer duckdb.DestroyConfig(&cfg)
	for _, o := range options {
		if duckdb.SetConfig(cfg, o[0], o[1]) == duckdb.StateError {
			return nil, fmt.Errorf("DuckDB refuses the option %s = %q", o[0], o[1])
		}
	}
	db := new(database)
	var msg string
	if duckdb.OpenExt(path, &db.h, cfg, &msg) == duckdb.StateError {
		duckdb.Close(&db.h)
		return nil, duckError(msg)
	}
	return db, nil
}

func (db *database) close() { duckdb.Close(&db.h) }

// connect returns a new connection. Every one has to be closed before the database is.
func (db *database) connect() (*conn, error) {
	c := &conn{dir: db.dir}
	if duckdb.Connect(db.h, &c.h) == duckdb.StateError {
		return nil, errors.New("connect to the database")
	}
	return c, nil
}

// duckError makes an error of DuckDB's message; it is errFatal where the handle cannot be used again.
func duckError(msg string) error {
	err := errors.New(strings.TrimSpace(msg))
	if strings.Contains(msg, "FATAL") || strings.Contains(msg, "database has been invalidated") {
		return fmt.Errorf("%w: %w", errFatal, err)
	}
	return err
}

// conn is one connection, used by one goroutine at a time.
type conn struct {
	h     duckdb.Connection
	dir   string // of the sealed files
	gauge gauge
}

func (c *conn) close() { duckdb.Disconnect(&c.h) }

// interruptible runs f, which runs statements on c, and interrupts them when ctx ends: again and again, since an
// interrupt between two statements is forgotten.
func (c *conn) interruptible(ctx context.Context, f func() error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	ended, done := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		for {
			duckdb.Interrupt(c.h)
			select {
			case <-ended:
				return
			case <-time.After(interruptEvery):
			}
		}
	})
	err := f()
	close(ended)
	if !stop() {
		<-done // so that the interrupt cannot meet a later statement or a closed connection
		if err != nil {
			err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
	return err
}

// interruptEvery is the time between the interrupts of statements whose context has ended.
const interruptEvery = 20 * time.Millisecond

// exec runs a statement and drops its result.
func (c *conn) exec(sql string, args ...any) error {
	r, err := c.query(sql, args...)
	if err != nil {
		return err
	}
	return r.close()
}

// query runs a statement with bound parameters: bool, int, int32, int64, uint64, float64, string or nil. Its
// result streams, so c can run nothing else until it is closed.
func (c *conn) query(sql string, args ...any) (*result, error) {
	r := new(result)
	if duckdb.Prepare(c.h, sql, &r.stmt) == duckdb.StateError {
		err := duckError(duckdb.PrepareError(r.stmt))
		duckdb.DestroyPrepare(&r.stmt)
		return nil, err
	}
	for i, a := range args {
		if err := bind(r.stmt, i+1, a); err != nil {
			duckdb.DestroyPrepare(&r.stmt)
			return nil, err
		}
	}
	if duckdb.ExecutePreparedStreaming(r.stmt, &r.res) == duckdb.StateError {
		err := duckError(duckdb.ResultError(&r.res))
		r.destroy()
		return nil, err
	}
	return r, nil
}

func bind(stmt duckdb.PreparedStatement, i int, a any) error {
	n := duckdb.IdxT(i)
	state := duckdb.StateError
	switch a := a.(type) {
	case nil:
		state = duckdb.BindNull(stmt, n)
	case bool:
		state = duckdb.BindBoolean(stmt, n, a)
	case int:
		state = duckdb.BindInt64(stmt, n, int64(a))
	case int32:
		state = duckdb.BindInt32(stmt, n, a)
	case int64:
		state = duckdb.BindInt64(stmt, n, a)
	case uint64:
		state = duckdb.BindUInt64(stmt, n, a)
	case float64:
		state = duckdb.BindDouble(stmt, n, a)
	case string:
		a = strings.ToValidUTF8(a, "\uFFFD")
		state = duckdb.BindVarcharLength(stmt, n, a, duckdb.IdxT(len(a)))
	}
	if state == duckdb.StateError {
		return fmt.Errorf("bind parameter %d of type %T", i, a)
	}
	return nil
}

// result is the rows of a query, a chunk at a time.
type result struct {
	stmt  duckdb.PreparedStatement
	res   duckdb.Result
	chunk duckdb.DataChunk
	cols  []cells
	n     int
	err   error
}

// next fetches the next chunk into cols and n, and reports whether there is one. What cols gave before is then
// invalid.
func (r *result) next() bool {
	if r.err != nil {
		return false
	}
	duckdb.DestroyDataChunk(&r.chunk)
	r.chunk = duckdb.FetchChunk(r.res)
	if r.chunk.Ptr == nil {
		if msg := duckdb.ResultError(&r.res); msg != "" {
			r.err = duckError(msg)
		}
		return false
	}
	r.n = int(duckdb.DataChunkGetSize(r.chunk))
	if r.n == 0 {
		return false
	}
	width := int(duckdb.DataChunkGetColumnCount(r.chunk))
	r.cols = r.cols[:0]
	for i := range width {
		v := duckdb.DataChunkGetVector(r.chunk, duckdb.IdxT(i))
		r.cols = append(r.cols, cells{
			data:  duckdb.VectorGetData(v),
			valid: (*[vectorSize / 64]uint64)(duckdb.VectorGetValidity(v)),
		})
	}
	return true
}

// close ends the result and returns the error that ended it early, if any.
func (r *result) close() error {
	r.destroy()
	return r.err
}

func (r *result) destroy() {
	duckdb.DestroyDataChunk(&r.chunk)
	duckdb.DestroyResult(&r.res)
	duckdb.DestroyPrepare(&r.stmt)
}

// each calls f for every row of r, which it closes.
func (r *result) each(f func(cols []cells, i int) error) error {
	for r.next() {
		for i := range r.n {
			if err := f(r.cols, i); err != nil {
				r.destroy()
				return err
			}
		}
	}
	return r.close()
}

// cells are the values of one column of a chunk. The caller knows the column's type.
type cells struct {
	data  unsafe.Pointer
	valid *[vectorSize / 64]uint64 // nil: all are
}

func (c cells) has(i int) bool { return c.valid == nil || c.valid[i>>6]>>(i&63)&1 != 0 }

func at[T any](c cells, i int) T {
	var zero T
	if !c.has(i) {
		return zero
	}
	return *(*T)(unsafe.Add(c.data, uintptr(i)*unsafe.Sizeof(zero)))
}

func (c cells) i64(i int) int64   { return at[int64](c, i) }
func (c cells) i32(i int) int32   { return at[int32](c, i) }
func (c cells) u64(i int) uint64  { return at[uint64](c, i) }
func (c cells) f64(i int) float64 { return at[float64](c, i) }
func (c cells) bool(i int) bool   { return at[uint8](c, i) != 0 }

// bytes returns a string or blob in DuckDB's memory, valid until the next chunk; nil where the value is missing.
func (c cells) bytes(i int) []byte {
	if !c.has(i) {
		return nil
	}
	p := (*duckString)(unsafe.Add(c.data, uintptr(i)*unsafe.Sizeof(duckString{})))
	if p.n <= inlineLen {
		return unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(p), 4)), p.n)
	}
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&p.ptr)), p.n)
}

func (c cells) str(i int) string { return string(c.bytes(i)) }

// vectorSize is the number of rows of a DuckDB vector, and so of a page.
const vectorSize = 2048

// inlineLen is the length up to which DuckDB keeps a string inside its 16 bytes.
const inlineLen = 12

// duckString is DuckDB's string_t: a length, then up to 12 bytes in place, or 4 bytes of prefix and a pointer.
type duckString struct {
	n      uint32
	prefix [4]byte
	ptr    uint64
}

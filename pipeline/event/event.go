// Package event holds the types every stage of Veritail shares: generations, spans, records, marks, pages of
// columns, batches and what is committed with them.
//
// It is a leaf: it imports nothing of the project. The flow is
//
//	source → joiner → parser → rules, kpi → commit
//
// and a Batch is what travels along it. Times are microseconds since 1970 UTC, durations nanoseconds, offsets
// bytes in the uncompressed bytes of a generation.
package event

import "fmt"

// A GenID names a generation: one life of one file. Paths and inodes are reused, a GenID never is.
type GenID uint64

// String returns the id as 16 hexadecimal digits, the form in which it is printed and stored in evidence.
func (g GenID) String() string { return fmt.Sprintf("%016x", uint64(g)) }

// A Generation is one life of one file, from its creation until it is removed or rewritten. Renaming it (rotation)
// does not end it.
type Generation struct {
	ID      GenID
	Host    string // name of the machine the file lies on
	Path    string // where it was seen last
	Dataset string // the data set its events belong to
	Format  string // the format its lines were parsed with; empty while undecided
	Site    string // the site it is counted under; empty for this machine
	Device  uint64
	Inode   uint64
	Birth   int64  // when it was first seen, µs
	Head    uint64 // xxhash64 of its first HeadLen bytes: tells a reused inode from the same file
	HeadLen int32
}

// A Span is a run of bytes of a generation.
type Span struct {
	Off int64 `json:"offset"`
	Len int32 `json:"length"`
}

// End returns the offset of the first byte after the span.
func (s Span) End() int64 { return s.Off + int64(s.Len) }

// A Record is one event's text before it is parsed: one line, or several lines of a generation that belong
// together, not necessarily adjacent. Its id is (Gen, Spans[0].Off).
type Record struct {
	Gen   GenID
	Spans []Span
	Lines int32
	Raw   []byte // the lines without their last line ending, joined by '\n'; valid until the decoder is called again
	Cut   bool   // it passed a bound in lines, bytes or time, and its tail is missing
}

// Account balances what was read of a generation, in physical lines and in bytes (line endings included):
// Read = Parsed + Unparsed + Ignored + the lines of records still open.
type Account struct {
	Read     int64 `json:"read"`
	Parsed   int64 `json:"parsed"`
	Unparsed int64 `json:"unparsed"`
	Ignored  int64 `json:"ignored"`
	Bytes    int64 `json:"bytes"` // bytes read
	Cut      int64 `json:"cut"`   // records that passed a bound
}

// Add adds b to a.
func (a *Account) Add(b Account) {
	a.Read += b.Read
	a.Parsed += b.Parsed
	a.Unparsed += b.Unparsed
	a.Ignored += b.Ignored
	a.Bytes += b.Bytes
	a.Cut += b.Cut
}

// Balanced reports whether every line read is accounted for, when no record is open.
func (a Account) Balanced() bool { return a.Read == a.Parsed+a.Unparsed+a.Ignored }

// A Mark is a checkpoint: reading of Gen stands at Off, and the records of Open (below Off) are not complete yet.
// A restart reads exactly the spans of Open again and goes on at Off. Lines counts what became of everything
// before Off except the open spans. One of them may be a line that is counted already and that later lines are read
// with: the one that names their columns.
type Mark struct {
	Gen   GenID   `json:"gen"`
	Off   int64   `json:"offset"`
	Open  []Span  `json:"open,omitempty"`
	Lines Account `json:"lines"`

	// Low is a time (µs) before which no later event of the generation will lie; math.MaxInt64 once it is read to its
	// end. It orders events across files and is not stored.
	Low int64 `json:"-"`
}

// Breach says how the mark's accounts do not add up, "" if they do. In lines, what was read is parsed, unparsed or ignored; in bytes,
// it is everything before Off but the open records. An open span may be counted already, as Open says.
func (m *Mark) Breach() string {
	open := int64(0)
	for _, s := range m.Open {
		open += int64(s.Len)
	}
	switch l := m.Lines; {
	case !l.Balanced():
		return fmt.Sprintf("%d lines were read, but %d parsed, %d unparsed and %d ignored", l.Read, l.Parsed, l.Unparsed, l.Ignored)
	case l.Bytes > m.Off || l.Bytes+open < m.Off:
		return fmt.Sprintf("reading stands at byte %d, but lines of %d bytes were read and %d bytes are of open records", m.Off, l.Bytes, open)
	}
	return ""
}

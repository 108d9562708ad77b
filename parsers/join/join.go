// Package join puts the lines of a record together: lines that follow each other, and lines of several sessions that
// interleave in one file.
//
// It stands between source and parser. It knows lines, keys and bounds, and nothing of formats: the decoder decides
// which line begins a record, which joins one, and which continues the line before.
package join

import (
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// maxOpen bounds the records that may be open at once; the one that waits longest is ended first.
const maxOpen = 4096

// maxHeld bounds the bytes of the file that a record which has passed its bounds still takes: a restart reads the lines of
// open records again.
const maxHeld = 64 << 20

// keepEnded is how many ended records may wait beyond the number of open ones until their memory is used again: the fewer,
// the more of it stays in the processor's cache.
const keepEnded = 32

// A Line is a line of a record that is more than a continuation: the one that began it, or one that joined it.
type Line[T any] struct {
	Info      T   // what the decoder remembers of it; the memory of an ended record's is used again
	From, End int // the line is Raw[From:End]
	To        int // Raw[End:To] are the lines that continue it, each behind a '\n'
}

// A Record is a record while its lines arrive.
type Record[T any] struct {
	Key   string
	Raw   []byte // the lines joined by '\n'
	Spans []event.Span
	Lines int32
	Bytes int64     // of the lines in the file, line endings included
	Cut   bool      // it passed a bound; from there on lines are counted in Lines and Spans but not kept in Raw
	Parts []Line[T] // the line that began it, then those that joined it
	First int64     // log time of its first line, µs
	Last  int64     // log time of its last line that had one, µs
	Seen  time.Time // when its last line was read

	slot *slot[T] // leads to it; without one only continuation lines may join it, and it ends with the next line that is none
}

// A slot is a key and the open record of that key, if there is one. Keys come again: a slot is kept for the next record.
type slot[T any] struct {
	key  string
	open *Record[T]
}

// A Joiner holds the open records of one generation. It is used by one goroutine.
type Joiner[T any] struct {
	maxLines int32
	maxBytes int
	done     func(*Record[T])
	slots    map[string]*slot[T]
	live     int          // number of open records
	order    []*Record[T] // in the order in which they began; may hold ended ones (Lines is 0)
	last     *Record[T]   // the record of the line before, if it is open
	ended    []*Record[T] // records that order may still hold
	free     []*Record[T]
	expired  int64 // the time up to which Expire has looked
}

// New returns a joiner that calls done with each record that has ended. The record may be used until done returns.
func New[T any](maxLines, maxBytes int, done func(*Record[T])) *Joiner[T] {
	return &Joiner[T]{maxLines: int32(maxLines), maxBytes: maxBytes, done: done, slots: map[string]*slot[T]{}}
}

// Start begins a record; an open one of the same key ends. It returns what is kept of the line, valid until the next
// call.
func (j *Joiner[T]) Start(key []byte, line []byte, span event.Span, t int64, now time.Time) *Line[T] {
	s := j.slots[string(key)]
	switch {
	case s == nil:
		s = j.newSlot(string(key))
	case s.open != nil:
		j.end(s.open)
	}
	r := j.begin(line, span, t, now)
	r.Key, r.slot, s.open = s.key, s, r
	return &r.Parts[0]
}

// newSlot adds a slot. Those without a record go when there are too many.
func (j *Joiner[T]) newSlot(key string) *slot[T] {
	if len(j.slots) >= 2*maxOpen {
		for k, s := range j.slots {
			if s.open == nil {
				delete(j.slots, k)
			}
		}
	}
	s := &slot[T]{key: key}
	j.slots[key] = s
	return s
}

// Single begins a record that no key leads to: it takes the lines that continue it and ends with the next other one.
func (j *Joiner[T]) Single(line []byte, span event.Span, t int64, now time.Time) *Line[T] {
	return &j.begin(line, span, t, now).Parts[0]
}

// begin adds a record with its first line.
func (j *Joiner[T]) begin(line []byte, span event.Span, t int64, now time.Time) *Record[T] {
	if j.live >= maxOpen || len(j.ended) > j.live+keepEnded {
		j.compact()
	}
	if j.live >= maxOpen {
		j.end(j.order[0])
	}
	r := j.take()
	r.First = t
	j.live++
	j.order = append(j.order, r)
	j.add(r, line, span, t, now)
	r.part(0)
	return r
}

// Attach adds a line to the open record of key. It reports false where no record of the key is open, and returns nil
// where the record has passed a bound and does not keep the line.
func (j *Joiner[T]) Attach(key []byte, line []byte, span event.Span, t int64, now time.Time) (*Line[T], bool) {
	s := j.slots[string(key)]
	if s == nil || s.open == nil {
		return nil, false
	}
	r := s.open
	if r.Cut && r.Bytes >= maxHeld {
		j.end(r)
		return nil, false
	}
	at := len(r.Raw) + 1
	j.add(r, line, span, t, now)
	if r.Cut {
		return nil, true
	}
	return r.part(at), true
}

// Record returns the open record of key, nil where there is none. It is valid until the next call.
func (j *Joiner[T]) Record(key []byte) *Record[T] {
	if s := j.slots[string(key)]; s != nil {
		return s.open
	}
	return nil
}

// End ends the open record of key, if there is one.
func (j *Joiner[T]) End(key []byte) {
	if r := j.Record(key); r != nil {
		j.end(r)
	}
}

// part adds the line that begins at from and ends Raw.
func (r *Record[T]) part(from int) *Line[T] {
	n := len(r.Parts)
	if n < cap(r.Parts) {
		r.Parts = r.Parts[:n+1]
	} else {
		r.Parts = append(r.Parts, Line[T]{})
	}
	l := &r.Parts[n]
	l.From, l.End, l.To = from, len(r.Raw), len(r.Raw)
	return l
}

// Seal makes the record of the line before one that no key leads to any more; see Single.
func (j *Joiner[T]) Seal() {
	if r := j.last; r != nil && r.slot != nil {
		r.slot.open, r.slot = nil, nil
	}
}

// Continues reports whether the record of the line before is open, so that a line may continue it.
func (j *Joiner[T]) Continues() bool { return j.last != nil }

// Parts returns the parts of the record of the line before, nil where none is open. They are valid until the next call.
func (j *Joiner[T]) Parts() []Line[T] {
	if j.last == nil {
		return nil
	}
	return j.last.Parts
}

// Full reports whether the record of the line before is open and has as many lines as it may keep.
func (j *Joiner[T]) Full() bool { return j.last != nil && (j.last.Cut || j.last.Lines >= j.maxLines) }

// Cut ends the record of the line before as one that has passed a bound; no key may lead to it.
func (j *Joiner[T]) Cut() {
	j.last.Cut = true
	j.Forget()
}

// Continue adds a line to the record of the line before. It reports false where that record is not open.
func (j *Joiner[T]) Continue(line []byte, span event.Span, now time.Time) bool {
	r := j.last
	if r == nil {
		return false
	}
	if r.Cut && r.Bytes >= maxHeld {
		j.end(r)
		return false
	}
	j.add(r, line, span, r.Last, now)
	r.Parts[len(r.Parts)-1].To = len(r.Raw)
	return true
}

// add appends a line to r, within the bounds. The first line is kept whatever its length: its captures point into it.
func (j *Joiner[T]) add(r *Record[T], line []byte, span event.Span, t int64, now time.Time) {
	if j.last != r {
		j.Forget()
		j.last = r
	}
	r.Lines++
	r.Bytes += int64(span.Len)
	r.Last, r.Seen = max(r.Last, t), now
	if n := len(r.Spans); n > 0 && r.Spans[n-1].End() == span.Off && int64(r.Spans[n-1].Len)+int64(span.Len) < 1<<30 {
		r.Spans[n-1].Len += span.Len
	} else {
		r.Spans = append(r.Spans, span)
	}
	if r.Lines > 1 && (r.Cut || r.Lines > j.maxLines || len(r.Raw)+len(line) >= j.maxBytes) {
		r.Cut = true
		return
	}
	if r.Lines > 1 {
		r.Raw = append(r.Raw, '\n')
	}
	r.Raw = append(r.Raw, line...)
}

// Forget makes the next continuation line belong to no record: a line that is none of this joiner's came between.
func (j *Joiner[T]) Forget() {
	r := j.last
	j.last = nil
	if r != nil && r.slot == nil {
		j.end(r)
	}
}

// Abandon drops all open records as if their lines had never come.
func (j *Joiner[T]) Abandon() {
	clear(j.slots)
	j.order, j.ended, j.last, j.live = nil, nil, nil, 0
}

// Expire ends the records whose last line is older than before, by the log's time. It looks once in every quarter of a
// second of that time, so that it may be called for every line.
func (j *Joiner[T]) Expire(before int64) {
	before -= before % 250_000
	if before <= j.expired {
		return
	}
	j.expired = before
	j.expire(func(r *Record[T]) bool { return r.Last < before })
}

// ExpireSeen ends the records whose last line was read before t.
func (j *Joiner[T]) ExpireSeen(t time.Time) {
	j.expire(func(r *Record[T]) bool { return r.Seen.Before(t) })
}

// Pause ends the record of the line before if its last line was read before t and only lines that continue it may join it.
func (j *Joiner[T]) Pause(t time.Time) {
	if r := j.last; r != nil && r.slot == nil && r.Seen.Before(t) {
		j.end(r)
	}
}

// Drain ends all records.
func (j *Joiner[T]) Drain() { j.expire(func(*Record[T]) bool { return true }) }

// expire ends the records of which old says so, in the order in which they began.
func (j *Joiner[T]) expire(old func(*Record[T]) bool) {
	if j.live == 0 {
		return
	}
	j.compact()
	for _, r := range j.order {
		if r.Lines > 0 && old(r) {
			j.end(r)
		}
	}
	j.compact()
}

// compact drops ended records from the order.
func (j *Joiner[T]) compact() {
	kept := j.order[:0]
	for _, r := range j.order {
		if r.Lines > 0 {
			kept = append(kept, r)
		}
	}
	clear(j.order[len(kept):])
	j.order = kept
	j.free = append(j.free, j.ended...)
	j.ended = j.ended[:0]
}

func (j *Joiner[T]) end(r *Record[T]) {
	if r.slot != nil {
		r.slot.open = nil
	}
	if j.last == r {
		j.last = nil
	}
	j.live--
	j.done(r)
	r.Lines = 0
	j.ended = append(j.ended, r)
}

func (j *Joiner[T]) take() *Record[T] {
	n := len(j.free)
	if n == 0 {
		return &Record[T]{}
	}
	r := j.free[n-1]
	j.free = j.free[:n-1]
	*r = Record[T]{Raw: r.Raw[:0], Spans: r.Spans[:0], Parts: r.Parts[:0]}
	return r
}

// Len returns the number of open records.
func (j *Joiner[T]) Len() int { return j.live }

// Open calls f with every open record.
func (j *Joiner[T]) Open(f func(*Record[T])) {
	for _, r := range j.order {
		if r.Lines > 0 {
			f(r)
		}
	}
}

package join_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/parsers/join"
	"github.com/saypro/veritail/pipeline/event"
)

// A script drives a joiner with lines as if they stood in a file one after the other.
type script struct {
	j    *join.Joiner[int]
	off  int64
	done []string
}

func newScript(lines, bytes int) *script {
	s := &script{}
	s.j = join.New(lines, bytes, func(r *join.Record[int]) {
		text := fmt.Sprintf("%s %q lines=%d spans=%v", r.Key, r.Raw, r.Lines, r.Spans)
		for _, p := range r.Parts[1:] {
			text += fmt.Sprintf(" %d=%q", p.Info, r.Raw[p.From:p.To])
		}
		if r.Cut {
			text += " cut"
		}
		s.done = append(s.done, text)
	})
	return s
}

func (s *script) span(line string) event.Span {
	sp := event.Span{Off: s.off, Len: int32(len(line) + 1)}
	s.off = sp.End()
	return sp
}

func (s *script) start(key, line string, t int64) {
	s.j.Start([]byte(key), []byte(line), s.span(line), t, time.Unix(t, 0))
}

func (s *script) attach(key, line string, t int64) bool {
	l, ok := s.j.Attach([]byte(key), []byte(line), s.span(line), t, time.Unix(t, 0))
	if l != nil {
		l.Info = 7
	}
	return ok
}

func (s *script) cont(line string) bool {
	return s.j.Continue([]byte(line), s.span(line), time.Unix(0, 0))
}

func (s *script) want(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.done, want) {
		t.Errorf("ended\n%s\nwant\n%s", strings.Join(s.done, "\n"), strings.Join(want, "\n"))
	}
}

func TestInterleavedRecordsAreKeptApart(t *testing.T) {
	s := newScript(100, 1000)
	s.start("a", "A1", 1)
	s.start("b", "B1", 1)
	s.attach("a", "A: two", 1)
	s.cont("\tmore")
	s.attach("b", "B: three", 1)
	s.start("a", "A9", 1)
	s.want(t, `a "A1\nA: two\n\tmore" lines=3 spans=[{0 3} {6 13}] 7="A: two\n\tmore"`)
	s.j.Drain()
	s.want(t, s.done[0], `b "B1\nB: three" lines=2 spans=[{3 3} {19 9}] 7="B: three"`, `a "A9" lines=1 spans=[{28 3}]`)
	if s.j.Len() != 0 {
		t.Errorf("%d are open", s.j.Len())
	}
}

func TestALineWithoutItsRecordIsRefused(t *testing.T) {
	s := newScript(100, 1000)
	if s.cont("\tx") || s.attach("a", "A: x", 1) {
		t.Error("a line joined nothing")
	}
	s.start("a", "A1", 1)
	s.j.Forget()
	if s.cont("\tx") {
		t.Error("a line continued a record although another came between")
	}
	if !s.attach("a", "A: x", 1) || !s.cont("\ty") {
		t.Error("the record is open")
	}
}

func TestTheOpenRecordOfAKeyCanBeLookedAtAndEnded(t *testing.T) {
	s := newScript(10, 1000)
	s.start("a", "one", 1)
	s.attach("a", "two", 1)
	if r := s.j.Record([]byte("a")); r == nil || len(r.Parts) != 2 {
		t.Errorf("the record of a is %+v", r)
	}
	if s.j.Record([]byte("b")) != nil {
		t.Error("b has a record")
	}
	s.j.End([]byte("b"))
	s.j.End([]byte("a"))
	if s.j.Record([]byte("a")) != nil || s.attach("a", "three", 1) || s.j.Continues() {
		t.Error("the record of a goes on")
	}
	s.want(t, `a "one\ntwo" lines=2 spans=[{0 8}] 7="two"`)
}

func TestARecordWithoutAKeyTakesWhatContinuesIt(t *testing.T) {
	s := newScript(100, 1000)
	s.start("a", "A1", 1)
	s.j.Single([]byte("alone"), s.span("alone"), 1, time.Unix(1, 0))
	s.cont("\tmore")
	s.want(t)
	s.attach("a", "A: two", 1)
	s.want(t, ` "alone\n\tmore" lines=2 spans=[{3 12}]`)
	s.j.Seal()
	s.cont("\tlast")
	if s.attach("a", "A: three", 1) {
		t.Error("a line joined a record that its last line had closed")
	}
	s.j.Forget()
	s.want(t, s.done[0], `a "A1\nA: two\n\tlast" lines=3 spans=[{0 3} {15 13}] 7="A: two\n\tlast"`)
	if s.j.Len() != 0 || s.cont("\tx") {
		t.Error("something is open")
	}
}

func TestRecordsEndInTheOrderInWhichTheyBegan(t *testing.T) {
	s := newScript(100, 1000)
	s.start("b", "B", 10_000_000)
	s.start("a", "A", 10_000_001)
	s.start("c", "C", 20_000_000)
	s.j.Expire(10_250_000)
	s.want(t, `b "B" lines=1 spans=[{0 2}]`, `a "A" lines=1 spans=[{2 2}]`)
}

func TestExpiryLooksOnceInAQuarterOfASecond(t *testing.T) {
	s := newScript(100, 1000)
	s.start("a", "A", 1_000_000)
	s.j.Expire(1_249_999)
	s.want(t)
	s.j.Expire(1_250_000)
	s.want(t, `a "A" lines=1 spans=[{0 2}]`)
}

func TestExpiryByTheClock(t *testing.T) {
	s := newScript(100, 1000)
	s.start("a", "A", 1)
	s.start("b", "B", 5)
	s.j.ExpireSeen(time.Unix(5, 0))
	s.want(t, `a "A" lines=1 spans=[{0 2}]`)
}

func TestBoundsCutTheTail(t *testing.T) {
	s := newScript(3, 1000)
	s.start("a", "A", 1)
	for range 4 {
		s.cont("\tx")
	}
	s.j.Drain()
	s.want(t, `a "A\n\tx\n\tx" lines=5 spans=[{0 14}] cut`)

	s = newScript(100, 8)
	s.start("a", "0123456789", 1)
	s.cont("\tx")
	s.start("b", "B", 1)
	s.cont("\t" + strings.Repeat("x", 9))
	s.cont("\ty")
	s.j.Drain()
	s.want(t, `a "0123456789" lines=2 spans=[{0 14}] cut`, `b "B" lines=3 spans=[{14 16}] cut`)
}

func TestARecordThatGoesOnForeverEnds(t *testing.T) {
	s := newScript(2, 1000)
	s.start("a", "A", 1)
	for range 2 {
		if !s.j.Continue([]byte("x"), event.Span{Off: s.off, Len: 32 << 20}, time.Unix(1, 0)) {
			t.Fatal("it ended early")
		}
		s.off += 32 << 20
	}
	if s.cont("x") || s.attach("a", "x", 1) || s.j.Len() != 0 {
		t.Error("it is open")
	}
}

func TestAbandonedRecordsLeaveNothing(t *testing.T) {
	s := newScript(100, 1000)
	s.start("a", "A", 1)
	s.j.Abandon()
	if s.j.Len() != 0 || s.cont("\tx") {
		t.Error("something is left")
	}
	s.start("a", "A2", 1)
	s.j.Drain()
	s.want(t, `a "A2" lines=1 spans=[{5 3}]`)
}

func TestMemoryIsUsedAgain(t *testing.T) {
	s := newScript(100, 1000)
	s.j = join.New(100, 1000, func(*join.Record[int]) {})
	line := []byte("2026 a long enough line to need some memory")
	step := func() {
		s.off++
		key := []byte{'a' + byte(s.off%8)}
		s.j.Start(key, line, event.Span{Off: s.off, Len: 1}, s.off*300_000, time.Time{})
		s.j.Expire(s.off*300_000 - 500_000)
	}
	for range 100 {
		step()
	}
	if n := testing.AllocsPerRun(1000, step); n > 2 { // the key of the record and of the map
		t.Errorf("%v allocations a record", n)
	}
}

// FuzzJoiner: whatever comes in whatever order, every line ends in exactly one record, in its order, and nothing stays
// open.
func FuzzJoiner(f *testing.F) {
	f.Add([]byte("sabacfcxdsaecs"))
	f.Add([]byte("iacccsbkbcsbaaaaaaaaaaab"))
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Fuzz(func(t *testing.T, ops []byte) {
		var off, ended int64
		covered := map[int64]int{}
		j := join.New(4, 40, func(r *join.Record[int]) {
			lines, bytes, last := int32(0), int64(0), int64(-1)
			for _, sp := range r.Spans {
				if sp.Off <= last {
					t.Fatalf("spans out of order: %v", r.Spans)
				}
				last = sp.End() - 1
				for o := sp.Off; o < sp.End(); o += 10 {
					covered[o]++
					lines++
				}
				bytes += int64(sp.Len)
			}
			if lines != r.Lines || bytes != r.Bytes {
				t.Fatalf("%d lines, %d bytes in spans; the record says %d, %d", lines, bytes, r.Lines, r.Bytes)
			}
			if kept := int32(strings.Count(string(r.Raw), "\n")) + 1; kept > r.Lines || kept < r.Lines && !r.Cut || kept > 4 {
				t.Fatalf("%d lines kept of %d, cut: %v", kept, r.Lines, r.Cut)
			}
			at := 0
			for _, p := range r.Parts {
				if p.From < at || p.End < p.From || p.To < p.End || p.To > len(r.Raw) {
					t.Fatalf("parts %+v of %d bytes", r.Parts, len(r.Raw))
				}
				at = p.To
			}
			ended += int64(r.Lines)
		})
		line := []byte("123456789")
		for i, op := range ops {
			sp, key, now := event.Span{Off: off, Len: 10}, []byte{'a' + op>>4&3}, time.Unix(int64(i), 0)
			at := int64(i) * 100_000
			took := true
			switch op & 15 {
			case 0, 1, 2:
				j.Start(key, line, sp, at, now)
			case 3, 4, 5:
				_, took = j.Attach(key, line, sp, at, now)
			case 6, 7, 8:
				took = j.Continue(line, sp, now)
			case 9, 10:
				j.Single(line, sp, at, now)
			default:
				took = false
				switch op & 15 {
				case 11:
					j.Forget()
				case 12:
					j.Seal()
				case 13:
					j.Expire(at - 1_000_000)
				case 14:
					j.ExpireSeen(now.Add(-5 * time.Second))
				}
			}
			if took {
				off += 10
			}
			open := int64(0)
			j.Open(func(r *join.Record[int]) { open += int64(r.Lines) })
			if open+ended != off/10 {
				t.Fatalf("after %d: %d lines open, %d ended, of %d", i, open, ended, off/10)
			}
		}
		j.Drain()
		if j.Len() != 0 || ended != off/10 {
			t.Fatalf("%d records are open, %d lines of %d ended", j.Len(), ended, off/10)
		}
		for o, n := range covered {
			if n != 1 {
				t.Fatalf("the line at %d is in %d records", o, n)
			}
		}
	})
}

// BenchmarkJoiner puts records of four lines together, of eight sessions that interleave.
func BenchmarkJoiner(b *testing.B) {
	j := join.New(1000, 1<<20, func(*join.Record[int]) {})
	line := []byte(strings.Repeat("a line of a record of several lines ", 3))
	off := int64(0)
	step := func(key byte, add func(key []byte, sp event.Span)) {
		add([]byte{key}, event.Span{Off: off, Len: int32(len(line))})
		off += int64(len(line))
	}
	b.SetBytes(int64(4 * 8 * len(line)))
	b.ReportAllocs()
	for b.Loop() {
		for key := range byte(8) {
			step(key, func(key []byte, sp event.Span) { j.Start(key, line, sp, off, time.Time{}) })
		}
		for range 2 {
			for key := range byte(8) {
				step(key, func(key []byte, sp event.Span) { j.Attach(key, line, sp, off, time.Time{}) })
			}
		}
		for key := range byte(8) {
			step(key, func(_ []byte, sp event.Span) { j.Continue(line, sp, time.Time{}) })
		}
	}
}

// A record that only continuing lines may join ends when its file pauses; one that a key leads to does not.
func TestPause(t *testing.T) {
	s := newScript(10, 1000)
	s.start("a", "begun", 1)
	s.j.Single([]byte("alone"), s.span("alone"), 1, time.Unix(1, 0))
	s.j.Pause(time.Unix(1, 0))
	s.want(t)
	s.j.Pause(time.Unix(1, 1))
	s.want(t, ` "alone" lines=1 spans=[{6 6}]`)
	if s.cont("\tlate") {
		t.Error("a line continues a record that has ended")
	}
	s.j.Start([]byte("b"), []byte("open"), s.span("open"), 2, time.Unix(2, 0))
	s.j.Pause(time.Unix(9, 0))
	if s.j.Len() != 2 {
		t.Errorf("%d records are open, want the two that keys lead to", s.j.Len())
	}
}

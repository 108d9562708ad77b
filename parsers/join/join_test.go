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

package rules

import (
	"slices"
	"time"
)

// sequences judge whether events come in an order.
type sequences struct {
	rule   *compiled
	within int64
	need   int    // so many events make the sequence
	unless uint32 // the bit of hit.parts that cancels; 0: none
	groups recent[sequence]
	room   []int  // for the numbers of a chain's members
	made   []*hit // for a chain
}

// A sequence is what one group has had of the steps, by time; members beyond its end serve again.
type sequence struct {
	members members
	marks   []mark          // of the members
	have    [maxSteps]int32 // how many members meet each step
}

// A mark is what a chain looks at of a member.
type mark struct {
	time  int64
	parts uint32
}

// maxStepCount bounds the events of a step.
const maxStepCount = 1000

func newSequences(r *compiled) *sequences {
	s := &sequences{rule: r, within: micros(r.Sequence.Within)}
	for i := range r.Sequence.Steps {
		s.need += s.count(i)
	}
	if r.Sequence.Unless != nil {
		s.unless = 1 << len(r.Sequence.Steps)
	}
	s.room, s.made = make([]int, s.need), make([]*hit, s.need)
	s.groups.keep = s.memory().Microseconds()
	s.groups.empty = func(q *sequence) { q.clear() }
	return s
}

func (s *sequences) count(step int) int { return max(s.rule.Sequence.Steps[step].Count, 1) }

func (s *sequences) memory() time.Duration {
	return 2*time.Duration(s.rule.Sequence.Within) + time.Duration(s.rule.Rearm)
}

func (s *sequences) take(e *Engine, h *hit) {
	q, _ := remember(e, h, &s.groups)
	if h.parts&s.unless != 0 {
		q.cancel(h.time)
		return
	}
	i := q.insert(h)
	q.forget(h.time-2*s.within, 4*s.need+64)
	for step := range s.rule.Sequence.Steps {
		if int(q.have[step]) < s.count(step) {
			return
		}
	}
	last := uint32(1) << (len(s.rule.Sequence.Steps) - 1)
	for i = max(min(i, len(q.marks)-1), 0); i < len(q.marks); i++ { // what came late may complete a later one
		if q.marks[i].parts&last == 0 {
			continue
		}
		if chain := s.chain(q, i); chain != nil {
			s.found(e, h, chain)
			q.clear()
			return
		}
	}
}

// found counts a sequence and reports it, if its group was quiet for rearm.
func (s *sequences) found(e *Engine, h *hit, chain []*hit) {
	cross := chain[len(chain)-1]
	e.count(cross, 1)
	if e.armed(h) {
		e.report(chain, report{time: cross.time, count: int64(len(chain))})
	}
}

// chain returns the events that make the sequence, of which member at is the last: of each step the latest that there are
// before the next one's. It is nil if there are not enough.
func (s *sequences) chain(q *sequence, at int) []*hit {
	end := q.marks[at].time
	left := s.need
	for step := len(s.rule.Sequence.Steps) - 1; step >= 0; step-- {
		for n := s.count(step); n > 0; at-- {
			if at < 0 || q.marks[at].time < end-s.within {
				return nil
			}
			if q.marks[at].parts>>step&1 != 0 {
				left--
				s.room[left] = at
				n--
			}
		}
	}
	for i, at := range s.room {
		s.made[i] = q.members[at]
	}
	return s.made
}

// insert makes an event a member and returns where it stands.
func (q *sequence) insert(h *hit) int {
	at := q.members.insert(h)
	q.marks = slices.Insert(q.marks, at, mark{h.time, h.parts})
	q.note(h.parts, 1)
	return at
}

// forget drops the members before a time, and the oldest of more than most.
func (q *sequence) forget(before int64, most int) {
	for len(q.marks) > 0 && (q.marks[0].time < before || len(q.marks) > most) {
		q.drop()
	}
}

// cancel drops the members up to a time.
func (q *sequence) cancel(t int64) {
	for len(q.marks) > 0 && q.marks[0].time <= t {
		q.drop()
	}
}

// drop drops the first member.
func (q *sequence) drop() {
	q.members.drop(0, 1)
	q.note(q.marks[0].parts, -1)
	q.marks = append(q.marks[:0], q.marks[1:]...)
}

// note counts n more members that meet these steps.
func (q *sequence) note(parts uint32, n int32) {
	for step := range q.have {
		q.have[step] += n * int32(parts>>step&1)
	}
}

func (q *sequence) clear() {
	q.members, q.marks = q.members[:0], q.marks[:0]
	clear(q.have[:])
}

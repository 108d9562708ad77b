package rules

import "time"

// sequences judge whether events come in an order.
type sequences struct {
	rule   *compiled
	within int64
	need   int    // so many events make the sequence
	unless uint32 // the bit of hit.parts that cancels; 0: none
	groups recent[sequence]
	room   []hit // for a chain
}

// A sequence is what one group has had of the steps, by time; those beyond its end serve again.
type sequence struct{ members []hit }

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
	s.room = make([]hit, s.need)
	s.groups.keep = s.memory().Microseconds()
	s.groups.empty = func(q *sequence) { q.members = q.members[:0] }
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
	last := uint32(1) << (len(s.rule.Sequence.Steps) - 1)
	for i = max(min(i, len(q.members)-1), 0); i < len(q.members); i++ { // what came late may complete a later one
		if q.members[i].parts&last == 0 {
			continue
		}
		if chain := s.chain(q.members[:i+1]); chain != nil {
			s.found(e, h, chain)
			q.members = q.members[:0]
			return
		}
	}
}

// found counts a sequence and reports it, if its group was quiet for rearm.
func (s *sequences) found(e *Engine, h *hit, chain []hit) {
	cross := &chain[len(chain)-1]
	e.count(cross, 1)
	if e.armed(h) {
		e.report(chain, report{time: cross.time, count: int64(len(chain))})
	}
}

// chain returns the events that make the sequence, of which the last member is the last: of each step the latest that there
// are before the next one's. It is nil if there are not enough.
func (s *sequences) chain(members []hit) []hit {
	end := members[len(members)-1].time
	chain := s.room
	at := len(members) - 1
	left := s.need
	for step := len(s.rule.Sequence.Steps) - 1; step >= 0; step-- {
		for n := s.count(step); n > 0; at-- {
			if at < 0 || members[at].time < end-s.within {
				return nil
			}
			if members[at].parts>>step&1 != 0 {
				left--
				chain[left] = members[at]
				n--
			}
		}
	}
	return chain
}

// insert makes an event a member and returns where it stands.
func (q *sequence) insert(h *hit) int {
	n := len(q.members)
	if n < cap(q.members) {
		q.members = q.members[:n+1]
	} else {
		q.members = append(q.members, hit{})
	}
	at := n
	for at > 0 && q.members[at-1].time > h.time {
		at--
	}
	m := q.members[n]
	copy(q.members[at+1:], q.members[at:n])
	q.members[at] = m
	q.members[at].hold(h)
	return at
}

// forget drops the members before a time, and the oldest of more than most.
func (q *sequence) forget(before int64, most int) {
	for len(q.members) > 0 && (q.members[0].time < before || len(q.members) > most) {
		q.drop()
	}
}

// cancel drops the members up to a time.
func (q *sequence) cancel(t int64) {
	for len(q.members) > 0 && q.members[0].time <= t {
		q.drop()
	}
}

// drop drops the first member.
func (q *sequence) drop() {
	first, last := q.members[0], len(q.members)-1
	copy(q.members, q.members[1:])
	q.members[last] = first
	q.members = q.members[:last]
}

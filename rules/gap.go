package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
)

// A Gap makes a finding where the numbers of a group's events do not go on one by one: events are missing between them. A group that
// begins at 1 again, or far below, is numbered anew.
type Gap struct {
	Of     string           `toml:"of"`     // a field that is a number, from 1 on; events without it do not count
	Late   configs.Duration `toml:"late"`   // so long a missing number may still come; 0: 10 s
	Within configs.Duration `toml:"within"` // a group that was quiet for longer is numbered anew
}

const (
	defaultLate = configs.Duration(10 * time.Second)
	// anew is how far below the last a number lies that is not one of those that came late.
	anew = 1000
	// maxJumps bounds the jumps of a group that wait for what is missing; of more the first is told at once.
	maxJumps = 64
)

func (k *Gap) check(fail func(key, format string, args ...any)) {
	if k.Of == "" {
		fail("gap.of", "missing: the number of which field?")
	}
	if k.Late > k.Within {
		fail("gap.late", "want less than within")
	}
}

// gaps judge the numbers of events.
type gaps struct {
	rule   *compiled
	late   int64 // µs
	groups recent[numbered]
	due    []*jump // the first that is due is the first

	latest *jump // that the latest event made; nil: none
	filled *jump // of which it was missing
	before int64 // the number that it was compared with, 0 if with none
}

// numbered is how far the numbers of a group have come.
type numbered struct {
	last  int64
	at    int64 // time of the latest event
	jumps []*jump
}

// A jump is an event whose number is not the next.
type jump struct {
	hit     hit
	due     int64      // what is missing has to come by then
	missing [][2]int64 // first and last numbers
}

func newGaps(r *compiled) *gaps {
	g := &gaps{rule: r, late: micros(defaultLate)}
	if r.Gap.Late > 0 {
		g.late = micros(r.Gap.Late)
	}
	g.groups.keep = g.memory().Microseconds()
	return g
}

func (g *gaps) memory() time.Duration {
	return time.Duration(g.rule.Gap.Within) + time.Duration(g.late)*time.Microsecond
}

func (g *gaps) take(e *Engine, h *hit) {
	g.latest, g.filled, g.before = nil, nil, 0
	n := h.weight
	if n < 1 { // it has no number
		return
	}
	s, known := remember(e, h, &g.groups)
	quiet := h.time - s.at
	s.at = max(s.at, h.time)
	if !known || quiet > micros(g.rule.Gap.Within) {
		s.last, s.jumps = n, nil
		return
	}
	g.before = s.last
	switch {
	case n == s.last+1:
		s.last = n
	case n > s.last:
		g.jump(e, s, h, s.last+1, n-1)
		s.last = n
	case g.fill(s, n):
	case n == 1 || s.last-n >= anew:
		s.last = n
	}
}

// jump notes that the numbers from first to last are missing before h.
func (g *gaps) jump(e *Engine, s *numbered, h *hit, first, last int64) {
	j := &jump{due: h.time + g.late, missing: [][2]int64{{first, last}}}
	if k := len(g.due) - 1; k >= 0 {
		j.due = max(j.due, g.due[k].due)
	}
	j.hit.hold(h)
	g.due, g.latest = append(g.due, j), j
	s.jumps = slices.DeleteFunc(s.jumps, func(j *jump) bool { return len(j.missing) == 0 })
	if len(s.jumps) >= maxJumps {
		g.tell(e, s.jumps[0])
		s.jumps = slices.Delete(s.jumps, 0, 1)
	}
	s.jumps = append(s.jumps, j)
}

// fill reports whether n was missing in a group, and is no more.
func (g *gaps) fill(s *numbered, n int64) bool {
	for _, j := range s.jumps {
		i := slices.IndexFunc(j.missing, func(r [2]int64) bool { return r[0] <= n && n <= r[1] })
		if i < 0 {
			continue
		}
		var rest [][2]int64
		if r := j.missing[i]; r[0] < n {
			rest = append(rest, [2]int64{r[0], n - 1})
		}
		if r := j.missing[i]; n < r[1] {
			rest = append(rest, [2]int64{n + 1, r[1]})
		}
		j.missing = slices.Replace(j.missing, i, i+1, rest...)
		g.filled = j
		return true
	}
	return false
}

// settle finds what has not come, no event of before t being still to come.
func (g *gaps) settle(e *Engine, t int64) {
	for len(g.due) > 0 && (g.due[0].due < t || e.over) {
		j := g.due[0]
		g.due[0] = nil
		g.due = g.due[1:]
		g.tell(e, j)
	}
}

// tell counts that something is missing before an event, and makes it a finding where the group was quiet long enough.
func (g *gaps) tell(e *Engine, j *jump) {
	n := j.count()
	if n == 0 {
		return
	}
	said := j.said(g.rule.Gap.Of)
	j.missing = nil
	e.count(&j.hit, 1)
	if e.armed(&j.hit) {
		e.report([]*hit{&j.hit}, report{time: j.hit.time, count: n, said: said})
	}
}

// count returns how many numbers are missing.
func (j *jump) count() (n int64) {
	for _, r := range j.missing {
		n += r[1] - r[0] + 1
	}
	return n
}

// said says which numbers are missing, of many ranges the first.
func (j *jump) said(of string) string {
	var list []string
	for i, r := range j.missing {
		switch {
		case i == 5:
			list = append(list, fmt.Sprintf("and %d more ranges", len(j.missing)-i))
		case r[0] == r[1]:
			list = append(list, fmt.Sprint(r[0]))
		default:
			list = append(list, fmt.Sprintf("%d to %d", r[0], r[1]))
		}
		if i == 5 {
			break
		}
	}
	return fmt.Sprintf("Of %s is missing: %s.", of, strings.Join(list, ", "))
}

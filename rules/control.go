package rules

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cespare/xxhash/v2"
)

// check calls fail for what is wrong in a Control by itself.
func (k *Control) check(fail func(key, format string, args ...any)) {
	if k.Record == nil {
		fail("control.record", "missing: which events are control records?")
	}
	if k.Count == "" && k.Sum == "" {
		fail("control.count", "missing: want count, sum or both, the fields of the control record")
	}
	if (k.Sum == "") != (k.Amount == "") {
		fail("control.amount", "want amount with sum, and sum with amount")
	}
}

// controls judge whether a control record tells what came before it.
type controls struct {
	rule   *compiled
	within int64
	groups recent[batch]
	kept   int // members, of all groups
}

// A batch is what has come of a group since its last control record.
type batch struct {
	named map[uint64]member // by what the id hashes to
	plain []member          // without an id
	last  hit               // the last that came
	begun bool
	lost  bool // members were let go: it cannot be judged
}

// A member is an event that a control record counts.
type member struct {
	time   int64
	amount float64
}

// maxMembers bounds the members that a rule remembers, of all batches that are open.
const maxMembers = 1 << 20

func newControls(r *compiled) *controls {
	c := &controls{rule: r, within: micros(r.Control.Within)}
	c.groups.keep = c.memory().Microseconds()
	c.groups.empty = c.begin
	return c
}

func (c *controls) memory() time.Duration {
	return time.Duration(c.rule.Control.Within) + time.Duration(c.rule.Rearm)
}

// begin makes b a batch of which nothing has come.
func (c *controls) begin(b *batch) {
	c.kept -= len(b.named) + len(b.plain)
	*b = batch{last: b.last}
}

func (c *controls) take(e *Engine, h *hit) {
	b, _ := remember(e, h, &c.groups)
	if h.parts&1 == 0 {
		c.member(e, h, b)
		return
	}
	if said := c.differs(h, b); said != "" {
		e.count(h, 1)
		if e.armed(h) {
			e.held.hold(h)
			members := []*hit{&e.held}
			if b.begun && h.time-b.last.time <= c.within {
				members = []*hit{&b.last, &e.held}
			}
			e.report(members, report{time: h.time, count: 1, said: said})
		}
	}
	c.begin(b)
}

// member takes an event that a control record will count.
func (c *controls) member(e *Engine, h *hit, b *batch) {
	b.last.hold(h)
	b.begun = true
	if c.kept >= maxMembers {
		c.forget(b, h.time-c.within)
	}
	if c.kept >= maxMembers {
		if !b.lost {
			e.forget(h, 1)
		}
		b.lost = true
		return
	}
	part := controlOf(h)
	amount, _ := number(part[1])
	if string(part[0]) == "-" {
		b.plain = append(b.plain, member{h.time, amount})
		c.kept++
		return
	}
	if b.named == nil {
		b.named = map[uint64]member{}
	}
	id, had := xxhash.Sum64(part[0]), len(b.named)
	b.named[id] = member{h.time, amount}
	c.kept += len(b.named) - had
}

// forget lets go of the members before a time, which count no more.
func (c *controls) forget(b *batch, before int64) {
	had := len(b.named) + len(b.plain)
	for id, m := range b.named {
		if m.time < before {
			delete(b.named, id)
		}
	}
	b.plain = slices.DeleteFunc(b.plain, func(m member) bool { return m.time < before })
	c.kept -= had - len(b.named) - len(b.plain)
}

// controlOf returns the id, amount, count and sum of a hit, "-" for what it has not.
func controlOf(h *hit) [][]byte { return bytes.SplitN(h.value(), []byte{0}, 5) }

func number(text []byte) (float64, bool) {
	x, err := strconv.ParseFloat(string(text), 64)
	return x, err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// differs says in what a control record tells other than came, "" if in nothing.
func (c *controls) differs(h *hit, b *batch) string {
	if b.lost {
		return ""
	}
	c.forget(b, h.time-c.within)
	var sum total
	for _, m := range b.plain {
		sum.add(m.amount)
	}
	for _, m := range b.named {
		sum.add(m.amount)
	}
	part := controlOf(h)
	var said []string
	count := float64(len(b.plain) + len(b.named))
	if want, ok := number(part[2]); ok && want != count {
		said = append(said, fmt.Sprintf("The control record counts %s, %s were logged: %s.", amountText(want, want), amountText(count, count), lack(count-want, count)))
	}
	if want, ok := number(part[3]); ok && sum.differs(want) {
		size := sum.size + math.Abs(want)
		said = append(said, fmt.Sprintf("The control record's sum is %s, that of what was logged %s: %s.", amountText(want, size), amountText(sum.value(), size), lack(sum.value()-want, size)))
	}
	return strings.Join(said, " ")
}

// lack says by how much there is more or less, of numbers of a size.
func lack(more, size float64) string {
	if more < 0 {
		return amountText(-more, size) + " missing"
	}
	return amountText(more, size) + " too much"
}

// amountText writes a number as people do, with the digits that numbers of a size have: two behind the point or none, unless it has
// more.
func amountText(x, size float64) string {
	digits := 15 - len(strconv.FormatFloat(math.Abs(size), 'f', 0, 64))
	text := strconv.FormatFloat(x, 'f', min(max(digits, 0), 8), 64)
	whole, part, _ := strings.Cut(text, ".")
	if part = strings.TrimRight(part, "0"); part == "" {
		return whole
	}
	return whole + "." + part + strings.Repeat("0", max(2-len(part), 0))
}

// A total is a sum whose error does not grow with the number of what is added (Neumaier's).
type total struct{ sum, rest, size float64 }

func (t *total) add(x float64) {
	sum := t.sum + x
	if math.Abs(t.sum) >= math.Abs(x) {
		t.rest += (t.sum - sum) + x
	} else {
		t.rest += (x - sum) + t.sum
	}
	t.sum = sum
	t.size += math.Abs(x)
}

func (t *total) value() float64 { return t.sum + t.rest }

// differs reports whether the sum is another one than x by more than the numbers themselves are rounded by: half of the last bit of each.
func (t *total) differs(x float64) bool {
	return math.Abs(t.value()-x) > (t.size+math.Abs(x))*0x1p-52
}

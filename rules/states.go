package rules

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/configs"
)

// check calls fail for what is wrong in a States by itself.
func (k *States) check(fail func(key, format string, args ...any)) {
	for _, c := range []struct{ key, value string }{{"of", k.Of}, {"log", k.Log}, {"means", k.Means}} {
		if c.value == "" {
			fail("states."+c.key, "missing: which field?")
		}
	}
	if len(k.Next) == 0 {
		fail("states.next", "missing: what may follow what?")
	}
	for before, after := range k.Next {
		for i, next := range after {
			if _, known := k.Next[next]; !known {
				fail(fmt.Sprintf("states.next.%s[%d]", before, i), "%q has no line of its own: what may follow it? [], if nothing", next)
			}
		}
	}
}

// orders judge whether a state may follow the one before.
type orders struct {
	rule   *compiled
	groups recent[lastState]
	before string                             // the state before the hit that was judged last; "": none is known
	logs   map[string]*configs.TransactionLog // those that say what may follow
	key    []byte                             // scratch
}

// A lastState is that of a group in a log.
type lastState struct {
	hit   hit
	known bool
}

func newOrders(r *compiled) *orders {
	o := &orders{rule: r, logs: map[string]*configs.TransactionLog{}}
	for i := range r.States.logs {
		if l := &r.States.logs[i]; l.Ordered() {
			o.logs[l.Name] = l
		}
	}
	o.groups.keep = o.memory().Microseconds()
	o.groups.empty = func(s *lastState) { s.known = false }
	return o
}

func (o *orders) memory() time.Duration {
	return time.Duration(o.rule.States.Within) + time.Duration(o.rule.Rearm)
}

func (o *orders) take(e *Engine, h *hit) {
	log, name, means := stateOf(h)
	o.key = append(append(append(o.key[:0], h.key()...), 0), log...)
	s, _ := rememberKey(e, h, &o.groups, o.key, h.at)
	o.before = ""
	if s.known && h.time-s.hit.time <= micros(o.rule.States.Within) {
		_, before, meant := stateOf(&s.hit)
		o.before = before
		if said := o.wrong(log, before, name, meant, means); said != "" {
			e.count(h, 1)
			if e.armed(h) {
				e.held.hold(h)
				e.report([]*hit{&s.hit, &e.held}, report{time: h.time, count: 1, said: said})
			}
		}
	}
	s.hit.hold(h)
	s.known = true
}

// stateOf returns the log of a hit, its state and what that means.
func stateOf(h *hit) (log, name, means string) {
	parts := bytes.Split(h.value(), []byte{0})
	return string(parts[0]), string(parts[1]), string(parts[2])
}

// wrong says what is wrong with a state that follows another, "" if it may.
func (o *orders) wrong(log, before, after, meant, means string) string {
	l := o.logs[log]
	if l == nil {
		if next, known := o.rule.States.Next[meant]; known && meant != means && means != "-" && !slices.Contains(next, means) {
			return fmt.Sprintf("It was %s before.", before)
		}
		return ""
	}
	s, known := l.States[before]
	switch _, is := l.States[after]; {
	case !is:
		return fmt.Sprintf("It was %s before; the states of the log %s have no %s.", before, log, after)
	case !known || before == after || slices.Contains(s.Next, after):
		return ""
	case len(s.Next) == 0:
		return fmt.Sprintf("It was %s before, after which the log %s lets nothing follow.", before, log)
	}
	return fmt.Sprintf("It was %s before, after which the log %s lets follow %s.", before, log, anyOf(s.Next))
}

// anyOf names words of which one may be.
func anyOf(words []string) string {
	text := words[0]
	for i, w := range words[1:] {
		if i == len(words)-2 {
			text += " or " + w
		} else {
			text += ", " + w
		}
	}
	return text
}

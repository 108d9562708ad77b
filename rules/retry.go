package rules

import (
	"bytes"
	"container/heap"
	"fmt"
	"time"
)

// How a failure ended that should be tried again.
const (
	retrySucceeded = "succeeded"
	retryGivenUp   = "given up"
)

// The bits of hit.parts of a Retry, and the keys of the conditions.
const (
	retryFails = 1 << iota
	retryRefused
	retryRuns
	retryCommits
	retryRolls
	retryLeaves
)

var retryParts = []string{"fails", "refused", "runs", "commits", "rolls", "leaves"}

// check calls fail for what is wrong in a Retry by itself.
func (k *Retry) check(fail func(key, format string, args ...any)) {
	for i, c := range []Condition{k.Fails, k.Refused, k.Runs, k.Commits, k.Rolls, k.Leaves} {
		if c == nil {
			fail("retry."+retryParts[i], "missing: which events?")
		}
	}
	if _, ok := templateFields(k.Session); k.Session == "" || !ok {
		fail("retry.session", "missing: which field, or which as {{a}} {{b}}?")
	}
	if k.Text == "" {
		fail("retry.text", "missing: which field?")
	}
	if k.Ended != retrySucceeded && k.Ended != retryGivenUp {
		fail("retry.ended", "%q is neither %q nor %q", k.Ended, retrySucceeded, retryGivenUp)
	}
}

// retries judge how failures ended that should be tried again.
type retries struct {
	rule   *compiled
	within int64
	open   map[string]*trying // by session
	next   expectations       // of those: the first that is due is the first
}

// A trying is a session in which something failed that should be tried again: its hit is the last failure, and when it is due it has
// succeeded, or is given up.
type trying struct {
	expected
	text  string
	tries int  // that failed
	again bool // what failed runs again, and was not refused since
	done  bool // its transaction was committed; the commit itself may still be refused
}

// commitLag is how long after a commit its refusal is told.
const commitLag = int64(time.Second / time.Microsecond)

func newRetries(c *compiled) *retries {
	return &retries{rule: c, within: micros(c.Retry.Within), open: map[string]*trying{}}
}

func (r *retries) memory() time.Duration { return 3 * time.Duration(r.rule.Retry.Within) }

// session is by which the hit's session is known.
func (r *retries) session(h *hit) string {
	name, _, _ := bytes.Cut(h.value(), []byte{0})
	return h.from.site + "\x00" + string(name)
}

// statement is what the hit's event says was run.
func statement(h *hit) []byte {
	_, text, _ := bytes.Cut(h.value(), []byte{0})
	return text
}

// idle implements idler.
func (r *retries) idle(parts uint32) bool { return len(r.open) == 0 && parts&retryFails == 0 }

func (r *retries) take(e *Engine, h *hit) {
	if r.idle(h.parts) {
		return
	}
	key := r.session(h)
	x := r.open[key]
	if h.parts&retryRefused != 0 {
		r.refused(e, h, key, x)
		return
	}
	if x != nil && x.done { // and not refused
		r.end(e, x, retrySucceeded, h.time)
		return
	}
	if x == nil {
		return
	}
	if h.parts&retryRuns != 0 && string(statement(h)) == x.text {
		x.again = true
	}
	switch {
	case h.parts&retryLeaves != 0:
		r.end(e, x, x.sofar(), h.time)
	case !x.again:
	case h.parts&retryCommits != 0:
		x.done = true
		r.wait(x, h.time+commitLag)
	case h.parts&retryRolls != 0:
		r.end(e, x, retryGivenUp, h.time)
	}
}

// refused takes a failure.
func (r *retries) refused(e *Engine, h *hit, key string, x *trying) {
	text := string(statement(h))
	switch {
	case h.parts&retryFails == 0:
		if x != nil && x.again {
			r.end(e, x, retryGivenUp, h.time)
		}
		return
	case x != nil && !x.again && x.text != text: // it is something else
		r.end(e, x, retryGivenUp, h.time)
		x = nil
	}
	if x == nil {
		if len(r.open) >= maxGroups {
			e.forget(h, 1)
			r.drop(r.open[r.next[0].key])
		}
		x = &trying{expected: expected{key: key}}
		r.open[key] = x
		heap.Push(&r.next, &x.expected)
	}
	x.hit.hold(h)
	x.text, x.again, x.done = text, false, false
	x.tries++
	r.wait(x, h.time+r.within)
}

// wait says until when x has time.
func (r *retries) wait(x *trying, due int64) {
	x.due = due
	heap.Fix(&r.next, x.rank)
}

func (r *retries) settle(e *Engine, t int64) {
	for len(r.next) > 0 && r.next[0].due < t {
		x := r.open[r.next[0].key]
		r.end(e, x, x.sofar(), x.due)
	}
}

func (r *retries) drop(x *trying) {
	delete(r.open, x.key)
	heap.Remove(&r.next, x.rank)
}

// sofar is how it has ended if nothing more comes.
func (x *trying) sofar() string {
	if x.again {
		return retrySucceeded
	}
	return retryGivenUp
}

// end counts how it ended, if that is what the rule counts.
func (r *retries) end(e *Engine, x *trying, how string, t int64) {
	r.drop(x)
	if how != r.rule.Retry.Ended {
		return
	}
	at := x.hit
	at.time = t
	e.count(&at, 1)
	if !e.armed(&at) {
		return
	}
	said := fmt.Sprintf("It succeeded after %d that failed.", x.tries)
	if how == retryGivenUp {
		said = fmt.Sprintf("It was tried %d times.", x.tries)
		if x.tries == 1 {
			said = "It was not tried again."
		}
	}
	e.report([]*hit{&x.hit}, report{time: t, count: int64(x.tries), said: said})
}

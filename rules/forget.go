package rules

import "slices"

// Forgotten is the rule that tells of groups which others had to let go: its group is the rule that did.
const Forgotten = "rules.groups-forgotten"

// forgetting is that rule. It is no file's: nobody shall have to write it, or can leave it out.
var forgetting = Rule{
	ID: Forgotten, Severity: "medium", Audience: []string{"operator"}, When: "not *", Group: "rule",
	Title:   "Rule {{rule}} forgets groups that may matter",
	Message: "It remembers 32,768 groups, and more were active at a time. Those that were quiet for longest are let go: what they would have made is not found.",
	Runbook: "Look at the rule's group: a field that the sender makes up, such as a user name or a target, has as many values as somebody likes. " +
		"Group by another, or narrow the rule's condition. If this is an attack, the rules about its source find it.",
}

// remember returns what a rule remembers of a hit's group, and whether there was something.
func remember[V any](e *Engine, h *hit, r *recent[V]) (v *V, known bool) {
	return rememberKey(e, h, r, h.key(), h.at)
}

// rememberKey is remember for another key than the group's, which is active at the time t.
func rememberKey[V any](e *Engine, h *hit, r *recent[V], key []byte, t int64) (v *V, known bool) {
	before := r.lost
	v, known = r.at(key, t)
	if r.lost > before {
		e.forget(h, r.lost-before)
	}
	return v, known
}

// forget counts n groups of the hit's rule that were let go, and reports the first in an hour.
func (e *Engine) forget(h *hit, n int64) {
	var of hit
	of.hold(h)
	of.rule, of.claim, of.weight = e.forgot, nil, n
	site, raw := slices.Clone(of.text[:of.ends[0]+1]), slices.Clone(of.raw())
	of.text = append(site, h.rule.ID...)
	for i := 1; i < len(of.ends); i++ {
		of.ends[i] = int32(len(of.text))
	}
	of.text = append(of.text, raw...)
	e.count(&of, n)
	last, known := e.forgot.quiet.at(of.key(), of.at)
	if past := of.at - *last; known && past < hour {
		return
	}
	*last = of.at
	e.raise([]*hit{&of})
}

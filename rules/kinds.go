package rules

import (
	"fmt"
	"time"

	"github.com/saypro/veritail/configs"
)

// The kinds of rules beside those of single events and of thresholds. A rule is of one kind.

// A Ratio makes a finding where the share of the events that Of holds for, among all of the rule's, reaches Reaches in a
// window of Within that has at least Count of them.
type Ratio struct {
	Of      Condition        `toml:"of"`
	Reaches float64          `toml:"reaches"` // above 0, at most 1
	Count   int              `toml:"count"`
	Within  configs.Duration `toml:"within"`
}

// A Rate makes a finding where a window of Within has at least Count events of a group, and Times as many as such a window
// had on the average in the Baseline before it. What has had fewer than Count events there is not compared.
type Rate struct {
	Times    float64          `toml:"times"` // above 1
	Count    int              `toml:"count"`
	Within   configs.Duration `toml:"within"`
	Baseline configs.Duration `toml:"baseline"`
}

// A Spike makes a finding where an hour has at least Count events of a group, and Times as many as the same hour, or the one
// before or after, mostly had in the last Weeks weeks: the median of the weeks. A group that is not known for so long is not
// compared.
type Spike struct {
	Times float64 `toml:"times"` // above 1
	Count int     `toml:"count"`
	Weeks int     `toml:"weeks"` // 0: 4
}

// A First makes a finding of what a group has not had for Within: a value of the field Of or, without it, anything at all. A
// rule that knows no event older than Learn is still learning and finds nothing.
type First struct {
	Of     string           `toml:"of"` // a field; "a|b": the first that is there
	Within configs.Duration `toml:"within"`
	Learn  configs.Duration `toml:"learn"`
}

// A Sequence makes a finding of events that meet Steps in this order, the first and the last at most Within apart, unless one
// that meets Unless came between.
type Sequence struct {
	Steps  []Step           `toml:"step"`
	Unless Condition        `toml:"unless"`
	Within configs.Duration `toml:"within"`
}

// A Step is a part of a sequence: Count events that meet When.
type Step struct {
	When  Condition `toml:"when"`
	Count int       `toml:"count"` // 0: 1
}

// An Absence makes a finding where, after an event of the rule, none that meets Expect comes within Within; without Expect,
// none of the rule itself.
type Absence struct {
	Expect Condition        `toml:"expect"`
	Within configs.Duration `toml:"within"`
	Own    string           `toml:"own"` // a field of kind duration: an event that has it waits so long instead

	longest configs.Duration // that an event says of its own, as far as is known
}

// A States makes a finding where the state Of a group is followed by one that may not follow it. A log of transactions.toml that says
// what may follow has its own order; of all others Next says it by what the field Means says.
type States struct {
	Of     string              `toml:"of"`     // the field of the state
	Log    string              `toml:"log"`    // the field that names the log
	Means  string              `toml:"means"`  // the field of what a state means
	Next   map[string][]string `toml:"next"`   // by what it means, what may follow; the same may always
	Within configs.Duration    `toml:"within"` // so long a state is remembered

	logs []configs.TransactionLog
}

// A Control makes a finding where a control record, which an event that meets Record is, tells another number or another sum of its
// group's events than came before it. An event of an id that came before takes that one's place.
type Control struct {
	Record Condition        `toml:"record"`
	Each   string           `toml:"each"`   // the field of the id; empty: each event counts
	Amount string           `toml:"amount"` // the field that is summed
	Count  string           `toml:"count"`  // the control record's field of how many there are
	Sum    string           `toml:"sum"`    // and of their sum
	Within configs.Duration `toml:"within"` // what is older counts no more
}

// A Retry tells how it ended that a statement failed which should be tried again. It is tried again where its session runs the same Text
// within Within, and it has succeeded where nothing is refused until the session commits or leaves, or for Within.
type Retry struct {
	Fails   Condition        `toml:"fails"`   // failures after which one should try again
	Refused Condition        `toml:"refused"` // failures of any kind
	Runs    Condition        `toml:"runs"`    // what a session does
	Commits Condition        `toml:"commits"` // ends a transaction well
	Rolls   Condition        `toml:"rolls"`   // and otherwise
	Leaves  Condition        `toml:"leaves"`  // ends the session
	Session string           `toml:"session"` // the field of the session; or several as "{{a}} {{b}}"
	Text    string           `toml:"text"`    // the field of the statement
	Within  configs.Duration `toml:"within"`
	Ended   string           `toml:"ended"` // which are counted: "succeeded" or "given up"
}

// The bounds of kinds.
const (
	maxSteps  = 16
	maxWeeks  = 26
	maxTimes  = 1e6
	leastTime = configs.Duration(time.Second)
)

// checkKind calls fail for what is wrong in the kind of the rule.
func (r *Rule) checkKind(fail func(key, format string, args ...any)) {
	if kinds := r.kinds(); len(kinds) > 1 {
		fail(kinds[1], "the rule has a %s already; make two rules of it", kinds[0])
	}
	within := func(key string, d configs.Duration) {
		if d < leastTime {
			fail(key, "missing, or less than a second: in how long a time?")
		}
	}
	count := func(key string, n int) {
		if n < 1 {
			fail(key, "want at least 1")
		}
	}
	times := func(key string, x float64) {
		if x <= 1 || x > maxTimes {
			fail(key, "want more than 1: how many times as much as usual?")
		}
	}
	if k := r.Ratio; k != nil {
		within("ratio.within", k.Within)
		count("ratio.count", k.Count)
		if k.Of == nil {
			fail("ratio.of", "missing: the share of which events?")
		}
		if k.Reaches <= 0 || k.Reaches > 1 {
			fail("ratio.reaches", "want a share above 0 and at most 1")
		}
	}
	if k := r.Rate; k != nil {
		within("rate.within", k.Within)
		count("rate.count", k.Count)
		times("rate.times", k.Times)
		if k.Baseline < k.Within {
			fail("rate.baseline", "want at least as long a time as within")
		}
	}
	if k := r.Spike; k != nil {
		count("spike.count", k.Count)
		times("spike.times", k.Times)
		if k.Weeks < 0 || k.Weeks == 1 || k.Weeks > maxWeeks {
			fail("spike.weeks", "want 2 to %d", maxWeeks)
		}
	}
	if k := r.First; k != nil {
		within("first.within", k.Within)
		if k.Learn < 0 || k.Learn >= k.Within {
			fail("first.learn", "want less than within")
		}
	}
	if k := r.Absence; k != nil {
		within("absence.within", k.Within)
	}
	if k := r.States; k != nil {
		within("states.within", k.Within)
		k.check(fail)
	}
	if k := r.Retry; k != nil {
		within("retry.within", k.Within)
		k.check(fail)
	}
	if k := r.Control; k != nil {
		within("control.within", k.Within)
		k.check(fail)
	}
	if k := r.Gap; k != nil {
		within("gap.within", k.Within)
		k.check(fail)
	}
	if k := r.Deviation; k != nil {
		within("deviation.within", k.Within)
		k.check(fail)
	}
	if k := r.Sequence; k != nil {
		within("sequence.within", k.Within)
		if len(k.Steps) < 1 || len(k.Steps) > maxSteps {
			fail("sequence.step", "want 1 to %d steps, not %d", maxSteps, len(k.Steps))
		}
		for i, s := range k.Steps {
			if s.When == nil {
				fail(fmt.Sprintf("sequence.step[%d].when", i), "missing: which events?")
			}
			if s.Count < 0 || s.Count > maxStepCount {
				fail(fmt.Sprintf("sequence.step[%d].count", i), "want at most %d", maxStepCount)
			}
		}
	}
}

// kinds names the kinds that the rule has tables of.
func (r *Rule) kinds() (names []string) {
	for _, k := range []struct {
		name string
		has  bool
	}{
		{"threshold", r.Threshold != nil}, {"ratio", r.Ratio != nil}, {"rate", r.Rate != nil}, {"spike", r.Spike != nil},
		{"first", r.First != nil}, {"sequence", r.Sequence != nil}, {"absence", r.Absence != nil},
		{"states", r.States != nil}, {"control", r.Control != nil}, {"retry", r.Retry != nil}, {"deviation", r.Deviation != nil},
		{"gap", r.Gap != nil},
	} {
		if k.has {
			names = append(names, k.name)
		}
	}
	return names
}

// parts returns the conditions of the rule's kind, by their keys: a bit of hit.parts says which of them an event meets.
func (r *Rule) parts() (keys []string, list []Condition) {
	add := func(key string, c Condition) { keys, list = append(keys, key), append(list, c) }
	switch {
	case r.Ratio != nil:
		add("ratio.of", r.Ratio.Of)
	case r.Absence != nil && r.Absence.Expect != nil:
		add("absence.expect", r.Absence.Expect)
		add("when", r.When)
	case r.Retry != nil:
		k := r.Retry
		for i, c := range []Condition{k.Fails, k.Refused, k.Runs, k.Commits, k.Rolls, k.Leaves} {
			add("retry."+retryParts[i], c)
		}
	case r.Control != nil:
		add("control.record", r.Control.Record)
		add("when", r.When)
	case r.Sequence != nil:
		for i, s := range r.Sequence.Steps {
			add(fmt.Sprintf("sequence.step[%d].when", i), s.When)
		}
		if r.Sequence.Unless != nil {
			add("sequence.unless", r.Sequence.Unless)
		}
	}
	return keys, list
}

// A judge decides what the occurrences of a rule make. Each rule of such a kind has one of its own.
type judge interface {
	// take takes an occurrence; they come in the order in which they are judged, mostly that of their time.
	take(e *Engine, h *hit)
	// memory is how far back an event can matter.
	memory() time.Duration
}

// An idler is a judge that most events say nothing to while nothing waits in it, as they only end what others began.
type idler interface {
	// idle reports whether an event that meets these parts changes nothing now, whatever else is in it.
	idle(parts uint32) bool
}

// A settler is a judge that finds something when nothing comes any more.
type settler interface {
	// settle finds what has not come, no event of before t being still to come.
	settle(e *Engine, t int64)
}

// newJudge returns the judge of the rule, nil for single events and thresholds of occurrences and different values.
func (c *compiled) newJudge() judge {
	switch {
	case c.Threshold != nil && c.Threshold.Sum != "", c.Ratio != nil, c.Rate != nil:
		return newMeters(c)
	case c.Spike != nil:
		return newSpikes(c)
	case c.First != nil:
		return newFirsts(c)
	case c.Sequence != nil:
		return newSequences(c)
	case c.Absence != nil:
		return newAbsences(c)
	case c.States != nil:
		return newOrders(c)
	case c.Control != nil:
		return newControls(c)
	case c.Retry != nil:
		return newRetries(c)
	case c.Deviation != nil:
		return newDeviations(c)
	case c.Gap != nil:
		return newGaps(c)
	}
	return nil
}

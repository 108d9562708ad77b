// Package rules finds in the events what rule files describe: failed logins, failed transactions, deadlocks.
//
// A rule is data (configs/rules/**/*.toml) with its own tests in the same file. Engine stands in the flow between
// parser and commit: it evaluates conditions by column, orders what matched by event time across files, counts
// occurrences once however many lines tell of them, and adds findings and rollups to the commit.
package rules

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
)

// Severities, from the least. A rule of severity info counts its occurrences and raises no findings.
var severities = []string{"info", "low", "medium", "high", "critical"}

var audiences = []string{"security", "dba", "operator"}

// OfFleet is the scope of a rule that is about what happens on many hosts together. Where they share a store it is judged
// over the events of all of them; where they do not, one host is the whole fleet.
const OfFleet = "fleet"

var scopes = []string{"host", OfFleet}

// A Rule is one [[rule]] of a rule file.
type Rule struct {
	ID       string           `toml:"id"`    // area.what-happened; never changes
	Title    string           `toml:"title"` // of its findings; {{field}} is replaced
	Message  string           `toml:"message"`
	Severity string           `toml:"severity"`
	Scope    string           `toml:"scope"` // of whose events: "host", of each host's by itself, which is the default, or OfFleet
	Audience []string         `toml:"audience"`
	Runbook  string           `toml:"runbook"` // what to do, in a few sentences
	When     Condition        `toml:"when"`    // which events
	Group    string           `toml:"group"`   // the field by which occurrences are told apart; "a|b": the first that is there; or a text with {{field}}
	Weight   string           `toml:"weight"`  // a field of kind int: the event stands for so many occurrences
	Rearm    configs.Duration `toml:"rearm"`   // after a finding, none for the same group until it was quiet for so long

	Repeat    []Repeat   `toml:"repeat"`    // an event belongs to the first whose From it matches
	Once      []Once     `toml:"once"`      // an event belongs to the first whose tellers it is one of
	Threshold *Threshold `toml:"threshold"` // of this and the following a rule has one, or none: each event counts
	Ratio     *Ratio     `toml:"ratio"`
	Rate      *Rate      `toml:"rate"`
	Spike     *Spike     `toml:"spike"`
	First     *First     `toml:"first"`
	Sequence  *Sequence  `toml:"sequence"`
	Absence   *Absence   `toml:"absence"`

	Tests []Test `toml:"test"`

	File string `toml:"-"` // where it stands

	fsys  fs.FS // what it was read from, nil for one made in code
	index int   // among the rules of its file
}

// Once says which events tell of the same occurrence, so that it is counted once. Events of different tellers match
// if they lie within Within of each other and agree in the fields of By that both have. Each teller tells of an
// occurrence at most once: two real ones in the same second stay two.
type Once struct {
	By     []string         `toml:"by"`
	Within configs.Duration `toml:"within"`
	From   []Condition      `toml:"from"` // the tellers: an event belongs to the first it matches
	// Lead makes the first teller the only one that others merge with: two others that tell of no event of the
	// lead stay two occurrences.
	Lead bool `toml:"lead"`
}

// Repeat says which events say again what an earlier one said, in the same log: of those that From matches and that
// agree in all fields of By, the ones within Within of the first are the same occurrence. With Copies only every so
// many of them are: a log that writes each event twice is divided by two, so that two real ones in the same second
// stay two.
type Repeat struct {
	From   Condition        `toml:"from"`
	By     []string         `toml:"by"` // "a|b": the first that the event has
	Within configs.Duration `toml:"within"`
	Copies int              `toml:"copies"` // 0: any number
}

// Threshold makes a finding of many occurrences of one group: Count of them, or Distinct different values, or so much that the
// Sum of a field reaches Reaches, in a window of Within that slides over event time.
type Threshold struct {
	Count    int              `toml:"count"`
	Distinct string           `toml:"distinct"` // a field; "a|b": the first that is there
	Sum      string           `toml:"sum"`      // a field that is a number
	Reaches  float64          `toml:"reaches"`  // of Sum
	Within   configs.Duration `toml:"within"`
}

// A Test is an example in a rule's file: lines of a format, and what the rule makes of them.
type Test struct {
	Name   string  `toml:"name"`
	Format string  `toml:"format"`
	Lines  string  `toml:"lines"`
	Inputs []Input `toml:"input"` // more files, for rules across files
	Expect Expect  `toml:"expect"`
}

// An Input is one file of a test.
type Input struct {
	Format string `toml:"format"`
	Lines  string `toml:"lines"`
}

// Expect says what a test must yield. Groups, where given, is complete.
type Expect struct {
	Count    int            `toml:"count"`
	Findings *int           `toml:"findings"` // nil: not checked
	Groups   map[string]int `toml:"groups"`
}

// maxTellers bounds the tellers of a once: an occurrence notes them in a word.
const maxTellers = 64

// OfScope returns the rules that are about a fleet, and those that are about a host.
func OfScope(all []Rule) (fleet, host []Rule) {
	for _, r := range all {
		if r.Scope == OfFleet {
			fleet = append(fleet, r)
		} else {
			host = append(host, r)
		}
	}
	return fleet, host
}

func micros(d configs.Duration) int64 { return time.Duration(d).Microseconds() }

// Load reads the rule files below the folder rules of fsys. Every mistake is reported, each with its file.
func Load(fsys fs.FS) ([]Rule, error) {
	var all []Rule
	var faults configs.Errors
	seen := map[string]string{}
	err := fs.WalkDir(fsys, "rules", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || path.Ext(name) != ".toml" {
			return err
		}
		var file struct {
			Rule []Rule `toml:"rule"`
		}
		if err := configs.Decode(fsys, name, &file); err != nil {
			faults = append(faults, asFaults(err, name)...)
			return nil
		}
		for i := range file.Rule {
			r := &file.Rule[i]
			r.File, r.fsys, r.index = name, fsys, i
			fail := func(key, format string, args ...any) { faults = append(faults, r.fault(key, format, args...)) }
			if first, dup := seen[r.ID]; dup {
				fail("id", "another rule of this name is in %s", first)
			}
			seen[r.ID] = name
			r.check(fail)
		}
		all = append(all, file.Rule...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if len(faults) > 0 {
		return nil, faults
	}
	slices.SortFunc(all, func(a, b Rule) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// fault returns what is wrong at a key of the rule, with its place.
func (r *Rule) fault(key, format string, args ...any) *configs.Error {
	msg := fmt.Sprintf("rule %q: %s: %s", r.ID, key, fmt.Sprintf(format, args...))
	if r.fsys == nil {
		return &configs.Error{File: r.File, Msg: msg}
	}
	return configs.At(r.fsys, r.File, fmt.Sprintf("rule[%d].%s", r.index, key), "%s", msg)
}

// check calls fail for what is wrong in a rule by itself; queries and fields are looked at by New.
func (r *Rule) check(fail func(key, format string, args ...any)) {
	if r.ID == "" || strings.ContainsAny(r.ID, " \t/\"") {
		fail("id", "want a name like area.what-happened")
	}
	oneOf := func(key, value string, list []string) {
		if slices.Contains(list, value) {
			return
		}
		hint := ""
		if near := configs.Nearest(value, list); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		fail(key, "%q is none of %s%s", value, strings.Join(list, ", "), hint)
	}
	oneOf("severity", r.Severity, severities)
	if r.Scope != "" {
		oneOf("scope", r.Scope, scopes)
	}
	if len(r.Audience) == 0 {
		fail("audience", "missing; want some of %s", strings.Join(audiences, ", "))
	}
	for i, a := range r.Audience {
		oneOf(fmt.Sprintf("audience[%d]", i), a, audiences)
	}
	r.checkTexts(fail)
	r.checkCounting(fail)
	r.checkTests(fail)
}

func (r *Rule) checkTexts(fail func(key, format string, args ...any)) {
	if (r.When == nil || r.When == "") && r.Sequence == nil {
		fail("when", "missing: which events?")
	}
	for _, c := range []struct{ key, text, missing string }{
		{"title", r.Title, "missing"},
		{"group", strings.Trim(r.Group, "| "), "missing: by which field are occurrences told apart?"},
		{"runbook", r.Runbook, "missing: what should its reader do?"},
	} {
		if c.text == "" {
			fail(c.key, "%s", c.missing)
		}
	}
	for _, c := range []struct{ key, text string }{{"title", r.Title}, {"message", r.Message}, {"group", r.Group}} {
		if _, ok := templateFields(c.text); !ok {
			fail(c.key, "{{ wants a field and }}")
		}
	}
}

func (r *Rule) checkCounting(fail func(key, format string, args ...any)) {
	if r.Rearm < 0 {
		fail("rearm", "is negative")
	}
	if t := r.Threshold; t != nil {
		switch {
		case t.Sum != "" && (t.Count != 0 || t.Distinct != ""):
			fail("threshold.sum", "a sum reaches something; leave out count and distinct")
		case t.Sum != "" && t.Reaches <= 0:
			fail("threshold.reaches", "want more than 0: what does the sum of %s reach?", t.Sum)
		case t.Sum == "" && t.Reaches != 0:
			fail("threshold.reaches", "of which field's sum? Name it as sum")
		case t.Sum == "" && t.Count < 1:
			fail("threshold.count", "want at least 1")
		}
		if t.Within <= 0 {
			fail("threshold.within", "missing: in how long a time?")
		}
	}
	r.checkKind(fail)
	for i, p := range r.Repeat {
		if p.Within <= 0 {
			fail(fmt.Sprintf("repeat[%d].within", i), "missing: how far apart may its events lie?")
		}
		if len(p.By) == 0 {
			fail(fmt.Sprintf("repeat[%d].by", i), "missing: in which fields do they agree?")
		}
		if p.Copies < 0 || p.Copies == 1 {
			fail(fmt.Sprintf("repeat[%d].copies", i), "want at least 2, or none for any number")
		}
	}
	if r.Scope == OfFleet && r.Threshold != nil && len(r.Once) > 0 && r.Rearm == 0 {
		fail("rearm", "missing: with once and a threshold, scope = \"fleet\" wants one. Without it the count goes on from its very first event, "+
			"which a daemon that takes the rule over cannot tell: it would find other occurrences")
	}
	for i, o := range r.Once {
		if o.Within <= 0 {
			fail(fmt.Sprintf("once[%d].within", i), "missing: how far apart may its events lie?")
		}
		if len(o.From) < 2 || len(o.From) > maxTellers {
			fail(fmt.Sprintf("once[%d].from", i), "want two to %d tellers, not %d", maxTellers, len(o.From))
		}
	}
}

// checkTests wants an example of what fires and one of what does not: a rule that matches everything, or nothing,
// would pass a test of one kind.
func (r *Rule) checkTests(fail func(key, format string, args ...any)) {
	fires, silent := false, false
	for i, t := range r.Tests {
		if t.Expect.Count > 0 {
			fires = true
		} else {
			silent = true
		}
		if t.Lines == "" && len(t.Inputs) == 0 {
			fail(fmt.Sprintf("test[%d]", i), "%q has no lines", t.Name)
		}
	}
	if !fires || !silent {
		fail("test", "want a test that must fire (count above 0) and one that must not (count = 0)")
	}
}

// Package rules finds in the events what rule files describe: failed logins, failed transactions, deadlocks.
//
// A rule is data (configs/rules/**/*.toml) with its own tests in the same file. Engine stands in the flow between
// parser and commit: it evaluates conditions by column, orders what matched by event time across files, counts
// occurrences once however many lines tell of them, and adds findings and rollups to the commit.
package rules

import (
	"fmt"
	"io/fs"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
)

// Severities, from the least. A rule of severity info counts its occurrences and raises no findings.
var severities = []string{"info", "low", "medium", "high", "critical"}

var priorities = []string{"high", "medium", "low"}

// priority returns the rule's priority, that of its severity where it names none.
func (r *Rule) priority() string {
	switch {
	case r.Priority != "":
		return r.Priority
	case r.Severity == "critical" || r.Severity == "high":
		return "high"
	case r.Severity == "medium":
		return "medium"
	}
	return "low"
}

var audiences = []string{"security", "dba", "operator"}

// OfFleet is the scope of a rule that is about what happens on many hosts together. Where they share a store it is judged
// over the events of all of them; where they do not, one host is the whole fleet.
const OfFleet = "fleet"

// The values of Issue.
const (
	IssueOfGroup = "group" // those of the same group
	IssueOfRule  = "rule"  // all of them: groups such as addresses on the Internet never end
	NoIssue      = "none"  // none opens one
)

var issueKinds = []string{IssueOfGroup, IssueOfRule, NoIssue}

var scopes = []string{"host", OfFleet}

// A Rule is one [[rule]] of a rule file.
type Rule struct {
	ID       string           `toml:"id"`    // area.what-happened; never changes
	Title    string           `toml:"title"` // of its findings; {{field}} is replaced
	Message  string           `toml:"message"`
	Severity string           `toml:"severity"`
	Priority string           `toml:"priority"` // of those who have to do something: high, medium, low; empty: what follows from the severity
	Enabled  *bool            `toml:"enabled"`  // false: the rule is off
	Issue    string           `toml:"issue"`    // which of its findings are of one issue in the issue log: IssueOfGroup, which is the default, IssueOfRule or NoIssue
	Scope    string           `toml:"scope"`    // of whose events: "host", of each host's by itself, which is the default, or OfFleet
	Audience []string         `toml:"audience"`
	Runbook  string           `toml:"runbook"`    // what to do, in a few sentences
	Tags     []string         `toml:"tags"`       // "attack.t1110.001" is a technique of MITRE ATT&CK, "attack.credential-access" a tactic
	Refs     []string         `toml:"references"` // what there is to read: "runbook:lock-waits" is a runbook of the configuration, others are addresses
	When     Condition        `toml:"when"`       // which events
	Group    string           `toml:"group"`      // the field by which occurrences are told apart; "a|b": the first that is there; or a text with {{field}}
	Weight   string           `toml:"weight"`     // a field of kind int: the event stands for so many occurrences
	Outside  string           `toml:"outside"`    // hours of HoursFile: only what happens at other times
	Rearm    configs.Duration `toml:"rearm"`      // after a finding, none for the same group until it was quiet for so long

	Repeat    []Repeat   `toml:"repeat"`    // an event belongs to the first whose From it matches
	Once      []Once     `toml:"once"`      // an event belongs to the first whose tellers it is one of
	Threshold *Threshold `toml:"threshold"` // of this and the following a rule has one, or none: each event counts
	Ratio     *Ratio     `toml:"ratio"`
	Rate      *Rate      `toml:"rate"`
	Spike     *Spike     `toml:"spike"`
	First     *First     `toml:"first"`
	Sequence  *Sequence  `toml:"sequence"`
	Absence   *Absence   `toml:"absence"`
	States    *States    `toml:"states"`
	Control   *Control   `toml:"control"`
	Retry     *Retry     `toml:"retry"`
	Deviation *Deviation `toml:"deviation"`
	Gap       *Gap       `toml:"gap"`

	Suppress []Suppression `toml:"suppress"`
	Tests    []Test        `toml:"test"`

	File string `toml:"-"` // where it stands

	fsys  fs.FS      // what it was read from, nil for one made in code
	path  string     // the path of its table in the file
	lists *lists     // that its conditions name
	work  *workHours // of Outside, nil without
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

// A Test is an example in a rule's file: lines of a format or events, and what the rule makes of them.
type Test struct {
	Name   string           `toml:"name"`
	Format string           `toml:"format"`
	Lines  string           `toml:"lines"`
	Inputs []Input          `toml:"input"`  // more files, for rules across files
	Events []Event          `toml:"events"` // instead of lines
	Until  configs.Duration `toml:"until"`  // so long after the first event the log goes on without another
	Expect Expect           `toml:"expect"`
}

// An Input is one file of a test.
type Input struct {
	Format string `toml:"format"`
	Lines  string `toml:"lines"`
}

// Expect says what a test must yield. Groups and At, where given, are complete.
type Expect struct {
	Count    int                `toml:"count"`
	Findings *int               `toml:"findings"` // nil: not checked
	Groups   map[string]int     `toml:"groups"`
	At       []configs.Duration `toml:"at"` // how long after the first event the findings are
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
	if r.Priority != "" {
		oneOf("priority", r.Priority, priorities)
	}
	if r.Issue != "" {
		oneOf("issue", r.Issue, issueKinds)
	}
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
	r.checkWords(fail)
	r.checkCounting(fail)
	r.checkHours(fail)
	r.checkTests(fail)
}

func (r *Rule) checkTexts(fail func(key, format string, args ...any)) {
	if (r.When == nil || r.When == "") && r.Sequence == nil && r.Retry == nil {
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

var (
	tagForm    = regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)
	attackForm = regexp.MustCompile(`^attack\.([tgs][0-9]{4}(\.[0-9]{3})?|[a-z]+(-[a-z]+)*)$`)
)

// IsTag reports whether a rule may have the tag.
func IsTag(tag string) bool {
	return tagForm.MatchString(tag) && (!strings.HasPrefix(tag, "attack.") || attackForm.MatchString(tag))
}

// checkWords calls fail for what is wrong in tags, references and suppressions.
func (r *Rule) checkWords(fail func(key, format string, args ...any)) {
	for i, tag := range r.Tags {
		switch {
		case !tagForm.MatchString(tag):
			fail(fmt.Sprintf("tags[%d]", i), "%q is no tag; want small letters and digits, as attack.t1110.001 or pci-dss", tag)
		case !IsTag(tag):
			fail(fmt.Sprintf("tags[%d]", i), "%q is no technique or tactic of ATT&CK; want one as attack.t1110.001 or attack.credential-access", tag)
		}
	}
	for i, ref := range r.Refs {
		if strings.HasPrefix(ref, configs.RunbookRef) {
			continue // checkRunbooks looks at it
		}
		if u, err := url.Parse(ref); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			fail(fmt.Sprintf("references[%d]", i), "%q is no address and no runbook; want one as https://attack.mitre.org/techniques/T1110/ or runbook:lock-waits", ref)
		}
	}
	for i := range r.Suppress {
		s := &r.Suppress[i]
		if s.owner == nil && len(s.Rules) > 0 {
			fail(fmt.Sprintf("suppress[%d].rules", i), "within a rule a suppression is about that rule; for several write [[suppress]] in a file of its own")
		}
		if s.owner == nil {
			s.check(fmt.Sprintf("suppress[%d]", i), fail)
		}
	}
}

// checkRunbooks calls fail for references to runbooks that there are not; ids returns the names of those there are. Where there is none at
// all, as among packed rules, which leave out what they do not need, nothing is said.
func (r *Rule) checkRunbooks(ids func() ([]string, error), fail func(key, format string, args ...any)) {
	for i, ref := range r.Refs {
		id, ok := strings.CutPrefix(ref, configs.RunbookRef)
		if !ok {
			continue
		}
		key := fmt.Sprintf("references[%d]", i)
		known, err := ids()
		switch {
		case err != nil:
			fail(key, "%v", err)
		case len(known) == 0 || slices.Contains(known, id):
		default:
			hint := ""
			if near := configs.Nearest(id, known); near != "" {
				hint = fmt.Sprintf("; did you mean %q?", configs.RunbookRef+near)
			}
			fail(key, "there is no runbook %q%s", id, hint)
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
// would pass a test of one kind. A site's own rules may do without (Untested).
func (r *Rule) checkTests(fail func(key, format string, args ...any)) {
	for i, t := range r.Tests {
		switch key := fmt.Sprintf("test[%d]", i); {
		case t.Lines == "" && len(t.Inputs)+len(t.Events) == 0:
			fail(key, "%q has no lines and no events", t.Name)
		case t.Lines != "" && len(t.Events) > 0:
			fail(key+".events", "%q has lines already; make two tests of it", t.Name)
		}
	}
	if lacks := r.lacksTests(); lacks != "" && !isLocal(r.File) {
		fail("test", "%s", lacks)
	}
}

// lacksTests says what tests the rule lacks, "" if none.
func (r *Rule) lacksTests() string {
	fires := func(t Test) bool { return t.Expect.Count > 0 }
	if slices.ContainsFunc(r.Tests, fires) && slices.ContainsFunc(r.Tests, func(t Test) bool { return !fires(t) }) {
		return ""
	}
	return "want a test that must fire (count above 0) and one that must not (count = 0)"
}

// Untested returns the rules of a site's own that lack a test which must fire, or one which must not.
func Untested(rules []Rule) configs.Errors {
	var all configs.Errors
	for i := range rules {
		if lacks := rules[i].lacksTests(); lacks != "" {
			all = append(all, rules[i].fault("test", "%s", lacks))
		}
	}
	return all
}

package rules

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// Decode turns the lines of a test into events: a batch whose generation is gen, read to its end.
type Decode func(format string, gen event.GenID, lines []byte) (*event.Batch, error)

// A Failure is a test that did not yield what it expects.
type Failure struct {
	File, Rule, Test string
	Want, Got        string
}

// String returns the failure as `veritail check` prints it.
func (f Failure) String() string {
	return fmt.Sprintf("%s: rule %q: test %q\n  expected %s\n  got      %s", f.File, f.Rule, f.Test, f.Want, f.Got)
}

// Check runs the tests of all rules and returns how many there are and those that fail. A rule is tested alone. The
// error is of rules that New refuses, or of lines that cannot be decoded.
func Check(rules []Rule, schema *event.Schema, decode Decode) (tests int, failures []Failure, err error) {
	if _, err := New(rules, Config{Schema: schema}); err != nil {
		return 0, nil, err
	}
	for i := range rules {
		r := &rules[i]
		for n := range r.Tests {
			tests++
			commit, err := r.example(n, schema, decode)
			if err != nil {
				return tests, failures, fmt.Errorf("test %q: %w", r.Tests[n].Name, err)
			}
			f, err := r.run(n, schema, commit)
			commit.Release()
			if err != nil {
				return tests, failures, fmt.Errorf("test %q: %w", r.Tests[n].Name, err)
			}
			if f != nil {
				failures = append(failures, *f)
			}
		}
	}
	return tests, failures, nil
}

// Coverage returns how many conditions rules have that Check takes, and those that no event of their rule's tests meets.
func Coverage(rules []Rule, schema *event.Schema, decode Decode) (conditions int, unmet configs.Errors, err error) {
	for i := range rules {
		r := &rules[i]
		parts, err := r.matchers(schema)
		if err != nil {
			return 0, nil, err
		}
		met := make([]bool, len(parts))
		for n := range r.Tests {
			commit, err := r.example(n, schema, decode)
			if err != nil {
				return 0, nil, fmt.Errorf("test %q: %w", r.Tests[n].Name, err)
			}
			for i := range parts {
				met[i] = met[i] || parts[i].holds(commit.Pages)
			}
			commit.Release()
		}
		conditions += len(parts)
		for i, p := range parts {
			if !met[i] {
				unmet = append(unmet, r.fault(p.key, "no event of the rule's tests meets it"))
			}
		}
	}
	return conditions, unmet, nil
}

// A part is a condition of a rule, to be told from the others.
type part struct {
	key string
	*query.Matcher
}

// matchers returns the conditions of a rule.
func (r *Rule) matchers(schema *event.Schema) (parts []part, err error) {
	for key, c := range r.conditions() {
		e, err := r.parse(c, schema)
		if err != nil {
			return nil, err
		}
		m, err := query.Compile(e)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part{key, m})
	}
	return parts, nil
}

// holds reports whether the condition holds for an event of some pages.
func (p part) holds(pages []*event.Page) bool {
	return slices.ContainsFunc(pages, func(page *event.Page) bool {
		var rows event.Bits
		p.Match(page, &rows)
		return rows != event.Bits{}
	})
}

// run judges the events of test number n, which commit has.
func (r *Rule) run(n int, schema *event.Schema, commit *event.Commit) (*Failure, error) {
	alone, t := *r, &r.Tests[n]
	alone.Suppress = slices.DeleteFunc(slices.Clone(r.Suppress), func(s Suppression) bool { return s.owner != nil }) // what a site leaves out is no fault of a rule
	alone.work = r.testHours()
	e, err := New([]Rule{alone}, Config{Schema: schema, Tally: true, Now: func() time.Time { return afterAll }})
	if err != nil {
		return nil, err
	}
	begins := int64(math.MaxInt64)
	for _, p := range commit.Pages {
		for _, t := range p.Column(event.FieldTime).Int {
			begins = min(begins, t)
		}
	}
	if t.Until > 0 {
		commit.To = []event.Mark{{Gen: 1, Low: begins + micros(t.Until)}}
	}
	if err := e.Process(context.Background(), commit); err != nil { // judges all: every file is at its end, or goes on
		return nil, err
	}
	e.Flush(commit)
	return r.compare(t, e.Tally()[r.ID], commit.Findings, begins), nil
}

// afterAll is a time after those of all tests, whatever this machine's clock says.
var afterAll = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// example returns the events of test number n.
func (r *Rule) example(n int, schema *event.Schema, decode Decode) (*event.Commit, error) {
	t := &r.Tests[n]
	commit := &event.Commit{Batch: &event.Batch{}}
	var err error
	if commit.Pages, err = r.EventsOf(n, schema); err != nil {
		return nil, err
	}
	inputs := t.Inputs
	if t.Lines != "" {
		inputs = append([]Input{{t.Format, t.Lines}}, inputs...)
	}
	for i, in := range inputs {
		b, err := decode(in.Format, event.GenID(i+1), []byte(strings.TrimPrefix(in.Lines, "\n")))
		if err != nil {
			return nil, fmt.Errorf("%s: rule %q: %w", r.File, r.ID, err)
		}
		for j := range b.To {
			b.To[j].Low = math.MaxInt64
		}
		commit.Merge(b)
	}
	return commit, nil
}

// compare returns how what was found differs from what the test expects, nil if it does not.
func (r *Rule) compare(t *Test, groups map[string]int64, found []event.Finding, begins int64) *Failure {
	got, findings := 0, len(found)
	for _, n := range groups {
		got += int(n)
	}
	ok := got == t.Expect.Count && (t.Expect.Findings == nil || *t.Expect.Findings == findings)
	if t.Expect.Groups != nil {
		ok = ok && len(groups) == len(t.Expect.Groups)
		for g, n := range t.Expect.Groups {
			ok = ok && groups[g] == int64(n)
		}
	}
	var at []time.Duration
	for _, f := range found {
		at = append(at, time.Duration(f.Time-begins)*time.Microsecond)
	}
	slices.Sort(at)
	var wantAt []time.Duration
	for _, d := range t.Expect.At {
		wantAt = append(wantAt, time.Duration(d))
	}
	if t.Expect.At == nil {
		at = nil
	}
	ok = ok && slices.Equal(at, wantAt)
	if ok {
		return nil
	}
	want := describe(t.Expect.Count, t.Expect.Findings, t.Expect.Groups) + times(wantAt)
	have := map[string]int{}
	for g, n := range groups {
		have[g] = int(n)
	}
	return &Failure{r.File, r.ID, t.Name, want, describe(got, &findings, have) + times(at)}
}

func times(at []time.Duration) string {
	if len(at) == 0 {
		return ""
	}
	return fmt.Sprintf(", at %v", at)
}

func describe(count int, findings *int, groups map[string]int) string {
	text := fmt.Sprintf("count %d", count)
	if findings != nil {
		text += fmt.Sprintf(", findings %d", *findings)
	}
	if len(groups) > 0 {
		text += ", groups"
		for _, g := range slices.Sorted(maps.Keys(groups)) {
			text += fmt.Sprintf(" %s=%d", g, groups[g])
		}
	}
	return text
}

package rules

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
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
		for _, t := range r.Tests {
			tests++
			f, err := r.run(&t, schema, decode)
			if err != nil {
				return tests, failures, fmt.Errorf("%s: rule %q: test %q: %w", r.File, r.ID, t.Name, err)
			}
			if f != nil {
				failures = append(failures, *f)
			}
		}
	}
	return tests, failures, nil
}

func (r *Rule) run(t *Test, schema *event.Schema, decode Decode) (*Failure, error) {
	alone := *r
	alone.Suppress = slices.DeleteFunc(slices.Clone(r.Suppress), func(s Suppression) bool { return s.owner != nil }) // what a site leaves out is no fault of a rule
	e, err := New([]Rule{alone}, Config{Schema: schema, Tally: true})
	if err != nil {
		return nil, err
	}
	inputs := t.Inputs
	if t.Lines != "" {
		inputs = append([]Input{{t.Format, t.Lines}}, inputs...)
	}
	commit := event.Commit{Batch: &event.Batch{}}
	for i, in := range inputs {
		b, err := decode(in.Format, event.GenID(i+1), []byte(strings.TrimPrefix(in.Lines, "\n")))
		if err != nil {
			return nil, err
		}
		defer b.Release()
		for j := range b.To {
			b.To[j].Low = math.MaxInt64
		}
		commit.Pages, commit.To = append(commit.Pages, b.Pages...), append(commit.To, b.To...)
	}
	if err := e.Process(context.Background(), &commit); err != nil { // judges all: every file is at its end
		return nil, err
	}
	return r.compare(t, e.Tally()[r.ID], len(commit.Findings)), nil
}

// compare returns how what was found differs from what the test expects, nil if it does not.
func (r *Rule) compare(t *Test, groups map[string]int64, findings int) *Failure {
	got := 0
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
	if ok {
		return nil
	}
	want := describe(t.Expect.Count, t.Expect.Findings, t.Expect.Groups)
	have := map[string]int{}
	for g, n := range groups {
		have[g] = int(n)
	}
	return &Failure{r.File, r.ID, t.Name, want, describe(got, &findings, have)}
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

package drill

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
)

// An Outcome is what came of playing a rule's test.
type Outcome string

// The outcomes.
const (
	Proven     Outcome = "proven"     // the rule fired, and what it made was stored and found again
	Silent     Outcome = "silent"     // it did not fire
	Suppressed Outcome = "suppressed" // a suppression of the site left the test's events out
	Skipped    Outcome = "skipped"    // it cannot be played; Why says why
)

// A Result is what came of playing a rule's test, the last time.
type Result struct {
	Rule    string    `json:"rule"`
	Outcome Outcome   `json:"outcome"`
	At      time.Time `json:"at"`
	Took    float64   `json:"took_seconds,omitempty"` // from when the lines were written to when what the rule made of them was durable
	Test    string    `json:"test,omitempty"`
	Count   int64     `json:"count,omitempty"` // occurrences
	Why     string    `json:"why,omitempty"`
}

// A Play is a test to be played.
type Play struct {
	Rule  *rules.Rule
	Test  *rules.Test
	Files []File
	Site  string
	Skip  string        // why it cannot be played; empty: it can
	Waits time.Duration // so long the rule waits for what else tells of the same
}

// maxWait bounds for how long a rule may wait for others that tell of the same, to be played.
const maxWait = 2 * time.Minute

// Plan returns for each rule how a run plays it: its first test of lines that must fire, or else the first that gives events.
func Plan(list []rules.Rule, schema *event.Schema, run string) ([]Play, error) {
	out := make([]Play, len(list))
	for i := range list {
		r, p := &list[i], &out[i]
		*p = Play{Rule: r, Site: SiteOf(run, r.ID)}
		for j := range r.Once {
			p.Waits = max(p.Waits, time.Duration(r.Once[j].Within))
		}
		n := firing(r)
		switch {
		case n < 0:
			p.Skip = "it has no test that must fire"
			continue
		case p.Waits > maxWait:
			p.Skip = fmt.Sprintf("it waits %v for what else tells of the same, longer than a drill", p.Waits)
			continue
		}
		p.Test = &r.Tests[n]
		pages, err := r.EventsOf(n, schema)
		if err != nil {
			return nil, err
		}
		if pages != nil {
			p.Files = append(p.Files, eventFile(pages))
		}
		inputs := p.Test.Inputs
		if p.Test.Lines != "" {
			inputs = append([]rules.Input{{Format: p.Test.Format, Lines: p.Test.Lines}}, inputs...)
		}
		for _, in := range inputs {
			p.Files = append(p.Files, File{Format: in.Format, Text: textOf(in)})
		}
	}
	return out, nil
}

// firing returns which test of a rule is played, -1 if there is none.
func firing(r *rules.Rule) int {
	fires := func(t rules.Test) bool { return t.Expect.Count > 0 }
	if n := slices.IndexFunc(r.Tests, func(t rules.Test) bool { return fires(t) && len(t.Events) == 0 }); n >= 0 {
		return n
	}
	return slices.IndexFunc(r.Tests, fires)
}

// textOf returns the lines of an input, as a file has them.
func textOf(in rules.Input) []byte {
	return []byte(strings.TrimSuffix(strings.TrimPrefix(in.Lines, "\n"), "\n") + "\n")
}

// MakesFindings reports whether the test's rule makes findings that a drill has to find again.
func (p *Play) MakesFindings() bool {
	return p.Rule.Severity != "info" && (p.Test.Expect.Findings == nil || *p.Test.Expect.Findings > 0)
}

// Results are the last results of rules, by their ids.
type Results []Result

// Load reads results from a file; there are none if the file is not there.
func Load(path string) (Results, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the results of drills: %w", err)
	}
	var r Results
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("read the results of drills in %s: %w", path, err)
	}
	return r, nil
}

// Save writes the results to a file, as a whole or not at all.
func (r Results) Save(path string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the results of a drill: %w", err)
	}
	part := path + ".part"
	if err := os.WriteFile(part, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the results of a drill to %s: %w", filepath.Dir(path), err)
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("write the results of a drill: %w", err)
	}
	return nil
}

// With returns the results with newer ones in the place of those of the same rules, without rules that are no more.
func (r Results) With(newer Results, list []rules.Rule) Results {
	by := map[string]Result{}
	for _, x := range slices.Concat(r, newer) {
		by[x.Rule] = x
	}
	var out Results
	for i := range list {
		if x, ok := by[list[i].ID]; ok {
			out = append(out, x)
		}
	}
	return out
}

// A Summary says how it stands with all rules.
type Summary struct {
	Rules  int       `json:"rules"`
	Proven int       `json:"proven"`
	Oldest time.Time `json:"oldest,omitzero"` // of what is proven
	Silent []string  `json:"silent,omitempty"`
}

// Summary sums up the results for the rules that there are.
func (r Results) Summary(list []rules.Rule) Summary {
	s := Summary{Rules: len(list)}
	for _, x := range (Results{}).With(r, list) {
		switch x.Outcome {
		case Proven:
			if s.Proven++; s.Oldest.IsZero() || x.At.Before(s.Oldest) {
				s.Oldest = x.At
			}
		case Silent:
			s.Silent = append(s.Silent, x.Rule)
		}
	}
	return s
}

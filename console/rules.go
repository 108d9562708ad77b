package console

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/state"
)

// ReadRules returns the rules that are judged, with how their tests go. It is called from any goroutine; nothing of what it returns is
// changed.
type ReadRules func(context.Context) ([]Rule, error)

// A Rule is a rule that is judged, as the pages of rules show it.
type Rule struct {
	ID, Severity, Title string
	Audience            []string
	Tags, References    []string
	File                string
	Text                string // its TOML
	Line                int    // number of the first line of Text in File
	Tests               []RuleTest
}

// A RuleTest is one of the tests of a rule: what it expected and got, where it fails.
type RuleTest struct{ Name, Want, Got string }

// Fails reports whether the rule did not make of the test what it expects.
func (t RuleTest) Fails() bool { return t.Want != "" }

// failing is how many of the rule's tests fail.
func (r *Rule) failing() (n int) {
	for _, t := range r.Tests {
		if t.Fails() {
			n++
		}
	}
	return n
}

// rulesPage is the list of rules with how they do.
type rulesPage struct {
	Lead  string
	Words string // that are looked for
	Site  string
	Reset string
	Rows  []ruleRow
}

// A ruleRow is a rule in a list.
type ruleRow struct {
	ID, URL, Title, Severity string
	Bars                     int
	Hits                     int64  // occurrences in seven days
	HitsURL                  string // of its findings
	Record                   state.Record
	Percent                  string // precision, "" where no finding was judged
	Class                    string // of the precision
	Tests, Failing           int
	Runbooks                 []runbookRow
	Audience                 string
}

func (s *server) rules(ctx context.Context, r *request) (answer, error) {
	all, err := s.Rules(ctx)
	if err != nil {
		return answer{}, fmt.Errorf("read the rules: %w", err)
	}
	p := rulesPage{Words: strings.TrimSpace(r.URL.Query().Get("text")), Site: r.site}
	if p.Words != "" {
		p.Reset = r.to("/rules")
	}
	tests, failing, judged := 0, 0, 0
	rows, err := s.ruleRows(ctx, r, all)
	if err != nil {
		return answer{}, err
	}
	for _, row := range rows {
		tests, failing = tests+row.Tests, failing+row.Failing
		if row.Record.Judged() > 0 {
			judged++
		}
		if matchesAll(row, p.Words) {
			p.Rows = append(p.Rows, row)
		}
	}
	p.Lead = fmt.Sprintf("%s, %s", count(int64(len(all)), "rule", "rules"), count(int64(tests), "test", "tests"))
	if failing > 0 {
		p.Lead += fmt.Sprintf(", %s", count(int64(failing), "fails", "fail"))
	} else {
		p.Lead += ", all pass"
	}
	if judged == 0 {
		p.Lead += "; no finding was judged yet"
	} else {
		p.Lead += fmt.Sprintf("; findings of %s were judged", number(int64(judged)))
	}
	return answer{Title: "Rules", Body: p}, nil
}

// filled is what a rule's title has in place of what a finding's has.
var filled = regexp.MustCompile(`\{\{[^}]*\}\}`)

// matchesAll reports whether a rule's id, title or audience has all words.
func matchesAll(row ruleRow, words string) bool {
	text := strings.ToLower(row.ID + " " + row.Title + " " + row.Severity + " " + row.Audience)
	for w := range strings.FieldsSeq(strings.ToLower(words)) {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// ruleRows returns the rules with how they do: those whose tests fail, then the least precise, then those that count most.
func (s *server) ruleRows(ctx context.Context, r *request, all []Rule) ([]ruleRow, error) {
	counts, err := s.ruleCounts(ctx, r)
	if err != nil {
		return nil, err
	}
	hits := map[string]int64{}
	for _, c := range counts {
		hits[c.id] = c.n
	}
	records := map[string]state.Record{}
	if s.Records != nil {
		if records, err = s.Records.Records(ctx); err != nil {
			return nil, err
		}
	}
	var out []ruleRow
	for i := range all {
		out = append(out, s.ruleRow(r, &all[i], records[all[i].ID], hits[all[i].ID]))
	}
	slices.SortStableFunc(out, func(a, b ruleRow) int {
		return cmp.Or(cmp.Compare(b.Failing, a.Failing), cmp.Compare(a.Record.Precision(), b.Record.Precision()), cmp.Compare(b.Record.Judged(), a.Record.Judged()), cmp.Compare(b.Hits, a.Hits), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

func (s *server) ruleRow(r *request, rule *Rule, record state.Record, hits int64) ruleRow {
	row := ruleRow{
		ID: rule.ID, URL: r.rule(rule.ID), Title: filled.ReplaceAllString(rule.Title, "…"), Severity: rule.Severity, Bars: bars(rule.Severity),
		Hits: hits, HitsURL: r.to("/findings", "rule", rule.ID), Record: record, Tests: len(rule.Tests), Failing: rule.failing(), Audience: strings.Join(rule.Audience, ", "),
	}
	if record.Judged() > 0 {
		row.Percent, row.Class = fmt.Sprintf("%d %%", int(100*record.Precision()+0.5)), precisionClass(record)
	}
	books, _ := s.Runbooks().Of(rule.References)
	row.Runbooks = runbookRows(r, books)
	return row
}

// A rule that is right in nine of ten findings is Green, one that is wrong in every second is Red.
const (
	greenPrecision = 0.9
	redPrecision   = 0.5
)

func precisionClass(r state.Record) string {
	switch p := r.Precision(); {
	case p >= greenPrecision:
		return "G"
	case p > redPrecision:
		return "Y"
	}
	return "R"
}

func (r *request) rule(id string) string { return r.to("/rules/" + url.PathEscape(id)) }

// rulePageOf is the address of a rule's page, or of its findings where the rule is no more, or is the program's own.
func (s *server) rulePageOf(ctx context.Context, r *request, id string) (string, error) {
	if s.Rules != nil {
		all, err := s.Rules(ctx)
		if err != nil {
			return "", fmt.Errorf("read the rules: %w", err)
		}
		if slices.ContainsFunc(all, func(rule Rule) bool { return rule.ID == id }) {
			return r.rule(id), nil
		}
	}
	return r.to("/findings", "rule", id), nil
}

// rulePage is one rule.
type rulePage struct {
	ruleRow
	File     string
	Code     []codeLine
	Tags     []tag
	Refs     []string
	Recent   []findingRow
	LeftOut  int64
	Findings string // address of its findings
}

// A codeLine is a line of a rule's TOML.
type codeLine struct {
	N     int
	Class string // "h" for the head of a table, "c" for a comment
	Mark  string // ✓ or ✕ beside a test
	OK    bool
	Text  string
	Says  string // below a test that fails
}

func (s *server) rule(ctx context.Context, r *request) (answer, error) {
	all, err := s.Rules(ctx)
	if err != nil {
		return answer{}, fmt.Errorf("read the rules: %w", err)
	}
	id := chi.URLParam(r.Request, "id")
	i := slices.IndexFunc(all, func(rule Rule) bool { return rule.ID == id })
	if i < 0 {
		return answer{}, errNotFound
	}
	rule := &all[i]
	one, err := s.ruleRows(ctx, r, all[i:i+1])
	if err != nil {
		return answer{}, err
	}
	p := rulePage{ruleRow: one[0], File: rule.File, Code: codeOf(rule), Tags: s.attack.tags(rule.Tags), Findings: one[0].HitsURL}
	_, p.Refs = s.Runbooks().Of(rule.References)
	p.Refs = references(p.Refs)
	if p.LeftOut, err = s.leftOut(ctx, r, []string{id}); err != nil {
		return answer{}, err
	}
	list, err := s.Reader.Findings(ctx, s.view(r.Request), storage.FindingQuery{Rules: []string{id}, Site: &r.site, Limit: 8})
	if err != nil {
		return answer{}, fmt.Errorf("read findings of %s: %w", id, err)
	}
	p.Recent = rows(r, single(list))
	return answer{Title: id, Body: p}, nil
}

// codeOf returns the lines of a rule's TOML, each test with whether it passes.
func codeOf(rule *Rule) []codeLine {
	if rule.Text == "" {
		return nil
	}
	var out []codeLine
	test, quoted := -1, ""
	for i, text := range strings.Split(rule.Text, "\n") {
		l := codeLine{N: rule.Line + i, Text: text}
		trimmed := strings.TrimSpace(text)
		switch {
		case quoted != "":
		case strings.HasPrefix(trimmed, "["):
			l.Class = "h"
			if trimmed == "[[rule.test]]" {
				if test++; test < len(rule.Tests) {
					t := rule.Tests[test]
					l.OK, l.Mark = !t.Fails(), "✓"
					if t.Fails() {
						l.Mark, l.Says = "✕", "expected "+t.Want+", got "+t.Got
					}
				}
			}
		case strings.HasPrefix(trimmed, "#"):
			l.Class = "c"
		}
		for _, q := range []string{`"""`, "'''"} {
			if (quoted == "" || quoted == q) && strings.Count(text, q)%2 == 1 {
				if quoted == "" {
					quoted = q
				} else {
					quoted = ""
				}
				break
			}
		}
		out = append(out, l)
	}
	return out
}

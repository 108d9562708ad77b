package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query"
)

// A ruleCount is how many occurrences a rule has counted.
type ruleCount struct {
	id string
	n  int64
}

// readFindings reads one page of findings, whether there are more, and the rules that can be asked for.
func (s *server) readFindings(ctx context.Context, r *request, f filter) ([]event.Finding, bool, []ruleCount, error) {
	list, err := s.Reader.Findings(ctx, s.view(r.Request), f.query(r))
	if err != nil {
		return nil, false, nil, fmt.Errorf("read findings: %w", err)
	}
	rules, err := s.ruleCounts(ctx, r)
	if err != nil {
		return nil, false, nil, err
	}
	if len(list) > findingsPerPage {
		return list[:findingsPerPage], true, rules, nil
	}
	return list, false, rules, nil
}

// ruleCounts sums the occurrences of each rule over the last seven days.
func (s *server) ruleCounts(ctx context.Context, r *request) ([]ruleCount, error) {
	const day = 24 * time.Hour
	to := midnight(r.now).Add(day)
	cells, err := s.Reader.Rollups(ctx, s.view(r.Request), storage.RollupQuery{
		Site: r.site, Series: []string{"rule/*"}, Every: day,
		During: query.Interval{From: to.Add(-7 * day).UnixMicro(), To: to.UnixMicro()},
	})
	if err != nil {
		return nil, fmt.Errorf("count occurrences by rule: %w", err)
	}
	at := map[string]int{}
	var rules []ruleCount
	for _, c := range cells {
		id, ok := strings.CutPrefix(c.Series, "rule/")
		if !ok {
			continue
		}
		i, ok := at[id]
		if !ok {
			i = len(rules)
			at[id] = i
			rules = append(rules, ruleCount{id: id})
		}
		rules[i].n += c.N
	}
	slices.SortFunc(rules, func(a, b ruleCount) int { return cmp.Compare(a.id, b.id) })
	return rules, nil
}

// leftOut sums what suppressions left out of some rules over the last seven days; of no rule in particular, of all.
func (s *server) leftOut(ctx context.Context, r *request, rules []string) (n int64, err error) {
	const day = 24 * time.Hour
	to := midnight(r.now).Add(day)
	series := []string{"suppressed/*"}
	if len(rules) > 0 {
		series = nil
		for _, id := range rules {
			series = append(series, "suppressed/"+id)
		}
	}
	cells, err := s.Reader.Rollups(ctx, s.view(r.Request), storage.RollupQuery{
		Site: r.site, Series: series, Every: day, During: query.Interval{From: to.Add(-7 * day).UnixMicro(), To: to.UnixMicro()},
	})
	if err != nil {
		return 0, fmt.Errorf("count what suppressions left out: %w", err)
	}
	for _, c := range cells {
		n += c.N
	}
	return n, nil
}

// waiting is the number of severe findings of the last 24 hours, for the navigation; "" for none, or where the
// store does not say.
func (s *server) waiting(ctx context.Context, r *request) string {
	list, err := s.Reader.Findings(ctx, s.view(r.Request), storage.FindingQuery{
		Severities: []string{"critical", "high"}, Site: &r.site, During: query.Since(r.now, 24*time.Hour), Limit: 100,
	})
	switch {
	case err != nil || len(list) == 0:
		return ""
	case len(list) >= 100:
		return "99+"
	}
	return number(int64(len(list)))
}

// readFinding reads one finding; errNotFound where there is none.
func (s *server) readFinding(ctx context.Context, r *request, id string) (event.Finding, error) {
	list, err := s.Reader.Findings(ctx, s.view(r.Request), storage.FindingQuery{ID: id, Limit: 1})
	if err != nil {
		return event.Finding{}, fmt.Errorf("read finding %s: %w", id, err)
	}
	if len(list) == 0 {
		return event.Finding{}, errNotFound
	}
	return list[0], nil
}

// neighbours reads the findings of the same rule that came before this one.
func (s *server) neighbours(ctx context.Context, r *request, f event.Finding) ([]event.Finding, error) {
	list, err := s.Reader.Findings(ctx, s.view(r.Request), storage.FindingQuery{
		Rules: []string{f.Rule}, Site: &f.Site, Before: f.ID, Limit: 5,
	})
	if err != nil {
		return nil, fmt.Errorf("read earlier findings of %s: %w", f.Rule, err)
	}
	return list, nil
}

// A trace is what one data set has about the group of a finding.
type trace struct {
	Dataset, URL                string
	Events, Failures, Successes int64
}

// traces counts the events of the last day before the finding that share its group, by data set and outcome.
func (s *server) traces(ctx context.Context, r *request, f event.Finding) ([]trace, string, error) {
	text := s.groupQuery(f.Group, r.now)
	if text == "" {
		return nil, "", nil
	}
	where, err := query.Parse(text, s.Schema, r.now)
	if err != nil {
		return nil, "", fmt.Errorf("parse the query of the group: %w", err)
	}
	from, to := f.Last-(24*time.Hour).Microseconds(), f.Last+time.Hour.Microseconds()
	t, err := s.Reader.Aggregate(ctx, s.view(r.Request), query.Agg{
		Where: query.And{where, query.OfSite(f.Site)}, During: query.Interval{From: from, To: to},
		By: []string{"event.dataset", "event.outcome"}, Limit: 100,
	})
	if err != nil {
		return nil, "", fmt.Errorf("count events of %s: %w", text, err)
	}
	at := map[string]int{}
	var out []trace
	for _, row := range t.Rows {
		i, ok := at[row.Key[0]]
		if !ok {
			i = len(out)
			at[row.Key[0]] = i
			out = append(out, trace{Dataset: row.Key[0], URL: links{f.Site}.search(both(text, is("event.dataset", row.Key[0])), from, to)})
		}
		out[i].Events += row.Count
		switch row.Key[1] {
		case "failure":
			out[i].Failures += row.Count
		case "success":
			out[i].Successes += row.Count
		}
	}
	return out, links{f.Site}.search(text, from, to), nil
}

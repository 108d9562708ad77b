package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/saypro/veritail/console"
	"github.com/saypro/veritail/reports/runbook"
	"github.com/saypro/veritail/rules"
)

// runbooksEvery is how long runbooks are shown as they were read.
const runbooksEvery = 10 * time.Second

// runbooks gives the console the runbooks as they stand in the files of the configuration, and those of before while there is a mistake in them.
func (d *daemon) runbooks() func() *runbook.Library {
	if d.cfg.Configs == "" {
		return func() *runbook.Library { return d.setup.runbooks }
	}
	var mu sync.Mutex
	now, read := d.setup.runbooks, time.Now()
	return func() *runbook.Library {
		mu.Lock()
		defer mu.Unlock()
		if time.Since(read) < runbooksEvery {
			return now
		}
		read = time.Now()
		l, err := runbook.Load(d.setup.fs)
		if err != nil {
			slog.Warn("runbooks that were changed are not shown, those of before are", "err", err)
			return now
		}
		now = l
		return now
	}
}

// shownRules gives the console the rules that are judged. Their tests are run when somebody asks for the first time, and again when
// other rules have taken over.
type shownRules struct {
	d    *daemon
	mu   sync.Mutex
	of   *ruleSet
	list []console.Rule
}

func (s *shownRules) rules(context.Context) ([]console.Rule, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	set := s.d.judged.Load()
	if set == s.of {
		return s.list, nil
	}
	_, failures, err := rules.Check(set.list, s.d.setup.schema, s.d.setup.decodeTest)
	if err != nil {
		return nil, fmt.Errorf("run the tests of the rules: %w", err)
	}
	type test struct{ rule, name string }
	failed := map[test]rules.Failure{}
	for _, f := range failures {
		failed[test{f.Rule, f.Test}] = f
	}
	var list []console.Rule
	for i := range set.list {
		r := &set.list[i]
		shown := console.Rule{ID: r.ID, Severity: r.Severity, Title: r.Title, Audience: r.Audience, Tags: r.Tags, References: r.Refs, File: r.Shown()}
		if shown.Text, shown.Line, err = r.Source(); err != nil {
			return nil, err
		}
		for _, t := range r.Tests {
			f := failed[test{r.ID, t.Name}]
			shown.Tests = append(shown.Tests, console.RuleTest{Name: t.Name, Want: f.Want, Got: f.Got})
		}
		list = append(list, shown)
	}
	s.of, s.list = set, list
	return list, nil
}

package rules

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
)

// guessed is a rule file whose tests say when their events are; %s are further tests.
const guessed = `[[rule]]
id       = "auth.guessed"
title    = "Password of {{user.name}} guessed"
severity = "high"
audience = ["security"]
group    = "user.name"
runbook  = "Lock the account."

[rule.sequence]
within = "10m"
[[rule.sequence.step]]
when  = 'event.outcome:failure'
count = 3
[[rule.sequence.step]]
when  = 'event.outcome:success'

[[rule.test]]
name   = "three failures and a success"
expect = { count = 1, findings = 1, groups = { bob = 1 }, at = ["5m"] }
events = [
  { event.outcome = "failure", user.name = "bob", times = 3, every = "1m" },
  { at = "4m", event.outcome = "success", user.name = "ann" },
  { at = "5m", event.outcome = "success", user.name = "bob" },
]

[[rule.test]]
name   = "the failures are too long ago"
expect = { count = 0 }
events = [
  { event.outcome = "failure", user.name = "bob", times = 3, every = "1m" },
  { at = "1d", event.outcome = "success", user.name = "bob" },
]
`

// noLines is for tests that have none.
func noLines(string, event.GenID, []byte) (*event.Batch, error) { return nil, errors.New("no format") }

func checkText(t *testing.T, text string) (string, error) {
	t.Helper()
	rules, err := loadText(text)
	if err != nil {
		return "", err
	}
	_, failures, err := Check(rules, testSchema(t), noLines)
	if err != nil {
		return "", err
	}
	var all []string
	for _, f := range failures {
		all = append(all, f.String())
	}
	return strings.Join(all, "\n"), err
}

func TestEventsOfTestsSayWhenTheyAre(t *testing.T) {
	t.Parallel()
	if got, err := checkText(t, guessed); got != "" || err != nil {
		t.Errorf("%s %v", got, err)
	}
	late := strings.Replace(guessed, `{ at = "5m", event`, `{ at = "11m", event`, 1)
	want := `rules/app.toml: rule "auth.guessed": test "three failures and a success"
  expected count 1, findings 1, groups bob=1, at [5m0s]
  got      count 0, findings 0`
	if got, err := checkText(t, late); got != want || err != nil {
		t.Errorf("got\n%s\n%v\nwant\n%s", got, err, want)
	}
	sooner := strings.Replace(guessed, `{ at = "5m", event`, `{ at = "3m", event`, 1)
	if got, _ := checkText(t, sooner); !strings.HasSuffix(got, "got      count 1, findings 1, groups bob=1, at [3m0s]") {
		t.Errorf("got\n%s", got)
	}
}

func TestALogGoesOnInATestWithoutAnotherEvent(t *testing.T) {
	t.Parallel()
	text := func(until string) string {
		head := strings.Replace(guessed[:strings.Index(guessed, "[rule.sequence]")], "[[rule]]", "[[rule]]\nwhen = 'event.action:beat'", 1)
		return head + fmt.Sprintf(`[rule.absence]
within = "10m"
[[rule.test]]
name   = "the beat stops"
until  = %q
expect = { count = 1, at = ["20m"] }
events = [{ event.action = "beat", user.name = "bob", times = 3, every = "5m" }]
[[rule.test]]
name   = "it goes on"
until  = "19m"
expect = { count = 0 }
events = [{ event.action = "beat", user.name = "bob", times = 3, every = "5m" }]
`, until)
	}
	if got, err := checkText(t, text("1h")); got != "" || err != nil {
		t.Errorf("%s %v", got, err)
	}
	if got, err := checkText(t, text("20m")); !strings.Contains(got, "got      count 0, findings 0") || err != nil {
		t.Errorf("%s %v", got, err)
	}
}

func TestMistakesInEventsOfTests(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ old, new, want string }{
		{`at = "5m", event`, `at = "soon", event`, `rules/app.toml:23: rule "auth.guessed": test[0].events[2].at: soon is no time after the test's beginning; want one as "90s", "10m" or "2d"`},
		{`times = 3, every = "1m" },
  { at = "4m"`, `times = "3", every = "1m" },
  { at = "4m"`, `rules/app.toml:21: rule "auth.guessed": test[0].events[0].times: want a whole number, at least 1`},
		{`{ at = "4m", event.outcome = "success"`, `{ at = "4m", source.ip = "10.0.0.300"`, `rules/app.toml:22: rule "auth.guessed": test[0].events[1].source.ip: 10.0.0.300 is no value of source.ip, which is of kind ip`},
		{`{ at = "4m", event.outcome = "success"`, `{ at = "4m", http.response.status_code = "ok"`, `rules/app.toml:22: rule "auth.guessed": test[0].events[1].http.response.status_code: ok is no value of http.response.status_code, which is of kind int`},
		{`times = 3, every = "1m" },
  { at = "4m"`, `times = 300000, every = "1m" },
  { at = "4m"`, `rules/app.toml:21: rule "auth.guessed": test[0].events[0]: a test has at most 100000 events`},
	} {
		text := strings.Replace(guessed, tc.old, tc.new, 1)
		if _, err := checkText(t, text); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
}

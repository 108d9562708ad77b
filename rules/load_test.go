package rules

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/storage/query"
)

// good is a rule file without a mistake; the cases change one thing of it.
const good = `[[rule]]
id       = "app.error"
title    = "Error of {{process.name}}"
severity = "low"
audience = ["operator"]
when     = 'log.level:error'
group    = "process.name"
runbook  = "Read the message."
rearm    = "10m"

[[rule.once]]
from   = ['log.level:error', '*']
by     = ["user.name"]
within = "2s"

[rule.threshold]
count  = 2
within = "1m"

[[rule.test]]
name   = "two errors"
format = "app"
lines  = "web error"
expect = { count = 1 }

[[rule.test]]
name   = "a warning"
format = "app"
lines  = "web warning"
expect = { count = 0 }
`

func TestMistakesInRuleFilesAreNamedWithTheirPlace(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, old, new, want string }{
		{"an unknown key", "severity =", "sevrity =", `rules/app.toml:4: unknown key "sevrity" in rule "app.error"; did you mean "severity"?`},
		{"an unknown key of a threshold", "count  = 2", "cuont = 2", `rules/app.toml:17: unknown key "cuont" in rule "app.error"; did you mean "count"?`},
		{"a value of the wrong type", `rearm    = "10m"`, `rearm    = 10`, `rules/app.toml:9: key "rearm"`},
		{"no TOML", `title    = `, `title    `, `rules/app.toml:3: `},
		{"an unknown scope", "severity = ", "scope = \"fleets\"\nseverity = ", `rules/app.toml:4: rule "app.error": scope: "fleets" is none of host, fleet; did you mean "fleet"?`},
		{"a count of a fleet that nobody can take over", `rearm    = "10m"`, `scope    = "fleet"`, `rules/app.toml:1: rule "app.error": rearm: missing: with once and a threshold, scope = "fleet" wants one.`},
		{"an unknown severity", `"low"`, `"hihg"`, `rules/app.toml:4: rule "app.error": severity: "hihg" is none of info, low, medium, high, critical; did you mean "high"?`},
		{"an unknown audience", `["operator"]`, `["dba", "operators"]`, `rules/app.toml:5: rule "app.error": audience[1]: "operators" is none of security, dba, operator; did you mean "operator"?`},
		{"no audience", `["operator"]`, `[]`, `rules/app.toml:5: rule "app.error": audience: missing; want some of security, dba, operator`},
		{"no title", `"Error of {{process.name}}"`, `""`, `rules/app.toml:3: rule "app.error": title: missing`},
		{"a template that does not close", `{{process.name}}`, `{{process.name}`, `rules/app.toml:3: rule "app.error": title: {{ wants a field and }}`},
		{"no condition", `'log.level:error'` + "\n" + `group`, `''` + "\n" + `group`, `rules/app.toml:6: rule "app.error": when: missing: which events?`},
		{"no group", `group    = "process.name"` + "\n", "", `rules/app.toml:1: rule "app.error": group: missing: by which field are occurrences told apart?`},
		{"a group of nothing", `"process.name"` + "\nrunbook", `"|"` + "\nrunbook", `rules/app.toml:7: rule "app.error": group: missing`},
		{"no runbook", `"Read the message."`, `""`, `rules/app.toml:8: rule "app.error": runbook: missing: what should its reader do?`},
		{"an id with a blank", `"app.error"`, `"app error"`, `rules/app.toml:2: rule "app error": id: want a name like area.what-happened`},
		{"a threshold without a window", "count  = 2\nwithin = \"1m\"", "count  = 2", `rules/app.toml:16: rule "app.error": threshold.within: missing: in how long a time?`},
		{"a threshold of none", "count  = 2", "count  = 0", `rules/app.toml:17: rule "app.error": threshold.count: want at least 1`},
		{"a negative rearm", `"10m"`, `"-10m"`, `rules/app.toml:9: `},
		{"once without a time", `within = "2s"` + "\n", "", `rules/app.toml:11: rule "app.error": once[0].within: missing: how far apart may its events lie?`},
		{"once with one teller", `['log.level:error', '*']`, `['*']`, `rules/app.toml:12: rule "app.error": once[0].from: want two to 64 tellers, not 1`},
		{"only tests that fire", "count = 0", "count = 3", `rules/app.toml:20: rule "app.error": test: want a test that must fire (count above 0) and one that must not (count = 0)`},
		{"a test without lines", `"web warning"`, `""`, `rules/app.toml:26: rule "app.error": test[1]: "a warning" has no lines`},
		{"a query that does not parse", `'log.level:error'` + "\n" + `group`, `'log.level:(error or'` + "\n" + `group`, `rules/app.toml:6: rule "app.error": when: column `},
		{"a value of the wrong kind", `'log.level:error'` + "\n" + `group`, `'http.response.status_code:5*'` + "\n" + `group`, `rules/app.toml:6: rule "app.error": when: column 27: http.response.status_code is of kind int and takes no wildcard`},
		{"a condition that is no condition", `'log.level:error'` + "\n" + `group`, `5` + "\n" + `group`, `rules/app.toml:6: rule "app.error": when: want a query or a table`},
		{"a slip in a table", `'log.level:error'` + "\n" + `group`, `{ user.name = "a", message = { contian = "x" } }` + "\n" + `group`, `rules/app.toml:6: rule "app.error": when.message.contian: unknown modifier "contian"; did you mean "contains"?`},
		{"a value of a table of the wrong kind", `'log.level:error'` + "\n" + `group`, `{ any = [{ user.name = "a" }, { "http.response.status_code" = "5xx" }] }` + "\n" + `group`, `rules/app.toml:6: rule "app.error": when.any[1]."http.response.status_code": 5xx is not a whole number`},
		{"a list that is not there", `'log.level:error'` + "\n" + `group`, `{ user.name.in = "lists/gone.txt" }` + "\n" + `group`, `rules/app.toml:6: rule "app.error": when.user.name.in: read the list lists/gone.txt: file does not exist`},
		{"a list outside", `'log.level:error'` + "\n" + `group`, `{ user.name.in = "../gone.txt" }` + "\n" + `group`, `rules/app.toml:6: rule "app.error": when.user.name.in: "../gone.txt" is no file of the configuration`},
		{"a teller that does not parse", `['log.level:error', '*']`, `['log.level:error', 'log.level:']`, `rules/app.toml:12: rule "app.error": once[0].from[1]: column `},
		{"a weight that is no number", `rearm    = "10m"`, `weight = "user.name"`, `rules/app.toml:9: rule "app.error": weight: field "user.name" is of kind keyword; a weight wants one of kind int`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(good, tc.old, tc.new, 1)
			if text == good {
				t.Fatal("the case changes nothing")
			}
			fsys := fstest.MapFS{"rules/app.toml": {Data: []byte(text)}}
			rules, err := Load(fsys)
			if err == nil {
				_, err = New(rules, Config{Schema: testSchema(t)})
			}
			if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
				t.Errorf("got  %v\nwant %s", err, tc.want)
			}
		})
	}
}

// loadText reads one rule file.
func loadText(text string) ([]Rule, error) {
	return Load(fstest.MapFS{"rules/app.toml": {Data: []byte(text)}})
}

func TestARuleFileWithoutAMistakeLoads(t *testing.T) {
	t.Parallel()
	rules, err := Load(fstest.MapFS{"rules/app.toml": {Data: []byte(good)}, "rules/notes.txt": {Data: []byte("no rules")}})
	if err != nil || len(rules) != 1 || rules[0].ID != "app.error" || rules[0].File != "rules/app.toml" {
		t.Fatalf("%+v, %v", rules, err)
	}
	if _, err := New(rules, Config{Schema: testSchema(t)}); err != nil {
		t.Error(err)
	}
}

func TestAnIDStandsOnceInAllFiles(t *testing.T) {
	t.Parallel()
	_, err := Load(fstest.MapFS{"rules/a/one.toml": {Data: []byte(good)}, "rules/two.toml": {Data: []byte(good)}})
	if want := `rules/two.toml:2: rule "app.error": id: another rule of this name is in rules/a/one.toml`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	t.Parallel()
	bad := strings.NewReplacer(`"low"`, `"loud"`, `"Read the message."`, `""`).Replace(good)
	_, err := Load(fstest.MapFS{"rules/a.toml": {Data: []byte(bad)}, "rules/b.toml": {Data: []byte("x = 1")}})
	if err == nil || strings.Count(err.Error(), "\n") != 2 || !strings.Contains(err.Error(), "rules/b.toml:1") {
		t.Errorf("got\n%v\nwant the severity, the runbook and the other file", err)
	}
}

func TestTheCaretStandsUnderTheMistakeOfAQuery(t *testing.T) {
	t.Parallel()
	text := strings.Replace(good, "'log.level:error'\ngroup", "'log.level:error and http.response.status_code:5*'\ngroup", 1)
	rules, err := Load(fstest.MapFS{"rules/app.toml": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(rules, Config{Schema: testSchema(t)})
	detail := asFaults(err, "")[0].Detail()
	lines := strings.Split(detail, "\n")
	if len(lines) != 3 || strings.Index(lines[1], "5*") != strings.Index(lines[2], "^") {
		t.Errorf("shown as\n%s", detail)
	}
}

func TestATableSaysWhichEvents(t *testing.T) {
	t.Parallel()
	text := strings.Replace(good, "when     = 'log.level:error'\n", "", 1)
	text = strings.Replace(text, "[[rule.once]]", `[rule.when]
log.level = "error"
not       = { user.name = { in = "lists/quiet.txt" } }

[[rule.once]]`, 1)
	rules, err := Load(fstest.MapFS{"rules/app.toml": {Data: []byte(text)}, "lists/quiet.txt": {Data: []byte("# who may\nbob # and ann\nann\nbob\n")}})
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(rules, Config{Schema: testSchema(t)})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := query.String(e.cond.exprs[e.rules[0].when]), "log.level:error and not (user.name:ann or user.name:bob)"; got != want {
		t.Errorf("is %s, want %s", got, want)
	}
}

func TestFieldsThatNoFormatHasAreTold(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer(`"user.name"]`, `"user.nam"]`, "{{process.name}}", "{{procss.name}}", "'log.level:error'\ngroup", "'log.levl:error'\ngroup").Replace(good)
	rules, err := Load(fstest.MapFS{"rules/app.toml": {Data: []byte(text)}})
	if err != nil {
		t.Fatal(err)
	}
	want := `rules/app.toml:6: rule "app.error": when: no format has a field "log.levl"; did you mean "log.level"?
rules/app.toml:13: rule "app.error": once[0].by[0]: no format has a field "user.nam"; did you mean "user.name"?
rules/app.toml:3: rule "app.error": title: no format has a field "procss.name"; did you mean "process.name"?`
	if got := Unknown(rules, testSchema(t)).Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestARuleNamesARunbookThatThereIs(t *testing.T) {
	for ref, want := range map[string]string{
		"runbook:night-shift": "",
		"runbook:own":         "",
		"runbook:nigth-shift": `rules/app.toml:10: rule "app.error": references[0]: there is no runbook "nigth-shift"; did you mean "runbook:night-shift"?`,
		"night-shift":         `is no address and no runbook`,
	} {
		text := strings.Replace(good, `rearm    = "10m"`, `rearm    = "10m"`+"\nreferences = [\""+ref+"\"]", 1)
		_, err := Load(fstest.MapFS{
			"rules/app.toml":          {Data: []byte(text)},
			"runbooks/night-shift.md": {Data: []byte("# The night shift")},
			"local/runbooks/own.md":   {Data: []byte("# Our own")},
		})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", ref, err, want)
		}
	}
}

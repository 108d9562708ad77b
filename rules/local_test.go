package rules

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// site returns a configuration with the rule of the other tests and files of a site's own.
func site(files map[string]string) fstest.MapFS {
	fsys := fstest.MapFS{"rules/app.toml": {Data: []byte(good)}}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

func TestASiteChangesAShippedRuleInTheKeysThatItGives(t *testing.T) {
	t.Parallel()
	fsys := site(map[string]string{"local/ours.toml": `
[[rule]]
id        = "app.error"
severity  = "critical"
threshold = { count = 7, within = "1h" }

[[rule]]
id       = "our.error"
title    = "Ours"
severity = "low"
audience = ["operator"]
when     = 'log.level:fatal'
group    = "host.name"
runbook  = "Look."
test     = [{ name = "a", format = "app", lines = "x", expect = { count = 1 } }, { name = "b", format = "app", lines = "y", expect = { count = 0 } }]
`})
	all, err := Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 2 {
		t.Fatalf("%d rules", len(all))
	}
	r := all[0]
	if r.Severity != "critical" || r.Threshold.Count != 7 || r.When != "log.level:error" || len(r.Tests) != 0 || len(r.Once) != 1 || r.File != "local/ours.toml" {
		t.Errorf("the changed rule is %+v", r)
	}
	changes, err := Changes(fsys, site(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(changes), "[{app.error local/ours.toml [severity threshold] false} {our.error local/ours.toml [] false}]"; got != want {
		t.Errorf("changes %s, want %s", got, want)
	}
	if changes, err = Changes(site(nil), site(nil)); err != nil || len(changes) > 0 {
		t.Errorf("the shipped rules differ from themselves: %v, %v", changes, err)
	}
}

// After an upgrade the keys that a site did not give are the new ones.
func TestAnUpgradeReachesWhatASiteDidNotChange(t *testing.T) {
	t.Parallel()
	fsys := site(map[string]string{"local/ours.toml": "[[rule]]\nid = \"app.error\"\nseverity = \"critical\"\n"})
	fsys["rules/app.toml"].Data = []byte(strings.Replace(good, "Read the message.", "Read it all.", 1))
	all, err := Load(fsys)
	if err != nil || all[0].Runbook != "Read it all." || all[0].Severity != "critical" {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestASiteSwitchesARuleOff(t *testing.T) {
	t.Parallel()
	fsys := site(map[string]string{"local/off.toml": "[[rule]]\nid = \"app.error\"\nenabled = false\n"})
	all, err := Load(fsys)
	if err != nil || len(all) != 0 {
		t.Errorf("%d rules, %v", len(all), err)
	}
	changes, err := Changes(fsys, site(nil))
	if got, want := fmt.Sprint(changes, err), "[{app.error local/off.toml [enabled] true}] <nil>"; got != want {
		t.Errorf("changes %s, want %s", got, want)
	}
}

func TestMistakesOfASiteAreNamedInItsFiles(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"a rule twice", "[[rule]]\nid = \"app.error\"\n[[rule]]\nid = \"app.error\"\n", `local/a.toml:4: rule "app.error": id: another rule of this name is in local/a.toml`},
		{"a bad change", "[[rule]]\nid = \"app.error\"\nseverity = \"loud\"\n", `local/a.toml:3: rule "app.error": severity: "loud" is none of`},
		{"a slip in the id", "[[rule]]\nid = \"app.eror\"\nseverity = \"low\"\n", `local/a.toml:1: rule "app.eror": audience: missing`},
		{"a tag", "[[rule]]\nid = \"app.error\"\ntags = [\"attack.T1110\"]\n", `local/a.toml:3: rule "app.error": tags[0]: "attack.T1110" is no tag; want small letters`},
		{"a technique", "[[rule]]\nid = \"app.error\"\ntags = [\"attack.t11\"]\n", `local/a.toml:3: rule "app.error": tags[0]: "attack.t11" is no technique or tactic`},
		{"a reference", "[[rule]]\nid = \"app.error\"\nreferences = [\"see T1110\"]\n", `local/a.toml:3: rule "app.error": references[0]: "see T1110" is no address`},
		{"a priority", "[[rule]]\nid = \"app.error\"\npriority = \"hihg\"\n", `local/a.toml:3: rule "app.error": priority: "hihg" is none of high, medium, low; did you mean "high"?`},
		{"no reason", "[[rule]]\nid = \"app.error\"\n[[rule.suppress]]\nwhen = 'user.name:a'\n", `local/a.toml:3: rule "app.error": suppress[0].reason: missing: why is this no finding?`},
		{"everything", "[[suppress]]\nrules = [\"*\"]\nreason = \"x\"\n", `local/a.toml:1: suppress[0]: want a condition (when) or a time`},
		{"of no rule", "[[suppress]]\nrules = [\"app.eror\"]\nwhen = 'user.name:a'\nreason = \"x\"\n", `local/a.toml:2: suppress[0].rules[0]: there is no rule "app.eror"; did you mean "app.error"?`},
		{"of no time", "[[suppress]]\nrules = [\"*\"]\nduring = [\"sat 25:00-26:00\"]\nreason = \"x\"\n", `local/a.toml:3: suppress[0].during[0]: "sat 25:00-26:00": a day ends at 24:00`},
		{"of no day", "[[suppress]]\nrules = [\"*\"]\nduring = [\"sam 22:00-23:00\"]\nreason = \"x\"\n", `local/a.toml:3: suppress[0].during[0]: "sam 22:00-23:00": days are sun, mon`},
		{"in no zone", "[[suppress]]\nrules = [\"*\"]\nduring = [\"22:00-23:00\"]\nzone = \"Berlin\"\nreason = \"x\"\n", `local/a.toml:4: suppress[0].zone: "Berlin" is no time zone`},
		{"a condition", "[[suppress]]\nrules = [\"*\"]\nwhen = 'user.name:('\nreason = \"x\"\n", `local/a.toml:3: suppress[0].when: column 12: a condition is missing before the end`},
	} {
		fsys := site(map[string]string{"local/a.toml": tc.text})
		all, err := Load(fsys)
		if err == nil {
			_, err = New(all, Config{Schema: testSchema(t)})
		}
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s\ngot  %v\nwant %s", tc.name, err, tc.want)
		}
	}
}

func TestTimesOfTheWeek(t *testing.T) {
	t.Parallel()
	monday := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		text string
		has  string // hours of the week from Monday, as first-last
	}{
		{"02:00-03:00", "2 26 50 74 98 122 146"},
		{"mon 22:00-02:00", "22 23 24 25"},
		{"sun 23:00-01:00", "0 167"},
		{"sat-sun 00:00-02:00", "120 121 144 145"},
		{"fri-mon 12:00-13:00", "12 108 132 156"},
		{"Tue,Thu 09:00-10:00", "33 81"},
		{"wed 22:00-24:00", "70 71"},
	} {
		w, err := parseWeekly(tc.text)
		if err != nil {
			t.Fatal(err)
		}
		var has []string
		for h := range hoursOfWeek {
			if w.has(monday.Add(time.Duration(h)*time.Hour + time.Minute)) {
				has = append(has, fmt.Sprint(h))
			}
		}
		if got := strings.Join(has, " "); got != tc.has {
			t.Errorf("%s has the hours %s, want %s", tc.text, got, tc.has)
		}
	}
}

func TestWhatIsSuppressedIsNoOccurrenceAndIsCountedApart(t *testing.T) {
	t.Parallel()
	suppress := []Suppression{
		{When: "source.ip:10.0.0.9", Reason: "our scanner"},
		{During: []string{"23:10-23:20"}, Zone: "UTC", Reason: "the nightly restart"},
		{From: base.Add(30 * time.Minute), Until: base.Add(40 * time.Minute), Reason: "a move"},
	}
	w := follow(t, Rule{When: "event.action:fail", Threshold: &Threshold{Count: 3, Within: seconds(3600)}, Suppress: suppress},
		log{said: append(append(at("10.0.0.9", 0, 1, 2, 3), at("10.0.0.1", 0, 1, 600, 601, 1199, 1800, 2399.9)...), at("10.0.0.2", 0, 1199, 1200, 2400)...)})
	var found []string
	for _, f := range w.findings {
		found = append(found, fmt.Sprint(f.Group[0].Value, " ", (f.Time-base.UnixMicro())/1e6))
	}
	if got := strings.Join(found, ", "); got != "10.0.0.2 2400" {
		t.Errorf("found %s", got)
	}
	left := int64(0)
	for _, d := range w.rollups {
		if d.Series == SuppressedSeries("r") {
			left += d.N
		}
	}
	if left != 4+5+1 {
		t.Errorf("%d events were counted as left out, want 10", left)
	}
}

func TestASuppressionBesideRulesIsAboutThoseThatItNames(t *testing.T) {
	t.Parallel()
	fsys := site(map[string]string{
		"lists/ours.txt":  "# scanners\n10.0.0.1\n10.0.1.0/24\n",
		"local/ours.toml": "[[suppress]]\nrules = [\"app.*\"]\nwhen = { source.ip.in = \"lists/ours.txt\" }\nreason = \"our scanners\"\nuntil = 2020-01-01T00:00:00Z\n",
	})
	all, err := Load(fsys)
	if err != nil || len(all[0].Suppress) != 1 || all[0].Suppress[0].Reason != "our scanners" {
		t.Fatalf("%+v, %v", all, err)
	}
	e, err := New(all, Config{Schema: testSchema(t), Now: func() time.Time { return base }})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(e.rules[0].suppress); got != 1 {
		t.Errorf("%d suppressions", got)
	}
	if got, want := Expired(all, base).Error(), "local/ours.toml:5: suppress[0].until: is over; leave the suppression out"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAFindingHasItsRulesPriorityTagsAndReferences(t *testing.T) {
	t.Parallel()
	find := func(r Rule) event.Finding {
		w := newWorld(t, 0, r)
		w.commit((&log{gen: 1, said: at("10.0.0.1", 0)}).whole(t, w.schema))
		return w.findings[0]
	}
	f := find(Rule{When: "event.action:fail", Tags: []string{"attack.t1110"}, Refs: []string{"https://attack.mitre.org/techniques/T1110/"}, Priority: "low"})
	if f.Priority != "low" || len(f.Tags) != 1 || len(f.References) != 1 {
		t.Errorf("%+v", f)
	}
	for severity, want := range map[string]string{"critical": "high", "high": "high", "medium": "medium", "low": "low"} {
		if f := find(Rule{When: "event.action:fail", Severity: severity}); f.Priority != want {
			t.Errorf("%s is of priority %s", severity, f.Priority)
		}
	}
}

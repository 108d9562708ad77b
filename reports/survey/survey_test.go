package survey_test

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/survey"
	"github.com/saypro/veritail/storage/state"
)

func TestAnswersAreCountedByRole(t *testing.T) {
	all, err := configs.LoadSurveys(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := survey.Find(all, "quarterly")
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	db.SetClock(func() time.Time { return now })
	for _, a := range []state.Answer{
		{Who: "ann", Role: "DBA", Values: map[string]string{"useful": "1"}}, // replaced by the last one
		{Who: "bob", Role: " dba ", Values: map[string]string{"useful": "3", "noise": "most"}},
		{Who: "cy", Values: map[string]string{"useful": "", "noise": "few", "missing": "a map"}},
		{Who: "dan", Role: "security", Values: map[string]string{"useful": "5", "noise": "most"}},
		{Who: "Ann", Role: "dba", Values: map[string]string{"useful": "4"}},
		{Who: "eve", About: "2026-Q3", Role: "dba", Values: map[string]string{"useful": "9", "noise": "whatever"}}, // no answers to these questions any more
	} {
		a.Survey = s.ID
		if a.About == "" {
			a.About = survey.Occasion(s, now, "1.0")
		}
		if err := db.KeepAnswer(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
	}
	answers, err := db.Answers(t.Context(), s.ID, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	r := survey.Sum(s, answers)
	if r.Answers != 5 || !reflect.DeepEqual(r.Roles, []string{"dba", survey.NoRole, "security"}) || answers[0].About != "2026-Q4" {
		t.Errorf("%d answers of %v about %s", r.Answers, r.Roles, answers[0].About)
	}
	useful, noise, missing := r.Questions[0], r.Questions[1], r.Questions[4]
	if c := useful.All; c.N != 3 || c.Mean != 4 {
		t.Errorf("useful: %+v", c)
	}
	if c := useful.ByRole[0]; c.Role != "dba" || c.N != 2 || c.Mean != 3.5 {
		t.Errorf("useful to DBAs: %+v", c)
	}
	if c := noise.All; c.N != 3 || c.Values["most"] != 2 || c.Ordered()[0] != "most" {
		t.Errorf("noise: %+v", c)
	}
	if len(missing.Texts) != 1 || missing.Texts[0].Text != "a map" || missing.Texts[0].Role != survey.NoRole {
		t.Errorf("missing: %+v", missing)
	}
	if list, err := db.Answers(t.Context(), s.ID, now.Add(-90*time.Second)); err != nil || len(list) != 1 {
		t.Errorf("of the last 90 s: %d, %v", len(list), err)
	}
	for name, a := range map[string]state.Answer{
		"nothing": {Who: "x", Values: map[string]string{"useful": " "}}, "nobody": {Values: map[string]string{"useful": "1"}},
		"a novel": {Who: "x", Values: map[string]string{"missing": strings.Repeat("x", 5000)}},
	} {
		if err := db.KeepAnswer(t.Context(), a); !errors.Is(err, state.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSurveysAreChecked(t *testing.T) {
	const good = "[[survey]]\nid = \"s\"\ntitle = \"S\"\noccasion = \"quarter\"\n[[survey.question]]\nid = \"q\"\ntext = \"Q?\"\nkind = \"scale\"\n"
	for _, tc := range []struct{ name, old, new, want string }{
		{"fine", "", "", ""},
		{"a slip", "quarter", "quater", `surveys.toml:4: key "occasion" wants one of incident, quarter, update, not "quater"; did you mean "quarter"?`},
		{"a kind that there is not", "scale", "scales", `surveys.toml:8: key "kind" wants one of scale, choice, text, not "scales"; did you mean "scale"?`},
		{"a choice of nothing", "scale", "choice", `a choice has options`},
		{"no question", "[[survey.question]]\nid = \"q\"\ntext = \"Q?\"\nkind = \"scale\"\n", "", `a survey needs a [[survey.question]]`},
		{"an unknown key", "text =", "txet =", `did you mean "text"?`},
		{"twice", "kind = \"scale\"\n", "kind = \"scale\"\n[[survey.question]]\nid = \"q\"\ntext = \"R?\"\nkind = \"text\"\n", `surveys.toml:10: a question needs an id of its own`},
	} {
		text := good
		if tc.old != "" {
			text = strings.Replace(good, tc.old, tc.new, 1)
		}
		_, err := configs.LoadSurveys(fstest.MapFS{"surveys.toml": {Data: []byte(text)}})
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

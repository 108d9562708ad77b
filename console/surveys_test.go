package console_test

import (
	"net/url"
	"strings"
	"testing"
)

func TestASurveyIsAnsweredAndCounted(t *testing.T) {
	c := open(t, shop())
	fillLog(t, c.Records)
	h := handler(t, c)
	_, page := get(t, h, "/runbooks")
	if !strings.Contains(page, `href="/surveys/quarterly"`) {
		t.Error("the page of help has no surveys")
	}
	if _, page := get(t, h, "/issues/2"); !strings.Contains(page, `href="/surveys/after-incident?about=2"`) {
		t.Error("a resolved issue does not lead to the survey")
	}
	_, page = get(t, h, "/surveys/quarterly")
	if w := words(page); !strings.Contains(w, "2026-Q4") || !strings.Contains(w, "How useful are the findings to you? 1 is worst, 5 is best 1 2 3 4 5") || !strings.Contains(w, "Nobody has answered yet.") {
		t.Errorf("the form: %s", w)
	}
	code, to, _ := post(t, h, "/surveys/quarterly?site=demo", url.Values{"who": {"ann"}, "role": {"dba"}, "q-useful": {"4"}, "q-noise": {"most"}, "q-missing": {hostile}})
	if code != 303 || to != "/surveys/quarterly?site=demo&thanks=1" {
		t.Fatalf("code %d to %s", code, to)
	}
	post(t, h, "/surveys/quarterly", url.Values{"who": {"sue"}, "role": {"security"}, "q-useful": {"1"}})
	_, page = get(t, h, "/surveys/quarterly?thanks=1")
	w := words(page)
	for _, want := range []string{"Your answer is kept.", "2 answers in a year", "all 2 2.5 of 5", "dba 1 4.0 of 5", "security 1 1.0 of 5", "most 1"} {
		if !strings.Contains(w, want) {
			t.Errorf("the results do not say %q:\n%s", want, w)
		}
	}
	if strings.Contains(page, "<img src=x") || strings.Contains(w, " ann ") {
		t.Error("foreign text is markup, or a name is shown")
	}
	for name, form := range map[string]url.Values{
		"Write your name":              {"q-useful": {"4"}},
		`is no answer to`:              {"who": {"ann"}, "q-useful": {"6"}},
		"No question was answered":     {"who": {"ann"}},
		"Say which incident it is abo": {"who": {"ann"}, "q-told": {"4"}},
	} {
		at := "/surveys/quarterly"
		if strings.HasPrefix(name, "Say") {
			at = "/surveys/after-incident"
		}
		if code, _, page := post(t, h, at, form); code != 422 || !strings.Contains(words(page), name) {
			t.Errorf("%s: code %d\n%s", name, code, words(page))
		}
	}
	if code, _ := get(t, h, "/surveys/none"); code != 404 {
		t.Errorf("code %d", code)
	}
}

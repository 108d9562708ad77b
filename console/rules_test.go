package console_test

import (
	"strings"
	"testing"

	"github.com/saypro/veritail/storage/state"
)

func TestRulesShowHowTheyDo(t *testing.T) {
	c := open(t, shop())
	for i, j := range []state.Judgement{state.Confirmed, state.FalseAlarm, state.FalseAlarm} {
		if err := c.Records.Judge(t.Context(), state.Verdict{Finding: string(rune('a' + i)), Rule: "auth.bruteforce", Judgement: j, Who: "sue"}); err != nil {
			t.Fatal(err)
		}
	}
	h := handler(t, c)
	_, page := get(t, h, "/rules")
	w := words(page)
	for _, want := range []string{
		"3 rules, 3 tests, 1 fails; findings of 1 were judged",
		"High db.deadlock Deadlock in …", "– not judged 1 of 1 fails Deadlocks and serialization failures",
		"High auth.bruteforce Brute force from …", "3 33 % 2 pass Failed logins and brute force",
	} {
		if !strings.Contains(w, want) {
			t.Errorf("the list does not say %q:\n%s", want, w)
		}
	}
	if a, b, c := strings.Index(w, "db.deadlock"), strings.Index(w, "auth.bruteforce"), strings.Index(w, "app.hostile"); a > b || b > c {
		t.Errorf("the order is not fails, least precise, others: %d %d %d", a, b, c)
	}
	_, page = get(t, h, "/rules?text=DBA+dead&site=demo")
	if w := words(page); !strings.Contains(w, "db.deadlock") || strings.Contains(w, "auth.bruteforce") {
		t.Errorf("words: %s", w)
	}
	_, page = get(t, h, "/rules?text=zebra")
	if w := words(page); !strings.Contains(w, "No rule has all of these words.") {
		t.Errorf("no words: %s", w)
	}
}

func TestARuleShowsItsTextItsTestsAndItsFindings(t *testing.T) {
	h := handler(t, open(t, shop()))
	code, page := get(t, h, "/rules/auth.bruteforce")
	w := words(page)
	for _, want := range []string{
		"configs/rules/auth/bruteforce.toml 2 tests pass", "3 [[rule]]", "14 ✓ [[rule.test]]", "17 [[rule.test]] within a text", "21 ✓ [[rule.test]]",
		"None of its findings was judged yet", "Failed logins and brute force", "12 events by suppressions", "T1110",
	} {
		if !strings.Contains(w, want) {
			t.Errorf("code %d: the rule does not say %q:\n%s", code, want, w)
		}
	}
	if strings.Contains(page, "javascript:") || !strings.Contains(page, `href="/findings/auth-bruteforce-`) {
		t.Error("its references and findings are not as they should be")
	}
	_, page = get(t, h, "/rules/db.deadlock")
	if w := words(page); !strings.Contains(w, "1 of 1 tests fails") || !strings.Contains(w, "3 ✕ [[rule.test]] expected count 1, got count 0") {
		t.Errorf("a test that fails: %s", w)
	}
	if code, _ := get(t, h, "/rules/none"); code != 404 {
		t.Errorf("a rule that is not there: %d", code)
	}
}

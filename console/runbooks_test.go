package console_test

import (
	"strings"
	"testing"
)

func TestRunbooksAreListedFoundAndRead(t *testing.T) {
	h := handler(t, open(t, shop()))
	_, page := get(t, h, "/runbooks")
	if w := words(page); !strings.Contains(w, "Deadlocks and serialization failures Two transactions each hold") || !strings.Contains(page, `href="/runbooks/lock-waits"`) {
		t.Errorf("the list: %s", w)
	}
	_, page = get(t, h, "/runbooks?q=pg_blocking_pids&site=demo")
	if w := words(page); !strings.Contains(w, "1 has all of these words") || !strings.Contains(page, `href="/runbooks/lock-waits?site=demo"`) || strings.Contains(w, "Deadlocks and") {
		t.Errorf("found: %s", w)
	}
	_, page = get(t, h, "/runbooks?q=%3Cscript%3E+zebra%1b")
	if w := words(page); !strings.Contains(w, "No runbook has all of these words.") || strings.Contains(page, "<script>") || strings.Contains(page, "\x1b") {
		t.Errorf("nothing found: %s", w)
	}
	code, page := get(t, h, "/runbooks/lock-waits?site=demo")
	if w := words(page); code != 200 || !strings.Contains(w, "Who waits for whom, now:") || !strings.Contains(page, `<a href="/runbooks/connections?site=demo">`) && !strings.Contains(page, "<code class=\"language-sql\">-- PostgreSQL") {
		t.Errorf("code %d: %s", code, w)
	}
	_, page = get(t, h, "/runbooks/deadlocks")
	if w := words(page); !strings.Contains(w, "Rules that name it db.deadlock High") || !strings.Contains(page, `href="/rules/db.deadlock"`) {
		t.Errorf("its rules: %s", w)
	}
	for _, at := range []string{"/runbooks/nothing", "/runbooks/..%2fgo.mod", "/runbooks/"} {
		if code, _ := get(t, h, at); code != 404 {
			t.Errorf("%s: code %d, want 404", at, code)
		}
	}
}

func TestAFindingLeadsToItsRunbook(t *testing.T) {
	d := shop()
	h := handler(t, open(t, d))
	for _, f := range d.commit.Findings {
		if len(f.References) == 0 {
			continue
		}
		_, page := get(t, h, "/findings/"+f.ID)
		if w := words(page); !strings.Contains(w, "Runbook Failed logins and brute force") || !strings.Contains(page, `href="/runbooks/failed-logins"`) || strings.Contains(page, "runbook:") {
			t.Errorf("%s: %s", f.ID, w)
		}
		return
	}
	t.Error("no finding has references")
}

package console_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/storage/state"
)

// checklist is what is checked in the shop.
const checklist = `
[grace]
day = "12h"
[[check]]
id = "errors"
title = "Server errors stay below their target"
list = "System performance"
period = "month"
role = "developer"
kpi = "web.errors"
not_measured = "An access log"
[[check]]
id = "deadlocks"
title = "The database has no deadlocks"
list = "System performance"
period = "week"
role = "dba"
kpi = "db.deadlocks"
not_measured = "A log of PostgreSQL or MariaDB"
sign = true
[[check]]
id = "logins-seen"
title = "Failed logins are seen"
list = "System performance"
period = "week"
role = "security"
query = "event.action:ssh_login and event.outcome:failure"
not_measured = "The log of sshd"
[[check]]
id = "incremental-backup"
title = "Incremental backup"
list = "Daily maintenance"
period = "day"
role = "dba"
query = "event.action:backup_succeeded"
not_measured = "A log of the backup program"
[[check]]
id = "errors-checked"
title = "Logs checked for errors"
list = "Daily maintenance"
period = "day"
role = "administrator"
[[check]]
id = "basic-scan"
title = "Basic security scan"
list = "Daily maintenance"
period = "day"
role = "security"
[[check]]
id = "access-review"
title = "Access permissions and inactive accounts reviewed"
list = "Monthly maintenance"
period = "month"
role = "security"
[[check]]
id = "full-scan"
title = "Full security scan"
list = "Monthly maintenance"
period = "month"
role = "security"
`

// signChecks signs checks off: one two days ago that is to be done each day, one now, by a hostile name.
func signChecks(t testing.TB, db *state.DB) {
	t.Helper()
	for _, s := range []struct {
		ago time.Duration
		state.SignOff
	}{
		{48 * time.Hour, state.SignOff{Check: "errors-checked", Who: "ann", Role: "administrator", Note: "none but the known ones"}},
		{30 * time.Hour, state.SignOff{Check: "basic-scan", Who: "sue", Role: "security", Note: "nothing found"}},
		{time.Hour, state.SignOff{Check: "access-review", Who: hostile, Role: "security", Note: hostile}},
	} {
		db.SetClock(func() time.Time { return now.Add(-s.ago) })
		if err := db.SignCheck(t.Context(), s.SignOff); err != nil {
			t.Fatal(err)
		}
	}
	db.SetClock(func() time.Time { return now })
}

func TestChecksAreShownByListAndState(t *testing.T) {
	c := open(t, shop())
	signChecks(t, c.Records)
	h := handler(t, c)
	code, page := get(t, h, "/checks")
	w := words(page)
	for _, want := range []string{
		"1 check is overdue, and ", "Daily maintenance 0 of 3 done", "Monthly maintenance 1 of 2 done", "Failed logins are seen Last on ", "target 0; waits for dba due week",
		"Logs checked for errors Signed off by ann: none but the known ones overdue day",
		"Basic security scan Signed off by sue: nothing found due day",
		"Full security scan Waits for security due month",
		"Incremental backup Would be measured by: A log of the backup program not measured day",
	} {
		if !strings.Contains(w, want) {
			t.Errorf("the page does not say %q:\n%s", want, w)
		}
	}
	if code != 200 || strings.Contains(page, "<img src=x") {
		t.Errorf("code %d, or foreign text is markup", code)
	}
	_, page = get(t, h, "/checks?state=overdue")
	if w := words(page); !strings.Contains(w, "Logs checked for errors") || strings.Contains(w, "Basic security scan") {
		t.Errorf("those that are overdue: %s", w)
	}
	if w := words(second(get(t, h, "/checks?state=none"))); !strings.Contains(w, "No check is in this state.") {
		t.Errorf("a state that there is not: %s", w)
	}
}

func second(_ int, page string) string { return page }

func TestACheckIsSignedOff(t *testing.T) {
	c := open(t, shop())
	signChecks(t, c.Records)
	h := handler(t, c)
	if w := words(second(get(t, h, "/checks/errors-checked"))); !strings.Contains(w, "No log tells of it") || !strings.Contains(w, "none but the known ones") {
		t.Errorf("the check: %s", w)
	}
	if page := second(get(t, h, "/checks/incremental-backup")); !strings.Contains(page, `href="/search?from=`) || !strings.Contains(page, "q=event.action%3Abackup_succeeded") {
		t.Error("the evidence does not lead to its events")
	}
	for name, form := range map[string]url.Values{
		"Write your name":               {"role": {"administrator"}, "note": {"read"}},
		`by the role "administrator"`:   {"who": {"bob"}, "role": {"dba"}, "note": {"read"}},
		"a note that says what was don": {"who": {"bob"}, "role": {"administrator"}},
	} {
		if code, _, page := post(t, h, "/checks/errors-checked", form); code != 422 || !strings.Contains(words(page), name) {
			t.Errorf("%s: code %d\n%s", name, code, words(page))
		}
	}
	code, to, _ := post(t, h, "/checks/errors-checked", url.Values{"who": {"bob"}, "role": {"Administrator"}, "note": {hostile}})
	if code != 303 || to != "/checks/errors-checked?signed=1" {
		t.Fatalf("code %d to %s", code, to)
	}
	page := second(get(t, h, to))
	if w := words(page); !strings.Contains(w, "Your sign-off is kept.") || !strings.Contains(w, "done Daily maintenance every day") {
		t.Errorf("signed: %s", w)
	}
	if strings.Contains(page, "<img src=x") {
		t.Error("foreign text is markup")
	}
	for _, path := range []string{"/checks/none"} {
		if code, _ := get(t, h, path); code != 404 {
			t.Errorf("%s: code %d", path, code)
		}
		if code, _, _ := post(t, h, path, url.Values{"who": {"bob"}}); code != 404 {
			t.Errorf("post %s: code %d", path, code)
		}
	}
}

func TestWithoutChecksThereIsNoPageOfThem(t *testing.T) {
	c := open(t, shop())
	c.Checks = nil
	h := handler(t, c)
	if code, page := get(t, h, "/checks"); code != 404 || strings.Contains(page, `href="/checks"`) {
		t.Errorf("code %d, or the page is linked", code)
	}
}

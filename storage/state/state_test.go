package state

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// monday is the moment at which the tests begin; tick moves the clock.
var monday = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

type world struct {
	*DB
	t    *testing.T
	path string
	at   time.Time
}

func open(t *testing.T) *world {
	w := &world{t: t, path: filepath.Join(t.TempDir(), "a dir with #?", "state.db"), at: monday}
	w.DB = w.again()
	return w
}

// again opens the same database once more, as another process does.
func (w *world) again() *DB {
	d, err := Open(w.t.Context(), w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	d.now = func() time.Time { return w.at }
	w.t.Cleanup(func() { d.Close() }) //nolint:errcheck // twice for some
	return d
}

func (w *world) tick(d time.Duration) { w.at = w.at.Add(d) }

func (w *world) report(i Issue) Issue {
	w.t.Helper()
	got, err := w.Report(w.t.Context(), i, i.Reporter)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func (w *world) change(id int64, who string, e Edit) Issue {
	w.t.Helper()
	got, err := w.Change(w.t.Context(), id, who, e)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

func ptr[T any](v T) *T { return &v }

// resolve is the edit that resolves an issue.
func resolve(cause, resolution string) Edit {
	return Edit{Status: ptr(Resolved), Cause: &cause, Resolution: &resolution}
}

func TestAnIssueFromReportToResolution(t *testing.T) {
	w := open(t)
	i := w.report(Issue{Title: "Pages are slow", Description: "since nine", Reporter: "ann", Role: "user", Category: "performance"})
	if i.ID != 1 || i.Status != Unsolved || i.Priority != Medium || !i.Reported.Equal(monday) || !i.Responded.IsZero() {
		t.Fatalf("reported: %+v", i)
	}
	w.tick(10 * time.Minute)
	w.change(i.ID, "ann", Edit{Comment: "the cart too"})
	w.tick(20 * time.Minute)
	i = w.change(i.ID, "bob", Edit{Status: ptr(InProgress), Assigned: ptr("bob"), Priority: ptr(High)})
	if got := i.Responded.Sub(i.Reported); got != 30*time.Minute {
		t.Errorf("first response after %s, want half an hour: what the reporter adds is none", got)
	}
	w.tick(time.Hour)
	i = w.change(i.ID, "bob", resolve("no index on orders.customer", "index added"))
	if i.Took() != 90*time.Minute || i.Cause != "no index on orders.customer" || len(i.Comments) != 1 {
		t.Errorf("resolved: %+v", i)
	}
	w.tick(time.Hour)
	if i = w.change(i.ID, "ann", Edit{Status: ptr(Unsolved), Comment: "slow again"}); i.Reopened != 1 || i.Took() != 0 || i.Cause == "" {
		t.Errorf("opened again: %+v", i)
	}
	changes, err := w.History(t.Context(), i.ID)
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, c := range changes {
		told = append(told, strings.TrimSpace(c.At.Format("15:04")+" "+c.Who+" "+c.Field+": "+c.Old+" > "+c.New))
	}
	want := `08:00 ann reported:  > Pages are slow
08:10 ann comment:  > the cart too
08:30 bob assigned:  > bob
08:30 bob priority: Medium > High
08:30 bob status: Open > In progress
09:30 bob root cause:  > no index on orders.customer
09:30 bob resolution:  > index added
09:30 bob status: In progress > Resolved
10:30 ann status: Resolved > Open
10:30 ann comment:  > slow again`
	if got := strings.Join(told, "\n"); got != want {
		t.Errorf("the history is\n%s\nwant\n%s", got, want)
	}
}

func TestWhatTheLogRefuses(t *testing.T) {
	w := open(t)
	id := w.report(Issue{Title: "a"}).ID
	long := strings.Repeat("x", maxText+1)
	for _, c := range []struct {
		edit Edit
		says string
	}{
		{Edit{Status: ptr(Resolved), Resolution: ptr("done")}, "root cause"},
		{Edit{Status: ptr(Resolved), Cause: ptr("disk")}, "what was done"},
		{Edit{Status: ptr(Resolved), Cause: ptr(" "), Resolution: ptr("done")}, "root cause"},
		{Edit{Status: ptr(Status("closed"))}, `"closed" is none of`},
		{Edit{Priority: ptr(Priority("urgent"))}, `"urgent" is none of`},
		{Edit{Title: ptr("")}, "title"},
		{Edit{Comment: long}, "longer than"},
		{Edit{Description: &long}, "longer than"},
	} {
		if _, err := w.Change(t.Context(), id, "bob", c.edit); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: error %v, want a refusal with %q", c.edit, err, c.says)
		}
	}
	if _, err := w.Change(t.Context(), 99, "bob", Edit{Comment: "?"}); !errors.Is(err, ErrNotFound) {
		t.Errorf("an issue that is not there: %v", err)
	}
	if h, err := w.History(t.Context(), id); err != nil || len(h) != 1 {
		t.Errorf("what was refused left %d changes, error %v", len(h), err)
	}
	if _, err := w.Report(t.Context(), Issue{}, "ann"); !errors.Is(err, ErrRefused) {
		t.Errorf("an issue without a title: %v", err)
	}
}

func TestIssuesComeInTheOrderInWhichOneSeesToThem(t *testing.T) {
	w := open(t)
	for _, i := range []Issue{{Title: "low", Priority: Low}, {Title: "high", Priority: High}, {Title: "medium"}, {Title: "done first"}, {Title: "done last", Priority: Low}, {Title: "high, later", Priority: High, Site: "demo"}} {
		w.report(i)
		w.tick(time.Minute)
	}
	w.change(4, "bob", resolve("a 100 % DISK", "b"))
	w.tick(time.Minute)
	w.change(5, "bob", resolve("a", "b"))
	titles := func(q IssueQuery) string {
		list, err := w.Issues(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, i := range list {
			out = append(out, i.Title)
		}
		return strings.Join(out, "; ")
	}
	here := ""
	for _, c := range []struct {
		query IssueQuery
		want  string
	}{
		{IssueQuery{}, "high, later; high; medium; low; done last; done first"},
		{IssueQuery{Site: &here}, "high; medium; low; done last; done first"},
		{IssueQuery{Statuses: []Status{Resolved}}, "done last; done first"},
		{IssueQuery{Priorities: []Priority{Low, Medium}, Statuses: []Status{Unsolved, InProgress}}, "medium; low"},
		{IssueQuery{Text: "100 % disk"}, "done first"},
		{IssueQuery{Text: "%"}, "done first"},
		{IssueQuery{From: monday.Add(time.Minute), To: monday.Add(3 * time.Minute)}, "high; medium"},
		{IssueQuery{Limit: 2, Offset: 1}, "high; medium"},
		{IssueQuery{Assigned: "nobody"}, ""},
	} {
		if got := titles(c.query); got != c.want {
			t.Errorf("%+v: %s, want %s", c.query, got, c.want)
		}
	}
}

func TestFindingsAreTakenIntoIssuesOnce(t *testing.T) {
	w := open(t)
	at := func(id, of string, minutes int) Occurrence {
		return Occurrence{Finding: id, At: monday.Add(time.Duration(minutes) * time.Minute), Title: "Deadlock in " + of, Message: "two sessions", Fingerprint: "db.deadlock/" + of, Priority: High, Rule: "db.deadlock"}
	}
	take := func(want Taken, list ...Occurrence) {
		t.Helper()
		if got, err := w.Take(t.Context(), list, w.at); err != nil || got != want {
			t.Errorf("taken %+v, error %v, want %+v", got, err, want)
		}
	}
	w.tick(5 * time.Minute)
	take(Taken{Opened: 2, Linked: 3}, at("f1", "shop", 1), at("f2", "shop", 2), at("f3", "crm", 3))
	take(Taken{}, at("f1", "shop", 1), at("f2", "shop", 2), at("f3", "crm", 3)) // as after a crash
	w.tick(5 * time.Minute)
	w.change(1, "bob", resolve("lock order", "changed"))
	take(Taken{Linked: 1}, at("f4", "shop", 9)) // before it was resolved, and stored later
	if i, err := w.Issue(t.Context(), 1); err != nil || i.Status != Resolved || i.Findings != 3 {
		t.Errorf("a finding from before: %+v, error %v", i, err)
	}
	w.tick(10 * time.Minute)
	take(Taken{Reopened: 1, Linked: 1}, at("f5", "shop", 15))
	i, err := w.Issue(t.Context(), 1)
	if err != nil || i.Status != Unsolved || i.Reopened != 1 || i.Findings != 4 || !i.LastFinding.Equal(monday.Add(15*time.Minute)) || i.Comments[0].New != "It came back: Deadlock in shop" {
		t.Errorf("a recurrence: %+v, error %v", i, err)
	}
	if links, err := w.Links(t.Context(), 1, 2); err != nil || len(links) != 2 || links[0].Finding != "f5" || links[1].Finding != "f4" {
		t.Errorf("its findings: %+v, error %v", links, err)
	}
	for id, want := range map[string]int64{"f3": 2, "f9": 0} {
		if got, err := w.IssueOf(t.Context(), id); err != nil || got != want {
			t.Errorf("issue of %s: %d, error %v, want %d", id, got, err, want)
		}
	}
	take(Taken{Opened: 1, Linked: 1}, at("f8", "ahead", 24*60))
	if i, err := w.Issue(t.Context(), 3); err != nil || !i.Reported.Equal(w.at) {
		t.Errorf("what a clock that is ahead reports: %+v, error %v, want it now", i, err)
	}
	bad := at("f7", "erp", 20)
	bad.Title = ""
	if _, err := w.Take(t.Context(), []Occurrence{at("f6", "shop", 19), bad}, w.at.Add(time.Hour)); err == nil {
		t.Error("one without a title was taken")
	}
	if got, err := w.IssueOf(t.Context(), "f6"); err != nil || got != 0 {
		t.Errorf("of a list that was refused one was taken: %d, error %v", got, err)
	}
	if until, err := w.TakenUntil(t.Context()); err != nil || !until.Equal(w.at) {
		t.Errorf("taken until %s, error %v, want %s", until, err, w.at)
	}
}

func TestAPersonsIssueTakesTheFindingsThatFollow(t *testing.T) {
	w := open(t)
	o := Occurrence{Finding: "f1", At: monday, Title: "Deadlock in shop", Fingerprint: "x", Priority: High}
	i, err := w.Report(t.Context(), Issue{Title: "The cart hangs", Reporter: "ann"}, "ann", o)
	if err != nil || i.Findings != 1 || i.Fingerprint != "x" {
		t.Fatalf("reported %+v, error %v", i, err)
	}
	o.Finding = "f2"
	if got, err := w.Take(t.Context(), []Occurrence{o}, monday); err != nil || got != (Taken{Linked: 1}) {
		t.Errorf("what followed: %+v, error %v", got, err)
	}
	if _, err := w.Report(t.Context(), Issue{Title: "again"}, "bob", o); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "finding f2 belongs to issue 1 already") {
		t.Errorf("a finding of another issue: %v", err)
	}
	o.Finding = "f3"
	if i, err := w.Report(t.Context(), Issue{Title: "apart"}, "bob", o); err != nil || i.Fingerprint != "" || i.Findings != 1 {
		t.Errorf("of a fingerprint that is taken: %+v, error %v", i, err)
	}
	if list, err := w.Issues(t.Context(), IssueQuery{}); err != nil || len(list) != 2 {
		t.Errorf("%d issues, error %v, want 2: one was refused", len(list), err)
	}
}

func TestAResolvedIssueIsRated(t *testing.T) {
	w := open(t)
	id := w.report(Issue{Title: "a", Reporter: "ann"}).ID
	if _, err := w.Rate(t.Context(), id, "ann", 4, ""); !errors.Is(err, ErrRefused) {
		t.Errorf("one that is open was rated: %v", err)
	}
	w.tick(time.Hour)
	w.change(id, "bob", resolve("x", "y"))
	for _, stars := range []int{0, 6} {
		if _, err := w.Rate(t.Context(), id, "ann", stars, ""); !errors.Is(err, ErrRefused) {
			t.Errorf("%d of 5: %v", stars, err)
		}
	}
	for _, stars := range []int{2, 4} {
		w.tick(time.Hour)
		if i, err := w.Rate(t.Context(), id, "ann", stars, "quick"); err != nil || i.Rating != stars || i.RatingNote != "quick" {
			t.Errorf("rated %+v, error %v", i, err)
		}
	}
	for hours, want := range map[int]float64{1: 0, 3: 2, 4: 4} {
		s, err := w.Summarise(t.Context(), "", monday, monday.Add(time.Duration(hours)*time.Hour-time.Minute))
		if err != nil || s.Satisfaction != want || s.Rated != (want > 0) {
			t.Errorf("after %d h: satisfaction %v, error %v, want %v", hours, s.Satisfaction, err, want)
		}
		if s.Resolved == 1 && s.FirstContact != 1 {
			t.Error("a rating is taken for a response")
		}
	}
}

// A database of the first version is brought to this one, with what it holds.
func TestADatabaseOfAnEarlierProgramIsBroughtUpToDate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	old, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{steps[0], "PRAGMA user_version = 1", "INSERT INTO issue VALUES (5, 'old', '', '', 'High', 'Open', 'ann', '', 0, NULL, '', NULL, '', '', 0, '', '', '')"} {
		if _, err := old.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	d, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.Change(t.Context(), 5, "bob", resolve("x", "y")); err != nil {
		t.Error(err)
	}
	if i, err := d.Rate(t.Context(), 5, "ann", 5, ""); err != nil || i.Rating != 5 {
		t.Errorf("%+v, error %v", i, err)
	}
}

func TestVerdictsAreARulesRecord(t *testing.T) {
	w := open(t)
	judge := func(finding string, j Judgement) {
		t.Helper()
		if err := w.Judge(t.Context(), Verdict{Finding: finding, Rule: "web.scan", Judgement: j, Who: "sue"}); err != nil {
			t.Error(err)
		}
	}
	for i, j := range []Judgement{Confirmed, Confirmed, Expected, FalseAlarm, FalseAlarm, FalseAlarm} {
		judge(string(rune('a'+i)), j)
	}
	judge("e", Confirmed) // at the same moment as the one before
	judge("f", Withdrawn)
	all, err := w.Records(t.Context())
	if want := (Record{"web.scan", 3, 1, 1}); err != nil || all["web.scan"] != want {
		t.Errorf("record %+v, error %v, want %+v", all, err, want)
	}
	if got := all["web.scan"].Precision(); got != 0.8 {
		t.Errorf("precision %v, want 0.8", got)
	}
	if v, err := w.Verdict(t.Context(), "e"); err != nil || v.Judgement != Confirmed || v.Who != "sue" {
		t.Errorf("verdict %+v, error %v", v, err)
	}
	for _, id := range []string{"f", "none"} {
		if v, err := w.Verdict(t.Context(), id); err != nil || v != (Verdict{}) {
			t.Errorf("verdict on %s: %+v, error %v, want none", id, v, err)
		}
	}
	if err := w.Judge(t.Context(), Verdict{Finding: "a", Judgement: "maybe"}); !errors.Is(err, ErrRefused) {
		t.Errorf("a verdict that is none: %v", err)
	}
}

func TestASummaryOfADayReadsTheSameForEver(t *testing.T) {
	w := open(t)
	midnight := monday.Truncate(24 * time.Hour)
	w.report(Issue{Title: "1", Reporter: "ann"})
	w.report(Issue{Title: "2", Reporter: "ann"})
	w.report(Issue{Title: "of the demonstration", Site: "demo"})
	w.tick(time.Hour)
	w.change(1, "bob", resolve("x", "y")) // the first response resolves it
	w.tick(time.Hour)
	w.change(2, "bob", Edit{Assigned: ptr("bob")})
	w.tick(2 * time.Hour)
	w.change(2, "bob", resolve("x", "y"))
	day := func(n int) Summary {
		t.Helper()
		s, err := w.Summarise(t.Context(), "", midnight.AddDate(0, 0, n), midnight.AddDate(0, 0, n+1))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := day(0)
	want := Summary{From: midnight, To: midnight.AddDate(0, 0, 1), Total: 2, Logged: 2, Resolved: 2, Average: 150 * time.Minute, Known: true, Response: 90 * time.Minute, Answered: true, FirstContact: 1}
	if first != want {
		t.Errorf("Monday %+v, want %+v", first, want)
	}
	w.tick(24 * time.Hour)
	w.change(1, "ann", Edit{Status: ptr(Unsolved)})
	w.report(Issue{Title: "3", Reporter: "ann"})
	if again := day(0); again != want {
		t.Errorf("Monday, read on Tuesday: %+v, want %+v", again, want)
	}
	if s := day(1); s.Total != 3 || s.Logged != 1 || s.Open != 2 || s.Resolved != 0 || s.Average != 4*time.Hour {
		t.Errorf("Tuesday %+v", s)
	}
	if s := day(-1); s != (Summary{From: midnight.AddDate(0, 0, -1), To: midnight}) {
		t.Errorf("Sunday %+v, want nothing", s)
	}
}

func TestProcessesShareTheRecords(t *testing.T) {
	w := open(t)
	other := w.again()
	var wait sync.WaitGroup
	for _, d := range []*DB{w.DB, other, w.DB, other} {
		wait.Go(func() {
			for range 20 {
				if _, err := d.Report(t.Context(), Issue{Title: "x"}, "ann"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	if list, err := other.Issues(t.Context(), IssueQuery{}); err != nil || len(list) != 80 || list[0].ID != 80 {
		t.Errorf("%d issues, error %v, want 80", len(list), err)
	}
	if st, err := os.Stat(w.path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the database may be read by others: %v, error %v", st.Mode(), err)
	}
}

func TestADatabaseOfANewerProgramIsLeftAlone(t *testing.T) {
	w := open(t)
	if _, err := w.sql.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), w.path); err == nil || !strings.Contains(err.Error(), "a newer one has written it") {
		t.Errorf("opened: %v", err)
	}
	if err := os.WriteFile(w.path+".txt", []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), w.path+".txt"); err == nil || !strings.Contains(err.Error(), w.path+".txt") {
		t.Errorf("a text was opened as a database: %v", err)
	}
}

func TestWhatFailsHalfWayLeavesNothing(t *testing.T) {
	w := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := w.write(ctx, func(tx *sql.Tx) error {
		if _, err := insert(ctx, tx, &Issue{Title: "x", Priority: Low, Status: Unsolved, Reported: monday}, "ann"); err != nil {
			return err
		}
		cancel()
		return nil
	})
	if err == nil {
		t.Error("a transaction whose context had ended was kept")
	}
	if list, err := w.Issues(t.Context(), IssueQuery{}); err != nil || len(list) != 0 {
		t.Errorf("%d issues, error %v, want none", len(list), err)
	}
}

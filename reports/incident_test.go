package reports

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/issuelog"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/state"
)

// byID answers for ids, which results do not know.
type byID struct{ results }

func (r byID) Findings(ctx context.Context, v access.View, q storage.FindingQuery) ([]event.Finding, error) {
	if q.ID == "" {
		return r.results.Findings(ctx, v, q)
	}
	for _, f := range r.findings {
		if f.ID == q.ID {
			return []event.Finding{f}, nil
		}
	}
	return nil, nil
}

func TestTheReviewOfAnIssue(t *testing.T) {
	store := byID{aFullDay()}
	db := aLog(t)
	var about []state.Occurrence
	for _, i := range []int{1, 2} { // the failed logins
		about = append(about, issuelog.OccurrenceOf(&store.findings[i], issuelog.ByGroup))
	}
	i, err := db.Report(t.Context(), state.Issue{Title: "Somebody guesses passwords", Description: "Two sources.", Reporter: "ann", Priority: state.High, Reported: day.Add(21*time.Hour + 30*time.Minute),
		Status: state.Resolved, Resolved: day.Add(23*time.Hour + 30*time.Minute), Cause: "ssh is open to the Internet", Resolution: "fail2ban set up"}, "ann", about...)
	if err != nil {
		t.Fatal(err)
	}
	def := shipped(t, "incident")
	now := day.Add(40 * time.Hour)
	e, err := ReadEvent(t.Context(), store, access.All(), db, i.ID, "", now)
	if err != nil {
		t.Fatal(err)
	}
	if want := (query.Interval{From: at("09:20:00"), To: at("23:31:00")}); e.Period != want {
		t.Errorf("it lasted %s", periodOf(e.Period))
	}
	q := aRequest(t)
	q.Records, q.Event, q.Subject, q.ID, q.Made = db, e, e.Title, def.EventID(e), now
	q.Period, q.Previous = e.Period, Length("").Before(e.Period)
	doc, err := Build(t.Context(), store, access.All(), def, q)
	if err != nil {
		t.Fatal(err)
	}
	var md, page bytes.Buffer
	if err := errors.Join(doc.WriteMarkdown(&md), doc.WriteHTML(&page)); err != nil {
		t.Fatal(err)
	}
	if q.ID != "R-issue-7" {
		t.Errorf("its id is %s", q.ID)
	}
	for _, want := range []string{
		"# Review: Somebody guesses passwords (issue \\#7)",
		"| First sign | 23 November 2026, 09:20:00 UTC |",
		"| Resolved | 23 November 2026, 23:30:00 UTC, after 2 h 0 min |",
		"| 23 Nov 09:20:00 | Failed ssh login from 127.0.3.10 | auth.ssh-failed |",
		"| 23 Nov 21:19:23 | Failed ssh login from 127.0.3.11: last of 40 occurrences | auth.ssh-failed |",
		"fail2ban set up", "ssh is open to the Internet\n\n\\_\\_\\_\\_",
		"### Medium: Failed ssh login from 127.0.3.11",
	} {
		if !strings.Contains(md.String(), want) {
			t.Errorf("the review does not say %q", want)
		}
	}
	row := rowOf(t, doc, "Failed logins")
	// Within the minutes of the event those at 21:00 and 22:00; of before those at 02:00; those at 09:00 began before 09:20.
	if row[2].Text != "15" || row[3].Text != "56" {
		t.Errorf("before %s, during %s, after %s", row[2].Text, row[3].Text, row[4].Text)
	}
	if v := opened(t, browser(t), page.String()); v.Class != "ok" {
		t.Errorf("the page says %+v", v)
	}
	if t.Failed() {
		t.Log(md.String())
	}
}

func TestWhatAReviewCanBeAbout(t *testing.T) {
	store, db := byID{aDay()}, aLog(t)
	now := day.Add(40 * time.Hour)
	e, err := ReadEvent(t.Context(), store, access.All(), db, 0, "f1", now)
	if err != nil || e.Issue != nil || e.Period != (query.Interval{From: at("23:06:00"), To: at("23:06:00") + 3600e6}) || shipped(t, "incident").EventID(e) != "R-finding-f1" {
		t.Errorf("a finding: %+v, %v", e, err)
	}
	open, err := ReadEvent(t.Context(), store, access.All(), db, 1, "", now)
	if err != nil || len(open.Findings) != 0 || open.Period.To != now.UnixMicro()+60e6 {
		t.Errorf("an issue that is open goes on: %+v, %v", open, err)
	}
	for _, tc := range []struct {
		number  int64
		finding string
	}{{99, ""}, {0, "gone"}} {
		if _, err := ReadEvent(t.Context(), store, access.All(), db, tc.number, tc.finding, now); !errors.Is(err, ErrNoEvent) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}

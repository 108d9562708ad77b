package reports

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/state"
)

// aLog is an issue log of the day: one that the day resolved, one that waits, one that was resolved before, one of later.
func aLog(t testing.TB) *state.DB {
	t.Helper()
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	at := func(d time.Duration) time.Time { return day.Add(d) }
	for _, i := range []state.Issue{
		{Title: "Deadlocks in shop", Priority: state.High, Reporter: state.Program, Reported: at(2 * time.Hour), Assigned: "bob", Status: state.InProgress},
		{Title: "Login page hangs", Priority: state.High, Reporter: "ann", Reported: at(-5 * time.Hour), Status: state.Resolved, Resolved: at(11 * time.Hour), Cause: "the pool was exhausted", Resolution: "pool raised to 40"},
		{Title: "Report is late", Priority: state.Low, Reporter: "cy", Reported: at(-72 * time.Hour), Status: state.Resolved, Resolved: at(-24 * time.Hour), Cause: "no index", Resolution: "index added"},
		{Title: "Backup slow", Priority: state.Medium, Reporter: "cy", Reported: at(3 * time.Hour), Status: state.Resolved, Resolved: at(40 * time.Hour), Cause: "old disk", Resolution: "disk replaced"},
		{Title: "of the next day", Reporter: "ann", Reported: at(30 * time.Hour)},
		{Title: "of another site", Reporter: "ann", Reported: at(3 * time.Hour), Site: "demo"},
	} {
		if _, err := db.Report(t.Context(), i, i.Reporter); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func TestThePerformanceReportOfADay(t *testing.T) {
	q := aRequest(t)
	q.Records, q.ID = aLog(t), "P-2026-11-23"
	doc, err := Build(context.Background(), aFullDay(), access.All(), shipped(t, "performance"), q)
	if err != nil {
		t.Fatal(err)
	}
	var md, page bytes.Buffer
	if err := doc.WriteMarkdown(&md); err != nil {
		t.Fatal(err)
	}
	if err := doc.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	golden(t, "performance.md", md.String())
	golden(t, "performance.html", page.String())
	selfContained(t, page.String())
	text := textOf(page.String())
	for _, want := range []string{
		"Failed logins ≤ 50 71 38 Not achieved",
		"1 Deadlocks in shop 23 Nov 2026 – High Unresolved bob –",
		"2 Login page hangs cause: the pool was exhausted 22 Nov 2026 pool raised to 40 High Resolved 23 Nov 2026 after 16 h 0 min",
		"4 Backup slow 23 Nov 2026 – Medium Unresolved",
		"Critical issues: 1 resolved: #2 Login page hangs. 1 not resolved: #1 Deadlocks in shop.",
		"Resolve issue #1 Deadlocks in shop",
		"1 issue was resolved in the period; 2 were open at its end.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	for _, not := range []string{"of the next day", "of another site", "Report is late"} {
		if strings.Contains(text, not) {
			t.Errorf("the report tells of %q", not)
		}
	}
}

func TestTheMonitoringSheetHasTheSitesColumns(t *testing.T) {
	doc, err := Build(context.Background(), aFullDay(), access.All(), shipped(t, "monitoring"), aRequest(t))
	if err != nil {
		t.Fatal(err)
	}
	if doc.Head[1].Name != "Monitored by" || doc.Sign[0] != "Monitored by, Operations" {
		t.Errorf("it is signed by %+v, %q", doc.Head[1], doc.Sign)
	}
	for _, s := range doc.Sections {
		var heads []string
		for _, c := range s.Blocks[0].Table.Columns {
			heads = append(heads, c.Name)
		}
		if got := strings.Join(heads, ", "); got != "Metric, Target, Current value, Status, Comment" {
			t.Errorf("%s has the columns %s", s.Title, got)
		}
	}
	if row := rowOf(t, doc, "Downtime"); row[2].Text != "15.0 min" || row[3].Status != "Green" {
		t.Errorf("downtime %+v", row)
	}
	if row := rowOf(t, doc, "Uptime"); row[3].Status != "Yellow" && row[3].Status != "Red" {
		t.Errorf("uptime %+v", row)
	}
}

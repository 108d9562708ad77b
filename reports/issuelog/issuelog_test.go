package issuelog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/state"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func open(t testing.TB) *state.DB {
	db, err := state.Open(t.Context(), filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// found is a finding of a rule about a group, some minutes after noon.
func found(id, rule, group, severity string, minutes int) event.Finding {
	return event.Finding{
		ID: id, Rule: rule, Title: rule + " of " + group, Severity: severity, Time: noon.Add(time.Duration(minutes) * time.Minute).UnixMicro(),
		Group: []event.GroupValue{{Field: "source.ip", Value: group}},
	}
}

// kept are findings in a store, which may be away.
type kept struct {
	storage.Results
	list []event.Finding // newest first
	away bool
}

func (k *kept) Findings(_ context.Context, v access.View, q storage.FindingQuery) ([]event.Finding, error) {
	if k.away {
		return nil, errors.New("the store is away")
	}
	var out []event.Finding
	past := q.Before == ""
	for _, f := range k.list {
		if past && f.Time >= q.During.From && len(out) < q.Limit {
			out = append(out, f)
		}
		past = past || f.ID == q.Before
	}
	return out, nil
}

// taker returns one over a log; rules are joined as their names begin.
func taker(t testing.TB, store *kept) *Taker {
	joins := func(rule string) string {
		for _, j := range []string{ByRule, None} {
			if strings.HasPrefix(rule, j) {
				return j
			}
		}
		return ByGroup
	}
	k := NewTaker(open(t), "medium", joins, store)
	k.Now = func() time.Time { return noon.Add(time.Hour) }
	return k
}

// titles are those of the log, with how many findings each has, in order of their numbers.
func titles(t *testing.T, db *state.DB) string {
	t.Helper()
	list, err := db.Issues(t.Context(), state.IssueQuery{})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(list, func(a, b state.Issue) int { return int(a.ID - b.ID) })
	var out []string
	for _, i := range list {
		out = append(out, fmt.Sprintf("%s ×%d %s", i.Title, i.Findings, i.Priority))
	}
	return strings.Join(out, "; ")
}

func TestFindingsBecomeIssuesAsTheirRulesSay(t *testing.T) {
	k := taker(t, &kept{})
	k.Offer([]event.Finding{
		found("1", "group.a", "10.0.0.1", "high", 1), found("2", "group.a", "10.0.0.2", "critical", 2), found("3", "group.a", "10.0.0.1", "high", 3),
		found("4", "rule.b", "10.0.0.1", "medium", 4), found("5", "rule.b", "10.0.0.2", "medium", 5),
		found("6", "none.c", "10.0.0.1", "critical", 6), found("7", "group.a", "10.0.0.3", "low", 7),
	})
	if err := k.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "group.a of 10.0.0.1 ×2 High; group.a of 10.0.0.2 ×1 High; rule.b of 10.0.0.1 ×2 Medium"
	if got := titles(t, k.DB); got != want {
		t.Errorf("issues %s, want %s", got, want)
	}
	elsewhere := found("8", "group.a", "10.0.0.1", "high", 8)
	elsewhere.Site = "demo"
	k.Offer([]event.Finding{elsewhere})
	if err := k.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := titles(t, k.DB); !strings.HasSuffix(got, "; group.a of 10.0.0.1 ×1 High") {
		t.Errorf("a site's findings are not apart: %s", got)
	}
}

func TestWhatWasNotTakenIsLookedUpAtTheStart(t *testing.T) {
	store := &kept{away: true}
	for i := range 1200 { // more than two pages
		store.list = append(store.list, found(fmt.Sprint("s", i), "rule.b", "x", "high", -i/20))
	}
	store.list = append(store.list, found("old", "rule.old", "x", "high", -24*60))
	k := taker(t, store)
	k.Missed()
	if err := k.round(t.Context()); err == nil {
		t.Fatal("a store that is away was read")
	}
	k.Offer([]event.Finding{found("new", "group.a", "10.0.0.1", "high", 1)})
	store.away = false
	for range 2 { // the second finds nothing new
		if err := k.round(t.Context()); err != nil {
			t.Fatal(err)
		}
		k.Missed()
	}
	if got, want := titles(t, k.DB), "rule.b of x ×1200 High; group.a of 10.0.0.1 ×1 High"; got != want {
		t.Errorf("issues %s, want %s", got, want)
	}
}

func TestATakerEndsAndTakesWhatItIsOffered(t *testing.T) {
	k := taker(t, &kept{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- k.Run(ctx) }()
	for i := range 50 {
		k.Offer([]event.Finding{found(fmt.Sprint(i), "rule.b", "x", "high", i)})
	}
	for deadline := time.Now().Add(10 * time.Second); titles(t, k.DB) != "rule.b of x ×50 High"; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("taken: %s", titles(t, k.DB))
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestTooManyThatWaitAreLookedUp(t *testing.T) {
	store := &kept{}
	k := taker(t, store)
	for i := range maxWaiting + 100 {
		f := found(fmt.Sprint(i), "rule.b", "x", "high", 0)
		store.list = append(store.list, f)
		k.Offer([]event.Finding{f})
	}
	if len(k.waiting) != maxWaiting || !k.missed {
		t.Fatalf("%d wait, missed %v", len(k.waiting), k.missed)
	}
	if err := k.round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := titles(t, k.DB), fmt.Sprintf("rule.b of x ×%d High", maxWaiting+100); got != want {
		t.Errorf("issues %s, want %s", got, want)
	}
}

// awkward are issues with texts that tables have trouble with.
var awkward = []state.Issue{
	{ID: 3, Title: "=HYPERLINK(\"http://evil\")", Description: "two\nlines, \"quoted\"", Reporter: "+ann", Role: "user", Priority: state.High, Status: state.Resolved,
		Category: "-shop", Assigned: "@bob", Reported: noon, Responded: noon.Add(time.Minute), Resolved: noon.Add(90 * time.Minute), Resolution: "'=a", Cause: "ünï 🐘"},
	{ID: 7, Title: "''=b", Priority: state.Low, Status: state.InProgress, Reported: noon.Add(time.Second), Reporter: "ann"},
}

func TestATableIsReadAsItWasWritten(t *testing.T) {
	for name, form := range map[string]struct {
		write func(*bytes.Buffer) error
		read  func(*bytes.Buffer) ([]Row, error)
	}{
		"csv":  {func(b *bytes.Buffer) error { return WriteCSV(b, awkward) }, func(b *bytes.Buffer) ([]Row, error) { return ReadCSV(b) }},
		"xlsx": {func(b *bytes.Buffer) error { return WriteXLSX(b, awkward) }, func(b *bytes.Buffer) ([]Row, error) { return ReadXLSX(b) }},
	} {
		var b bytes.Buffer
		if err := form.write(&b); err != nil {
			t.Fatal(err)
		}
		if name == "csv" {
			for _, cell := range []string{",\"'=HYPERLINK", ",'+ann,", ",'-shop,", ",'@bob,", ",''=a,", ",'''=b,"} {
				if !strings.Contains(b.String(), cell) {
					t.Errorf("a spreadsheet may compute what stands for %s in\n%s", cell, b.String())
				}
			}
		}
		rows, err := form.read(&b)
		if err != nil || len(rows) != len(awkward) {
			t.Fatalf("%s: %d rows, error %v", name, len(rows), err)
		}
		for i := range rows {
			if got, want := fmt.Sprintf("%+v", rows[i].Issue), fmt.Sprintf("%+v", awkward[i]); got != want {
				t.Errorf("%s: read\n%s\nwant\n%s", name, got, want)
			}
		}
	}
}

func TestImportingAgainChangesNothing(t *testing.T) {
	db := open(t)
	var b bytes.Buffer
	if err := WriteCSV(&b, awkward); err != nil {
		t.Fatal(err)
	}
	table := b.String()
	for _, want := range []Imported{{New: 2}, {Same: 2}} {
		rows, err := ReadCSV(strings.NewReader(table))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Import(t.Context(), db, rows, "eve"); err != nil || got != want {
			t.Errorf("imported %+v, error %v, want %+v", got, err, want)
		}
	}
	i, err := db.Issue(t.Context(), 3)
	if err != nil || i.Took() != 90*time.Minute || !i.Responded.Equal(noon.Add(time.Minute)) {
		t.Errorf("issue 3 is %+v, error %v", i, err)
	}
	made, err := db.Report(t.Context(), state.Issue{Title: "next"}, "ann")
	if err != nil || made.ID != 8 {
		t.Errorf("the next issue has number %d, error %v, want 8", made.ID, err)
	}
}

func TestTablesThatAreRefused(t *testing.T) {
	for _, c := range []struct{ table, says string }{
		{"", "the table is empty"},
		{"Name,Status\nx,Open\n", "neither Title nor Description"},
		{"Title,Issue id\nx,seven\n", `row 2, Issue id: "seven" is no number`},
		{"Title,Date reported\na,\n\nx,24.11.2026\n", `Date reported: "24.11.2026" is no time; write 2026-11-24 15:04:05`},
		{"Title,Status\n\"x\n", "quote"},
	} {
		if _, err := ReadCSV(strings.NewReader(c.table)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: error %v, want one with %q", c.table, err, c.says)
		}
	}
	if _, err := ReadXLSX(strings.NewReader("no workbook")); err == nil {
		t.Error("a text was read as a workbook")
	}
	rows, err := ReadCSV(strings.NewReader("Title,Status\nx,resolved\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Import(t.Context(), open(t), rows, "eve"); !errors.Is(err, state.ErrRefused) || !strings.Contains(err.Error(), "row 2") {
		t.Errorf("resolved without a date: %v", err)
	}
}

func TestTrendsAreOfTheTimeBefore(t *testing.T) {
	db := open(t)
	rows := []Row{
		{Issue: state.Issue{Title: "1", Status: state.Resolved, Reported: noon.AddDate(0, 0, -1), Resolved: noon.AddDate(0, 0, -1).Add(time.Hour), Cause: "x", Resolution: "y"}},
		{Issue: state.Issue{Title: "2", Status: state.Resolved, Reported: noon, Resolved: noon.Add(3 * time.Hour), Cause: "x", Resolution: "y"}},
		{Issue: state.Issue{Title: "3", Reported: noon}},
	}
	if _, err := Import(t.Context(), db, rows, "eve"); err != nil {
		t.Fatal(err)
	}
	from := noon.Truncate(24 * time.Hour)
	list, err := Trends(t.Context(), db, "", from, from.AddDate(0, 0, 1))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range list {
		got = append(got, fmt.Sprintf("%s: %v %v, before %v %v, %s", l.Name, l.Value, l.Known, l.Previous, l.Was, l.Direction))
	}
	want := []string{
		"Issues logged in all: 3 true, before 1 true, Up",
		"Resolved in the period: 1 true, before 1 true, No change",
		"Open at its end: 1 true, before 0 true, Up",
		"Average resolution time: 7200 true, before 3600 true, Up",
		"Average time to the first response: 7200 true, before 3600 true, Up",
		"Resolved at the first contact: 100 true, before 100 true, No change",
		"Satisfaction: 0 false, before 0 false, ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("trends\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func FuzzReadCSV(f *testing.F) {
	var b bytes.Buffer
	if err := WriteCSV(&b, awkward); err != nil {
		f.Fatal(err)
	}
	f.Add(b.String())
	f.Add("Title\n'=x\n")
	f.Fuzz(func(t *testing.T, table string) {
		rows, err := ReadCSV(strings.NewReader(table))
		if err != nil {
			return
		}
		list := make([]state.Issue, len(rows))
		for i := range rows {
			list[i] = rows[i].Issue
		}
		var b bytes.Buffer
		if err := WriteCSV(&b, list); err != nil {
			t.Fatal(err)
		}
		again, err := ReadCSV(&b)
		if err != nil || len(again) != len(rows) {
			t.Fatalf("%d rows became %d, error %v", len(rows), len(again), err)
		}
	})
}

package console_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/console"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/state"
)

// withReports gives a console the shipped reports, made of its own store.
func withReports(t testing.TB, c console.Config) console.Config {
	t.Helper()
	schema := event.NewSchema()
	if _, err := parsers.Open(configs.FS(""), schema); err != nil {
		t.Fatal(err)
	}
	defs, err := kpi.Load(configs.FS(""), "kpis.toml", schema)
	if err != nil {
		t.Fatal(err)
	}
	list, err := reports.Load(configs.FS(""), "reports.toml", defs)
	if err != nil {
		t.Fatal(err)
	}
	c.Reports = list
	c.Make = func(ctx context.Context, asked url.Values) (state.Issued, []string, error) {
		def, _ := reports.Find(list, asked.Get("id"))
		at, err := time.Parse(time.DateOnly, asked.Get("day"))
		if asked.Get("day") == "" {
			at, err = now, nil
		}
		if def == nil || err != nil {
			return state.Issued{}, nil, fmt.Errorf("%w: there is no such report or day", state.ErrRefused)
		}
		length := def.Period
		if p := reports.Length(asked.Get("period")); p != "" {
			length = p
		}
		period := length.During(at, now)
		q := reports.Request{ID: def.DocumentID(length, period, asked.Get("site")), Subject: "shop.example", PreparedBy: asked.Get("by"), Made: now, Defs: defs,
			Records: c.Records, Site: asked.Get("site"), Period: period, Previous: length.Before(period)}
		doc, err := reports.Build(ctx, c.Reader, access.All(), def, q)
		if err != nil {
			return state.Issued{}, nil, err
		}
		made := state.Issued{Document: doc.ID, Report: def.ID, Name: doc.Name, Title: doc.Title, Site: q.Site, From: doc.Period.From, To: doc.Period.To, Made: now, By: doc.By}
		if made.Version, err = c.Records.NextVersion(ctx, doc.ID); err != nil {
			return made, nil, err
		}
		doc.Version = strconv.Itoa(made.Version)
		formats := asked.Get("format")
		if formats == "" {
			formats = "html"
		}
		for name := range strings.SplitSeq(formats, ",") {
			var b bytes.Buffer
			if err := doc.Write(ctx, &b, document.Format(name)); err != nil {
				return made, nil, err
			}
			made.Files = append(made.Files, state.IssuedFile{Format: name, SHA256: state.Digest(b.Bytes()), Bytes: int64(b.Len()), Data: b.Bytes()})
		}
		if asked.Get("draft") == "" {
			err = c.Records.KeepReport(ctx, made)
		}
		return made, nil, err
	}
	return c
}

func fetch(t testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+path, nil))
	return w
}

func TestReportsAreIssuedLookedAtAndFetched(t *testing.T) {
	c := withReports(t, open(t, shop()))
	h := handler(t, c)
	_, page := get(t, h, "/reports")
	w := words(page)
	for _, want := range []string{"No report was issued yet.", "Daily report daily Everybody's page about a day", "Today so far", "Performance report performance", "Nothing was issued yet."} {
		if !strings.Contains(w, want) {
			t.Errorf("the page does not say %q:\n%s", want, w)
		}
	}
	form := url.Values{"id": {"daily"}, "day": {now.Format(time.DateOnly)}, "who": {"ann"}, "format": {"html", "xlsx"}}
	for version := 1; version <= 2; version++ {
		if code, to, _ := post(t, h, "/reports", form); code != 303 || !strings.HasPrefix(to, "/reports") {
			t.Fatalf("issuing answers %d and leads to %q", code, to)
		}
	}
	id := "D-" + now.Format(time.DateOnly)
	_, page = get(t, h, "/reports")
	kept, err := c.Records.IssuedReport(t.Context(), id, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Issued last: Daily report " + id + ", version 2, by ann.", kept.Files[0].SHA256[:16]} {
		if !strings.Contains(words(page), want) {
			t.Errorf("the list does not say %q", want)
		}
	}
	got := fetch(t, h, "/reports/issued/"+id+"/2/html")
	if state.Digest(got.Body.Bytes()) != kept.Files[0].SHA256 {
		t.Error("the page is not the one that was issued")
	}
	if csp := got.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "sandbox allow-scripts") || strings.Contains(csp, "allow-same-origin") {
		t.Errorf("policy %q", csp)
	}
	book := fetch(t, h, "/reports/issued/"+id+"/1/xlsx")
	if book.Header().Get("Content-Disposition") != "attachment; filename*=UTF-8''"+id+"-v1.xlsx" || !bytes.HasPrefix(book.Body.Bytes(), []byte("PK")) {
		t.Errorf("the workbook: %v", book.Header())
	}
	for _, at := range []string{"/reports/issued/" + id + "/3/html", "/reports/issued/" + id + "/1/pdf", "/reports/issued/D-2020-01-01/1/html", "/reports/issued/" + id + "/x/html"} {
		if code := fetch(t, h, at).Code; code != 404 {
			t.Errorf("%s: %d", at, code)
		}
	}
}

func TestADraftIsNotKept(t *testing.T) {
	c := withReports(t, open(t, shop()))
	h := handler(t, c)
	w := fetch(t, h, "/reports/draft?id=performance&site=demo")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "Key metrics") {
		t.Errorf("the draft answers %d", w.Code)
	}
	if list, err := c.Records.IssuedReports(t.Context(), state.IssuedQuery{}); err != nil || len(list) != 0 {
		t.Errorf("%d are kept, %v", len(list), err)
	}
}

func TestWhatCannotBeReportedIsSaidOnTheForm(t *testing.T) {
	h := handler(t, withReports(t, open(t, shop())))
	for _, tc := range []struct {
		form url.Values
		want string
	}{
		{url.Values{"id": {"daily"}, "day": {"2026-11-23"}}, "Write your name, so that others know who did it."},
		{url.Values{"id": {"gone"}, "day": {"2026-11-23"}, "who": {"ann"}}, "There is no such report or day."},
		{url.Values{"id": {hostile}, "day": {hostile}, "from": {hostile}, "period": {hostile}, "who": {hostile[:20]}}, "There is no such report or day."},
	} {
		code, _, page := post(t, h, "/reports", tc.form)
		if code != 422 || !strings.Contains(words(page), tc.want) {
			t.Errorf("%v: %d, without %q", tc.form, code, tc.want)
		}
		if strings.Contains(page, "<script>alert") {
			t.Error("what was written becomes markup")
		}
	}
	if code := fetch(t, h, "/reports/draft?id=gone").Code; code != 422 {
		t.Errorf("a draft of nothing: %d", code)
	}
}

func TestAnIssuedReportChecksItselfWhereTheConsoleServesIt(t *testing.T) {
	url := serve(t, shop(), nil)
	ctx, complaints := browser(t)
	if err := chromedp.Do(ctx, chromedp.Navigate(url+"/reports/issued/D-"+now.Format(time.DateOnly)+"/1/html"), chromedp.WaitReady("#checked.ok")); err != nil {
		t.Error(err)
	}
	if said := complaints(); len(said) > 0 {
		t.Errorf("the browser complains: %q", said)
	}
}

func TestReportsThatAreMadeByThemselvesAreShown(t *testing.T) {
	c := withReports(t, open(t, shop()))
	c.Scheduled = func(context.Context) ([]console.Scheduled, error) {
		return []console.Scheduled{
			{Report: "daily", Cron: "10 0 * * *", Folder: "/srv/reports", To: []string{"ops@shop.example"}, Next: now.Add(time.Hour), Last: &state.Run{Ended: now.Add(-2 * time.Hour), Document: "D-2026-11-22", Version: 1}},
			{Report: "daily", Cron: "0 6 * * 1", Folder: hostile, Next: now.Add(time.Hour), Last: &state.Run{Ended: now.Add(-time.Hour), Problem: "write " + hostile + ": no space left"}},
			{Report: "daily", Cron: "@monthly", To: []string{"a@b.example"}, Next: now.Add(time.Hour)},
		}, nil
	}
	_, page := get(t, handler(t, c), "/reports")
	w := words(page)
	for _, want := range []string{"Made by themselves", "10 0 * * * 2026-11-24 00:21 /srv/reports ops@shop.example", "Made D-2026-11-22", "Failed write", "no space left", "@monthly", "not yet"} {
		if !strings.Contains(w, want) {
			t.Errorf("the page does not say %q:\n%s", want, w)
		}
	}
	if strings.Contains(page, "<img src=x") {
		t.Error("foreign text is markup")
	}
}

package console_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/saypro/veritail/storage/state"
)

// fillLog fills an issue log: one in progress, one resolved, one open, one that an attacker has named.
func fillLog(t testing.TB, db *state.DB) {
	t.Helper()
	for _, i := range []state.Issue{
		{Title: "Orders fail: deadlocks in shop", Description: "Every evening since Friday, when the invoices run.\nAbout one order in a hundred.", Reporter: "ann", Role: "support", Category: "db", Priority: state.High, Reported: now.Add(-26 * time.Hour), Responded: now.Add(-25 * time.Hour), Status: state.InProgress, Assigned: "bob"},
		{Title: "Report is late", Reporter: "cy", Category: "slow", Reported: now.Add(-50 * time.Hour), Status: state.Resolved, Resolved: now.Add(-3 * time.Hour), Cause: "no index on orders.customer", Resolution: "index added"},
		{Title: "Backups take until nine", Reporter: state.Program, Category: "backup", Priority: state.Low, Reported: now.Add(-time.Hour)},
		{Title: hostile, Description: hostile, Reporter: hostile, Category: hostile, Assigned: hostile, Reported: now.Add(-2 * time.Hour)},
		{Title: "of the demonstration", Reporter: "ann", Reported: now, Site: "demo"},
	} {
		if _, err := db.Report(t.Context(), i, i.Reporter); err != nil {
			t.Fatal(err)
		}
	}
}

// post sends a form as a browser does from the console's own page, and returns code, place to go to, and page.
func post(t testing.TB, h http.Handler, path string, form url.Values, header ...string) (int, string, string) {
	t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Host = "127.0.0.1:8650"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Header().Get("Location"), w.Body.String()
}

func TestTheIssueLogShowsWhatWaits(t *testing.T) {
	c := open(t, shop())
	fillLog(t, c.Records)
	h := handler(t, c)
	_, page := get(t, h, "/issues")
	w := words(page)
	for _, want := range []string{
		"3 issues are open, 1 of high priority, 1 with nobody assigned.",
		"1 Orders fail: deadlocks in shop db High In progress bob",
		"2 Report is late slow Medium Resolved nobody",
		"Issues logged in all 4 2 Up 2 of them in this period",
		"Resolved in the period 1 0 Up",
	} {
		if !strings.Contains(w, want) {
			t.Errorf("the log does not say %q:\n%s", want, w)
		}
	}
	if strings.Index(w, "Orders fail") > strings.Index(w, "Backups take") {
		t.Error("the urgent one does not come first")
	}
	if strings.Contains(w, "of the demonstration") {
		t.Error("an issue of another site is among them")
	}
	for at, want := range map[string]string{"?status=Resolved": "Report is late", "?priority=Low": "Backups take", "?text=INDEX": "Report is late", "?site=demo": "of the demonstration"} {
		_, page := get(t, h, "/issues"+at)
		w := words(page)
		if !strings.Contains(w, want) || want != "of the demonstration" && strings.Contains(w, "Orders fail") {
			t.Errorf("%s: %s", at, w)
		}
	}
	for _, at := range []string{"/issues/99", "/issues/x", "/issues/-1"} {
		if code, _ := get(t, h, at); code != 404 {
			t.Errorf("%s: code %d, want 404", at, code)
		}
	}
}

func TestAnIssueIsChangedOnItsPage(t *testing.T) {
	c := open(t, shop())
	fillLog(t, c.Records)
	h := handler(t, c)
	form := url.Values{"who": {"sue"}, "status": {"Resolved"}, "priority": {"High"}, "assigned": {"sue"}, "comment": {"found <it>"}, "cause": {""}, "resolution": {"locks in one order"}}
	code, _, page := post(t, h, "/issues/1", form)
	if w := words(page); code != 422 || !strings.Contains(w, "Not saved. A resolved issue wants its root cause and what was done.") || !strings.Contains(page, "found &lt;it&gt;") || !strings.Contains(page, "locks in one order") {
		t.Errorf("without a cause: code %d, %s", code, w)
	}
	form.Set("cause", "two orders of locks")
	form.Set("who", " ")
	if code, _, page := post(t, h, "/issues/1", form); code != 422 || !strings.Contains(words(page), "Write your name") {
		t.Errorf("without a name: code %d", code)
	}
	form.Set("who", "sue")
	if code, to, _ := post(t, h, "/issues/1", form); code != 303 || to != "/issues/1" {
		t.Errorf("code %d to %q", code, to)
	}
	_, page = get(t, h, "/issues/1")
	for _, want := range []string{"status In progress Resolved", "Root cause two orders of locks", "sue found <it>", "assigned bob sue"} {
		if !strings.Contains(words(page), want) {
			t.Errorf("the issue does not say %q:\n%s", want, words(page))
		}
	}
	rating := url.Values{"who": {"ann"}, "note": {"quick"}}
	if code, _, page := post(t, h, "/issues/1/rating", rating); code != 422 || !strings.Contains(words(page), "Choose 1 to 5") {
		t.Errorf("without stars: code %d", code)
	}
	rating.Set("stars", "4")
	if code, to, _ := post(t, h, "/issues/1/rating", rating); code != 303 || to != "/issues/1" {
		t.Errorf("a rating: code %d to %q", code, to)
	}
	if _, page = get(t, h, "/issues/1"); !strings.Contains(words(page), "How was it resolved? 4 of 5 so far") {
		t.Errorf("the rating is not shown: %s", words(page))
	}
	if code, _, _ := post(t, h, "/issues/99", form); code != 404 {
		t.Errorf("one that is not there: code %d", code)
	}
}

func TestAFindingBecomesAnIssueAndIsJudged(t *testing.T) {
	d := shop()
	c := open(t, d)
	h := handler(t, c)
	f := d.commit.Findings[1]
	_, page := get(t, h, "/findings/"+f.ID)
	if w := words(page); !strings.Contains(w, "none of its findings was judged yet") || !strings.Contains(page, "/issues/new?finding="+f.ID) {
		t.Errorf("the finding offers no verdict: %s", w)
	}
	_, page = get(t, h, "/issues/new?finding="+f.ID)
	if !strings.Contains(page, `value="`+f.Title+`"`) {
		t.Errorf("the form does not begin with the finding's title %q", f.Title)
	}
	code, to, _ := post(t, h, "/issues", url.Values{"who": {"sue"}, "title": {"Look at this"}, "priority": {"High"}, "finding": {f.ID}})
	if code != 303 || to != "/issues/1" {
		t.Fatalf("code %d to %q", code, to)
	}
	if _, page = get(t, h, to); !strings.Contains(page, "/findings/"+f.ID) {
		t.Error("the issue does not lead to its finding")
	}
	if code, _, page := post(t, h, "/issues", url.Values{"who": {"sue"}, "title": {"again"}, "priority": {"High"}, "finding": {f.ID}}); code != 422 || !strings.Contains(words(page), "belongs to issue 1 already") {
		t.Errorf("a second issue: code %d", code)
	}
	for _, v := range []string{"confirmed", "false alarm"} {
		if code, to, _ := post(t, h, "/findings/"+f.ID+"/verdict", url.Values{"who": {"sue"}, "verdict": {v}}); code != 303 || to != "/findings/"+f.ID {
			t.Fatalf("%s: code %d to %q", v, code, to)
		}
	}
	_, page = get(t, h, "/findings/"+f.ID)
	if w := words(page); !strings.Contains(w, "it was right in 0 % of its 1 judged finding, 1 was a false alarm") || !strings.Contains(w, "Issue 1") || !strings.Contains(w, "false alarm, sue,") {
		t.Errorf("after a verdict: %s", w)
	}
	if code, _, page := post(t, h, "/findings/"+f.ID+"/verdict", url.Values{"verdict": {"confirmed"}}); code != 422 || !strings.Contains(words(page), "Not saved. Write your name") {
		t.Errorf("without a name: code %d", code)
	}
	if code, _, _ := post(t, h, "/findings/none/verdict", url.Values{"who": {"sue"}, "verdict": {"confirmed"}}); code != 404 {
		t.Errorf("a finding that is not there: code %d", code)
	}
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	c := open(t, shop())
	h := handler(t, c)
	form := url.Values{"who": {"mallory"}, "title": {"x"}, "priority": {"High"}}
	for name, header := range map[string][]string{
		"the browser says so":         {"Sec-Fetch-Site", "cross-site"},
		"a sibling of the name":       {"Sec-Fetch-Site", "same-site"},
		"an old browser's origin":     {"Sec-Fetch-Site", "", "Origin", "http://attacker.example"},
		"a page without an origin":    {"Sec-Fetch-Site", "", "Origin", "null"},
		"another port of the machine": {"Sec-Fetch-Site", "", "Origin", "http://127.0.0.1:9999"},
	} {
		if code, _, _ := post(t, h, "/issues", form, header...); code != 403 {
			t.Errorf("%s: code %d, want 403", name, code)
		}
	}
	form.Set("title", strings.Repeat("x", 2<<20))
	if code, _, _ := post(t, h, "/issues", form); code != 400 {
		t.Errorf("a form of 2 MiB: code %d, want 400", code)
	}
	if list, err := c.Records.Issues(t.Context(), state.IssueQuery{}); err != nil || len(list) != 0 {
		t.Errorf("%d issues, error %v, want none", len(list), err)
	}
}

func TestWithoutRecordsThereAreNoPagesOfThem(t *testing.T) {
	d := shop()
	c := open(t, d)
	c.Records = nil
	h := handler(t, c)
	if code, page := get(t, h, "/issues"); code != 404 || strings.Contains(page, ">Issues<") {
		t.Errorf("code %d", code)
	}
	if _, page := get(t, h, "/findings/"+d.commit.Findings[1].ID); strings.Contains(page, "Verdict") {
		t.Error("a verdict is asked for that nobody keeps")
	}
}

// In a real browser: an issue is reported, refused, resolved; the name is asked for once.
func TestAnIssueInABrowser(t *testing.T) {
	ctx, complaints := browser(t)
	c := open(t, shop())
	s := httptest.NewServer(handler(t, c))
	t.Cleanup(s.Close)
	var text, name string
	err := chromedp.Do(ctx,
		chromedp.Navigate(s.URL+"/issues/new"), chromedp.WaitReady("#it"),
		chromedp.SendKeys("#it", "The cart hangs"), chromedp.SendKeys("#iw", "ann"), chromedp.Click(".form button"),
		chromedp.WaitReady("#is"))
	if err != nil {
		t.Fatal(err)
	}
	if text, err = chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("h1").textContent`)); err != nil || text != "The cart hangs" {
		t.Errorf("reported %q, error %v", text, err)
	}
	if name, err = chromedp.Run(ctx, chromedp.Evaluate[string](`document.querySelector("#iw").value`)); err != nil || name != "ann" {
		t.Errorf("the name is %q, error %v, want the one that was given", name, err)
	}
	// The strip at the foot may lie over the button until the page is scrolled, so it is not clicked by its place.
	save := chromedp.Evaluate[chromedp.Void](`document.querySelector(".form button").click()`)
	err = chromedp.Do(ctx,
		chromedp.SetValue("#is", "Resolved"), chromedp.SendKeys("#io", "restarted"), save,
		chromedp.WaitReady(".note.R"),
		chromedp.SendKeys("#ir", "out of memory"), save,
		chromedp.WaitReady(".st.G"))
	if err != nil {
		t.Fatal(err)
	}
	if i, err := c.Records.Issue(t.Context(), 1); err != nil || i.Status != state.Resolved || i.Cause != "out of memory" || i.Resolution != "restarted" {
		t.Errorf("stored: %+v, error %v", i, err)
	}
	for _, said := range complaints() {
		if !strings.Contains(said, "422") {
			t.Errorf("the browser complains: %s", said)
		}
	}
}

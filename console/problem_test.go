package console_test

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/saypro/veritail/storage/state"
)

func TestAProblemIsReportedFromThePageItIsOn(t *testing.T) {
	d := shop()
	c := open(t, d)
	h := handler(t, c)
	id := d.commit.Findings[1].ID
	_, page := get(t, h, "/findings/"+id+"?site=demo")
	if want := `href="/problem?at=` + strings.ReplaceAll(url.QueryEscape("/findings/"+id+"?site=demo"), "&", "&amp;"); !strings.Contains(page, want) {
		t.Errorf("the page of a finding has no link %s", want)
	}
	for at, want := range map[string][]string{
		"/findings/" + id:                   {"Finding " + id + ", " + d.commit.Findings[1].Rule},
		"/search?q=user.name:alice&last=1h": {"Query user.name:alice"},
		"/":                                 {"Key figure Failed logins: "},
		"/issues/99":                        {"Page /issues/99"},
		"/findings/none":                    {"Page /findings/none"},
	} {
		_, page := get(t, h, "/problem?at="+url.QueryEscape(at))
		w := words(page)
		for _, want := range append(want, "Page "+at, "Seen 2026-11-", "Version test", "malfunction it does not do what it should") {
			if !strings.Contains(w, want) {
				t.Errorf("%s: the form lacks %q:\n%s", at, want, w)
			}
		}
	}
	for _, at := range []string{"https://evil.example/", "//evil.example/x", "no address", ""} {
		if _, page := get(t, h, "/problem?at="+url.QueryEscape(at)); strings.Contains(words(page), "Page "+at+" ") && at != "" {
			t.Errorf("%s is attached as a page", at)
		}
	}
	form := url.Values{"who": {"ann"}, "role": {"support"}, "kind": {"malfunction"}, "title": {"The count is wrong"}, "description": {"It says 5 <b>, there are 6."},
		"at": {"/findings/" + id}, "seen": {now.Add(-90e9).Format("2006-01-02T15:04:05Z07:00")}}
	code, to, _ := post(t, h, "/problem?site=demo", form)
	if code != 303 || to != "/issues/1?site=demo" {
		t.Fatalf("code %d, to %s", code, to)
	}
	i, err := c.Records.Issue(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if i.Category != "malfunction" || i.Reporter != "ann" || i.Role != "support" || i.Site != "demo" || i.Priority != state.Medium || i.Title != "The count is wrong" {
		t.Errorf("%+v", i)
	}
	for _, want := range []string{"It says 5 <b>, there are 6.\n\nAttached by the console:\nPage: /findings/" + id + "\nFinding: " + id, "\nSite: demo\nSeen: " + now.Add(-90e9).Format("2006-01-02 15:04:05") + " UTC\nVersion: test"} {
		if !strings.Contains(i.Description, want) {
			t.Errorf("the issue says\n%s\nwant\n%s", i.Description, want)
		}
	}
}

func TestAProblemThatIsRefusedKeepsWhatWasWritten(t *testing.T) {
	c := open(t, shop())
	h := handler(t, c)
	whole := url.Values{"who": {"ann"}, "kind": {"slow"}, "title": {"x"}, "description": {"a long story"}, "at": {"/search?q=" + url.QueryEscape(hostile)}}
	for key, want := range map[string]string{"who": "Write your name", "kind": "Choose what kind of problem it is", "title": "An issue wants a title"} {
		form := url.Values{}
		for k, v := range whole {
			if k != key {
				form[k] = v
			}
		}
		code, _, page := post(t, h, "/problem", form)
		if w := words(page); code != 422 || !strings.Contains(w, "Not saved. "+want) || !strings.Contains(page, "a long story") || strings.Contains(page, "<img src=x") {
			t.Errorf("without %s: code %d\n%s", key, code, w)
		}
	}
	if list, err := c.Records.Issues(t.Context(), state.IssueQuery{}); err != nil || len(list) != 0 {
		t.Errorf("%d issues, error %v", len(list), err)
	}
	if code, _, _ := post(t, h, "/problem", whole, "Sec-Fetch-Site", "cross-site"); code != 403 {
		t.Errorf("a form of another site: code %d", code)
	}
}

// Whoever reported an issue is asked how it was resolved, until they have said it.
func TestTheReporterIsAskedForARating(t *testing.T) {
	c := open(t, shop())
	fillLog(t, c.Records)
	h := handler(t, c)
	asked := func(name string) string {
		r := httptest.NewRequest("GET", "/issues", nil)
		r.Host = "127.0.0.1:8650"
		r.Header.Set("Cookie", "who="+name)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return words(w.Body.String())
	}
	const want = "What you reported was resolved: Report is late index added Say how well: 1 to 5."
	if !strings.Contains(asked("cy"), want) || strings.Contains(asked("ann"), "What you reported") {
		t.Errorf("cy: %s\nann: %s", asked("cy"), asked("ann"))
	}
	if code, _, _ := post(t, h, "/issues/2/rating", url.Values{"who": {"cy"}, "stars": {"4"}}); code != 303 {
		t.Fatalf("code %d", code)
	}
	if strings.Contains(asked("cy"), "What you reported") {
		t.Error("one that was rated is asked for again")
	}
}

package console_test

import (
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/console"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/deadlocks"
	"github.com/saypro/veritail/rules/transactions/reproduce"
	"github.com/saypro/veritail/rules/transactions/scratch"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// brokenStore answers nothing, as a store does whose disk has gone.
type brokenStore struct{ storage.Reader }

var errGone = errors.New("IO Error: could not read block 42: <b>no such device</b>")

func (brokenStore) Findings(context.Context, access.View, storage.FindingQuery) ([]event.Finding, error) {
	return nil, errGone
}

func (brokenStore) Rollups(context.Context, access.View, storage.RollupQuery) ([]event.Delta, error) {
	return nil, errGone
}

func (brokenStore) Search(context.Context, access.View, query.Search) (storage.Rows, error) {
	return storage.Rows{}, errGone
}

var (
	hrefs = regexp.MustCompile(`(?:href|src|action)="([^"]*)"( rel="noreferrer")?`)
	tags  = regexp.MustCompile(`<[^>]*>`)
)

// words is what a reader sees of a page: its text, white space folded.
func words(page string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(page, " "))), " ")
}

func TestOnlyReadersWhoAskUnderTheConsolesOwnNameAreAnswered(t *testing.T) {
	c := open(t, newDay())
	c.Hosts = []string{"logs.shop.example"}
	h := handler(t, c)
	for _, tc := range []struct {
		name, method, host string
		code               int
	}{
		{"a loopback address is its own name", "GET", "127.0.0.1:8650", 200},
		{"so is localhost", "GET", "localhost:8650", 200},
		{"so is the IPv6 loopback address", "GET", "[::1]:8650", 200},
		{"so is a configured name, in any case", "GET", "Logs.Shop.Example", 200},
		{"a name bound to this address by somebody else is refused", "GET", "attacker.example:8650", 421},
		{"so is one that begins like its own", "GET", "localhost.attacker.example", 421},
		{"so is an empty one", "GET", "", 421},
		{"so is another address", "GET", "192.0.2.1:8650", 421},
		{"a page without a form takes none", "POST", "127.0.0.1:8650", 405},
		{"nor is deleting", "DELETE", "127.0.0.1:8650", 405},
		{"a head without its page is reading", "HEAD", "127.0.0.1:8650", 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := httptest.NewRequest(tc.method, "/findings", nil)
			r.Host = tc.host
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != tc.code {
				t.Errorf("code %d, want %d", w.Code, tc.code)
			}
			if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("policy %q", csp)
			}
			if w.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Error("nosniff is missing")
			}
		})
	}
}

func TestAThemeIsKeptAndLeadsBackToTheSamePage(t *testing.T) {
	h := handler(t, open(t, newDay()))
	for _, tc := range []struct{ url, to, cookie string }{
		{"/findings?severity=high&theme=dark", "/findings?severity=high", "theme=dark"},
		{"/?theme=system", "/", "theme="},
		{"//attacker.example/?theme=light", "/attacker.example/", "theme=light"},
		{"/x?theme=%22%3E%3Cscript%3E", "/x", "theme="},
	} {
		r := httptest.NewRequest("GET", "http://127.0.0.1"+tc.url, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != tc.to {
			t.Errorf("%s: code %d to %q, want %q", tc.url, w.Code, got, tc.to)
		}
		if got, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";"); got != tc.cookie {
			t.Errorf("%s: cookie %q, want %q", tc.url, got, tc.cookie)
		}
	}
	r := httptest.NewRequest("GET", "http://127.0.0.1/keys", nil)
	r.AddCookie(&http.Cookie{Name: "theme", Value: "dark"})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if !strings.Contains(w.Body.String(), `<html lang="en" data-theme="dark">`) {
		t.Error("the page does not carry the theme that was chosen")
	}
}

func TestEveryLinkOfThePagesLeadsSomewhere(t *testing.T) {
	h := handler(t, open(t, shop()))
	seen := map[string]bool{"/": true, "/search?q=user.name%3Aalice": true, "/?site=demo": true}
	next := []string{"/", "/search?q=user.name%3Aalice", "/?site=demo"}
	kinds := map[string]int{}
	for len(next) > 0 {
		at := next[0]
		next = next[1:]
		code, page := get(t, h, at)
		if code != 200 {
			t.Errorf("%s answers %d", at, code)
		}
		base, err := url.Parse(at)
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		for _, m := range hrefs.FindAllStringSubmatch(page, -1) {
			u, err := base.Parse(html.UnescapeString(m[1]))
			if err != nil {
				t.Errorf("%s links to %q: %v", at, m[1], err)
				continue
			}
			if m[2] != "" && u.Scheme == "https" { // what a finding's tags and references mean
				continue
			}
			if u.Host != "" || u.Scheme != "" {
				t.Errorf("%s links to another host: %s", at, u)
			}
			u.Fragment = ""
			// A handful of each kind of page is enough: the rest differs in its parameters only.
			kind := u.Path + strings.Join(keysOf(u.Query()), "&")
			if strings.HasPrefix(u.Path, "/findings/") {
				kind = "/findings/"
			}
			if u.Query().Has("theme") || seen[u.String()] || kinds[kind] >= 6 {
				continue
			}
			kinds[kind]++
			seen[u.String()] = true
			next = append(next, u.String())
		}
	}
	for _, want := range []string{"/findings", "/search", "/sources", "/keys", "/static/style.css", "/static/console.js", "/chart.css"} {
		if !slices.ContainsFunc(slices.Collect(mapKeys(seen)), func(u string) bool { return strings.HasPrefix(u, want) }) {
			t.Errorf("nothing leads to %s", want)
		}
	}
	t.Logf("%d addresses", len(seen))
}

func keysOf(v url.Values) []string { return slices.Sorted(mapKeys(v)) }

func mapKeys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestWhatAnAttackerWroteIsTextOnEveryPage(t *testing.T) {
	d := shop()
	h := handler(t, open(t, d))
	q := url.QueryEscape
	for _, at := range []string{
		"/", "/findings", "/findings/" + d.commit.Findings[4].ID, "/findings/" + d.commit.Findings[5].ID, "/sources", "/live/overview",
		"/search?q=" + q("source.ip:127.0.3.66"), "/search?q=" + q("event.dataset:app"), "/search?q=" + q(hostile), "/search?q=" + q(`"`+hostile),
		"/search?q=a:&ok=" + q(`user.name:"`+strings.ReplaceAll(hostile, `"`, `\"`)+`"`),
		"/findings?rule=" + q(hostile), "/findings?severity=" + q(hostile), "/?site=" + q(hostile), "/search?site=" + q(hostile) + "&last=" + q(hostile) + "&from=" + q(hostile),
		"/" + url.PathEscape(hostile), "/findings/" + url.PathEscape(hostile), "/search?after=" + q(hostile),
	} {
		code, page := get(t, h, at)
		if code != 200 && code != 404 {
			t.Errorf("%s answers %d", at, code)
		}
		for _, raw := range []string{"<script>alert", "<img", "\x1b", "\u202e", "\x00", "onerror=alert(2)>\"", "'><"} {
			if strings.Contains(page, raw) {
				t.Errorf("%s holds %q as it is", at, raw)
			}
		}
	}
	_, page := get(t, h, "/findings/"+d.commit.Findings[4].ID)
	if want := "⟨ESC⟩[31m⟨U+202E⟩gnp.exe"; !strings.Contains(words(strings.ReplaceAll(strings.ReplaceAll(page, `<span class="cc">`, ""), "</span>", "")), want) {
		t.Errorf("the evidence does not spell out what is hidden in it: want %q", want)
	}
}

func TestAFindingSaysItsTagsReferencesAndWhatWasLeftOut(t *testing.T) {
	d := shop()
	h := handler(t, open(t, d))
	i := slices.IndexFunc(d.commit.Findings, func(f event.Finding) bool { return f.Rule == "auth.bruteforce" })
	_, page := get(t, h, "/findings/"+d.commit.Findings[i].ID)
	for _, want := range []string{
		`<a class="lk" href="https://attack.mitre.org/techniques/T1110/003/" rel="noreferrer">T1110.003</a>`, "Password Spraying",
		`<a class="lk" href="https://attack.mitre.org/tactics/TA0006/" rel="noreferrer">TA0006</a>`, "Credential Access", "pci-dss",
		`href="https://attack.mitre.org/techniques/T1110/"`, "priority high", "12 events of this rule by suppressions, in seven days",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the finding lacks %s", want)
		}
	}
	if strings.Contains(page, "javascript:") {
		t.Error("a reference that is no address of the web is a link")
	}
	for at, want := range map[string]bool{"/findings?rule=auth.bruteforce": true, "/findings": true, "/findings?rule=db.deadlock": false} {
		if _, list := get(t, h, at); strings.Contains(list, "12 events were left out by suppressions in seven days") != want {
			t.Errorf("%s says what was left out: %v, want %v", at, !want, want)
		}
	}
}

func TestSitesAreCountedApart(t *testing.T) {
	h := handler(t, open(t, shop()))
	_, here := get(t, h, "/")
	_, demo := get(t, h, "/?site=demo")
	for _, tc := range []struct {
		page, name, text string
		has              bool
	}{
		{here, "this machine", "nginx.access", true}, {here, "this machine", "demo.nginx", false}, {here, "this machine", "Scan from 198.51.100.7", false},
		{demo, "demo", "demo.nginx", true}, {demo, "demo", "Scan from 198.51.100.7", true}, {demo, "demo", "Brute force", false},
		{demo, "demo", "read 31 = parsed 31 + unparsed 0 + ignored 0", true},
	} {
		if strings.Contains(tc.page, tc.text) != tc.has {
			t.Errorf("the overview of %s: %q is there %v, want %v", tc.name, tc.text, !tc.has, tc.has)
		}
	}
	_, page := get(t, h, "/search?site=demo&q="+url.QueryEscape("event.dataset:nginx.access"))
	if !strings.Contains(words(page), "0 events") {
		t.Error("a search of the demo finds events of this machine")
	}
}

func TestAnEmptySiteSaysWhereTheEventsAre(t *testing.T) {
	d := newDay()
	d.add("demo", "demo.nginx", "/srv/demo/access.log", now, "GET /", nil)
	h := handler(t, open(t, d))
	_, page := get(t, h, "/")
	if w := words(page); !strings.Contains(w, "No event of this site today. The site demo has 1 event today. Show demo") || !strings.Contains(page, `href="/?site=demo"`) {
		t.Errorf("the overview does not lead to the demo:\n%s", w)
	}
}

func TestNothingCollectedYetIsAnsweredWithSteps(t *testing.T) {
	h := handler(t, open(t, newDay()))
	_, page := get(t, h, "/")
	w := words(page)
	for _, want := range []string{"Nothing collected yet", "veritail scan /var/log/auth.log", "Following no file"} {
		if !strings.Contains(w, want) {
			t.Errorf("the empty overview does not say %q", want)
		}
	}
	if strings.Contains(page, `class="kpis"`) {
		t.Error("figures stand on the empty overview")
	}
}

func TestTheOverviewAnswersFirst(t *testing.T) {
	h := handler(t, open(t, shop()))
	_, page := get(t, h, "/")
	w := words(page)
	for _, want := range []string{
		"3 of 4 key figures with a target are Red. Start with: Corrupt page in base/16384/16416.",
		"Failed logins Red 69", "Not measured Failed backups: No backup job writes a log that is followed.", "Deadlocks Red 3",
		"read 4,322 = parsed 3,394 + unparsed 928 + ignored 0", "stored 4,295 + quarantined 0 + pending 27",
		"Every line accounted for Balanced", "2 files need you",
	} {
		if !strings.Contains(w, want) {
			t.Errorf("the overview does not say %q", want)
		}
	}
	if a, b := strings.Index(w, "Deadlocks Red"), strings.Index(w, "Requests No target"); a > b {
		t.Error("a figure without a target stands before a Red one")
	}
}

// Many figures: those that miss their target and some more are shown, the others open.
func TestManyFiguresAreFolded(t *testing.T) {
	d := shop()
	for i := range 7 {
		d.more += fmt.Sprintf("\n[[kpi]]\nid = \"web.more-%d\"\ntitle = \"More %d\"\nkind = \"count\"\nfrom = \"event.dataset:nginx.access\"\n", i, i)
		d.more += fmt.Sprintf("\n[[kpi]]\nid = \"none.%d\"\ntitle = \"None %d\"\nkind = \"count\"\nfrom = \"event.dataset:none\"\n[kpi.comment]\nnot_measured = \"Reason %d\"\n", i, i, i)
	}
	c := open(t, d)
	_, page := get(t, handler(t, c), "/")
	w := words(page)
	for _, want := range []string{"3 of 4 key figures with a target are Red", "4 more key figures without a target", "Not measured 8 key figures, and what would measure them", "None 6: Reason 6"} {
		if !strings.Contains(w, want) {
			t.Errorf("the overview does not say %q", want)
		}
	}
	if shown, folded, _ := strings.Cut(page, `id="more"`); strings.Count(shown, `<a class="kpi`) != 8 || strings.Count(folded, `<a class="kpi`) != 4 {
		t.Errorf("%d figures are shown, %d folded, want 8 and 4", strings.Count(shown, `<a class="kpi`), strings.Count(folded, `<a class="kpi`))
	}
}

func TestALineThatIsCountedTwiceIsSeen(t *testing.T) {
	c := open(t, shop())
	status := c.Status()
	status.Sources[0].Stored += 5
	c.Status = func() console.Status { return status }
	_, page := get(t, handler(t, c), "/")
	if !strings.Contains(words(page), "Every line accounted for Does not add up") {
		t.Error("an account that does not balance is called balanced")
	}
}

func TestFindingsAreListedOnceOverAllPages(t *testing.T) {
	d := shop()
	h := handler(t, open(t, d))
	var ids []string
	id := regexp.MustCompile(`href="/findings/([^"?]+)"`)
	at := "/findings"
	for pages := 0; at != ""; pages++ {
		if pages > 5 {
			t.Fatal("the list does not end")
		}
		_, page := get(t, h, at)
		for _, m := range id.FindAllStringSubmatch(page, -1) {
			ids = append(ids, m[1])
		}
		at = linkCalled(page, "Older ›")
	}
	var want []string
	for _, f := range d.commit.Findings {
		if f.Site == "" {
			want = append(want, f.ID)
		}
	}
	slices.Sort(ids)
	slices.Sort(want)
	if !slices.Equal(ids, want) {
		t.Errorf("the pages list %d findings, the store has %d", len(ids), len(want))
	}
}

// linkCalled returns the address of the first link with that text, "" where there is none.
func linkCalled(page, text string) string {
	m := regexp.MustCompile(`href="([^"]*)"[^>]*>` + regexp.QuoteMeta(text) + "<").FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

func TestFiltersOfFindings(t *testing.T) {
	h := handler(t, open(t, shop()))
	for _, tc := range []struct {
		url      string
		has, not string
	}{
		{"/findings?severity=critical", "Corrupt page", "Brute force"},
		{"/findings?severity=high%2B", "Corrupt page", "bob is not in sudoers"},
		{"/findings?severity=medium%2B", "bob is not in sudoers", "Path traversal"},
		{"/findings?audience=dba", "Deadlock in shop", "Brute force"},
		{"/findings?rule=auth.bruteforce", "Brute force", "Deadlock in shop"},
		{"/findings?rule=db.deadlock,db.corruption", "Corrupt page", "Path traversal"},
		{"/findings?last=15m", "Brute force", "Deadlock in shop"},
		{"/findings?site=demo", "Scan from 198.51.100.7", "Brute force"},
		{"/findings?rule=nothing", "No finding matches these filters", "Brute force"},
	} {
		_, page := get(t, h, tc.url)
		if w := words(page); !strings.Contains(w, tc.has) || strings.Contains(w, tc.not) {
			t.Errorf("%s: want %q and not %q", tc.url, tc.has, tc.not)
		}
	}
}

func TestAFindingShowsWhatItRestsOn(t *testing.T) {
	d := shop()
	h := handler(t, open(t, d))
	f := d.commit.Findings[0]
	_, page := get(t, h, "/findings/"+f.ID)
	w := words(strings.NewReplacer("<mark", " <mark", "</mark>", "").Replace(page))
	for _, want := range []string{
		"Brute force from 127.0.3.10", "source.ip or source.address 127.0.3.10", "127.0.3.10 across all logs", "auth 6 6 0", "6 in 15 s", "5 lines in 12 s", "6 lines were not counted again",
		"/var/log/auth.log", f.Evidence[0].Gen.String(), "Did this address log in afterwards?", "12 records kept, 6 count",
	} {
		if !strings.Contains(w, want) {
			t.Errorf("the finding does not say %q", want)
		}
	}
	for _, e := range f.Evidence {
		text := strings.Fields(e.Text)
		if !strings.Contains(w, strings.Join(text[:len(text)-4], " ")) {
			t.Errorf("the evidence %q is not shown", e.Text)
		}
	}
	s := f.Evidence[2].Spans[0]
	if want := fmt.Sprintf("%s–%s", commas(s.Off), commas(s.End())); !strings.Contains(w, want) {
		t.Errorf("the bytes %s are not shown", want)
	}
	if code, page := get(t, h, "/findings/no-such"); code != 404 || !strings.Contains(page, "There is no such page") {
		t.Errorf("an unknown finding answers %d", code)
	}
}

func commas(n int64) string {
	s := fmt.Sprint(n)
	if len(s) > 3 {
		s = s[:len(s)-3] + "," + s[len(s)-3:]
	}
	return s
}

func TestAStoreThatDoesNotAnswerIsSaidPlainly(t *testing.T) {
	c := open(t, shop())
	c.Reader = brokenStore{c.Reader}
	h := handler(t, c)
	for _, at := range []string{"/", "/findings", "/findings/x", "/search"} {
		code, page := get(t, h, at)
		w := words(page)
		if code != 503 || !strings.Contains(w, "The store did not answer") || !strings.Contains(w, "could not read block 42: <b>no such device</b>") || strings.Contains(page, "<b>no such") {
			t.Errorf("%s answers %d: %s", at, code, w)
		}
		if !strings.Contains(w, "Following 5 files") {
			t.Errorf("%s: the strip is gone", at)
		}
	}
	if code, _ := get(t, h, "/sources"); code != 200 {
		t.Errorf("the sources need no store, and answer %d", code)
	}
}

func TestSourcesSayWhatIsNotUnderstood(t *testing.T) {
	h := handler(t, open(t, shop()))
	_, page := get(t, h, "/sources")
	w := words(page)
	for _, want := range []string{
		"1 file cannot be read, of 1 file no line is understood. Of 1 input messages were lost or are not taken.",
		"/var/log/custom.log : read 927, understood 0: nearest format nginx.access, stops at column 31",
		"permission denied: it belongs to root", "sudo setfacl -m u:veritail:r /var/log/audit/audit.log", "Waiting for 1 more",
	} {
		if !strings.Contains(w, want) {
			t.Errorf("the sources do not say %q", want)
		}
	}
}

func TestSourcesTellOfInputs(t *testing.T) {
	h := handler(t, open(t, shop()))
	_, page := get(t, h, "/sources")
	w := words(page)
	for _, want := range []string{
		"appliances: 12 messages were lost. 12 dropped by the kernel",
		"journal: not all of it arrives as it was sent. Only entries of this user are seen. sudo usermod -a -G systemd-journal veritail",
		"syslog udp 0.0.0.0:514 tls 0.0.0.0:6514 syslog Receiving 184,022 0 3 48.0 KiB of 1.0 GiB", "Waiting",
	} {
		if !strings.Contains(w, want) {
			t.Errorf("the sources do not say %q:\n%s", want, w)
		}
	}
	if _, page := get(t, h, "/sources?site=demo"); strings.Contains(page, "appliances") {
		t.Error("inputs are this machine's, and told of another site")
	}
}

func TestAnAccountThatDoesNotAddUpIsTold(t *testing.T) {
	c := open(t, shop())
	status := c.Status()
	status.Sources[0].Breach = "1 line too few"
	c.Status = func() console.Status { return status }
	_, page := get(t, handler(t, c), "/sources")
	if !strings.Contains(words(page), "does not add up. 1 line too few") {
		t.Error("the sources do not tell of a breach")
	}
}

func TestLivePartsAreThoseOfThePage(t *testing.T) {
	h := handler(t, open(t, shop()))
	_, whole := get(t, h, "/")
	_, live := get(t, h, "/live/overview")
	ids := regexp.MustCompile(`(?m)^(?:<div|<section)[^>]* id="([a-z]+)"`).FindAllStringSubmatch(live, -1)
	if len(ids) != 5 {
		t.Fatalf("live parts %q", ids)
	}
	for _, m := range ids {
		if strings.Count(whole, fmt.Sprintf(` id="%s"`, m[1])) != 1 {
			t.Errorf("the part %q has no place on the page", m[1])
		}
	}
	if strings.Contains(live, "<html") {
		t.Error("the live parts are a whole page")
	}
}

func TestTheRunsOfADeadlockStandOnItsPage(t *testing.T) {
	c := open(t, shop())
	c.Proofs = t.TempDir()
	h := handler(t, c)
	_, list := get(t, h, "/findings?rule=db.deadlock")
	id := regexp.MustCompile(`/findings/(db-deadlock-[0-9]+)`).FindStringSubmatch(list)[1]
	if _, page := get(t, h, "/findings/"+id); strings.Contains(page, "Run again") {
		t.Error("nothing was run yet")
	}
	run := func(sql string, code string) reproduce.Run {
		o := scratch.Outcome{Step: scratch.Step{Session: 1, SQL: sql}, Code: code, Took: 113 * time.Millisecond}
		if code != "" {
			o.Error = "deadlock detected"
		}
		return reproduce.Run{Play: &scratch.Play{Outcomes: []scratch.Outcome{o}}}
	}
	p := deadlocks.Proof{At: time.Date(2026, 11, 26, 20, 0, 0, 0, time.UTC), Reported: "two updates of accounts in opposite order", Same: true, Result: &reproduce.Result{
		Server: "PostgreSQL 15.18", Back: true, Tries: 2, Case: &reproduce.Case{Names: []string{"18956", "18958"}, Notes: []string{"the tables are made"}}, With: run("update <b>accounts</b>", "40P01"),
		Proposed: []reproduce.Tried{{Order: reproduce.Order{What: "Every transaction locks in one order"}, Runs: 10, Last: run("select 1", "")}},
	}}
	if err := p.Attach(c.Proofs, "../"+id); err == nil {
		t.Error("a proof was written out of its folder")
	}
	if err := p.Attach(c.Proofs, id); err != nil {
		t.Fatal(err)
	}
	_, page := get(t, h, "/findings/"+id)
	w := words(page)
	for _, want := range []string{
		"Run again 26 Nov 2026 20:00 UTC, on a scratch server, PostgreSQL 15.18", "The deadlock came back in run 2: two updates of accounts in opposite order.",
		"18958 update &lt;b&gt;accounts&lt;/b&gt; ✕ 40P01 after 113 ms", "Every transaction locks in one order: 10 runs in changing turns, no deadlock; the last one.",
	} {
		if !strings.Contains(w, want) && !strings.Contains(html.UnescapeString(w), html.UnescapeString(want)) {
			t.Errorf("the page does not say %q:\n%s", want, w)
		}
	}
	if strings.Contains(page, "<b>accounts</b>") {
		t.Error("a statement is markup")
	}
}

func TestADeadlockIsDrawn(t *testing.T) {
	h := handler(t, open(t, shop()))
	_, list := get(t, h, "/findings?rule=db.deadlock")
	id := regexp.MustCompile(`/findings/db-deadlock-[0-9]+`).FindString(list)
	_, page := get(t, h, id)
	w := words(page)
	for _, want := range []string{
		"Who waited for whom", "18956 waits for 18958, which waits for 18956.", "Three times: two updates of accounts in opposite order, that day.",
		"ShareLock on transaction 767", "18956 ✕ rolled back", "update accounts set balance=0 where id=2",
	} {
		if !strings.Contains(w, want) {
			t.Errorf("the page does not say %q:\n%s", want, w)
		}
	}
	for _, want := range []string{`<svg class="dlk" viewBox="0 0 660 `, `<svg class="dlk" viewBox="0 0 342 `} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	_, other := get(t, h, "/findings/"+regexp.MustCompile(`web-path-traversal-[0-9]+`).FindString(func() string { _, p := get(t, h, "/findings?rule=web.path-traversal"); return p }()))
	if strings.Contains(other, "Who waited for whom") || !strings.Contains(other, "Why it fired") {
		t.Error("a finding that is none has a deadlock")
	}
	if !regexp.MustCompile(`<code>veritail explain web-path-traversal-[0-9]+</code>`).MatchString(other) {
		t.Error("the page does not say how to ask why it fired")
	}
}

func TestATimelineTellsWhatASessionDid(t *testing.T) {
	d := shop()
	const path = "/var/log/postgresql/postgresql-17-main.log"
	step := func(after time.Duration, fields map[string]any) {
		fields["event.module"], fields["event.category"], fields["host.name"], fields["process.pid"] = "postgresql", "database", "db01", 4242
		d.add("", "postgresql", path, now.Add(-time.Hour+after), "line", fields)
	}
	if _, err := d.schema.Add("db.query.text", event.Text); err != nil {
		t.Fatal(err)
	}
	step(0, map[string]any{"event.action": "statement", "db.query.text": "BEGIN"})
	step(time.Second, map[string]any{"event.action": "statement", "db.query.text": "update t set a='" + hostile + "'"})
	step(2*time.Second, map[string]any{"event.action": "unique_violation", "event.outcome": "failure", "db.response.status_code": "23505", "message": "duplicate key"})
	step(3*time.Second, map[string]any{"event.action": "statement", "db.query.text": "ROLLBACK"})
	h := handler(t, open(t, d))
	_, page := get(t, h, "/transactions?id=4242")
	w := words(page)
	for _, want := range []string{"Timeline of 4242", "1 transaction: 1 failed.", "begins", "✕ fails 23505 duplicate key", "rolls back"} {
		if !strings.Contains(w, want) {
			t.Errorf("the page does not say %q:\n%s", want, w)
		}
	}
	if !strings.Contains(page, `<svg class="dlk"`) || strings.Contains(page, "<script>alert") {
		t.Error("it is not drawn, or holds what somebody wrote as it is")
	}
	for field, want := range map[string]bool{"process.pid|mysql.thread_id": true, "transaction.id": true, "source.ip": false} {
		f := event.Finding{Rule: "x." + field[:3], Title: "x", Severity: "low", Time: now.UnixMicro(), Group: []event.GroupValue{{Field: field, Value: "4242"}}}
		one := newDay()
		f.Evidence = []event.Evidence{one.add("", "app", "/a", now, "x", nil)}
		one.find(f)
		_, page := get(t, handler(t, open(t, one)), "/findings/"+one.commit.Findings[0].ID)
		if strings.Contains(page, "/transactions?at=") != want {
			t.Errorf("a finding about %s leads to a timeline: %v", field, !want)
		}
	}
	if _, page := get(t, h, "/transactions?id=nobody"); !strings.Contains(words(page), "No event has this id.") {
		t.Error("an id that no event has is not told")
	}
	if _, page := get(t, h, "/transactions"); !strings.Contains(words(page), "moment by moment") {
		t.Error("without an id the page does not say what it is for")
	}
}

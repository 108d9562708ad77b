package console_test

import (
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var (
	total = regexp.MustCompile(`<h2>([\d,]+) events?</h2>`)
	place = regexp.MustCompile(`bytes ([\d,]+–[\d,]+)</code>`)
	bar   = regexp.MustCompile(`<title>[^<]*: ([\d,]+) events?</title>`)
)

func figure(t *testing.T, s string) int {
	n, err := strconv.Atoi(strings.ReplaceAll(s, ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestASearchFindsEveryEventOnce(t *testing.T) {
	h := handler(t, open(t, shop()))
	at := "/search?last=24h&q=" + url.QueryEscape("event.dataset:auth")
	seen := map[string]bool{}
	for pages := 0; at != ""; pages++ {
		if pages > 5 {
			t.Fatal("the results do not end")
		}
		code, page := get(t, h, at)
		if code != 200 {
			t.Fatalf("%s answers %d", at, code)
		}
		// 69 failed logins, 29 lines that tell of them again, one refused sudo
		if m := total.FindStringSubmatch(page); m == nil || figure(t, m[1]) != 99 {
			t.Errorf("%s counts %v, want 99", at, m)
		}
		sum := 0
		for _, m := range bar.FindAllStringSubmatch(page, -1) {
			sum += figure(t, m[1])
		}
		if sum != 2*99 { // the wide drawing and its narrow twin
			t.Errorf("%s: the bars add up to %d", at, sum)
		}
		for _, m := range place.FindAllStringSubmatch(page, -1) {
			if seen[m[1]] {
				t.Errorf("the event at %s is there twice", m[1])
			}
			seen[m[1]] = true
		}
		at = linkCalled(page, "Older ›")
	}
	if len(seen) != 99 {
		t.Errorf("the pages show %d events, want 99", len(seen))
	}
}

func TestASearchForNumbersShowsATableThatNarrows(t *testing.T) {
	h := handler(t, open(t, shop()))
	ask := func(q string) string {
		t.Helper()
		code, page := get(t, h, "/search?last=24h&q="+url.QueryEscape(q))
		if code != 200 {
			t.Fatalf("%s answers %d", q, code)
		}
		return html.UnescapeString(page)
	}
	page := ask("event.dataset:auth | count, distinct(user.name) by source.ip limit 2")
	for _, want := range []string{
		"<th><code>source.ip</code></th>", "<code>distinct(user.name)</code>",
		`href="/search?last=24h&q=event.dataset%3Aauth+and+source.ip%3A127.0.3.200+%7C+count%2C+distinct%28user.name%29+by+source.ip+limit+2"`,
		`href="/search?last=24h&q=event.dataset%3Aauth+and+source.ip%3A127.0.3.200" title="These events"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s on the page", want)
		}
	}
	if n := strings.Count(page, `title="These events"`); n != 2 {
		t.Errorf("%d groups, want 2", n)
	}
	if strings.Contains(page, `class="pn list"`) {
		t.Error("the events stand there too")
	}
	if page := ask("event.dataset:auth | count every 1h"); !strings.Contains(page, "<th>From (UTC)</th>") {
		t.Error("no steps of time")
	}
	page = ask("event.dataset:auth | count every 1d zone Europe/Berlin")
	for _, want := range []string{"<th>From (Europe/Berlin)</th>", ">2026-11-23 00:00 +01:00<", "from=2026-11-22T23%3A00%3A00Z"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %s where days of a zone are counted", want)
		}
	}
	if page := ask("event.dataset:auth | counts"); !strings.Contains(page, "column 22: counts is nothing that can be asked for") {
		t.Error("a mistake behind the | is not told")
	}
}

func TestSearches(t *testing.T) {
	h := handler(t, open(t, shop()))
	for _, tc := range []struct {
		name, q, more string
		events        int
	}{
		{"one field", "user.name:alice", "", 6},
		{"a value with blanks", `user.name:"root from 10.66.66.66 port 22 ssh2"`, "", 5},
		{"a value that an attacker wrote", "user.name:\"" + strings.ReplaceAll(hostile, `"`, `\"`) + "\"", "", 5},
		{"a network", "source.ip:127.0.3.0/24", "", 69},
		{"words of the message", `message:"deadlock detected"`, "", 3},
		{"unparsed lines", "veritail.unparsed:true", "", 1},
		{"a period before the events", "user.name:alice", "&from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z", 0},
		{"a period around them", "user.name:alice", "&from=2026-11-23T23:00:00Z", 6},
		{"ten thousand years", "user.name:alice", "&from=0001-01-01&to=9999-01-01", 0},
		{"a period that ends before it begins", "user.name:alice", "&from=2026-11-23T23:00:00Z&to=2026-11-22T23:00:00Z", 0},
		{"a place that is none", "user.name:alice", "&after=nonsense", 6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, page := get(t, h, "/search?q="+url.QueryEscape(tc.q)+tc.more)
			m := total.FindStringSubmatch(page)
			if code != 200 || m == nil {
				t.Fatalf("answers %d: %s", code, words(page))
			}
			if got := figure(t, m[1]); got != tc.events {
				t.Errorf("%d events, want %d", got, tc.events)
			}
		})
	}
}

func TestEachFacetLeadsToExactlyWhatItCounts(t *testing.T) {
	h := handler(t, open(t, shop()))
	facet := regexp.MustCompile(`<li><a href="([^"]*)" title="[^"]*"><svg.*?</svg><span class="cut">[^<]*</span><span class="n q2">([\d,]+)</span>`)
	_, page := get(t, h, "/search?q="+url.QueryEscape("event.dataset:auth or event.dataset:postgresql"))
	found := facet.FindAllStringSubmatch(page, -1)
	if len(found) < 10 {
		t.Fatalf("%d facet values", len(found))
	}
	for _, m := range found {
		at := html.UnescapeString(m[1])
		_, narrowed := get(t, h, at)
		got := total.FindStringSubmatch(narrowed)
		if got == nil || got[1] != m[2] {
			t.Errorf("%s counts %v, the facet says %s", at, got, m[2])
		}
	}
}

func TestAQueryErrorStandsAtItsColumnAndTheLastResultsStay(t *testing.T) {
	h := handler(t, open(t, shop()))
	bad := "event.dataset:auth and source.ip:127.0.3.0/42"
	_, page := get(t, h, "/search?q="+url.QueryEscape(bad)+"&ok="+url.QueryEscape("user.name:alice"))
	for _, want := range []string{
		strings.Repeat(" ", 33) + "▲ </span>column 34: ",
		`<span class="v bad">127.0.3.0/42</span>`,
		"the last query that ran, <code>user.name:alice</code>",
		"<h2>6 events</h2>",
		`name="ok" value="user.name:alice"`,
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not hold %q", want)
		}
	}
	_, page = get(t, h, "/search?q="+url.QueryEscape(bad))
	if strings.Contains(page, "</h2>") && total.MatchString(page) {
		t.Error("results stand below a query that did not run")
	}
	_, page = get(t, h, "/search?q="+url.QueryEscape("(a and")+"&ok="+url.QueryEscape("(b and"))
	if !strings.Contains(page, "column ") {
		t.Error("an error in the last query hides the error in this one")
	}
}

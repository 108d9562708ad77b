package console_test

import (
	"bufio"
	"context"
	"errors"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// slowStore answers a search when it is told to, and tells meanwhile how far it is.
type slowStore struct {
	storage.Reader
	answer chan error
	ended  chan error
}

func newSlowStore(r storage.Reader) *slowStore {
	return &slowStore{r, make(chan error, 1), make(chan error, 10)}
}

func (s *slowStore) Search(ctx context.Context, v access.View, q query.Search) (storage.Rows, error) {
	storage.TraceOf(ctx).Progress(storage.Progress{Read: 3_824_128, Total: 10_000_000, Found: 17})
	select {
	case err := <-s.answer:
		if err != nil {
			return storage.Rows{}, err
		}
		return s.Reader.Search(ctx, v, q)
	case <-ctx.Done():
		s.ended <- ctx.Err()
		return storage.Rows{}, ctx.Err()
	}
}

// slowConsole serves a console over a slow store.
func slowConsole(t *testing.T) (*slowStore, string) {
	c := open(t, shop())
	slow := newSlowStore(c.Reader)
	c.Reader = slow
	s := httptest.NewServer(handler(t, c))
	t.Cleanup(s.Close)
	return slow, s.URL
}

// until reads lines until one holds text.
func until(t *testing.T, in *bufio.Scanner, text string) string {
	t.Helper()
	for in.Scan() {
		if strings.Contains(in.Text(), text) {
			return html.UnescapeString(in.Text())
		}
	}
	t.Fatalf("the page ends before %q: %v", text, in.Err())
	return ""
}

func TestASlowSearchTellsHowFarItIs(t *testing.T) {
	slow, at := slowConsole(t)
	ask := at + "/search?last=24h&q=" + url.QueryEscape("/dead.*k/")
	read := func(ctx context.Context) (*http.Response, *bufio.Scanner) {
		r, err := http.NewRequestWithContext(ctx, "GET", ask, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { res.Body.Close() })
		in := bufio.NewScanner(res.Body)
		in.Buffer(nil, 1<<20)
		return res, in
	}
	res, in := read(t.Context())
	stop := until(t, in, ">Stop</a>")
	if !strings.Contains(stop, "&run=no") {
		t.Errorf("the way to stop is %s", stop)
	}
	line := until(t, in, "Looking for events")
	if !strings.Contains(line, `3,824,128</span> of <span class="n">10,000,000</span> looked at, 38 %`) || !strings.Contains(line, "17</span> found") {
		t.Errorf("it tells %s", line)
	}
	until(t, in, "Looking for events") // again
	slow.answer <- nil
	until(t, in, "<h2>3 events</h2>")
	until(t, in, "</html>")
	if res.StatusCode != 200 || res.Header.Get("Content-Security-Policy") == "" {
		t.Errorf("it answers %d with %v", res.StatusCode, res.Header)
	}

	// What goes wrong late is on the page.
	_, in = read(t.Context())
	until(t, in, "Looking for events")
	slow.answer <- errors.New("block 42 is <gone>")
	if l := until(t, in, "block 42"); !strings.Contains(l, "block 42 is <gone>") { // it was escaped
		t.Errorf("it says %s", l)
	}

	// Who leaves ends the search.
	ctx, leave := context.WithCancel(t.Context())
	_, in = read(ctx)
	until(t, in, "Looking for events")
	leave()
	select {
	case err := <-slow.ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the search goes on after its reader has left")
	}
}

func TestAStoppedSearchIsNotRun(t *testing.T) {
	c := open(t, shop())
	c.Reader = newSlowStore(c.Reader) // would not answer
	code, page := get(t, handler(t, c), "/search?last=24h&run=no&q=/dead/")
	if code != 200 || !strings.Contains(page, "The query was stopped") || !strings.Contains(page, `value="/dead/"`) {
		t.Errorf("it answers %d:\n%s", code, page)
	}
}

// In a browser, a line of progress hides the one before it, and Stop ends the search. With VERITAIL_SHOTS=directory the
// pictures are kept there.
func TestASlowSearchInABrowser(t *testing.T) {
	ctx, complaints := browser(t)
	slow, at := slowConsole(t)
	const seen = `[...document.querySelectorAll("main h1, .scan progress, .sgrid, .note")].filter(e => e.getBoundingClientRect().height > 0).map(e => e.tagName + "." + e.className).join(" ")`
	look := func(want string) {
		t.Helper()
		var got string
		for range 40 {
			var err error
			if got, err = chromedp.Run(ctx, chromedp.Evaluate[string](seen)); err == nil && got == want {
				return
			}
			time.Sleep(100 * time.Millisecond)
		}
		t.Errorf("the page shows %s, want %s", got, want)
	}
	shot := func(name string) {
		if dir := os.Getenv("VERITAIL_SHOTS"); dir != "" {
			png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	ask := at + "/search?last=24h&q=" + url.QueryEscape("/dead.*k/")
	load := func() {
		t.Helper()
		// Navigate would wait for the whole page.
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`void setTimeout(() => { location.href = "`+ask+`" })`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := chromedp.Do(ctx, device(1440, 900, false, "light"), chromedp.Navigate(at+"/keys")); err != nil {
		t.Fatal(err)
	}
	load()
	time.Sleep(2 * time.Second) // some lines
	look("H1. PROGRESS.")
	shot("search-scan-light")
	if _, err := chromedp.Run(ctx, chromedp.Evaluate[chromedp.Void](`document.querySelector(".asked a").click()`)); err != nil {
		t.Fatal(err)
	}
	look("H1. DIV.note")
	shot("search-stopped-light")
	select {
	case <-slow.ended:
	case <-time.After(5 * time.Second):
		t.Error("Stop does not end the search")
	}
	load()
	look("H1. PROGRESS.")
	slow.answer <- nil
	look("H1. DIV.sgrid")
	shot("search-scanned-light")
	for _, c := range complaints() {
		t.Errorf("the browser says: %s", c)
	}
}

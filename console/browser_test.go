package console_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/tools/need"
)

// browser starts a headless Chromium that ends with the test, and returns what its pages complain of: uncaught
// errors, console errors, violations of the content security policy.
func browser(t *testing.T) (context.Context, func() []string) {
	t.Helper()
	program := need.Program(t, "chromium")
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.Flag("force-color-profile", "srgb"))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	var mu sync.Mutex
	var said []string
	chromedp.ListenTarget(ctx, func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			said = append(said, ev.ExceptionDetails.Error())
		case *runtime.EventConsoleAPICalled:
			if ev.Type == runtime.APITypeError || ev.Type == runtime.APITypeWarning {
				said = append(said, fmt.Sprint(ev.Type, ev.Args))
			}
		case *log.EventEntryAdded:
			// The error pages are asked for on purpose; Chromium logs their status.
			if !strings.Contains(ev.Entry.Text, "Failed to load resource: the server responded with a status of 503") &&
				!strings.Contains(ev.Entry.Text, "Failed to load resource: the server responded with a status of 404") {
				said = append(said, ev.Entry.Text+" "+ev.Entry.URL)
			}
		case *page.EventJavascriptDialogOpening:
			said = append(said, "a dialog opened: "+ev.Message)
		}
	})
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), said...)
	}
}

// serve runs a console for the browser.
func serve(t *testing.T, d *day, change func(storage.Reader) storage.Reader) string {
	c := open(t, d)
	if change != nil {
		c.Reader = change(c.Reader)
	}
	s := httptest.NewServer(handler(t, c))
	t.Cleanup(s.Close)
	return s.URL
}

// A layout is what a page measures in the browser.
type layout struct {
	Wide   int `json:"wide"`   // width of the document
	Seen   int `json:"seen"`   // width of the window
	Tiles  int `json:"tiles"`  // tiles that are visible
	Small  int `json:"small"`  // texts smaller than 10 px
	Inline int `json:"inline"` // style attributes
	Text   int `json:"text"`   // characters of the page itself
}

const measure = `(() => {
	const seen = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };
	return {
		wide: document.documentElement.scrollWidth, seen: innerWidth,
		tiles: [...document.querySelectorAll("a.kpi")].filter(seen).length,
		small: [...document.querySelectorAll("main *")].filter(e => seen(e) && e.childElementCount === 0 && e.textContent.trim() && parseFloat(getComputedStyle(e).fontSize) < 10).length,
		inline: document.querySelectorAll("[style]").length,
		text: document.querySelector("main").innerText.length,
	};
})()`

// With VERITAIL_SHOTS=directory the pictures are kept there.
func TestPagesInABrowser(t *testing.T) {
	ctx, complaints := browser(t)
	d := shop()
	url := serve(t, d, nil)
	empty := serve(t, newDay(), nil)
	down := serve(t, newDay(), func(r storage.Reader) storage.Reader { return brokenStore{r} })
	id := d.commit.Findings[1].ID

	shots := os.Getenv("VERITAIL_SHOTS")
	pages := []struct {
		name, url string
		tiles     bool
	}{
		{"overview", url + "/", true},
		{"findings", url + "/findings", false},
		{"finding", url + "/findings/" + id, false},
		{"finding-hostile", url + "/findings/" + d.commit.Findings[5].ID, false},
		{"search", url + "/search?q=event.dataset:auth+and+event.outcome:failure&last=6h", false},
		{"search-error", url + "/search?q=event.dataset:auth+and+event.outcome:failure+and+source.ip:127.0.3.0/42&ok=event.dataset:auth+and+event.outcome:failure&last=24h", false},
		{"sources", url + "/sources", false},
		{"keys", url + "/keys", false},
		{"missing", url + "/nowhere", false},
		{"demo", url + "/?site=demo", true},
		{"empty", empty + "/", false},
		{"failed", down + "/", false},
	}
	sizes := []struct {
		name          string
		width, height int64
		phone         bool
		theme         string
	}{{"light", 1440, 900, false, "light"}, {"dark", 1440, 900, false, "dark"}, {"phone", 390, 844, true, "light"}, {"phone-dark", 390, 844, true, "dark"}, {"tablet", 1000, 800, false, "light"}}
	for _, size := range sizes {
		for _, p := range pages {
			name := p.name + "-" + size.name
			var l layout
			var png []byte
			err := chromedp.Run(ctx,
				emulation.SetDeviceMetricsOverride(size.width, size.height, 1, size.phone),
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: size.theme}}),
				chromedp.Navigate(p.url), chromedp.WaitReady("main"),
				chromedp.Evaluate(`document.fonts.ready.then(() => true)`, nil, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }),
				chromedp.Evaluate(measure, &l),
			)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if l.Wide > l.Seen {
				t.Errorf("%s scrolls sideways: %d px in a window of %d", name, l.Wide, l.Seen)
			}
			if l.Small > 0 || l.Inline > 0 || l.Text < 20 {
				t.Errorf("%s: %d texts below 10 px, %d inline styles, %d characters", name, l.Small, l.Inline, l.Text)
			}
			if p.tiles && l.Tiles == 0 && !size.phone {
				t.Errorf("%s: no tile is visible", name)
			}
			if shots != "" {
				if err := chromedp.Run(ctx, chromedp.CaptureScreenshot(&png)); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(shots, name+".png"), png, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if said := complaints(); len(said) > 0 {
		t.Errorf("the browser complains:\n%s", strings.Join(said, "\n"))
	}
}

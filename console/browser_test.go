package console_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/saypro/veritail/console"
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
	err := chromedp.Listen(ctx, func(ev any) {
		mu.Lock()
		defer mu.Unlock()
		switch ev := ev.(type) {
		case *runtime.EventExceptionThrown:
			said = append(said, "exception: "+ev.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			said = append(said, fmt.Sprint("console: ", ev.Type, len(ev.Args)))
		case *log.EventEntryAdded:
			// The pages of errors are asked for on purpose; Chromium logs their status.
			if e := ev.Entry; e.Source != "network" || !strings.Contains(e.Text, "status of 503") && !strings.Contains(e.Text, "status of 404") {
				said = append(said, e.Text+" "+e.URL)
			}
		case *page.EventJavascriptDialogOpening:
			said = append(said, "a dialog opened: "+ev.Message)
		}
	})
	if err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	return ctx, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return append([]string(nil), said...)
	}
}

// serve runs a console for the browser.
func serve(t *testing.T, d *day, change func(storage.Reader) storage.Reader) string {
	c := open(t, d)
	if len(d.commit.Findings) > 0 {
		fillLog(t, c.Records)
		signChecks(t, c.Records)
		c = withReports(t, c)
		for _, by := range []string{"ann", hostile} {
			asked := neturl.Values{"id": {"daily"}, "day": {now.Format(time.DateOnly)}, "by": {by}, "format": {"html,xlsx"}}
			if _, _, err := c.Make(t.Context(), asked); err != nil {
				t.Fatal(err)
			}
		}
	}
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

// device makes the browser a screen of that size whose system prefers theme.
func device(width, height int64, phone bool, theme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		m := emulation.SetDeviceMetricsOverrideParams{Width: width, Height: height, DeviceScaleFactor: 1, Mobile: phone}
		if _, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, m); err != nil {
			return err
		}
		f := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}}
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: f})
		return err
	})
}

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
		{"issues", url + "/issues", false},
		{"issue", url + "/issues/1", false},
		{"issue-hostile", url + "/issues/4", false},
		{"issue-new", url + "/issues/new?finding=" + id, false},
		{"reports", url + "/reports", false},
		{"playground", url + "/playground?lines=" + neturl.QueryEscape("alice from 127.0.3.10\n"+hostile+" from 127.0.3.11\nroot came from 10.66.66.66\nnobody") + "&format=sshd", false},
		{"playground-error", url + "/playground?expr=(&lines=x", false},
		{"survey", url + "/surveys/after-incident?about=1", false},
		{"checks", url + "/checks", false},
		{"check", url + "/checks/incremental-backup", false},
		{"check-hostile", url + "/checks/access-review", false},
		{"rules", url + "/rules", false},
		{"rule", url + "/rules/auth.bruteforce", false},
		{"rule-hostile", url + "/rules/app.hostile", false},
		{"runbooks", url + "/runbooks", false},
		{"runbooks-search", url + "/runbooks?q=pg_stat_activity", false},
		{"runbook", url + "/runbooks/failed-transactions", false},
		{"problem", url + "/problem?at=" + neturl.QueryEscape("/search?q="+neturl.QueryEscape(hostile)), false},
		{"keys", url + "/keys", false},
		{"missing", url + "/nowhere", false},
		{"demo", url + "/?site=demo", false},
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
			err := chromedp.Do(ctx,
				device(size.width, size.height, size.phone, size.theme),
				chromedp.Navigate(p.url), chromedp.WaitReady("main"),
				chromedp.Evaluate[chromedp.Void](`document.fonts.ready.then(() => 1)`, chromedp.EvalAwaitPromise))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			l, err := chromedp.Run(ctx, chromedp.Evaluate[layout](measure))
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
				png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
				if err != nil {
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

func TestLivePartsAreRenewedAndKeysWork(t *testing.T) {
	ctx, complaints := browser(t)
	d := shop()
	c := open(t, d)
	var mu sync.Mutex
	status := d.status()
	c.Status = func() console.Status {
		mu.Lock()
		defer mu.Unlock()
		return status
	}
	s := httptest.NewServer(handler(t, c))
	t.Cleanup(s.Close)

	// text runs a script and returns what it says.
	text := func(script string) string {
		t.Helper()
		got, err := chromedp.Run(ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatalf("%s: %v", script, err)
		}
		return got
	}
	press := func(keys string) {
		t.Helper()
		if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
			t.Fatal(err)
		}
	}
	visit := func(path string) {
		t.Helper()
		if err := chromedp.Do(ctx, device(1440, 900, false, "light"), chromedp.Navigate(s.URL+path), chromedp.WaitReady("main")); err != nil {
			t.Fatal(err)
		}
	}

	visit("/")
	mu.Lock()
	status.Sources[0].Lines.Read += 1000
	status.Sources[0].Lines.Ignored += 1000
	mu.Unlock()
	const strip = `document.getElementById("strip").innerText + document.getElementById("balance").innerText`
	if got := text(strip); strings.Contains(got, "ignored 1,000") {
		t.Fatalf("the page knows it before it asked: %s", got)
	}
	if got := text(`renew().then(() => ` + strip + `)`); !strings.Contains(got, "ignored 1,000") || !strings.Contains(got, "1,000") {
		t.Errorf("the live parts were not renewed: %s", got)
	}

	press("?")
	if got := text(`String(document.getElementById("keys").open)`); got != "true" {
		t.Error("? does not show the keys")
	}
	text(`document.getElementById("keys").close(); ""`)
	visit("/search?q=user.name:alice")
	press("/")
	if got := text(`document.activeElement.id`); got != "q" {
		t.Errorf("/ leads to %q", got)
	}
	press("gf")
	if got := text(`document.getElementById("q").value + location.pathname`); !strings.Contains(got, "gf") || !strings.HasSuffix(got, "/search") {
		t.Errorf("keys fire while a query is typed: %s", got)
	}
	text(`document.activeElement.blur(); ""`)
	press("j")
	press("j")
	press("\r")
	if got := text(`[...document.querySelectorAll("details.ev")].map(d => d.open).join()`); !strings.HasPrefix(got, "false,true") {
		t.Errorf("j, j, Enter unfold %s", got)
	}
	press("g")
	press("f")
	if err := chromedp.Do(ctx, chromedp.WaitReady("table.list")); err != nil {
		t.Fatal(err)
	}
	if got := text(`location.pathname`); got != "/findings" {
		t.Errorf("g f leads to %s", got)
	}
	if said := complaints(); len(said) > 0 {
		t.Errorf("the browser complains:\n%s", strings.Join(said, "\n"))
	}
}

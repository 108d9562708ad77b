package reports

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/tools/need"
)

// aFullDay is aDay with figures of every kind that sums are carried of, and evidence that has its digest.
func aFullDay() results {
	r := aDay()
	add := func(series string, minute, n int64, sum float64, cell int32) {
		r.cells = append(r.cells, event.Delta{Series: series, Dataset: "x", Minute: minute, N: n, Sum: sum, Bucket: cell})
	}
	for h := range int64(24) {
		minute := today.From + h*3600e6
		add("kpi/web.request-rate/from", minute, 1000+h, 0, 0)
		add("kpi/web.request-rate/count", minute, 1000+h, 0, 0)
		add("kpi/db.query-p95/from", minute, 30, 0, 0)
		add("kpi/db.query-p95/count", minute, 30, 0, 0)
		for cell := range int32(10) {
			add("kpi/db.query-p95/hist", minute, 3, 0, 1290+int32(h)*3+cell*7)
		}
	}
	for m := range int64(24 * 12) { // every five minutes the probe tells; it fails from 10:00 to 10:15
		minute, said := today.From+m*300e6, "up"
		if m >= 120 && m < 123 {
			said = "down"
		}
		for _, id := range []string{"service.uptime", "service.downtime"} {
			add("kpi/"+id+"/from/web@page", minute, 1, 0, 0)
			add("kpi/"+id+"/"+said+"/web@page", minute, 1, 0, 0)
		}
	}
	for f := range r.findings {
		for i := range r.findings[f].Evidence {
			e := &r.findings[f].Evidence[i]
			e.SHA256 = sha256.Sum256([]byte(e.Text))
		}
	}
	return r
}

// A verdict is what the page says of itself in a browser.
type verdict struct {
	Class, Said string
	Marks       []string
}

// opened opens a page from a file, as a reader does who has it from a mail, and returns what it says of itself.
func opened(t *testing.T, ctx context.Context, page string) verdict {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate((&url.URL{Scheme: "file", Path: file}).String()), chromedp.WaitReady("#checked")); err != nil {
		t.Fatal(err)
	}
	v, err := chromedp.Run(ctx, chromedp.Evaluate[verdict](`({class: checked.className, said: checked.textContent, marks: [...document.querySelectorAll(".edited > .was")].map(m => m.parentNode.tagName + " " + m.textContent)})`))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func browser(t *testing.T) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(need.Program(t, "chromium")), chromedp.NoSandbox)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

func TestAReportChecksItselfInABrowser(t *testing.T) {
	ctx := browser(t)
	doc, page := build(t, aFullDay(), aRequest(t))
	kinds := map[kpi.Kind]bool{}
	computed := 0
	for _, row := range doc.Sections[1].Blocks[0].Table.Rows {
		for _, c := range row {
			if c.Basis != nil {
				computed++
				kinds[doc.Sums[c.Basis.KPI].Kind] = true
			}
		}
	}
	for _, k := range []kpi.Kind{kpi.Count, kpi.Rate, kpi.Ratio, kpi.Average, kpi.Percentile, kpi.Uptime, kpi.Downtime} {
		if !kinds[k] {
			t.Errorf("no figure of kind %s is on the page", k)
		}
	}
	v := opened(t, ctx, page)
	if v.Class != "ok" || len(v.Marks) > 0 || !strings.Contains(v.Said, fmt.Sprintf("as issued. %d figures were computed again", computed)) || !strings.Contains(v.Said, "8 records of evidence have") {
		t.Errorf("as it was issued the page says %+v", v)
	}

	replace := func(old, by string) func(string) string {
		return func(page string) string {
			t.Helper()
			if !strings.Contains(page, old) {
				t.Fatalf("the page does not hold %q", old)
			}
			return strings.Replace(page, old, by, 1)
		}
	}
	for _, tc := range []struct {
		name string
		edit func(string) string
		said string
		mark string
	}{
		{"a digit of a figure", replace(">71<", ">17<"), "1 place", "TD edited: the sums give 71"},
		{"a digit of a percentage", replace(">0.75 %<", ">0.74 %<"), "1 place", "TD edited: the sums give 0.75 %"},
		{"a digit of the previous day", replace(">42,720<", ">42,721<"), "1 place", "TD edited: the sums give 42,720"},
		{"a sum that the page carries", func(page string) string {
			return regexp.MustCompile(`("web\.requests":\{.*?"part":)\d+`).ReplaceAllString(page, "${1}9")
		}, "1 place", "TD edited: the sums give"},
		{"a target", replace(">≤ 50<", ">≤ 90<"), "1 place", "TD edited after issue"},
		{"a status", replace(`<span class="st Y">`, `<span class="st G">`), "1 place", "TD edited after issue"},
		{"a comment", replace("Uses its error budget", "Keeps its error budget"), "1 place", "TD edited after issue"},
		{"a sentence of the summary", replace(" were not measured. ", " were measured. "), "1 place", "P edited after issue"},
		{"the head", replace("<dd>Operations</dd>", "<dd>Nobody</dd>"), "1 place", "DD edited after issue"},
		{"a line of a chart", replace(`class="ln" d="M`, `class="ln" d="M1 1M`), "1 place", "FIGURE edited after issue"},
		{"a line of evidence", replace("invalid user user0", "invalid user user9"), "2 places", "edited after issue"},
		{"a row that was taken out", func(page string) string {
			return regexp.MustCompile(`<tr><td [^>]*>Failed logins</td>.*?</tr>`).ReplaceAllString(page, "")
		}, "missing parts", ""},
		{"a row that was put in", replace("<tr><td class=\"br medium\" >Requests</td>", "<tr><td>Attacks</td></tr><tr><td class=\"br medium\" >Requests</td>"), "1 place", "TD edited after issue"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			edited := tc.edit(page)
			if edited == page {
				t.Fatal("nothing was edited")
			}
			v := opened(t, ctx, edited)
			if v.Class != "bad" || !strings.Contains(v.Said, tc.said) || tc.mark != "" && !strings.Contains(strings.Join(v.Marks, "; "), tc.mark) {
				t.Errorf("the page says %+v; want %q, %q", v, tc.said, tc.mark)
			}
		})
	}
}

func TestAnEditedFigureIsFoundAlsoWhereItsDigestWasMadeAnew(t *testing.T) {
	ctx := browser(t)
	doc, _ := build(t, aFullDay(), aRequest(t))
	rowOf(t, doc, "Failed logins")[2].Text = "17" // before the digests are made
	var page strings.Builder
	if err := doc.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	if v := opened(t, ctx, page.String()); v.Class != "bad" || len(v.Marks) != 1 || v.Marks[0] != "TD edited: the sums give 71" {
		t.Errorf("the page says %+v", v)
	}
}

func TestPercentilesOfTheEventsAreHeldAgainstTheHistogram(t *testing.T) {
	ctx := browser(t)
	for _, tc := range []struct {
		factor float64
		class  string
	}{{1.005, "ok"}, {0.995, "ok"}, {1.03, "bad"}} {
		doc, _ := build(t, aFullDay(), aRequest(t))
		s := doc.Sums["db.query-p95"]
		s.Exact = true
		doc.Sums["db.query-p95"] = s
		for i, c := range rowOf(t, doc, "Database query time, 95th percentile") {
			if c.Basis != nil {
				rowOf(t, doc, "Database query time, 95th percentile")[i].Text = kpi.Text(*c.Number*tc.factor, c.Basis.Decimals, c.Unit)
			}
		}
		var page strings.Builder
		if err := doc.WriteHTML(&page); err != nil {
			t.Fatal(err)
		}
		if v := opened(t, ctx, page.String()); v.Class != tc.class {
			t.Errorf("%v of the histogram's: %+v", tc.factor, v)
		}
	}
}

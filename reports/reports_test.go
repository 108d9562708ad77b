package reports

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

var update = flag.Bool("update", false, "write the golden files")

var (
	day       = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	today     = query.Interval{From: day.UnixMicro(), To: day.AddDate(0, 0, 1).UnixMicro()}
	yesterday = query.Interval{From: day.AddDate(0, 0, -1).UnixMicro(), To: day.UnixMicro()}
)

// results holds findings and cells as a store would, and answers by the contract of storage.Results.
type results struct {
	findings []event.Finding
	cells    []event.Delta
	err      error
}

func (r results) Findings(_ context.Context, v access.View, q storage.FindingQuery) ([]event.Finding, error) {
	if r.err != nil || v.None() {
		return nil, r.err
	}
	all := slices.Clone(r.findings)
	slices.SortFunc(all, func(a, b event.Finding) int {
		return int(b.Time-a.Time) + 2*strings.Compare(b.ID, a.ID)*btoi(a.Time == b.Time)
	})
	var out []event.Finding
	for i := range all {
		if q.Before != "" && slices.IndexFunc(all, func(f event.Finding) bool { return f.ID == q.Before }) >= i {
			continue
		}
		if (len(q.Rules) == 0 || slices.Contains(q.Rules, all[i].Rule)) && (q.Site == nil || *q.Site == all[i].Site) && q.During.Contains(all[i].Time) && len(out) < q.Limit {
			out = append(out, all[i])
		}
	}
	return out, nil
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (r results) Rollups(_ context.Context, v access.View, q storage.RollupQuery) ([]event.Delta, error) {
	if r.err != nil || v.None() {
		return nil, r.err
	}
	var out []event.Delta
	for _, c := range r.cells {
		asked := slices.ContainsFunc(q.Series, func(s string) bool {
			prefix, ok := strings.CutSuffix(s, "*")
			return s == c.Series || ok && strings.HasPrefix(c.Series, prefix)
		})
		if !asked || c.Site != q.Site || !q.During.Contains(c.Minute) {
			continue
		}
		if every := q.Every.Microseconds(); every > 0 {
			c.Minute -= c.Minute % every
		}
		out = append(out, c)
	}
	return out, nil
}

func at(clock string) int64 {
	t, err := time.Parse("2006-01-02 15:04:05", "2026-11-23 "+clock)
	if err != nil {
		panic(err)
	}
	return t.UnixMicro()
}

func shippedKPIs(t testing.TB) []kpi.Definition {
	t.Helper()
	schema := event.NewSchema()
	if _, err := parsers.Open(configs.FS(""), schema); err != nil {
		t.Fatal(err)
	}
	defs, err := kpi.Load(configs.FS(""), "kpis.toml", schema)
	if err != nil {
		t.Fatal(err)
	}
	return defs
}

// aDay is a day of a shop: web traffic, a deadlock, somebody who guesses passwords.
func aDay() results {
	var r results
	add := func(series string, minute, n int64, sum float64) {
		r.cells = append(r.cells, event.Delta{Series: series, Dataset: "nginx.access", Minute: minute, N: n, Sum: sum})
	}
	for _, period := range []query.Interval{yesterday, today} {
		for h := range int64(24) {
			minute := period.From + h*3600e6
			n := 900 + 160*min(h, 23-h)
			if period == today && (h == 3 || h == 4) {
				continue // nginx was not read
			}
			e5 := n / 2000
			if period == today && h == 23 {
				e5 += 38
			}
			for _, id := range []string{"web.requests", "web.error-rate-4xx", "web.error-rate-5xx", "log.parsed", "auth.failed-logins", "db.failed-transactions", "db.deadlocks", "web.server-errors"} {
				add("kpi/"+id+"/from", minute, n, 0)
			}
			add("kpi/web.requests/count", minute, n, 0)
			add("kpi/web.error-rate-4xx/count", minute, n/130, 0)
			add("kpi/web.error-rate-5xx/count", minute, e5, 0)
			add("rule/web.server-error", minute, e5, 0)
			add("kpi/log.parsed/count", minute, n-n/9000, 0)
			add("kpi/web.response-average/from", minute, n, 0)
			add("kpi/web.response-average/count", minute, n, float64(n)*(90e6+float64(h*h)*4e5))
		}
		add("kpi/web.response-p95/from", period.From+600e6, 100, 0)
		add("kpi/db.query-p95/from", period.From+600e6, 4000, 0)
	}
	for h, n := range map[int64]int64{2: 3, 9: 12, 21: 40, 22: 16} {
		add("rule/auth.ssh-failed", today.From+h*3600e6, n, 0)
	}
	add("rule/auth.ssh-failed", yesterday.From, 38, 0)
	add("rule/db.deadlock", at("23:06:00"), 3, 0)
	add("rule/db.unique-violation", at("11:00:00"), 4, 0)
	r.cells = append(r.cells, event.Delta{Site: "demo", Series: "rule/db.deadlock", Minute: at("23:06:00"), N: 500})

	lock := "2026-11-23 23:06:28.412 UTC [18956] app@shop ERROR:  deadlock detected\n2026-11-23 23:06:28.412 UTC [18956] app@shop DETAIL:  Process 18956 waits for ShareLock on transaction 2044; blocked by process 18957.\n\tProcess 18957 waits for ShareLock on transaction 2043; blocked by process 18956.\n\tProcess 18956: UPDATE accounts SET balance = balance - 10 WHERE id = 2\n\tProcess 18957: UPDATE accounts SET balance = balance - 10 WHERE id = 1"
	r.findings = []event.Finding{
		{ID: "f1", Rule: "db.deadlock", Title: "Deadlock in shop", Message: "Two sessions waited for each other; one was rolled back.", Severity: "high",
			Group: []event.GroupValue{{Field: "db.namespace", Value: "shop"}}, Count: 3, Time: at("23:06:28"), First: at("23:06:12"), Last: at("23:06:28"),
			Evidence: []event.Evidence{
				{Path: "/var/log/postgresql/postgresql-15-main.log", Spans: []event.Span{{Off: 120455, Len: 82}, {Off: 120700, Len: 410}}, Time: at("23:06:28"), SHA256: [32]byte{0x9f, 0x3c, 0x71}, Text: lock},
				{Path: "/srv/shop/log/shop.json", Spans: []event.Span{{Off: 9000, Len: 121}}, Time: at("23:06:28"), Teller: true, Text: `{"ts":"2026-11-23T23:06:28.415Z","level":"error","msg":"transfer failed","error":"deadlock detected (SQLSTATE 40P01)"}`},
			}},
		{ID: "f2", Rule: "auth.ssh-failed", Title: "Failed ssh login from 127.0.3.11", Severity: "medium", Group: []event.GroupValue{{Field: "source.ip", Value: "127.0.3.11"}},
			Count: 40, Time: at("21:19:23"), First: at("21:02:00"), Last: at("21:19:23"), Evidence: sshLines("127.0.3.11", 7)},
		{ID: "f3", Rule: "auth.ssh-failed", Title: "Failed ssh login from 127.0.3.10", Severity: "medium", Group: []event.GroupValue{{Field: "source.ip", Value: "127.0.3.10"}},
			Count: 12, Time: at("09:20:00"), First: at("09:20:00"), Last: at("09:20:00"), Evidence: sshLines("127.0.3.10", 1)},
		{ID: "f4", Rule: "db.unique-violation", Title: "Unique violation in shop", Severity: "low", Group: []event.GroupValue{{Field: "db.namespace", Value: "shop"}},
			Count: 4, Time: at("11:00:08"), First: at("11:00:01"), Last: at("11:00:08")},
		{ID: "f5", Rule: "db.deadlock", Title: "Deadlock of the demonstration", Severity: "critical", Site: "demo", Time: at("12:00:00")},
		{ID: "f6", Rule: "db.deadlock", Title: "Deadlock of yesterday", Severity: "critical", Time: yesterday.From},
	}
	return r
}

func sshLines(ip string, n int) []event.Evidence {
	var out []event.Evidence
	for i := range n {
		text := fmt.Sprintf("Nov 23 21:02:%02d host sshd[%d]: Failed password for invalid user user%d from %s port %d ssh2", i, 4200+i, i, ip, 40000+i)
		out = append(out, event.Evidence{Path: "/var/log/auth.log", Spans: []event.Span{{Off: int64(i * 130), Len: int32(len(text) + 1)}}, Time: at(fmt.Sprintf("21:02:%02d", i)), Text: text})
	}
	return out
}

func aRequest(t testing.TB) Request {
	return Request{
		Subject: "shop.example", PreparedBy: "Operations", Version: "1", Made: day.AddDate(0, 0, 1).Add(10 * time.Minute),
		Defs: shippedKPIs(t), Period: today, Previous: yesterday,
		Lines: Lines{Account: event.Account{Read: 6016242, Parsed: 6014684, Unparsed: 1248, Ignored: 310}, Stored: 6015120, Pending: 812, Scope: "since the files are followed"},
	}
}

// shipped returns a report as it is shipped.
func shipped(t testing.TB, id string) *Definition {
	t.Helper()
	list, err := Load(configs.FS(""), "reports.toml", shippedKPIs(t))
	if err != nil {
		t.Fatal(err)
	}
	d, _ := Find(list, id)
	if d == nil {
		t.Fatalf("no report %s is shipped", id)
	}
	return d
}

func build(t testing.TB, r storage.Results, q Request) (*document.Document, string) {
	t.Helper()
	d, err := Build(context.Background(), r, access.All(), shipped(t, "daily"), q)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := d.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	return d, b.String()
}

func findingsOf(d *document.Document) (out []document.Finding) {
	for _, s := range d.Sections {
		for _, b := range s.Blocks {
			if b.Findings != nil {
				out = append(out, b.Findings.List...)
			}
		}
	}
	return out
}

// rowOf returns the first row of the document's tables that begins with a text.
func rowOf(t testing.TB, d *document.Document, first string) []document.Cell {
	t.Helper()
	for _, s := range d.Sections {
		for _, b := range s.Blocks {
			if b.Table == nil {
				continue
			}
			for _, row := range b.Table.Rows {
				if row[0].Text == first {
					return row
				}
			}
		}
	}
	t.Fatalf("no row begins with %q", first)
	return nil
}

func TestTheReportOfADay(t *testing.T) {
	d, written := build(t, aDay(), aRequest(t))
	golden(t, "day.html", written)
	if list := findingsOf(d); len(list) != 4 || list[0].ID != "f1" {
		t.Errorf("findings of the period and site, the most severe first; got %d, first %q", len(list), list[0].ID)
	}
	if row := rowOf(t, d, "Deadlocks"); *row[2].Number != 3 || row[5].Status != "Yellow" {
		t.Errorf("deadlocks %v %s: those of the demonstration do not count", *row[2].Number, row[5].Status)
	}
	text := textOf(written)
	for _, want := range []string{
		"Monday 23 November 2026, 00:00–24:00 UTC.",
		"Failed logins ≤ 50 71 38 +33 worse Yellow",
		"Database query time, 95th percentile ≤ 200 ms 4,000 events, none with event.duration",
		"Deadlock in shop",
		"bytes 120,455–120,537, 120,700–121,110 · sha256 9f3c710000000000…",
		"6,016,242 = 6,014,684 parsed + 1,248 unparsed + 310 ignored Balanced",
		"Failed logins by source.ip 127.0.3.11 40",
		"The findings of this period tell this of 52 of 71.",
		"and 2 more records of evidence.",
		"Companion lines 1",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func counts(m map[string]map[string]int64) func(context.Context) (map[string]map[string]int64, error) {
	return func(context.Context) (map[string]map[string]int64, error) { return m, nil }
}

func TestTheReportOfAScan(t *testing.T) {
	q := aRequest(t)
	q.Subject, q.PreparedBy, q.Version, q.Previous = "3 files", "", "", query.Interval{}
	q.Period = query.Interval{From: at("21:02:10"), To: at("23:06:29")}
	q.Lines = Lines{Account: event.Account{Read: 2000, Parsed: 1990, Ignored: 10}, Scope: "in 3 files"}
	q.Files = []File{{Path: "access.log.gz", Format: "nginx.access", Account: event.Account{Read: 1500, Parsed: 1490, Ignored: 10}}, {Path: "noise.bin", Account: event.Account{}}}
	q.Occurrences = counts(map[string]map[string]int64{"auth.ssh-failed": {"127.0.3.11": 40, "127.0.3.12": 16}})
	d, written := build(t, aDay(), q)
	golden(t, "scan.html", written)
	text := textOf(written)
	for _, want := range []string{
		"Monday 23 November 2026, 21:02–23:06 UTC.", "– no earlier period", "access.log.gz nginx.access 1,500", "noise.bin none found",
		"2,000 lines were read in 3 files, none was left unparsed.", "127.0.3.12 16",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if strings.Contains(text, "quarantined") {
		t.Error("a scan stores no events and says nothing of them")
	}
	for _, row := range d.Sections[1].Blocks[0].Table.Rows {
		if row[3].Text != "–" || row[4].Text != "–" {
			t.Errorf("%s has a previous value %q, %q", row[0].Text, row[3].Text, row[4].Text)
		}
	}
}

func TestAnEmptyPeriodReadsWell(t *testing.T) {
	q := aRequest(t)
	q.Lines = Lines{}
	_, written := build(t, results{}, q)
	golden(t, "empty.html", written)
	text := textOf(written)
	for _, want := range []string{
		"Nothing was measured in this period: no event that a key figure is made of fell into it. There are no findings.",
		"No rule found anything in this period.", "0 = 0 parsed + 0 unparsed + 0 ignored Balanced",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	if regexp.MustCompile(`(?:^|[^.,0-9])0(\.0+)? (ms|%)`).MatchString(text) {
		t.Error("what was not measured is shown as 0")
	}
}

func TestAViewThatSeesNothingMakesAnEmptyReport(t *testing.T) {
	d, err := Build(context.Background(), aDay(), access.View{}, shipped(t, "daily"), aRequest(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(findingsOf(d)) != 0 || slices.ContainsFunc(d.Sections[1].Blocks[0].Table.Rows, func(r []document.Cell) bool { return r[2].Number != nil }) {
		t.Error("it shows something")
	}
}

func TestFailuresAreTold(t *testing.T) {
	broken := errors.New("disk gone")
	if _, err := Build(context.Background(), results{err: broken}, access.All(), shipped(t, "daily"), aRequest(t)); !errors.Is(err, broken) {
		t.Errorf("a store that fails: %v", err)
	}
	q := aRequest(t)
	q.Period.To = q.Period.From
	if _, err := Build(context.Background(), aDay(), access.All(), shipped(t, "daily"), q); err == nil {
		t.Error("a period without length was taken")
	}
	d, _ := build(t, aDay(), aRequest(t))
	if err := d.WriteHTML(failing{}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestAPeriodThatIsNoWholeStepTakesNothingFromOutside(t *testing.T) {
	q := aRequest(t)
	q.Period = query.Interval{From: at("09:30:00"), To: at("22:30:00")}
	q.Previous = query.Interval{From: at("00:00:00"), To: at("09:30:00")}
	d, _ := build(t, aDay(), q)
	// 40 at 21:00 and 16 at 22:00; the 12 at 09:00 belong to the previous period.
	if row := rowOf(t, d, "Failed logins"); *row[2].Number != 56 || *row[3].Number != 15 {
		t.Errorf("failed logins %v, before %v; want 56, 15", *row[2].Number, *row[3].Number)
	}
}

func TestHostileTextIsHarmlessAndVisible(t *testing.T) {
	evil := "<script>alert(1)</script>\x1b[31m\u202egnp.exe\u2066\r\x00\xff\u200b'\"><img src=x onerror=alert(2)>\u3164 a\u0301\u0301\u0301\u0301"
	r := results{findings: []event.Finding{{
		ID: evil, Rule: evil, Title: evil, Message: evil, Severity: evil, Count: 1, Time: at("10:00:00"), First: at("10:00:00"), Last: at("10:00:00"),
		Group: []event.GroupValue{{Field: evil, Value: evil}}, Evidence: []event.Evidence{{Path: evil, Text: evil, Dataset: evil, Spans: []event.Span{{Off: 1, Len: 2}}}},
	}}}
	q := aRequest(t)
	q.Subject, q.PreparedBy, q.Version, q.Lines.Scope = evil, evil, evil, evil
	q.Files = []File{{Path: evil, Format: evil}}
	q.Occurrences = counts(map[string]map[string]int64{"auth.ssh-failed": {evil: 3}})
	_, written := build(t, r, q)
	selfContained(t, written)
	for _, c := range written {
		if c < 0x20 && c != '\n' && c != '\t' || c == 0x202e || c == 0x2066 || c == 0x200b || c == 0x3164 || c == 0xfffd {
			t.Errorf("character %U reaches the page", c)
		}
	}
	for _, want := range []string{`&lt;script&gt;`, `<span class="cc">\x1b</span>`, `<span class="cc">U+202E</span>`, `<span class="cc">\x00</span>`, `<span class="cc">\xff</span>`,
		`<span class="cc">U+3164</span>`, "a\u0301\u0301<span class=\"cc\">U+0301</span>"} {
		if n := strings.Count(written, want); n < 5 {
			t.Errorf("%s is shown %d times", want, n)
		}
	}
}

func TestThePageStandsAlone(t *testing.T) {
	_, written := build(t, aDay(), aRequest(t))
	selfContained(t, written)
	if !strings.Contains(written, document.Policy) {
		t.Error("the page does not carry its policy")
	}
}

// selfContained fails where a page loads, links, runs or styles anything from outside its one style element.
func selfContained(t *testing.T, written string) {
	t.Helper()
	if n := strings.Count(written, "<script"); n != 2 {
		t.Errorf("%d scripts, want what the page carries and what checks it", n)
	}
	d := xml.NewDecoder(strings.NewReader(scripts.ReplaceAllString(written, "")))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	for {
		tok, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("the page cannot be read: %v", err)
		}
		el, ok := tok.(xml.StartElement)
		if !ok {
			continue
		}
		switch el.Name.Local {
		case "script", "link", "img", "iframe", "object", "embed", "base", "form", "use", "image", "a":
			t.Errorf("element %s", el.Name.Local)
		}
		for _, a := range el.Attr {
			if slices.Contains([]string{"src", "href", "style", "srcset", "action", "data"}, a.Name.Local) || strings.HasPrefix(a.Name.Local, "on") {
				t.Errorf("attribute %s of %s", a.Name.Local, el.Name.Local)
			}
		}
	}
	for _, bad := range []string{"@import", "url(", "http://", "https://", "javascript:"} {
		if strings.Contains(written, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
}

var scripts = regexp.MustCompile(`(?s)<script\b.*?</script>`)

var tags = regexp.MustCompile(`(?s)<(style|title|svg|script)\b.*?</(style|title|svg|script)>|<[^>]*>`)

// textOf returns what a page says, with single spaces.
func textOf(page string) string {
	page = regexp.MustCompile(`</?b>`).ReplaceAllString(page, "")
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(page, " "))), " ")
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("differs from %s (write it with -update)", file)
	}
}

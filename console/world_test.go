package console_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/console"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/checks"
	"github.com/saypro/veritail/reports/runbook"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/state"
)

// The tests look at a day of a small shop through a real store: web requests, ssh attempts, deadlocks, and lines
// that somebody wrote to be read by a browser or a terminal.

var now = time.Date(2026, 11, 23, 23, 21, 0, 0, time.UTC)

// hostile is what an attacker writes into a user name: markup, an escape sequence, a turn of direction, a quote.
const hostile = "<script>alert(1)</script>\x1b[31m\u202egnp.exe\"'><img src=x onerror=alert(2)>"

const kpis = `
[[kpi]]
id = "web.requests"
title = "Requests"
kind = "count"
from = "event.dataset:nginx.access"

[[kpi]]
id = "web.errors"
title = "Server errors (5xx)"
kind = "ratio"
unit = "%"
from = "event.dataset:nginx.access"
where = "http.response.status_code>=500"
max = 0.5
yellow = 1.0
decimals = 2

[[kpi]]
id = "web.p95"
title = "Response time, 95th percentile"
kind = "p95"
unit = "ms"
from = "event.dataset:nginx.access"
field = "event.duration"
max = 500
yellow = 800

[[kpi]]
id = "auth.failed"
title = "Failed logins"
kind = "count"
from = "event.dataset:auth"
where = "event.outcome:failure"
max = 10
yellow = 40

[[kpi]]
id = "db.deadlocks"
title = "Deadlocks"
kind = "count"
from = "event.dataset:postgresql"
rules = ["db.deadlock"]
max = 0

[[kpi]]
id = "backup.failed"
title = "Failed backups"
kind = "count"
from = "event.dataset:backup"
max = 0
[kpi.comment]
not_measured = "No backup job writes a log that is followed."
`

// A day builds one commit.
type day struct {
	schema *event.Schema
	commit event.Commit
	pages  map[string]*event.Page
	offs   map[event.GenID]int64
	lines  map[event.GenID]event.Account
	more   string // key figures beside kpis
}

func newDay() *day {
	return &day{schema: event.NewSchema(), commit: event.Commit{Batch: &event.Batch{}}, pages: map[string]*event.Page{}, offs: map[event.GenID]int64{}, lines: map[event.GenID]event.Account{}}
}

// page returns a page of a data set with room for a row.
func (d *day) page(site, dataset, path string) *event.Page {
	key := site + "/" + dataset
	p := d.pages[key]
	if p != nil && p.N < event.PageRows {
		return p
	}
	gen := event.GenID(0xc000 + uint64(len(d.pages)))
	if p != nil {
		gen = p.Gen
		p.Complete()
	} else {
		d.commit.Gens = append(d.commit.Gens, event.Generation{ID: gen, Host: "app01", Path: path, Dataset: dataset, Format: dataset, Site: site, Birth: now.Add(-48 * time.Hour).UnixMicro()})
	}
	p = &event.Page{Schema: d.schema, Arena: &event.Arena{}, Gen: gen, Path: path, Data: dataset, Format: dataset, Site: site}
	d.pages[key] = p
	d.commit.Pages = append(d.commit.Pages, p)
	return p
}

// add appends an event and returns the evidence that would point at it.
func (d *day) add(site, dataset, path string, at time.Time, line string, fields map[string]any) event.Evidence {
	p := d.page(site, dataset, path)
	span := event.Span{Off: d.offs[p.Gen], Len: int32(len(line) + 1)}
	d.offs[p.Gen] += int64(span.Len)
	i := p.AddRow(p.Arena.PutString(line), 1, []event.Span{span})
	a := d.lines[p.Gen]
	a.Add(event.Account{Read: 1, Parsed: 1, Bytes: int64(span.Len)})
	p.SetInt(i, event.FieldTime, at.UnixMicro())
	for name, v := range fields {
		f, ok := d.schema.Lookup(name)
		if !ok {
			panic("no field " + name)
		}
		switch v := v.(type) {
		case string:
			p.SetStr(i, f, p.Arena.PutString(v))
		case int:
			p.SetInt(i, f, int64(v))
		case time.Duration:
			p.SetInt(i, f, int64(v))
		case event.IP:
			p.SetIP(i, f, v)
		case bool:
			p.Unparsed.Set(i)
			a.Add(event.Account{Parsed: -1, Unparsed: 1})
		}
	}
	d.lines[p.Gen] = a
	return event.Evidence{Gen: p.Gen, Path: path, Spans: []event.Span{span}, Time: at.UnixMicro(), SHA256: sha256.Sum256([]byte(line)), Text: line, Dataset: dataset}
}

// finish completes the commit: marks, and the rollups that the stage of the KPIs makes of the events.
func (d *day) finish(t testing.TB, defs []kpi.Definition) *event.Commit {
	for _, p := range d.pages {
		p.Complete()
	}
	for gen, off := range d.offs {
		d.commit.From = append(d.commit.From, event.Mark{Gen: gen})
		d.commit.To = append(d.commit.To, event.Mark{Gen: gen, Off: off, Lines: d.lines[gen]})
	}
	stage, err := kpi.NewStage(defs)
	if err != nil {
		t.Fatal(err)
	}
	if err := stage.Process(context.Background(), &d.commit); err != nil {
		t.Fatal(err)
	}
	for _, f := range d.commit.Findings {
		d.commit.Rollups = append(d.commit.Rollups, event.Delta{Site: f.Site, Series: "rule/" + f.Rule, Dataset: f.Evidence[0].Dataset, Minute: f.Time - f.Time%60e6, N: f.Count})
	}
	d.commit.Rollups = append(d.commit.Rollups, event.Delta{Series: "suppressed/auth.bruteforce", Dataset: "auth", Minute: now.Add(-24 * time.Hour).Truncate(time.Minute).UnixMicro(), N: 12})
	return &d.commit
}

func (d *day) find(f event.Finding) {
	f.ID = fmt.Sprintf("%s-%04d", strings.ReplaceAll(f.Rule, ".", "-"), len(d.commit.Findings))
	f.First, f.Last = f.Evidence[0].Time, f.Evidence[len(f.Evidence)-1].Time
	if f.Time == 0 {
		f.Time = f.Last
	}
	if f.Runbook == "" {
		f.Runbook = "1. Did this address log in afterwards?\n2. Is the account's owner reachable and aware?\n3. Block the address at the firewall if it is not yours."
	}
	d.commit.Findings = append(d.commit.Findings, f)
}

// shop fills the day: two days of requests, an evening of attempts.
func shop() *day {
	d := newDay()
	d.web()
	d.ssh()
	d.database()
	d.add("", "app", "/var/log/app/shop.json", now.Add(-2*time.Minute), `{"level":"info","msg":"cart `+hostile+`"}`,
		map[string]any{"message": "cart " + hostile, "log.level": "info", "host.name": "app01"})
	d.add("", "app", "/var/log/app/shop.json", now.Add(-3*time.Minute), "half a line that no format knows\x00", map[string]any{"veritail.unparsed": true})
	for i := range 30 {
		d.add("demo", "demo.nginx", "/srv/demo/access.log", now.Add(-time.Duration(i)*time.Minute), "198.51.100.7 - - GET /demo", map[string]any{"url.path": "/demo"})
	}
	d.find(event.Finding{Rule: "web.scan", Title: "Scan from 198.51.100.7", Severity: "high", Audience: []string{"security"}, Site: "demo", Count: 10,
		Group:    []event.GroupValue{{Field: "source.ip", Value: "198.51.100.7"}},
		Evidence: []event.Evidence{d.add("demo", "demo.nginx", "/srv/demo/access.log", now.Add(-time.Minute), "198.51.100.7 - - GET /wp-login.php", nil)}})
	return d
}

func (d *day) web() {
	for half := range 94 { // from yesterday 00:00 to today 23:00
		from := now.Truncate(24 * time.Hour).Add(-24*time.Hour + time.Duration(half)*30*time.Minute)
		hour := half % 48 / 2
		for i := range 12 + 40*min(hour, 24-hour)/12 {
			at, status := from.Add(time.Duration(i)*29*time.Second), 200
			if (half+i)%97 == 0 {
				status = 502
			}
			path := fmt.Sprintf("/items/%d", i%17)
			took := time.Duration(40+(half*31+i*i*7)%260) * time.Millisecond
			line := fmt.Sprintf(`127.0.2.%d - - [%s] "GET %s HTTP/1.1" %d 612 "-" "curl/8.5"`, 10+i%9, at.Format("02/Jan/2006:15:04:05 -0700"), path, status)
			d.add("", "nginx.access", "/var/log/nginx/access.log", at, line, map[string]any{
				"http.request.method": "GET", "url.path": path, "http.response.status_code": status, "event.duration": took,
				"source.ip": ip(127, 0, 2, 10+i%9), "host.name": "web01", "message": "GET " + path,
			})
		}
	}
}

func ip(a, b, c, d int) event.IP {
	return event.IP{Lo: 0xffff<<32 | uint64(a)<<24 | uint64(b)<<16 | uint64(c)<<8 | uint64(d)}
}

// attempt adds a failed ssh login.
func (d *day) attempt(at time.Time, user string, last int) event.Evidence {
	msg := fmt.Sprintf("Failed password for invalid user %s from 127.0.3.%d port %d ssh2", user, last, 40000+at.Second()*311)
	line := at.Format("Jan _2 15:04:05") + " app01 sshd[5479]: " + msg
	return d.add("", "auth", "/var/log/auth.log", at, line, map[string]any{
		"event.outcome": "failure", "event.category": "authentication", "event.action": "ssh_login", "user.name": user,
		"source.ip": ip(127, 0, 3, last), "process.name": "sshd", "process.pid": 5479, "host.name": "app01", "message": msg,
	})
}

func (d *day) ssh() {
	for i := range 40 {
		d.attempt(now.Add(-time.Duration(600-i*13)*time.Minute), "backup", 200)
	}
	type run struct {
		user  string
		last  int
		n     int
		every time.Duration
	}
	at := now.Add(-3 * time.Minute)
	for _, r := range []run{{"alice", 10, 6, 3 * time.Second}, {"oracle1", 11, 7, 2300 * time.Millisecond}, {"bob", 13, 6, 2400 * time.Millisecond}, {"root from 10.66.66.66 port 22 ssh2", 16, 5, 1900 * time.Millisecond}, {hostile, 66, 5, time.Second}} {
		var ev []event.Evidence
		for range r.n {
			at = at.Add(r.every)
			e := d.attempt(at, r.user, r.last)
			ev = append(ev, e)
			told := d.add("", "auth", "/var/log/auth.log", at.Add(400*time.Millisecond), at.Format("Jan _2 15:04:05")+" app01 sshd[5479]: Connection closed by authenticating user "+r.user, map[string]any{
				"message": "Connection closed by authenticating user " + r.user, "host.name": "app01", "process.name": "sshd"})
			told.Teller = true
			ev = append(ev, told)
		}
		d.find(event.Finding{Rule: "auth.bruteforce", Title: fmt.Sprintf("Brute force from 127.0.3.%d", r.last), Message: fmt.Sprintf("%d failed logins for %s", r.n, r.user),
			Severity: "high", Priority: "high", Audience: []string{"security"}, Count: int64(r.n), Time: ev[8].Time, Evidence: ev,
			Tags: []string{"attack.t1110.003", "attack.credential-access", "pci-dss"}, References: []string{"runbook:failed-logins", "runbook:gone", "https://attack.mitre.org/techniques/T1110/", "javascript:alert(2)"},
			Group: []event.GroupValue{{Field: "source.ip|source.address", Value: fmt.Sprintf("127.0.3.%d", r.last)}}})
	}
	sudo := d.add("", "auth", "/var/log/auth.log", now.Add(-20*time.Second), "Nov 23 23:20:40 app01 sudo: bob : user NOT in sudoers ; COMMAND=/usr/bin/id", map[string]any{"message": "bob : user NOT in sudoers", "user.name": "bob", "host.name": "app01"})
	d.find(event.Finding{Rule: "auth.sudo-refused", Title: "bob is not in sudoers", Message: "/usr/bin/id as root", Severity: "medium", Audience: []string{"security", "operator"}, Count: 1,
		Group: []event.GroupValue{{Field: "user.name", Value: hostile}}, Evidence: []event.Evidence{sudo}})
}

func (d *day) database() {
	const path = "/var/log/postgresql/postgresql-17-main.log"
	for i := range 220 {
		d.add("", "postgresql", path, now.Add(-time.Duration(i*6)*time.Minute), "2026-11-23 LOG:  checkpoint complete: wrote 42 buffers", map[string]any{"message": "checkpoint complete: wrote 42 buffers", "log.level": "log", "host.name": "db01"})
	}
	if _, err := d.schema.Add("postgresql.log.detail", event.Text); err != nil {
		panic(err)
	}
	detail := "Process 18956 waits for ShareLock on transaction 767; blocked by process 18958.\nProcess 18958 waits for ShareLock on transaction 766; blocked by process 18956.\n" +
		"Process 18956: update accounts set balance=0 where owner='" + hostile + "'\nProcess 18958: update accounts set balance=0 where id=2"
	for i := range 3 {
		at := now.Add(-time.Duration(16+i) * time.Minute)
		text := at.Format("2006-01-02 15:04:05.000") + " UTC [18956] app@shop ERROR:  deadlock detected\n" + at.Format("2006-01-02 15:04:05.000") + " UTC [18956] app@shop DETAIL:  Process 18956 waits for ShareLock on transaction 767; blocked by process 18958."
		e := d.add("", "postgresql", path, at, text, map[string]any{"message": "deadlock detected", "event.action": "deadlock", "event.module": "postgresql", "postgresql.log.detail": detail, "db.response.status_code": "40P01", "db.namespace": "shop", "event.outcome": "failure", "user.name": "app", "host.name": "db01"})
		d.find(event.Finding{Rule: "db.deadlock", Title: "Deadlock in shop", Message: "Victim 18956 rolled back", Severity: "high", Audience: []string{"dba"}, Count: 1,
			Group: []event.GroupValue{{Field: "db.namespace", Value: "shop"}}, Evidence: []event.Evidence{e}, Runbook: "Look for two updates in opposite order.\n\nAscending id order ends it."})
	}
	b := d.add("", "postgresql", path, now.Add(-14*time.Minute), "ERROR:  invalid page in block 3 of relation base/16384/16416", map[string]any{"message": "invalid page in block 3 of relation base/16384/16416", "db.response.status_code": "XX001", "host.name": "db01"})
	d.find(event.Finding{Rule: "db.corruption", Title: "Corrupt page in base/16384/16416", Message: "invalid page in block 3", Severity: "critical", Audience: []string{"dba"}, Count: 1,
		Group: []event.GroupValue{{Field: "host.name", Value: "db01"}}, Evidence: []event.Evidence{b}})
	for i := range 60 {
		e := d.add("", "nginx.access", "/var/log/nginx/access.log", now.Add(-time.Duration(i*7)*time.Minute), `127.0.2.30 - - "GET /../../etc/passwd HTTP/1.1" 400`, map[string]any{"url.path": "/../../etc/passwd", "http.response.status_code": 400, "source.ip": ip(127, 0, 2, 30), "host.name": "web01"})
		d.find(event.Finding{Rule: "web.path-traversal", Title: "Path traversal from 127.0.2.30", Message: "GET /../../etc/passwd", Severity: "low", Audience: []string{"security"}, Count: 1,
			Group: []event.GroupValue{{Field: "source.ip", Value: "127.0.2.30"}}, Evidence: []event.Evidence{e}})
	}
}

func definitions(t testing.TB, schema *event.Schema, more string) []kpi.Definition {
	defs, err := kpi.Load(fstest.MapFS{"kpis.toml": {Data: []byte(kpis + more)}}, "kpis.toml", schema)
	if err != nil {
		t.Fatal(err)
	}
	return defs
}

// status tells of the sources of the day; the last ones are in trouble.
func (d *day) status() console.Status {
	s := console.Status{At: now}
	for _, g := range d.commit.Gens {
		a := d.lines[g.ID]
		s.Sources = append(s.Sources, console.Source{Path: g.Path, Site: g.Site, Dataset: g.Dataset, Format: g.Format, State: console.Following, Lag: 300 * time.Millisecond, Lines: a, Stored: a.Parsed + a.Unparsed})
	}
	if len(s.Sources) == 0 {
		return s
	}
	s.Sources = append(s.Sources,
		console.Source{Path: "/var/log/custom.log", Dataset: "custom", State: console.Following, Lines: event.Account{Read: 927, Unparsed: 927}, Stored: 900, Pending: 27, Nearest: "nginx.access", Column: 31,
			Shapes: []console.Shape{
				{Example: `10.0.0.1 - - [24/Nov/2026:10:00] 'GET / HTTP/1.1' 200`, Count: 900, Format: "nginx.access", Column: 31, Failed: "%{CLFTIME}"},
				{Example: hostile, Count: 20},
			}},
		console.Source{Path: "/var/log/audit/" + hostile, Dataset: "audit", State: console.Unreadable, Problem: "permission denied: it belongs to root", Repair: "sudo setfacl -m u:veritail:r /var/log/audit/audit.log"},
		console.Source{Path: "/var/log/mysql/error.log", Dataset: "mariadb", State: console.Waiting})
	s.Inputs = []console.Input{
		{Name: "syslog", Dataset: "syslog", Addresses: []string{"udp 0.0.0.0:514", "tls 0.0.0.0:6514"}, Received: 184_022, Senders: 3, Used: 48 << 10, Max: 1 << 30},
		{Name: "appliances", Dataset: "firewall", Addresses: []string{"udp 10.0.0.4:1514"}, Received: 9_120, Senders: 1, Max: 1 << 30, Lost: 12, Notes: []string{"12 dropped by the kernel"}},
		{Name: "journal", Dataset: "system", Received: 3_310, Max: 1 << 30, Notes: []string{"Only entries of this user are seen."}, Repair: "sudo usermod -a -G systemd-journal veritail"},
		{Name: hostile, Dataset: "app", Max: 1 << 30}}
	return s
}

// open returns the configuration of a console over a store that holds d.
func open(t testing.TB, d *day) console.Config {
	t.Helper()
	ctx := context.Background()
	store, err := embedded.Open(ctx, embedded.Config{Path: filepath.Join(t.TempDir(), "events"), Schema: d.schema})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	defs := definitions(t, d.schema, d.more)
	commit := d.finish(t, defs)
	if len(commit.To) > 0 {
		refused, err := store.Commit(ctx, commit)
		if err != nil || len(refused) > 0 {
			t.Fatalf("commit: %v, refused %v", err, refused)
		}
	}
	reports, err := transactions.Load(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	sessions, err := transactions.LoadSessions(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	records, err := state.Open(ctx, filepath.Join(t.TempDir(), "records.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := records.Close(); err != nil {
			t.Error(err)
		}
	})
	books, err := runbook.Load(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	surveys, err := configs.LoadSurveys(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	return console.Config{
		Surveys: surveys, Checks: readChecks(t, d.schema, defs, store, records), Records: records, Runbooks: func() *runbook.Library { return books }, Rules: ruleList, Reader: store, Schema: d.schema, KPIs: defs, Status: d.status, Site: "shop.example", Version: "test",
		Deadlocks: reports, Sessions: sessions, Try: try, Formats: []string{"nginx.access", "sshd"},
		Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

// readChecks returns how the checks stand by what is stored.
func readChecks(t testing.TB, schema *event.Schema, defs []kpi.Definition, r storage.Reader, db *state.DB) console.ReadChecks {
	t.Helper()
	list, err := checks.Load(fstest.MapFS{configs.ChecksFile: {Data: []byte(checklist)}, "kpis.toml": {}}, schema, defs)
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context, site string) ([]checks.Standing, error) {
		signed, err := db.LastSignOffs(ctx)
		if err != nil {
			return nil, err
		}
		return checks.Evaluate(ctx, r, access.All(), checks.Request{Checks: list, Signed: signed, Site: site, Now: now})
	}
}

// ruleList returns rules: one that is fine, one of whose tests fails, and one whose words are hostile.
func ruleList(context.Context) ([]console.Rule, error) {
	return []console.Rule{
		{ID: "auth.bruteforce", Severity: "high", Title: "Brute force from {{source.ip|source.address}}", Audience: []string{"security"}, File: "configs/rules/auth/bruteforce.toml", Line: 3,
			Tags: []string{"attack.t1110"}, References: []string{"runbook:failed-logins", "https://attack.mitre.org/techniques/T1110/001/", "javascript:alert(4)"},
			Text:  "[[rule]]\nid       = \"auth.bruteforce\"\ntitle    = \"Brute force from {{source.ip|source.address}}\"\nseverity = \"high\"\nwhen     = 'event.category:authentication and event.outcome:failure'\n\n# five of one source\n[rule.threshold]\ncount  = 5\nwithin = \"10m\"\n\n[[rule.test]]\nname   = \"five are a finding\"\nlines  = \"\"\"\n[[rule.test]] within a text\n\"\"\"\nexpect = { count = 5 }\n\n[[rule.test]]\nname   = \"four are none\"\nexpect = { count = 0 }",
			Tests: []console.RuleTest{{Name: "five are a finding"}, {Name: "four are none"}}},
		{ID: "db.deadlock", Severity: "high", Title: "Deadlock in {{db.namespace}}", Audience: []string{"dba"}, File: "local/deadlock.toml", Line: 1, References: []string{"runbook:deadlocks"},
			Text:  "[[rule]]\nid = \"db.deadlock\"\n[[rule.test]]\nname = \"one\"",
			Tests: []console.RuleTest{{Name: "one", Want: "count 1", Got: "count 0"}}},
		{ID: "app.hostile", Severity: "low", Title: hostile, File: hostile, Text: hostile, Line: 1},
	}, nil
}

// try takes "user from address" of lines that have it.
func try(t console.Trial) ([]console.Tried, error) {
	if t.Expr == "(" {
		return nil, errors.New("column 1: the group is not closed")
	}
	var out []console.Tried
	for _, line := range t.Lines {
		user, rest, ok := strings.Cut(line, " from ")
		if !ok {
			out = append(out, console.Tried{Stop: console.Stopped{Nearest: "sshd, pattern 4", Grok: "%{USER:user.name} from %{IP:source.ip}", Column: len(user) + 1, At: "%{USER:user.name}", Wanted: `" "`}})
			continue
		}
		out = append(out, console.Tried{By: "sshd, pattern 4", Within: []string{"pam, pattern 1"}, Captures: []console.Captured{
			{Name: "user.name", From: 0, To: len(user)}, {Name: "source.ip", From: len(line) - len(rest), To: len(line)},
		}})
	}
	return out, nil
}

func handler(t testing.TB, c console.Config) http.Handler {
	t.Helper()
	h, err := console.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// get asks for a page and returns its code and text.
func get(t testing.TB, h http.Handler, url string) (int, string) {
	t.Helper()
	r := httptest.NewRequest("GET", url, nil)
	r.Host = "127.0.0.1:8650"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

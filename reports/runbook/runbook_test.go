package runbook_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/runbook"
)

// load makes a library of texts by their files.
func load(t *testing.T, files map[string]string) *runbook.Library {
	t.Helper()
	fsys := fstest.MapFS{}
	for name, text := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(text)}
	}
	l, err := runbook.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestNothingButTextComesOutOfARunbook(t *testing.T) {
	l := load(t, map[string]string{"runbooks/a.md": "# A\n\nfirst", "runbooks/b.md": `# B <b>
<script>alert(1)</script>

Text with <img src=x onerror=alert(1)> and ![a picture](https://example.org/x.png "t") in it.

[web](https://example.org/?a=1&b=2 "onmouseover=alert(1)") [other](a.md#first) [gone](missing.md) [js](javascript:alert(1)) [data](data:text/html,x)
[up](../a.md) [root](/etc/passwd) [site](//example.org/x) [query](a.md?x=1) <https://example.org> <mailto:a@example.org>

[ref]: javascript:alert(2)
[by reference][ref]

` + "`<i>` and\n\n```html\n<script>alert(3)</script>\n```\n"})
	b := l.Find("b")
	got, err := b.HTML(func(id string) string { return "/runbooks/" + id + "?site=x" })
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", "onerror", "javascript:", "onmouseover", "data:", "/etc/passwd", `"//`, `"mailto:`, "missing.md", "../"} {
		if strings.Contains(string(got), bad) {
			t.Errorf("%q is in\n%s", bad, got)
		}
	}
	for _, want := range []string{
		`<a href="https://example.org/?a=1&amp;b=2" rel="noreferrer">web</a>`, `<a href="/runbooks/a?site=x">other</a>`, "gone js data", "a picture in it", "up root site query",
		`<a href="https://example.org">https://example.org</a>`, "a@example.org", "by reference", "<code>&lt;i&gt;</code>", "&lt;script&gt;alert(3)",
	} {
		if !strings.Contains(strings.ReplaceAll(string(got), "\n", " "), want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if strings.Contains(string(got), "<h1") || b.Title != "B <b>" || !strings.HasPrefix(b.Summary, "Text with") {
		t.Errorf("title %q, summary %q\n%s", b.Title, b.Summary, got)
	}
	faults := l.Faults().Error()
	for _, want := range []string{`there is no runbook "missing"`, `"javascript:alert(1)" leads to no runbook`, `"../a.md" leads to`} {
		if !strings.Contains(faults, want) {
			t.Errorf("%q is not among\n%s", want, faults)
		}
	}
}

func TestARunbookIsReadInATerminal(t *testing.T) {
	l := load(t, map[string]string{"runbooks/locks.md": `# Locks

A *transaction* holds what others [want](https://example.org/locks), and they wait for it until their time-outs strike.

## First

1. Look at ` + "`pg_locks`" + `:

   ` + "```sql" + `
   -- PostgreSQL
   SELECT 1;
   ` + "```" + `

2. Ask. See [other locks](locks.md).

- one
- two

| code | means |
| --- | --- |
| 502 | gone |
`})
	mark := func(sign string) func(string) string { return func(s string) string { return sign + s + sign } }
	got := l.Find("locks").Terminal(50, runbook.Style{Heading: mark("="), Code: mark("~"), Plain: mark("")})
	want := `A transaction holds what others want
(https://example.org/locks), and they wait for it
until their time-outs strike.

=First=

1. Look at ` + "`pg_locks`" + `:
       ~-- PostgreSQL~
       ~SELECT 1;~

2. Ask. See other locks (runbook locks).

- one
- two

code  means
502   gone
`
	if got != want {
		t.Errorf("it reads\n%s\nwant\n%s", got, want)
	}
}

func TestRunbooksAreFoundByTheirWords(t *testing.T) {
	l, err := runbook.Load(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"brute force": "failed-logins", "DEADLOCK": "deadlocks", "lock wait": "lock-waits", "pg_blocking_pids": "lock-waits", "checksum_failures": "damaged-data",
		"smartctl": "hardware", "oom-kill": "resources", "disk full": "disk-full", "backup restore drill": "try-a-restore", "veritail.silence": "veritail-troubles", "suppress": "tune-a-rule",
	} {
		if hits := l.Search(query); len(hits) == 0 || hits[0].ID != want {
			t.Errorf("%s finds %+v, want %s first", query, hits, want)
		}
	}
	for _, query := range []string{"", " .,- ", "zebra", "deadlock zebra"} {
		if hits := l.Search(query); len(hits) > 0 {
			t.Errorf("%q finds %+v", query, hits)
		}
	}
	for _, h := range l.Search("pg_stat_activity") {
		if len([]rune(h.Excerpt)) > 200 || !strings.Contains(h.Excerpt, "pg_stat_activity") {
			t.Errorf("%s: %q", h.ID, h.Excerpt)
		}
	}
}

func TestASitesOwnRunbooksReplaceAndAdd(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "local", "runbooks")
	if err := os.MkdirAll(own, 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(own, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("backups.md", "# Our backups\r\n\r\nCall Mika.\r\n")
	write("on-call.md", "# Who is on call\n")
	write("notes.txt", "no runbook")
	l, err := runbook.Load(configs.FS(dir))
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := runbook.Load(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	if b := l.Find("backups"); b.Title != "Our backups" || b.Summary != "Call Mika." || b.File != filepath.Join(own, "backups.md") {
		t.Errorf("%+v", b.Runbook)
	}
	if len(l.All()) != len(shipped.All())+1 || l.Find("on-call") == nil || l.Find("deadlocks") == nil {
		t.Errorf("%d runbooks beside %d shipped ones", len(l.All()), len(shipped.All()))
	}
	if near := l.Nearest("dedlocks"); near != "deadlocks" {
		t.Errorf("dedlocks is near %q", near)
	}
	books, others := l.Of([]string{"runbook:on-call", "https://example.org/", "runbook:gone"})
	if len(books) != 1 || books[0].ID != "on-call" || len(others) != 1 {
		t.Errorf("%v, %v", books, others)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"empty.md":   {"", "the first line of a runbook is its title"},
		"second.md":  {"## Not the title\n", "the first line of a runbook is its title"},
		"Caps.md":    {"# x\n", "small letters"},
		"latin.md":   {"# caf\xe9\n", "is not UTF-8"},
		"too-big.md": {"# x\n" + strings.Repeat("x", 256<<10), "at most 256 KiB"},
	} {
		write(name, tc.text)
		if _, err := runbook.Load(configs.FS(dir)); err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), "local/runbooks/"+name) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		if err := os.Remove(filepath.Join(own, name)); err != nil {
			t.Fatal(err)
		}
	}
}

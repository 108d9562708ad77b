package rules

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/configs"
)

var update = flag.Bool("update", false, "write what is expected")

// docs/rules.md ends in a list of every shipped rule as it is.
func TestTheManualListsTheShippedRules(t *testing.T) {
	const file, heading = "../docs/rules.md", "## Shipped rules\n\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	all, err := Load(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	escape := strings.NewReplacer("|", `\|`).Replace
	want := "| id | severity | for | group | title | to read |\n| --- | --- | --- | --- | --- | --- |\n"
	for _, r := range all {
		var read []string
		for _, ref := range r.Refs {
			if id, ok := strings.CutPrefix(ref, configs.RunbookRef); ok {
				read = append(read, fmt.Sprintf("[runbook %s](../configs/runbooks/%[1]s.md)", id))
				continue
			}
			read = append(read, fmt.Sprintf("[%s](%s)", regexp.MustCompile(`^https://(?:www\.|docs\.|dev\.|learn\.)?([^/]+)/.*`).ReplaceAllString(ref, "$1"), ref))
		}
		want += fmt.Sprintf("| `%s` | %s | %s | `%s` | %s | %s |\n", r.ID, r.Severity, strings.Join(r.Audience, ", "), escape(r.Group), escape(r.Title), strings.Join(read, ", "))
	}
	before, got, ok := strings.Cut(string(text), heading)
	if !ok {
		t.Fatalf("docs/rules.md has no heading %q", heading)
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+heading+want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("docs/rules.md lists other rules than those that are shipped: go test ./rules -run Manual -update")
	}
}

// Every example of the manual is a rule, or makes one of what a rule needs besides, that loads and compiles.
func TestTheExamplesOfTheManualLoad(t *testing.T) {
	text, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 10 {
		t.Fatalf("%d examples", len(blocks))
	}
	shipped := map[string][]byte{}
	if err := fs.WalkDir(configs.FS(""), "rules", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			shipped[name], err = fs.ReadFile(configs.FS(""), name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{HoursFile, "service-accounts.txt"} {
		if shipped[name], err = fs.ReadFile(configs.FS(""), name); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range blocks {
		example := b[1]
		if isHours(example) {
			if _, err := readHours(fstest.MapFS{HoursFile: {Data: []byte(example)}}, "night"); err != nil {
				t.Errorf("%s\n%v", example, err)
			}
			continue
		}
		if !strings.Contains(example, "[[rule]]") && !strings.Contains(example, "[[suppress]]") {
			example = inARule(example)
		}
		fsys := fstest.MapFS{"local/app.toml": {Data: []byte(example)}, "lists/scanners.txt": {Data: []byte("192.0.2.7")}}
		for name, text := range shipped {
			fsys[name] = &fstest.MapFile{Data: text}
		}
		rules, err := Load(fsys)
		if err == nil {
			_, err = New(rules, Config{Schema: testSchema(t)})
		}
		if err != nil {
			t.Errorf("%s\n%v", b[1], err)
		}
	}
}

// isHours reports whether an example is of the file of hours.
func isHours(example string) bool { return strings.Contains(example, "[hours]") }

// inARule completes the lines of a rule to a rule.
func inARule(lines string) string {
	head, tests := good[:strings.Index(good, "[[rule.once]]")], good[strings.Index(good, "[[rule.test]]"):]
	var kept []string
	for line := range strings.Lines(head) {
		key := strings.Fields(line + " -")[0]
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(key) + `\s*=|^\[rule.` + regexp.QuoteMeta(key) + `\]`).MatchString(lines) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "") + lines + "\n" + tests
}

// Every rule names a runbook. What is about databases, logins and audits says where to read more, too: in the manuals of those who
// wrote the programs, and at those whose business it is to describe attacks.
func TestRulesSayWhereToReadMore(t *testing.T) {
	all, err := Load(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	owners := []string{"www.postgresql.org", "dev.mysql.com", "mariadb.com", "learn.microsoft.com", "docs.oracle.com", "github.com/pgaudit/", "man7.org", "man.openbsd.org",
		"www.sudo.ws", "polkit.pages.freedesktop.org", "docs.kernel.org", "chrony-project.org", "www.smartmontools.org", "nginx.org", "httpd.apache.org",
		"www.rfc-editor.org", "pages.nist.gov", "nvd.nist.gov", "attack.mitre.org", "owasp.org"}
	for _, r := range all {
		area, _, _ := strings.Cut(r.ID, ".")
		isRunbook := func(ref string) bool { return strings.HasPrefix(ref, configs.RunbookRef) }
		if !slices.ContainsFunc(r.Refs, isRunbook) {
			t.Errorf("%s names no runbook", r.ID)
		}
		refs := slices.DeleteFunc(slices.Clone(r.Refs), isRunbook)
		if len(refs) == 0 && strings.Contains("audit auth backup db", area) {
			t.Errorf("%s has no references", r.ID)
		}
		for _, ref := range refs {
			if !slices.ContainsFunc(owners, func(o string) bool { return strings.HasPrefix(ref+"/", "https://"+strings.TrimSuffix(o, "/")+"/") }) {
				t.Errorf("%s refers to %s, which is none of %v", r.ID, ref, owners)
			}
		}
	}
}

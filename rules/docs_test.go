package rules

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

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
	want := "| id | severity | for | group | title |\n| --- | --- | --- | --- | --- |\n"
	for _, r := range all {
		want += fmt.Sprintf("| `%s` | %s | %s | `%s` | %s |\n", r.ID, r.Severity, strings.Join(r.Audience, ", "), escape(r.Group), escape(r.Title))
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

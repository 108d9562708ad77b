package rules

import (
	"os"
	"strings"
	"testing"

	"github.com/saypro/veritail/configs"
)

// docs/rules.md lists every shipped rule with its severity.
func TestTheManualListsTheShippedRules(t *testing.T) {
	text, err := os.ReadFile("../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	all, err := Load(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if row := "| `" + r.ID + "` | " + r.Severity + " |"; !strings.Contains(string(text), row) {
			t.Errorf("docs/rules.md has no row %q", row)
		}
	}
	if rows := strings.Count(string(text), "\n| `") - strings.Count(string(text[:strings.Index(string(text), "## Shipped rules")]), "\n| `"); rows != len(all) {
		t.Errorf("docs/rules.md lists %d rules, %d are shipped", rows, len(all))
	}
}

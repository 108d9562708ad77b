package rules

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/saypro/veritail/configs"
)

// docs/rules.md lists every shipped rule as it is.
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
		row := fmt.Sprintf("| `%s` | %s | %s | `%s` | %s |", r.ID, r.Severity, strings.Join(r.Audience, ", "),
			strings.ReplaceAll(r.Group, "|", `\|`), strings.ReplaceAll(r.Title, "|", `\|`))
		if !strings.Contains(string(text), row) {
			t.Errorf("docs/rules.md has no row %q", row)
		}
	}
	if rows := strings.Count(string(text), "\n| `") - strings.Count(string(text[:strings.Index(string(text), "## Shipped rules")]), "\n| `"); rows != len(all) {
		t.Errorf("docs/rules.md lists %d rules, %d are shipped", rows, len(all))
	}
}

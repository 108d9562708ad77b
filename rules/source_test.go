package rules

import (
	"strings"
	"testing"

	"github.com/saypro/veritail/configs"
)

func TestASourceIsTheRuleAndNothingElse(t *testing.T) {
	all, err := Load(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		r := &all[i]
		text, line, err := r.Source()
		if err != nil || line < 1 {
			t.Fatalf("%s: line %d, %v", r.ID, line, err)
		}
		if !strings.HasPrefix(text, "[[rule]]\n") || strings.Count(text, "[[rule]]") != 1 || strings.Count(text, "[[rule.test]]") != len(r.Tests) {
			t.Errorf("%s: %d tests of %d in\n%s", r.ID, strings.Count(text, "[[rule.test]]"), len(r.Tests), text)
		}
		if !strings.Contains(text, `"`+r.ID+`"`) || strings.HasSuffix(text, "\n") {
			t.Errorf("%s: its source is\n%s", r.ID, text)
		}
		if r.Shown() != "configs/"+r.File {
			t.Errorf("%s stands in %s", r.ID, r.Shown())
		}
	}
	if text, _, err := (&Rule{ID: "made.in-code"}).Source(); text != "" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
}

package document

import (
	"regexp"
	"strings"
	"testing"
)

func FuzzVisible(f *testing.F) {
	for _, s := range []string{"plain", "<b>\x00\u202e\xff", "\u0301\u0301\u0301", "a\tb\nc", "\xf0\x9f\x98", "שלום"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		out := string(Visible(s))
		rest := regexp.MustCompile(`<span class="cc">(\\x[0-9a-f]{2}|U\+[0-9A-F]{4,6})</span>`).ReplaceAllString(out, "")
		if strings.ContainsAny(rest, "<>\"'\x00\x1b\r\u202e\ufffd\u200b") && !strings.Contains(s, "\ufffd") || strings.ContainsAny(rest, "<>\"'") {
			t.Errorf("%q became %q", s, out)
		}
	})
}

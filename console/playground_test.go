package console_test

import (
	"net/url"
	"strings"
	"testing"
)

func TestThePlaygroundShowsCapturesOrWhereALineStops(t *testing.T) {
	h := handler(t, open(t, newDay()))
	for _, tc := range []struct {
		name, query string
		want        []string
	}{
		{"nothing asked", "", []string{"Nothing here is stored.", "any format", "nginx.access"}},
		{"lines", "format=sshd&lines=" + url.QueryEscape("alice from 127.0.3.10\r\nnobody\n"), []string{
			"2 lines: 1 is taken, 1 stops", "✓ 1 alice from 127.0.3.10", "sshd, pattern 4, within it pam, pattern 1",
			"✕ 2 nobody", "Line 2 stops at column 7 of sshd, pattern 4.", "At %{USER:user.name} ; wanted \" \"", "user.name alice",
		}},
		{"an expression that does not compile", "expr=(&lines=x", []string{"column 1: the group is not closed"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			code, page := get(t, h, "/playground?"+tc.query)
			if code != 200 {
				t.Fatalf("code %d", code)
			}
			w := words(page)
			for _, want := range tc.want {
				if !strings.Contains(w, want) {
					t.Errorf("the page does not say %q:\n%s", want, w)
				}
			}
		})
	}
}

func TestWhatIsPastedIsText(t *testing.T) {
	h := handler(t, open(t, newDay()))
	_, page := get(t, h, "/playground?lines="+url.QueryEscape(hostile+" from "+hostile)+"&expr="+url.QueryEscape(hostile)+"&format="+url.QueryEscape(hostile))
	for _, no := range []string{"<script>alert", "<img", "\x1b", "\u202e"} {
		if strings.Contains(page, no) {
			t.Errorf("the page holds %q", no)
		}
	}
	if _, page = get(t, h, "/playground?lines="+strings.Repeat("x%0a", 100_000)); strings.Count(page, "✕ ") > 20 {
		t.Error("more lines are tried than the page says")
	}
}

func TestSourcesGroupWhatIsNotUnderstood(t *testing.T) {
	_, page := get(t, handler(t, open(t, shop())), "/sources")
	w := words(page)
	for _, want := range []string{"927 unparsed, grouped by form", "900 10.0.0.1 - - [24/Nov/2026:10:0 0] 'GET / HTTP/1.1' 200", "nginx.access stops at column 31, at %{CLFTIME}", "7 lines have other forms"} {
		if !strings.Contains(w, want) {
			t.Errorf("the sources do not say %q:\n%s", want, w)
		}
	}
}

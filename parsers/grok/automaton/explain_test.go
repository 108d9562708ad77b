package automaton

import (
	"fmt"
	"testing"
)

func TestWhereAnExpressionStops(t *testing.T) {
	for _, tc := range []struct{ name, expr, text, want string }{
		{"at the first byte", `(a)b`, "xb", `0 [1] "a"`},
		{"in a group", `ab (\d+) c`, "ab 12x c", `5 [] " "`},
		{"a class", `a([0-9a-f]+)x`, "a-", `1 [1] [0-9a-f]`},
		{"a class of all but some", `a([^ "]+)x`, `a "`, `1 [1] [^ "]`},
		{"within nested groups", `a((b)(c))`, "abx", `2 [1 3] "c"`},
		{"after text that anything takes", `(.*?) \[(\d+)\] end`, "foo bar [12] fin baz", `13 [] "e"`},
		{"what any text takes does not count", `(\d+) (.*)x`, "12 abc", `3 [] "x"`},
		{"the alternative that comes further", `(?:(abc)d|(x)|a(b))`, "abcx", `3 [] "d"`},
		{"before the end", `ab`, "abc", `2 [] the end`},
		{"at the end of the text", `abc`, "ab", `2 [] "c"`},
		{"at a word boundary", `ab\b`, "abc", `2 [] a word boundary`},
		{"an empty text", `a`, "", `0 [] "a"`},
		{"behind bytes that are no text", `\W+b`, "\xff\xfec", `2 [] "b"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stop, err := Explain(Expression{Text: tc.expr}, Whole, []byte(tc.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprintf("%d %v %s", stop.Length, stop.Groups, stop.Wanted); got != tc.want {
				t.Errorf("stops at %s, want %s", got, tc.want)
			}
		})
	}
}

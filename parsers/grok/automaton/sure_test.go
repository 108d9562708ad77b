package automaton

import "testing"

// Behind what it has found, .* takes whatever follows: that the same is found again is not followed any more.
func TestWhatSurelyMatchesIsNotSearchedFurther(t *testing.T) {
	for _, expr := range []string{`(?s).*?(error|warning): .*`, `(?s)(?:(.*?)\n)?(?:error|warning): (.*?)`, `(?s).*?(error|warning): ((?:.)*)()`} {
		m, err := compile([]string{expr, `(?s).*?fatal.*`}, Whole)
		if err != nil {
			t.Fatal(err)
		}
		text := "\nerror: x error: warning: error: y error: error: fatal"
		if m.Match([]byte(text), make([]int32, 6)) != 0 {
			t.Fatalf("%s: no match", expr)
		}
		states := m.table.Load().states
		last := states[len(states)-1]
		if s := last.skip(); len(last.items) != 1 || s == nil || s.singles != 0 || s.low != 0 {
			t.Errorf("%s: %d items in the last of %d states, which skips by %v", expr, len(last.items), len(states), s)
		}
	}
}

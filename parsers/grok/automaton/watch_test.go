package automaton

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// watchEarly makes machines lay stretches after few texts.
func watchEarly(t *testing.T) {
	texts, often := watchTexts, watchOften
	watchTexts, watchOften = 3, 1
	t.Cleanup(func() { watchTexts, watchOften = texts, often })
}

func TestStretchesChangeNothing(t *testing.T) {
	watchEarly(t)
	tryRandom(t, 4, 1000, 20, Search, Prefix, Whole)
}

// Lines of one kind, most of which differ from the others somewhere: a byte is another one, is missing, comes twice, or the
// line ends early.
func TestLinesThatDepartFromAStretchMatchAsWithRegexp(t *testing.T) {
	watchEarly(t)
	for _, exprs := range [][]string{
		{combined},
		{`(\S+) (\d{4})-(\d\d)-(\d\d)T(\d\d:\d\d):(\d+) (?:(\w+)\[(\d+)\]: )?(.*)`, `(\S+) (.*)`},
		{`((\w+)=("(?:[^"\\]|\\.)*"|\S+)( |$))+`, `(?s)(.*?)(ERROR|WARN): (.*)`},
	} {
		for _, mode := range []Mode{Search, Prefix, Whole} {
			m, err := compile(exprs, mode)
			if err != nil {
				t.Fatal(err)
			}
			o, err := oracleOf(exprs, mode)
			if err != nil {
				t.Fatal(err)
			}
			r := rand.New(rand.NewPCG(7, uint64(mode)))
			lines := [][]byte{line,
				[]byte("web-1 2026-11-25T10:00:03 sshd[4711]: Accepted publickey for root ERROR: none"),
				[]byte(`level=info msg="all is \"well\" here" took=15ms at=2026-11-25T10:00:03 é="世 界" x=1`)}
			for range 150 {
				text := slices.Clone(lines[r.IntN(len(lines))])
				at := r.IntN(len(text))
				switch r.IntN(6) {
				case 0:
					text[at] = byte(r.IntN(256))
				case 1:
					text[at] = text[r.IntN(len(text))]
				case 2:
					text = slices.Delete(text, at, at+1)
				case 3:
					text = slices.Insert(text, at, text[at])
				case 4:
					text = text[:at]
				}
				agree(t, m, o, exprs, mode, text)
			}
			if mode == Whole && len(stretches(m)) == 0 {
				t.Errorf("%q: no stretches", exprs)
			}
		}
	}
}

// stretches returns the lengths of a machine's stretches.
func stretches(m *Machine) (lengths []int) {
	for _, st := range m.table.Load().states {
		if st != nil && st.ahead != nil && st.ahead.length > 0 {
			lengths = append(lengths, st.ahead.length)
		}
	}
	return lengths
}

func TestWhatMostlyComesIsTakenInStretches(t *testing.T) {
	m, err := compile([]string{`(\d{4})-(\d\d)-(\d\d) (\d\d:\d\d:\d\d) ([A-Z]+) \[(\d+)\] (.*)`}, Whole)
	if err != nil {
		t.Fatal(err)
	}
	slots := make([]int32, m.Slots(0))
	match := func(text string) {
		if m.Match([]byte(text), slots) != 0 {
			t.Fatalf("no match in %q", text)
		}
	}
	for range watchTexts {
		match("2026-11-25 10:00:03 INFO [4711] the server is up")
	}
	if got, want := stretches(m), []int{8, 8, 5, 6, 5}; !slices.Equal(got, want) {
		t.Errorf("stretches of %v bytes, want %v", got, want)
	}
}

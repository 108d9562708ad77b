package grok

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
)

// signs returns the signs of expressions of the shipped library.
func signs(t *testing.T, mode Mode, exprs ...string) []Sign {
	t.Helper()
	set, err := shippedLibrary(t, Legacy).CompileSet(exprs, mode)
	if err != nil {
		t.Fatal(err)
	}
	return set.Signs()
}

func TestSigns(t *testing.T) {
	for _, tc := range []struct {
		name string
		expr string
		mode Mode
		want Sign
	}{
		{"characters by their classes", `[0-9][A-F][a-z]\.[\t ]`, Whole, Sign{Begins: []string{"0", "A", "a", ".", "c "}, Holds: []string{"."}}},
		{"nothing is said of a place where most may stand", `a.b`, Whole, Sign{Begins: []string{"a", "", "a"}, Holds: []string{"a"}}},
		{"nor behind the end of a beginning", `ab`, Prefix, Sign{Begins: []string{"a", "a"}, Holds: []string{"ab"}}},
		{"alternatives of several lengths", `(?:ab|-)1`, Whole, Sign{Begins: []string{"a-", "0a", "0"}, Holds: []string{"1"}}},
		{"what may be missing", `-?1`, Whole, Sign{Begins: []string{"0-", "0"}, Holds: []string{"1"}}},
		{"what repeats", `(?:1,)+x`, Whole, Sign{Begins: append([]string{"0", ","}, slices.Repeat([]string{"0a", ","}, signPlaces/2-1)...), Holds: []string{"1,"}}},
		{"letters of any case", `(?i)k1`, Whole, Sign{Begins: []string{"Aa", "0"}, Holds: []string{"1"}}},
		{"what is not ASCII", `é1`, Whole, Sign{Holds: []string{"é1"}}},
		{"the longest text", `a[0-9]bcd[0-9](?<x>ef)g`, Whole, Sign{Begins: []string{"a", "0", "a", "a", "a", "0", "a", "a", "a"}, Holds: []string{"bcd"}}},
		{"one of several texts, if it is longer", `-(?:one|three)[0-9]`, Whole, Sign{Begins: []string{"-", "a", "a", "a", "0a", "a", "0"}, Holds: []string{"one", "three"}}},
		{"no text where an alternative has none", `(?:one|[0-9]+) of [0-9]`, Whole, Sign{Begins: append([]string{"0a"}, slices.Repeat([]string{"0a "}, signPlaces-1)...), Holds: []string{" of "}}},
		{"assertions take nothing", `^a(?=b)\bb$`, Whole, Sign{Begins: []string{"a", "a"}, Holds: []string{"ab"}}},
		{"a byte that belongs to no character is any", "a\uFFFDb", Whole, Sign{Begins: []string{"a"}, Holds: []string{"a"}}},
		{"a reference back", `([ab])1\1x`, Whole, Sign{Begins: []string{"a", "0"}, Holds: []string{"1"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := signs(t, tc.mode, tc.expr); !reflect.DeepEqual(got, []Sign{tc.want}) {
				t.Errorf("%s: %+v", tc.expr, got)
			}
		})
	}
	got := signs(t, Whole, `1ab`, `2cd`, `3abe`, `x`)
	if want := []Sign{{[]string{"0", "a", "a"}, []string{"1ab", "2cd"}}, {[]string{"0", "a", "a", "a"}, []string{"3abe"}}, {[]string{"a"}, []string{"x"}}}; !reflect.DeepEqual(got, want) {
		t.Errorf("of several expressions: %+v", got)
	}
}

func TestWhatHasASign(t *testing.T) {
	sign := Sign{Begins: []string{"0", "", "a"}, Holds: []string{"x", "yz"}}
	for text, want := range map[string]bool{"1-ax": true, "1-ayz": true, "1-a": false, "--ax": false, "1-Ax": false, "1x": true, "é-Ax": true, "": false} {
		if got := sign.Fits([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// What an expression takes has its sign. The texts are made from the shipped patterns, some with bytes that belong to no
// character.
func TestWhatIsTakenHasTheSign(t *testing.T) {
	t.Parallel()
	lib := shippedLibrary(t, Legacy)
	s := sampler{Rand: rand.New(rand.NewPCG(7, 7))}
	taken := 0
	for i, name := range lib.Names() {
		if spared(i) {
			continue
		}
		set, err := lib.CompileSet([]string{"%{" + name + "}", "<%{" + name + "}> x"}, []Mode{Whole, Prefix}[i%2])
		if err != nil {
			t.Fatal(err)
		}
		signs, slots := set.Signs(), make([]int32, set.Slots())
		for i := range 40 {
			text := []byte(s.text(set.exprs[i%2].tree.root))
			if i%5 == 0 && len(text) > 0 {
				text[s.IntN(len(text))] = 0xFF
			}
			if set.Match(text, slots) < 0 {
				continue
			}
			taken++
			if !slices.ContainsFunc(signs, func(s Sign) bool { return s.Fits(text) }) {
				t.Errorf("%s: %q has none of %+v", name, text, signs)
			}
			if only := set.Fitting([][]byte{text}); i < 2 && (only == nil || only.Match(text, slots) < 0) {
				t.Errorf("%s: the fitting expressions do not take %q", name, text)
			}
		}
	}
	if taken < 500 && !testing.Short() {
		t.Errorf("only %d texts were taken", taken)
	}
}

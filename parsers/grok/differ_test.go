package grok

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"

	"github.com/saypro/veritail/configs"
)

// torture is how long a test may try more than make test does: VERITAIL_TORTURE, as in make torture; else 0.
func torture(t testing.TB) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(os.Getenv("VERITAIL_TORTURE"))
	if err != nil {
		return 0
	}
	return d
}

// spared reports whether case i of many is left out in a short run, as under the race detector.
func spared(i int) bool { return testing.Short() && i%8 != 0 }

func shippedLibrary(t testing.TB, naming Naming) *Library {
	t.Helper()
	lib, err := LoadLibrary(configs.FS(""), "patterns")
	if err != nil {
		t.Fatal(err)
	}
	return lib.In(naming)
}

// An original matches an expression as it is written, nothing rewritten, with regexp2.
type original struct {
	re   *regexp2.Regexp
	caps int
}

// errUndecided is of matches that take regexp2 too long.
var errUndecided = errors.New("undecided")

func newOriginal(t testing.TB, text string, caps int) original {
	t.Helper()
	re, err := regexp2.Compile(text, regexp2.Singleline|regexp2.Multiline|regexp2.ExplicitCapture)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	re.MatchTimeout = 300 * time.Millisecond
	return original{re, caps}
}

// asWritten returns the original of an expression as our parser reads it.
func asWritten(t testing.TB, lib *Library, expr string, mode Mode) original {
	t.Helper()
	x, err := lib.parse(expr)
	if err != nil {
		t.Fatal(err)
	}
	return newOriginal(t, mode.anchored(backtracked(x.root, x.counted)), len(x.caps))
}

// match returns the slots of a match, nil where there is none.
func (o original) match(text string) ([]int32, error) {
	var in runes
	in.set([]byte(text))
	found, err := o.re.FindRunesMatch(in.text)
	if err != nil {
		return nil, errUndecided
	}
	if found == nil {
		return nil, nil
	}
	slots := []int32{}
	for i := range o.caps {
		from, to := int32(-1), int32(-1)
		if g := found.GroupByNumber(i + 1); g != nil && len(g.Captures) > 0 {
			from, to = in.at[g.Index], in.at[g.Index+g.Length]
		}
		slots = append(slots, from, to)
	}
	return slots, nil
}

// slotsOf returns the slots of a match of m, nil where there is none.
func slotsOf(m Matcher, text string) []int32 {
	slots := make([]int32, 2*len(m.Captures()))
	if !m.Match([]byte(text), slots) {
		return nil
	}
	return slots
}

// sameSlots fails the test where a matcher and another one differ.
func sameSlots(t *testing.T, what, text string, got, want []int32) {
	t.Helper()
	if (got == nil) != (want == nil) || !slices.Equal(got, want) {
		t.Fatalf("%s in %q:\n got %v\nwant %v", what, text, got, want)
	}
}

// byHand returns what Logstash makes of an expression, by replacing text in it, for regexp2; it is right for ASCII texts
// only. The captures are in the order of the returned matcher's.
func byHand(t testing.TB, lib *Library, expr string) original {
	t.Helper()
	named := regexp.MustCompile(`\(\?<([A-Za-z\[][^>]*)>`)
	reference := regexp.MustCompile(`%\{([A-Za-z0-9_]+)(:[^}]*)?\}`)
	for strings.Contains(expr, "%{") {
		expr = reference.ReplaceAllStringFunc(expr, func(ref string) string {
			parts := reference.FindStringSubmatch(ref)
			pattern, ok := lib.pattern(parts[1])
			if !ok {
				t.Fatalf("no pattern %s", parts[1])
			}
			if len(parts[2]) > 1 {
				return "(?<c>" + pattern + ")"
			}
			return "(?:" + pattern + ")"
		})
	}
	n := 0
	expr = named.ReplaceAllStringFunc(expr, func(string) string { n++; return fmt.Sprintf("(?<%d>", n) })
	expr = strings.NewReplacer(`.?*`, `(?:.?)*`, `\h`, `[0-9a-fA-F]`, `[[[:alnum:]]_`, `[A-Za-z0-9_`, `[[:alnum:]`, `[A-Za-z0-9`, `[[:alpha:]`, `[A-Za-z`).Replace(expr)
	return newOriginal(t, expr, n)
}

// Every pattern of both libraries finds what regexp2 finds with the pattern as it is written: on texts made from the
// pattern, and on those changed.
func TestTortureLibraryPatternsMatchAsWritten(t *testing.T) {
	rounds := 3
	if d := torture(t); d > 0 {
		rounds = 50 * int(max(1, d/time.Minute))
	}
	for _, naming := range []Naming{Legacy, ECS} {
		lib := shippedLibrary(t, naming)
		undecided, found, tried := 0, 0, 0
		for i, name := range lib.Names() {
			if spared(i) {
				continue
			}
			expr := "%{" + name + ":whole}"
			m, err := lib.Compile(expr)
			if err != nil {
				t.Fatal(err)
			}
			written, hand := asWritten(t, lib, expr, Search), byHand(t, lib, expr)
			s := sampler{Rand: rand.New(rand.NewPCG(uint64(i), 7))}
			x, _ := lib.parse(expr)
			for round := range rounds {
				text := s.text(x.root)
				if round > 0 {
					text = s.mutated(text)
				}
				if len(text) > 2000 {
					continue
				}
				got := slotsOf(m, text)
				for _, o := range []original{written, hand} {
					if o == hand && strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
						continue
					}
					tried++
					want, err := o.match(text)
					if err != nil {
						undecided++
						continue
					}
					if want != nil {
						found++
					}
					sameSlots(t, string(naming)+" "+name, text, got, want)
				}
			}
		}
		if found < tried/3 || undecided > tried/50 {
			t.Errorf("%s: of %d texts %d matched, %d were not decided", naming, tried, found, undecided)
		}
	}
}

// The expressions of logstash-patterns-core's examples find in their inputs, whole and changed, what regexp2 finds.
func TestTortureRealInputsMatchAsWritten(t *testing.T) {
	rounds := 2
	if torture(t) > 0 {
		rounds = 200
	}
	expressions := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSpace(readFile(t, "testdata/conformance.jsonl")), "\n") {
		var q question
		if err := json.Unmarshal([]byte(line), &q); err != nil {
			t.Fatal(err)
		}
		key := q.Mode + " " + q.Expr
		expressions[key] = append(expressions[key], q.Input)
	}
	for key, inputs := range expressions {
		mode, expr, _ := strings.Cut(key, " ")
		naming, err := ParseNaming(mode)
		if err != nil {
			t.Fatal(err)
		}
		lib := shippedLibrary(t, naming)
		m, err := lib.Compile(expr)
		if err != nil {
			t.Fatal(err)
		}
		o := asWritten(t, lib, expr, Search)
		s := sampler{Rand: rand.New(rand.NewPCG(1, 2))}
		for i, input := range inputs {
			if spared(i) {
				continue
			}
			for round := range rounds {
				text := input
				if round > 0 {
					text = s.mutated(input)
				}
				if want, err := o.match(text); err == nil {
					sameSlots(t, key, text, slotsOf(m, text), want)
				}
			}
		}
	}
}

// Real lines, whole and changed, give what Go's regexp gives, where it understands the expression.
func TestTortureRealLinesMatchAsGosRegexpSays(t *testing.T) {
	files, err := filepath.Glob("../../testdata/site/*/*.log*")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	step := 60
	if torture(t) > 0 {
		step = 1
	}
	lib := shippedLibrary(t, Legacy)
	for _, expr := range []string{
		`%{SYSLOGTIMESTAMP:at} (?<host>\S+) (?<rest>.*)`, `(?<a>%{IPV6})|(?<w>%{WORD}) (?<q>"[^"]*")`, `%{URIPATHPARAM:path} HTTP`,
		`%{HTTPDERROR_DATE:at}.*?\[(?<module>\w*):%{LOGLEVEL:level}\]`, `%{HOSTNAME:host}:%{POSINT:port}`, `%{UUID:id}|%{MAC:mac}|%{USERNAME:user}@`,
	} {
		for _, mode := range []Mode{Search, Prefix, Whole} {
			m, err := lib.matcher(expr, mode)
			if err != nil {
				t.Fatal(err)
			}
			text := RegexpText(m)
			if text == "" {
				continue // with assertions
			}
			re := regexp.MustCompile(text)
			s := sampler{Rand: rand.New(rand.NewPCG(3, 4))}
			for _, file := range files {
				for i, line := range strings.Split(readFile(t, file), "\n") {
					if i%step != 0 {
						continue
					}
					if i%2 == 1 || step > 1 && i%(2*step) != 0 {
						line = s.mutated(line)
					}
					var want []int32
					if loc := re.FindStringSubmatchIndex(line); loc != nil {
						want = []int32{}
						for _, at := range loc[2:] {
							want = append(want, int32(at))
						}
					}
					sameSlots(t, expr, line, slotsOf(m, line), want)
				}
			}
		}
	}
}

func readFile(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

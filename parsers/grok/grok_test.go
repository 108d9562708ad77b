package grok_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	vjeantet "github.com/vjeantet/grok"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers/grok"
)

func library(t testing.TB) *grok.Library {
	t.Helper()
	lib, err := grok.LoadLibrary(configs.FS(""), "patterns")
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// captured returns what m captures of line, empty captures left out; nil where it does not match.
func captured(m grok.Matcher, line string) map[string]string {
	slots := make([]int32, 2*len(m.Captures()))
	if !m.Match([]byte(line), slots) {
		return nil
	}
	out := map[string]string{}
	for i, c := range m.Captures() {
		if from, to := slots[2*i], slots[2*i+1]; from < to {
			out[c.Name] = line[from:to]
		}
	}
	return out
}

func TestWhatAnExpressionCaptures(t *testing.T) {
	lib := library(t).With(map[string]string{
		"DIGITS": `[0-9]+`, "PAIR": `%{DIGITS:left}-%{DIGITS:right}`, "EITHER": `a|bc`, "INNER": `x(?<in>y)z`,
	})
	for _, tc := range []struct {
		name, expr, line string
		want             map[string]string
	}{
		{"a reference with a name", `id %{DIGITS:id}`, "an id 42.", map[string]string{"id": "42"}},
		{"a reference with a name and a type", `%{DIGITS:n:int}`, "7", map[string]string{"n": "7"}},
		{"a reference without a name captures nothing", `%{DIGITS}`, "7", map[string]string{}},
		{"references within references", `<%{PAIR:both}>`, "<1-2>", map[string]string{"both": "1-2", "left": "1", "right": "2"}},
		{"a named group", `(?<user.name>\w+)@`, "bob@x", map[string]string{"user.name": "bob"}},
		{"a named group of Python", `(?P<u>\w+)@`, "bob@x", map[string]string{"u": "bob"}},
		{"a named group in quotes", `(?'u'\w+)@`, "bob@x", map[string]string{"u": "bob"}},
		{"a named group within a pattern", `%{INNER}`, "xyz", map[string]string{"in": "y"}},
		{"names in brackets", `%{DIGITS:[source][port]} (?<[a][b]>x)`, "1 x", map[string]string{"[source][port]": "1", "[a][b]": "x"}},
		{"dashes and at signs in names", `(?<@meta-data>x)`, "x", map[string]string{"@meta-data": "x"}},
		{"a group without a name captures nothing", `(a)(b(?<c>c))`, "abc", map[string]string{"c": "c"}},
		{"a group that takes no part", `(?<a>a)|(?<b>b)`, "b", map[string]string{"b": "b"}},
		{"an empty capture", `(?<a>x*)y`, "y", map[string]string{}},
		{"alternatives within a pattern stay within it", `^%{EITHER}d$`, "bcd", map[string]string{}},
		{"parentheses in a class", `[(](?<in>[^)]+)[)]`, "f(x)", map[string]string{"in": "x"}},
		{"a closing bracket first in a class", `[]](?<a>.)[^]](?<b>.)`, "]a-b", map[string]string{"a": "a", "b": "b"}},
		{"a class by name", `[[:digit:](]+(?<a>.)`, "(1a", map[string]string{"a": "a"}},
		{"a reference in a class is none", `[%{DIGITS}]+(?<a>.)`, "%{D}a", map[string]string{"a": "a"}},
		{"an escaped parenthesis", `\((?<a>.)\)`, "(x)", map[string]string{"a": "x"}},
		{"an escaped bracket", `\[(?<a>.)\]`, "[x]", map[string]string{"a": "x"}},
		{"an escaped backslash", `\\(?<a>.)`, `\x`, map[string]string{"a": "x"}},
		{"an escaped percent sign", `\%\{(?<a>.)`, `%{x`, map[string]string{"a": "x"}},
		{"Ruby's hexadecimal digit", `\h+(?<a>g)`, "fFg", map[string]string{"a": "g"}},
		{"a flag", `(?i)ERR(?<a>or)`, "error", map[string]string{"a": "or"}},
		{"the first alternative that matches, not the longest", `(?<a>a|ab)`, "ab", map[string]string{"a": "a"}},
		{"a point takes a line ending", `a(?<x>.+)b`, "a\n\nb", map[string]string{"x": "\n\n"}},
		{"^ and $ stand at line ends", `^(?<x>b)$`, "a\nb\nc", map[string]string{"x": "b"}},
		{"a class within a class", `^(?<a>[x[0-9]_]+)$`, "x1_", map[string]string{"a": "x1_"}},
		{"an intersection of classes", `^(?<a>[a-z&&[^aeiou]]+)`, "xyza", map[string]string{"a": "xyz"}},
		{"the opposite of an intersection", `^(?<a>[^a-z&&[^aeiou]]+)`, "aeA.x", map[string]string{"a": "aeA."}},
		{"a hexadecimal digit in a class, and its opposite", `(?<a>[\h:]+)(?<b>\H+)`, "a:Fgh", map[string]string{"a": "a:F", "b": "gh"}},
		{"POSIX brackets are Unicode's", `(?<a>[[:alpha:]]+)(?<b>[[:^alpha:][:digit:]]+)`, "é中1.", map[string]string{"a": "é中", "b": "1."}},
		{"a property by POSIX name", `(?<a>\p{Upper}+)(?<b>\P{Upper})(?<c>\p{^Digit})`, "ÀÉèx", map[string]string{"a": "ÀÉ", "b": "è", "c": "x"}},
		{"blanks have the vertical tab", `a(?<x>\s)b(?<y>\S)`, "a\vbc", map[string]string{"x": "\v", "y": "c"}},
		{"a range with escapes", `(?<a>[\x41-\u0043\-]+)`, "-ABCD", map[string]string{"a": "-ABC"}},
		{"a backspace", `(?<a>[\b])`, "\b", map[string]string{"a": "\b"}},
		{"octal and control characters", `\101\cI(?<a>\e)`, "A\t\x1b", map[string]string{"a": "\x1b"}},
		{"a letter without meaning", `\i(?<a>\y)`, "iy", map[string]string{"a": "y"}},
		{"a comment", `a(?# no matter )(?<x>b)`, "ab", map[string]string{"x": "b"}},
		{"blanks that do not count", "(?x) a (?<x> b ) # no matter\n c", "abc", map[string]string{"x": "b"}},
		{"a flag reaches over alternatives, as in Ruby", `^(?:a(?i)b|c)(?<x>.)`, "aCd", map[string]string{"x": "d"}},
		{"a flag for a group", `(?i:A)(?<x>B)`, "aB", map[string]string{"x": "B"}},
		{"a point that leaves the line ending out", `(?<a>(?-m:.+))`, "ab\nc", map[string]string{"a": "ab"}},
		{"up to n times", `^(?<a>a{,2})`, "aaa", map[string]string{"a": "aa"}},
		{"n times or not at all", `^(?<a>a{2}?)b`, "b", map[string]string{}},
		{"braces that repeat nothing", `(?<a>a{x}{)`, "a{x}{", map[string]string{"a": "a{x}{"}},
		{"a look-ahead and a look-behind", `(?<![0-9])(?<a>[0-9]{3})(?= )(?<b>.*)`, "1234 123 x", map[string]string{"a": "123", "b": " x"}},
		{"a longer look-ahead", `(?<a>\w+)(?=: no)`, "x: yes y: no", map[string]string{"a": "y"}},
		{"a look-ahead that captures", `(?=(?<all>.*))(?<a>\w+)`, "ab c", map[string]string{"all": "ab c", "a": "ab"}},
		{"an atomic group", `(?>a|ab)(?<x>.?)`, "abc", map[string]string{"x": "b"}},
		{"a possessive quantifier", `"[^"]*+(?<x>.)`, `"ab"c`, map[string]string{"x": `"`}},
		{"a back-reference", `(?<q>["'])(?<a>.*?)\k<q>`, `"it's" x`, map[string]string{"q": `"`, "a": "it's"}},
		{"a back-reference by number", `^(a|b)\1$`, "bb", map[string]string{}},
		{"the end before a line ending", `(?<a>b)\Z`, "ab\n", map[string]string{"a": "b"}},
		{"any line ending", `a\R(?<x>.)`, "a\r\nb", map[string]string{"x": "b"}},
		{"a definition in place", `%{DIG=[0-9]{2}} %{DIG:x}`, "12 34", map[string]string{"x": "34"}},
		{"a question mark behind a name", `%{DIGITS:[a][b]?}`, "7", map[string]string{"[a][b]": "7"}},
		{"more repetitions than Go takes", `^(?<a>(?:\.[a-z]{1,62}){0,63})$`, ".a" + strings.Repeat(".bc", 40), map[string]string{"a": ".a" + strings.Repeat(".bc", 40)}},
		{"no match", `x`, "y", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := lib.Compile(tc.expr)
			if err != nil {
				t.Fatal(err)
			}
			got := captured(m, tc.line)
			if (got == nil) != (tc.want == nil) || !maps.Equal(got, tc.want) {
				t.Errorf("captured %q, want %q", got, tc.want)
			}
		})
	}
}

func TestTypesAndOrderOfCaptures(t *testing.T) {
	m, err := library(t).Compile(`%{INT:a:int} (?<b>x(?<c>y)) %{NUMBER:d:float:rest}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(m.Captures()); got != "[{a int} {b } {c } {d float:rest}]" {
		t.Error(got)
	}
}

func TestAnAnchoredExpressionTakesAllOrNothing(t *testing.T) {
	m, err := library(t).CompileAnchored(`(?<a>a+)|b`)
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]bool{"aa": true, "b": true, "aab": false, "xb": false, "b\n": false, "": false, "\nb": false} {
		slots := []int32{-7, -7}
		if got := m.Match([]byte(line), slots); got != want {
			t.Errorf("%q: %v", line, got)
		} else if !got && slots[0] != -7 {
			t.Errorf("%q: slots were changed without a match", line)
		}
	}
}

func TestBadExpressionsAreRefusedWithTheReason(t *testing.T) {
	circle := map[string]string{"ONE": "a%{TWO}", "TWO": "b%{THREE}", "THREE": "c%{ONE}"}
	grows := map[string]string{"G0": "xxxxxxxx"}
	for i := range 12 {
		grows[fmt.Sprintf("G%d", i+1)] = strings.Repeat(fmt.Sprintf("%%{G%d}", i), 4)
	}
	for _, tc := range []struct {
		name, expr string
		patterns   map[string]string
		want       []string
	}{
		{"an unknown pattern", `%{INTT:n}`, nil, []string{"unknown pattern %{INTT}", "did you mean %{INT}?"}},
		{"in small letters", `%{ipv4}`, nil, []string{"did you mean %{IPV4}?"}},
		{"an unknown pattern like no other", `%{QQQQQQQQ}`, nil, []string{"unknown pattern %{QQQQQQQQ}"}},
		{"an unknown pattern within another", `%{X}`, map[string]string{"X": "%{NOPE_NOPE}"}, []string{"in %{X}", "%{NOPE_NOPE}"}},
		{"an empty reference", `%{}`, nil, []string{"unknown pattern %{}"}},
		{"an open reference", `ab%{INT`, nil, []string{"column 3", "not closed"}},
		{"a circle", `%{ONE}`, circle, []string{"ONE refers to itself through ONE, TWO, THREE"}},
		{"patterns that multiply", `%{G12}`, grows, []string{"grows beyond"}},
		{"an open group", `(a`, nil, []string{"missing closing )"}},
		{"an open name", `(?<a`, nil, []string{"name of a group is not closed"}},
		{"an open class", `[a`, nil, []string{"missing closing ]"}},
		{"an open class within a class", `x[a[b]`, nil, []string{"column 2", `the character is written \[`}},
		{"a class that is not there", `[[:alphabet:]]`, nil, []string{"no class [:alphabet:]"}},
		{"a property that is not there", `\p{Klingon}`, nil, []string{`no property \p{Klingon}`}},
		{"a range that counts down", `[z-a]`, nil, []string{"range z-a is empty"}},
		{"a repetition that counts down", `a{3,2}`, nil, []string{"{3,2} counts down"}},
		{"a repetition of nothing", `a|*`, nil, []string{"column 3", "missing argument to repetition operator *"}},
		{"an unknown kind of group", `(?~a)`, nil, []string{"(?~ is not known"}},
		{"a parenthesis too many", `a)`, nil, []string{"column 2", "unexpected )"}},
		{"a back-reference to nothing", `\k<a>`, nil, []string{`\k<a>: nothing of that name`}},
		{"a back-reference by number beside names", `(?<a>x)\1`, nil, []string{`write \k<name>`}},
		{"a call of a group", `(?<a>x)\g<a>`, nil, []string{`\g is not supported`}},
		{"a private rune that engines use", "\U0010F001", nil, []string{"private rune U+10F001"}},
		{"a backslash at the end", `a\`, nil, []string{"trailing backslash"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := library(t).With(tc.patterns).Compile(tc.expr)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %q in: %v", want, err)
				}
			}
		})
	}
}

// All patterns of all layers compile, and all but a few need no fallback.
func TestEveryShippedPatternCompiles(t *testing.T) {
	for _, tc := range []struct {
		naming   grok.Naming
		patterns int // without those that the shipped formats need beside Logstash's
		regexp2  []string
	}{
		{grok.Legacy, 332, []string{"MONGO_QUERY", "MONGO_SLOWQUERY", "SYSLOGPAMSESSION"}},
		{grok.ECS, 376, []string{"MONGO_QUERY", "SYSLOGPAMSESSION"}},
	} {
		lib := library(t).In(tc.naming)
		engines := map[string][]string{}
		for _, name := range lib.Names() {
			m, err := lib.Compile("%{" + name + ":x}")
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			engine, reason := m.Engine()
			if (engine == "automaton") != (reason == "") {
				t.Errorf("%s is matched by %s: %q", name, engine, reason)
			}
			engines[engine] = append(engines[engine], name)
		}
		if n := len(lib.Names()); n < tc.patterns || len(engines["automaton"]) != n-len(tc.regexp2) || !slices.Equal(engines["regexp2"], tc.regexp2) {
			t.Errorf("%s: %d patterns, %d matched by the automaton, by regexp %q, by regexp2 %q", tc.naming, n, len(engines["automaton"]),
				engines["regexp"], engines["regexp2"])
		}
	}
}

// Layers: the user's patterns win over Veritail's, those over Logstash's of the naming, those over vjeantet's.
func TestAnUpperLayerWins(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	lib, err := grok.LoadLibrary(fstest.MapFS{
		"patterns/vjeantet/grok": file("A 1\nB 1\nC 1\nD 1\nE 1\n"), "patterns/legacy/x": file("A 2\nB 2\nC 2\n"), "patterns/ecs-v1/x": file("A 3\nB 3\nD 3\n"),
		"patterns/veritail/p": file("A 4\nB 4\n"), "patterns/own": file("A\t5\n"), "patterns/README.md": file("no pattern\n"), "patterns/elsewhere/x": file("A 6\n"),
	}, "patterns")
	if err != nil {
		t.Fatal(err)
	}
	for naming, want := range map[grok.Naming]string{grok.Legacy: "54211", grok.ECS: "54131"} {
		m, err := lib.In(naming).CompileAnchored("%{A}%{B}%{C}%{D}%{E}")
		if err != nil {
			t.Fatal(err)
		}
		if captured(m, want) == nil {
			t.Errorf("%s: not %s", naming, want)
		}
		if m, err := lib.With(map[string]string{"A": "7"}).In(naming).Compile("^%{A}"); err != nil || captured(m, "7") == nil {
			t.Errorf("a pattern given by itself does not win: %v", err)
		}
	}
}

func TestMistakesInPatternFilesNameTheLine(t *testing.T) {
	for name, tc := range map[string]struct{ text, want string }{
		"a name alone":          {"A x\nB\n", "patterns/p:2: a pattern is a name"},
		"a name with odd bytes": {"A.B x\n", "patterns/p:1: a pattern is a name"},
		"a name that stands twice": {"# a comment\nA x\n\nB y\nA z\n",
			"patterns/p:5: pattern A is defined in patterns/p:2 already"},
	} {
		_, err := grok.LoadLibrary(fstest.MapFS{"patterns/p": {Data: []byte(tc.text)}}, "patterns")
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := grok.LoadLibrary(fstest.MapFS{}, "patterns"); err == nil {
		t.Error("no folder, no error")
	}
	lib, err := grok.LoadLibrary(fstest.MapFS{"patterns/p": {Data: []byte("A   x y  \r\n")}, "patterns/.hidden": {Data: []byte("?")}}, "patterns")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := lib.Compile("^%{A}$"); err != nil || captured(m, "x y") == nil {
		t.Errorf("blanks around an expression: %v", err)
	}
}

func TestStopTellsHowFarAnExpressionGets(t *testing.T) {
	for _, tc := range []struct {
		name, expr, line string
		length           int
		failed           string
	}{
		{"at once", `(?<a>[0-9]+) x`, "abc", 0, "(?<a>…)"},
		{"after the first part", `%{INT:a} %{INT:b}`, "12 ab", 3, "%{INT:b}"},
		{"within a reference of a reference", `%{COMMONAPACHELOG}`, "10.0.0.1 - - [24/Nox/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 5", 19,
			"%{MONTH} in %{HTTPDATE:timestamp} in %{HTTPD_COMMONLOG} in %{COMMONAPACHELOG}"},
		{"within a literal", `%{INT:a} bytes sent`, "12 bytes read", 9, `"s"`},
		{"at the end of the line", `a%{INT:x}b`, "a12", 3, `"b"`},
		{"behind all parts", `a(?<x>b)`, "abc", 2, "the end"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := library(t).CompileAnchored(tc.expr)
			if err != nil {
				t.Fatal(err)
			}
			stop := m.Stop([]byte(tc.line))
			if stop.Length != tc.length || stop.Failed() != tc.failed {
				t.Errorf("stops after %d at %q, want %d at %q", stop.Length, stop.Failed(), tc.length, tc.failed)
			}
		})
	}
}

// siteLines returns all lines of the bundled logs of real servers.
func siteLines(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/site/*/*.log*")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var lines []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")...)
	}
	return lines
}

// oracle compiles expr with vjeantet/grok: named captures only, empty ones left out.
func oracle(t testing.TB) *vjeantet.Grok {
	t.Helper()
	g, err := vjeantet.NewWithConfig(&vjeantet.Config{NamedCapturesOnly: true, RemoveEmptyValues: true})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Captures equal those of vjeantet/grok where both mean the same: its own patterns, each name once, lines without line
// endings.
func TestCapturesEqualTheOracles(t *testing.T) {
	lib, err := grok.LoadLibrary(configs.FS(""), "patterns/vjeantet")
	if err != nil {
		t.Fatal(err)
	}
	ref := oracle(t)
	var lines []string // one in four: the oracle is slow
	for i, line := range siteLines(t) {
		if i%4 == 0 {
			lines = append(lines, line)
		}
	}
	for _, tc := range []struct {
		expr  string
		least int // lines that match: an expression that matches nothing shows nothing
	}{
		{`%{COMBINEDAPACHELOG}`, 100},
		{`%{COMMONAPACHELOG}`, 100},
		{`%{SYSLOGBASE} %{GREEDYDATA:text}`, 75},
		{`%{HTTPD_ERRORLOG}`, 5},
		{`%{TIMESTAMP_ISO8601:at} %{TZ:zone} \[%{POSINT:pid}\] (?:%{USERNAME:user}@%{USERNAME:db} )?%{LOGLEVEL:level}:\s+%{GREEDYDATA:text}`, 10},
		{`%{IP:address}`, 100},
		{`user=%{USER:user}`, 5},
		{`from %{IPORHOST:host} port %{POSINT:port}`, 25},
		{`%{QS:quoted}`, 100},
		{`%{URIPATHPARAM:path} HTTP`, 100},
		{`(?:%{TIME:time}|%{NUMBER:number}) %{NOTSPACE:next}`, 250},
		{`%{PATH:path}`, 100},
	} {
		t.Run(tc.expr, func(t *testing.T) {
			m, err := lib.Compile(tc.expr)
			if err != nil {
				t.Fatal(err)
			}
			matched := 0
			for _, line := range lines {
				want, err := ref.Parse(tc.expr, line)
				if err != nil {
					t.Fatal(err)
				}
				got := captured(m, line)
				if got != nil {
					matched++
				}
				if len(got) == 0 && len(want) == 0 {
					continue
				}
				if !maps.Equal(got, want) {
					t.Fatalf("%q:\n got %q\nwant %q", line, got, want)
				}
			}
			if matched < tc.least {
				t.Errorf("only %d lines matched", matched)
			}
		})
	}
}

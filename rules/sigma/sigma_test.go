package sigma

import (
	"bytes"
	"encoding/base64"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
)

var update = flag.Bool("update", false, "write what is expected")

// shipped returns the shipped formats, compiled when they are used.
var shipped = sync.OnceValues(func() (*parsers.Set, error) { return parsers.Open(configs.FS(""), event.NewSchema()) })

// decoder returns what makes events of lines by the shipped formats, and their fields.
func decoder(t testing.TB) (rules.Decode, *event.Schema) {
	t.Helper()
	set, err := shipped()
	if err != nil {
		t.Fatal(err)
	}
	return func(format string, gen event.GenID, lines []byte) (*event.Batch, error) {
		d, err := set.NewDecoder(event.Generation{ID: gen, Path: "test", Format: format}, parsers.Options{Host: "test"})
		if err != nil {
			return nil, err
		}
		b := &event.Batch{}
		d.Decode(b, lines, 0)
		d.Flush(b, time.Now(), true)
		b.From, b.To = []event.Mark{{Gen: gen, Low: math.MinInt64}}, []event.Mark{d.Mark()}
		return b, nil
	}, set.Schema
}

func converter(t testing.TB) *Converter {
	t.Helper()
	decode, schema := decoder(t)
	c, err := New(configs.FS(""), schema, decode)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// converted returns what becomes of a file of testdata.
func converted(t *testing.T, file string) Result {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var r Result
	if err := converter(t).Convert(&r, file, text); err != nil {
		t.Fatal(err)
	}
	for _, x := range r.Refused {
		t.Errorf("%s: refused: %s", x.Title, x.Reason)
	}
	return r
}

// The rules of Sigma become these rules of Veritail, which the loader takes and whose tests pass.
func TestConvertedRules(t *testing.T) {
	for _, name := range []string{"rules", "correlation"} {
		t.Run(name, func(t *testing.T) {
			r := converted(t, name+".yml")
			var out bytes.Buffer
			if err := Write(&out, r.Rules); err != nil {
				t.Fatal(err)
			}
			golden := "testdata/" + name + ".toml"
			if *update {
				if err := os.WriteFile(golden, out.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if out.String() != string(want) {
				t.Errorf("%s differs from what is made now: go test ./rules/sigma -update, and look at the difference", golden)
			}
			all, err := rules.Load(fstest.MapFS{"rules/sigma.toml": {Data: out.Bytes()}})
			if err != nil {
				t.Fatal(err)
			}
			decode, schema := decoder(t)
			tests, failures, err := rules.Check(all, schema, decode)
			if err != nil || len(failures) > 0 || tests != 2*len(r.Rules) {
				t.Errorf("%d tests of %d rules, failures %v, %v", tests, len(r.Rules), failures, err)
			}
		})
	}
}

// ofDetection returns the query of a detection about programs that were started.
func ofDetection(t *testing.T, detection string) (string, error) {
	t.Helper()
	docs, err := read([]byte("title: x\nlogsource: {product: linux, category: process_creation}\ndetection:\n" + detection))
	if err != nil {
		return "", err
	}
	c := converter(t)
	s, err := c.source(docs[0].LogSource)
	if err != nil {
		return "", err
	}
	tree, err := parseDetection(docs[0].Detection)
	if err != nil {
		return "", err
	}
	return c.query(tree, s)
}

func TestConditions(t *testing.T) {
	const selections = "  a1: {Image: '1'}\n  a2: {Image: '2'}\n  b: {Image: '3'}\n  _c: {Image: '4'}\n"
	const exe = "process.executable:"
	for condition, want := range map[string]string{
		"a1":                        exe + `"1"`,
		"a1 and b":                  "(" + exe + `"1" and ` + exe + `"3")`,
		"a1 or a2 and not b":        "(" + exe + `"1" or (` + exe + `"2" and not ` + exe + `"3"))`,
		"(a1 or a2) and b":          "((" + exe + `"1" or ` + exe + `"2") and ` + exe + `"3")`,
		"1 of a*":                   "(" + exe + `"1" or ` + exe + `"2")`,
		"all of a*":                 "(" + exe + `"1" and ` + exe + `"2")`,
		"not 1 of a*":               "not (" + exe + `"1" or ` + exe + `"2")`,
		"all of them":               "(" + exe + `"1" and ` + exe + `"2" and ` + exe + `"3")`, // but what begins with _
		"b AND NOT (a1 OR a2)":      "(" + exe + `"3" and not (` + exe + `"1" or ` + exe + `"2"))`,
		"any of a* and 1 of b":      "((" + exe + `"1" or ` + exe + `"2") and ` + exe + `"3")`,
		"[a1, b]":                   "(" + exe + `"1" or ` + exe + `"3")`,
		"not not a1":                exe + `"1"`,
		"((((a1))))":                exe + `"1"`,
		"all of a1 and (1 of them)": "(" + exe + `"1" and (` + exe + `"1" or ` + exe + `"2" or ` + exe + `"3"))`,
	} {
		if got, err := ofDetection(t, selections+"  condition: "+condition+"\n"); err != nil || got != want {
			t.Errorf("%s\n got %s, %v\nwant %s", condition, got, err, want)
		}
	}
	for condition, want := range map[string]string{
		"a1 and":       "it ends where a selection should stand",
		"a1 b":         `"b" is too much`,
		"(a1":          "a parenthesis is not closed",
		"1 of":         "it ends behind of",
		"1 of z*":      `no selection is called "z*"`,
		"nosuch":       `there is no selection "nosuch"`,
		"a1 | count()": "it aggregates behind a |",
		strings.Repeat("(", 70) + "a1" + strings.Repeat(")", 70): "parentheses within each other",
	} {
		if _, err := ofDetection(t, selections+"  condition: "+condition+"\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s: %v", condition, err)
		}
	}
}

func TestValues(t *testing.T) {
	for test, want := range map[string]string{
		`Image: /usr/bin/nc`:                     `process.executable:/^\/usr\/bin\/nc$/i`,
		`Image: 42`:                              `process.executable:"42"`,
		`Image|cased: Nc`:                        `process.executable:"Nc"`,
		`Image: [a, b]`:                          `process.executable:/^(?:a|b)$/i`,
		`Image|startswith: /tmp/`:                `process.executable:/^\/tmp\//i`,
		`Image|endswith: [/sh, /bash]`:           `process.executable:/(?:\/sh|\/bash)$/i`,
		`CommandLine|contains: ' -e '`:           `process.command_line:/ -e /i`,
		`CommandLine|contains|all: [a, b]`:       `(process.command_line:/a/i and process.command_line:/b/i)`,
		`CommandLine: '*curl*|*sh'`:              `process.command_line:/curl(?s:.*)\|(?s:.*)sh$/i`,
		`CommandLine: 'a\*b?c'`:                  `process.command_line:/^a\*b(?s:.)c$/i`,
		`CommandLine: 'C:\Windows'`:              `process.command_line:/^C:\\Windows$/i`,
		`CommandLine: 'C:\\*'`:                   `process.command_line:/^C:\\/i`,
		`CommandLine: '*'`:                       `process.command_line:*`,
		`CommandLine: ''`:                        `not process.command_line:*`,
		`CommandLine: null`:                      `not process.command_line:*`,
		`CommandLine|exists: true`:               `process.command_line:*`,
		`CommandLine|exists: false`:              `not process.command_line:*`,
		`CommandLine|re: '(^|\/)\.[^.\/]'`:       `process.command_line:/(^|\/)\.[^.\/]/`,
		`CommandLine|re|i: 'a/b'`:                `process.command_line:/(?i)a\/b/`,
		`CommandLine|base64|contains: 'whoami'`:  `process.command_line:/d2hvYW1p/`,
		`CommandLine|wide|base64|contains: 'a'`:  `process.command_line:/YQA=/`,
		`CommandLine|windash|contains: ' -a'`:    `process.command_line:/ -a| \/a| –a| —a| ―a/i`,
		`CommandLine|contains: "a\"b\u0001"`:     `process.command_line:/a"b\x01/i`,
		`CommandLine|contains: [größe, '{{a}}']`: `process.command_line:/größe|\{\{a\}\}/i`,
	} {
		if got, err := ofDetection(t, "  s:\n    "+test+"\n  condition: s\n"); err != nil || got != want {
			t.Errorf("%s\n got %s, %v\nwant %s", test, got, err, want)
		}
	}
	for test, want := range map[string]string{
		`Image|fieldref: CommandLine`: "compares two fields",
		`Image|expand: '%dirs%'`:      "placeholders",
		`Image|nosuch: x`:             "a modifier that is not known: nosuch",
		`CommandLine|re: '(?=x)'`:     "an expression that RE2 does not know",
		`Image|cidr: 10.0.0.0/8`:      "a network is asked for of a field that is no address",
		`Image|gt: 5`:                 "a number is asked for of a field that is a text",
		`ParentImage: x`:              "ParentImage, an audit record names the parent by its number only",
		`Nonsense: x`:                 "a field without a counterpart: Nonsense",
		`Image: {a: b}`:               "a value is no text",
		`Image: []`:                   "no value",
	} {
		if got, err := ofDetection(t, "  s:\n    "+test+"\n  condition: s\n"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, %v", test, got, err)
		}
	}
}

// What base64offset asks for stands in the Base64 of every text that holds the value, wherever it stands there.
func TestBase64Offsets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	text := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.IntN(256))
		}
		return b
	}
	for range 2000 {
		value, before, behind := text(3+r.IntN(20)), text(r.IntN(10)), text(r.IntN(10))
		whole := base64.StdEncoding.EncodeToString(append(append(append([]byte{}, before...), value...), behind...))
		if part := shifted(value, len(before)%3); len(part) == 0 || !strings.Contains(whole, string(part)) {
			t.Fatalf("%q behind %d bytes: %s does not stand in %s", value, len(before), part, whole)
		}
	}
}

func TestWhatIsRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"log source":   {"title: x\nlogsource: {product: windows, service: sysmon}\ndetection: {s: {a: b}, condition: s}", "a log source that Veritail has no format for: product windows, service sysmon"},
		"timeframe":    {"title: x\nlogsource: {product: linux}\ndetection: {s: [a], timeframe: 5m, condition: s}", "it counts in a timeframe"},
		"temporal":     {"title: x\ncorrelation: {type: temporal, rules: [a, b], timespan: 5m}", "a correlation of type temporal"},
		"unknown rule": {"title: x\ncorrelation: {type: event_count, rules: [a], timespan: 5m, condition: {gte: 2}}", "a correlation of a rule that is not here"},
		"few":          {"title: x\ncorrelation: {type: event_count, rules: [a], timespan: 5m, condition: {lt: 2}}", "wants few events"},
		"never":        {"title: x\nlogsource: {product: linux, category: process_creation}\ndetection: {s: {Image: a}, condition: s and not s}", "no line could be made"},
	} {
		t.Run(name, func(t *testing.T) {
			var r Result
			if err := converter(t).Convert(&r, "x.yml", []byte(c.text)); err != nil {
				t.Fatal(err)
			}
			if len(r.Refused) != 1 || !strings.Contains(r.Refused[0].Reason, c.want) {
				t.Errorf("%+v", r.Refused)
			}
		})
	}
	t.Run("correlation of a correlation", func(t *testing.T) {
		const base = "title: a\nname: a\nlogsource: {category: webserver}\ndetection: {s: {sc-status: 403}, condition: s}\n---\n"
		const many = "title: b\nname: b\ncorrelation: {type: event_count, rules: [a], timespan: 5m, condition: {gte: 2}}\n---\n"
		var r Result
		err := converter(t).Convert(&r, "x.yml", []byte(base+many+"title: c\ncorrelation: {type: event_count, rules: [a, b], timespan: 5m, condition: {gte: 2}}"))
		if err != nil || len(r.Refused) != 1 || r.Refused[0].Reason != "a correlation of a correlation" {
			t.Errorf("%+v, %v", r.Refused, err)
		}
	})
	for text, want := range map[string]string{
		"":         "it holds no Sigma rule",
		"a: [":     "yaml:",
		"title: x": "neither detection nor correlation",
		"title: x\ndetection: {s: {a: b}}\nlogsource: {product: linux}":                               "no condition",
		"title: x\nlevel: huge\ndetection: {s: [a], condition: s}\nlogsource: {product: linux}":       "none of Sigma's",
		"title: x\ncorrelation: {type: event_count, rules: [a], timespan: soon, condition: {gte: 2}}": "timespan",
	} {
		var r Result
		if err := converter(t).Convert(&r, "x.yml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whatever a file of rules holds, what comes out is a rule file that the loader takes, with tests that pass.
func FuzzConvert(f *testing.F) {
	for _, name := range []string{"rules.yml", "correlation.yml"} {
		text, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		for _, doc := range bytes.Split(text, []byte("---\n")) {
			f.Add(doc)
		}
	}
	decode, schema := decoder(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := New(configs.FS(""), schema, decode)
		if err != nil {
			t.Fatal(err)
		}
		var r Result
		if c.Convert(&r, "x.yml", text) != nil {
			return
		}
		var out bytes.Buffer
		if err := Write(&out, r.Rules); err != nil {
			t.Fatal(err)
		}
		all, err := rules.Load(fstest.MapFS{"rules/x.toml": {Data: out.Bytes()}})
		if err != nil {
			t.Fatalf("%v\n%s", err, out.String())
		}
		if len(all) > 0 {
			_, failures, err := rules.Check(all, schema, decode)
			if err != nil || len(failures) > 0 {
				t.Fatal(fmt.Errorf("%v %w\n%s", failures, err, out.String()))
			}
		}
	})
}

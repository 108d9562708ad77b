package configs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/BurntSushi/toml"
)

// level shows how types that read their own text are checked.
type level string

func (l *level) UnmarshalText(b []byte) error {
	if string(b) != "low" && string(b) != "high" {
		return errors.New(`wants "low" or "high"`)
	}
	*l = level(b)
	return nil
}

type common struct {
	ID    string `toml:"id"`
	Title string `toml:"title"`
}

type ruleFile struct {
	Version int               `toml:"version"`
	Tags    map[string]string `toml:"tags"`
	Rules   []struct {
		common
		Severity  level         `toml:"severity"`
		Threshold int           `toml:"threshold"`
		Within    time.Duration `toml:"within"`
		Ratio     float64       `toml:"ratio"`
		Group     []string      `toml:"group"`
		On        bool          `toml:"on"`
		Small     uint8         `toml:"small"`
		When      map[string]any
		Once      *struct {
			By []string `toml:"by"`
		} `toml:"once"`
		Tests []struct {
			Name   string `toml:"name"`
			Lines  string `toml:"lines"`
			Expect struct {
				Findings int `toml:"findings"`
			} `toml:"expect"`
		} `toml:"test"`
	} `toml:"rule"`
}

const twoRules = `version = 1
[tags]
"any key" = "is fine"

[[rule]]
id = "db.deadlock"
severity = "high"
within = "10m"
group = ["db.namespace"]
When = { "event.action" = "deadlock", n = 1 }
[[rule.test]]
name = "first"
lines = """
[[rule]]
thresold = 4   # only text of a log
"""
expect = { findings = 1 }

[[rule]]
id = "audit.night-change"
# thresold = 1
`

func TestDecodeRefusesWithThePlace(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"an unknown key names its line and the nearest valid key",
			"version = 1\nversoin = 2\n",
			`rules/night.toml:2: unknown key "versoin"; did you mean "version"?`},
		{"a key that resembles none gets no suggestion",
			"completely = 2\n",
			`rules/night.toml:1: unknown key "completely"`},
		{"a key of another case is unknown, its right spelling suggested",
			"Version = 2\n",
			`rules/night.toml:1: unknown key "Version"; did you mean "version"?`},
		{"in repeated tables the right one is named, and lines inside strings and comments are not taken for keys",
			twoRules + "thresold = 3\n",
			`rules/night.toml:22: unknown key "thresold" in rule "audit.night-change"; did you mean "threshold"?`},
		{"every unknown key is told, in the order of the file",
			"a_b_c = 1\n" + twoRules + "grupo = []\n[rule.once]\nbye = []\n",
			`rules/night.toml:1: unknown key "a_b_c"` + "\n" +
				`rules/night.toml:23: unknown key "grupo" in rule "audit.night-change"; did you mean "group"?` + "\n" +
				`rules/night.toml:25: unknown key "bye" in rule "audit.night-change"; did you mean "by"?`},
		{"the second test of the first rule is told from the first test of the second",
			"[[rule]]\n[[rule.test]]\nname='a'\n[[rule.test]]\nnam='b'\n[[rule]]\n[[rule.test]]\nname='c'\n",
			`rules/night.toml:5: unknown key "nam"; did you mean "name"?`},
		{"an unknown table is told once, by the first key inside it that is not known",
			"[tag]\nx = 1\n",
			`rules/night.toml:1: unknown key "tag"; did you mean "tags"?`},
		{"an unknown key within an inline table",
			"[[rule]]\n[[rule.test]]\nname = 'x'\nexpect = { findings = 1, finding = 2 }\n",
			`rules/night.toml:4: unknown key "finding" in test "x"; did you mean "findings"?`},
		{"an unknown dotted key",
			"[[rule]]\nid='x'\nonce.by = []\nonce.bi = []\n",
			`rules/night.toml:4: unknown key "bi" in rule "x"; did you mean "by"?`},
		{"an unknown quoted key with dots and quotes in it",
			"[[rule]]\nid='x'\n\"a.\\\"b\" = 1\n",
			`rules/night.toml:3: unknown key "a.\"b" in rule "x"`},
		{"a wrong type names both types",
			"[[rule]]\nid = 'x'\n\nthreshold = \"5\"\n",
			`rules/night.toml:4: key "threshold" wants a whole number, not the string "5" in rule "x"`},
		{"a wrong type in one element of an array",
			"[[rule]]\ngroup = [\n  'a',\n  2,\n]\n",
			`rules/night.toml:4: key "group[1]" wants a string, not the number 2`},
		{"all wrong types are told",
			"version = true\n[[rule]]\nid = 1\ngroup = 'a'\non = 'yes'\nratio = '1'\nonce = 1\nwithin = 10\ntest = { name = 1 }\nsmall = 256\n",
			"rules/night.toml:1: key \"version\" wants a whole number, not true\n" +
				"rules/night.toml:3: key \"id\" wants a string, not the number 1\n" +
				"rules/night.toml:4: key \"group\" wants an array, not the string \"a\"\n" +
				"rules/night.toml:5: key \"on\" wants true or false, not the string \"yes\"\n" +
				"rules/night.toml:6: key \"ratio\" wants a number, not the string \"1\"\n" +
				"rules/night.toml:7: key \"once\" wants a table, not the number 1\n" +
				"rules/night.toml:8: key \"within\" wants a duration such as \"90s\" or \"10m\", not the number 10\n" +
				"rules/night.toml:9: key \"test\" wants an array, not a table\n" +
				"rules/night.toml:10: key \"small\": 256 is out of range"},
		{"a value that its own type refuses",
			"[[rule]]\nseverity = 'low'\n[[rule]]\nseverity = 'hgih'\n",
			`rules/night.toml:4: key "severity": wants "low" or "high"`},
		{"a repeated table where a single one is wanted",
			"[[tags]]\na = 'b'\n",
			`rules/night.toml:1: key "tags" wants a table, not an array of tables`},
		{"a fault of syntax",
			"version = 1\n[[rule]\nid = 'x'\n",
			`rules/night.toml:2: expected end of table array name delimiter ']', but got '\n' instead`},
		{"a key that is there twice",
			"version = 1\n\nversion = 2\n",
			`rules/night.toml:3: Key 'version' has already been defined.`},
		{"an unclosed string",
			"version = \"1\n",
			`rules/night.toml:1: strings cannot contain newlines`},
		{"Windows line ends and a byte order mark move nothing",
			"\ufeffversion = 1\r\n\r\nversoin = 2\r\n",
			`rules/night.toml:3: unknown key "versoin"; did you mean "version"?`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var v ruleFile
			err := Decode(fstest.MapFS{"rules/night.toml": {Data: []byte(tc.text)}}, "rules/night.toml", &v)
			if err == nil {
				t.Fatalf("no error for\n%s", tc.text)
			}
			if err.Error() != tc.want {
				t.Errorf("got\n%v\nwant\n%s", err, tc.want)
			}
			var one *Error
			if !errors.As(err, &one) {
				t.Errorf("errors.As finds no *Error in %T", err)
			}
		})
	}
}

func TestDecodeFillsWhatTheFileGivesAndKeepsTheRest(t *testing.T) {
	v := ruleFile{Version: 7, Tags: map[string]string{"kept": "yes"}}
	text := strings.TrimPrefix(twoRules, "version = 1\n")
	if err := Decode(fstest.MapFS{"a.toml": {Data: []byte(text)}}, "a.toml", &v); err != nil {
		t.Fatal(err)
	}
	r := v.Rules[0]
	if v.Version != 7 || v.Tags["kept"] != "yes" || v.Tags["any key"] != "is fine" || len(v.Rules) != 2 ||
		r.ID != "db.deadlock" || r.Severity != "high" || r.Within != 10*time.Minute || r.When["event.action"] != "deadlock" ||
		r.Tests[0].Expect.Findings != 1 || v.Rules[1].ID != "audit.night-change" {
		t.Errorf("decoded wrongly: %+v", v)
	}
}

func TestErrorsShowTheSourceLine(t *testing.T) {
	var v ruleFile
	err := Decode(fstest.MapFS{"a.toml": {Data: []byte("[[rule]]\n\tid = 'x'\n\tthresold = 4\n\tratio = 'b'\n")}}, "a.toml", &v)
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("%T is no Errors", err)
	}
	want := `a.toml:3: unknown key "thresold" in rule "x"; did you mean "threshold"?
    3 | 	thresold = 4
      | 	^
a.toml:4: key "ratio" wants a number, not the string "b" in rule "x"
    4 | 	ratio = 'b'
      | 	        ^`
	if got := all.Detail(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDecodeNamesFilesAsTheirReaderKnowsThem(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x.toml"), []byte("nothing = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var v struct{}
	err := Decode(FS(dir), "x.toml", &v)
	if want := dir + `/x.toml:1: unknown key "nothing"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	err = Decode(FS(""), "no/such.toml", &v)
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "configs/no/such.toml") {
		t.Errorf("a missing shipped file: %v", err)
	}
}

func TestAtPointsToTheValueOfAKey(t *testing.T) {
	fsys := fstest.MapFS{"a.toml": {Data: []byte(twoRules)}}
	for _, tc := range []struct {
		key       string
		line, col int
	}{
		{`rule[0].When."event.action"`, 10, 27},
		{`rule[0].When.n`, 10, 43},
		{`rule[0].test[0].lines`, 13, 9},
		{`rule[0].test[0]`, 11, 1},
		{`rule[1].id`, 20, 6},
		{`rule[1].missing`, 19, 1},
		{`rule[0].group[0]`, 9, 10},
		{`tags."any key"`, 3, 13},
		{`nothing`, 0, 0},
	} {
		e := At(fsys, "a.toml", tc.key, "a fault of %d", 3)
		if e.Line != tc.line || e.Column != tc.col || e.Msg != "a fault of 3" || e.File != "a.toml" {
			t.Errorf("%s: at %d:%d, want %d:%d (%v)", tc.key, e.Line, e.Column, tc.line, tc.col, e)
		}
	}
}

func TestNearestFindsWhatWasMeant(t *testing.T) {
	of := []string{"threshold", "group", "title", "id", "severity", "when"}
	for s, want := range map[string]string{
		"thresold": "threshold", "treshhold": "threshold", "gruop": "group", "ttile": "title", "Severity": "severity",
		"i": "id", "whne": "when", "completely": "", "": "", "x": "",
	} {
		if got := Nearest(s, of); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", s, got, want)
		}
	}
}

// Whatever is valid TOML, the locator must find every key of it, and never hang or fail on anything else.
func FuzzLocate(f *testing.F) {
	for _, s := range []string{twoRules, "a.b.c = [1, {x = [[], {y = '''q''''}]}]\n[d.\"e f\".'g']\nh=1", "[[a]]\n[a.b]\nc=1\n[[a]]\n[[a.b]]\n",
		"a = \"\"\"x\\\"\"\"\"\"\n\"\\u00e9\" = 1979-05-27T07:32:00Z # [x]\n", "[", "a=[", "a={b", "= 1", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at := locate(text)
		var tree map[string]any
		if _, err := toml.Decode(text, &tree); err != nil {
			return
		}
		var walk func(v any, path string)
		walk = func(v any, path string) {
			if _, ok := at[path]; !ok && path != "" {
				t.Fatalf("%s not found in %q", path, text)
			}
			switch v := v.(type) {
			case map[string]any:
				for k, sub := range v {
					walk(sub, childPath(path, k))
				}
			default:
				for i, sub := range items(v) {
					walk(sub, itemPath(path, i))
				}
			}
		}
		walk(tree, "")
	})
}

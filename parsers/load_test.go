package parsers_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// config returns a configuration of one format file called app beside the pattern W.
func config(files ...string) fstest.MapFS {
	fsys := fstest.MapFS{"patterns/own": {Data: []byte("W \\w+\nREST .*\n")}}
	for i, text := range files {
		fsys["formats/"+[]string{"app", "inner", "other"}[i]+".toml"] = &fstest.MapFile{Data: []byte(text)}
	}
	return fsys
}

const goodFormat = `
title = "app"
[fields]
"app.size" = "int"
[[pattern]]
grok = '''(?<_time>%{W}) (?<_id>%{W}) (?<process.pid>[0-9]+) (?<app.size>[0-9]+) (?<message>.*)'''
[time]
from = "_time"
layouts = ["unix"]
`

const goodInner = `
title = "inner"
within = ["app"]
[[pattern]]
grok = '''hello (?<user.name>.*)'''
`

func TestMistakesInFormatFilesAreNamed(t *testing.T) {
	if _, err := parsers.Load(config(goodFormat, goodInner), event.NewSchema()); err != nil {
		t.Fatal(err)
	}
	replaced := func(old, new string) string {
		if !strings.Contains(goodFormat, old) {
			t.Fatalf("%q is not in the format", old)
		}
		return strings.Replace(goodFormat, old, new, 1)
	}
	for _, tc := range []struct {
		name, format string
		want         []string
	}{
		{"an unknown key", replaced("title", "titel"), []string{"formats/app.toml:2", `"titel"`, `"title"`}},
		{"an unknown key of a table", goodFormat + "zone = 'x'", []string{"formats/app.toml", "zone"}},
		{"a value of the wrong type", replaced(`title = "app"`, `rank = "first"`), []string{"formats/app.toml:2", "rank"}},
		{"an unclosed string", replaced(`"app"`, `"app`), []string{"formats/app.toml:2"}},
		{"a field that is stated and unknown", "null = ['-']\nstated = ['process.pix']\n" + goodFormat, []string{"formats/app.toml", "stated", "process.pix", "did you mean \"process.pid\"?"}},
		{"a number that is stated", "null = ['-']\nstated = ['process.pid']\n" + goodFormat, []string{"formats/app.toml", "stated", "process.pid", "kind int"}},
		{"stated without null", "stated = ['message']\n" + goodFormat, []string{"formats/app.toml", "stated", "null is empty"}},
		{"an unknown pattern", replaced("%{W}", "%{V}"), []string{"formats/app.toml", "pattern 1", "%{V}", "did you mean %{W}?"}},
		{"a bad expression", replaced("%{W}", "(%{W}"), []string{"formats/app.toml", "pattern 1", "missing closing )"}},
		{"an unknown group", replaced("%{W}", "(?~%{W})"), []string{"formats/app.toml", "pattern 1", "(?~ is not known"}},
		{"lines of what begins no record", goodFormat + "[[pattern]]\ngrok = 'x'\njoin = 'part'\nlines = 2\n[join]\nrest = true", []string{"formats/app.toml", "pattern 2", "lines"}},
		{"a field put together from one", goodFormat + "[[compose]]\nto = 'app.whole'\nfrom = ['message']", []string{"formats/app.toml", "compose 1", "two or more"}},
		{"a field put together from an unknown one", goodFormat + "[[compose]]\nto = 'app.whole'\nfrom = ['message', 'app.sise']", []string{"formats/app.toml", "compose 1", `did you mean "app.size"?`}},
		{"a field put together from a number", goodFormat + "[[compose]]\nto = 'app.whole'\nfrom = ['message', 'app.size']", []string{"formats/app.toml", "compose 1", "app.size", "kind int"}},
		{"an unknown type of a capture", goodFormat + "[[pattern]]\ngrok = '''%{W:app.x:integer}'''", []string{"formats/app.toml", "pattern 2", "app.x", `"integer"`}},
		{"an unknown kind of a field", replaced(`"int"`, `"integer"`), []string{"formats/app.toml", "fields", `"integer"`}},
		{"a core field with another kind", replaced(`"app.size" = "int"`, `"process.pid" = "keyword"`), []string{"formats/app.toml", "fields", `"process.pid"`, "int"}},
		{"no pattern at all", "title = 'x'\n", []string{"formats/app.toml", "at least one [[pattern]]"}},
		{"layouts of no time", replaced(`from = "_time"`, ""), []string{"formats/app.toml", "time: layouts without from"}},
		{"a field read outside", "on = 'user.name'\n" + goodFormat, []string{"formats/app.toml", "on:", "within others"}},
		{"a condition outside", "when = { \"user.name\" = 'x' }\n" + goodFormat, []string{"formats/app.toml", "when:", "within others"}},
		{"a time that nothing captures", replaced(`from = "_time"`, `from = "_when"`), []string{"formats/app.toml", "time", "_when"}},
		{"a time of a name nearly captured", replaced(`from = "_time"`, `from = "_tme"`), []string{"formats/app.toml", "time", "did you mean _time?"}},
		{"a condition on a field nearly known", goodFormat + "[[refine]]\nhas = { \"user.nam\" = \"*\" }\nset = { \"event.action\" = \"x\" }", []string{"formats/app.toml", "refine 1", `did you mean "user.name"?`}},
		{"pairs that any line may have", "[members]\nkind = 'kv'", []string{"formats/app.toml", "members: require"}},
		{"a time without layouts", replaced(`layouts = ["unix"]`, ""), []string{"formats/app.toml", "time", "layouts"}},
		{"a condition on a number that is none", goodFormat + "[[refine]]\nhas = { \"process.pid\" = \"1|x\" }\nset = { \"event.action\" = \"x\" }", []string{"formats/app.toml", "refine 1", `"x" is no number`}},
		{"a lookup of nothing", goodFormat + "[[lookup]]\nfrom = '_level'\nto = 'log.level'\ntable = { a = 'b' }", []string{"formats/app.toml", "lookup 1", "_level"}},
		{"a lookup into a field that cannot take it", goodFormat + "[[lookup]]\nfrom = '_id'\nto = 'process.pid'\ntable = { a = 'b' }", []string{"formats/app.toml", "lookup 1", "process.pid", `"b"`}},
		{"a constant of the wrong kind", goodFormat + "[set]\n\"process.pid\" = 'me'", []string{"formats/app.toml", "set", "process.pid", `"me"`}},
		{"a constant address", goodFormat + "[set]\n\"source.ip\" = '10.0.0.1'", []string{"formats/app.toml", "set", "source.ip", "kind ip"}},
		{"a refinement of an unknown field", goodFormat + "[[refine]]\nhas = { \"app.colour\" = \"*\" }\nset = { \"event.action\" = \"x\" }", []string{"formats/app.toml", "refine 1", "app.colour"}},
		{"a join by nothing", goodFormat + "[join]\nby = '_pid'", []string{"formats/app.toml", "join", "_pid"}},
		{"a join with a bad time", goodFormat + "[join]\nby = '_id'\nwait = 'soon'", []string{"formats/app.toml", "join", "wait", "soon"}},
		{"a join with a negative bound", goodFormat + "[join]\nby = '_id'\nmax_lines = -1", []string{"formats/app.toml", "join", "max_lines"}},
		{"a role that there is not", replaced("[[pattern]]", "[[pattern]]\njoin = 'begins'") + "[join]\nby = '_id'", []string{"formats/app.toml", "pattern 1", "join", `"begins"`, `did you mean "begin"?`}},
		{"a role without a join", replaced("[[pattern]]", "[[pattern]]\njoin = 'begin'"), []string{"formats/app.toml", "pattern 1", "no table [join]"}},
		{"a bad continuation", goodFormat + "[join]\ncontinue = ['\\t', '(']", []string{"formats/app.toml", "join: continue: pattern 2"}},
		{"a continuation that is no expression", goodFormat + "[join]\ncontinue = [1]", []string{"formats/app.toml:11", "continue", "an expression is a string"}},
		{"a text that no line goes on with", goodFormat + "[join]\nby = '_id'\ntext = 'app.text'", []string{"formats/app.toml", "join: text", "continue or rest"}},
		{"a text that holds no lines", goodFormat + "[join]\nrest = true\ntext = 'app.size'", []string{"formats/app.toml", "join: text", `"app.size"`, "kind int"}},
		{"a role beside begin", replaced("[[pattern]]", "[[pattern]]\njoin = 'part'") + "[join]\nbegin = 'x'", []string{"formats/app.toml", "join", "pattern 1 has a role"}},
		{"a bad beginning", goodFormat + "[join]\nbegin = ['x', '%{V}']", []string{"formats/app.toml", "join: begin: pattern 2", "%{V}"}},
		{"a bad key", goodFormat + "[join]\nkey = '('", []string{"formats/app.toml", "join: key"}},
		{"a key without a key", goodFormat + "[join]\nkey = '(?<_id>x)'", []string{"formats/app.toml", "join: key", "_key"}},
		{"a key that captures a field", goodFormat + "[join]\nkey = '(?<_key>(?<user.name>x))'", []string{"formats/app.toml", "join: key", "user.name"}},
		{"a key beside by", goodFormat + "[join]\nby = '_id'\nkey = '(?<_key>x)'", []string{"formats/app.toml", "join: by"}},
		{"a rest beside begin", goodFormat + "[join]\nrest = true\nbegin = 'x'", []string{"formats/app.toml", "join: rest"}},
		{"quotes of two bytes", goodFormat + "[join]\nquotes = \"''\"", []string{"formats/app.toml", "join: quotes", "one byte"}},
		{"quotes beside an end", goodFormat + "[join]\nquotes = '\"'\nend = 'x'", []string{"formats/app.toml", "join: quotes"}},
		{"a head beside a key", goodFormat + "[join]\nhead = 'x'\nkey = '(?<_key>x)'", []string{"formats/app.toml", "join: head and key"}},
		{"a section of another kind", goodFormat + "[join]\nby = '_id'\nsection = '_id'\n[join.sections]\nX = 'process.pid'", []string{"formats/app.toml", "join", "process.pid"}},
		{"a carry by a field that is neither number nor keyword", goodFormat + "[[carry]]\nby = 'source.ip'\nfields = ['user.name']", []string{"formats/app.toml", "carry", "source.ip"}},
		{"a carry of an unknown field", goodFormat + "[[carry]]\nby = 'process.pid'\nfields = ['app.colour']", []string{"formats/app.toml", "carry", "app.colour"}},
		{"a carry that starts with an unknown field", goodFormat + "[[carry]]\nby = 'process.pid'\nfields = ['source.ip']\nstart = { \"app.colour\" = \"*\" }", []string{"formats/app.toml", "carry", "start", "app.colour"}},
		{"an unknown kind of members", goodFormat + "[members]\nkind = 'jsn'", []string{"formats/app.toml", "members: kind", `"jsn"`, `did you mean "json"?`}},
		{"members of nothing", goodFormat + "[members]\nkind = 'kv'\nfrom = '_rest'", []string{"formats/app.toml", "members: from", "_rest"}},
		{"columns of JSON", goodFormat + "[members]\nkind = 'json'\ncolumns = ['a']", []string{"formats/app.toml", "members: columns", "json"}},
		{"rows without columns", goodFormat + "[members]\nkind = 'csv'", []string{"formats/app.toml", "members: csv", "columns nor header"}},
		{"a separator of two bytes", goodFormat + "[members]\nkind = 'csv'\ncolumns = ['_a']\nseparator = ', '", []string{"formats/app.toml", "members: separator", `", "`}},
		{"a map of columns", goodFormat + "[members]\nkind = 'csv'\ncolumns = ['_a']\n[members.map]\n'user.name' = ['a']", []string{"formats/app.toml", "members: map", "header"}},
		{"a header that captures a field", goodFormat + "[members]\nkind = 'csv'\nheader = '#(?<user.name>_columns)'", []string{"formats/app.toml", "members: header", "user.name"}},
		{"hexadecimal JSON", goodFormat + "[members]\nkind = 'json'\nhex = ['a']", []string{"formats/app.toml", "members: hex", "kv"}},
		{"a member that is required and not there", goodFormat + "[members]\nkind = 'kv'\nrequire = ['user.nam']\n[members.map]\n'user.name' = ['user']", []string{"formats/app.toml", "members: require", `did you mean "user.name"?`}},
		{"a key that stands twice", goodFormat + "[members]\nkind = 'kv'\n[members.map]\n'user.name' = ['user']\n'user.id' = ['user']", []string{"formats/app.toml", "members: map", `"user"`, "twice"}},
		{"members of an unknown type", goodFormat + "[members]\nkind = 'csv'\ncolumns = ['app.x:integer']", []string{"formats/app.toml", "members: columns", `"integer"`}},
		{"a record outside", goodFormat + "[record]\nof = 'app'\nfrom = '_id'", []string{"formats/app.toml", "record", "within others"}},
		{"a bad ignored line", "ignore = ['(']\n" + goodFormat, []string{"formats/app.toml", "ignore: pattern 1"}},
		{"a bad wrapper", "unwrap = ['%{V}']\n" + goodFormat, []string{"formats/app.toml", "unwrap: pattern 1", "%{V}"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parsers.Load(config(tc.format), event.NewSchema())
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %s in: %v", want, err)
				}
			}
		})
	}
}

func TestMistakesBetweenFormatFilesAreNamed(t *testing.T) {
	for _, tc := range []struct {
		name, inner string
		want        []string
	}{
		{"an unknown field in when", strings.Replace(goodInner, "[[pattern]]", "when = { \"app.colour\" = \"red\" }\n[[pattern]]", 1), []string{"formats/inner.toml", "when", "app.colour"}},
		{"within a format that does not exist", strings.Replace(goodInner, `"app"`, `"apps"`, 1), []string{"formats/inner.toml", "within", `"apps"`, `"app"`}},
		{"a field that holds no text", "on = 'source.ip'\n" + goodInner, []string{"formats/inner.toml", "on", "source.ip", "kind ip"}},
		{"within itself alone", strings.Replace(goodInner, `"app"`, `"inner"`, 1), []string{"formats/inner.toml", "within", `"inner"`}},
		{"a join of a format within", goodInner + "[join]\nrest = true", []string{"formats/inner.toml", "join", "whole messages"}},
		{"a field that another file gave another kind", goodInner + "[fields]\n\"app.size\" = \"keyword\"", []string{"formats/inner.toml", "app.size", "int"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := parsers.Load(config(goodFormat, tc.inner), event.NewSchema())
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("no %s in: %v", want, err)
				}
			}
		})
	}
}

func TestEveryMistakeIsToldAtOnce(t *testing.T) {
	_, err := parsers.Load(config("titel = 'x'", "within = ['app']\nrank = 'x'"), event.NewSchema())
	if err == nil || !strings.Contains(err.Error(), "formats/app.toml:1") || !strings.Contains(err.Error(), "formats/inner.toml:2") {
		t.Errorf("%v", err)
	}
	if _, err := parsers.Load(fstest.MapFS{"patterns/own": {Data: []byte("W x\n")}}, event.NewSchema()); err == nil || !strings.Contains(err.Error(), "no formats") {
		t.Errorf("no formats: %v", err)
	}
}

func TestAnUnknownFormatNameNamesTheNearest(t *testing.T) {
	set := shipped(t)
	for name, want := range map[string]string{
		"ngnix.access": `did you mean "nginx.access"?`,
		"sshd":         `unknown format "sshd"`, // reads messages, not lines
		"zzzzzzzzz":    "there are alternatives, apache.access",
	} {
		if err := set.Known(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := set.NewDecoder(event.Generation{Format: name}, parsers.Options{}); err == nil {
			t.Errorf("%s: a decoder", name)
		}
	}
}

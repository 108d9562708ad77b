package parsers_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// nested are formats within others: app, then http and java within it, then sql within both, on other fields too.
var nested = fstest.MapFS{
	"patterns/own": {Data: []byte("W \\w+\n")},
	"formats/app.toml": {Data: []byte(`
[[pattern]]
grok = '(?<log.level>[A-Z]+) (?<message>[^|]*)(?:\|(?<error.stack_trace>.*))?'
`)},
	"formats/http.toml": {Data: []byte(`
within = ["app"]
rank = 20
when = { "log.level" = "ERROR|WARN" }
[[pattern]]
grok = '(?<http.request.method>GET|POST) (?<message>.*)'
`)},
	"formats/java.toml": {Data: []byte(`
within = ["app"]
rank = 10
unwrap = ['\[(?<message>.*)\]']
[[pattern]]
grok = 'java: (?<message>.*)'
set  = { "event.module" = "java" }
`)},
	"formats/sql.toml": {Data: []byte(`
within = ["http", "java"]
[[pattern]]
grok = 'SQLSTATE (?<db.response.status_code>%{W})'
`)},
	"formats/trace.toml": {Data: []byte(`
within = ["app"]
on = "error.stack_trace"
[[pattern]]
grok = '.*Caused by: (?<error.type>%{W})'
`)},
	"formats/ora.toml": {Data: []byte(`
within = ["app"]
on = ["message", "error.stack_trace"]
rank = 200
[[pattern]]
grok = '.*ORA-(?<event.code>[0-9]+).*'
`)},
}

func TestFormatsWithinOthersAddToEachOther(t *testing.T) {
	set, err := parsers.Load(nested, event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, line string
		want, not  []string
	}{
		{"a format within one that is within another", "ERROR java: SQLSTATE 40001", []string{`"event.module":"java"`, `"db.response.status_code":"40001"`, `"message":"SQLSTATE 40001"`}, nil},
		{"or within the next", "ERROR GET SQLSTATE 40001", []string{`"http.request.method":"GET"`, `"db.response.status_code":"40001"`}, []string{"java"}},
		{"the wrapper of a format within", "ERROR java: [SQLSTATE 40001]", []string{`"db.response.status_code":"40001"`, `"message":"SQLSTATE 40001"`}, nil},
		{"not where its condition fails", "INFO GET SQLSTATE 40001", []string{`"message":"GET SQLSTATE 40001"`}, []string{"http.request.method", "db.response"}},
		{"not outside", "ERROR SQLSTATE 40001", []string{`"message":"SQLSTATE 40001"`}, []string{"db.response"}},
		{"another field, beside the message", "ERROR java: SQLSTATE 40001|at x Caused by: Deadlock", []string{`"db.response.status_code":"40001"`, `"error.type":"Deadlock"`}, nil},
		{"another field alone", "ERROR x|at x Caused by: Deadlock", []string{`"error.type":"Deadlock"`}, nil},
		{"either of two fields", "ERROR ORA-00060", []string{`"event.code":"00060"`}, nil},
		{"or the other", "ERROR x|at y ORA-00060", []string{`"event.code":"00060"`}, nil},
		{"no time: the file's", "INFO x", []string{`"@timestamp":"2026-11-26T12:00:00.000000Z"`}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := read(decoder(t, set, "app", "x.log"), []byte(tc.line+"\n"))
			has(t, got[0].text, tc.want...)
			fields := strings.Replace(got[0].text, original(got[0].text), "", 1)
			for _, not := range tc.not {
				if strings.Contains(fields, not) {
					t.Errorf("%s in %s", not, fields)
				}
			}
		})
	}
}

func TestFormatsCannotReadEachOther(t *testing.T) {
	fsys := fstest.MapFS{}
	for name, file := range nested {
		fsys[name] = file
	}
	fsys["formats/java.toml"] = &fstest.MapFile{Data: []byte("within = ['app', 'sql']\n[[pattern]]\ngrok = 'x'")}
	_, err := parsers.Load(fsys, event.NewSchema())
	if err == nil || !strings.Contains(err.Error(), "within: the formats") || !strings.Contains(err.Error(), "java, sql") && !strings.Contains(err.Error(), "sql, java") {
		t.Errorf("%v", err)
	}
}

func TestManyFormatsWithinAreFoundByTheirCondition(t *testing.T) {
	fsys := fstest.MapFS{"patterns/own": {Data: []byte("W \\w+\n")}}
	fsys["formats/sys.toml"] = &fstest.MapFile{Data: []byte("[[pattern]]\ngrok = '(?:<(?<process.name>[^>]+)> )?(?:(?<log.level>[A-Z]+) )?(?<message>.*)'")}
	for i, when := range []string{
		`"process.name" = "a|b"`, `"process.name" = "b", "log.level" = "ERROR"`, `"process.name" = "c*"`, `"log.level" = "ERROR"`, ``,
		`"process.name" = "d"`, `"process.name" = "e"`, `"process.name" = "*"`, `"process.name" = "f"`, `"process.name" = "a"`,
	} {
		fsys[fmt.Sprintf("formats/in%d.toml", i)] = &fstest.MapFile{Data: []byte(fmt.Sprintf(
			"within = ['sys']\nrank = %d\nwhen = { %s }\n[[pattern]]\ngrok = 'm%d?'\nset = { \"event.action\" = \"in%d\" }\n[[pattern]]\ngrok = 'all'\nset = { \"event.action\" = \"in%d\" }", 10+i, when, i, i, i))}
	}
	set, err := parsers.Load(fsys, event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"<a> all": "in0", "<a> m9": "in9", "<b> m1": "", "<b> ERROR m1": "in1", "<b> ERROR all": "in0", "<d> all": "in4", "<d> m5": "in5",
		"ERROR all": "in3", "all": "in4", "<z> m7": "in7", "<z> m5": "", "<f> m7": "in7", "m7": "",
	} {
		got := read(decoder(t, set, "sys", "x.log"), []byte(line+"\n"))[0].text
		if want != "" {
			has(t, got, `"event.action":"`+want+`"`)
		} else if strings.Contains(got, "event.action") {
			t.Errorf("%s: %s", line, got)
		}
	}
}

func TestFormatsWithinThatAreTriedTogetherKeepTheirOrder(t *testing.T) {
	fsys := fstest.MapFS{"patterns/own": {Data: []byte("W \\w+\n")}, "formats/app.toml": {Data: []byte(`
[[pattern]]
grok = '(?:(?<http.response.status_code>[0-9]+) )?(?<message>.*)'
`)}}
	for name, text := range map[string]string{
		"first":  "rank = 1\n[[pattern]]\ngrok = 'a.*'\n[[pattern]]\ngrok = 'in [0-9]+ (?<message>.*)'",
		"json":   "rank = 2\n[[pattern]]\ngrok = 'data (?<_rest>.*)'\n[members]\nkind = 'json'\nfrom = '_rest'\nrequire = ['user.name']\n[members.map]\n'user.name' = ['user']",
		"third":  "rank = 3\n[[pattern]]\ngrok = 'data (?<message>\\{.*)'\n[[pattern]]\ngrok = 'ab'",
		"number": "rank = 4\nwhen = { \"http.response.status_code\" = \"5*|404\" }\n[[pattern]]\ngrok = 'c'",
		"last":   "rank = 5\n[[pattern]]\ngrok = 'c|data .*'",
	} {
		fsys["formats/"+name+".toml"] = &fstest.MapFile{Data: []byte("within = ['app']\n" + text + "\n[set]\n\"event.action\" = \"" + name + "\"\n")}
	}
	set, err := parsers.Load(fsys, event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"ab": "first", "in 7 data x": "first", `data {"user":"bob"}`: "json", `data {"id":7}`: "third", "data {": "third", "data x": "last",
		"c": "last", "404 c": "number", "40 c": "last", "503 c": "number", "4040 c": "last",
	} {
		got := read(decoder(t, set, "app", "x.log"), []byte(line+"\n"))[0].text
		if !strings.Contains(got, `"event.action":"`+want+`"`) {
			t.Errorf("%s is not one of %s: %s", line, want, got)
		}
	}
}

func TestAFormatWithinSeveralReadsATextOnce(t *testing.T) {
	fsys := fstest.MapFS{
		"patterns/own":       {Data: []byte("W \\w+\n")},
		"formats/app.toml":   {Data: []byte("[[pattern]]\ngrok = '(?<message>.*)'")},
		"formats/trace.toml": {Data: []byte("within = ['app']\nrank = 1\n[[pattern]]\ngrok = '(?<error.stack_trace>(?<error.message>.*) at .*)'")},
		"formats/sql.toml": {Data: []byte(`
within = ["app", "trace"]
on = ["message", "error.message", "error.stack_trace"]
rank = 2
[[pattern]]
grok = '(?:.* )?(?<db.response.status_code>[0-9]+)(?: .*)?'
[[lookup]]
from = "db.response.status_code"
to = "event.code"
table = { "*" = "seen" }
`)},
	}
	set, err := parsers.Load(fsys, event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{"x 7 at y 8": `"db.response.status_code":"8"`, "x at y": "", "x 7": `"db.response.status_code":"7"`, "x 7 at y": `"db.response.status_code":"7"`} {
		got := read(decoder(t, set, "app", "x.log"), []byte(line+"\n"))[0].text
		if want == "" && strings.Contains(got, "event.code") || want != "" && !(strings.Contains(got, want) && strings.Contains(got, `"event.code":"seen"`)) {
			t.Errorf("%s: %s", line, got)
		}
	}
}

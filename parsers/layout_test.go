package parsers_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// laidOut returns a decoder for a file whose layout a setting tells.
func laidOut(t testing.TB, set *parsers.Set, format, setting string) *parsers.Decoder {
	t.Helper()
	if err := set.CheckLayout(format, setting); err != nil {
		t.Fatal(err)
	}
	d, err := set.NewDecoder(event.Generation{ID: 1, Path: "x.log", Format: format}, parsers.Options{Near: near, Layout: setting})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// Logs that nginx and Apache wrote in layouts that nobody could guess, read with the setting as it stands in their configuration.
func TestLayoutsAreReadAsTheirSettingSays(t *testing.T) {
	settings, err := filepath.Glob("../testdata/layouts/*.conf")
	if err != nil || len(settings) < 6 {
		t.Fatalf("%d settings: %v", len(settings), err)
	}
	for _, file := range settings {
		name := strings.TrimSuffix(filepath.Base(file), ".conf")
		t.Run(name, func(t *testing.T) {
			setting, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile("../testdata/layouts/" + name + ".log")
			if err != nil {
				t.Fatal(err)
			}
			server, _, _ := strings.Cut(name, "-")
			for _, format := range []string{"auto", server + ".access"} {
				d := laidOut(t, shipped(t), format, string(setting))
				var b event.Batch
				d.Decode(&b, text, 0)
				d.Flush(&b, near, true)
				balanced(t, d, text)
				if told := d.Told(); told.Format != server+".access" {
					t.Errorf("told %q", told.Format)
				}
				var got bytes.Buffer
				for _, p := range b.Pages {
					for i := range p.N {
						got.Write(append(p.Row(i).AppendJSON(nil), '\n'))
					}
				}
				b.Release()
				expected(t, "../testdata/layouts/"+name+".json", got.String())
			}
			newDecoder := func() *parsers.Decoder { return laidOut(t, shipped(t), server+".access", string(setting)) }
			sameAfterAnyResume(t, name, text, newDecoder)
		})
	}
}

func TestALayoutIsGivenInManyWays(t *testing.T) {
	nginx := `10.0.0.7 "a \x22b\x22" 26/Nov/2026:02:57:54 +0000 404` + "\n"
	want := []string{`"source.ip":"10.0.0.7"`, `"user_agent.original":"a \\x22b\\x22"`, `"@timestamp":"2026-11-26T02:57:54.000000Z"`, `"http.response.status_code":404`, `"event.outcome":"failure"`, `"event.category":"web"`}
	for _, tc := range []struct{ name, setting string }{
		{"the text alone", `$remote_addr "$http_user_agent" $time_local $status`},
		{"in quotes", `'$remote_addr "$http_user_agent" $time_local $status'`},
		{"in pieces", `'$remote_addr "$http_user_agent" '` + "\n   " + `"$time_local $status"`},
		{"with braces", `${remote_addr} "${http_user_agent}" ${time_local} ${status}`},
		{"the directive", `log_format x '$remote_addr "$http_user_agent" $time_local $status';`},
		{"with its escape", "\tlog_format  x\n escape=default\n'$remote_addr \\\"$http_user_agent\\\" '\n'$time_local $status' ;\n"},
		{"what nobody knows is passed over", `$site_geo "$http_user_agent" $time_local $status`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := read(laidOut(t, shipped(t), "auto", tc.setting), []byte(nginx))
			if len(got) != 1 {
				t.Fatalf("%d events", len(got))
			}
			members := want
			if strings.Contains(tc.setting, "site_geo") {
				members = want[1:]
			}
			has(t, got[0].text, members...)
		})
	}
}

func TestTheTimeOfALayoutMayHaveParts(t *testing.T) {
	for _, tc := range []struct{ name, setting, line, want string }{
		{"a date of the site's", `%h %{%d.%m.%Y %H:%M:%S}t %>s`, "10.0.0.7 26.11.2026 03:04:05 200", "2026-11-26T03:04:05.000000Z"},
		{"parts of a second", `%{%F %T}t.%{usec_frac}t %{%z}t %h`, "2026-11-26 03:04:05.123456 +0100 10.0.0.7", "2026-11-26T02:04:05.123456Z"},
		{"seconds since 1970, and parts of one", `%{sec}t.%{msec_frac}t %h`, "1795662245.125 10.0.0.7", "2026-11-26T03:04:05.125000Z"},
		{"milliseconds", `%{msec}t %h`, "1795662245125 10.0.0.7", "2026-11-26T03:04:05.125000Z"},
		{"microseconds of the end", `%h %{end:%s}t`, "10.0.0.7 1795662245", "2026-11-26T03:04:05.000000Z"},
		{"the first of two", `%{%F %T}t|%h|%{sec}t`, "2026-11-26 03:04:05|10.0.0.7|7795662245", "2026-11-26T03:04:05.000000Z"},
		{"without a year", `%h [%{%d/%b %T}t]`, "10.0.0.7 [25/Nov 03:04:05]", "2026-11-25T03:04:05.000000Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := read(laidOut(t, shipped(t), "auto", tc.setting), []byte(tc.line+"\n"))
			has(t, got[0].text, `"@timestamp":"`+tc.want+`"`, `"source.ip":"10.0.0.7"`, `"event.module":"apache"`)
		})
	}
}

func TestLinesOfALayoutStandBesideOthers(t *testing.T) {
	setting := `$remote_addr|$status|$request|$http_user_agent`
	text := "10.0.0.7|404|GET / HTTP/1.1|curl\n" +
		`10.0.0.8 - - [26/Nov/2026:02:57:54 +0000] "GET / HTTP/1.1" 200 5 "-" "curl/8"` + "\n" + // before the setting was changed
		"2026/11/26 02:57:54 [error] 7#7: *1 open() \"/x\" failed (2: No such file or directory), client: 10.0.0.9, server: x\n" + "nobody's\n"
	got := read(laidOut(t, shipped(t), "auto", setting), []byte(text))
	sameEvents(t, got, []string{`"source.ip":"10.0.0.7" "http.response.status_code":404 "url.path":"/"`, `"source.ip":"10.0.0.8"`, `"source.ip":"10.0.0.9"`, `"veritail.unparsed":true`})
	other := strings.Repeat("Nov 23 23:19:41 app01 sshd[5740]: Failed password for bob from 127.0.3.13 port 57243 ssh2\n", 9)
	d := laidOut(t, shipped(t), "auto", setting)
	read(d, []byte(other))
	if told := d.Told(); told.Format != "syslog.rfc3164" {
		t.Errorf("a file of another format is told to be %q", told.Format)
	}
}

// Of a text that strangers chose only its own field is.
func TestNobodyForgesAFieldOfALayout(t *testing.T) {
	for _, tc := range []struct{ name, setting, line, forged string }{
		{"a quote in quotes is escaped", `$remote_addr "$http_user_agent" $status`, `10.0.0.7 "x\x22 200 \x2210.66.66.66" 404`, "10.66.66.66"},
		{"so it is in JSON", `log_format j escape=json '{"ua":"$http_user_agent","ip":"$remote_addr","st":$status}'`, `{"ua":"x\",\"ip\":\"10.66.66.66\",\"st\":200}","ip":"10.0.0.7","st":404}`, "10.66.66.66"},
		{"and Apache's", `LogFormat "\"%{User-Agent}i\" %h %>s" x`, `"x\" 10.66.66.66 200" 10.0.0.7 404`, "10.66.66.66"},
		{"what the server writes behind stands last", `$http_user_agent|$remote_addr|$status`, `x|10.66.66.66|200|10.0.0.7|404`, "10.66.66.66"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := read(laidOut(t, shipped(t), "auto", tc.setting), []byte(tc.line+"\n"))
			has(t, got[0].text, `"source.ip":"10.0.0.7"`, `"http.response.status_code":404`)
			if strings.Contains(got[0].text, `"source.ip":"`+tc.forged) {
				t.Errorf("forged: %s", got[0].text)
			}
		})
	}
}

func TestMistakesInALayoutAreNamed(t *testing.T) {
	for _, tc := range []struct{ name, format, setting, want string }{
		{"a variable", "auto", `$remote_adr - $status`, "nginx.access: column 1: unknown variable $remote_adr; did you mean $remote_addr?"},
		{"where it stands in the directive", "auto", `log_format x '$remote_addr $staus';`, "column 28: unknown variable $staus; did you mean $status?"},
		{"and in its line", "auto", "log_format x '$remote_addr '\n  '$staus';", "line 2, column 4: unknown variable $staus; did you mean $status?"},
		{"a directive of Apache's", "auto", `LogFormat "%h %y" x`, "apache.access: column 15: unknown variable %y; did you mean "},
		{"a header", "apache.access", `%h %{Referer}`, "column 4: % without the name of a variable"},
		{"a time", "auto", `%h %{%Y-%Q}t`, "column 9: %Q in a time's format is not known"},
		{"no name", "nginx.access", `$remote_addr $ `, "column 14: $ without the name of a variable"},
		{"a quote", "nginx.access", `log_format x '$remote_addr`, "column 14: the quote ' is not closed"},
		{"an escape", "nginx.access", `log_format x escape=jsn '$remote_addr'`, `column 21: unknown escape "jsn"; did you mean "json"?`},
		{"a line ending", "apache.access", `LogFormat "%h\n%t" x`, "a line ending: lines are read one by one"},
		{"nothing known", "nginx.access", `$mine`, "it has no variable that is known"},
		{"another server's", "nginx.access", `%h %t`, "it has no variable that is known"},
		{"a format without settings", "syslog.iso", `$remote_addr`, "the lines of syslog.iso do not depend on a setting"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := shipped(t).CheckLayout(tc.format, tc.setting)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
	if err := shipped(t).CheckLayout("auto", ""); err != nil {
		t.Errorf("no setting: %v", err)
	}
}

const layoutFormat = `
[[pattern]]
grok = 'plain (?<_time>\d+) (?<message>.*)'
[time]
from = "_time"
layouts = ["unix"]
[layout]
directive = 'layout (?P<text>.*)'
sign = "@"
variable = '@(\w+)'
escape = "no"
[layout.escapes.no]
text = '.*?'
[layout.values]
name = '(?<user.name>%{TEXT})'
"x_*" = ""
[layout.parts]
at = ["[0-9]+", "unix"]
`

func TestMistakesInALayoutTableAreNamed(t *testing.T) {
	format := layoutFormat
	if _, err := parsers.Load(config(format), event.NewSchema()); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ name, of, with, want string }{
		{"no sign", `sign = "@"`, "", "layout: it needs directive, sign, variable and values"},
		{"an expression of a variable", `'@(\w+)'`, `'@('`, "layout: variable: error parsing regexp"},
		{"an expression of a value", `%{TEXT}`, `%{TEX}`, "layout: values: name, escape no: pattern 1: grok: column 17: unknown pattern %{TEX}; did you mean %{TEXT}?"},
		{"an escape that is none", `escape = "no"`, `escape = "none"`, `layout: escape: unknown escape "none"`},
		{"a decoding", `text = '.*?'`, "text = '.*?'\ndecode = \"jsn\"", `layout: escapes: no: decode: unknown decoding "jsn"; did you mean "json"?`},
		{"half a part", `["[0-9]+", "unix"]`, `["[0-9]+"]`, "layout: parts: at: it needs an expression and a layout of the time"},
		{"records of several lines", "[time]", "[join]\ncontinue = ' '\n[time]", "layout: it goes with patterns of single lines"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changed := strings.Replace(format, tc.of, tc.with, 1)
			if changed == format {
				t.Fatal("nothing to change")
			}
			_, err := parsers.Load(config(changed), event.NewSchema())
			if err == nil || !strings.Contains(err.Error(), "formats/app.toml: "+tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// FuzzLayout: any setting is read or refused, and any line in its layout is an event or unparsed.
func FuzzLayout(f *testing.F) {
	f.Add(`layout '@at "@name" @x_site' "@status"`, `1795662245 "bob" here 404`)
	f.Add(`"@at.@at \"@name\" @@"`, `1795662245.125 "x" `)
	f.Add(`@name@name@x_a`, "x")
	f.Add("layout '", "")
	set, err := parsers.Load(config(layoutFormat), event.NewSchema())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, setting, line string) {
		if len(setting) > 300 || set.CheckLayout("auto", setting) != nil {
			return
		}
		text := []byte(line + "\n")
		d := laidOut(t, set, "app", setting)
		read(d, text)
		balanced(t, d, text)
	})
}

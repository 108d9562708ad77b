package parsers_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// A script is a format of records of several lines, with lines that it takes, for tests of any order of them.
type script struct {
	name, format string
	lines        []string
	record       string   // some records as they would come
	others       []string // formats that this one reads
}

// load compiles the format of a script, called app, and those that it reads.
func (s script) load(t testing.TB) *parsers.Set {
	t.Helper()
	set, err := parsers.Load(config(append([]string{s.format}, s.others...)...), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// statement is a SQL statement of several lines.
const statement = "SELECT o.id, o.total, c.name\nFROM orders o JOIN customers c ON c.id = o.customer\nWHERE o.state = 'open' AND o.total > 1000 ORDER BY o.total;\n"

// scripts are one for each way to join lines.
var scripts = []script{
	{name: "roles", format: rolesFormat, lines: []string{"1 a ERROR 18456", "1 a TEXT login failed", "1 b ERROR 1205", "2 b TEXT deadlock", "2 a DUMP one", "2 a DUMP two",
		"2 a END", "2 b END", "3 a ALONE x", "\tmore", "\tand more", "rest", "", "9 c TEXT late", "ignored", "c ERROR 7"}, record: "1 a ERROR 18456\n1 a TEXT Login failed for user 'sa'. Reason: Password did not match that for the login provided. [CLIENT: 10.0.0.7]\n" +
		"1 b DUMP TRANSACTION 246047, ACTIVE 7 sec starting index read\n    mysql tables in use 1, locked 1\n    LOCK WAIT 4 lock struct(s), heap size 1216, 3 row lock(s)\n1 b END\n"},
	{name: "continuations", format: continueFormat, lines: []string{"1 one", "2 two", "\tmore", "    and more", "junk", "", "ignored"},
		record: "1 web1 sshd: Failed password for invalid user oracle from 10.0.0.7 port 48817 ssh2\n2 web1 shop: error\n\tat shop.Order.pay(Order.java:7)\n"},
	{name: "begin", format: beginFormat, lines: []string{"# Time: 1", "# Time: 2", "# User: bob", "# Query: x", "SELECT 1;", "", "FROM t", "# a comment", "banner", "-- end", "garbage"}, record: "# Time: 1\n# User: bob\n" + statement},
	{name: "head", format: headFormat, lines: []string{"# Time: 1", "# Time: 2", "# User: bob", "# Query: x", "SELECT 1;", "", "FROM t", "# a comment", "banner"}, record: "# Time: 1\n# User: bob\n# Query: 7\n" + statement},
	{name: "quotes", format: quotesFormat, lines: []string{"1,bob,one", `2,"bob","tw`, `o"`, `3,eve,"a ""b"" c"`, `4,x,"`, "", "stray \" quote", "banner", `5,y,"6,eve,z`, `7,forged,"`}, record: "1,bob,\"" + statement + "\"\n2,eve,connection authorized: user=eve database=shop application_name=psql\n"},
	{name: "quotes alone", format: strings.Replace(quotesFormat, "begin", "#begin", 1), lines: []string{"1,bob,one", `2,"bob","tw`, `o"`, `4,x,"`, "", "stray \" quote", "banner"}, record: "1,bob,\"" + statement + "\"\n2,eve,connection authorized: user=eve database=shop application_name=psql\n"},
	{name: "key", format: keyFormat, lines: []string{"t=A id=1:7 a=1", "t=B id=1:7 b=2", "t=B id=1:8 b=3", "t=A id=2:9 a=4", "t=EOE id=1:7", "t=EOE id=1:8", "t=ONE id=3:1 x", "t=B id=9:1 b=5", "\tmore", "junk", "", "banner"}, record: "t=A id=1:7 arch=c000003e syscall=59 success=yes exit=0 a0=55d a1=55d a2=55d a3=8 items=2 ppid=1 pid=2 comm=\"ls\" exe=\"/usr/bin/ls\"\nt=B id=1:8 argc=2 a0=\"ls\" a1=\"-l\"\n" +
		"t=B id=1:7 item=0 name=\"/usr/bin/ls\" inode=131 dev=08:01 mode=0100755 ouid=0 ogid=0 rdev=00:00\nt=EOE id=1:7\nt=EOE id=1:8\n"},
	{name: "streams", format: journalFormat, others: []string{streamedFormat, reportFormat}, lines: []string{`{"t":1,"p":"a","m":"7 ERROR one"}`, `{"t":2,"p":"a","m":"7 PART two"}`, `{"t":1,"p":"b","m":"8 ERROR x"}`,
		`{"t":2,"p":"b","m":"8 PART y"}`, `{"t":2,"p":"a","m":"8 PART of another"}`, `{"t":2,"p":"a","m":"\tmore"}`, `{"t":3,"p":"a","m":"7 END"}`, `{"t":3,"p":"b","m":"any"}`, `{"t":3,"p":"a","m":"any, too"}`,
		`{"t":3,"p":"a","m":"REPORT z"}`, `{"t":9,"p":"b","m":"REPORT z"}`, `{"t":2,"p":"c","o":1,"m":"7 ERROR of no stream"}`, `{"t":2,"p":"a","m":null}`, `{"t":2,"p":"a","m":""}`, "", "junk", `{"t":2,"p":"a","m":"WHOLE"}`},
		record: `{"t":1,"p":"a","m":"7 ERROR Login failed for user 'sa'. Reason: Password did not match that for the login provided. [CLIENT: 10.0.0.7]"}` + "\n" + `{"t":1,"p":"a","m":"\tat shop.Order.pay(Order.java:7)"}` + "\n"},
	{name: "streams in text", format: textualFormat, others: []string{streamedFormat, reportFormat}, lines: []string{"1 a: 7 ERROR one", "2 a: 7 PART two", "1 b: 8 ERROR x", "1 a: #more", "1 a:  blank", "\tmore", "2 a: again 3 [7 PART two]",
		"2 a: any", "2 b: REPORT", "9 b: any", "9 c: 7 ERROR of no stream", "9 a: 7 END", "9 a: 7 PART late"},
		record: "1 a: 7 ERROR Login failed for user 'sa'. Reason: Password did not match that for the login provided. [CLIENT: 10.0.0.7]\n1 a: #at shop.Order.pay(Order.java:7)\n"},
	{name: "repeats", format: repeatsFormat, lines: []string{"1 a one", "1 b two", "2 again 3", "2 a again 4", "2 b again 5", "\tmore", "junk", "", "ignored"}, record: "1 a Failed password for bob from 10.0.0.7 port 22 ssh2\n\tmore\n"},
}

// Lines that say how often the line before was said again.
const repeatsFormat = `
ignore = ["ignored"]
[[pattern]]
grok = '(?<_time>\d+)(?: (?<host.name>%{W}))? again (?<veritail.repeat:int>\d+)'
repeats = true
join = "alone"
[[pattern]]
grok = '(?<_time>\d+) (?<host.name>%{W}) (?<message>.*)'
join = "alone"
set = { "app.kind" = "said" }
[time]
from = "_time"
layouts = ["unix"]
[join]
continue = '\t'
`

// Lines that programs write for logs of their own, each as an object.
const journalFormat = `
[members]
kind = "json"
require = ["_time"]
[members.map]
"_time" = ["t"]
"process.name" = ["p"]
"app.other" = ["o"]
"message" = ["m"]
[time]
from = "_time"
layouts = ["unix"]
[join]
wait = "3s"
max_lines = 5
[stream]
by = ["process.name"]
[[stream.lines]]
when = { "process.name" = "a|b" }
formats = ["inner", "other"]
rest = { "inner" = 1 }
continue = '\t'
`

// The same as text, tabs written as #, with lines that belong to the line before whatever it is.
const textualFormat = `
unwrap = ['again (?<app.times>\d+) \[(?<message>.*)\]']
[[pattern]]
grok = '(?<_time>\d+) (?<process.name>%{W}): *(?<message>.*)'
[time]
from = "_time"
layouts = ["unix"]
[join]
continue = '\t'
wait = "3s"
max_lines = 5
[stream]
by = ["process.name"]
blanks = true
[[stream.lines]]
when = { "process.name" = "a|b" }
formats = ["inner", "other"]
escaped = { "#" = "\t" }
`

const streamedFormat = `
[[pattern]]
grok = '(?<_key>\d) ERROR (?<message>.*)'
[[pattern]]
grok = '(?<_key>\d) PART (?<app.part>.*)'
join = "part"
[[pattern]]
grok = '(?<_key>\d) END'
join = "end"
[[pattern]]
grok = 'WHOLE'
lines = 1
[join]
by = "_key"
continue = ['\t', ' ']
rest = true
`

// A format whose lines are put together first.
const reportFormat = `
[[pattern]]
grok = 'REPORT(?: (?<message>.*?))?(?:\n(?<app.rest>.*))?'
[join]
begin = 'REPORT'
`

// Records of the lines that follow each other alone.
const continueFormat = `
ignore = ["ignored"]
[[pattern]]
grok = '(?<_time>\d+) (?<message>.*)'
[time]
from = "_time"
layouts = ["unix"]
[join]
continue = ['\t', '(?<_blanks> {4})']
max_lines = 4
`

// Records that begin at one line, as a slow query log would be if it always wrote the time first.
const beginFormat = `
ignore = ["banner"]
[[pattern]]
grok = '# Time: (?<_time>\d+)(?:\n# User: (?<user.name>[^\n]*))?(?:\n(?<message>.*))?'
[time]
from = "_time"
layouts = ["unix"]
[join]
begin = ['# Time:']
end   = ['-- end']
max_lines = 6
`

// Records that begin at a run of lines, whichever of them comes first.
const headFormat = `
ignore = ["banner"]
[[pattern]]
grok = '(?:# Time: (?<_time>\d+)\n?)?(?:# User: (?<user.name>[^\n]*)\n?)?(?:(?<message>.*))?'
[time]
from = "_time"
layouts = ["unix"]
[join]
head = ['# (?:Time|User|Query):']
max_lines = 6
`

// Values in quotes that may hold line endings.
const quotesFormat = `
ignore = ["banner"]
[[pattern]]
grok = '(?<_time>\d+),"?(?<user.name>[^,"]*)"?,(?:"(?<message>.*)"|(?<message>[^"]*))'
[time]
from = "_time"
layouts = ["unix"]
[join]
quotes = '"'
begin = ['\d+,']
max_lines = 4
`

// Records that interleave, as auditd writes them.
const keyFormat = `
ignore = ["banner"]
[[pattern]]
grok = 't=(?<app.type>%{W}) id=(?<_time>\d+):\d+(?<message>.*)'
[time]
from = "_time"
layouts = ["unix"]
[join]
key = 't=%{W} id=(?<_key>(?<_time>\d+):\d+)'
end = ['t=EOE', 't=ONE']
continue = '\t'
max_lines = 6
`

func TestLinesAreAssembledBeforeTheyAreMatched(t *testing.T) {
	for _, tc := range []struct {
		name, format, text string
		want               []string
	}{
		{"all lines behind a beginning go on, empty ones too", beginFormat, "# Time: 1\n# User: bob\nSELECT\n\n1;\n# Time: 2\n", []string{`"user.name":"bob" "message":"SELECT\u000a\u000a1;"`, `"event.original":"# Time: 2"`}},
		{"empty lines at the end say nothing", beginFormat, "# Time: 1\nx\n\n\n# Time: 2\n", []string{`"message":"x" "event.original":"# Time: 1\u000ax\u000a\u000a"`, `"event.original":"# Time: 2"`}},
		{"the last line ends a record", beginFormat, "# Time: 1\nx\n-- end\ny\n", []string{`"message":"x\u000a-- end"`, `"veritail.unparsed":true`}},
		{"what comes before a beginning is unparsed", beginFormat, "x\n\n# Time: 1\n", []string{`"veritail.unparsed":true`, `"event.original":"# Time: 1"`}},
		{"an ignored line ends a record", beginFormat, "# Time: 1\nx\nbanner\ny\n", []string{`"message":"x"`, `"veritail.unparsed":true`}},
		{"a record that no pattern takes is unparsed as a whole", beginFormat, "# Time: x\ny\n", []string{`"veritail.unparsed":true "event.original":"# Time: x\u000ay"`}},
		{"a record that is too long is cut", beginFormat, "# Time: 1\n1\n2\n3\n4\n5\n6\n# Time: 2\n", []string{`"message":"1\u000a2\u000a3\u000a4\u000a5" "veritail.cut":true`, `"event.original":"# Time: 2"`}},
		{"a run of lines is the head", headFormat, "# Time: 1\n# User: a\nx\n# User: b\n# Query: y\nz\n# Time: 3\n# User: c\nu\n", []string{`"user.name":"a" "message":"x"`, `"user.name":"b" "message":"# Query: y\u000az"`, `"user.name":"c" "message":"u"`}},
		{"a line ending in quotes is text", quotesFormat, "1,bob,\"one\n2,eve,two\n\n\"\n3,eve,x\n", []string{`"user.name":"bob" "message":"one\u000a2,eve,two\u000a\u000a"`, `"user.name":"eve" "message":"x"`}},
		{"a stray quote in a foreign line begins nothing", quotesFormat, "a \" b\n1,bob,x\n", []string{`"veritail.unparsed":true`, `"user.name":"bob"`}},
		{"behind a record without an end the next line that can begin one does", quotesFormat, "1,bob,\"x\n2\n3\n4\nzzz\n5,eve,y\n", []string{`"veritail.unparsed":true "veritail.cut":true`, `"user.name":"eve" "message":"y"`}},
		{"records of several keys interleave", keyFormat, "t=A id=1:7 a\nt=B id=1:8 b\nt=C id=1:7 c\nt=C id=1:8 d\nt=EOE id=1:7\n\tx\nt=D id=1:7 again\n",
			[]string{`"app.type":"A" "message":" a\u000at=C id=1:7 c\u000at=EOE id=1:7\u000a\u0009x"`, `"app.type":"B" "message":" b\u000at=C id=1:8 d"`, `"app.type":"D" "message":" again"`}},
		{"records end when the log has gone on", keyFormat, "t=A id=1:7 a\nt=A id=60:8 b\nt=B id=1:7 c\n", []string{`"message":" a"`, `"message":" b"`, `"app.type":"B" "message":" c"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := decoder(t, script{format: tc.format}.load(t), "app", "x.log")
			got := read(d, []byte(tc.text))
			balanced(t, d, []byte(tc.text))
			sameEvents(t, got, tc.want)
		})
	}
}

const rolesFormat = `
ignore = ["ignored"]
[fields]
"app.code" = "int"
[[pattern]]
grok = '(?:(?<_time>\d+) )?(?<_key>\w) ERROR %{W:app.code}'
[[pattern]]
grok = '(?<_time>\d+) (?<_key>\w) TEXT (?<message>.*)'
join = "part"
set  = { "app.part" = "text" }
[[pattern]]
grok = '(?<_time>\d+) (?<_key>\w) DUMP (?<app.dump>.*)'
join = "same"
[[pattern]]
grok = '(?<_time>\d+) (?<_key>\w) END(?: (?<message>.*))?'
join = "end"
set  = { "app.part" = "end" }
[[pattern]]
grok = '(?<_time>\d+) (?<_key>\w) ALONE (?<message>.*)'
join = "alone"
[time]
from = "_time"
layouts = ["unix"]
[join]
by = "_key"
continue = ['\t', ' {4}']
rest = true
text = "app.dump"
max_lines = 6
`

func TestLinesJoinARecordAsTheirPatternsSay(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       []string // the members of each event
	}{
		{"a part fills the fields that its record has not got", "1 a ERROR 7\n1 a TEXT hello\n1 a TEXT again\n", []string{`"app.code":7 "app.part":"text" "message":"hello"`}},
		{"a part without a record is an event of its own, and later parts do not join it", "1 a TEXT hello\n1 a TEXT again\n", []string{`"message":"hello"`, `"message":"again"`}},
		{"nor does it join a record of another key", "1 a ERROR 7\n1 b TEXT hello\n", []string{`"app.code":7`, `"message":"hello"`}},
		{"same begins a record where none is open", "1 a DUMP x\n1 a DUMP y\n1 a TEXT z\n", []string{`"app.dump":"x\u000ay" "message":"z"`}},
		{"begin ends the open one of its key", "1 a ERROR 7\n1 a ERROR 8\n1 a TEXT x\n", []string{`"app.code":7`, `"app.code":8 "message":"x"`}},
		{"end is the last line", "1 a ERROR 7\n1 a END done\n1 a TEXT x\n", []string{`"app.code":7 "app.part":"end" "message":"done"`, `"message":"x"`}},
		{"lines may continue even the last line", "1 a ERROR 7\n1 a END done\n\tmore\n1 a TEXT x\n", []string{`"app.code":7 "app.dump":"\u0009more" "message":"done"`, `"message":"x"`}},
		{"end without a record is an event of its own", "1 a END done\n1 a TEXT x\n", []string{`"app.part":"end" "message":"done"`, `"message":"x"`}},
		{"alone leaves the open record of its key as it is", "1 a ERROR 7\n1 a ALONE x\n1 a TEXT y\n", []string{`"app.code":7 "app.part":"text" "message":"y"`, `"message":"x"`}},
		{"and takes the lines that continue it", "1 a ALONE x\n\tmore\nrest\n", []string{`"app.dump":"\u0009more\u000arest" "message":"x"`}},
		{"the text takes what was captured of it and the lines that continue, in order", "1 a ERROR 7\n    first\n1 a DUMP second\n1 b ALONE other\n1 a DUMP third\n\nfifth\n",
			[]string{`"app.code":7 "app.dump":"    first\u000asecond\u000athird\u000a\u000afifth"`, `"message":"other"`}},
		{"a line of no pattern that follows no record is unparsed", "rest\n1 a ALONE x\n", []string{`"veritail.unparsed":true`, `"message":"x"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := decoder(t, script{format: rolesFormat}.load(t), "app", "x.log")
			got := read(d, []byte(tc.text))
			balanced(t, d, []byte(tc.text))
			sameEvents(t, got, tc.want)
		})
	}
}

func TestMessagesAreReadAsLinesOfAnotherLog(t *testing.T) {
	s := scripts[slices.IndexFunc(scripts, func(s script) bool { return s.name == "streams" })]
	for _, tc := range []struct {
		name  string
		lines []string // a program and what it says
		want  []string
	}{
		{"lines of programs interleave", []string{"a 7 ERROR one", "b 8 ERROR x", "a 7 PART two", "b 8 PART y"}, []string{`"message":"one" "app.part":"two" "process.name":"a"`, `"message":"x" "app.part":"y" "process.name":"b"`}},
		{"what continues goes on with the message", []string{"a 7 ERROR one", `a \tmore`}, []string{`"message":"one\u000a\u0009more"`}},
		{"what no pattern takes, too, so far as the stream says", []string{"a 7 ERROR one", "a any", "a any, too"}, []string{`"message":"one\u000aany"`, `"message":"any, too"`}},
		{"and begins nothing that could go on", []string{"a any", `a \tmore`}, []string{`"message":"any"`, `"message":"\u0009more"`}},
		{"a line that no format knows ends the record", []string{"a 7 ERROR one", "a any", "a any, too", "a 7 PART two"}, []string{`"message":"one\u000aany"`, `"message":"any, too"`, `"app.part":"two"`}},
		{"a part of another key is an event of its own, and ends the record", []string{"a 7 ERROR one", "a 8 PART x", "a 7 PART two"}, []string{`"message":"one"`, `"app.part":"x"`, `"app.part":"two"`}},
		{"nothing but what continues follows the end", []string{"a 7 ERROR one", "a 7 END", `a \tmore`, "a 7 PART x"}, []string{`"message":"one"`, `"app.part":"x"`}},
		{"and nothing at all what is complete", []string{"a WHOLE", `a \tmore`}, []string{`"message":"WHOLE"`, `"message":"\u0009more"`}},
		{"what begins a record of another format does", []string{"a 7 ERROR one", "a REPORT r", "a any", "a any, too"}, []string{`"message":"one"`, `"message":"r" "app.rest":"any\u000aany, too"`}},
		{"lines of no stream are none", []string{"c 7 ERROR one", "c 7 PART two"}, []string{`"message":"7 ERROR one"`, `"message":"7 PART two"`}},
		{"a record that is too long is cut", []string{"a 7 ERROR 1", `a \t2`, `a \t3`, `a \t4`, `a \t5`, `a \t6`, "a 7 ERROR x"}, []string{`"message":"1\u000a\u00092\u000a\u00093\u000a\u00094\u000a\u00095" "veritail.cut":true`, `"message":"x"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var text strings.Builder
			for _, l := range tc.lines {
				fmt.Fprintf(&text, `{"t":1,"p":"%s","m":"%s"}`+"\n", l[:1], l[2:])
			}
			d := decoder(t, s.load(t), "app", "x.log")
			got := read(d, []byte(text.String()))
			balanced(t, d, []byte(text.String()))
			sameEvents(t, got, tc.want)
		})
	}
}

func TestMistakesInStreamsAreNamed(t *testing.T) {
	for _, tc := range []struct{ name, of, with, want string }{
		{"no bounds", "[join]\nwait = \"3s\"\nmax_lines = 5", "", "stream: it needs a table [join]"},
		{"nothing tells streams apart", `by = ["process.name"]`, "", "stream: it needs by"},
		{"a field that is none", `by = ["process.name"]`, `by = ["process.nam"]`, `did you mean "process.name"?`},
		{"a format that is none", `"inner", "other"]`, `"inner", "othe"]`, `stream: lines 1: formats: of: unknown format of lines "othe"; did you mean "other"?`},
		{"a format that is not joined", `"inner", "other"]`, `"inner", "app"]`, `the lines of app are not matched one by one and joined`},
		{"rest of another format", `rest = { "inner" = 1 }`, `rest = { "inne" = 1 }`, `rest: unknown format "inne"; did you mean "inner"?`},
		{"an expression", `continue = '\t'`, `continue = '('`, `stream: lines 1: continue: pattern 1: grok: column 1`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changed := strings.Replace(journalFormat, tc.of, tc.with, 1)
			if changed == journalFormat {
				t.Fatal("nothing to change")
			}
			_, err := parsers.Load(config(changed, streamedFormat, reportFormat), event.NewSchema())
			if err == nil || !strings.Contains(err.Error(), "formats/app.toml: ") || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
}

// sameEvents fails the test unless each event has the members of want, which are parted by a blank and a quote.
func sameEvents(t *testing.T, got []outcome, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d: %v", len(got), len(want), got)
	}
	for i, members := range want {
		has(t, got[i].text, strings.Split(strings.ReplaceAll(members, ` "`, "\x00\""), "\x00")...)
	}
}

func TestAMessageOfAPartGoesOn(t *testing.T) {
	format := strings.Replace(rolesFormat, "text = \"app.dump\"\n", "", 1)
	d := decoder(t, script{format: format}.load(t), "app", "x.log")
	got := read(d, []byte("1 a ERROR 7\n1 a TEXT one\n\ttwo\n"))
	has(t, got[0].text, `"message":"one\u000a\u0009two"`)
}

func TestSectionsThatComeTwiceFollowEachOther(t *testing.T) {
	set, err := parsers.Load(config(joined), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	got := read(decoder(t, set, "app", "x.log"), []byte("1 a X: one\n1 a MORE: two\n1 b X: other\n1 a MORE: three\n\tfour\n"))
	has(t, got[0].text, `"app.more":"two\u000athree\u000a\u0009four"`)
}

// arrangement returns lines of a script in any order.
func (s script) arrangement(r *rand.Rand) []byte {
	var text strings.Builder
	for range 10 + r.IntN(60) {
		text.WriteString(s.lines[r.IntN(len(s.lines))])
		text.WriteByte('\n')
	}
	return []byte(text.String())
}

// Whatever the order of the lines: the cuts of blocks and a restart at any mark change no event, and no line is lost.
func TestRecordsAreTheSameWhateverCutsAndRestarts(t *testing.T) {
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			set := s.load(t)
			open := 0
			for seed := range uint64(60) {
				r := rand.New(rand.NewPCG(seed, 3))
				text := s.arrangement(r)
				newDecoder := func() *parsers.Decoder { return decoder(t, set, "app", "x.log") }
				what := fmt.Sprintf("seed %d, %q", seed, text)
				sameWhateverTheCuts(t, what, text, r, newDecoder)
				open += sameAfterAnyResume(t, what, text, newDecoder)
			}
			if open == 0 {
				t.Error("no mark had an open record: the test shows nothing")
			}
		})
	}
}

// FuzzRecords: any lines of a script in any order, cut and resumed anywhere, give the same events.
func FuzzRecords(f *testing.F) {
	for i := range scripts {
		f.Add(uint8(i), uint8(9), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14})
		f.Add(uint8(i), uint8(30), []byte{1, 1, 4, 6, 5, 5, 5, 5, 5, 5, 5, 5, 5, 0, 9, 3, 2, 1})
	}
	sets := make([]*parsers.Set, len(scripts))
	for i, s := range scripts {
		sets[i] = s.load(f)
	}
	f.Fuzz(func(t *testing.T, which, cut uint8, order []byte) {
		i := int(which) % len(scripts)
		var text, head []byte
		for n, l := range order {
			if n == int(cut) {
				head = text[:len(text):len(text)]
			}
			text = append(append(text, scripts[i].lines[int(l)%len(scripts[i].lines)]...), '\n')
		}
		newDecoder := func() *parsers.Decoder { return decoder(t, sets[i], "app", "x.log") }
		want := read(newDecoder(), text)
		var b event.Batch
		d := newDecoder()
		d.Decode(&b, head, 0)
		before, m := collect(nil, &b), d.Mark()
		again := newDecoder()
		if err := again.Resume(m, func(s event.Span) ([]byte, error) { return text[s.Off:s.End()], nil }); err != nil {
			t.Fatal(err)
		}
		if got := again.Mark(); stored(got) != stored(m) {
			t.Fatalf("resumed at %+v, the mark says %+v", got, m)
		}
		again.Decode(&b, text[len(head):], int64(len(head)))
		again.Flush(&b, near, true)
		same(t, "resumed", byOffset(collect(before, &b)), want)
		balanced(t, again, text)
	})
}

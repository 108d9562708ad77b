package parsers_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// memberFormats are formats of members in each way to hold them.
var memberFormats = fstest.MapFS{
	"patterns/own": {Data: []byte("W \\w+\n")},
	"formats/audit.toml": {Data: []byte(`
null = ["?"]
[fields]
"app.code" = "int"
[[pattern]]
grok = 'type=(?<app.type>%{W}) msg=audit\((?<_time>[0-9.]+):\d+\): (?<_rest>.*)'
[[pattern]]
grok = 'type=(?<app.type>%{W}) msg=audit\((?<_time>[0-9.]+):\d+\)(?<message>.*)'
[time]
from = "_time"
layouts = ["unix"]
[members]
kind = "kv"
from = "_rest"
hex = ["acct", "proctitle"]
prefix = "audit.data."
require = ["user.name", "app.code"]
[members.map]
"user.name" = ["acct"]
"app.code" = ["exit", "code"]
`)},
	"formats/w3c.toml": {Data: []byte(`
null = ["-"]
ignore = ['#.*']
[fields]
"http.response.body.bytes" = "int"
[time]
from = ["_date", "_time"]
layouts = ["2006-01-02 15:04:05"]
[members]
kind = "csv"
header = '#Fields: '
separator = " "
prefix = "iis."
[members.map]
"_date" = ["date"]
"_time" = ["time"]
"source.address" = ["c-ip"]
"user.name" = ["cs-username"]
"event.duration:ms" = ["time-taken"]
`)},
	"formats/rows.toml": {Data: []byte(`
[set]
"event.module" = "rows"
[fields]
"app.n" = "int"
[time]
from = "_time"
layouts = ["2006-01-02 15:04:05"]
[join]
quotes = '"'
begin = ['\d{4}-']
[members]
kind = "csv"
columns = ["_time", "user.name", "", "app.n", "message"]
`)},
	"formats/orders.toml": {Data: []byte(`
[members]
kind = "csv"
separator = ";"
header = '(?<_columns>id;.*)'
prefix = "-"
require = ["app.id"]
[members.map]
"app.id" = ["id"]
"app.state" = ["state", "status"]
`)},
	"formats/sys.toml": {Data: []byte("[[pattern]]\ngrok = '<(?<process.name>\\w+)> (?<message>.*)'\n")},
	"formats/sysjson.toml": {Data: []byte(`
within = ["sys"]
rank = 1
[members]
kind = "json"
require = ["message"]
[members.map]
"message" = ["msg"]
"user.name" = ["user"]
`)},
	"formats/syskv.toml": {Data: []byte(`
within = ["sys", "sysjson"]
rank = 2
[set]
"event.module" = "kv"
[members]
kind = "kv"
require = ["user.id"]
[members.map]
"user.id" = ["uid"]
`)},
}

func memberSet(t testing.TB) *parsers.Set {
	t.Helper()
	set, err := parsers.Load(memberFormats, event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

const w3cHead = "#Software: IIS\n#Fields: date time c-ip cs-username sc-status time-taken\n"

func TestMembersBecomeFields(t *testing.T) {
	set := memberSet(t)
	for _, tc := range []struct {
		name, format, text string
		want               []string // the members of each event, those behind a blank and ! are not in it
	}{
		{"pairs behind a pattern, with a hexadecimal one", "audit", "type=USER msg=audit(7.5:1): uid=0 acct=28696E76616C69642075736572290A msg='op=x addr=? res=failed'\n",
			[]string{`"app.type":"USER" "@timestamp":"1970-01-01T00:00:07.500000Z" "user.name":"(invalid user)\u000a" "audit.data.uid":"0" "audit.data.res":"failed" "audit.data.op":"x"`}},
		{"one in quotes is not hexadecimal", "audit", "type=USER msg=audit(7:1): acct=\"6162\" exit=-13 code=5\n", []string{`"user.name":"6162" "app.code":-13 "audit.data.code":"5"`}},
		{"what does not fit its field is kept beside it", "audit", "type=USER msg=audit(7:1): acct=bob exit=EACCES\n", []string{`"user.name":"bob" "audit.data.exit":"EACCES"`}},
		{"without what is required the next pattern takes the line", "audit", "type=USER msg=audit(7:1): x=y\n", []string{`"app.type":"USER" "message":": x=y"`}},
		{"a header names the columns, and names them anew", "w3c", w3cHead + "2026-11-24 10:00:00 10.0.0.7 - 200 15\n#Fields: time date cs-username x\n10:00:01 2026-11-24 bob 7\n",
			[]string{`"@timestamp":"2026-11-24T10:00:00.000000Z" "source.ip":"10.0.0.7" "iis.sc-status":"200" "event.duration":15000000`, `"@timestamp":"2026-11-24T10:00:01.000000Z" "user.name":"bob" "iis.x":"7"`}},
		{"a quote moves no column", "w3c", w3cHead + "2026-11-24 10:00:00 10.0.0.7 \"bob 200 15\n", []string{`"user.name":"\"bob" "iis.sc-status":"200"`}},
		{"a row without a header, one of too many values and one without a time are none", "w3c", "2026-11-24 10:00:00 1 2 3 4\n" + w3cHead + "2026-11-24 10:00:00 1 2 3 4 5\na b c\n",
			[]string{`"veritail.unparsed":true`, `"veritail.unparsed":true`, `"veritail.unparsed":true`}},
		{"a row may be short, and hold line endings and quotes", "rows", "2026-11-24 10:00:00,bob,x,7,\"a \"\"b\"\"\n2026-,\"\n2026-11-24 10:00:01,eve\n",
			[]string{`"user.name":"bob" "app.n":7 "message":"a \"b\"\u000a2026-," "event.module":"rows"`, `"user.name":"eve"`}},
		{"or be longer than the columns", "rows", "2026-11-24 10:00:00,bob,x,y,z,more\n", []string{`"user.name":"bob" "message":"z"`}},
		{"a header without a mark, and members that are dropped", "orders", "id;status;sum\n7;failed;3\nx\n", []string{`"app.id":"7" "app.state":"failed"`, `"app.id":"x"`}},
		{"members of a message", "sys", `<app> {"msg":"hello","user":"bob","n":{"x":1}}` + "\n", []string{`"process.name":"app" "message":"hello" "user.name":"bob" "n.x":1`}},
		{"and of a message in it", "sys", `<app> {"msg":"uid=7 n=1 k=\"v w\"","n":2}` + "\n", []string{`"user.id":"7" "event.module":"kv" "n":2 "k":"v w"`}},
		{"not of one without what is required", "sys", `<app> {"text":"hello"}` + "\n", []string{`"message":"{\"text\":\"hello\"}"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := decoder(t, set, tc.format, "x.log")
			got := read(d, []byte(tc.text))
			balanced(t, d, []byte(tc.text))
			sameEvents(t, got, tc.want)
			told := decoder(t, set, "", "x.log")
			read(told, []byte(tc.text))
			if name := told.Told().Format; name != tc.format && !strings.Contains(tc.want[0], "unparsed") {
				t.Errorf("told %q", name)
			}
		})
	}
}

func TestRowsAreTheSameWhateverCutsAndRestarts(t *testing.T) {
	set := memberSet(t)
	for format, lines := range map[string][]string{
		"w3c":    {"#Software: IIS", "#Fields: date time c-ip cs-username", "#Fields: time date cs-username x", "2026-11-24 10:00:00 10.0.0.7 bob", "10:00:01 2026-11-24 eve 7", "junk", ""},
		"orders": {"id;status", "id;state;sum", "7;ok", "8;failed;3", "", "junk;;;;"},
	} {
		open := 0
		for seed := range uint64(40) {
			r := rand.New(rand.NewPCG(seed, 4))
			text := script{lines: lines}.arrangement(r)
			newDecoder := func() *parsers.Decoder { return decoder(t, set, format, "x.log") }
			what := fmt.Sprintf("%s, seed %d, %q", format, seed, text)
			sameWhateverTheCuts(t, what, text, r, newDecoder)
			open += sameAfterAnyResume(t, what, text, newDecoder)
		}
		if open == 0 {
			t.Errorf("%s: no mark knew the header: the test shows nothing", format)
		}
	}
}

// The header may stand further back than what is read again before a mark.
func TestARestartFarBehindTheHeaderKnowsTheColumns(t *testing.T) {
	set := memberSet(t)
	text := []byte(w3cHead + strings.Repeat("2026-11-24 10:00:00 10.0.0.7 bob 200 15\n", 10000))
	d := decoder(t, set, "w3c", "x.log")
	var b event.Batch
	d.Decode(&b, text, 0)
	b.Release()
	again := decoder(t, set, "w3c", "x.log")
	if err := again.Resume(d.Mark(), func(s event.Span) ([]byte, error) { return text[s.Off:s.End()], nil }); err != nil {
		t.Fatal(err)
	}
	if got, want := stored(again.Mark()), stored(d.Mark()); got != want {
		t.Errorf("resumed at %s, want %s", got, want)
	}
	again.Decode(&b, []byte("2026-11-24 10:00:01 10.0.0.8 eve 200 15\n"), int64(len(text)))
	again.Flush(&b, near, true)
	sameEvents(t, collect(nil, &b), []string{`"user.name":"eve" "source.ip":"10.0.0.8"`})
}

package parsers_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// A script is a format of records of several lines, with lines that it takes, for tests of any order of them.
type script struct {
	name, format string
	lines        []string
}

// load compiles the format of a script, called app, alone.
func (s script) load(t testing.TB) *parsers.Set {
	t.Helper()
	set, err := parsers.Load(config(s.format), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// scripts are one for each way to join lines.
var scripts = []script{
	{"roles", rolesFormat, []string{"1 a ERROR 18456", "1 a TEXT login failed", "1 b ERROR 1205", "2 b TEXT deadlock", "2 a DUMP one", "2 a DUMP two",
		"2 a END", "2 b END", "3 a ALONE x", "\tmore", "\tand more", "rest", "", "9 c TEXT late", "ignored"}},
}

const rolesFormat = `
ignore = ["ignored"]
[fields]
"app.code" = "int"
[[pattern]]
grok = '(?<_time>\d+) (?<_key>\w) ERROR %{W:app.code}'
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
			if len(got) != len(tc.want) {
				t.Fatalf("%d events, want %d: %v", len(got), len(tc.want), got)
			}
			for i, want := range tc.want {
				has(t, got[i].text, strings.Split(want, " \"")[0])
				for _, member := range strings.Split(want, " \"")[1:] {
					has(t, got[i].text, `"`+member)
				}
			}
		})
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

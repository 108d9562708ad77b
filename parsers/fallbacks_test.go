package parsers_test

import (
	"fmt"
	"testing"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

func TestShippedFormatsNeedNoFallback(t *testing.T) {
	for _, f := range shipped(t).Fallbacks() {
		t.Error(f)
	}
}

func TestExpressionsThatNeedAFallbackAreNamed(t *testing.T) {
	set, err := parsers.Load(config(`title = "app"
dataset = "app"
ignore = ['(a|b)\1', '#.*']
unwrap = ['x(?!yz)(?<message>.*)']
[[pattern]]
grok = '(?<_time>\S+)'
[[pattern]]
grok = '(?<_time>\S+) (?<_quote>["!])(?<message>.*)\k<_quote>'
[time]
from = "_time"
layouts = ["2006-01-02T15:04:05Z07:00"]
[join]
continue = ['\t', '(?>a|ab)c']
`), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"formats/app.toml: pattern 2: matched by regexp2, many times slower: a back-reference",
		"formats/app.toml: ignore 1: matched by regexp2, many times slower: a back-reference",
		"formats/app.toml: join: continue 2: matched by regexp2, many times slower: an atomic group that is not known to be equal to a plain one: (?>a|ab)",
	}
	var got []string
	for _, f := range set.Fallbacks() {
		got = append(got, f.String())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	d := decoder(t, set, "app", "app.log")
	has(t, read(d, []byte("2026-11-24T10:00:00Z !it is \"said\"!\n"))[0].text, `"message":"it is \"said\""`)
}

// Names in brackets, as Logstash writes them, are the fields with dots.
func TestNamesInBracketsAreFields(t *testing.T) {
	set, err := parsers.Load(config(`title = "app"
dataset = "app"
[[pattern]]
grok = '(?<_time>\S+) (?<[source][address]>\S+) %{W:[url][path]} %{W:[source][port]:int}'
[time]
from = "_time"
layouts = ["2006-01-02T15:04:05Z07:00"]
`), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	d := decoder(t, set, "app", "app.log")
	has(t, read(d, []byte("2026-11-24T10:00:00Z 10.0.0.1 x 8080\n"))[0].text, `"source.ip":"10.0.0.1"`, `"url.path":"x"`, `"source.port":8080`)
}

package parsers_test

import (
	"strings"
	"testing"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// carrying is a format in which one line of a session tells its address. Its constants are set for a page at once.
const carrying = `
title = "app"
[set]
"service.name" = "shop"
"log.logger"   = "main"
[[pattern]]
grok = '''(?<process.pid>[0-9]+) (?:from (?<source.address>\S+)|(?<message>.*))'''
[time]
[[carry]]
by     = "process.pid"
fields = ["source.ip", "source.address", "service.name"]
`

func carried(t *testing.T, format, text string) []outcome {
	t.Helper()
	set, err := parsers.Load(config(format), event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	return read(decoder(t, set, "app", "x.log"), []byte(text))
}

func TestWhatAnEventTellsHoldsForItsSession(t *testing.T) {
	got := carried(t, carrying, "7 from 10.0.0.7\n8 from db1\n7 hello\n8 hello\n9 hello\n7 from 10.0.0.9\n7 bye\n")
	for i, want := range []string{`"10.0.0.7"`, `"db1"`, `"source.ip":"10.0.0.7"`, `"source.address":"db1"`, `"message":"hello"`, `"10.0.0.9"`, `"source.ip":"10.0.0.9"`} {
		has(t, got[i].text, want, `"service.name":"shop"`)
	}
	if strings.Contains(got[4].text, "source.") {
		t.Errorf("a session that told nothing has an address: %s", got[4].text)
	}
}

func TestASessionMayBeAPagesConstant(t *testing.T) {
	byLogger := strings.Replace(carrying, `"process.pid"`+"\nfields", `"log.logger"`+"\nfields", 1)
	got := carried(t, byLogger, "7 from 10.0.0.7\n8 hello\n")
	has(t, got[1].text, `"source.ip":"10.0.0.7"`)
}

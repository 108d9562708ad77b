package grok_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/parsers/grok"
)

func TestFieldsAreAsLogstashStoresThem(t *testing.T) {
	for _, tc := range []struct{ name, expr, text, want string }{
		{"a field once", `(?<a>x)`, "x", `{"a":"x"}`},
		{"a field several times", `(?<a>.)(?<a>.)(?<a>.)`, "xyz", `{"a":["x","y","z"]}`},
		{"an empty capture", `(?<a>x*)(?<b>y)`, "y", `{"b":"y"}`},
		{"a group that takes no part", `(?<a>x)|(?<b>y)`, "y", `{"b":"y"}`},
		{"nothing captured", `x`, "x", `{}`},
		{"nested names", `(?<[a][b]>.)(?<[a][c]>.)(?<[@metadata][d]>.)`, "xyz", `{"@metadata":{"d":"z"},"a":{"b":"x","c":"y"}}`},
		{"a name with a point", `(?<a.b>.)`, "x", `{"a.b":"x"}`},
		{"a value where members are to be", `(?<[a]>.)(?<[a][b]>.)`, "xy", `{"a":"x"}`},
		{"members where a value is to be", `(?<[a][b]>.)(?<[a]>.)`, "xy", `{"a":{"b":"x"}}`},
		{"the type of a group", `(?<[a][b]:int>\d+) (?<c:float>\d+)`, "007 8", `{"a":{"b":7},"c":8}`},
		{"an integer", `%{NOTSPACE:a:int} %{NOTSPACE:b:int} %{NOTSPACE:c:int} %{NOTSPACE:d:int} %{NOTSPACE:e:int}`, "-012 7up - +5 12345678901234567890", `{"a":-12,"b":7,"c":0,"d":5,"e":12345678901234567890}`},
		{"a number", `%{NOTSPACE:a:float} %{NOTSPACE:b:float} %{NOTSPACE:c:float} %{NOTSPACE:d:float} %{NOTSPACE:e:float}`, "0.5s -.25 1e3x none 1e", `{"a":0.5,"b":-0.25,"c":1000,"d":0,"e":1}`},
		{"a number beyond what there is", `%{NOTSPACE:a:float}`, "1e999", `{"a":"1e999"}`},
		{"another type", `%{NOTSPACE:a:boolean}`, "true", `{"a":"true"}`},
	} {
		m, err := library(t).Compile(tc.expr)
		if err != nil {
			t.Fatal(err)
		}
		slots := make([]int32, 2*len(m.Captures()))
		if !m.Match([]byte(tc.text), slots) {
			t.Errorf("%s: no match", tc.name)
			continue
		}
		got, err := json.Marshal(grok.Fields(m.Captures(), []byte(tc.text), slots))
		if err != nil || string(got) != tc.want {
			t.Errorf("%s: %s, want %s; %v", tc.name, got, tc.want, err)
		}
	}
}

// Batch answers when its input pauses, keeps what it has compiled within bounds, and goes on behind what it cannot read.
func TestBatchAnswersEachQuestion(t *testing.T) {
	in, w := io.Pipe()
	r, out := io.Pipe()
	done := make(chan error)
	go func() { done <- library(t).Batch(in, out); out.Close() }()
	answers := json.NewDecoder(r)
	ask := func(question, want string) {
		t.Helper()
		go fmt.Fprintln(w, question)
		var got json.RawMessage
		if err := answers.Decode(&got); err != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: %s, want %s; %v", question, got, want, err)
		}
	}
	ask(`{"expr":"(?<a>x)","input":"x"}`, `{"match":true,"fields":{"a":"x"}}`)
	ask("\n  \n"+`{"expr":"x","input":"x"}`, `{"match":true,"fields":{}}`)
	ask(`{"expr":"x","mode":"ecs","input":"x"}`, `"error":"mode: \"ecs\" is neither legacy nor ecs-v1"`)
	ask(`[]`, `"match":false,"error":"json`)
	ask(`{"expr":"`+strings.Repeat("x", 17<<20)+`"}`, `{"match":false,"error":"the question is longer than 16777216 bytes"}`)
	for i := range 600 {
		ask(fmt.Sprintf(`{"expr":"(?<n>%d)","input":"%d"}`, i, i), `"match":true`)
	}
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// An expression that backtracks without end is given up, and the line does not match.
func TestHostileTextsEnd(t *testing.T) {
	defer grok.SetMatchTimeout(grok.SetMatchTimeout(100 * time.Millisecond))
	m, err := library(t).Compile(`^(?<a>(?:x+x+)+)(?<b>y)\k<b>$`)
	if err != nil {
		t.Fatal(err)
	}
	if name, _ := m.Engine(); name != "regexp2" {
		t.Fatal(name)
	}
	start := time.Now()
	if m.Match(bytes.Repeat([]byte("x"), 5000), make([]int32, 4)) || time.Since(start) > 5*time.Second {
		t.Errorf("after %v", time.Since(start))
	}
	if !m.Match([]byte("xxxyy"), make([]int32, 4)) {
		t.Error("an ordinary line does not match any more")
	}
}

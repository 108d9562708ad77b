package grok_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A conformanceCase is an example of logstash-patterns-core: an expression, an input, and what the specs of that project
// say of the event.
type conformanceCase struct {
	ID     string      `json:"id"`
	Expr   string      `json:"expr"`
	Mode   string      `json:"mode"`
	Input  string      `json:"input"`
	Match  bool        `json:"match"`
	Assert []assertion `json:"assert"`
}

// An assertion is about the field at a path of the event, or of the match as a whole.
type assertion struct {
	Op    string   `json:"op"`
	Path  []string `json:"path"`
	Value any      `json:"value"`
}

// unmet are cases that do not hold, with the reason. None so far.
var unmet = map[string]string{}

func TestConformanceWithLogstashsPatterns(t *testing.T) {
	cases := conformanceCases(t)
	var questions, answers bytes.Buffer
	for _, c := range cases {
		q, err := json.Marshal(map[string]string{"expr": c.Expr, "mode": c.Mode, "input": c.Input})
		if err != nil {
			t.Fatal(err)
		}
		questions.Write(append(q, '\n'))
	}
	if err := library(t).Batch(&questions, &answers); err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(&answers)
	for _, c := range cases {
		var a struct {
			Match  bool           `json:"match"`
			Fields map[string]any `json:"fields"`
			Error  string         `json:"error"`
		}
		if err := dec.Decode(&a); err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
		fault := a.Error
		if fault == "" && a.Match != c.Match {
			fault = fmt.Sprintf("match is %v", a.Match)
		}
		for _, as := range c.Assert {
			if fault == "" && c.Match {
				fault = as.fault(event(c.Input, a.Fields))
			}
		}
		if reason := unmet[c.ID]; (fault == "") != (reason == "") {
			t.Errorf("%s: %s in %q: %q; listed as unmet: %q", c.ID, c.Expr, c.Input, fault, reason)
		}
	}
}

func conformanceCases(t testing.TB) []conformanceCase {
	t.Helper()
	text, err := os.ReadFile("testdata/conformance.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var cases []conformanceCase
	for sc := bufio.NewScanner(bytes.NewReader(text)); sc.Scan(); {
		var c conformanceCase
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	if len(cases) != 228 {
		t.Errorf("%d cases", len(cases))
	}
	return cases
}

// event returns what Logstash's grok filter makes of an event with a message: a captured message joins the original one.
func event(message string, fields map[string]any) map[string]any {
	e := map[string]any{"message": message, "@version": "1"}
	for name, v := range fields {
		if name == "message" {
			v = []any{message, v}
		}
		e[name] = v
	}
	return e
}

// fault tells how an event does not fulfil the assertion.
func (a assertion) fault(event map[string]any) string {
	got, there := at(event, a.Path)
	text := fmt.Sprint(got)
	list, _ := got.([]any)
	if len(list) > 0 {
		text = fmt.Sprint(list[len(list)-1])
	}
	ok := false
	switch a.Op {
	case "match":
		ok = true
	case "field": // of the messages, the original and the captured one, either
		ok = there && (same(got, a.Value) || slices.ContainsFunc(list, func(v any) bool { return same(v, a.Value) }))
	case "field_not":
		ok = !there || !same(got, a.Value)
	case "absent":
		ok = !there
	case "contains":
		ok = there && contains(got, a.Value)
	case "contains_not":
		ok = !there || !contains(got, a.Value)
	case "start_with":
		ok = there && strings.HasPrefix(text, a.Value.(string))
	case "not_end_with":
		ok = !there || !strings.HasSuffix(text, a.Value.(string))
	case "type":
		_, hash := got.(map[string]any)
		ok = hash == (a.Value == "Hash")
	}
	if ok {
		return ""
	}
	return fmt.Sprintf("%v is %v (there: %v), should %s %v", a.Path, got, there, a.Op, a.Value)
}

func at(v any, path []string) (any, bool) {
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[name]; !ok {
			return nil, false
		}
	}
	return v, true
}

func contains(got, want any) bool {
	switch got := got.(type) {
	case map[string]any:
		_, ok := got[fmt.Sprint(want)]
		return ok
	case []any:
		return slices.ContainsFunc(got, func(v any) bool { return same(v, want) || contains(v, want) })
	}
	return strings.Contains(fmt.Sprint(got), fmt.Sprint(want))
}

// same reports whether a value is the one of a spec, whose $including names some members only.
func same(got, want any) bool {
	m, ok := want.(map[string]any)
	if !ok {
		return reflect.DeepEqual(got, want)
	}
	members, some := m["$including"].(map[string]any)
	if !some {
		members = m
	}
	g, ok := got.(map[string]any)
	if !ok || !some && len(g) != len(members) {
		return false
	}
	for name, v := range members {
		if _, there := g[name]; !there || !same(g[name], v) {
			return false
		}
	}
	return true
}

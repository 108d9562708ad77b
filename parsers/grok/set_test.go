package grok_test

import (
	"strings"
	"testing"

	"github.com/saypro/veritail/parsers/grok"
)

func TestASetTakesTheFirstExpressionThatMatches(t *testing.T) {
	for _, tc := range []struct {
		name  string
		mode  grok.Mode
		exprs []string
		text  string
		want  int
		first string // the first capture
	}{
		{"the first of two that match", grok.Whole, []string{`(?<a>a.*)`, `(?<a>ab)`}, "ab", 0, "ab"},
		{"the second where the first does not", grok.Whole, []string{`(?<x>a)`, `(?<y>a(?<z>b))`}, "ab", 1, "ab"},
		{"none", grok.Whole, []string{`a`, `b`}, "ab", -1, ""},
		{"whole texts only", grok.Whole, []string{`(?<a>a)`, `(?<a>ab|a)`}, "ab", 1, "ab"},
		{"a beginning is enough", grok.Prefix, []string{`(?<a>b)`, `(?<a>a)`}, "ab", 1, "a"},
		{"the first in order, not the longest", grok.Prefix, []string{`(?<a>a)`, `(?<a>ab)`}, "ab", 0, "a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, err := library(t).CompileSet(tc.exprs, tc.mode)
			if err != nil {
				t.Fatal(err)
			}
			slots := make([]int32, s.Slots())
			got := s.Match([]byte(tc.text), slots)
			if got != tc.want {
				t.Fatalf("expression %d, want %d", got, tc.want)
			}
			if tc.first != "" && tc.text[slots[0]:slots[1]] != tc.first {
				t.Errorf("captured %q, want %q", tc.text[slots[0]:slots[1]], tc.first)
			}
		})
	}
}

func TestASetNamesTheBadExpression(t *testing.T) {
	_, err := library(t).CompileSet([]string{`a`, `%{NOPE_NOPE}`}, grok.Whole)
	if err == nil || !strings.Contains(err.Error(), "pattern 2: grok: column 1: unknown pattern") {
		t.Error(err)
	}
}

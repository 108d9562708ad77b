package grok_test

import (
	"bytes"
	"os"
	"regexp"
	"testing"
)

// The questions of docs/grok.md get the answers that stand beside them.
func TestTheDocumentedAnswersAreRight(t *testing.T) {
	doc, err := os.ReadFile("../../docs/grok.md")
	if err != nil {
		t.Fatal(err)
	}
	var questions, want, got bytes.Buffer
	for _, m := range regexp.MustCompile(`(?m)^(\{"expr":.*?\}) {4,}(\{"match":.*)$`).FindAllSubmatch(doc, -1) {
		questions.Write(append(m[1], '\n'))
		want.Write(append(m[2], '\n'))
	}
	if err := library(t).Batch(&questions, &got); err != nil {
		t.Fatal(err)
	}
	if want.Len() == 0 || got.String() != want.String() {
		t.Errorf("got\n%swant\n%s", &got, &want)
	}
}

package query_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

func TestTheManualsExamplesParse(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "query.md"))
	if err != nil {
		t.Fatal(err)
	}
	schema := querytest.Schema()
	var queries []string
	for _, m := range regexp.MustCompile("(?s)```query\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		queries = append(queries, m[1])
	}
	table, _, _ := strings.Cut(string(text), "Combine them")
	for _, row := range regexp.MustCompile(`(?m)^\| .* \| (.*) \|$`).FindAllStringSubmatch(table, -1) {
		for _, m := range regexp.MustCompile("`([^`]{3,})`").FindAllStringSubmatch(row[1], -1) {
			queries = append(queries, strings.ReplaceAll(m[1], `\|`, "|"))
		}
	}
	if len(queries) < 20 {
		t.Errorf("only %d examples were found", len(queries))
	}
	for _, q := range queries {
		question, err := query.ParseQuestion(q, schema, querytest.Now)
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		for _, unknown := range query.Unknown(question.Where) {
			t.Errorf("%s: the field %s is unknown", q, unknown.Field)
		}
	}
}

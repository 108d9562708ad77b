package query_test

import (
	"flag"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

var update = flag.Bool("update", false, "write the golden files")

func parse(t testing.TB, text string, schema *event.Schema) query.Expr {
	t.Helper()
	e, err := query.Parse(text, schema, querytest.Now)
	if err != nil {
		t.Fatalf("parse %q: %v", text, err)
	}
	return e
}

// Package querytest holds what the tests of the query language's back ends share: random pages, random queries and
// a plain evaluator, Match, that says for one row what package query's comment says in words.
//
// Pages and queries draw from the same small pools of values, so that queries match some rows and miss others. All
// strings are UTF-8, but for the original line of some rows; every row has a time.
package querytest

import (
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// Now is the time at which RandomExpr's relative times count. The rows' times lie in the two days before it.
var Now = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// The fields that Schema has beside the core fields: one of each kind.
var extra = []event.FieldDef{
	{Name: "url.original", Kind: event.Keyword},
	{Name: "error.message", Kind: event.Text},
	{Name: "http.response.bytes", Kind: event.Int},
	{Name: "system.load", Kind: event.Float},
	{Name: "event.end", Kind: event.Time},
	{Name: "db.wait", Kind: event.Duration},
	{Name: "client.ip", Kind: event.Address},
	{Name: "tls.established", Kind: event.Bool},
}

// Schema returns the core fields and one more of each kind, which stores have no column for.
func Schema() *event.Schema {
	s := event.NewSchema()
	for _, d := range extra {
		if _, err := s.Add(d.Name, d.Kind); err != nil {
			panic(err) // the names differ from the core's
		}
	}
	return s
}

package query_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

func TestQuestions(t *testing.T) {
	schema := querytest.Schema()
	for _, tc := range []struct {
		name, text, where string
		agg               *query.Agg
	}{
		{"a condition asks for the events", "user.name:root", "user.name:root", nil},
		{"a count", "user.name:root | count", "user.name:root", &query.Agg{}},
		{"of everything", "| count", "*", &query.Agg{}},
		{"without spaces", "a|count", "message:a", &query.Agg{}},
		{"a quoted bar is none", `user.name:"a|count"`, `user.name:"a|count"`, nil},
		{"nor is one of a regular expression", `user.name:/a|b/ | count`, `user.name:/a|b/`, &query.Agg{}},
		{"by a field", "* | count by source.ip", "*", &query.Agg{By: []string{"source.ip"}}},
		{"by several", `* | count by source.ip,user.name , "my field"`, "*", &query.Agg{By: []string{"source.ip", "user.name", "my field"}}},
		{"over time", "* | count every 1d", "*", &query.Agg{Every: 24 * time.Hour, Zone: querytest.Now.Location()}},
		{"over time of a zone", "* | count every 1d zone Europe/Berlin limit 5", "*", &query.Agg{Every: 24 * time.Hour, Zone: zone(t, "Europe/Berlin"), Limit: 5}},
		{"bounded", "* | COUNT BY host.name LIMIT 5", "*", &query.Agg{By: []string{"host.name"}, Limit: 5}},
		{"measures", "* | p95(event.duration), distinct( user.name ) every 1h by event.dataset", "*",
			&query.Agg{By: []string{"event.dataset"}, Every: time.Hour, Zone: querytest.Now.Location(), Values: []query.Measure{{Fn: "p95", Field: "event.duration"}, {Fn: "distinct", Field: "user.name"}}}},
		{"a count among measures says nothing more", "* | count, sum(x.n)", "*", &query.Agg{Values: []query.Measure{{Fn: "sum", Field: "x.n"}}}},
		{"or and a bar", "a or b | count", "message:a or message:b", &query.Agg{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q, err := query.ParseQuestion(tc.text, schema, querytest.Now)
			if err != nil {
				t.Fatal(err)
			}
			if got := query.String(q.Where); got != tc.where {
				t.Errorf("the condition is %s, want %s", got, tc.where)
			}
			checkAgg(t, q.Agg, tc.agg)
			again, err := query.ParseQuestion(q.String(), schema, querytest.Now)
			if err != nil {
				t.Fatalf("%s does not parse: %v", q, err)
			}
			checkAgg(t, again.Agg, tc.agg)
		})
	}
}

// checkAgg compares what is asked, but for the condition of got.
func checkAgg(t *testing.T, got, want *query.Agg) {
	t.Helper()
	if got = withoutWhere(got); !reflect.DeepEqual(got, want) {
		t.Errorf("asked is %+v, want %+v", got, want)
	}
}

func withoutWhere(a *query.Agg) *query.Agg {
	if a == nil {
		return nil
	}
	c := *a
	c.Where = nil
	return &c
}

func TestMistakesBehindABar(t *testing.T) {
	for text, want := range map[string]string{
		"* |":                            "column 4: nothing is nothing that can be asked for; write count, or one of sum, avg, min, max, p50, p95, p99, distinct with a field: p95(event.duration); to find either of two conditions, write or",
		"a | b":                          "column 5: b is nothing that can be asked for; write count, or one of",
		"a || b":                         "column 3: || is no operator; write or",
		"(a | count)":                    "column 4: a | within parentheses; close the ( before it",
		"user.name: | count":             "column 12: a value is missing after user.name:",
		"not | count":                    "column 5: a condition is missing before |",
		"* | count | count":              "column 11: | is not expected here; one | is enough",
		"* | count(user.name)":           "column 10: count takes no field; write count, and narrow the query by field:*",
		"* | p95":                        "column 8: p95 needs a field; write p95(event.duration)",
		"* | p95 by event.dataset":       "column 9: p95 needs a field",
		"* | sum(source.ip)":             "column 9: source.ip is of kind ip, which has no sum; write distinct(source.ip)",
		"* | avg(message)":               "column 9: message is of kind text, which has no avg",
		"* | sum(a b)":                   "column 11: sum takes one field; write sum(a)",
		"* | count source.ip":            "column 11: source.ip is not expected here; by field, every 1h and limit 10 may follow",
		"* | count by":                   "column 13: nothing where the name of a field is expected",
		"* | count by a by b":            "column 16: by stands twice",
		"* | count every 1x":             "column 17: 1x is no step of time of whole seconds; write every 1m, every 1h or every 1d",
		"* | count every 10ms":           "column 17: 10ms is no step of time",
		"* | count every -1h":            "column 17: -1h is no step of time",
		"* | count every 7m":             "column 17: 7m neither divides a day nor is whole days; write every 5m, every 6h or every 7d",
		"* | count every 1d zone":        "column 24: nothing is no time zone; write a name of the time zone database, as zone Europe/Berlin",
		"* | count every 1d zone Berlin": "column 25: Berlin is no time zone",
		"* | count zone UTC":             "column 11: zone is not expected here; by field, every 1h and limit 10 may follow",
		"* | count limit 0":              "column 17: 0 is no number of groups from 1 to 10000; write limit 10",
		"* | count by a,b,c,d,e,f,g,h,i": "column 30: events are grouped by at most 8 fields",
	} {
		_, err := query.ParseQuestion(text, querytest.Schema(), querytest.Now)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s\ngives %v\nwant  %s", text, err, want)
		}
	}
	if _, err := query.Parse("a | count", querytest.Schema(), querytest.Now); err == nil || !strings.HasPrefix(err.Error(), "column 3: a | asks for numbers") {
		t.Errorf("a condition takes a |: %v", err)
	}
}

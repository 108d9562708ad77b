package query_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

// lists are the files of these tests.
func lists(name string) ([]string, error) {
	switch name {
	case "lists/nets.txt":
		return []string{"10.0.0.0/8", "192.0.2.7"}, nil
	case "lists/none.txt":
		return nil, nil
	case "lists/long.txt":
		return make([]string, query.MaxList+1), nil
	}
	return nil, fmt.Errorf("read %s: no such file", name)
}

func parseTable(t *testing.T, text string) (query.Expr, error) {
	t.Helper()
	var table map[string]any
	if _, err := toml.Decode(text, &table); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return query.ParseTable(table, querytest.Schema(), querytest.Now, lists)
}

func TestATableIsTheSameTreeAsItsQuery(t *testing.T) {
	for _, tc := range []struct{ name, table, query string }{
		{"a field and its value", `"user.name" = "root"`, "user.name:root"},
		{"a name without quotation marks", `user.name = "root"`, "user.name:root"},
		{"several fields", "event.action = \"login\"\nuser.name = \"root\"\nhost.name = \"a\"", "event.action:login and host.name:a and user.name:root"},
		{"several values", `user.name = ["root", "admin"]`, "user.name:(root or admin)"},
		{"a value is no pattern", `user.name = "ro*t"`, `user.name:"ro*t"`},
		{"a number", `http.response.status_code = 404`, "http.response.status_code:404"},
		{"a decimal", `system.load = 1.5`, "system.load:1.5"},
		{"true or false", `tls.established = true`, "tls.established:true"},
		{"a text is a phrase", `message = "deadlock detected"`, `"deadlock detected"`},
		{"an address", `source.ip = "10.0.0.1"`, "source.ip:10.0.0.1"},
		{"a network", `source.ip = { cidr = "10.0.0.0/8" }`, "source.ip:10.0.0.0/8"},
		{"networks", `source.ip = { cidr = ["10.0.0.0/8", "fe80::/10"] }`, "source.ip:(10.0.0.0/8 or fe80::/10)"},
		{"a part", `url.original = { contains = "../" }`, "url.original:*../*"},
		{"wildcards in a part are none", `url.original = { contains = "a*b" }`, `url.original:*a\*b*`},
		{"a beginning", `url.original = { startswith = "/admin" }`, `url.original:"/admin"*`},
		{"an end", `url.original = { endswith = [".php", ".asp"] }`, "url.original:(*.php or *.asp)"},
		{"a part of a text", `message = { contains = "(a" }`, `message:/\(a/`},
		{"the beginning of a text", `message = { startswith = "a.b" }`, `message:/^a\.b/`},
		{"the end of a text", `message = { endswith = "ab" }`, `message:/ab$/`},
		{"a regular expression", `url.original = { re = '(?i)\.(php|asp)$' }`, `url.original:/\.(php|asp)$/i`},
		{"orders", `http.response.status_code = { gte = 500, lt = 600 }`, "http.response.status_code>=500 and http.response.status_code<600"},
		{"orders of durations", `event.duration = { gt = "2s", lte = "1m" }`, "event.duration>2s and event.duration<=1m"},
		{"a time", `"@timestamp" = { gte = 2026-11-23T10:30:00Z }`, "@timestamp>=2026-11-23T10:30:00Z"},
		{"there is one", `user.name = { exists = true }`, "user.name:*"},
		{"there is none", `user.name = { exists = false }`, "not user.name:*"},
		{"the values of a file", `source.ip = { in = "lists/nets.txt" }`, "source.ip:(10.0.0.0/8 or 192.0.2.7)"},
		{"a file without values", `source.ip = { in = "lists/none.txt" }`, "not *"},
		{"any", `any = [{ user.name = "root" }, { host.name = "a", event.action = "b" }]`, "user.name:root or event.action:b and host.name:a"},
		{"all", `all = [{ user.name = "root" }, { user.name = { startswith = "r" } }]`, "user.name:root and user.name:r*"},
		{"not", `not = { user.name = "root", host.name = "a" }`, "not (host.name:a and user.name:root)"},
		{"not any", `not = [{ user.name = "root" }, { host.name = "a" }]`, "not (user.name:root or host.name:a)"},
		{"a header of its own", "event.action = \"login\"\n[not]\nsource.ip.cidr = \"10.0.0.0/8\"", "event.action:login and not source.ip:10.0.0.0/8"},
		{"tables of their own", "[[any]]\nuser.name = \"a\"\n[[any]]\nnot = { any = [{ user.name = \"b\" }] }", "user.name:a or not user.name:b"},
		{"a field that no schema knows", `labels.team = "db"`, "labels.team:db"},
		{"a field named as a modifier", `"labels.in" = "x"`, "labels.in:x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e, err := parseTable(t, tc.table)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := query.String(e), query.String(parse(t, tc.query, querytest.Schema())); got != want {
				t.Errorf("%s\nis   %s\nwant %s", tc.table, got, want)
			}
		})
	}
}

func TestMistakesInTablesAreNamedWithTheirPlaceAndARepair(t *testing.T) {
	for _, tc := range []struct{ table, path, want string }{
		{`user.name = { contians = "a" }`, "user name contians", `unknown modifier "contians"; did you mean "contains"?`},
		{`user.name = { contains = "a", lenght = 3 }`, "user name lenght", `unknown modifier "lenght" beside others; want some of contains`},
		{`user.name = {}`, "user name", "an empty table; want some of contains"},
		{`user.name = []`, "user name", "an empty list holds for no event"},
		{`user.name = [["a"]]`, "user name [0]", "an array is no value"},
		{`user.name = { exists = "yes" }`, "user name exists", `exists is "yes"; write true or false`},
		{`user.name = { gt = "a" }`, "user name gt", "user.name is of kind keyword and has no order; compare it with a value: user.name:root"},
		{`user.name = { cidr = "10.0.0.0/8" }`, "user name cidr", "user.name is of kind keyword; only addresses lie in a network"},
		{`source.ip = { cidr = ["10.0.0.0/8", "10.0.0.300"] }`, "source ip cidr [1]", "10.0.0.300 is no address or network"},
		{`source.ip = { contains = "10." }`, "source ip contains", "source.ip is of kind ip and takes no contains; write a network: 10.0.0.0/8"},
		{`http.response.status_code = "4xx"`, "http response status_code", "4xx is not a whole number, as http.response.status_code is; write a whole number"},
		{`url.original = { re = "(" }`, "url original re", "a regular expression that cannot be read"},
		{`url.original = { contains = "" }`, "url original contains", "nothing stands in every value"},
		{`message = "--"`, "message", "there is no letter, digit or _ in what is searched for"},
		{`source.ip = { in = "lists/gone.txt" }`, "source ip in", "read lists/gone.txt: no such file"},
		{`source.ip = { in = ["a"] }`, "source ip in", `want the name of a file, as "lists/scanners.txt", not an array; values themselves stand in an array: source.ip = ["a", "b"]`},
		{`source.ip = { in = "lists/long.txt" }`, "source ip in", "lists/long.txt has 10001 values; a list has at most 10000"},
		{`user.pid = { in = "lists/nets.txt" }` + "\nprocess.pid.in = \"lists/nets.txt\"", "process pid in", "lists/nets.txt: "},
		{`any = "a"`, "any", `want tables, as { user.name = "root" }, not "a"`},
		{`any = []`, "any", `want tables`},
		{`not = [{ user.name = "a" }, 5]`, "not [1]", `want a table, as { user.name = "root" }, not 5`},
		{`any = [{ user.name = "a" }, { all = [{}] }]`, "any [1] all [0]", "an empty table; write a field and its value"},
		{strings.Repeat("not.", 70) + `a = "b"`, strings.TrimSpace(strings.Repeat("not ", 65)), "conditions stand at most 64 deep in each other"},
	} {
		_, err := parseTable(t, tc.table)
		var e *query.TableError
		if !errors.As(err, &e) || strings.Join(e.Path, " ") != tc.path || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s\ngot  %+v %v\nwant %s: %s", tc.table, e, err, tc.path, tc.want)
		}
	}
}

// Thousands of values are one test: of words, and of addresses and networks that may overlap.
func TestALongListMatchesWhatItsValuesWould(t *testing.T) {
	var names, nets []string
	for i := range 3000 {
		names = append(names, fmt.Sprintf("user%d", i*3))
		nets = append(nets, fmt.Sprintf("10.%d.%d.%d/%d", i%7, i%251, i%199, 24+i%9))
	}
	table := map[string]any{"user.name": anys(names), "source.ip": map[string]any{"cidr": anys(nets)}}
	for key, v := range table {
		e, err := query.ParseTable(map[string]any{key: v}, querytest.Schema(), querytest.Now, lists)
		if err != nil {
			t.Fatal(err)
		}
		p := &event.Page{Schema: querytest.Schema(), Arena: &event.Arena{}}
		for i := range event.PageRows {
			p.AddRow(p.Arena.PutString("x"), 1, []event.Span{{Off: int64(i), Len: 1}})
			p.SetStr(i, event.FieldUser, p.Arena.PutString(fmt.Sprintf("user%d", i)))
			p.SetIP(i, event.FieldSourceIP, event.IP{Lo: 0xffff<<32 | 10<<24 | uint64(i%9)<<16 | uint64(i%255)<<8 | uint64(i*7%256)})
		}
		p.Complete()
		if n := matchAgainstOracle(t, key, e, p); n < 100 || n > event.PageRows-100 {
			t.Errorf("%s: %d rows match", key, n)
		}
	}
}

func anys(list []string) []any {
	out := make([]any, len(list))
	for i, s := range slices.Sorted(slices.Values(list)) {
		out[i] = s
	}
	return out
}

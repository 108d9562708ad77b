package query_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // a machine may have none

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

func TestParse(t *testing.T) {
	schema := querytest.Schema()
	for _, tc := range []struct{ name, text, want string }{
		{"the empty text is everything", " ", "*"},
		{"a bare word searches the message", "deadlock", "message:deadlock"},
		{"a quoted phrase too", `"deadlock detected"`, `message:"deadlock detected"`},
		{"a bare word with punctuation is a phrase", "10.0.0.1", "message:10.0.0.1"},
		{"field and value", "event.outcome:failure", "event.outcome:failure"},
		{"space may follow the colon", "user.name: root", "user.name:root"},
		{"adjacent terms are and", "a b c", "message:a and message:b and message:c"},
		{"and binds stronger than or", "a or b and c", "message:a or message:b and message:c"},
		{"adjacency binds as and does", "a b or c", "message:a and message:b or message:c"},
		{"not binds strongest", "not a b", "not message:a and message:b"},
		{"not twice", "not not a", "not not message:a"},
		{"parentheses", "a (b or not (c d))", "message:a and (message:b or not (message:c and message:d))"},
		{"keywords in any case", "a AND b Or NoT c", "message:a and message:b or not message:c"},
		{"a word that begins with a keyword", "android oracle nothing", "message:android and message:oracle and message:nothing"},
		{"a field named like a keyword", "not:x", "not:x"},
		{"several values", `user.name:(root or "Domain Admin")`, `user.name:root or user.name:"Domain Admin"`},
		{"several values, all unwanted", "not user.name:(root or admin)", "not (user.name:root or user.name:admin)"},
		{"conditions among values", "message:(dead* and not /x/i)", `message:"dead"* and not message:/(?i)x/`},
		{"orders among values", "http.response.status_code:(404 or >=500)", "http.response.status_code:404 or http.response.status_code>=500"},
		{"addresses among values", "source.ip:(::1 or 10.0.0.0/8)", "source.ip:::1 or source.ip:10.0.0.0/8"},
		{"exists", "exists(user.name)", "user.name:*"},
		{"exists, the short way", "user.name:*", "user.name:*"},
		{"everything and nothing", "a or * or not *", "message:a or *"},
		{"a wildcard", "host.name:web*-?", `host.name:web*\-?`},
		{"stars in a row are one", "host.name:**a**", "host.name:*a*"},
		{"a literal star", `host.name:a\**`, `host.name:a\**`},
		{"a star in quotation marks is literal", `host.name:"a*"`, `host.name:"a*"`},
		{"a quoted beginning", `host.name:"web 1"*`, `host.name:web\ 1*`},
		{"a token's beginning", "DEAD*", `message:"DEAD"*`},
		{"a phrase's beginning", `"deadlock det"*`, `message:"deadlock det"*`},
		{"a wildcard within a token", "message:*LOCK", "message:*lock"},
		{"a regular expression", `url.original:/^\/(wp|admin)\b/`, `url.original:/^\/(wp|admin)\b/`},
		{"a regular expression with spaces and brackets", `url.original:/a (b|"c") [)]/`, `url.original:/a (b|"c") [)]/`},
		{"a regular expression in any case", "url.original:/a/i", "url.original:/(?i)a/"},
		{"a bare regular expression", "/dead.*lock/", "message:/dead.*lock/"},
		{"an address", "source.ip:10.0.0.1", "source.ip:10.0.0.1"},
		{"an address of IPv6", "source.ip:2001:DB8::1", "source.ip:2001:db8::1"},
		{"a network is masked", "source.ip:10.1.2.3/8", "source.ip:10.0.0.0/8"},
		{"a mapped network is one of IPv4", "source.ip:::ffff:10.0.0.0/104", "source.ip:10.0.0.0/8"},
		{"a range of addresses", "source.ip:[10.0.0.1 to 10.0.0.9]", "source.ip:[10.0.0.1 to 10.0.0.9]"},
		{"a range", "http.response.status_code:[400 to 499]", "http.response.status_code>=400 and http.response.status_code<=499"},
		{"a range open above", "http.response.status_code:[400 TO *]", "http.response.status_code>=400"},
		{"a range open on both sides", "http.response.status_code:[* to *]", "http.response.status_code:*"},
		{"orders with and without space", "http.response.status_code >= 400 event.duration<2s", "http.response.status_code>=400 and event.duration<2s"},
		{"an order after a colon", "http.response.status_code:>=400", "http.response.status_code>=400"},
		{"durations", "event.duration:(150ms or 1h30m or 2d or 1w1d12h or -5s)", `event.duration:150ms or event.duration:1h30m0s or event.duration:48h0m0s or event.duration:204h0m0s or event.duration:"-5s"`},
		{"decimal numbers", "system.load>=0.50", "system.load>=0.5"},
		{"booleans", "tls.established:TRUE", "tls.established:true"},
		{"unparsed is true or missing", "veritail.unparsed:false", "not veritail.unparsed:true"},
		{"a relative time", "@timestamp>=now-15m", "@timestamp>=2026-11-24T11:45:00.000000Z"},
		{"now", "@timestamp<now", "@timestamp<2026-11-24T12:00:00.000000Z"},
		{"today", "@timestamp:today", "@timestamp>=2026-11-24T00:00:00.000000Z and @timestamp<2026-11-25T00:00:00.000000Z"},
		{"yesterday", "@timestamp:yesterday", "@timestamp>=2026-11-23T00:00:00.000000Z and @timestamp<2026-11-24T00:00:00.000000Z"},
		{"up to a day is up to its end", "@timestamp<=2026-11-23", "@timestamp<2026-11-24T00:00:00.000000Z"},
		{"after a day is after its end", "@timestamp>2026-11-23", "@timestamp>=2026-11-24T00:00:00.000000Z"},
		{"a range of days has both", "@timestamp:[2026-11-22 to 2026-11-23]", "@timestamp>=2026-11-22T00:00:00.000000Z and @timestamp<2026-11-24T00:00:00.000000Z"},
		{"a minute lasts a minute", "@timestamp:2026-11-23T10:30", "@timestamp>=2026-11-23T10:30:00.000000Z and @timestamp<2026-11-23T10:31:00.000000Z"},
		{"a second with its zone", "@timestamp:2026-11-23T10:30:00+01:00", "@timestamp>=2026-11-23T09:30:00.000000Z and @timestamp<2026-11-23T09:30:01.000000Z"},
		{"a fraction is an instant", `@timestamp:"2026-11-23 10:30:00.5Z"`, "@timestamp:2026-11-23T10:30:00.500000Z"},
		{"a time of another field", "event.end<now-1d", "event.end<2026-11-23T12:00:00.000000Z"},
		{"an unknown field is a keyword", "labels.team:db", "labels.team:db"},
		{"an unknown field with an order is a number", "x.bytes>1e3", "x.bytes>1000"},
		{"a quoted field", `"odd name":x and "odd name">=5`, `"odd name":x and "odd name">=5`},
		{"escapes in quotation marks", `user.name:"a\"b\\c\n\t\u00e9\u0001"`, `user.name:"a\"b\\c\n\té\u0001"`},
		{"escapes without quotation marks", `user.name:\(a\ b\)`, `user.name:"(a b)"`},
		{"quoted keywords", `user.name:("and" or "not")`, `user.name:"and" or user.name:"not"`},
		{"special characters inside a value", "url.original:a?b=c&d=/e", `url.original:a?b\=c\&d\=\/e`},
		{"white space of all kinds", "a\u00a0b\n\tc", "message:a and message:b and message:c"},
		{"the example of the manual", `event.outcome:failure and source.ip:10.0.0.0/8 and not user.name:(root or admin) and message:"deadlock detected" and event.duration>=2s`,
			`event.outcome:failure and source.ip:10.0.0.0/8 and not (user.name:root or user.name:admin) and message:"deadlock detected" and event.duration>=2s`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := parse(t, tc.text, schema)
			if got := query.String(e); got != tc.want {
				t.Errorf("%s\nis   %s\nwant %s", tc.text, got, tc.want)
			}
			roundTrip(t, e, schema)
		})
	}
}

// roundTrip checks that e is parsed again from what it prints.
func roundTrip(t *testing.T, e query.Expr, schema *event.Schema) {
	t.Helper()
	text := query.String(e)
	again, err := query.Parse(text, schema, querytest.Now)
	if err != nil {
		t.Fatalf("%s does not parse: %v", text, err)
	}
	if !reflect.DeepEqual(withoutPos(e), withoutPos(again)) {
		t.Fatalf("%s\ncomes back as %s", text, query.String(again))
	}
}

// withoutPos copies a tree without what a round trip may change: places, and the memory of regular expressions.
func withoutPos(e query.Expr) query.Expr {
	switch e := e.(type) {
	case query.And:
		c := query.And{}
		for _, x := range e {
			c = append(c, withoutPos(x))
		}
		return c
	case query.Or:
		c := query.Or{}
		for _, x := range e {
			c = append(c, withoutPos(x))
		}
		return c
	case query.Not:
		return query.Not{X: withoutPos(e.X)}
	case *query.Test:
		c := *e
		c.Pos = 0
		if c.Re != nil {
			c.Str += "\x00" + c.Re.String()
			c.Re = nil
		}
		return &c
	}
	return e
}

func TestParseResolvesFieldsAndOperands(t *testing.T) {
	schema := querytest.Schema()
	ip := func(hi, lo uint64) event.IP { return event.IP{Hi: hi, Lo: lo} }
	for text, want := range map[string]query.Test{
		"  user.name:root":       {Field: "user.name", F: event.FieldUser, Known: true, Kind: event.Keyword, Op: query.Equal, Str: "root", Pos: 3},
		"x:root":                 {Field: "x", Kind: event.Keyword, Op: query.Equal, Str: "root", Pos: 1},
		"x>5":                    {Field: "x", Kind: event.Keyword, Op: query.More, Str: "5", Float: 5, Pos: 1},
		`"Dead-LOCK x"*`:         {Field: "message", F: event.FieldMessage, Known: true, Kind: event.Text, Op: query.Equal, Str: "Dead-LOCK x", Tokens: []string{"dead", "lock", "x"}, Prefix: true, Pos: 1},
		"process.pid<007":        {Field: "process.pid", F: event.FieldPID, Known: true, Kind: event.Int, Op: query.Less, Str: "7", Int: 7, Pos: 1},
		"event.duration:1.5s":    {Field: "event.duration", F: event.FieldDuration, Known: true, Kind: event.Duration, Op: query.Equal, Str: "1.5s", Int: 1.5e9, Pos: 1},
		"source.ip:10.0.0.1":     {Field: "source.ip", F: event.FieldSourceIP, Known: true, Kind: event.Address, Op: query.Equal, Str: "10.0.0.1", Lo: ip(0, 0xffff0a000001), Hi: ip(0, 0xffff0a000001), Pos: 1},
		"source.ip:[:: to *]":    {Field: "source.ip", F: event.FieldSourceIP, Known: true, Kind: event.Address, Op: query.In, Str: "[:: to ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]", Hi: ip(math.MaxUint64, math.MaxUint64), Pos: 1},
		"@timestamp>now":         {Field: "@timestamp", F: event.FieldTime, Known: true, Kind: event.Time, Op: query.More, Str: "2026-11-24T12:00:00.000000Z", Int: querytest.Now.UnixMicro(), Pos: 1},
		"veritail.unparsed:true": {Field: "veritail.unparsed", F: event.FieldUnparsed, Known: true, Kind: event.Bool, Op: query.Equal, Str: "true", Int: 1, Pos: 1},
	} {
		if got := parse(t, text, schema); !reflect.DeepEqual(got, &want) {
			t.Errorf("%s\nis   %+v\nwant %+v", text, got, &want)
		}
	}
}

func TestNetworksAreRanges(t *testing.T) {
	for text, want := range map[string][2]string{
		"0.0.0.0/0":     {"0.0.0.0", "255.255.255.255"},
		"10.0.0.0/8":    {"10.0.0.0", "10.255.255.255"},
		"10.0.0.1/32":   {"10.0.0.1", "10.0.0.1"},
		"::/0":          {"::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
		"2001:db8::/64": {"2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"},
		"2001:db8::/65": {"2001:db8::", "2001:db8::7fff:ffff:ffff:ffff"},
		"2001:db8::/63": {"2001:db8::", "2001:db8:0:1:ffff:ffff:ffff:ffff"},
		"::1/128":       {"::1", "::1"},
	} {
		test := parse(t, "source.ip:"+text, querytest.Schema()).(*query.Test)
		if lo, hi := test.Lo.Addr().String(), test.Hi.Addr().String(); lo != want[0] || hi != want[1] {
			t.Errorf("%s is %s to %s, want %v", text, lo, hi, want)
		}
	}
}

func TestTimesWithoutAZoneAreInTheZoneOfNow(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 10, 25, 12, 0, 0, 0, berlin) // this day has 25 hours
	e, err := query.Parse("@timestamp:today or @timestamp>=2026-10-25T12:00", querytest.Schema(), now)
	if err != nil {
		t.Fatal(err)
	}
	const want = "@timestamp>=2026-10-24T22:00:00.000000Z and @timestamp<2026-10-25T23:00:00.000000Z or @timestamp>=2026-10-25T11:00:00.000000Z"
	if got := query.String(e); got != want {
		t.Errorf("is %s, want %s", got, want)
	}
}

func TestRandomQueriesComeBackFromWhatTheyPrint(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	schema := querytest.Schema()
	for range 3000 {
		roundTrip(t, querytest.RandomExpr(r, schema), schema)
	}
}

func TestTreesMadeByHandPrintWhatTheyMean(t *testing.T) {
	a := &query.Test{Field: "a", Kind: event.Keyword, Op: query.Equal, Str: "1"}
	b := &query.Test{Field: "b c", Kind: event.Keyword, Op: query.Exists}
	for want, e := range map[string]query.Expr{
		"*":                             nil,
		"not *":                         query.Or{},
		"a:1":                           query.And{query.Or{query.And{a}}},
		`a:1 and (a:1 or "b c":*)`:      query.And{a, query.Or{a, b}},
		`a:1 and "b c":* and a:1`:       query.And{query.And{a, b}, a},
		`not (a:1 and "b c":*)`:         query.Not{X: query.And{query.And{a, b}}},
		`not not a:1 or * and (* or *)`: query.Or{query.Not{X: query.Not{X: a}}, query.And{query.And{}, query.Or{nil, nil}}},
	} {
		if got := query.String(e); got != want {
			t.Errorf("prints %s, want %s", got, want)
		}
	}
}

func TestBoundsOfQueries(t *testing.T) {
	schema := querytest.Schema()
	for name, text := range map[string]string{
		"length":                           strings.Repeat("a", query.MaxLength+1),
		"tests":                            strings.Repeat("a ", query.MaxTerms+1),
		"depth of parentheses":             strings.Repeat("(", query.MaxDepth+1) + "a" + strings.Repeat(")", query.MaxDepth+1),
		"depth of nots":                    strings.Repeat("not ", query.MaxDepth+1) + "a",
		"depth of values":                  "a:" + strings.Repeat("(", query.MaxDepth+1) + "a" + strings.Repeat(")", query.MaxDepth+1),
		"length of a regular expression":   "/" + strings.Repeat("a", query.MaxPattern+1) + "/",
		"length of a wildcard":             "user.name:" + strings.Repeat("a", query.MaxPattern+1) + "*",
		"size of a regular expression":     `/(\pL{100}){10}/`,
		"size of many regular expressions": strings.Repeat(`/\pL{10}/ `, 20),
	} {
		var parseErr *query.Error
		if _, err := query.Parse(text, schema, querytest.Now); !errors.As(err, &parseErr) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for name, text := range map[string]string{
		"tests": strings.TrimSpace(strings.Repeat("a ", query.MaxTerms)),
		"depth": strings.Repeat("(", query.MaxDepth) + "a" + strings.Repeat(")", query.MaxDepth),
	} {
		if _, err := query.Parse(text, schema, querytest.Now); err != nil {
			t.Errorf("%s at the bound: %v", name, err)
		}
	}
}

// TestErrors compares what the search box shows for each line of testdata/errors.txt with errors.golden.
func TestErrors(t *testing.T) {
	input, err := os.ReadFile(filepath.Join("testdata", "errors.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, text := range strings.Split(strings.TrimRight(string(input), "\n"), "\n") {
		_, err := query.Parse(text, querytest.Schema(), querytest.Now)
		var e *query.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: error %v", text, err)
			continue
		}
		got.WriteString(e.Show(text) + "\n\n")
	}
	golden := filepath.Join("testdata", "errors.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("errors differ from %s (-update writes it):\n%s", golden, got.String())
	}
}

// Whatever is wrong with a query, its error points into the text or just behind it, and says what to do.
func TestEveryErrorOffersARepair(t *testing.T) {
	long := strings.Repeat("a", query.MaxLength)
	texts := []string{long + "b", strings.Repeat("(", query.MaxDepth+1) + "a", "a\xff", "or", "a | count by", "a | count, by", "a | count by x by y",
		"a | count every 1h every 1d", "a | sum(a),sum(b),sum(c),sum(d),sum(e),sum(f),sum(g),sum(h),sum(i),sum(j),sum(k),sum(l),sum(m),sum(n),sum(o),sum(p),sum(q)",
		"a | count by a,b,c,d,e,f,g,h,i,j,k,l,m", "user.name>5", "message<a", "process.pid:x", "system.load>x", "x>abc", "event.duration:2", "veritail.unparsed:maybe",
		"source.ip:", "source.ip:and", "process.pid:1*", "process.pid>1*", "user.name:" + strings.Repeat("a", query.MaxPattern) + "*", "dead-l*ck", "dead-*",
		"/" + strings.Repeat("a", query.MaxPattern+1) + "/", "/(/", "/a{9999}/", "process.pid:/1/", "@timestamp>soon", "source.ip:[1 to 2]", "process.pid:[1 2]", "process.pid:[1 to 2"}
	r := rand.New(rand.NewPCG(5, 14))
	pieces := []string{"(", ")", `"`, "|", ":", ":", ">", "[", "]", "to", "and", "not", "/", "*", "\\", " ", "by", "count", "limit", "every", ",", "=", "1h", "user.name", "event.duration", "now"}
	for range 20_000 {
		text := querytest.RandomText(r, querytest.Schema())
		for range 1 + r.IntN(2) {
			at := r.IntN(len(text) + 1)
			text = text[:at] + pieces[r.IntN(len(pieces))] + text[min(at+r.IntN(3), len(text)):]
		}
		texts = append(texts, text)
	}
	wrong := 0
	for _, text := range texts {
		_, err := query.ParseQuestion(text, querytest.Schema(), querytest.Now)
		if err == nil {
			continue
		}
		wrong++
		var e *query.Error
		if !errors.As(err, &e) || e.Repair == "" || e.Msg == "" || e.Pos < 1 || e.Pos > len(text)+1 {
			t.Fatalf("%.100q: %v", text, err)
		}
	}
	if wrong < 5000 {
		t.Errorf("only %d of %d texts are wrong", wrong, len(texts))
	}
}

func TestErrorsNameTheByteColumn(t *testing.T) {
	for text, want := range map[string]int{
		"http.response.status_code:abc":          27,
		"über and http.response.status_code:abc": 37,
		"a or":                 5,
		"a )":                  3,
		"a (b":                 3,
		`a "b`:                 3,
		"user.name:":           11,
		"\xff":                 1,
		"event.duration>=2":    17,
		"source.ip:10.0.0.300": 11,
	} {
		_, err := query.Parse(text, querytest.Schema(), querytest.Now)
		var e *query.Error
		if !errors.As(err, &e) || e.Pos != want {
			t.Errorf("%s: %v, want column %d", text, err, want)
		}
	}
}

func TestShowKeepsTheCaretUnderItsPlace(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		pos  int
		want string
	}{
		"letters of several bytes":  {"äöü x", 8, "äöü x\n    ^ m"},
		"the line it is in":         {"first\nsecond\nthird", 8, "second\n ^ m"},
		"control characters":        {"a\x1b[31m\tb", 8, "a [31m b\n       ^ m"},
		"the end":                   {"a", 2, "a\n ^ m"},
		"a column beyond the query": {"a", 99, "a\n ^ m"},
		"a byte that is not UTF-8":  {"a\xffb", 3, "a\ufffdb\n  ^ m"},
		"a long line":               {strings.Repeat("a", 300) + "X" + strings.Repeat("b", 300), 301, strings.Repeat("a", 50) + "X" + strings.Repeat("b", 49) + "\n" + strings.Repeat(" ", 50) + "^ m"},
	} {
		if got := (&query.Error{Pos: tc.pos, Msg: "m"}).Show(tc.text); got != tc.want {
			t.Errorf("%s: shows\n%s\nwant\n%s", name, got, tc.want)
		}
	}
}

func TestUnknownFieldsAreToldWithTheNearest(t *testing.T) {
	schema := querytest.Schema()
	e := parse(t, "usr.name:root or not (labels.team:db and user.name:x) statuz", schema)
	var names []string
	for _, test := range query.Unknown(e) {
		names = append(names, test.Field)
	}
	if got := strings.Join(names, " "); got != "usr.name labels.team" {
		t.Errorf("unknown fields %s", got)
	}
	for name, want := range map[string]string{
		"usr.name": "user.name", "user.nmae": "user.name", "User.Name": "user.name", "event.outcom": "event.outcome", "user": "user.name",
		"status": "http.response.status_code", "timestamp": "@timestamp", "ip": "", "labels.team": "", "": "", "sourceip": "source.ip",
		strings.Repeat("x", 1000): "",
	} {
		if got := query.Nearest(name, schema); got != want {
			t.Errorf("nearest to %.20q is %q, want %q", name, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	schema := querytest.Schema()
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		f.Add(querytest.RandomText(r, schema))
	}
	for _, s := range []string{`a:"\u00e9"*`, `/\Qa\/\E/i`, `a:\*?`, `source.ip:[::1 to *]`, `@timestamp>now-9999999h`, `(((`, `a:(b or (c))`, "a | p95(b), count by c every 1h limit 3", `"":x`, "not *", "x:``"} {
		f.Add(s)
	}
	p := querytest.RandomPage(r, schema, 20)
	f.Fuzz(func(t *testing.T, text string) {
		q, err := query.ParseQuestion(text, schema, querytest.Now)
		if err != nil {
			var parseErr *query.Error
			if !errors.As(err, &parseErr) || parseErr.Pos < 1 || parseErr.Pos > len(text)+1 {
				t.Fatalf("error %v of %q", err, text)
			}
			_ = parseErr.Show(text)
			return
		}
		e := q.Where
		if len(q.String()) <= query.MaxLength {
			roundTrip(t, e, schema)
			again, err := query.ParseQuestion(q.String(), schema, querytest.Now)
			if err != nil {
				t.Fatalf("%s does not parse: %v", q, err)
			}
			checkAgg(t, again.Agg, withoutWhere(q.Agg))
		}
		matchAgainstOracle(t, text, e, p)
	})
}

func TestNumber(t *testing.T) {
	for _, s := range []string{"0", "-0", "12", "1.5", "-1.5e+3", "1E3", "12345678901234567890"} {
		if _, ok := query.Number(s); !ok {
			t.Errorf("%s is a number", s)
		}
	}
	for _, s := range []string{"", "-", "01", "+1", ".5", "1.", "1e", "0x1", "NaN", "Inf", "1_0", " 1", "1 ", "1e999", "1.5.5"} {
		if _, ok := query.Number(s); ok {
			t.Errorf("%q is no number", s)
		}
	}
}

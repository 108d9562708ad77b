package query_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/query/querytest"
)

func TestMatcherAgreesWithTheOracleOnRandomPagesAndQueries(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 34))
	schema := querytest.Schema()
	hits, rows, mixed, queries := 0, 0, 0, 0
	for round := range 60 {
		p := querytest.RandomPage(r, schema, []int{0, 1, 63, 64, 65, 200, 300}[round%7])
		for range 60 {
			text := querytest.RandomText(r, schema)
			e := parse(t, text, schema)
			n := matchAgainstOracle(t, text, e, p)
			queries++
			hits, rows = hits+n, rows+p.N
			if n > 0 && n < p.N {
				mixed++
			}
		}
	}
	t.Logf("%d queries, %d of %d rows matched, %d queries matched some rows and missed others", queries, hits, rows, mixed)
	if mixed < queries/3 {
		t.Errorf("only %d of %d queries tell rows apart: the generator has become too narrow", mixed, queries)
	}
}

// matchAgainstOracle compares every row and returns how many matched.
func matchAgainstOracle(t *testing.T, text string, e query.Expr, p *event.Page) int {
	t.Helper()
	m, err := query.Compile(e)
	if err != nil {
		t.Fatalf("compile %s: %v", text, err)
	}
	var got event.Bits
	for i := range got {
		got[i] = ^uint64(0) // Match clears what does not match
	}
	m.Match(p, &got)
	n := 0
	for i := range event.PageRows {
		want := i < p.N && querytest.Match(e, p.Row(i))
		if want {
			n++
		}
		if got.Has(i) == want {
			continue
		}
		if i >= p.N {
			t.Fatalf("%s: bit %d is set in a page of %d rows", text, i, p.N)
		}
		t.Fatalf("%s\nrow %d: matcher says %v, oracle %v\noriginal %q\nobject %s\nfields %s", text, i, got.Has(i), want,
			p.Bytes(p.Raw[i]), p.Bytes(p.Extra[i]), fields(p, i))
	}
	return n
}

func fields(p *event.Page, i int) string {
	var b strings.Builder
	for _, f := range p.Columns() {
		if v, ok := p.Row(i).Text(f); ok {
			fmt.Fprintf(&b, "%s=%q ", p.Schema.Def(f).Name, v)
		}
	}
	return b.String()
}

// event1 makes a page of one event from name and value pairs; values that the schema has no field for go into the
// JSON object, written as JSON.
func event1(original string, values ...string) *event.Page {
	schema := querytest.Schema()
	p := &event.Page{Schema: schema, Arena: &event.Arena{}, Data: "sshd", Path: "/var/log/auth.log"}
	p.AddRow(p.Arena.PutString(original), 1, []event.Span{{Off: 77, Len: 10}})
	var object []string
	for i := 0; i < len(values); i += 2 {
		f, ok := schema.Lookup(values[i])
		if !ok {
			object = append(object, fmt.Sprintf("%q:%s", values[i], values[i+1]))
			continue
		}
		p.SetStr(0, f, p.Arena.PutString(values[i+1]))
	}
	if object != nil {
		p.Extra[0] = p.Arena.PutString("{" + strings.Join(object, ",") + "}")
	}
	p.Complete()
	return p
}

func TestWhatAQueryFinds(t *testing.T) {
	sshd := event1("Failed password for root from 10.0.0.1 port 22", "user.name", "root", "message", "Failed password for root")
	bare := event1("ERROR: Deadlock-detected in ÄRGER", "code", "5.0", "text", `"5"`, "list", `["a"]`, "gone", "null", "flag", "true", "big.name", `"w\u0065b1"`)
	for _, tc := range []struct {
		name, query string
		page        *event.Page
		want        bool
	}{
		{"a keyword is compared in its case", "user.name:Root", sshd, false},
		{"not is true of a missing field", "not host.name:web1", sshd, true},
		{"a missing field does not exist", "host.name:*", sshd, false},
		{"a missing field fits no wildcard", "host.name:?*", sshd, false},
		{"text is compared by tokens in any case", `"FAILED password"`, sshd, true},
		{"a part of a token is not found", "passw", sshd, false},
		{"a prefix of a token is found with *", "passw*", sshd, true},
		{"the original line is not searched where there is a message", "port", sshd, false},
		{"unless it is asked for", "event.original:port", sshd, true},
		{"the original line is searched where there is no message", "message:error", bare, true},
		{"but the message does not exist then", "message:*", bare, false},
		{"a phrase goes over what separates tokens", `"deadlock detected"`, bare, true},
		{"a phrase does not go over a token", `"deadlock in"`, bare, false},
		{"letters fold beyond ASCII", "ärger", bare, true},
		{"what the page keeps is found", "event.dataset:sshd and log.file.path:*/auth.log and log.offset:77", sshd, true},
		{"an empty site is missing", "veritail.site:*", sshd, false},
		{"an event is not unparsed", "veritail.unparsed:false", sshd, true},
		{"a number in the object is compared by value", "code:5 and code:5.00 and code:5e0", bare, true},
		{"a string in the object is compared by bytes", "text:5.0", bare, false},
		{"a string that is a number has an order", "text>=5 and text<6 and code:[5 to 5]", bare, true},
		{"a list exists and is nothing else", "list:* and not list:a", bare, true},
		{"null is missing", "gone:*", bare, false},
		{"a boolean in the object is a word", "flag:true and not flag:/true/", bare, true},
		{"escapes in the object are undone", "big.name:web1 and big.name:we?1", bare, true},
		{"everything", "*", bare, true},
		{"nothing", "not *", bare, false},
		{"the empty query is everything", "", bare, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := parse(t, tc.query, tc.page.Schema)
			if got := matchAgainstOracle(t, tc.query, e, tc.page) == 1; got != tc.want {
				t.Errorf("%s: %v, want %v", tc.query, got, tc.want)
			}
		})
	}
}

func TestHostileObjectsAreNotFoundAndDoNoHarm(t *testing.T) {
	m, err := query.Compile(parse(t, `k:* or k>5 or k:"x"`, querytest.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range []string{"", "{", `{"`, `{"k`, `{"k"`, `{"k":`, `{"k":"`, `{"k":"\`, `{"k":[`, `{"k":[[[{"`, `{"\`, `{"\u`, `{"\u00`,
		`[{"k":5}]`, `"k"`, "k", `{"a":}`, `{"a" "k":1}`, `{,"k":1}`, "\x00{\"k\":1}"} {
		p := event1("x")
		p.Extra[0] = p.Arena.PutString(object)
		var out event.Bits
		m.Match(p, &out)
		if out.Has(0) {
			t.Errorf("object %q has no field k", object)
		}
	}
}

func TestOfAKeyThatStandsTwiceTheFirstCounts(t *testing.T) {
	p := event1("x", "k", "1", "k", "2")
	m, err := query.Compile(parse(t, "k:1 and not k:2", p.Schema))
	if err != nil {
		t.Fatal(err)
	}
	var out event.Bits
	m.Match(p, &out)
	if !out.Has(0) {
		t.Error("the second counts")
	}
}

func TestCompileRefusesTestsThatMakeNoSense(t *testing.T) {
	for name, test := range map[string]*query.Test{
		"no operator":                      {Known: true, Kind: event.Int},
		"no kind":                          {Known: true, Op: query.Equal},
		"an order of keywords":             {Known: true, Kind: event.Keyword, Op: query.Less},
		"an order of texts":                {Known: true, Kind: event.Text, Op: query.Less},
		"a network of numbers":             {Known: true, Kind: event.Int, Op: query.In},
		"a wildcard of numbers":            {Known: true, Kind: event.Int, Op: query.Wildcard},
		"a regular expression without one": {Known: true, Kind: event.Keyword, Op: query.Regexp},
		"a phrase without tokens":          {Known: true, Kind: event.Text, Op: query.Equal},
		"an unknown field with a kind":     {Kind: event.Int, Op: query.Equal},
	} {
		if _, err := query.Compile(query.Not{X: query.And{test}}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTheNilTreeMatchesEverything(t *testing.T) {
	p := event1("x")
	if n := matchAgainstOracle(t, "nil", query.And{nil, nil}, p) + matchAgainstOracle(t, "nil", nil, p); n != 2 {
		t.Errorf("%d of 2 match", n)
	}
}

func TestTextPatternSaysTheSameAsTheTest(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	schema := querytest.Schema()
	done := 0
	for done < 300 {
		e := querytest.RandomExpr(r, schema)
		test, ok := e.(*query.Test)
		if !ok || test.Kind != event.Text || test.Op != query.Equal && test.Op != query.Wildcard {
			continue
		}
		done++
		re, err := regexp.Compile(query.TextPattern(test))
		if err != nil {
			t.Fatalf("%s: %v", query.String(e), err)
		}
		loose, err := regexp.Compile(query.LoosePattern(test))
		if err != nil {
			t.Fatalf("%s: %v", query.String(e), err)
		}
		p := querytest.RandomPage(r, schema, 60)
		for i := range p.N {
			text, ok := p.Row(i).Text(test.F)
			if !ok {
				continue
			}
			folded, want := query.Fold(nil, []byte(text)), querytest.Match(e, p.Row(i))
			if got := re.Match(folded); got != want {
				t.Fatalf("%s as %s on %q: %v, want %v", query.String(e), re, text, got, want)
			}
			if got := loose.Match(folded); got != want && (want || isASCII(text)) {
				t.Fatalf("%s loosely as %s on %q: %v, want %v", query.String(e), loose, text, got, want)
			}
		}
	}
}

func isASCII(s string) bool { return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 }

func TestFoldingKeepsTokens(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if query.IsTokenRune(r) != query.IsTokenRune(unicode.ToLower(r)) {
			t.Errorf("%U is a token character and its lower case is not, or the other way round", r)
		}
	}
}

func TestTokens(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		"Failed password":              "failed|password",
		"user_1=[x-2.5]":               "user_1|x|2|5",
		"ÜBER\u00a0straße":             "über|straße",
		"\xffa\xc3b\xe4\xb8":           "a|b",
		"日本、東京":                        "日本|東京",
		"e\u0301":                      "e",
		"\u212a9":                      "k9",
		"it's 100% İ":                  "it|s|100|i",
		"replacement \ufffd character": "replacement|character",
	} {
		if got := strings.Join(query.Tokens([]byte(text)), "|"); got != want {
			t.Errorf("tokens of %q are %s, want %s", text, got, want)
		}
	}
}

func TestWildcardsAreAnchoredAndCountCharacters(t *testing.T) {
	for _, tc := range []struct {
		pattern, value string
		want           bool
	}{
		{"we?", "web", true}, {"we?", "webs", false}, {"?eb", "eb", false}, {"*", "", true}, {"?", "", false},
		{"a*b*c", "a-b-b-c", true}, {"a*b*c", "a-b-b-", false}, {"*a", "aaab", false}, {"*ab", "aab", true},
		{"?", "日", true}, {"??", "日", false}, {"*??b*", "日bc", false}, {"*??b*", "日xbc", true}, {"*日", "本日", true},
		{`\*`, "*", true}, {`\*`, "a", false}, {`\\*`, `\a`, true}, {"a*", "a\nb", true}, {"a.c", "abc", false}, {"[a]*", "[a]b", true},
	} {
		e := query.Expr(&query.Test{Field: "x", Kind: event.Keyword, Op: query.Wildcard, Str: tc.pattern})
		p := event1("", "x", fmt.Sprintf("%q", tc.value))
		m, err := query.Compile(e)
		if err != nil {
			t.Fatal(err)
		}
		var out event.Bits
		m.Match(p, &out)
		if out.Has(0) != tc.want {
			t.Errorf("%s on %q: %v", tc.pattern, tc.value, out.Has(0))
		}
		matchAgainstOracle(t, tc.pattern, parse(t, query.String(e), p.Schema), p)
	}
}

// Regular expressions are left out: package regexp takes its memory from pools, which the race detector empties.
func TestMatchAllocatesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	schema := querytest.Schema()
	p := querytest.RandomPage(r, schema, event.PageRows)
	for _, text := range []string{"user.name:root", "message:\"deadlock detected\" or message:d?ad*k", "source.ip:10.0.0.0/8 and not http.response.status_code:[400 to 499]",
		"x.n>=5 or x.k:ro* or k:root", "log.file.path:*auth* or event.dataset:ss*", "system.load>1 or log.offset<500"} {
		m, err := query.Compile(parse(t, text, schema))
		if err != nil {
			t.Fatal(err)
		}
		var out event.Bits
		m.Match(p, &out) // grows the scratch memory
		if n := testing.AllocsPerRun(5, func() { m.Match(p, &out) }); n > 0 {
			t.Errorf("%s: %v allocations a page", text, n)
		}
	}
}

func BenchmarkMatch(b *testing.B) {
	schema := querytest.Schema()
	p := benchPage(schema)
	for _, bc := range []struct{ name, text string }{
		{"keyword", "user.name:root"},
		{"keyword-prefix", "user.name:ro*"},
		{"keyword-regexp", "user.name:/^ro+t$/"},
		{"status-range", "http.response.status_code:[400 to 499]"},
		{"cidr", "source.ip:10.0.0.0/8"},
		{"duration", "event.duration>=2s"},
		{"phrase", `message:"deadlock detected"`},
		{"phrase-present", `message:"failed password"`},
		{"word-prefix", "message:dead*"},
		{"text-wildcard", "message:*lock"},
		{"object", "x.request_id:abc"},
		{"dataset-and-phrase", `event.dataset:nginx and message:"deadlock detected"`},
		{"keyword-and-phrase", `user.name:root and message:"deadlock detected"`},
	} {
		b.Run(bc.name, func(b *testing.B) {
			e, err := query.Parse(bc.text, schema, querytest.Now)
			if err != nil {
				b.Fatal(err)
			}
			m, err := query.Compile(e)
			if err != nil {
				b.Fatal(err)
			}
			var out event.Bits
			b.ReportAllocs()
			for b.Loop() {
				m.Match(p, &out)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(p.N), "ns/row")
		})
	}
}

// benchPage has lines such as sshd writes, one user in eight being root.
func benchPage(schema *event.Schema) *event.Page {
	p := &event.Page{Schema: schema, Arena: &event.Arena{}, Data: "sshd"}
	for i := range event.PageRows {
		user := []string{"root", "admin", "alice", "bob", "mail", "carol", "test", "oracle"}[i%8]
		ip := fmt.Sprintf("%d.0.%d.%d", 8+i%8, i>>8, i&255)
		message := fmt.Sprintf("Failed password for invalid user %s from %s port %d ssh2, attempt %d of 6 before delay", user, ip, 40000+i, i%6)
		p.AddRow(p.Arena.PutString("Nov 24 10:00:00 web1 sshd[4242]: "+message), 1, []event.Span{{Off: int64(i) * 100, Len: 99}})
		p.SetStr(i, event.FieldMessage, p.Arena.PutString(message))
		p.SetStr(i, event.FieldUser, p.Arena.PutString(user))
		p.SetInt(i, event.FieldStatus, int64(200+i%400))
		p.SetInt(i, event.FieldDuration, int64(i)*3e6)
		p.SetIP(i, event.FieldSourceIP, event.IP{Lo: 0xffff<<32 | uint64(8+i%8)<<24 | uint64(i)})
		p.Extra[i] = p.Arena.PutString(fmt.Sprintf(`{"x.attempt":%d,"x.session":"s-%d","x.request_id":"%x"}`, i%6, i, i*7919))
	}
	p.Complete()
	return p
}

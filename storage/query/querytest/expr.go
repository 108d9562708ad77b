package querytest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// RandomExpr returns a random tree over the schema, as Parse makes it of RandomText at Now.
func RandomExpr(r *rand.Rand, schema *event.Schema) query.Expr {
	text := RandomText(r, schema)
	e, err := query.Parse(text, schema, Now)
	if err != nil {
		panic(fmt.Sprintf("a random query does not parse: %s: %v", text, err))
	}
	return e
}

// RandomText returns a query that parses. It uses every form of the language but the empty text.
func RandomText(r *rand.Rand, schema *event.Schema) string { return condition(r, schema.Fields(), 3) }

func condition(r *rand.Rand, fields []event.FieldDef, depth int) string {
	if depth == 0 || r.IntN(3) == 0 {
		return term(r, fields)
	}
	a, b := condition(r, fields, depth-1), condition(r, fields, depth-1)
	switch r.IntN(6) {
	case 0:
		return "not (" + a + ")"
	case 1:
		return "(" + a + ") " + b
	case 2:
		return a + " OR " + b
	case 3:
		return "(" + a + " or " + b + ")"
	}
	return a + " and " + b
}

func term(r *rand.Rand, fields []event.FieldDef) string {
	switch r.IntN(10) {
	case 0:
		return phrase(r)
	case 1, 2:
		return objectTerm(r)
	case 3:
		return pick(r, []string{"*", "not *", "veritail.unparsed:true", "veritail.unparsed:false", "not user.name:root"})
	}
	d := pick(r, fields)
	switch n := r.IntN(8); {
	case n == 0:
		return d.Name + ":*"
	case n == 1:
		return "exists(" + d.Name + ")"
	case n == 2 && d.Name != "veritail.unparsed":
		return d.Name + ":(" + value(r, d) + " or not " + value(r, d) + ")"
	case n < 5 && ordered(d.Kind):
		return d.Name + pick(r, []string{"<", "<=", ">", ">="}) + value(r, d)
	case n == 5 && (ordered(d.Kind) || d.Kind == event.Address):
		return d.Name + ":[" + value1(r, d) + " to " + value1(r, d) + "]"
	}
	return d.Name + ":" + value(r, d)
}

func ordered(k event.Kind) bool {
	return k == event.Int || k == event.Float || k == event.Time || k == event.Duration
}

// value1 is a bound of a range.
func value1(r *rand.Rand, d event.FieldDef) string {
	switch {
	case r.IntN(5) == 0:
		return "*"
	case d.Kind == event.Address:
		return pick(r, addresses)
	}
	return value(r, d)
}

func value(r *rand.Rand, d event.FieldDef) string {
	switch d.Kind {
	case event.Keyword:
		return keyword(r, d.Name)
	case event.Text:
		return phrase(r)
	case event.Int:
		return strconv.FormatInt(near(r, pick(r, ints)), 10)
	case event.Float:
		return strconv.FormatFloat(pick(r, floats), 'g', -1, 64)
	case event.Duration:
		return time.Duration(near(r, pick(r, durations))).String()
	case event.Address:
		return pick(r, addresses) + pick(r, []string{"", "", "/8", "/24", "/32"})
	case event.Bool:
		return pick(r, []string{"true", "false"})
	}
	return pick(r, []string{"now", "now-90m", "now-1d", "today", "yesterday", "2026-11-23", "2026-11-23T10:30", "2026-11-23T10:30:00+01:00",
		"2026-11-24T00:00:00Z", time.UnixMicro(randomTime(r)).UTC().Format(time.RFC3339Nano)})
}

func keyword(r *rand.Rand, name string) string {
	pool := keywords
	switch name {
	case "event.dataset", "veritail.format":
		pool = []string{"sshd", "nginx.access", "postgresql"}
	case "veritail.site":
		pool = []string{"berlin", ""}
	case "log.file.path":
		pool = []string{"/var/log/auth.log"}
	}
	v := pick(r, pool)
	switch r.IntN(5) {
	case 0:
		return pick(r, []string{"web*", "*o*", "?", "??", "*é*", "a?b", "*\\**", "r*t", "?oot", "*\\ *", "*??", "?*?", "*break", `\<none\>`, "日?", "*in*in*"})
	case 1:
		return pick(r, []string{"/^web[0-9]?$/", "/root/i", "/o+/", `/\/login/`, "/^$/", "/[^a-z]/", "/(fail|succ)/", "/a.b/", "/./", `/\bin\b/`, `/^.{2}$/`})
	case 2:
		if v != "" {
			return quote(v[:len(v)-len(v)/2]) + "*" // may cut a character, so quote repairs it
		}
	}
	return quote(v)
}

// quote writes s in the language's quotation marks.
func quote(s string) string {
	s = strings.ToValidUTF8(s, "")
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(s) + `"`
}

// phrase is a value of a text field.
func phrase(r *rand.Rand) string {
	switch r.IntN(6) {
	case 0:
		return pick(r, []string{"dead*", "*lock", "d?ad", "*", "DEAD*", "*b*", "????", "ü*", "日*", "user_*", "a-b*", "k?", "i*l"})
	case 1:
		return pick(r, []string{"/deadlock/", "/DEADLOCK/i", "/^dead/", "/lock$/", `/[0-9]{2,}/`, "/ü/", `/user_\d/`, "/a.b/"})
	}
	s := pick(r, words)
	for range r.IntN(3) {
		s += pick(r, []string{" ", "-", ""}) + pick(r, words)
	}
	if len(query.Tokens([]byte(s))) == 0 {
		return "deadlock"
	}
	if last := []rune(s); r.IntN(4) == 0 && query.IsTokenRune(last[len(last)-1]) {
		return quote(s) + "*"
	}
	return quote(s)
}

// objectTerm is a test of a field that the schema does not know.
func objectTerm(r *rand.Rand) string {
	k := pick(r, objectKeys)
	if strings.Contains(k, " ") {
		k = quote(k)
	}
	number := pick(r, []string{"5", "5.0", "0.5", "-0.5", "404", "1000", "1e3", "12345678901234567890"})
	switch r.IntN(6) {
	case 0:
		return k + ":*"
	case 1:
		return k + pick(r, []string{"<", "<=", ">", ">="}) + number
	case 2:
		return k + ":[" + number + " to *]"
	case 3:
		return k + ":" + pick(r, []string{number, "05", "true", "false", "null", `"[]"`, `"a\"b\\c/d\n"`})
	}
	return k + ":" + keyword(r, "")
}

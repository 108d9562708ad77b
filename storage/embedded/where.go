package embedded

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// args collects the parameters of a statement. What a user wrote reaches the database only through it.
type args struct {
	values []any
	loose  bool // tests of messages and original lines may hold for some texts beyond ASCII that they should not hold for

	text   textOf   // what all events have
	loosed []string // the texts whose tests are loose, as expressions
	read   textOf   // which of the texts are tested
}

// textOf says which texts events have that a test of their message looks into: it is the original line of one without a message.
type textOf uint8

const (
	originalText textOf = 1 << iota
	messageText
	eitherText = originalText | messageText // some events this, others that
)

// expression is the text in SQL.
func (t textOf) expression() string {
	switch t {
	case originalText:
		return "original"
	case messageText:
		return "message"
	default:
		return "coalesce(message, original)"
	}
}

// add binds v and returns its place in the statement.
func (a *args) add(v any) string {
	a.values = append(a.values, v)
	return fmt.Sprintf("$%d", len(a.values))
}

var place = regexp.MustCompile(`\$[0-9]+`)

// literals writes the parameters into a statement that was made with them.
func (a *args) literals(sql string) string {
	return place.ReplaceAllStringFunc(sql, func(p string) string {
		i, err := strconv.Atoi(p[1:])
		if err != nil || i < 1 || i > len(a.values) {
			return p
		}
		switch v := a.values[i-1].(type) {
		case nil:
			return "NULL"
		case string:
			return quote(strings.ReplaceAll(strings.ToValidUTF8(v, "\uFFFD"), "\x00", "\uFFFD"))
		case float64:
			return "'" + strconv.FormatFloat(v, 'g', -1, 64) + "'::DOUBLE"
		default:
			return fmt.Sprint(v)
		}
	})
}

// where returns the condition of a read: the view's, the query's and the time's. It never yields NULL where that
// could be taken for true.
func where(a *args, v access.View, e query.Expr, during query.Interval) (string, error) {
	conds := []string{"TRUE"}
	if during.From != 0 {
		conds = append(conds, "time >= "+a.add(during.From))
	}
	if during.To != 0 {
		conds = append(conds, "time < "+a.add(during.To))
	}
	for _, e := range []query.Expr{v.Filter(), e} {
		if e == nil {
			continue
		}
		c, err := condition(a, e, false)
		if err != nil {
			return "", err
		}
		conds = append(conds, c)
	}
	return strings.Join(conds, " AND "), nil
}

// condition compiles a query. Under a not every test is made two-valued; elsewhere a NULL is as good as false, and
// the bare comparison lets DuckDB skip row groups.
func condition(a *args, e query.Expr, negated bool) (string, error) {
	switch e := e.(type) {
	case query.And:
		return conditions(a, e, "TRUE", " AND ", negated)
	case query.Or:
		return conditions(a, e, "FALSE", " OR ", negated)
	case query.Not:
		c, err := condition(a, e.X, true)
		return "(NOT " + c + ")", err
	case *query.Test:
		c, err := test(a, e, a.loose && !negated)
		if negated {
			return "coalesce(" + c + ", FALSE)", err
		}
		return "(" + c + ")", err
	}
	return "", fmt.Errorf("a query with a part of type %T", e)
}

func conditions(a *args, list []query.Expr, neutral, op string, negated bool) (string, error) {
	parts := []string{neutral}
	for _, e := range list {
		c, err := condition(a, e, negated)
		if err != nil {
			return "", err
		}
		parts = append(parts, c)
	}
	return "(" + strings.Join(parts, op) + ")", nil
}

// test compiles one test, loosely if it may be.
func test(a *args, t *query.Test, loose bool) (string, error) {
	if !t.Known {
		return unknownTest(a, t)
	}
	if t.F == event.FieldTime && t.Op != query.Exists {
		c, err := numberTest(a, t, "time")
		return "hour IS NOT NULL AND " + c, err
	}
	if t.Op == query.Exists {
		return valueOf(a, t.F, t.Kind, t.Field) + " IS NOT NULL", nil
	}
	switch t.Kind {
	case event.Keyword:
		return stringTest(a, t, valueOf(a, t.F, t.Kind, t.Field))
	case event.Text:
		text := valueOf(a, t.F, t.Kind, t.Field)
		switch t.F {
		case event.FieldMessage:
			text = a.text.expression()
			a.read |= a.text
		case event.FieldOriginal:
			a.read |= originalText
		}
		return textTest(a, t, text, loose && isText(t))
	case event.Address:
		return addressTest(a, t)
	case event.Float, event.Int, event.Time, event.Duration, event.Bool:
		return numberTest(a, t, valueOf(a, t.F, t.Kind, t.Field))
	}
	return "", fmt.Errorf("a test of %s, which is of kind %s", t.Field, t.Kind)
}

var orders = map[query.Op]string{query.Equal: "=", query.Less: "<", query.LessEq: "<=", query.More: ">", query.MoreEq: ">="}

func numberTest(a *args, t *query.Test, value string) (string, error) {
	op, ok := orders[t.Op]
	if !ok || t.Kind == event.Bool && t.Op != query.Equal {
		return "", badOp(t)
	}
	if t.Kind == event.Float {
		// DuckDB orders NaN after every number, and equal to itself.
		return fmt.Sprintf("%s %s %s AND NOT isnan(%[1]s)", value, op, a.add(t.Float)), nil
	}
	return value + " " + op + " " + a.add(t.Int), nil
}

func stringTest(a *args, t *query.Test, value string) (string, error) {
	switch t.Op {
	case query.Equal:
		return value + " = " + a.add(t.Str), nil
	case query.Wildcard, query.Regexp:
		return "regexp_matches(" + value + ", " + a.add(pattern(t)) + ")", nil
	}
	return "", badOp(t)
}

func textTest(a *args, t *query.Test, text string, loose bool) (string, error) {
	if t.Op == query.Regexp {
		return "regexp_matches(" + text + ", " + a.add(pattern(t)) + ")", nil
	}
	if t.Op != query.Equal && t.Op != query.Wildcard {
		return "", badOp(t)
	}
	re := query.TextPattern(t)
	if loose {
		re = query.LoosePattern(t)
		if !slices.Contains(a.loosed, text) {
			a.loosed = append(a.loosed, text)
		}
	}
	c := "regexp_matches(lower(" + text + "), " + a.add(re) + ")"
	// Looking for a word itself takes a fraction of the time of the expression, and most texts do not have it.
	if w := longest(t.Tokens); t.Op == query.Equal && w != "" {
		c = "contains(lower(" + text + "), " + a.add(w) + ") AND " + c
	}
	return c, nil
}

// longest returns the longest of some words.
func longest(words []string) string {
	best := ""
	for _, w := range words {
		if len(w) > len(best) {
			best = w
		}
	}
	return best
}

// pattern returns the regular expression of t in the words of RE2, which knows one way to name a group.
func pattern(t *query.Test) string {
	source := t.Re.String()
	if strings.Contains(source, "(?<") {
		if re, err := syntax.Parse(source, syntax.Perl); err == nil {
			return re.String()
		}
	}
	return source
}

func addressTest(a *args, t *query.Test) (string, error) {
	if t.Op != query.Equal && t.Op != query.In {
		return "", badOp(t)
	}
	if t.F != event.FieldSourceIP {
		v := valueOf(a, t.F, t.Kind, t.Field)
		return fmt.Sprintf("%s BETWEEN %s AND %s", v, a.add(string(appendHexIP(nil, t.Lo))), a.add(string(appendHexIP(nil, t.Hi)))), nil
	}
	if t.Lo.Hi == t.Hi.Hi {
		return fmt.Sprintf("source_hi = %s AND source_lo BETWEEN %s AND %s", a.add(t.Lo.Hi), a.add(t.Lo.Lo), a.add(t.Hi.Lo)), nil
	}
	loHi, loLo, hiHi, hiLo := a.add(t.Lo.Hi), a.add(t.Lo.Lo), a.add(t.Hi.Hi), a.add(t.Hi.Lo)
	return fmt.Sprintf("(source_hi > %s OR source_hi = %[1]s AND source_lo >= %s) AND (source_hi < %s OR source_hi = %[3]s AND source_lo <= %s)",
		loHi, loLo, hiHi, hiLo), nil
}

// unknownTest tests a field that the schema does not know, by the type that its JSON value has.
func unknownTest(a *args, t *query.Test) (string, error) {
	j := unknownJSON(a, t.Field)
	if t.Op == query.Exists {
		return "json_type(" + j + ") <> 'NULL'", nil
	}
	text := unknownText(a, t.Field)
	number := "TRY_CAST(" + text + " AS DOUBLE)"
	cases := func(str, boolean, num string) string {
		return fmt.Sprintf("CASE json_type(%s) WHEN 'VARCHAR' THEN %s WHEN 'BOOLEAN' THEN %s WHEN 'UBIGINT' THEN %s"+
			" WHEN 'BIGINT' THEN %[4]s WHEN 'DOUBLE' THEN %[4]s ELSE FALSE END", j, str, boolean, num)
	}
	switch t.Op {
	case query.Equal:
		same, num := text+" = "+a.add(t.Str), "FALSE"
		if n, ok := query.Number(t.Str); ok {
			num = number + " = " + a.add(n)
		}
		return cases(same, same, num), nil
	case query.Less, query.LessEq, query.More, query.MoreEq:
		order := number + " " + orders[t.Op] + " " + a.add(t.Float)
		return cases(fmt.Sprintf("regexp_full_match(%s, %s) AND %s", text, a.add(numberPattern), order), "FALSE", order), nil
	case query.Wildcard, query.Regexp:
		return cases("regexp_matches("+text+", "+a.add(pattern(t))+")", "FALSE", "FALSE"), nil
	}
	return "", badOp(t)
}

// unknownJSON is the JSON value of a field that the schema does not know. One that was in the schema when the event
// was written lies in fields.
func unknownJSON(a *args, name string) string {
	return fmt.Sprintf("coalesce(json_extract(extra, %s), json_extract(fields, %[1]s))", a.add(jsonPointer(name)))
}

// unknownText is the same value as text, without the quotation marks of a string.
func unknownText(a *args, name string) string {
	return fmt.Sprintf("coalesce(json_extract_string(extra, %s), json_extract_string(fields, %[1]s))", a.add(jsonPointer(name)))
}

// numberPattern is what query.Number takes for a number.
const numberPattern = `-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?`

func badOp(t *query.Test) error {
	return fmt.Errorf("a test of %s, which is of kind %s, with the operator %d", t.Field, t.Kind, t.Op)
}

// jsonPointer names a key of a JSON object.
func jsonPointer(key string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
}

// valueOf returns the expression of a schema's field in an event table, NULL where the event does not have it. An
// address in a column is given by its upper half; one in fields as 32 hexadecimal digits.
func valueOf(a *args, f event.Field, kind event.Kind, name string) string {
	switch f {
	case event.FieldTime:
		return "CASE WHEN hour IS NOT NULL THEN time END"
	case event.FieldDataset:
		return "dataset"
	case event.FieldSite:
		return "site"
	case event.FieldFormat:
		return "format"
	case event.FieldPath:
		return "path"
	case event.FieldOffset:
		return "off"
	case event.FieldOriginal:
		return "original"
	case event.FieldUnparsed:
		return "CASE WHEN unparsed THEN 1::BIGINT END"
	}
	for _, c := range coreColumns {
		if c.field == f {
			return c.names[0]
		}
	}
	text := "json_extract_string(fields, " + a.add(jsonPointer(name)) + ")"
	switch kind {
	case event.Keyword, event.Text, event.Address:
		return text
	case event.Float:
		return "TRY_CAST(" + text + " AS DOUBLE)"
	}
	return "TRY_CAST(" + text + " AS BIGINT)"
}

package query

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// Modifiers are the keys by which a table compares a field otherwise than for equality.
var Modifiers = []string{"contains", "startswith", "endswith", "re", "cidr", "gt", "gte", "lt", "lte", "exists", "in"}

// Combiners are the keys of a table that hold further tables.
var Combiners = []string{"all", "any", "not"}

// A TableError says what is wrong in a table, and where.
type TableError struct {
	Path []string // the keys down to the place; the items of an array are [0], [1], …
	Err  error    // an *Error where a value is wrong
}

// Error returns the message and, of a value, the repair.
func (e *TableError) Error() string {
	if q, ok := e.Err.(*Error); ok {
		return q.Msg + "; " + q.Repair
	}
	return e.Err.Error()
}

// Unwrap returns the error itself.
func (e *TableError) Unwrap() error { return e.Err }

// ParseTable makes the tree of a condition that is written as a table, as TOML decodes one: the tree that Parse makes of the
// same condition as a query. list returns the lines of a file that "in" names. An error is a *TableError.
func ParseTable(table map[string]any, schema *event.Schema, now time.Time, list func(name string) ([]string, error)) (Expr, error) {
	t := tables{parser{schema: schema, now: now, unbound: true}, list}
	return t.all(table, nil)
}

// tables makes trees of tables. Of the parser it uses what makes tests.
type tables struct {
	parser
	list func(name string) ([]string, error)
}

func wrong(path []string, format string, args ...any) error {
	return &TableError{slices.Clone(path), fmt.Errorf(format, args...)}
}

// at gives an error of a test its place.
func at(e Expr, err error, path []string) (Expr, error) {
	if err != nil {
		return nil, &TableError{slices.Clone(path), err}
	}
	return e, nil
}

// all makes the condition that all keys of a table hold.
func (t *tables) all(table map[string]any, path []string) (Expr, error) {
	if len(path) > MaxDepth {
		return nil, wrong(path, "conditions stand at most %d deep in each other", MaxDepth)
	}
	if len(table) == 0 {
		return nil, wrong(path, "an empty table; write a field and its value, as user.name = \"root\"")
	}
	return t.each(slices.Sorted(maps.Keys(table)), true, func(key string) (Expr, error) {
		return t.key(key, table[key], append(path, key))
	})
}

// each joins what f makes of some keys.
func (t *tables) each(keys []string, all bool, f func(key string) (Expr, error)) (Expr, error) {
	var list []Expr
	for _, k := range keys {
		e, err := f(k)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return join(list, all), nil
}

func (t *tables) key(key string, v any, path []string) (Expr, error) {
	switch key {
	case "all", "any":
		return t.several(v, key == "all", path)
	case "not":
		e, err := t.several(v, false, path)
		if err != nil {
			return nil, err
		}
		return negate(e), nil
	}
	return t.field(key, v, path)
}

// several makes a condition of the tables in an array, or of one.
func (t *tables) several(v any, all bool, path []string) (Expr, error) {
	if table, ok := v.(map[string]any); ok {
		return t.all(table, path)
	}
	list, ok := items(v)
	if !ok || len(list) == 0 {
		return nil, wrong(path, "want tables, as { user.name = \"root\" }, not %s", written(v))
	}
	return t.each(indices(len(list)), all, func(i string) (Expr, error) {
		n, _ := strconv.Atoi(i)
		at := append(path, "["+i+"]")
		table, ok := list[n].(map[string]any)
		if !ok {
			return nil, wrong(at, "want a table, as { user.name = \"root\" }, not %s", written(list[n]))
		}
		return t.all(table, at)
	})
}

func indices(n int) (list []string) {
	for i := range n {
		list = append(list, strconv.Itoa(i))
	}
	return list
}

// items returns the elements of a decoded array.
func items(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return list, true
	}
	return nil, false
}

// field makes the condition on a field; a dotted name that TOML took for tables within each other is put together again.
func (t *tables) field(name string, v any, path []string) (Expr, error) {
	table, ok := v.(map[string]any)
	if !ok {
		return t.values(t.parser.field(name, 0), "", v, path)
	}
	keys := slices.Sorted(maps.Keys(table))
	if len(keys) == 0 {
		return nil, wrong(path, "an empty table; want some of %s", strings.Join(Modifiers, ", "))
	}
	isModifier := func(k string) bool { return slices.Contains(Modifiers, k) }
	if slices.ContainsFunc(keys, isModifier) {
		f := t.parser.field(name, 0)
		return t.each(keys, true, func(k string) (Expr, error) {
			if !isModifier(k) {
				return nil, wrong(append(path, k), "unknown modifier %q beside others; want some of %s", k, strings.Join(Modifiers, ", "))
			}
			return t.values(f, k, table[k], append(path, k))
		})
	}
	return t.each(keys, true, func(k string) (Expr, error) {
		if near := nearest(k, Modifiers); near != "" && !t.known(name+"."+k) {
			return nil, wrong(append(path, k), "unknown modifier %q; did you mean %q?", k, near)
		}
		return t.field(name+"."+k, table[k], append(path, k))
	})
}

func (t *tables) known(field string) bool {
	_, ok := t.schema.Lookup(field)
	return ok
}

// nearest returns the one of list that s is a slip for, "" if none is.
func nearest(s string, list []string) string {
	for _, l := range list {
		if distance(s, l) <= min(2, len(l)/3) {
			return l
		}
	}
	return ""
}

// values makes the condition that a field compares by a modifier with one of some values.
func (t *tables) values(f field, modifier string, v any, path []string) (Expr, error) {
	if modifier == "in" {
		return t.listed(f, v, path)
	}
	list, several := items(v)
	if !several {
		e, err := t.compare(f, modifier, v, path)
		return at(e, err, path)
	}
	if len(list) == 0 {
		return nil, wrong(path, "an empty list holds for no event; write the values, or exists = true")
	}
	return t.each(indices(len(list)), false, func(i string) (Expr, error) {
		n, _ := strconv.Atoi(i)
		e, err := t.compare(f, modifier, list[n], path)
		return at(e, err, append(path, "["+i+"]"))
	})
}

// MaxList bounds the values of a list.
const MaxList = 10_000

// listed makes the condition that a field has one of the values in a file.
func (t *tables) listed(f field, v any, path []string) (Expr, error) {
	name, ok := v.(string)
	if !ok {
		return nil, wrong(path, "want the name of a file, as \"lists/scanners.txt\", not %s; values themselves stand in an array: %s = [\"a\", \"b\"]", written(v), f.name)
	}
	lines, err := t.list(name)
	switch {
	case err != nil:
		return nil, wrong(path, "%w", err)
	case len(lines) == 0:
		return Or{}, nil
	case len(lines) > MaxList:
		return nil, wrong(path, "%s has %d values; a list has at most %d", name, len(lines), MaxList)
	}
	return t.each(lines, false, func(line string) (Expr, error) {
		e, err := t.compare(f, "", line, path)
		if err != nil {
			return nil, wrong(path, "%s: %w", name, err)
		}
		return e, nil
	})
}

// compare makes the test of a field by a modifier with one value.
func (t *tables) compare(f field, modifier string, v any, path []string) (Expr, error) {
	if modifier == "exists" {
		return t.exist(f, v)
	}
	text, ok := asText(v)
	if !ok {
		return nil, fail(0, "write a text, a number, a time, true or false", "%s is no value", written(v))
	}
	o := operand{text: text, quoted: true}
	switch modifier {
	case "":
		return t.equal(f, o)
	case "gt", "gte", "lt", "lte":
		return t.order(f, map[string]string{"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}[modifier], o)
	case "cidr":
		if f.kind != event.Address {
			return nil, fail(0, "compare the field that has the address, as source.ip", "%s is of kind %s; only addresses lie in a network", clip(f.name), f.kind)
		}
		return t.address(f, o)
	case "re":
		return t.pattern(f, o)
	}
	if text == "" {
		return nil, fail(0, "write exists = true to find events that have the field", "nothing stands in every value")
	}
	return t.part(f, modifier, text)
}

func (t *tables) exist(f field, v any) (Expr, error) {
	want, ok := v.(bool)
	if !ok {
		return nil, fail(0, "write true or false", "exists is %s", written(v))
	}
	e, err := t.newTest(f, Exists)
	if err != nil || want {
		return e, err
	}
	return negate(e), nil
}

// part makes the test of a text at the beginning, at the end or anywhere: of keywords a wildcard, of texts, whose wildcards
// stand within one word, a regular expression.
func (t *tables) part(f field, modifier, text string) (Expr, error) {
	before, after := "*", "*"
	switch modifier {
	case "startswith":
		before = ""
	case "endswith":
		after = ""
	}
	switch f.kind {
	case event.Keyword:
		return t.wildcard(f, 0, before+escapeWildcard(text)+after)
	case event.Text:
		re := regexp.QuoteMeta(text)
		if before == "" {
			re = "^" + re
		}
		if after == "" {
			re += "$"
		}
		return t.pattern(f, operand{text: re})
	}
	return nil, fail(0, noWildcard[f.kind], "%s is of kind %s and takes no %s", clip(f.name), f.kind, modifier)
}

// asText returns a value as a query would write it.
func asText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case int64:
		return strconv.FormatInt(v, 10), true
	case float64:
		return formatFloat(v), !math.IsNaN(v) && !math.IsInf(v, 0)
	case bool:
		return strconv.FormatBool(v), true
	case time.Time:
		return v.Format("2006-01-02T15:04:05.999999Z07:00"), true
	}
	return "", false
}

// written describes a decoded value in a message.
func written(v any) string {
	switch v := v.(type) {
	case string:
		return strconv.Quote(clip(v))
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "an array"
	}
	return fmt.Sprint(v)
}

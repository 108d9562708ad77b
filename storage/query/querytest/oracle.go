package querytest

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// Match reports whether e holds for a row. It is slow and plain, and shares no code with the matcher. A nil e
// holds.
func Match(e query.Expr, row event.Row) bool {
	switch e := e.(type) {
	case nil:
		return true
	case query.And:
		return !slices.ContainsFunc(e, func(x query.Expr) bool { return !Match(x, row) })
	case query.Or:
		return slices.ContainsFunc(e, func(x query.Expr) bool { return Match(x, row) })
	case query.Not:
		return !Match(e.X, row)
	case *query.Test:
		return matchTest(e, row)
	}
	return false
}

func matchTest(t *query.Test, row event.Row) bool {
	if !t.Known {
		v, ok := row.Extra()[t.Field]
		return ok && v != nil && matchObject(t, v)
	}
	v, ok := row.Value(t.F)
	if t.Op == query.Exists {
		return ok
	}
	if t.Field == "message" && !ok {
		v, ok = row.Value(event.FieldOriginal)
	}
	if !ok {
		return false
	}
	switch v := v.(type) {
	case string:
		if t.Kind == event.Text {
			return matchText(t, v)
		}
		return matchString(t, v)
	case int64:
		return compare(t.Op, cmp(v, t.Int))
	case time.Time:
		return compare(t.Op, cmp(v.UnixMicro(), t.Int))
	case time.Duration:
		return compare(t.Op, cmp(int64(v), t.Int))
	case float64:
		return compare(t.Op, cmp(v, t.Float))
	case bool:
		return v == (t.Int == 1)
	case netip.Addr:
		return matchAddress(t, v)
	}
	return false
}

func cmp[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func compare(op query.Op, c int) bool {
	switch op {
	case query.Equal:
		return c == 0
	case query.Less:
		return c < 0
	case query.LessEq:
		return c <= 0
	case query.More:
		return c > 0
	case query.MoreEq:
		return c >= 0
	}
	return false
}

func matchString(t *query.Test, v string) bool {
	switch t.Op {
	case query.Equal:
		return v == t.Str
	case query.Wildcard, query.Regexp:
		return t.Re.MatchString(v)
	}
	return false
}

func matchAddress(t *query.Test, v netip.Addr) bool {
	if t.Net.IsValid() && t.Net.Addr().Is4() == v.Is4() {
		return t.Net.Contains(v)
	}
	// Compare as 128-bit numbers.
	a, lo, hi := v.As16(), t.Lo.Addr().As16(), t.Hi.Addr().As16()
	return slices.Compare(lo[:], a[:]) <= 0 && slices.Compare(a[:], hi[:]) <= 0
}

// tokens splits a text the plain way.
func tokens(s string) []string {
	words := strings.FieldsFunc(strings.ToValidUTF8(s, " "), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.Is(unicode.Nd, r) && r != '_'
	})
	for i, w := range words {
		words[i] = strings.Map(unicode.ToLower, w)
	}
	return words
}

func matchText(t *query.Test, v string) bool {
	switch t.Op {
	case query.Regexp:
		return t.Re.MatchString(v)
	case query.Wildcard:
		return slices.ContainsFunc(tokens(v), t.Re.MatchString)
	}
	have, last := tokens(v), len(t.Tokens)-1
	for i := 0; i+last < len(have); i++ {
		run := have[i : i+last+1]
		if slices.Equal(run[:last], t.Tokens[:last]) && (run[last] == t.Tokens[last] || t.Prefix && strings.HasPrefix(run[last], t.Tokens[last])) {
			return true
		}
	}
	return false
}

var number = regexp.MustCompile(`\A-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\z`)

func toNumber(s string) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && number.MatchString(s) && !math.IsInf(v, 0)
}

// matchObject tests a value of the JSON object.
func matchObject(t *query.Test, v any) bool {
	ordered := t.Op >= query.Less && t.Op <= query.MoreEq
	if t.Op == query.Exists {
		return true
	}
	switch v := v.(type) {
	case string:
		if x, ok := toNumber(v); ordered {
			return ok && compare(t.Op, cmp(x, t.Float))
		}
		return matchString(t, v)
	case float64:
		if ordered {
			return compare(t.Op, cmp(v, t.Float))
		}
		x, ok := toNumber(t.Str)
		return t.Op == query.Equal && ok && x == v
	case bool:
		return t.Op == query.Equal && strconv.FormatBool(v) == t.Str
	}
	return false
}

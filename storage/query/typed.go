package query

import (
	"fmt"
	"math"
	"net/netip"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// typed makes the test of one value without wildcards, checking it against the field's kind.
func (p *parser) typed(f field, o operand) (Expr, error) {
	switch f.kind {
	case event.Time:
		return p.during(f, o)
	case event.Address:
		return p.address(f, o)
	}
	t, err := p.newTest(f, Equal)
	if err != nil {
		return nil, err
	}
	if f.kind == event.Keyword {
		t.Str = o.text
		return t, nil
	}
	if err := setOperand(t, o); err != nil {
		return nil, err
	}
	if f.known && f.f == event.FieldUnparsed && t.Int == 0 { // it is true or missing
		t.Int, t.Str = 1, "true"
		return Not{t}, nil
	}
	return t, nil
}

// sample is a value of each kind, for those who have written none.
var sample = map[event.Kind]string{
	event.Keyword: "root", event.Text: `"a phrase"`, event.Int: "404", event.Float: "1.5", event.Duration: "2s",
	event.Time: "2026-11-23", event.Address: "10.0.0.1", event.Bool: "true",
}

var orderOps = map[string]Op{"<": Less, "<=": LessEq, ">": More, ">=": MoreEq}

// order makes an ordered comparison.
func (p *parser) order(f field, op string, o operand) (Expr, error) {
	switch {
	case f.kind == event.Address:
		return nil, fail(f.at, "write a range: "+clip(f.name)+":[10.0.0.1 to 10.0.0.9]", "addresses are not compared with %s", op)
	case f.kind == event.Bool || f.kind == event.Text || f.kind == event.Keyword && f.known:
		return nil, fail(f.at, "compare it with a value: "+clip(f.name)+":"+sample[f.kind], "%s is of kind %s and has no order", clip(f.name), f.kind)
	case f.kind == event.Time:
		return p.timeOrder(f, op, o)
	}
	t, err := p.newTest(f, orderOps[op])
	if err != nil {
		return nil, err
	}
	if err := setOperand(t, o); err != nil {
		return nil, err
	}
	return t, nil
}

// setOperand reads a number, a duration or a boolean into t. A field of no known kind is compared as a number.
func setOperand(t *Test, o operand) error {
	switch t.Kind {
	case event.Int:
		v, err := strconv.ParseInt(o.text, 10, 64)
		if err != nil {
			return fail(o.at, "write a whole number, as 404, or a range: [400 to 499]", "%s is not a whole number, as %s is", show(o), clip(t.Field))
		}
		t.Int, t.Str = v, strconv.FormatInt(v, 10)
	case event.Float, event.Keyword:
		v, ok := Number(o.text)
		if !ok {
			repair := "write a number, as 1.5, or a range: [0.5 to 1]"
			if t.Kind == event.Keyword {
				repair = "write a number, as 1.5, or compare with the text: " + clip(t.Field) + ":" + clip(o.text)
			}
			return fail(o.at, repair, "%s is not a number, as %s is compared with", show(o), clip(t.Field))
		}
		t.Float, t.Str = v, formatFloat(v)
	case event.Duration:
		v, ok := parseDuration(o.text)
		if !ok {
			repair := "write a number with its unit: 2s, 150ms, 1h30m, 2d"
			if _, number := Number(o.text); number {
				repair = "give its unit: " + clip(o.text) + "s or " + clip(o.text) + "ms"
			}
			return fail(o.at, repair, "%s is not a duration", show(o))
		}
		t.Int, t.Str = int64(v), v.String()
	case event.Bool:
		switch strings.ToLower(o.text) {
		case "true":
			t.Int, t.Str = 1, "true"
		case "false":
			t.Int, t.Str = 0, "false"
		default:
			return fail(o.at, "write true or false", "%s is neither true nor false", show(o))
		}
	}
	return nil
}

// show quotes an operand for a message.
func show(o operand) string {
	if o.text == "" {
		return "nothing"
	}
	return clip(o.text)
}

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Number returns the value of s where s is written as a JSON number and is a finite float64. It decides what
// counts as a number in the fields that no schema knows.
func Number[S ~string | ~[]byte](s S) (float64, bool) {
	if !isNumber(s) {
		return 0, false
	}
	v, err := strconv.ParseFloat(string(s), 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// isNumber reports whether s is -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func isNumber[S ~string | ~[]byte](s S) bool {
	i := 0
	digits := func() bool {
		from := i
		for i < len(s) && '0' <= s[i] && s[i] <= '9' {
			i++
		}
		return i > from
	}
	if i < len(s) && s[i] == '-' {
		i++
	}
	if i < len(s) && s[i] == '0' {
		i++
	} else if !digits() {
		return false
	}
	if i < len(s) && s[i] == '.' {
		i++
		if !digits() {
			return false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		if !digits() {
			return false
		}
	}
	return i == len(s)
}

// parseDuration reads Go's notation and beside it days (d, 24 h) and weeks (w): 1d12h.
func parseDuration(s string) (time.Duration, bool) {
	if !strings.ContainsAny(s, "dw") {
		d, err := time.ParseDuration(s)
		return d, err == nil
	}
	body, neg := strings.CutPrefix(s, "-")
	var sum time.Duration
	for body != "" {
		i := strings.IndexAny(body, "dw")
		part, unit := body, time.Duration(1)
		if i >= 0 {
			part, unit = body[:i]+"h", 24
			if body[i] == 'w' {
				unit = 7 * 24
			}
			body = body[i+1:]
		} else {
			body = ""
		}
		d, err := time.ParseDuration(part)
		if err != nil || d < 0 || d > math.MaxInt64/unit || sum > math.MaxInt64-d*unit {
			return 0, false
		}
		sum += d * unit
	}
	if neg {
		sum = -sum
	}
	return sum, true
}

// address makes the test of one address or of a network.
func (p *parser) address(f field, o operand) (Expr, error) {
	if a, err := netip.ParseAddr(o.text); err == nil && a.Zone() == "" {
		t, err := p.newTest(f, Equal)
		if err != nil {
			return nil, err
		}
		t.Lo = event.IPFrom(a)
		t.Hi, t.Str = t.Lo, a.Unmap().String()
		return t, nil
	}
	net, err := netip.ParsePrefix(o.text)
	if err != nil {
		return nil, fail(o.at, "write 10.1.2.3, 10.0.0.0/8 or fe80::/10", "%s is no address or network", show(o))
	}
	t, err := p.newTest(f, In)
	if err != nil {
		return nil, err
	}
	if a := net.Addr(); a.Is4In6() && net.Bits() >= 96 {
		net = netip.PrefixFrom(a.Unmap(), net.Bits()-96)
	}
	t.Net = net.Masked()
	t.Lo, t.Hi = prefixRange(t.Net)
	t.Str = t.Net.String()
	return t, nil
}

// prefixRange returns the first and the last address of a masked network.
func prefixRange(n netip.Prefix) (lo, hi event.IP) {
	ones := n.Bits()
	if n.Addr().Is4() {
		ones += 96
	}
	lo = event.IPFrom(n.Addr())
	hi = lo
	if ones <= 64 {
		hi.Hi |= math.MaxUint64 >> ones // 0 where ones is 64
		hi.Lo = math.MaxUint64
	} else {
		hi.Lo |= math.MaxUint64 >> (ones - 64)
	}
	return lo, hi
}

// addresses makes the test of a range of addresses.
func (p *parser) addresses(f field, low, high operand) (Expr, error) {
	t, err := p.newTest(f, In)
	if err != nil {
		return nil, err
	}
	t.Hi = event.IP{Hi: math.MaxUint64, Lo: math.MaxUint64}
	for _, end := range []struct {
		o  operand
		ip *event.IP
	}{{low, &t.Lo}, {high, &t.Hi}} {
		if end.o.wild {
			continue
		}
		a, err := netip.ParseAddr(end.o.text)
		if err != nil || a.Zone() != "" {
			return nil, fail(end.o.at, "write 10.1.2.3 or fe80::1", "%s is no address", show(end.o))
		}
		*end.ip = event.IPFrom(a)
	}
	t.Str = fmt.Sprintf("[%s to %s]", t.Lo.Addr(), t.Hi.Addr())
	return t, nil
}

// maxCost bounds the instructions that the regular expressions of one query compile to, about. A byte of text may
// cost as many steps.
const maxCost = 10_000

// regexpCost returns about how many instructions a regular expression compiles to, before compiling it.
func regexpCost(pattern string) (int, error) {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	return nodeCost(re), nil
}

func nodeCost(re *syntax.Regexp) int {
	n := 1 + len(re.Rune)
	if re.Op == syntax.OpCharClass {
		n = 1 + len(re.Rune)/16 // one instruction, with a table to search
	}
	for _, sub := range re.Sub {
		n += nodeCost(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(re.Min, re.Max, 1)
	}
	return min(n, maxCost+1)
}

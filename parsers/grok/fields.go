package grok

import (
	"encoding/json"
	"strconv"
	"strings"
)

// A Capture is one captured field of an expression, in the order of its opening parenthesis.
type Capture struct {
	Name string // as written: source.ip, [source][ip], clientip
	Type string // what followed the second colon: int, float, …; usually empty
}

// Field returns the name with dots: source.ip for [source][ip].
func (c Capture) Field() string { return strings.Join(fieldPath(c.Name), ".") }

// Fields returns what a match captured, as Logstash would store it: [a][b] is member b of a, a field that was captured
// several times is a list of its values in the order of the expression, an empty capture is no field. A value is a string,
// with type int an int64 or a json.Number beyond its range, with float a float64; other types leave the string.
//
// b, and slots as Match has filled them, are only read.
func Fields(captures []Capture, b []byte, slots []int32) map[string]any {
	fields := map[string]any{}
	for i, c := range captures {
		if from, to := slots[2*i], slots[2*i+1]; from >= 0 && from < to {
			store(fields, fieldPath(c.Name), typed(c.Type, string(b[from:to])))
		}
	}
	return fields
}

// fieldPath returns the names that lead to a field: [a][b] is a, b; a.b is one name.
func fieldPath(name string) []string {
	inner, opens := strings.CutPrefix(name, "[")
	inner, closes := strings.CutSuffix(inner, "]")
	if !opens || !closes {
		return []string{name}
	}
	return strings.Split(inner, "][")
}

// store adds a value to the field at path. A field that holds a value has no members: what would become one is left out,
// as is a value of a field that has members.
func store(fields map[string]any, path []string, value any) {
	for _, name := range path[:len(path)-1] {
		inner, ok := fields[name].(map[string]any)
		if !ok {
			if fields[name] != nil {
				return
			}
			inner = map[string]any{}
			fields[name] = inner
		}
		fields = inner
	}
	name := path[len(path)-1]
	switch old := fields[name].(type) {
	case nil:
		fields[name] = value
	case []any:
		fields[name] = append(old, value)
	case map[string]any:
	default:
		fields[name] = []any{old, value}
	}
}

// typed converts a capture as Logstash does, which is as Ruby's to_i and to_f do: the number that the text begins with, 0
// where there is none.
func typed(kind, text string) any {
	switch kind {
	case "int":
		digits := leadingInt(text)
		if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return n
		}
		return json.Number(digits)
	case "float":
		if x, err := strconv.ParseFloat(leadingFloat(text), 64); err == nil {
			return x
		}
	}
	return text
}

// leadingInt returns the integer that text begins with, in as many digits as it takes.
func leadingInt(text string) string {
	text = strings.TrimLeft(text, " \t\n\v\f\r")
	sign := ""
	if text != "" && (text[0] == '-' || text[0] == '+') {
		if text[0] == '-' {
			sign = "-"
		}
		text = text[1:]
	}
	digits := strings.TrimLeft(text[:digitsOf(text)], "0")
	if digits == "" {
		return "0"
	}
	return sign + digits
}

// leadingFloat returns the number that text begins with, in a form that strconv reads.
func leadingFloat(text string) string {
	text = strings.TrimLeft(text, " \t\n\v\f\r")
	n := 0
	if text != "" && (text[0] == '-' || text[0] == '+') {
		n = 1
	}
	whole := digitsOf(text[n:])
	n += whole
	if part := digitsOf(strings.TrimPrefix(text[n:], ".")); part > 0 && strings.HasPrefix(text[n:], ".") {
		n, whole = n+1+part, whole+part
	}
	if whole == 0 {
		return "0"
	}
	if n < len(text) && text[n]|0x20 == 'e' {
		exp := n + 1
		if exp < len(text) && (text[exp] == '-' || text[exp] == '+') {
			exp++
		}
		if digits := digitsOf(text[exp:]); digits > 0 {
			n = exp + digits
		}
	}
	return text[:n]
}

// digitsOf returns the number of digits that s begins with.
func digitsOf(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

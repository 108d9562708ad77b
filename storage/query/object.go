package query

import (
	"bytes"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/saypro/veritail/pipeline/event"
)

// An objectTest looks up a field in the rows' JSON objects.
type objectTest struct {
	t        *Test
	key      []byte // the name as a JSON string, without escapes
	number   float64
	isNumber bool // the operand is a number
	str      stringTest
	buf      []byte // scratch: a string without its escapes
}

func newObjectTest(t *Test) *objectTest {
	n := &objectTest{t: t, key: []byte(t.Field), str: *newStringTest(t), number: t.Float, isNumber: true}
	if t.Op == Equal {
		n.number, n.isNumber = Number(t.Str)
	}
	return n
}

func (n *objectTest) cost() int { return costJSON + n.str.cost() }

func (n *objectTest) eval(p *event.Page, in, out *event.Bits) {
	for w, rows := range in {
		var hits uint64
		for ; rows != 0; rows &= rows - 1 {
			i := bits.TrailingZeros64(rows)
			if s := p.Extra[w<<6+i]; s.Len != 0 && n.match(p.Bytes(s)) {
				hits |= 1 << i
			}
		}
		out[w] = hits
	}
}

func (n *objectTest) match(object []byte) bool {
	// A key is written as it stands or with escapes; without either, the object need not be walked.
	if !bytes.Contains(object, n.key) && bytes.IndexByte(object, '\\') < 0 {
		return false
	}
	v := n.lookup(object)
	if len(v) == 0 || v[0] == 'n' {
		return false
	}
	switch n.t.Op {
	case Exists:
		return true
	case Less, LessEq, More, MoreEq:
		return n.ordered(v)
	}
	switch c := v[0]; {
	case c == '"':
		var ok bool
		v, ok = n.unquote(v)
		return ok && n.str.match(v)
	case n.t.Op != Equal:
		return false
	case c == 't' || c == 'f':
		return string(v) == n.t.Str
	}
	x, ok := Number(v)
	return ok && n.isNumber && x == n.number
}

func (n *objectTest) ordered(v []byte) bool {
	if v[0] == '"' {
		var ok bool
		if v, ok = n.unquote(v); !ok {
			return false
		}
	}
	x, ok := Number(v)
	if !ok {
		return false
	}
	switch n.t.Op {
	case Less:
		return x < n.number
	case LessEq:
		return x <= n.number
	case More:
		return x > n.number
	}
	return x >= n.number
}

// lookup returns the value of the key as it is written, nil where there is none. What is no JSON object has no
// keys beyond where it stops being one.
func (n *objectTest) lookup(s []byte) []byte {
	for i := begin(s); i >= 0; {
		var key, value []byte
		if key, value, i = member(s, i); key != nil && n.isKey(key) {
			return value
		}
	}
	return nil
}

// Members calls f with the keys and values of a JSON object, as they are written, until f returns false. What is no
// JSON object has no members beyond where it stops being one.
func Members(object []byte, f func(key, value []byte) bool) {
	for i := begin(object); i >= 0; {
		var key, value []byte
		if key, value, i = member(object, i); key == nil || !f(key, value) {
			return
		}
	}
}

// begin returns where the first member of an object may be, or -1.
func begin(s []byte) int {
	i := skipSpace(s, 0)
	if i >= len(s) || s[i] != '{' {
		return -1
	}
	return i + 1
}

// member returns the key and the value of the member at i and where the next one may be, -1 where none can be. The key
// is nil where there is no member.
func member(s []byte, i int) (key, value []byte, next int) {
	i = skipSpace(s, i)
	end := skipString(s, i)
	if end < 0 {
		return nil, nil, -1
	}
	key = s[i:end]
	i = skipSpace(s, end)
	if i >= len(s) || s[i] != ':' {
		return nil, nil, -1
	}
	i = skipSpace(s, i+1)
	end = skipValue(s, i)
	if end <= i {
		return nil, nil, -1
	}
	value = s[i:end]
	i = skipSpace(s, end)
	if i >= len(s) || s[i] != ',' {
		return key, value, -1
	}
	return key, value, i + 1
}

// isKey compares a JSON string with the field's name.
func (n *objectTest) isKey(quoted []byte) bool {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return bytes.Equal(inner, n.key)
	}
	v, ok := n.unquote(quoted)
	return ok && bytes.Equal(v, n.key)
}

// unquote returns the text of a JSON string, valid until it is called again.
func (n *objectTest) unquote(quoted []byte) ([]byte, bool) {
	s := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(s, '\\') < 0 {
		return s, true
	}
	var ok bool
	n.buf, ok = unescapeJSON(n.buf[:0], s)
	return n.buf, ok
}

// Unquote appends the text of a JSON string to dst, and returns false where it is none.
func Unquote(dst, quoted []byte) ([]byte, bool) {
	if len(quoted) < 2 || quoted[0] != '"' || skipString(quoted, 0) != len(quoted) {
		return dst, false
	}
	return unescapeJSON(dst, quoted[1:len(quoted)-1])
}

// unescapeJSON appends s to b without its escapes.
func unescapeJSON(b, s []byte) ([]byte, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b = append(b, s[i])
			continue
		}
		if i++; i >= len(s) {
			return b, false
		}
		if s[i] != 'u' {
			c, ok := jsonEscapes[s[i]]
			if !ok {
				return b, false
			}
			b = append(b, c)
			continue
		}
		r := hex4(s[i+1:])
		if r < 0 {
			return b, false
		}
		i += 4
		if utf16.IsSurrogate(r) {
			low := rune(-1)
			if bytes.HasPrefix(s[i+1:], []byte(`\u`)) {
				low = hex4(s[i+3:])
			}
			if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
				i += 6
			}
		}
		b = utf8.AppendRune(b, r)
	}
	return b, true
}

var jsonEscapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// hex4 reads four hexadecimal digits, or returns -1.
func hex4(s []byte) rune {
	if len(s) < 4 {
		return -1
	}
	v, err := strconv.ParseUint(string(s[:4]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(v)
}

func skipSpace(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r') {
		i++
	}
	return i
}

// skipString returns the end of the string that begins at i, or -1.
func skipString(s []byte, i int) int {
	if i >= len(s) || s[i] != '"' {
		return -1
	}
	for i++; i < len(s); i++ {
		switch s[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return -1
}

// skipValue returns the end of the value that begins at i, or -1.
func skipValue(s []byte, i int) int {
	depth := 0
	for i < len(s) {
		switch s[i] {
		case '"':
			if i = skipString(s, i); i < 0 {
				return -1
			}
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i // of a number or a word
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return -1
}

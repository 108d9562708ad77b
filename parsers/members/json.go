package members

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// How deep objects are taken apart, and how deep values may be nested at all (the bound of encoding/json).
const (
	maxDots  = 16
	maxDepth = 10000
)

// JSON reads an object (RFC 8259). Members of nested objects have dotted keys; deeper than 16, and in arrays, they stay
// JSON. A member that is null is left out. It reports false for anything else than one object, and for one of more
// than Max members. Of equal keys all are returned, in their order.
func (s *Scanner) JSON(b []byte) ([]Member, bool) {
	s.begin()
	i := skipBlanks(b, 0)
	if i >= len(b) || b[i] != '{' {
		return nil, false
	}
	i, ok := s.object(b, i+1, nil, 0)
	if !ok || skipBlanks(b, i) != len(b) {
		return nil, false
	}
	return s.list, true
}

// object reads the object whose brace stands before i, and returns where it ends.
func (s *Scanner) object(b []byte, i int, prefix []byte, depth int) (int, bool) {
	for first := true; ; first = false {
		if i = skipBlanks(b, i); i >= len(b) {
			return i, false
		}
		if first && b[i] == '}' {
			return i + 1, true
		}
		if b[i] != '"' {
			return i, false
		}
		end, plain := stringEnd(b, i+1)
		if end < 0 {
			return i, false
		}
		key, ok := s.key(b[i:end+1], prefix, plain)
		if !ok {
			return i, false
		}
		if i = skipBlanks(b, end+1); i >= len(b) || b[i] != ':' {
			return i, false
		}
		if i, ok = s.member(b, skipBlanks(b, i+1), key, depth); !ok {
			return i, false
		}
		if i = skipBlanks(b, i); i >= len(b) {
			return i, false
		}
		switch b[i] {
		case ',':
			i++
		case '}':
			return i + 1, true
		default:
			return i, false
		}
	}
}

// key returns the dotted key of a member, whose own one is the JSON string quoted.
func (s *Scanner) key(quoted, prefix []byte, plain bool) ([]byte, bool) {
	own := quoted[1 : len(quoted)-1]
	if plain && prefix == nil {
		return own, true
	}
	n := len(s.decoded)
	if prefix != nil {
		s.decoded = append(append(s.decoded, prefix...), '.')
	}
	if plain {
		s.decoded = append(s.decoded, own...)
		return s.keep(n), true
	}
	ok := s.unescape(own)
	return s.keep(n), ok
}

// member reads the value at i.
func (s *Scanner) member(b []byte, i int, key []byte, depth int) (int, bool) {
	if i >= len(b) {
		return i, false
	}
	if b[i] == '{' && depth < maxDots {
		return s.object(b, i+1, key, depth+1)
	}
	m := Member{Key: key, Off: i, Bare: true}
	var end int
	if b[i] == '"' {
		close, plain := stringEnd(b, i+1)
		if close < 0 {
			return i, false
		}
		end = close + 1
		m.Text, m.Off, m.Bare = b[i+1:close:close], i+1, false
		if !plain {
			n := len(s.decoded)
			if !s.unescape(m.Text) {
				return i, false
			}
			m.Text, m.Off = s.keep(n), -1
		}
	} else {
		if end = skipValue(b, i, depth+1); end < 0 {
			return i, false
		}
		if b[i] == 'n' {
			return end, true
		}
		m.Text = b[i:end:end]
		if b[i] == '[' {
			m.Text, m.Off, m.Bare = onlyOf(m.Text, i)
		}
	}
	m.JSON = b[i:end:end]
	if len(s.list) == Max {
		return i, false
	}
	s.list = append(s.list, m)
	return end, true
}

// onlyOf returns the text of the one value that the array holds which stands at i, and where that stands; of any other
// array, the array. A string with escapes is not looked into.
func onlyOf(array []byte, i int) (text []byte, off int, bare bool) {
	from := skipBlanks(array, 1)
	c := array[from]
	to, plain := from, true
	switch {
	case c == '"':
		from++
		to, plain = stringEnd(array, from)
		if skipBlanks(array, to+1) != len(array)-1 {
			return array, i, true
		}
	case c == '-' || c >= '0' && c <= '9' || c == 't' || c == 'f':
		to = skipValue(array, from, 0)
		if skipBlanks(array, to) != len(array)-1 {
			return array, i, true
		}
	default:
		return array, i, true
	}
	if !plain {
		return array, i, true
	}
	return array[from:to:to], i + from, c != '"'
}

// Bytes makes texts of the members, which JSON has returned, that are arrays of numbers from 0 to 255: so journald writes
// what is no text.
func (s *Scanner) Bytes(list []Member) {
	for i := range list {
		if m := &list[i]; len(m.JSON) > 2 && m.JSON[0] == '[' && m.JSON[1] != '"' {
			n := len(s.decoded)
			if s.bytes(m.JSON) {
				m.Text, m.Off, m.JSON, m.Bare = s.keep(n), -1, nil, false
			} else {
				s.decoded = s.decoded[:n]
			}
		}
	}
}

// bytes appends what the numbers of an array mean, which is known to be JSON.
func (s *Scanner) bytes(array []byte) bool {
	n, digits := 0, false
	for _, c := range array[1:] {
		switch {
		case c >= '0' && c <= '9':
			if n, digits = 10*n+int(c-'0'), true; n > 255 {
				return false
			}
		case (c == ',' || c == ']') && digits:
			s.decoded = append(s.decoded, byte(n))
			n, digits = 0, false
		case c != ' ' && c != '\t' && c != '\n' && c != '\r':
			return false
		}
	}
	return true
}

// skipBlanks returns the first i at or after i where no blank stands.
func skipBlanks(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t' || b[i] == '\n' || b[i] == '\r') {
		i++
	}
	return i
}

// stringEnd returns where the closing quote of the string stands that begins at i, -1 if there is none or a control
// byte comes first. plain says that the string has no escapes.
func stringEnd(b []byte, i int) (end int, plain bool) {
	plain = true
	for {
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			if m := stops(w); m != 0 {
				i += bits.TrailingZeros64(m) / 8
				break
			}
			i += 8
		}
		for i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' ' {
			i++
		}
		switch {
		case i >= len(b) || b[i] < ' ':
			return -1, false
		case b[i] == '"':
			return i, plain
		}
		plain = false
		i += 2 // the byte behind the backslash is no quote that closes; unescape judges it
	}
}

// stops has the high bit set of the first byte of w that is a quote, a backslash or below a blank. Bits above that one
// mean nothing.
func stops(w uint64) uint64 {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	q := w ^ ones*'"'
	s := w ^ ones*'\\'
	return ((q-ones)&^q | (s-ones)&^s | (w-ones*' ')&^w) & highs
}

// Unescape appends the text of a JSON string, given without its quotes, to dst. It reports false where it is none.
func Unescape(dst, text []byte) ([]byte, bool) {
	s := Scanner{decoded: dst}
	ok := s.unescape(text)
	return s.decoded, ok
}

// Backslashes appends text to dst in which a backslash stands before each quote and backslash, and before the letters b, t, n, f and r
// for the characters that C writes so. A backslash at the end, and one before any other character, stands for itself.
func Backslashes(dst, text []byte) ([]byte, bool) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '\\' && i+1 < len(text) {
			if at := bytes.IndexByte([]byte(`'"\btnfr`), text[i+1]); at >= 0 {
				c = "'\"\\\b\t\n\f\r"[at]
				i++
			}
		}
		dst = append(dst, c)
	}
	return dst, true
}

// unescape appends the text of a JSON string, given without its quotes.
func (s *Scanner) unescape(b []byte) bool {
	for i := 0; i < len(b); {
		c := b[i]
		if c != '\\' {
			s.decoded = append(s.decoded, c)
			i++
			continue
		}
		if i+1 >= len(b) {
			return false
		}
		switch b[i+1] {
		case '"', '\\', '/':
			s.decoded = append(s.decoded, b[i+1])
		case 'b':
			s.decoded = append(s.decoded, '\b')
		case 'f':
			s.decoded = append(s.decoded, '\f')
		case 'n':
			s.decoded = append(s.decoded, '\n')
		case 'r':
			s.decoded = append(s.decoded, '\r')
		case 't':
			s.decoded = append(s.decoded, '\t')
		case 'u':
			r, n := escapedRune(b[i:])
			if n == 0 {
				return false
			}
			s.decoded = utf8.AppendRune(s.decoded, r)
			i += n
			continue
		default:
			return false
		}
		i += 2
	}
	return true
}

// escapedRune reads \uXXXX, or two of them that are a surrogate pair, and returns how many bytes it took, 0 if it is
// none. Half a pair is U+FFFD.
func escapedRune(b []byte) (rune, int) {
	r, ok := hex4(b)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return r, 6
	}
	if low, ok := hex4(b[6:]); ok {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return utf8.RuneError, 6
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r [2]byte
	if _, err := hex.Decode(r[:], b[2:6]); err != nil {
		return 0, false
	}
	return rune(binary.BigEndian.Uint16(r[:])), true
}

// skipValue returns where the value ends that begins at i, -1 if it is none.
func skipValue(b []byte, i, depth int) int {
	if i >= len(b) || depth > maxDepth {
		return -1
	}
	switch c := b[i]; {
	case c == '{' || c == '[':
		return skipNested(b, i, depth)
	case c == '"':
		end, plain := stringEnd(b, i+1)
		if end < 0 || !plain && !json.Valid(b[i:end+1]) {
			return -1
		}
		return end + 1
	case c == '-' || c >= '0' && c <= '9':
		return skipNumber(b, i)
	case c == 't':
		return skipWord(b, i, "true")
	case c == 'f':
		return skipWord(b, i, "false")
	case c == 'n':
		return skipWord(b, i, "null")
	}
	return -1
}

// skipNested skips an object or an array.
func skipNested(b []byte, i, depth int) int {
	open, close := b[i], b[i]+2 // '{' and '}', '[' and ']'
	i = skipBlanks(b, i+1)
	if i < len(b) && b[i] == close {
		return i + 1
	}
	for {
		if open == '{' {
			if i >= len(b) || b[i] != '"' {
				return -1
			}
			if i = skipValue(b, i, depth); i < 0 {
				return -1
			}
			if i = skipBlanks(b, i); i >= len(b) || b[i] != ':' {
				return -1
			}
			i = skipBlanks(b, i+1)
		}
		if i = skipValue(b, i, depth+1); i < 0 {
			return -1
		}
		if i = skipBlanks(b, i); i >= len(b) {
			return -1
		}
		switch b[i] {
		case close:
			return i + 1
		case ',':
			i = skipBlanks(b, i+1)
		default:
			return -1
		}
	}
}

func skipWord(b []byte, i int, word string) int {
	if len(b)-i < len(word) || string(b[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

func skipNumber(b []byte, i int) int {
	if b[i] == '-' {
		i++
	}
	if i < len(b) && b[i] == '0' {
		i++
	} else if i = skipDigits(b, i); i < 0 {
		return -1
	}
	if i < len(b) && b[i] == '.' {
		if i = skipDigits(b, i+1); i < 0 {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		i = skipDigits(b, i)
	}
	return i
}

// skipDigits returns the end of the digits at i, -1 if there are none.
func skipDigits(b []byte, i int) int {
	from := i
	for i < len(b) && b[i] >= '0' && b[i] <= '9' {
		i++
	}
	if i == from {
		return -1
	}
	return i
}

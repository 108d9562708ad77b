package members

import (
	"bytes"
	"encoding/hex"
)

// KV reads key=value pairs that are parted by blanks, line endings or the byte 0x1D (auditd writes it before the names
// of numeric ids), or by a comma, semicolon or bar with another key behind it. Values are bare, in double quotes with
// backslash escapes (logfmt), or in single quotes; in single quotes may stand pairs in their turn, as auditd's
// msg='op=login acct="x" res=failed' has them: they are members like the others. Words that are no pair are passed over.
//
// A key is letters, digits and _ - . / @ [ ]. Of equal keys only the first is returned: what is written later is more
// likely somebody else's text. More than Max members are left out.
func (s *Scanner) KV(b []byte) []Member {
	s.begin()
	nested := false // within single quotes that hold pairs
	for i := 0; i < len(b) && len(s.list) < Max; {
		if hard(b[i]) || soft(b[i]) {
			i++
			continue
		}
		if nested && b[i] == '\'' {
			nested = false
			i++
			continue
		}
		end := keyEnd(b, i)
		if end == i || end == len(b) || b[end] != '=' {
			i = bareEnd(b, max(end, i+1), nested)
			continue
		}
		key := b[i:end:end]
		i = end + 1
		if i < len(b) && b[i] == '\'' && !nested && pairFollows(b, i+1) {
			nested = true
			i++
			continue
		}
		var m Member
		m, i = s.value(b, i, nested)
		m.Key = key
		if !s.has(key) {
			s.list = append(s.list, m)
		}
	}
	return s.list
}

// has reports whether a member of that key was read already.
func (s *Scanner) has(key []byte) bool {
	for i := range s.list {
		if k := s.list[i].Key; len(k) == len(key) && k[0] == key[0] && string(k) == string(key) {
			return true
		}
	}
	return false
}

// value reads the value at i and returns where it ends.
func (s *Scanner) value(b []byte, i int, nested bool) (Member, int) {
	if i < len(b) && b[i] == '"' {
		if m, end, ok := s.escaped(b, i+1); ok {
			return m, end
		}
	}
	if i < len(b) && b[i] == '\'' && !nested {
		if q := bytes.IndexByte(b[i+1:], '\''); q >= 0 {
			end := i + 1 + q
			return Member{Text: b[i+1 : end : end], Off: i + 1}, end + 1
		}
	}
	end := bareEnd(b, i, nested)
	text := bytes.TrimRight(b[i:end], ",;|")
	return Member{Text: text[:len(text):len(text)], Off: i, Bare: true}, end
}

// bareEnd returns where the bare word at i ends.
func bareEnd(b []byte, i int, nested bool) int {
	for ; i < len(b); i++ {
		switch c := b[i]; {
		case hard(c):
			return i
		case soft(c) && pairFollows(b, i+1):
			return i
		case nested && c == '\'' && (i+1 == len(b) || hard(b[i+1])):
			return i
		}
	}
	return i
}

// escaped reads a value in double quotes whose opening one stands before i. It reports false where no quote closes it.
func (s *Scanner) escaped(b []byte, i int) (Member, int, bool) {
	from, n, plain := i, len(s.decoded), true
	for i < len(b) {
		switch c := b[i]; {
		case c == '"' && plain:
			return Member{Text: b[from:i:i], Off: from}, i + 1, true
		case c == '"':
			return Member{Text: s.keep(n), Off: -1}, i + 1, true
		case c == '\\' && i+1 < len(b):
			if plain {
				plain = false
				s.decoded = append(s.decoded, b[from:i]...)
			}
			switch e := b[i+1]; e {
			case '"', '\\':
				s.decoded = append(s.decoded, e)
			case 'n':
				s.decoded = append(s.decoded, '\n')
			case 'r':
				s.decoded = append(s.decoded, '\r')
			case 't':
				s.decoded = append(s.decoded, '\t')
			default:
				s.decoded = append(s.decoded, c, e)
			}
			i += 2
			continue
		case !plain:
			s.decoded = append(s.decoded, c)
		}
		i++
	}
	s.decoded = s.decoded[:n]
	return Member{}, 0, false
}

// hard reports whether c ends a bare value.
func hard(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0x1d }

// soft reports whether c ends a bare value where a key follows.
func soft(c byte) bool { return c == ',' || c == ';' || c == '|' }

// pairFollows reports whether a key and its equals sign stand at i, blanks before them allowed.
func pairFollows(b []byte, i int) bool {
	for i < len(b) && (b[i] == ' ' || b[i] == '\t') {
		i++
	}
	end := keyEnd(b, i)
	return end > i && end < len(b) && b[end] == '='
}

// keyEnd returns where the key at i ends.
func keyEnd(b []byte, i int) int {
	for i < len(b) && keyByte[b[i]] {
		i++
	}
	return i
}

var keyByte = func() (t [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@[]" {
		t[c] = true
	}
	return t
}()

// Hex decodes the hexadecimal digits b, as auditd writes untrusted texts, and appends them to dst; NULs, which part the
// arguments of a command line, become blanks. It reports false, and appends nothing, where b is nothing of the kind.
func Hex(dst, b []byte) ([]byte, bool) {
	n := len(dst)
	out, err := hex.AppendDecode(dst, b)
	if len(b) == 0 || err != nil {
		return dst, false
	}
	for i := n; i < len(out); i++ {
		if out[i] == 0 {
			out[i] = ' '
		}
	}
	return out, true
}

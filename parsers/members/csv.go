package members

import "bytes"

// CSV reads a row of values separated by sep (RFC 4180). A value that begins with a quote ends at the next single one;
// two of them are one. A quote within a value that does not begin with one means itself, and a value whose quote is
// never closed, as in a record that was cut, is the rest of the text. Of a value with more text behind its closing
// quote, that text is a part. Where sep is a blank or a tab there are no quotes: those who write such rows escape
// nothing, and a quote in somebody's text would move the values behind it. More than Max values are left out.
func (s *Scanner) CSV(b []byte, sep byte) []Member {
	s.begin()
	quotes := sep != ' ' && sep != '\t'
	for i := 0; len(s.list) < Max; {
		var m Member
		if quotes && i < len(b) && b[i] == '"' {
			m, i = s.quoted(b, i+1, sep)
		} else {
			end := bytes.IndexByte(b[i:], sep)
			if end < 0 {
				end = len(b)
			} else {
				end += i
			}
			m, i = Member{Text: b[i:end:end], Off: i, Bare: true}, end
		}
		s.list = append(s.list, m)
		if i >= len(b) {
			break
		}
		i++ // the separator
	}
	return s.list
}

// quoted reads the value whose opening quote stands before i, and returns where it ends.
func (s *Scanner) quoted(b []byte, i int, sep byte) (Member, int) {
	from, n, plain := i, len(s.decoded), true
	for {
		q := bytes.IndexByte(b[i:], '"')
		if q < 0 {
			q = len(b) - i
		}
		if !plain {
			s.decoded = append(s.decoded, b[i:i+q]...)
		}
		i += q
		if i+1 >= len(b) || b[i+1] == sep {
			break
		}
		if plain {
			plain = false
			s.decoded = append(s.decoded, b[from:i]...)
		}
		if b[i+1] == '"' {
			s.decoded = append(s.decoded, '"')
			i += 2
			continue
		}
		end := bytes.IndexByte(b[i+1:], sep) // text behind the closing quote
		if end < 0 {
			end = len(b) - i - 1
		}
		s.decoded = append(s.decoded, b[i+1:i+1+end]...)
		return Member{Text: s.keep(n), Off: -1}, i + 1 + end
	}
	end := min(i+1, len(b))
	if plain {
		return Member{Text: b[from:i:i], Off: from}, end
	}
	return Member{Text: s.keep(n), Off: -1}, end
}

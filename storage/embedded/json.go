package embedded

import (
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/saypro/veritail/pipeline/event"
)

// fieldsJSON writes the fields of a page that have no column in the store as one JSON object a row. Strings are
// strings; integers, times (µs) and durations (ns) numbers; booleans 0 or 1; addresses strings of 32 hexadecimal
// digits, which compare like addresses; floats numbers, or "NaN", "Infinity" and "-Infinity".
type fieldsJSON struct {
	buf  []byte
	ends []int // where the object of each row ends in buf; a row without an object adds nothing
	keys [][]byte
	used []event.Field
}

// build writes the objects of the rows from to to and returns their ends in buf, nil where no row has one. Both
// are valid until the next call.
func (j *fieldsJSON) build(p *event.Page, from, to int) []int {
	j.used = j.used[:0]
	for _, f := range p.Columns() {
		if f >= event.StoredColumns {
			j.used = append(j.used, f)
		}
	}
	if len(j.used) == 0 {
		return nil
	}
	slices.Sort(j.used) // alike objects compress best
	j.buf, j.ends = j.buf[:0], j.ends[:0]
	for i := from; i < to; i++ {
		begin := len(j.buf)
		for _, f := range j.used {
			c := p.Column(f)
			if !c.Valid.Has(i) {
				continue
			}
			if len(j.buf) == begin {
				j.buf = append(j.buf, '{')
			} else {
				j.buf = append(j.buf, ',')
			}
			j.buf = append(j.buf, j.key(p.Schema, f)...)
			j.value(p, c, i)
		}
		if len(j.buf) > begin {
			j.buf = append(j.buf, '}')
		}
		j.ends = append(j.ends, len(j.buf))
	}
	return j.ends
}

// key returns the field's name as a JSON string with its colon.
func (j *fieldsJSON) key(s *event.Schema, f event.Field) []byte {
	for int(f) >= len(j.keys) {
		j.keys = append(j.keys, nil)
	}
	if j.keys[f] == nil {
		j.keys[f] = append(appendJSONString(nil, []byte(s.Def(f).Name)), ':')
	}
	return j.keys[f]
}

func (j *fieldsJSON) value(p *event.Page, c *event.Column, i int) {
	switch c.Kind {
	case event.Keyword, event.Text:
		j.buf = appendJSONString(j.buf, p.Bytes(c.Str[i]))
	case event.Float:
		j.buf = appendJSONFloat(j.buf, c.Float[i])
	case event.Address:
		j.buf = append(j.buf, '"')
		j.buf = appendHexIP(j.buf, c.IP[i])
		j.buf = append(j.buf, '"')
	default:
		j.buf = strconv.AppendInt(j.buf, c.Int[i], 10)
	}
}

const hexDigits = "0123456789abcdef"

func appendHexIP(b []byte, ip event.IP) []byte {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], ip.Hi)
	binary.BigEndian.PutUint64(raw[8:], ip.Lo)
	for _, c := range raw {
		b = append(b, hexDigits[c>>4], hexDigits[c&15])
	}
	return b
}

func appendJSONFloat(b []byte, v float64) []byte {
	switch {
	case math.IsNaN(v):
		return append(b, `"NaN"`...)
	case math.IsInf(v, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(v, -1):
		return append(b, `"-Infinity"`...)
	}
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// appendJSONString appends s as a JSON string; bytes that are not UTF-8 become U+FFFD.
func appendJSONString(b, s []byte) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(append(b, s[start:i]...), "\uFFFD"...)
				start = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[start:i]...)
		if c == '"' || c == '\\' {
			b = append(b, '\\', c)
		} else {
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
		i++
		start = i
	}
	return append(append(b, s[start:]...), '"')
}

package event

import (
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf8"
)

// AppendJSON appends the row as one JSON object with flat dotted keys: log.file.path, log.offset, event.original,
// event.dataset, then the columns, then what has no column. An unparsed row has log.file.path, log.offset,
// event.original and veritail.unparsed.
func (r Row) AppendJSON(dst []byte) []byte {
	p := r.Page
	dst = append(dst, `{"log.file.path":`...)
	dst = AppendJSONString(dst, p.Path)
	dst = append(dst, `,"log.offset":`...)
	dst = strconv.AppendInt(dst, p.Offset(r.I), 10)
	dst = append(dst, `,"event.original":`...)
	dst = AppendJSONString(dst, p.Bytes(p.Raw[r.I]))
	if p.CutRows.Has(r.I) {
		dst = append(dst, `,"veritail.cut":true`...)
	}
	if p.Unparsed.Has(r.I) {
		return append(dst, `,"veritail.unparsed":true}`...)
	}
	dst = append(dst, `,"event.dataset":`...)
	dst = AppendJSONString(dst, p.Data)
	for _, f := range p.Columns() {
		c := p.Column(f)
		if !c.Valid.Has(r.I) {
			continue
		}
		dst = append(dst, ',')
		dst = AppendJSONString(dst, p.Schema.Def(f).Name)
		dst = append(dst, ':')
		dst = p.appendValue(dst, c, r.I)
	}
	if extra := p.Bytes(p.Extra[r.I]); len(extra) > 2 && json.Valid(extra) {
		dst = append(dst, ',')
		return append(dst, extra[1:]...)
	}
	return append(dst, '}')
}

func (p *Page) appendValue(dst []byte, c *Column, i int) []byte {
	switch c.Kind {
	case Keyword, Text:
		return AppendJSONString(dst, p.Bytes(c.Str[i]))
	case Float:
		return strconv.AppendFloat(dst, c.Float[i], 'g', -1, 64)
	case Address:
		dst = append(dst, '"')
		dst = c.IP[i].Addr().AppendTo(dst)
		return append(dst, '"')
	case Time:
		dst = append(dst, '"')
		dst = time.UnixMicro(c.Int[i]).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000000Z")
		return append(dst, '"')
	case Bool:
		return strconv.AppendBool(dst, c.Int[i] != 0)
	}
	return strconv.AppendInt(dst, c.Int[i], 10)
}

// AppendJSONString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD.
func AppendJSONString[S ~string | ~[]byte](dst []byte, s S) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if r == '\u2028' || r == '\u2029' { // line ends in JavaScript
				dst = append(dst, '\\', 'u', '2', '0', '2', hex[r&15])
			} else {
				dst = utf8.AppendRune(dst, r)
			}
			i += n
			continue
		}
		i++
	}
	return append(dst, '"')
}

package elastic

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// Pairs say of each member of the JSON object that an event brought what tests of it look at. Each is a term: the key, a
// NUL byte, one of these letters and a value. A NUL in the key is doubled.
const (
	pairExists = 'e' // the member is not null
	pairString = 's' // the string
	pairBool   = 'b' // true or false
	pairNumber = 'n' // the number, as sortable writes it
	pairLooks  = 'm' // the number that a string is written like
)

// pair returns the beginning of the terms of one kind and key.
func pair(key string, kind byte) string {
	return strings.ReplaceAll(key, "\x00", "\x00\x00") + "\x00" + string(kind)
}

// sortable writes a number as 16 hexadecimal digits whose order is that of the numbers.
func sortable(v float64) string {
	bits := math.Float64bits(v + 0) // -0 is 0
	if bits>>63 != 0 {
		bits = ^bits
	} else {
		bits |= 1 << 63
	}
	return fmt.Sprintf("%016x", bits)
}

// maxKey is the length in bytes up to which names of members are indexed as they are.
const maxKey = 512

// member is the name under which fLong has a member of the JSON object: a field may have the same.
func member(key string) string { return "\x00" + key }

// marker is how fHas and fLong name a field.
func marker(name string) string {
	if len(name) > maxKey {
		return fmt.Sprintf("#%x", sha256.Sum256([]byte(strings.ToValidUTF8(name, "\uFFFD"))))
	}
	return name
}

// members writes the pairs of a JSON object, and its members as texts. Of a key that stands twice the first counts.
func (e *encoder) members(b, object []byte) []byte {
	clear(e.keys)
	e.pairs = append(e.pairs[:0], `,"`+fPairs+`":[`...)
	texts := len(b)
	b = append(b, `,"`+fExtra+`":{`...)
	empty := true
	query.Members(object, func(quoted, value []byte) bool {
		var ok bool
		if e.key, ok = query.Unquote(e.key[:0], quoted); !ok || e.keys[string(e.key)] {
			return true
		}
		key := string(bytes.ToValidUTF8(e.key, []byte("\uFFFD")))
		e.keys[string(e.key)] = true
		if value[0] == 'n' {
			return true
		}
		text, whole := e.member(key, value)
		if strings.Contains(key, "\x00") || len(key) > maxKey || len(text) > maxTerm {
			whole = false // it is no group either
		} else {
			if !empty {
				b = append(b, ',')
			}
			empty = false
			b = append(event.AppendJSONString(b, key), ':')
			b = event.AppendJSONString(b, text)
		}
		if !whole {
			e.long = append(e.long, member(key))
		}
		return true
	})
	if empty {
		b = b[:texts]
	} else {
		b = append(b, '}')
	}
	if e.pairs[len(e.pairs)-1] == '[' {
		return b
	}
	return append(append(b, e.pairs...), ']')
}

// member adds the pairs of one member and returns its value as text. whole is false where a pair is too long.
func (e *encoder) member(key string, value []byte) (text []byte, whole bool) {
	whole = e.pair(key, pairExists, nil)
	switch value[0] {
	case '"':
		var ok bool
		if e.value, ok = query.Unquote(e.value[:0], value); !ok {
			return value, whole
		}
		if v, ok := query.Number(e.value); ok {
			whole = e.pair(key, pairLooks, []byte(sortable(v))) && whole
		}
		return e.value, e.pair(key, pairString, e.value) && whole
	case 't', 'f':
		return value, e.pair(key, pairBool, value) && whole
	case '{', '[':
		return value, whole
	}
	if v, ok := query.Number(value); ok {
		whole = e.pair(key, pairNumber, []byte(sortable(v))) && whole
	}
	return value, whole
}

// pair adds a pair, unless it is too long.
func (e *encoder) pair(key string, kind byte, value []byte) bool {
	head := pair(key, kind)
	if len(head)+len(value) > maxTerm {
		return false
	}
	if e.pairs[len(e.pairs)-1] != '[' {
		e.pairs = append(e.pairs, ',')
	}
	e.pairs = event.AppendJSONString(e.pairs, head+string(value))
	return true
}

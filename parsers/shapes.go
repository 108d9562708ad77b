package parsers

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/saypro/veritail/pipeline/event"
)

// Bounds of what is remembered of unparsed lines, per generation.
const (
	maxShapes    = 64
	maxShape     = 160 // bytes of a shape's text
	maxShapeLine = 512 // bytes of its example
)

// shapes counts unparsed lines by their shape. When there are too many, the rarest gives way.
type shapes struct {
	byText  map[string]*event.Shape
	dropped int64
	text    []byte
	told    []event.Shape // what was told last; nil where it is out of date
}

// add counts a line that begins at off.
func (s *shapes) add(line []byte, off int64) {
	s.told = nil
	s.text = appendShape(s.text[:0], line)
	if sh := s.byText[string(s.text)]; sh != nil {
		sh.Count++
		return
	}
	if s.byText == nil {
		s.byText = map[string]*event.Shape{}
	}
	if len(s.byText) >= maxShapes {
		s.drop()
	}
	example := line[:min(len(line), maxShapeLine)]
	for len(example) < len(line) && len(example) > 0 && !utf8.RuneStart(line[len(example)]) {
		example = example[:len(example)-1]
	}
	text := string(s.text)
	s.byText[text] = &event.Shape{Text: text, Count: 1, Offset: off, Example: string(example)}
}

// drop forgets the rarest shape, of several the one seen first.
func (s *shapes) drop() {
	var rare *event.Shape
	for _, sh := range s.byText {
		if rare == nil || sh.Count < rare.Count || sh.Count == rare.Count && sh.Offset < rare.Offset {
			rare = sh
		}
	}
	s.dropped += rare.Count
	delete(s.byText, rare.Text)
}

// tell returns the shapes, most frequent first.
func (s *shapes) tell() []event.Shape {
	if s.told == nil && len(s.byText) > 0 {
		for _, sh := range s.byText {
			s.told = append(s.told, *sh)
		}
		slices.SortFunc(s.told, func(a, b event.Shape) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Offset, b.Offset))
		})
	}
	return s.told
}

// appendShape appends the shape of a line: runs of digits are 0, addresses @, words w and several of them w+, words with
// digits x, quoted texts "" or ”; keys before a = and words in capitals, which mostly are levels, stay.
func appendShape(dst, line []byte) []byte {
	for i := 0; i < len(line) && len(dst) < maxShape; {
		c := line[i]
		switch {
		case c == '"' || c == '\'' && (i == 0 || !isWordByte(line[i-1])):
			n := quotedLen(line[i:])
			if n == 0 {
				dst = append(dst, c)
				i++
				continue
			}
			dst = append(dst, c, c)
			i += n
		case isWordByte(c):
			n := wordLen(line[i:])
			dst = appendWordShape(dst, line[i:i+n], line[i+n:])
			if a := addressLen(line[i:]); a > 0 && (i == 0 || line[i-1] != '.') {
				dst, n = append(dst[:len(dst)-wordShapeLen(dst)], '@'), a
			}
			i += n
		case c == ' ' || c == '\t':
			if len(dst) > 0 && dst[len(dst)-1] == ' ' {
				i++
				continue
			}
			dst = append(dst, ' ')
			i++
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}

// appendWordShape appends the shape of a word, which rest follows.
func appendWordShape(dst, word, rest []byte) []byte {
	digits, letters, capitals := 0, 0, 0
	for _, c := range word {
		switch {
		case isDigit(c):
			digits++
		case c >= 'A' && c <= 'Z':
			capitals++
			letters++
		default:
			letters++
		}
	}
	switch {
	case len(rest) > 0 && rest[0] == '=' && letters > 0:
		return append(dst, word...)
	case letters == 0:
		return append(dst, '0')
	case digits > 0:
		return append(dst, 'x')
	case capitals == len(word) && len(word) > 2 && len(word) < 10:
		return append(dst, word...)
	}
	switch n := len(dst); {
	case n >= 3 && string(dst[n-3:]) == "w+ ":
		return dst[:n-1]
	case n >= 2 && string(dst[n-2:]) == "w ":
		return append(dst[:n-1], '+')
	}
	return append(dst, 'w')
}

// wordShapeLen returns how many bytes the shape of the word at the end of dst has.
func wordShapeLen(dst []byte) int {
	n := 1
	for n < len(dst) && isWordByte(dst[len(dst)-n-1]) {
		n++
	}
	return n
}

// addressLen returns the length of the IPv4 address that b begins with, 0 if it begins with none.
func addressLen(b []byte) int {
	n := 0
	for part := range 4 {
		if part > 0 {
			if n >= len(b) || b[n] != '.' {
				return 0
			}
			n++
		}
		from := n
		for n < len(b) && isDigit(b[n]) {
			n++
		}
		if n == from || n-from > 3 {
			return 0
		}
	}
	if n < len(b) && (isWordByte(b[n]) || b[n] == '.' && n+1 < len(b) && isDigit(b[n+1])) { // a version, a name
		return 0
	}
	return n
}

// quotedLen returns the length of the quoted text that b begins with, 0 if it is not closed.
func quotedLen(b []byte) int {
	for n := 1; n < len(b); n++ {
		switch b[n] {
		case '\\':
			n++
		case b[0]:
			return n + 1
		}
	}
	return 0
}

func wordLen(b []byte) int {
	n := 0
	for n < len(b) && isWordByte(b[n]) {
		n++
	}
	return n
}

func isWordByte(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

package query

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/saypro/veritail/pipeline/event"
)

// A textTest looks for a phrase, a wildcard within one token, or a regular expression in a text.
type textTest struct {
	f      event.Field
	phrase *phrase
	glob   glob
	re     *pattern
	fold   []byte // scratch: one folded token

	shared  *shared
	search  *search // for what others look for in the field, too
	suspect int     // the number of phrase or re there, -1 for none
	left    event.Bits
}

func newTextTest(t *Test) *textTest {
	n := &textTest{f: t.F}
	switch t.Op {
	case Equal:
		n.phrase = newPhrase(t.Tokens, t.Prefix)
	case Wildcard:
		n.glob = newGlob(t.Str)
	case Regexp:
		n.re = newPattern(t.Re)
	}
	return n
}

// share lets the test use what others find out of its field.
func (n *textTest) share(s *shared) {
	n.shared, n.search, n.suspect = s, s.text(n.f), -1
	switch {
	case n.re != nil:
		n.suspect = n.search.add(n.re.needles)
	case n.phrase != nil && n.phrase.ascii:
		n.suspect = n.search.addAll(n.phrase.tokens)
	}
}

// fewRows is of how many rows a text is looked at at once: to look at all of the page for all tests costs more.
const fewRows = event.PageRows / 16

func (n *textTest) cost() int {
	if n.phrase != nil {
		return costPhrase
	}
	return costRegexp
}

func (n *textTest) eval(p *event.Page, in, out *event.Bits) {
	*out = event.Bits{}
	c := column(p, n.f, event.Text)
	if n.suspect >= 0 && n.search.lists > 1 && count(in) > fewRows {
		intersect(in, n.search.suspectsIn(n.shared.page, p, n.suspect, func(i int) (event.Str, bool) { return n.text(p, c, i) }), &n.left)
		in = &n.left
	}
	for w, rows := range in {
		for ; rows != 0; rows &= rows - 1 {
			i := bits.TrailingZeros64(rows)
			if s, ok := n.text(p, c, w<<6+i); ok && n.match(p.Bytes(s)) {
				out[w] |= 1 << i
			}
		}
	}
}

// text returns the text of row i: of an event without a message its original line.
func (n *textTest) text(p *event.Page, c *event.Column, i int) (event.Str, bool) {
	switch {
	case n.f != event.FieldOriginal && c != nil && c.Valid.Has(i):
		return c.Str[i], true
	case n.f == event.FieldOriginal || n.f == event.FieldMessage:
		return p.Raw[i], true
	}
	return event.Str{}, false
}

func (n *textTest) match(s []byte) bool {
	switch {
	case n.phrase != nil:
		return n.phrase.match(s)
	case n.re != nil:
		return n.re.match(s)
	}
	for start, end := NextToken(s, 0); start >= 0; start, end = NextToken(s, end) {
		n.fold = Fold(n.fold[:0], s[start:end])
		if n.glob.match(n.fold) {
			return true
		}
	}
	return false
}

// A phrase is a run of folded tokens. In a text that is ASCII, where the first token may be is found by searching
// for its rarest byte; only there are tokens compared.
type phrase struct {
	tokens []string
	prefix bool // the last token may go on
	ascii  bool // all tokens are
	rare   int  // offset of the rarest byte of tokens[0]
	lo, up byte // that byte in both cases
}

// byFrequency orders letters, digits and _ by how often log lines have them, about, the most frequent first.
const byFrequency = "eta1o0insr2dlc3um4p5fg67h89bvywk_xjqz"

func newPhrase(tokens []string, prefix bool) *phrase {
	ph := &phrase{tokens: tokens, prefix: prefix, ascii: true}
	for _, t := range tokens {
		ph.ascii = ph.ascii && isASCII([]byte(t))
	}
	if !ph.ascii {
		return ph
	}
	first := tokens[0]
	for i := range first {
		if strings.IndexByte(byFrequency, first[i]) > strings.IndexByte(byFrequency, first[ph.rare]) {
			ph.rare = i
		}
	}
	ph.lo = first[ph.rare]
	ph.up = ph.lo
	if 'a' <= ph.lo && ph.lo <= 'z' {
		ph.up -= 'a' - 'A'
	}
	return ph
}

func isASCII(s []byte) bool {
	for ; len(s) >= 8; s = s[8:] {
		if binary.LittleEndian.Uint64(s)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range s {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

func (ph *phrase) match(s []byte) bool {
	if isASCII(s) {
		return ph.ascii && ph.matchASCII(s)
	}
	for start, end := NextToken(s, 0); start >= 0; start, end = NextToken(s, end) {
		if ph.matchFrom(s, start, end) {
			return true
		}
	}
	return false
}

// matchFrom reports whether the phrase begins with the token s[start:end].
func (ph *phrase) matchFrom(s []byte, start, end int) bool {
	last := len(ph.tokens) - 1
	for i, t := range ph.tokens {
		if start < 0 || !foldsTo(s[start:end], t, ph.prefix && i == last) {
			return false
		}
		if i < last {
			start, end = NextToken(s, end)
		}
	}
	return true
}

// foldsTo reports whether the token s folds to t or, as a prefix, to something that begins with t.
func foldsTo(s []byte, t string, prefix bool) bool {
	for t != "" {
		if len(s) == 0 {
			return false
		}
		r, n := utf8.DecodeRune(s)
		want, m := utf8.DecodeRuneInString(t)
		if unicode.ToLower(r) != want {
			return false
		}
		s, t = s[n:], t[m:]
	}
	return prefix || len(s) == 0
}

// matchASCII looks for the phrase in an ASCII text.
func (ph *phrase) matchASCII(s []byte) bool {
	lo, up := indexFrom(s, ph.lo, 0), -1
	if ph.up != ph.lo {
		up = indexFrom(s, ph.up, 0)
	}
	for lo >= 0 || up >= 0 {
		at := lo
		if lo < 0 || up >= 0 && up < lo {
			at = up
			up = indexFrom(s, ph.up, up+1)
		} else {
			lo = indexFrom(s, ph.lo, lo+1)
		}
		if ph.matchAt(s, at-ph.rare) {
			return true
		}
	}
	return false
}

// indexFrom returns the first place of c in s at or after from, or -1.
func indexFrom(s []byte, c byte, from int) int {
	if i := bytes.IndexByte(s[from:], c); i >= 0 {
		return from + i
	}
	return -1
}

// matchAt reports whether the phrase begins at byte i of the ASCII text s.
func (ph *phrase) matchAt(s []byte, i int) bool {
	if i < 0 || i > 0 && isToken[s[i-1]] {
		return false
	}
	last := len(ph.tokens) - 1
	for k, t := range ph.tokens {
		if len(s)-i < len(t) {
			return false
		}
		for j := range len(t) {
			if lower[s[i+j]] != t[j] {
				return false
			}
		}
		i += len(t)
		if k == last && ph.prefix {
			return true
		}
		if i < len(s) && isToken[s[i]] {
			return false
		}
		for k < last && i < len(s) && !isToken[s[i]] {
			i++
		}
	}
	return true
}

package query

import (
	"unicode"
	"unicode/utf8"
)

// isToken and lower are token characters and folding for bytes below 0x80; isToken is false above.
var isToken, lower = asciiTables()

func asciiTables() (token [256]bool, low [256]byte) {
	for i := range 256 {
		c := byte(i)
		low[i] = c
		if 'A' <= c && c <= 'Z' {
			low[i] = c + 'a' - 'A'
		}
		token[i] = c == '_' || '0' <= c && c <= '9' || 'a' <= low[i] && low[i] <= 'z'
	}
	return token, low
}

// IsTokenRune reports whether r belongs to tokens: a letter, a decimal digit or an underscore.
func IsTokenRune(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 0 && isToken[r]
	}
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// NextToken returns where the first token of s at or after from begins and ends, or -1, -1 where there is none.
func NextToken(s []byte, from int) (start, end int) {
	for from < len(s) {
		n, ok := tokenRune(s[from:])
		if ok {
			end = from + n
			for end < len(s) {
				n, ok := tokenRune(s[end:])
				if !ok {
					break
				}
				end += n
			}
			return from, end
		}
		from += n
	}
	return -1, -1
}

// tokenRune returns the width of the first rune of s and whether it belongs to a token. s is not empty.
func tokenRune(s []byte) (int, bool) {
	if s[0] < utf8.RuneSelf {
		return 1, isToken[s[0]]
	}
	r, n := utf8.DecodeRune(s)
	return n, IsTokenRune(r)
}

// Fold appends s, folded to lower case code point by code point, to dst. Bytes that are not UTF-8 become U+FFFD.
func Fold(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			dst = append(dst, lower[s[i]])
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		dst = utf8.AppendRune(dst, unicode.ToLower(r))
		i += n
	}
	return dst
}

// Tokens returns the folded tokens of s. Code that reads many texts uses NextToken and Fold, which allocate
// nothing.
func Tokens(s []byte) []string {
	var tokens []string
	for start, end := NextToken(s, 0); start >= 0; start, end = NextToken(s, end) {
		tokens = append(tokens, string(Fold(nil, s[start:end])))
	}
	return tokens
}

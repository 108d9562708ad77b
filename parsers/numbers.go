package parsers

import (
	"strconv"
	"strings"
)

// parseInt reads a decimal number, as strconv.ParseInt does.
func parseInt(text []byte) (int64, bool) {
	if len(text) == 0 || len(text) > 18 { // beyond, it may overflow
		n, err := strconv.ParseInt(string(text), 10, 64)
		return n, err == nil
	}
	digits := text
	if text[0] == '-' || text[0] == '+' {
		digits = text[1:]
	}
	if len(digits) == 0 {
		return 0, false
	}
	n := int64(0)
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + int64(c)
	}
	if text[0] == '-' {
		n = -n
	}
	return n, true
}

// exactDigits are so few that a number of them, and a power of ten below it, are exact as float64.
const exactDigits = 15

var powersOfTen = [exactDigits + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseFloat reads a number as strconv.ParseFloat does. What is none costs nothing, as an error of it would: applications
// write anything where a number is meant.
func parseFloat(text []byte) (float64, bool) {
	i, digits, point, n := 0, 0, -1, uint64(0)
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		i++
	}
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c >= '0' && c <= '9':
			if digits++; digits <= exactDigits {
				n = n*10 + uint64(c-'0')
			}
		case c == '.' && point < 0:
			point = i
		case digits > 0 && (c == 'e' || c == 'E' || c == '_' || c == 'x' || c == 'X'):
			return slowFloat(text) // an exponent, digits in groups, a hexadecimal number
		case digits == 0 && point < 0 && noDigits(text[i:]):
			return slowFloat(text)
		default:
			return 0, false
		}
	}
	if digits == 0 {
		return 0, false
	}
	if digits > exactDigits {
		return slowFloat(text)
	}
	x := float64(n)
	if point >= 0 {
		x /= powersOfTen[len(text)-point-1]
	}
	if text[0] == '-' {
		x = -x
	}
	return x, true
}

// noDigits reports whether text is one of the words that are numbers.
func noDigits(text []byte) bool {
	for _, word := range [...]string{"inf", "nan", "infinity"} {
		if len(text) == len(word) && strings.EqualFold(string(text), word) {
			return true
		}
	}
	return false
}

func slowFloat(text []byte) (float64, bool) {
	x, err := strconv.ParseFloat(string(text), 64)
	return x, err == nil
}

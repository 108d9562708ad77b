package stamp

import (
	"math"
	"strconv"
)

// unixTime reads seconds, or thousandths or billionths of them, since 1970: digits, and digits behind a point.
func unixTime(b []byte, unit int64) (int64, bool) {
	n, whole := int64(0), 0
	for whole < len(b) && whole < 19 && isDigit(b[whole]) {
		n = n*10 + int64(b[whole]-'0')
		whole++
	}
	if whole == 0 || n < 0 {
		return unixFloat(b, unit)
	}
	t := n / 1000
	if unit > 0 {
		if n > 1e18/unit {
			return 0, false
		}
		t = n * unit
	}
	if whole == len(b) {
		return t, true
	}
	if b[whole] != '.' || unit < 1 || len(b) == whole+1 {
		return unixFloat(b, unit)
	}
	digit := unit
	for _, c := range b[whole+1:] {
		if !isDigit(c) {
			return unixFloat(b, unit)
		}
		digit /= 10
		t += int64(c-'0') * digit
	}
	return t, true
}

// unixFloat reads what is no plain number: 1.76e9.
func unixFloat(b []byte, unit int64) (int64, bool) {
	scale := float64(unit)
	if unit < 0 {
		scale = 1e-3
	}
	n, err := strconv.ParseFloat(string(b), 64)
	if err != nil || !(n >= 0) || n*scale > 1e18 {
		return 0, false
	}
	return int64(math.Round(n * scale)), true
}

package parsers

import (
	"math"
	"strconv"
	"testing"
)

var numbers = []string{
	"", "0", "-0", "+7", "-", "+", ".", "-.", "5.", ".5", "-.5", "007", "1.2.3", "1,5", "1 5", " 1", "1 ", "12ab", "--1",
	"0.1", "0.3", "13.37", "250.00", "123456789012345", "0.123456789012345", "12345.6789012345", "1234567890123456", "9007199254740993",
	"0.00000000000000000000001", "1e5", "1E-5", "-2.5e+3", "1e", "e1", "1e400", "0x1p-2", "0x", "1_000", "inf", "-Inf", "infinity", "nan", "NaN", "none",
	"9223372036854775807", "9223372036854775808", "-9223372036854775808", "99999999999999999999",
}

func FuzzNumbers(f *testing.F) {
	for _, text := range numbers {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		x, ok := parseFloat([]byte(text))
		want, err := strconv.ParseFloat(text, 64)
		if ok != (err == nil) || ok && math.Float64bits(x) != math.Float64bits(want) {
			t.Errorf("%q as a float is %v, %v; strconv says %v, %v", text, x, ok, want, err)
		}
		n, ok := parseInt([]byte(text))
		whole, err := strconv.ParseInt(text, 10, 64)
		if ok != (err == nil) || ok && n != whole {
			t.Errorf("%q as an int is %v, %v; strconv says %v, %v", text, n, ok, whole, err)
		}
	})
}

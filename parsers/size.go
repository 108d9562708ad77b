package parsers

import (
	"bytes"
	"math"
	"strconv"
)

// sizes are the capture types of sizes in bytes: how many bytes one K is where it is written without an i. KiB is 1024 in both.
var sizes = map[string]float64{"size": 1000, "size1024": 1024}

// parseSize reads a size as people write it: 300,243, 22.2MB, 1.5 GiB, 518 B, 12 bytes. Without a unit, commas and points part
// thousands; with one, the last of them is the decimal mark. It reports false for anything else.
func parseSize(text []byte, k float64) (int64, bool) {
	end := bytes.LastIndexAny(text, "0123456789") + 1
	unit, ok := unitOf(bytes.TrimSpace(text[end:]), k)
	if !ok {
		return 0, false
	}
	mark := -1
	if unit > 1 {
		mark = bytes.LastIndexAny(text[:end], ".,")
	}
	var digits [24]byte
	number := digits[:0]
	for i, c := range text[:end] {
		switch {
		case len(number) == cap(number):
			return 0, false
		case i == mark:
			number = append(number, '.')
		case c >= '0' && c <= '9':
			number = append(number, c)
		case c != '.' && c != ',':
			return 0, false
		}
	}
	x, err := strconv.ParseFloat(string(number), 64)
	if x *= unit; err != nil || x > math.MaxInt64/2 {
		return 0, false
	}
	return int64(math.Round(x)), true
}

// unitOf returns how many bytes a unit is: none, B, bytes, K, kB, KiB and so on to E.
func unitOf(unit []byte, k float64) (float64, bool) {
	switch string(unit) {
	case "", "B", "byte", "bytes", "Bytes":
		return 1, true
	}
	power := bytes.IndexByte([]byte("KMGTPE"), unit[0]&^0x20) + 1
	rest := bytes.TrimSuffix(bytes.TrimSuffix(unit[1:], []byte("ytes")), []byte("B"))
	if string(rest) == "i" {
		k, rest = 1024, nil
	}
	return math.Pow(k, float64(power)), power > 0 && len(rest) == 0
}

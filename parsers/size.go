package parsers

import (
	"math"
	"strconv"
	"strings"
)

// sizes are the capture types of sizes in bytes: how many bytes one K is where it is written without an i. KiB is 1024 in both.
var sizes = map[string]float64{"size": 1000, "size1024": 1024}

// parseSize reads a size as people write it: 300,243, 22.2MB, 1.5 GiB, 518 B, 12 bytes. Without a unit, commas and points part
// thousands; with one, the last of them is the decimal mark. It reports false for anything else.
func parseSize(text []byte, k float64) (int64, bool) {
	s := string(text)
	end := strings.LastIndexAny(s, "0123456789") + 1
	number, unit := s[:end], strings.ToLower(strings.TrimSpace(s[end:]))
	unit = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(unit, "s"), "yte"), "b")
	if short, ok := strings.CutSuffix(unit, "i"); ok && short != "" {
		unit, k = short, 1024
	}
	power := 0
	if unit != "" {
		power = strings.Index("kmgtpe", unit) + 1
		if power == 0 || len(unit) > 1 {
			return 0, false
		}
	}
	if mark := strings.LastIndexAny(number, ".,"); power > 0 && mark >= 0 {
		number = strings.NewReplacer(".", "", ",", "").Replace(number[:mark]) + "." + number[mark+1:]
	} else {
		number = strings.NewReplacer(".", "", ",", "").Replace(number)
	}
	x, err := strconv.ParseFloat(number, 64)
	if err != nil || strings.Trim(number, ".0123456789") != "" {
		return 0, false
	}
	if x *= math.Pow(k, float64(power)); x > math.MaxInt64/2 {
		return 0, false
	}
	return int64(math.Round(x)), true
}

package parsers

import "fmt"

// conversions are those of C's strftime in the locale C: what they write as an expression, and as a layout of Go's time package.
var conversions = map[byte][2]string{
	'a': {`[A-Z][a-z]{2}`, "Mon"}, 'A': {`[A-Z][a-z]+`, "Monday"},
	'b': {`[A-Z][a-z]{2}`, "Jan"}, 'h': {`[A-Z][a-z]{2}`, "Jan"}, 'B': {`[A-Z][a-z]+`, "January"},
	'd': {`[0-3][0-9]`, "02"}, 'e': {`[ 0-3][0-9]`, "_2"}, 'm': {`[01][0-9]`, "01"}, 'y': {`[0-9]{2}`, "06"}, 'Y': {`[0-9]{4}`, "2006"},
	'H': {`[0-2][0-9]`, "15"}, 'I': {`[01][0-9]`, "03"}, 'M': {`[0-5][0-9]`, "04"}, 'S': {`[0-6][0-9]`, "05"}, 'p': {`[AP]M`, "PM"},
	'D': {`[01][0-9]/[0-3][0-9]/[0-9]{2}`, "01/02/06"}, 'F': {`[0-9]{4}-[01][0-9]-[0-3][0-9]`, "2006-01-02"},
	'R': {`[0-2][0-9]:[0-5][0-9]`, "15:04"}, 'T': {`[0-2][0-9]:[0-5][0-9]:[0-6][0-9]`, "15:04:05"},
	'r': {`[01][0-9]:[0-5][0-9]:[0-6][0-9] [AP]M`, "03:04:05 PM"},
	'c': {`[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-3][0-9] [0-2][0-9]:[0-5][0-9]:[0-6][0-9] [0-9]{4}`, "Mon Jan _2 15:04:05 2006"},
	'z': {`[+-][0-9]{4}`, "-0700"}, 'Z': {`[A-Z]{1,5}`, "MST"}, 's': {`[0-9]{9,11}`, "unix"}, '%': {`%`, "%"},
}

// strftime returns what a text for C's strftime writes, as an expression and as a layout of Go's time package. A mistake is
// at byte at of the text.
func strftime(text string) (expr, layout string, at int, err error) {
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			expr, layout = expr+quoteMeta(text[i:i+1]), layout+text[i:i+1]
			continue
		}
		if i+1 == len(text) {
			return "", "", i, fmt.Errorf("%% at the end of a time's format")
		}
		c, ok := conversions[text[i+1]]
		if !ok {
			return "", "", i, fmt.Errorf("%%%c in a time's format is not known", text[i+1])
		}
		expr, layout = expr+c[0], layout+c[1]
		i++
	}
	return expr, layout, 0, nil
}

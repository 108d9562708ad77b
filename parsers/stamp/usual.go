package stamp

import (
	"regexp"
	"strings"
)

// Usual are layouts that programs write, those of numbers first, and of two that begin alike the longer one.
var Usual = []string{
	"unix_ms", "unix",
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -07:00",
	"2006-01-02 15:04:05 MST", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02_15:04:05", "2006/01/02 15:04:05", "02/Jan/2006:15:04:05 -0700",
	"02/Jan/2006 15:04:05", "02 Jan 2006 15:04:05", "02-Jan-2006 15:04:05", "02.01.2006 15:04:05", "01/02/2006 15:04:05", "02-01-2006 15:04:05",
	"Mon Jan _2 15:04:05 MST 2006", "Mon Jan _2 15:04:05 2006", "Mon, 02 Jan 2006 15:04:05 -0700", "Mon, 02 Jan 2006 15:04:05 MST", "Jan _2 15:04:05 2006", "Jan _2, 2006 3:04:05 PM", "Jan _2 2006 15:04:05",
	"Jan _2 15:04:05", "02 Jan 15:04:05", "0102 15:04:05", "20060102 15:04:05", "060102 15:04:05", "060102  3:04:05", "20060102.150405", "20060102150405",
}

var usual = func() []layout {
	list := make([]layout, len(Usual))
	for i, text := range Usual {
		list[i] = compileLayout(text)
	}
	return list
}()

// Find returns the length of the longest stamp that text begins with, and which of the layouts of Usual it is written
// in; 0 where there is none. It finds no numbers: those may be anything.
func Find(text []byte) (n int, layout string) {
	if len(text) == 0 || !isDigit(text[0]) && (text[0] < 'A' || text[0] > 'Z') {
		return 0, ""
	}
	for i := range usual {
		if at := usual[i].begin(text); at > n && (at == len(text) || !isWordByte(text[at])) {
			n, layout = at, usual[i].text
		}
	}
	return n, layout
}

// begin returns the length of the stamp of the layout that text begins with, -1 if there is none.
func (l *layout) begin(text []byte) int {
	if l.unit != 0 {
		return -1
	}
	v, at := civil{day: -1}, 0
	for i := range l.elements {
		e := &l.elements[i]
		n := -1
		switch {
		case e.kind == fixedByte && at < len(text) && text[at] == e.c:
			n = 1
		case e.kind != fixedByte:
			n = v.element(e, text[at:])
		}
		if n < 0 || e.kind == blanks && n == 0 {
			return -1
		}
		at += n
	}
	if !v.valid() {
		return -1
	}
	return at
}

// isWordByte reports whether c may be a part of a word.
func isWordByte(c byte) bool {
	return isDigit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// Expr returns a regular expression for what a layout of Usual takes, with fractions of seconds.
func Expr(layout string) string {
	switch layout {
	case "unix":
		return `[0-9]{10}(?:\.[0-9]+)?`
	case "unix_ms":
		return `[0-9]{13}`
	}
	l := compileLayout(layout)
	var b strings.Builder
	for _, e := range l.elements {
		switch e.kind {
		case fixedByte:
			b.WriteString(regexp.QuoteMeta(string(e.c)))
		case blanks:
			b.WriteString(" +")
		case longYear:
			b.WriteString("[0-9]{4}")
		case monthName, dayName:
			b.WriteString("[A-Za-z]{3}")
		case longMonthName, longDayName:
			b.WriteString("[A-Za-z]+")
		case second:
			b.WriteString(`[0-9]{2}(?:[.,][0-9]{1,9})?`)
		case shortYear, month, minute:
			b.WriteString("[0-9]{2}")
		case hour, hour12, day:
			b.WriteString("[0-9]{1,2}")
		case offset, colonOffset, shortOffset:
			zone := map[elementKind]string{offset: "[+-][0-9]{4}", colonOffset: "[+-][0-9]{2}:[0-9]{2}", shortOffset: "[+-][0-9]{2}"}[e.kind]
			if e.zulu {
				zone = "(?:Z|" + zone + ")"
			}
			b.WriteString(zone)
		case zoneName:
			b.WriteString("[A-Z]{3,5}")
		case upperHalf:
			b.WriteString("[AP]M")
		}
	}
	return b.String()
}

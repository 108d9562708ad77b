package stamp

import "strings"

// civil is a stamp in numbers, before its zone and its year are known.
type civil struct {
	year, month, day, hour, min, sec, nsec int
	zone                                   zoneKind
	offset                                 int    // seconds east of UTC, of zone fixedZone
	name                                   []byte // of zone namedZone
	half                                   byte   // 'A' or 'P' of a clock of twelve hours
	minuteAt, tailAt                       int    // of layout.clock: where the minutes stand, and what follows the seconds
}

type zoneKind uint8

const (
	noZone    zoneKind = iota // the stamp says nothing
	fixedZone                 // it has an offset
	namedZone                 // it has an abbreviation
)

// element reads one element from the beginning of b and returns its length, -1 if it is not there.
func (c *civil) element(e *element, b []byte) int {
	n := 0
	switch e.kind {
	case blanks:
		if len(b) > 0 && b[0] != ' ' {
			return -1
		}
		for n < len(b) && b[n] == ' ' {
			n++
		}
	case longYear:
		if len(b) < 4 || !isDigit(b[0]) || !isDigit(b[1]) || !isDigit(b[2]) || !isDigit(b[3]) {
			return -1
		}
		c.year, n = int(b[0]-'0')*1000+int(b[1]-'0')*100+int(b[2]-'0')*10+int(b[3]-'0'), 4
	case shortYear:
		if len(b) < 2 || !isDigit(b[0]) || !isDigit(b[1]) {
			return -1
		}
		if c.year, n = int(b[0]-'0')*10+int(b[1]-'0'), 2; c.year >= 69 {
			c.year += 1900
		} else {
			c.year += 2000
		}
	case monthName:
		return c.monthNamed(b)
	case longMonthName:
		c.month, n = longName(longMonths[:], b)
	case dayName:
		if len(b) < 3 || indexName(shortDays, b) < 0 {
			return -1
		}
		n = 3
	case longDayName:
		_, n = longName(longDays[:], b)
	case month:
		if c.month, n = number(b, e.two); c.month < 1 || c.month > 12 {
			return -1
		}
	case day:
		blank := 0
		if e.under && len(b) > 0 && b[0] == ' ' {
			blank = 1
		}
		if c.day, n = number(b[blank:], e.two); n < 0 {
			return -1
		}
		n += blank
	case hour:
		if c.hour, n = number(b, false); c.hour > 23 {
			return -1
		}
	case hour12:
		if c.hour, n = number(b, e.two); c.hour > 12 {
			return -1
		}
	case minute:
		if c.min, n = number(b, e.two); c.min > 59 {
			return -1
		}
	case second:
		return c.seconds(e, b)
	case fraction:
		if len(b) < e.width {
			return -1
		}
		if c.nsec, n = nanoseconds(b[:e.width]); n != e.width {
			return -1
		}
	case optFraction:
		if len(b) >= 2 && (b[0] == '.' || b[0] == ',') && isDigit(b[1]) {
			c.nsec, n = nanoseconds(b)
		}
	case upperHalf, lowerHalf:
		return c.halfDay(e.kind, b)
	case offset, colonOffset, shortOffset:
		return c.offsetFrom(e, b)
	case zoneName:
		return c.zoneFrom(b)
	}
	return n
}

func (c *civil) seconds(e *element, b []byte) int {
	n := 0
	if c.sec, n = number(b, e.two); n < 0 || c.sec > 59 {
		return -1
	}
	if e.open && len(b) >= n+2 && (b[n] == '.' || b[n] == ',') && isDigit(b[n+1]) {
		var m int
		c.nsec, m = nanoseconds(b[n:])
		n += m
	}
	return n
}

func (c *civil) halfDay(kind elementKind, b []byte) int {
	if len(b) < 2 {
		return -1
	}
	switch text := string(b[:2]); {
	case kind == upperHalf && (text == "AM" || text == "PM"):
		c.half = b[0]
	case kind == lowerHalf && (text == "am" || text == "pm"):
		c.half = b[0] - 'a' + 'A'
	default:
		return -1
	}
	return 2
}

func (c *civil) offsetFrom(e *element, b []byte) int {
	if e.zulu && len(b) > 0 && b[0] == 'Z' {
		c.zone, c.offset = fixedZone, 0
		return 1
	}
	n, minutes := 5, 3
	switch e.kind {
	case colonOffset:
		n, minutes = 6, 4
	case shortOffset:
		n, minutes = 3, 0
	}
	if len(b) < n || b[0] != '+' && b[0] != '-' || e.kind == colonOffset && b[3] != ':' {
		return -1
	}
	h, m := number2(b[1:]), 0
	if minutes > 0 {
		m = number2(b[minutes:])
	}
	if h < 0 || h > 24 || m < 0 || m > 60 {
		return -1
	}
	c.zone, c.offset = fixedZone, h*3600+m*60
	if b[0] == '-' {
		c.offset = -c.offset
	}
	return n
}

// zoneFrom reads an abbreviation as time.Parse has them: three to five capitals, those of four and five ending in T, or
// one of a few others. An offset in the place of a name (+03, GMT+3) is read as one.
func (c *civil) zoneFrom(b []byte) int {
	if len(b) < 3 {
		return -1
	}
	if string(b[:3]) == "UTC" {
		c.zone, c.offset = fixedZone, 0
		return 3
	}
	n := 0
	for n < len(b) && n < 6 && b[n] >= 'A' && b[n] <= 'Z' {
		n++
	}
	switch {
	case len(b) >= 4 && (string(b[:4]) == "ChST" || string(b[:4]) == "MeST"):
		n = 4
	case string(b[:3]) == "GMT":
		n = 3
		if m := signedHours(b[3:]); m > 0 {
			n += m
		}
	case b[0] == '+' || b[0] == '-':
		if n = signedHours(b); n == 0 {
			return -1
		}
	case n == 3, n == 4 && (b[3] == 'T' || string(b[:4]) == "WITA"), n == 5 && b[4] == 'T':
	default:
		return -1
	}
	c.zone, c.name = namedZone, b[:n]
	return n
}

// signedHours returns the length of the sign and the hours, at most 23, that b begins with, 0 if there are none.
func signedHours(b []byte) int {
	if len(b) < 2 || b[0] != '+' && b[0] != '-' {
		return 0
	}
	n, h := 1, 0
	for n < len(b) && isDigit(b[n]) {
		if h = h*10 + int(b[n]-'0'); h > 23 {
			return 0
		}
		n++
	}
	if n == 1 {
		return 0
	}
	return n
}

// monthNamed reads a month of three letters in any case.
func (c *civil) monthNamed(b []byte) int {
	if len(b) < 3 {
		return -1
	}
	i := indexName(shortMonths, b)
	if i < 0 {
		return -1
	}
	c.month = i + 1
	return 3
}

const (
	shortMonths = "janfebmaraprmayjunjulaugsepoctnovdec"
	shortDays   = "sunmontuewedthufrisat"
)

var (
	longMonths = [...]string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}
	longDays   = [...]string{"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"}
)

// indexName returns which of the names of three letters b begins with, in any case, -1 if none.
func indexName(names string, b []byte) int {
	x, y, z := b[0]|0x20, b[1]|0x20, b[2]|0x20
	for i := 0; i+2 < len(names); i += 3 {
		if names[i] == x && names[i+1] == y && names[i+2] == z && b[0] >= 'A' && b[1] >= 'A' && b[2] >= 'A' {
			return i / 3
		}
	}
	return -1
}

// longName returns which of names b begins with, from 1, in any case, and its length, -1 if none.
func longName(names []string, b []byte) (int, int) {
	for i, name := range names {
		if len(b) >= len(name) && strings.EqualFold(string(b[:len(name)]), name) {
			return i + 1, len(name)
		}
	}
	return 0, -1
}

// valid finishes the clock of twelve hours and reports whether the date is one. A stamp without a year may be 29 February.
func (c *civil) valid() bool {
	switch {
	case c.half == 'P' && c.hour < 12:
		c.hour += 12
	case c.half == 'A' && c.hour == 12:
		c.hour = 0
	}
	if c.month == 0 {
		c.month = 1
	}
	if c.day < 0 {
		c.day = 1
	}
	return c.day >= 1 && (c.day <= 28 || c.day <= daysIn(c.year, c.month))
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// seconds1970 returns the seconds since 1970 of the stamp in the given year, as if it were in UTC. The days are counted
// in eras of 400 years that begin in March (Howard Hinnant, chrono-compatible low-level date algorithms).
func (c *civil) seconds1970(year int) int64 {
	m := c.month
	y := int64(year)
	if m <= 2 {
		y--
		m += 9
	} else {
		m -= 3
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	doy := int64((153*m+2)/5 + c.day - 1)
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return (era*146097+doe-719468)*86400 + int64(c.hour*3600+c.min*60+c.sec)
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// number reads one or two digits, exactly two if two is set, and returns the number and its length, -1 if there is none.
func number(b []byte, two bool) (int, int) {
	if len(b) == 0 || !isDigit(b[0]) {
		return 0, -1
	}
	if len(b) == 1 || !isDigit(b[1]) {
		if two {
			return 0, -1
		}
		return int(b[0] - '0'), 1
	}
	return int(b[0]-'0')*10 + int(b[1]-'0'), 2
}

// number2 reads two digits, -1 if they are not there.
func number2(b []byte) int {
	if !isDigit(b[0]) || !isDigit(b[1]) {
		return -1
	}
	return int(b[0]-'0')*10 + int(b[1]-'0')
}

// nanoseconds reads a point or comma and the digits behind it, of which nine count, and returns the length of all.
func nanoseconds(b []byte) (ns, n int) {
	if b[0] != '.' && b[0] != ',' {
		return 0, -1
	}
	scale := 100_000_000
	for n = 1; n < len(b) && isDigit(b[n]); n++ {
		ns += int(b[n]-'0') * scale
		scale /= 10
	}
	return ns, n
}

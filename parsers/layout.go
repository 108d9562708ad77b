package parsers

import "strings"

// A layout is a layout of Go's time package as the list of its elements, so that a stamp is read in one pass over its
// bytes. It takes what time.Parse takes and gives the same time (TestLayoutsReadWhatGoReads); elements that no log
// writes (days of the year, offsets with seconds) are left to time.Parse itself.
type layout struct {
	text     string
	elements []element
	shared   int   // how many elements it begins with that the layout before it in its list begins with too
	dated    bool  // it has a year
	utc      bool  // a stamp without a zone is UTC
	slow     bool  // it has an element that only time.Parse reads
	clock    int   // the element from which on it has minutes, a colon and seconds, of two digits each; -1: none
	unit     int64 // of unix, unix_ms, unix_us: µs a unit; of unix_ns: -1; else 0
}

// unixUnits are the layouts that are a number.
var unixUnits = map[string]int64{"unix": 1e6, "unix_ms": 1e3, "unix_us": 1, "unix_ns": -1}

type elementKind uint8

const (
	fixedByte elementKind = iota
	blanks
	longYear
	shortYear
	monthName
	longMonthName
	dayName
	longDayName
	month
	day
	hour
	hour12
	minute
	second
	fraction    // exactly width digits behind the point
	optFraction // any digits behind the point, or nothing
	upperHalf   // PM
	lowerHalf   // pm
	offset      // -0700
	colonOffset // -07:00
	shortOffset // -07
	zoneName    // MST
)

type element struct {
	kind  elementKind
	c     byte // of a literal
	width int  // of a fraction
	two   bool // a number has exactly two digits
	under bool // a day may have a blank in front
	zulu  bool // an offset may be a Z
	open  bool // a second may be followed by a fraction that the layout does not name
}

// tokens are the elements that a layout may name, the longer of two that begin alike first.
var tokens = []struct {
	text string
	element
}{
	{"January", element{kind: longMonthName}}, {"Jan", element{kind: monthName}},
	{"Monday", element{kind: longDayName}}, {"Mon", element{kind: dayName}}, {"MST", element{kind: zoneName}},
	{"2006", element{kind: longYear}}, {"06", element{kind: shortYear}},
	{"01", element{kind: month, two: true}}, {"02", element{kind: day, two: true}}, {"03", element{kind: hour12, two: true}},
	{"04", element{kind: minute, two: true}}, {"05", element{kind: second, two: true}}, {"_2", element{kind: day, under: true}},
	{"15", element{kind: hour}}, {"1", element{kind: month}}, {"2", element{kind: day}}, {"3", element{kind: hour12}},
	{"4", element{kind: minute}}, {"5", element{kind: second}}, {"PM", element{kind: upperHalf}}, {"pm", element{kind: lowerHalf}},
	{"-0700", element{kind: offset}}, {"-07:00", element{kind: colonOffset}}, {"-07", element{kind: shortOffset}},
	{"Z0700", element{kind: offset, zulu: true}}, {"Z07:00", element{kind: colonOffset, zulu: true}}, {"Z07", element{kind: shortOffset, zulu: true}},
}

// slowTokens begin elements that are left to time.Parse.
var slowTokens = []string{"002", "__2", "_2006", "-070000", "-07:00:00", "Z070000", "Z07:00:00"}

// compileLayouts compiles layouts that are tried one after the other.
func compileLayouts(texts []string) []layout {
	out := make([]layout, len(texts))
	for i, text := range texts {
		out[i] = compileLayout(text)
		if i == 0 {
			continue
		}
		before, l := out[i-1].elements, &out[i]
		for l.shared < min(len(before), len(l.elements)) && before[l.shared] == l.elements[l.shared] {
			l.shared++
		}
		if l.shared < out[i-1].shared {
			l.shared = 0 // what was read of the first elements is kept for one layout only
		}
	}
	return out
}

func compileLayout(text string) layout {
	l := layout{text: text, unit: unixUnits[text], clock: -1}
	if l.unit != 0 {
		return l
	}
	for rest := text; rest != ""; {
		e, n, slow := nextElement(rest)
		if slow {
			return layout{text: text, slow: true, dated: strings.Contains(text, "06")}
		}
		if last := len(l.elements) - 1; e.kind != blanks || last < 0 || l.elements[last].kind != blanks {
			l.elements = append(l.elements, e)
		}
		l.dated = l.dated || e.kind == longYear || e.kind == shortYear
		rest = rest[n:]
	}
	for i := range l.elements {
		e := &l.elements[i]
		if e.kind == second {
			e.open = !l.fractionAfter(i)
		}
		if e.two && e.kind == second && i >= 2 && l.elements[i-1] == (element{kind: fixedByte, c: ':'}) && l.elements[i-2] == (element{kind: minute, two: true}) {
			l.clock = i - 2
		}
	}
	return l
}

// fractionAfter reports whether the next element behind i that is no literal is a fraction.
func (l *layout) fractionAfter(i int) bool {
	for _, e := range l.elements[i+1:] {
		if e.kind != fixedByte && e.kind != blanks {
			return e.kind == fraction || e.kind == optFraction
		}
	}
	return false
}

// nextElement returns the element that text begins with and its length. slow says that only time.Parse reads it.
func nextElement(text string) (e element, n int, slow bool) {
	for _, t := range slowTokens {
		if strings.HasPrefix(text, t) {
			return e, 0, true
		}
	}
	for i := range tokens {
		t := &tokens[i]
		if !strings.HasPrefix(text, t.text) {
			continue
		}
		if rest := text[len(t.text):]; (t.text == "Jan" || t.text == "Mon") && rest != "" && rest[0] >= 'a' && rest[0] <= 'z' {
			continue // a word that begins so
		}
		return t.element, len(t.text), false
	}
	if text[0] == ' ' {
		return element{kind: blanks}, 1, false
	}
	if (text[0] == '.' || text[0] == ',') && len(text) > 1 && (text[1] == '0' || text[1] == '9') {
		n := 1
		for n < len(text) && text[n] == text[1] {
			n++
		}
		if n == len(text) || text[n] < '0' || text[n] > '9' {
			kind := fraction
			if text[1] == '9' {
				kind = optFraction
			}
			return element{kind: kind, width: n}, n, false
		}
	}
	return element{kind: fixedByte, c: text[0]}, 1, false
}

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

// parse reads b from position at and element from on. It calls kept with the position of element keep, unless it is
// past: the next layout can go on there. It reports how it ended: whether b fits.
func (l *layout) parse(b []byte, c *civil, from, at, keep int, kept *layoutState) bool {
	for i := from; i < len(l.elements); i++ {
		if i == keep {
			*kept = layoutState{*c, i, at}
		}
		if i == l.clock {
			c.minuteAt = at
		}
		e := &l.elements[i]
		if e.kind == fixedByte {
			if at >= len(b) || b[at] != e.c {
				return false
			}
			at++
			continue
		}
		n := c.element(e, b[at:])
		if n < 0 {
			return false
		}
		at += n
		if e.kind == second || e.kind == fraction || e.kind == optFraction {
			c.tailAt = at
		}
	}
	if keep >= len(l.elements) {
		*kept = layoutState{*c, len(l.elements), at}
	}
	return at == len(b) && c.valid()
}

// layoutState is how far a stamp was read.
type layoutState struct {
	civil
	element, at int
}

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

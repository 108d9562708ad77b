package stamp

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

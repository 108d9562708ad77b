package parsers

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// What a part of a line is, as far as its form tells.
type partKind byte

const (
	partStamp   partKind = 's' // a time stamp
	partLevel   partKind = 'l' // a level, perhaps in brackets or with a colon
	partProgram partKind = 'p' // name[pid]: or name:
	partPair    partKind = 'k' // key=value
	partQuoted  partKind = 'q' // "text"
	partGroup   partKind = 'g' // [text], (text), <text> or {text}
	partAddress partKind = 'a' // an IP address, perhaps with a port
	partNumber  partKind = 'n' // a number, perhaps with a unit of time
	partWord    partKind = 'w' // anything else without blanks
)

// A linePart is one part of a line: what stands between blanks, or a stamp or quoted text that holds some.
type linePart struct {
	kind partKind
	text string
	// of a stamp
	layout      int
	open, close string // brackets around it
}

// stampLayouts are the layouts that proposals know, of two that begin alike the longer one first.
var stampLayouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -07:00",
	"2006-01-02 15:04:05 MST", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02_15:04:05", "2006/01/02 15:04:05", "02/Jan/2006:15:04:05 -0700",
	"02/Jan/2006 15:04:05", "02 Jan 2006 15:04:05", "02-Jan-2006 15:04:05", "02.01.2006 15:04:05", "01/02/2006 15:04:05", "02-01-2006 15:04:05",
	"Mon Jan _2 15:04:05 MST 2006", "Mon Jan _2 15:04:05 2006", "Mon, 02 Jan 2006 15:04:05 -0700", "Mon, 02 Jan 2006 15:04:05 MST", "Jan _2 15:04:05 2006", "Jan _2, 2006 3:04:05 PM", "Jan _2 2006 15:04:05",
	"Jan _2 15:04:05", "0102 15:04:05", "20060102 15:04:05", "060102 15:04:05", "060102  3:04:05", "20060102.150405", "20060102150405",
}

var compiledStamps = compileAll(stampLayouts)

func compileAll(texts []string) []layout {
	out := make([]layout, len(texts))
	for i, t := range texts {
		out[i] = compileLayout(t)
	}
	return out
}

// stampAt returns the longest stamp that b begins with, and its layout; length 0 if there is none.
func stampAt(b []byte) (n, which int) {
	if len(b) == 0 || !isDigit(b[0]) && (b[0] < 'A' || b[0] > 'Z') {
		return 0, 0
	}
	for i := range compiledStamps {
		l := &compiledStamps[i]
		v, at := civil{day: -1}, 0
		for j := range l.elements {
			e := &l.elements[j]
			m := -1
			switch {
			case e.kind == fixedByte && at < len(b) && b[at] == e.c:
				m = 1
			case e.kind != fixedByte:
				m = v.element(e, b[at:])
			}
			if m < 0 || e.kind == blanks && m == 0 {
				at = -1
				break
			}
			at += m
		}
		if at > n && v.valid() && (at == len(b) || !isWordByte(b[at])) {
			n, which = at, i
		}
	}
	return n, which
}

// regexpOf returns a regular expression for what a layout takes, with fractions of seconds.
func regexpOf(l *layout) string {
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

var (
	levelPart   = regexp.MustCompile(`^([\[(<|]?)((?i:trace|debug|verbose|info|information|notice|warn|warning|error|err|severe|fatal|critical|crit|alert|emerg|panic|dbg|inf|wrn|ftl|fine|finer|finest|config))([\])>|]?:?)$`)
	programPart = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_./@-]*)(?:\[([0-9]+)\])?:$`)
	processPart = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_./@-]*)\[([0-9]+)\]:?$`)
	pairPart    = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_.-]*)=("(?:[^"\\]|\\.)*"|[^\s",;]*)([,;]?)$`)
	addressPart = regexp.MustCompile(`^([\[(<]?)([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*)(?::([0-9]{1,5}))?([\])>]?[,;:.]?)$`)
	numberPart  = regexp.MustCompile(`^([\[(#]?)(-?[0-9]+(?:\.[0-9]+)?)(ns|us|ms|s)?([\])]?[,;:.]?)$`)
	epochPart   = regexp.MustCompile(`^[12][0-9]{9}(?:\.[0-9]+|[0-9]{3})?$`)
)

// partsOf splits a line into parts. A stamp is looked for until one was found.
func partsOf(line []byte) []linePart {
	var parts []linePart
	stamped := false
	for i := 0; i < len(line) && len(parts) < 200; {
		if line[i] == ' ' || line[i] == '\t' {
			i++
			continue
		}
		if !stamped && len(parts) < 8 {
			open := 0
			for i+open < len(line) && strings.IndexByte("[(<", line[i+open]) >= 0 && open < 2 {
				open++
			}
			if n, which := stampAt(line[i+open:]); n > 0 {
				to := i + open + n
				end := to
				for end < len(line) && strings.IndexByte("])>:,;|", line[end]) >= 0 {
					end++
				}
				if end == len(line) || line[end] == ' ' || line[end] == '\t' {
					parts = append(parts, linePart{kind: partStamp, text: string(line[i+open : to]), layout: which, open: string(line[i : i+open]), close: string(line[to:end])})
					i, stamped = end, true
					continue
				}
			}
		}
		n := partLen(line[i:])
		p := linePart{kind: partWord, text: string(line[i : i+n])}
		p.kind = kindOfPart(p.text)
		if !stamped && len(parts) < 3 && epochPart.MatchString(p.text) {
			p.kind, p.layout, stamped = partStamp, -1, true
			if !strings.Contains(p.text, ".") && len(p.text) == 13 {
				p.layout = -2
			}
		}
		parts = append(parts, p)
		i += n
	}
	return parts
}

// partLen returns the length of the part that b begins with: up to a blank outside of quotes and brackets.
func partLen(b []byte) int {
	closing := map[byte]byte{'[': ']', '(': ')', '<': '>', '{': '}'}
	for n := 0; n < len(b); {
		switch c := b[n]; {
		case c == ' ' || c == '\t':
			return max(n, 1)
		case c == '"' && (n == 0 || b[n-1] == '=' || b[n-1] == '[' || b[n-1] == '('):
			if m := quotedLen(b[n:]); m > 0 {
				n += m
				continue
			}
			n++
		case n == 0 && closing[c] != 0:
			if m := bytes.IndexByte(b, closing[c]); m > 0 {
				n = m
				continue
			}
			n++
		default:
			n++
		}
	}
	return len(b)
}

func kindOfPart(text string) partKind {
	switch {
	case !utf8.ValidString(text):
		return partWord
	case levelPart.MatchString(text):
		return partLevel
	case addressPart.MatchString(text):
		return partAddress
	case numberPart.MatchString(text):
		return partNumber
	case programPart.MatchString(text), processPart.MatchString(text):
		return partProgram
	case pairPart.MatchString(text):
		return partPair
	case text[0] == '"' && quotedLen([]byte(text)) == len(text):
		return partQuoted
	case strings.IndexByte("[(<{", text[0]) >= 0 && strings.IndexByte("])>}", text[len(text)-1]) >= 0 && len(text) > 2 && strings.Count(text, text[:1]) == 1:
		return partGroup
	}
	return partWord
}

var plainWord = regexp.MustCompile(`^["'(]?[A-Za-z][A-Za-z'-]*[,.;:!?)"']*$`)

// headOf returns how many parts come before the free text: that begins where two plain words follow each other, and behind
// the name of a program and a level. A whole line that has none is a head.
func headOf(parts []linePart) int {
	stamp := slices.IndexFunc(parts, func(p linePart) bool { return p.kind == partStamp })
	for i := max(stamp+1, 0); i < len(parts); i++ {
		switch {
		case parts[i].kind == partProgram && i <= stamp+2:
			if i+1 < len(parts) && parts[i+1].kind == partLevel {
				i++
			}
			return i + 1
		case parts[i].kind == partProgram:
			return i
		case i+1 < len(parts) && parts[i].kind == partWord && plainWord.MatchString(parts[i].text) && plainWord.MatchString(parts[i+1].text):
			if i != stamp+1 || i+2 >= len(parts) || parts[i+2].kind != partProgram { // a host's name may stand before a program's
				return i
			}
		}
	}
	return len(parts)
}

// signature groups lines that one pattern may take.
func signature(parts []linePart, head int) string {
	var b strings.Builder
	for _, p := range parts[:min(head, maxHead)] {
		b.WriteByte(byte(p.kind))
		switch p.kind {
		case partStamp:
			fmt.Fprintf(&b, "%d%s%s", p.layout, p.open, p.close)
		case partPair:
			key, _, _ := strings.Cut(p.text, "=")
			b.WriteString(key)
		case partGroup, partQuoted:
			b.WriteByte(p.text[0])
		case partLevel, partAddress, partNumber, partProgram:
			b.WriteString(around(p))
		}
	}
	if head < len(parts) || head > maxHead {
		b.WriteByte('*')
	}
	return b.String()
}

// maxHead bounds the parts that a pattern names.
const maxHead = 24

// around returns what belongs to the form of a part beside its value: brackets, a colon, a unit.
func around(p linePart) string {
	switch p.kind {
	case partLevel:
		m := levelPart.FindStringSubmatch(p.text)
		return m[1] + m[3]
	case partAddress:
		m := addressPart.FindStringSubmatch(p.text)
		port := ""
		if m[3] != "" {
			port = ":"
		}
		return m[1] + port + m[4]
	case partNumber:
		m := numberPart.FindStringSubmatch(p.text)
		return m[1] + m[3] + m[4]
	case partProgram:
		_, rest, _ := strings.Cut(p.text, "[")
		if strings.HasSuffix(rest, ":") || rest == "" {
			return strings.Repeat("[", min(1, len(rest))) + ":"
		}
		return "["
	}
	return ""
}

package suggest

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/saypro/veritail/parsers/stamp"
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
	layout      string
	open, close string // brackets around it
}

var (
	levelPart   = regexp.MustCompile(`^([\[(<|]?)((?i:trace|debug|verbose|info|information|notice|warn|warning|error|err|severe|fatal|critical|crit|alert|emerg|panic|dbg|inf|wrn|ftl|fine|finer|finest|config))([\])>|]?:?)$`)
	programPart = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_./@-]*)(?:\[([0-9]+)\])?:$`)
	processPart = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_./@-]*)\[([0-9]+)\]:?$`)
	pairPart    = regexp.MustCompile(`^([A-Za-z_][A-Za-z0-9_.-]*)=("(?:[^"\\]|\\.)*"|[^\s",;]*)([,;]?)$`)
	addressPart = regexp.MustCompile(`^([\[(<]?)([0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F]*:[0-9a-fA-F:.]*)(?::([0-9]{1,5}))?([\])>]?[,;:.]?)$`)
	numberPart  = regexp.MustCompile(`^([\[(#]?)(-?[0-9]+(?:\.[0-9]+)?)(ns|us|ms|s)?([\])]?[,;:.]?)$`)
	quotedText  = regexp.MustCompile(`(?s)^"(?:[^"\\]|\\.)*"`)
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
			if n, layout := stamp.Find(line[i+open:]); n > 0 {
				to := i + open + n
				end := to
				for end < len(line) && strings.IndexByte("])>:,;|", line[end]) >= 0 {
					end++
				}
				if end == len(line) || line[end] == ' ' || line[end] == '\t' {
					parts = append(parts, linePart{kind: partStamp, text: string(line[i+open : to]), layout: layout, open: string(line[i : i+open]), close: string(line[to:end])})
					i, stamped = end, true
					continue
				}
			}
		}
		n := partLen(line[i:])
		p := linePart{kind: partWord, text: string(line[i : i+n])}
		p.kind = kindOfPart(p.text)
		if !stamped && len(parts) < 3 && epochPart.MatchString(p.text) {
			p.kind, p.layout, stamped = partStamp, "unix", true
			if !strings.Contains(p.text, ".") && len(p.text) == 13 {
				p.layout = "unix_ms"
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
			if m := len(quotedText.Find(b[n:])); m > 0 {
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
	case text[0] == '"' && quotedText.FindString(text) == text:
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
			fmt.Fprintf(&b, "%s%s%s", p.layout, p.open, p.close)
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

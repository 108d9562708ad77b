package parsers

import (
	"bytes"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// sampleLines bounds the lines that detection looks at.
const sampleLines = 100

// detect returns the format that takes the most lines of the sample; of several, one whose words stand in the path,
// then the one of the lowest rank. It returns nil if none takes any.
func (s *Set) detect(path string, sample []byte) *format {
	lines := sampleOf(sample)
	var best *format
	bestLines, bestNamed := 0, false
	d := &Decoder{set: s, clock: newClock(time.UTC, time.Time{})}
	for _, f := range s.lines {
		d.line.slots = make([]int32, f.slots)
		n := 0
		switch {
		case f.join != nil && f.join.assembly != nil, f.members != nil && f.members.header != nil:
			n = s.decodedLines(f, lines)
		case f.prefix != nil:
			if v := f.prefix.choose(lines); v != nil {
				n = v.taken(lines)
			}
		default:
			n = d.takenBy(f, lines)
		}
		named := f.namedBy(path)
		if n > bestLines || n == bestLines && n > 0 && named && !bestNamed {
			best, bestLines, bestNamed = f, n, named
		}
	}
	return best
}

// takenBy returns how many of the lines f takes by its patterns, and by what says that they continue such a one.
func (d *Decoder) takenBy(f *format, lines [][]byte) int {
	n, open := 0, false
	for _, line := range lines {
		if open && f.join.continued != nil && f.join.continued.Match(line, d.line.slots) >= 0 {
			n++
			continue
		}
		_, ok := d.match(f, line, &d.line)
		if ok {
			n++
		}
		open = f.join != nil && (ok || open && f.join.rest)
	}
	return n
}

// decodedLines returns how many of the lines become events of f, where a line alone does not tell.
func (s *Set) decodedLines(f *format, lines [][]byte) int {
	d, err := s.NewDecoder(event.Generation{Format: f.name}, Options{})
	if err != nil {
		return 0
	}
	var b event.Batch
	d.Decode(&b, bytes.Join(lines, []byte("\n")), 0)
	d.Flush(&b, time.Now(), true)
	b.Release()
	return int(d.mark.Lines.Parsed)
}

// sampleOf returns the first lines that are not empty.
func sampleOf(block []byte) [][]byte {
	var lines [][]byte
	for len(block) > 0 && len(lines) < sampleLines {
		line, rest, _ := bytes.Cut(block, []byte("\n"))
		if line = trimEOL(line); len(line) > 0 {
			lines = append(lines, line)
		}
		block = rest
	}
	return lines
}

// namedBy reports whether one of the format's words stands in the path.
func (f *format) namedBy(path string) bool {
	path = strings.ToLower(path)
	for _, n := range f.names {
		if strings.Contains(path, n) {
			return true
		}
	}
	return false
}

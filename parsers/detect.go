package parsers

import (
	"bytes"
	"time"

	"github.com/saypro/veritail/parsers/grok"
	"github.com/saypro/veritail/parsers/stamp"
	"github.com/saypro/veritail/pipeline/event"
)

// sampleLines bounds the lines that detection looks at, firstLook those that every format is tried on.
const (
	sampleLines = 100
	firstLook   = 25
)

// least is how many lines there may be for one that a format takes; one that takes fewer tells nothing of the file.
const least = 8

// generic is the rank from which on a format is one that many programs' lines fit: JSON, key=value, "time level text".
// Such a format is chosen only where no precise one takes half as many lines.
const generic = 60

// A contender is a format with the lines of the sample that it takes.
type contender struct {
	*format
	taken int
	named bool
}

// signsOf returns signs of which a line of f has one, or of several lines that become events of f one at least; nil where
// any line may do so.
func (f *format) signsOf() []grok.Sign {
	set := f.patterns.match
	switch {
	case len(f.within) > 0:
		return nil
	case f.prefix != nil:
		set = f.prefix.heads
	case f.members != nil && f.members.header != nil: // rows are nothing without it
		if len(f.members.columns) > 0 {
			return nil
		}
		set = f.members.header
	case f.bare != nil && f.members.kind == jsonMembers:
		return []grok.Sign{{Begins: []string{"{ c"}}}
	case f.bare != nil:
		return nil
	}
	signs := set.Signs()
	for i := range signs {
		if f.join != nil && f.join.assembly != nil {
			signs[i].Holds = nil // it may stand in a later line of the record
		}
		if len(signs[i].Begins) == 0 && len(signs[i].Holds) == 0 {
			return nil
		}
	}
	return signs
}

// before reports whether c is the better choice: a precise format before a generic one, then the one that takes more
// lines, one whose words stand in the path, and the lower rank, by which contenders come.
func (c *contender) before(o *contender) bool {
	if cg, og := c.rank >= generic, o.rank >= generic; cg != og {
		if og {
			return 2*c.taken >= o.taken
		}
		return c.taken > 2*o.taken
	}
	return c.taken > o.taken || c.taken == o.taken && c.named && !o.named
}

// detect returns the format that a sample is of, and how sure that is; nil if no format takes enough of its lines. All
// formats are tried on a part of the sample, those that take nothing of it are left out of the rest.
func (s *Set) detect(path string, block []byte) (*format, event.Sample) {
	lines := sampleOf(block)
	few := spread(lines, firstLook)
	contenders, best := s.contenders(path, few, s.lines)
	if len(few) < len(lines) {
		entries := s.lines
		if best != nil && 2*best.taken > len(few) {
			entries = nil
			for _, c := range contenders {
				entries = append(entries, c.entry)
			}
		}
		contenders, best = s.contenders(path, lines, entries)
	}
	if best == nil || best.taken*least < len(lines) && !s.onlyOne(contenders, lines) {
		return nil, event.Sample{}
	}
	sure := event.Sample{Lines: len(lines), Taken: best.taken}
	for _, c := range contenders {
		if c != best && c.taken > sure.SecondTaken {
			sure.Second, sure.SecondTaken = c.name, c.taken
		}
	}
	return best.format, sure
}

// onlyOne reports whether but one format takes any of the lines, the first among them, and lines of any kind belong to
// its records: a file may begin with a report of a hundred lines, of which two are the format's own.
func (s *Set) onlyOne(contenders []*contender, lines [][]byte) bool {
	if len(contenders) != 1 || contenders[0].join == nil || !contenders[0].join.rest {
		return false
	}
	return s.taken(&Decoder{set: s, clock: stamp.NewClock(time.UTC, time.Time{})}, contenders[0].format, lines[:1]) == 1
}

// contenders returns those of the formats that take lines of the sample, and the best of them.
func (s *Set) contenders(path string, lines [][]byte, entries []*entry) (all []*contender, best *contender) {
	var formats []*format
	for _, e := range entries {
		if e.mayTake(lines...) {
			formats = append(formats, s.get(e))
		}
	}
	return s.among(path, lines, formats)
}

// among does what contenders does with formats that are compiled.
func (s *Set) among(path string, lines [][]byte, formats []*format) (all []*contender, best *contender) {
	d := &Decoder{set: s, clock: stamp.NewClock(time.UTC, time.Time{})}
	for _, f := range formats {
		c := &contender{f, s.taken(d, f, lines), f.namedBy(path)}
		if c.taken == 0 {
			continue
		}
		all = append(all, c)
		if best == nil || c.before(best) {
			best = c
		}
	}
	return all, best
}

// taken returns how many of the lines are events of f, or belong to one.
func (s *Set) taken(d *Decoder, f *format, lines [][]byte) int {
	switch {
	case f.alone != nil:
		return s.decodedLines(f, lines) // a line alone does not tell
	case f.prefix != nil:
		v := f.prefix.choose(lines, true)
		if v == nil {
			return 0
		}
		d.fit(f, v)
	}
	if len(d.line.slots) < f.slots {
		d.line.slots = make([]int32, f.slots)
	}
	return d.takenBy(f, lines)
}

// takenBy returns how many of the lines f takes by its patterns, and by what says that they continue such a one.
func (d *Decoder) takenBy(f *format, lines [][]byte) int {
	takes := func(line []byte) bool {
		_, ok := d.match(f, line, &d.line)
		return ok
	}
	if f.members == nil && f.prefix == nil { // then its patterns alone tell, and those that may take one of the lines do
		set := f.patterns.match.Fitting(lines)
		if set == nil {
			return 0
		}
		takes = func(line []byte) bool { return set.Match(line, d.line.slots) >= 0 }
	}
	n, open := 0, false
	for _, line := range lines {
		if open && f.join.continued != nil && f.join.continued.Match(line, d.line.slots) >= 0 {
			n++
			continue
		}
		ok := takes(line)
		if ok {
			n++
		}
		open = f.join != nil && (ok || open && f.join.rest)
	}
	return n
}

// decodedLines returns how many of the lines become events of f, where a line alone does not tell.
func (s *Set) decodedLines(f *format, lines [][]byte) int {
	d, err := s.NewDecoder(event.Generation{}, Options{})
	if err != nil {
		return 0
	}
	d.auto = false
	d.use(f.alone)
	var b event.Batch
	d.Decode(&b, bytes.Join(lines, []byte("\n")), 0)
	d.Flush(&b, time.Now(), true)
	b.Release()
	return int(d.mark.Lines.Parsed)
}

// sampleOf returns lines of a block that are not empty: the first ones, and more from all over it.
func sampleOf(block []byte) [][]byte {
	var first, rest [][]byte
	block = bytes.TrimPrefix(block, utf8Mark)
	for len(block) > 0 && len(rest) < 100*sampleLines {
		line, more, _ := bytes.Cut(block, []byte("\n"))
		if line = trimEOL(line); len(line) > 0 {
			if len(first) < sampleLines/2 {
				first = append(first, line)
			} else {
				rest = append(rest, line)
			}
		}
		block = more
	}
	return append(first, spread(rest, sampleLines/2)...)
}

// spread returns n of the lines, evenly spread, or all if they are fewer.
func spread(lines [][]byte, n int) [][]byte {
	if len(lines) <= n {
		return lines
	}
	out := make([][]byte, n)
	for i := range out {
		out[i] = lines[i*len(lines)/n]
	}
	return out
}

package parsers

// stopped remembers a line that no format took, and on demand which format came nearest and where it stopped.
type stopped struct {
	line    []byte
	nearest string
	column  int
	known   bool
}

// sampleBytes bounds the line that is remembered.
const sampleBytes = 4096

// sample remembers line, unless one is remembered already.
func (s *stopped) sample(line []byte) {
	if s.line == nil {
		s.line = append([]byte{}, line[:min(len(line), sampleBytes)]...)
	}
}

// Format implements pipeline.Decoder.
func (d *Decoder) Format() (name, nearest string, column int) {
	if d.own != nil {
		name = d.own.name
	}
	if d.mark.Lines.Parsed > 0 || d.stopped.line == nil {
		return name, "", 0
	}
	if !d.stopped.known {
		d.stopped.nearest, d.stopped.column = d.set.Nearest(name, d.stopped.line)
		d.stopped.known = true
	}
	return name, d.stopped.nearest, d.stopped.column
}

// Nearest returns the format that takes the longest beginning of line, among all formats if name is empty, and the
// column (from 1) at which it stops; column 0 if there is none.
func (s *Set) Nearest(name string, line []byte) (format string, column int) {
	weight := 0
	for _, f := range s.lines {
		if name != "" && f.name != name {
			continue
		}
		if f.patterns.match == nil {
			continue
		}
		if stop := f.patterns.match.Stop(line); stop.Weight+1 > weight {
			weight, column, format = stop.Weight+1, stop.Length+1, f.name
		}
	}
	return format, column
}

package parsers

import (
	"cmp"
	"slices"

	"github.com/saypro/veritail/pipeline/event"
)

// Told implements pipeline.Decoder.
func (d *Decoder) Told() event.Told {
	t := event.Told{Sample: d.sample, Shapes: d.shapes.tell(), Dropped: d.shapes.dropped}
	if d.own != nil {
		t.Format = d.own.name
		if v := d.fits[d.own].variant; v != nil && d.opts.Prefix == "" {
			t.Prefix = v.setting
		}
	}
	return t
}

// A Stop tells where a format stops in a line that it does not take.
type Stop struct {
	Format  string `json:"format"`  // and of its patterns the one that comes nearest,
	Pattern int    `json:"pattern"` // numbered from 1,
	Grok    string `json:"grok"`    // as written
	Column  int    `json:"column"`  // in bytes from 1: the first one that does not fit
	Failed  string `json:"failed"`  // the part of the pattern that goes no further, as written
	Wanted  string `json:"wanted"`  // what would have to stand at Column
	weight  int
}

// Where returns where formats stop in line, the nearest format first: that called name, or all that read lines if name
// is empty. It is slow, tens of milliseconds for all formats, and meant for people who ask why.
func (s *Set) Where(name string, line []byte) []Stop {
	line = line[:min(len(line), maxExplained)]
	var all []Stop
	for _, e := range s.lines {
		if name != "" && e.name != name {
			continue
		}
		f := s.get(e)
		if f.patterns.match == nil {
			continue
		}
		all = append(all, f.stop(line))
	}
	slices.SortStableFunc(all, func(a, b Stop) int { return cmp.Compare(b.weight, a.weight) })
	return all
}

// stop returns where f stops in line.
func (f *format) stop(line []byte) Stop {
	at := f.patterns.match.Stop(line)
	return Stop{
		Format: f.name, Pattern: at.Expr + 1, Grok: f.patterns.match.Expr(at.Expr), Column: at.Length + 1,
		Failed: at.Failed(), Wanted: at.Wanted, weight: at.Weight,
	}
}

// maxExplained bounds the line that is explained.
const maxExplained = 4096

// near is the weight from which on the format of a line's own file is told as the nearest, whatever others take.
const near = 4

// Nearest returns where the format nearest to line stops. That of its file, name, is preferred if it takes anything of the
// line. The Format of the zero Stop is empty.
func (s *Set) Nearest(name string, line []byte) Stop {
	if name != "" {
		if at := s.Where(name, line); len(at) > 0 && at[0].weight >= near {
			return at[0]
		}
	}
	if at := s.Where("", line); len(at) > 0 && at[0].weight > 0 {
		return at[0]
	}
	return Stop{}
}

package stamp

import (
	"bufio"
	"io"
	"math"
	"sort"
	"time"
)

// A yearPlan says in which year the lines of a file without years are.
type yearPlan struct {
	marks []yearMark
	whole bool // every line was looked at
}

// A yearMark is a year with the offsets of the first and the last line that were seen of it.
type yearMark struct {
	from, to int64
	year     int
}

// at returns the first and the last year in which the line at off may be; a line behind the last that was seen may be of
// any later year. It returns 0 for an empty plan.
func (p yearPlan) at(off int64) (first, last int) {
	if len(p.marks) == 0 {
		return 0, 0
	}
	i := max(sort.Search(len(p.marks), func(i int) bool { return p.marks[i].from > off })-1, 0)
	switch first = p.marks[i].year; {
	case off <= p.marks[i].to:
		return first, first
	case i+1 < len(p.marks):
		return first, max(first, p.marks[i+1].year)
	}
	return first, math.MaxInt
}

// How a file is looked through for its years: this many places, in each as many bytes, at most.
const (
	planPlaces = 256
	planBytes  = 16 << 10
)

// lookAhead reads stamps at places all over the file, once, for the years of those that name none. A year ends where the
// stamps step back by more than a month; the last one is the latest in which no stamp lies after limit, seconds since
// 1970, and every 29 February is one.
func (c *Clock) lookAhead(limit int64) {
	open, layouts := c.Reread, c.layouts
	c.Reread = nil
	r, stampOf, err := open(layouts)
	if err != nil {
		return // the file has gone, or cannot be read twice: its order decides as it comes
	}
	defer r.Close()
	p := planner{lines: bufio.NewReaderSize(r, planBytes), see: func(line []byte) (civil, bool) {
		if s := stampOf(line); s != nil {
			return layouts.undated(s)
		}
		return civil{}, false
	}}
	if s, ok := r.(io.ReadSeeker); ok {
		p.places(s)
	} else {
		p.all()
	}
	c.years = p.years(limit)
}

// A planner collects stamps of a file.
type planner struct {
	see    func(line []byte) (civil, bool) // its stamp, if it has one without a year
	lines  *bufio.Reader
	stamps []plannedStamp
	whole  bool // all lines were read
}

type plannedStamp struct {
	civil
	off  int64
	year int // from the first stamp's on
}

// places reads stamps at places that are evenly spread over the file.
func (p *planner) places(s io.ReadSeeker) {
	size, err := s.Seek(0, io.SeekEnd)
	if err != nil {
		return
	}
	step := max(size/planPlaces, planBytes)
	if step == planBytes {
		if _, err := s.Seek(0, io.SeekStart); err != nil {
			return
		}
		p.lines.Reset(s)
		p.all()
		return
	}
	for off := int64(0); off < size; off += step {
		if _, err := s.Seek(off, io.SeekStart); err != nil {
			return
		}
		p.lines.Reset(io.LimitReader(s, planBytes))
		at := off
		if off > 0 {
			skipped, err := p.lines.ReadSlice('\n') // the line that the place lies in
			if err != nil {
				continue
			}
			at += int64(len(skipped))
		}
		p.read(at, false)
	}
}

// all reads through a file that cannot be read from the middle.
func (p *planner) all() {
	p.read(0, true)
	p.whole = true
}

// read takes stamps from the lines that follow: the first one, or all.
func (p *planner) read(off int64, all bool) {
	for {
		line, err := p.lines.ReadSlice('\n')
		if v, ok := p.see(line); ok && err != bufio.ErrBufferFull {
			p.stamps = append(p.stamps, plannedStamp{civil: v, off: off})
			if !all {
				return
			}
		}
		off += int64(len(line))
		if err == bufio.ErrBufferFull {
			n, skipped := p.skip()
			off += n
			err = skipped
		}
		if err != nil {
			return
		}
	}
}

// skip reads on to the end of a line that is longer than the buffer.
func (p *planner) skip() (n int64, err error) {
	for err = bufio.ErrBufferFull; err == bufio.ErrBufferFull; {
		var more []byte
		more, err = p.lines.ReadSlice('\n')
		n += int64(len(more))
	}
	return n, err
}

// stray is how far a stamp may lie behind the ones before a jump to end it: the lines between are of a wrong clock, such as
// those of a machine that starts without one.
const (
	stray      = 2 * 24 * 3600
	strayLines = 64
)

// years numbers the years of the stamps and returns the plan in which none is after limit, seconds since 1970.
func (p *planner) years(limit int64) yearPlan {
	kept := p.number(true)
	if 20*(len(p.stamps)-len(kept)) > len(p.stamps) { // too many to be of wrong clocks
		kept = p.number(false)
	}
	if p.stamps = kept; len(kept) == 0 {
		return yearPlan{}
	}
	for first := time.Unix(limit, 0).UTC().Year() + 1 - kept[len(kept)-1].year; ; first-- {
		if p.fit(first, limit) {
			return p.plan(first)
		}
	}
}

// number gives each stamp its year, from the first one's on, and returns them, without the strays if they are to be
// left out.
func (p *planner) number(leave bool) []plannedStamp {
	const base = 2000 // any leap year
	from, before := int64(0), int64(0)
	var kept []plannedStamp
	for i := 0; i < len(p.stamps); i++ {
		s := &p.stamps[i]
		y := base
		if len(kept) > 0 {
			for y = time.Unix(from, 0).UTC().Year(); s.seconds1970(y) < from; y++ {
			}
			if leave && s.seconds1970(y) > before+stepBack/1e6 {
				if j := p.backAt(i, before); j > 0 {
					i = j - 1
					continue
				}
			}
		}
		before = s.seconds1970(y)
		from = before - stepBack/1e6
		s.year = y - base
		kept = append(kept, *s)
	}
	return kept
}

// backAt returns the number of the stamp soon behind i that lies near before, seconds since 1970, 0 if there is none.
func (p *planner) backAt(i int, before int64) int {
	year := time.Unix(before, 0).UTC().Year()
	for j := i + 1; j < min(i+strayLines, len(p.stamps)); j++ {
		if d := p.stamps[j].seconds1970(year) - before; d > -stray && d < stray {
			return j
		}
	}
	return 0
}

// fit reports whether the file may begin in the year first.
func (p *planner) fit(first int, limit int64) bool {
	for i := range p.stamps {
		if s := &p.stamps[i]; !s.in(first+s.year) || s.seconds1970(first+s.year) > limit {
			return first < 1000 // a file with 29 February in the wrong places fits nowhere
		}
	}
	return true
}

func (p *planner) plan(first int) yearPlan {
	var out []yearMark
	for _, s := range p.stamps {
		if n := len(out) - 1; n < 0 || out[n].year != first+s.year {
			out = append(out, yearMark{s.off, s.off, first + s.year})
		} else {
			out[n].to = s.off
		}
	}
	return yearPlan{out, p.whole}
}

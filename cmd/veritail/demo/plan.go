package demo

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/testdata/site"
)

// A unit is what is written at once: a line, or several that belong together, each with its line ending.
type unit struct {
	text   []byte
	client string    // of a web server's line
	time   time.Time // of the first stamp
}

// A step says when within a round a unit is written.
type step struct {
	at     time.Duration
	stream *stream
	unit   unit
}

// plans returns the steps of the first round and of every later one, in order of time.
func plans() (first, later []step, err error) {
	for _, g := range groups {
		steps, err := g.order()
		if err != nil {
			return nil, nil, fmt.Errorf("read the bundled logs: %w", err)
		}
		head := slices.IndexFunc(steps, func(s step) bool { return bytes.Contains(s.unit.text, []byte(g.until)) })
		if head < 0 {
			return nil, nil, fmt.Errorf("the bundled %s has no line with %q", g.streams[0].name, g.until)
		}
		later = append(later, spread(steps, 0, round)...)
		first = append(first, spread(steps[:head], 0, lead)...)
		first = append(first, spread(steps[head:], lead, round)...)
	}
	for _, steps := range [][]step{first, later} {
		slices.SortStableFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	}
	return first, later, nil
}

// spread returns the steps at equal distances between from and to.
func spread(steps []step, from, to time.Duration) []step {
	out := slices.Clone(steps)
	for i := range out {
		out[i].at = from + (to-from)*time.Duration(i)/time.Duration(len(out))
	}
	return out
}

// order returns the units of the group's streams in the order in which they are replayed.
func (g group) order() ([]step, error) {
	access, err := g.streams[0].steps()
	if err != nil || len(g.streams) == 1 {
		return access, err
	}
	errs, err := g.streams[1].steps()
	if err != nil {
		return nil, err
	}
	return weave(runs(access), runs(errs)), nil
}

// steps cuts the bundled files into units.
func (s *stream) steps() ([]step, error) {
	var steps []step
	joint := []byte(nil)
	for _, name := range s.bundled {
		text, err := site.Logs.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(text) {
			stamp := s.stamp.FindSubmatch(line)
			var key []byte
			if s.joined != nil {
				key = s.joined.Find(line)
			}
			if len(steps) > 0 && (stamp == nil || key != nil && bytes.Equal(key, joint)) {
				u := &steps[len(steps)-1].unit
				u.text = append(u.text, line...)
				continue
			}
			if stamp == nil {
				return nil, fmt.Errorf("%s begins with a line without time stamp", name)
			}
			joint = key
			u := unit{text: bytes.Clone(line)}
			if u.time, err = time.Parse(s.layout, string(stamp[1])); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if s.client != nil {
				if m := s.client.FindSubmatch(line); m != nil {
					u.client = string(m[1])
				}
			}
			steps = append(steps, step{stream: s, unit: u})
		}
	}
	return steps, nil
}

// runs cuts steps where the client changes; those without a client stay with what is before them.
func runs(steps []step) [][]step {
	var all [][]step
	from := 0
	for i := 1; i <= len(steps); i++ {
		if i == len(steps) || steps[i].unit.client != "" && steps[i].unit.client != steps[from].unit.client {
			all = append(all, steps[from:i])
			from = i
		}
	}
	return all
}

// weave puts the error log's runs beside the access log's runs of the same client, so that the lines of one request
// come together: the logs give the second only, and a second of theirs lasts many of a round.
func weave(access, errs [][]step) []step {
	var out []step
	done := 0
	for i, j := range matches(access, errs) {
		a := access[i]
		if j < 0 {
			out = append(out, a...)
			continue
		}
		out = append(out, slices.Concat(errs[done:j]...)...)
		done = j + 1
		e := errs[j]
		for k := range a { // the server writes the error first
			out = append(out, e[len(e)*k/len(a):len(e)*(k+1)/len(a)]...)
			out = append(out, a[k])
		}
	}
	return append(out, slices.Concat(errs[done:]...)...)
}

// matches returns for each run of access the run of errs that belongs to it, or -1: the longest common subsequence
// of clients, in lines, and of several equally long ones the latest.
func matches(access, errs [][]step) []int {
	weight := func(i, j int) int {
		a, e := access[i][0].unit, errs[j][0].unit
		if a.client != e.client || a.time.Sub(e.time).Abs() > time.Second {
			return 0
		}
		return min(len(access[i]), len(errs[j]))
	}
	best := make([][]int, len(access)+1) // best[i][j] is the length for the first i and j runs
	best[0] = make([]int, len(errs)+1)
	for i := range access {
		best[i+1] = make([]int, len(errs)+1)
		for j := range errs {
			best[i+1][j+1] = max(best[i][j+1], best[i+1][j])
			if w := weight(i, j); w > 0 {
				best[i+1][j+1] = max(best[i+1][j+1], best[i][j]+w)
			}
		}
	}
	of := make([]int, len(access))
	j := len(errs)
	for i := len(access); i > 0; i-- {
		of[i-1] = -1
		for j > 0 && best[i][j-1] == best[i][j] { // the error run adds nothing
			j--
		}
		if j > 0 && best[i-1][j] < best[i][j] {
			j--
			of[i-1] = j
		}
	}
	return of
}

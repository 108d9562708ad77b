package parsers

import (
	"slices"
	"strings"
)

// matchPrefixed finds the pattern of f that takes line: with the prefix that the line before had, else with the one that
// suits it best.
func (d *Decoder) matchPrefixed(f *format, line []byte, c *captures) *pattern {
	v := d.variants[f]
	if v == nil && d.opts.Prefix != "" {
		v = f.prefix.variantOf(d.opts.Prefix)
		d.fit(f, v)
	}
	if v != nil {
		if p := v.first(line, c.slots); p != nil {
			return p
		}
	}
	if v = f.prefix.choose([][]byte{line}); v == nil {
		return nil
	}
	d.fit(f, v)
	return v.first(line, c.slots)
}

// fit makes v the variant that lines of f are tried with first.
func (d *Decoder) fit(f *format, v *variant) {
	if v == nil {
		return
	}
	if d.variants == nil {
		d.variants = map[*format]*variant{}
	}
	d.variants[f] = v
	for _, c := range []*captures{&d.line, &d.ended} {
		if n := v.match.Slots(); n > len(c.slots) {
			c.slots = append(c.slots, make([]int32, n-len(c.slots))...)
		}
	}
}

// fitBlock finds the prefix of the file from the lines at its hand, where it was not given.
func (d *Decoder) fitBlock(block []byte) {
	if f := d.own; f != nil && f.prefix != nil && d.variants[f] == nil && d.opts.Prefix == "" {
		d.fit(f, f.prefix.choose(sampleOf(block)))
	}
}

// choose returns the variant that takes most of the lines: of several the one with most escapes, which explains them
// best, then the one that is known. It returns nil if none takes any.
func (p *prefixSpec) choose(lines [][]byte) *variant {
	var headed [][]byte
	var derived []string
	alike := map[string]int{} // lines of each derived setting
	slots := make([]int32, p.heads.Slots())
	for _, line := range lines {
		if p.heads.Match(line, slots) < 0 {
			continue
		}
		s := p.derive(line[slots[0]:slots[1]])
		if alike[s] == 0 && len(derived) < maxDerived {
			derived = append(derived, s)
		}
		if alike[s]++; alike[s] <= maxAlike {
			headed = append(headed, line)
		}
	}
	if len(headed) == 0 {
		return nil
	}
	var best *variant
	most := 0
	for _, setting := range append(slices.Clone(p.known), p.joined(derived)...) {
		v := p.variantOf(setting)
		if v == nil {
			continue
		}
		if n := v.taken(headed); n > most || n == most && n > 0 && v.detail > best.detail {
			best, most = v, n
		}
	}
	return best
}

const (
	maxDerived = 16 // settings that are derived from the lines of a sample
	maxAlike   = 4  // lines of one derived setting that are tried
)

// taken returns how many of the lines v takes.
func (v *variant) taken(lines [][]byte) int {
	n, slots := 0, make([]int32, v.match.Slots())
	for _, line := range lines {
		if v.match.Match(line, slots) >= 0 {
			n++
		}
	}
	return n
}

// derive returns the setting that a prefix looks like: signs become escapes, each at most once, all else stands for
// itself.
func (p *prefixSpec) derive(head []byte) string {
	var out strings.Builder
	used := map[string]bool{}
next:
	for len(head) > 0 {
		for _, s := range p.signs {
			if used[s.escape] || s.without != "" && used[s.without] {
				continue
			}
			m := s.match.FindSubmatchIndex(head)
			if m == nil || m[1] == 0 {
				continue
			}
			from, to := m[len(m)-2], m[len(m)-1] // of the group, or of the whole without one
			if from < 0 {
				continue
			}
			used[s.escape] = true
			out.WriteString(literal(head[:from]) + "%" + s.escape + literal(head[to:m[1]]))
			head = head[m[1]:]
			continue next
		}
		out.WriteString(literal(head[:1]))
		head = head[1:]
	}
	return out.String()
}

// literal returns the setting that writes text.
func literal(text []byte) string { return strings.ReplaceAll(string(text), "%", "%%") }

// joined adds, for each two settings of which one begins as the other, the one whose rest may be missing.
func (p *prefixSpec) joined(derived []string) []string {
	out := slices.Clone(derived)
	if p.rest == "" {
		return out
	}
	for _, short := range derived {
		for _, long := range derived {
			if rest, ok := strings.CutPrefix(long, short); ok && rest != "" {
				out = append(out, short+"%"+p.rest+rest)
			}
		}
	}
	return out
}

package parsers

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/saypro/veritail/parsers/grok"
)

// A fit is the variant that takes the lines of a format's file, and how many lines in a row it took by reading odd names out
// of them.
type fit struct {
	*variant
	odd int
}

// maxOdd bounds the lines for which a better variant is looked for although the one at hand takes them.
const maxOdd = 16

// matchPrefixed finds the pattern of f that takes line: with the prefix that the line before had, else with the one that
// suits it best. A prefix that takes a line only by reading odd names out of it gives way to one of more escapes that takes
// it as usual, but never to one of fewer: names are the choice of strangers, and may look like the end of a prefix.
func (d *Decoder) matchPrefixed(f *format, line []byte, c *captures) *pattern {
	now := d.fits[f]
	if now.variant == nil && d.opts.Prefix != "" {
		now = d.fit(f, f.prefix.variantOf(d.opts.Prefix))
	}
	if now.variant == nil {
		return d.refit(f, line, c)
	}
	if p := now.usual.first(line, c.slots); p != nil {
		return p
	}
	if d.opts.Prefix == "" && now.odd < maxOdd {
		if v := f.prefix.choose([][]byte{line}, true); v != nil && v.detail > now.detail {
			return d.fit(f, v).usual.first(line, c.slots)
		}
	}
	if p := now.first(line, c.slots); p != nil {
		now.odd++
		d.fits[f] = now
		return p
	}
	return d.refit(f, line, c)
}

// refit finds the variant that suits line best, and its pattern that takes it.
func (d *Decoder) refit(f *format, line []byte, c *captures) *pattern {
	for _, usual := range []bool{true, false} {
		if v := f.prefix.choose([][]byte{line}, usual); v != nil {
			d.fit(f, v)
			if usual {
				return v.usual.first(line, c.slots)
			}
			return v.first(line, c.slots)
		}
	}
	return nil
}

// fit makes v the variant that lines of f are tried with first.
func (d *Decoder) fit(f *format, v *variant) fit {
	if v == nil {
		return fit{}
	}
	if d.fits == nil {
		d.fits = map[*format]fit{}
	}
	d.fits[f] = fit{variant: v}
	d.makeRoom(room{slots: max(v.match.Slots(), v.usual.match.Slots())})
	return d.fits[f]
}

// fitBlock finds the prefix of the file from the lines at its hand, where it was not given.
func (d *Decoder) fitBlock(block []byte) {
	if f := d.own; f != nil && f.prefix != nil && d.fits[f].variant == nil && d.opts.Prefix == "" {
		d.fit(f, f.prefix.choose(sampleOf(block), true))
	}
}

// choose returns the variant that takes most of the lines: of several the one with most escapes, which explains them
// best, then the one that is known. It returns nil if none takes any. usual: only as it writes as a rule.
func (p *prefixSpec) choose(lines [][]byte, usual bool) *variant {
	var headed [][]byte
	var derived []string
	alike := map[string]int{} // lines of each derived setting
	slots := make([]int32, p.heads.Slots())
	for _, line := range lines {
		if p.heads.Match(line, slots) < 0 {
			continue
		}
		s, proven := p.derive(line[slots[0]:slots[1]])
		if alike[s] == 0 && (proven || p.proven) && len(derived) < maxDerived {
			derived = append(derived, s)
		}
		if alike[s]++; alike[s] <= maxAlike {
			headed = append(headed, line)
		}
	}
	if len(headed) == 0 {
		return nil
	}
	// A variant is all that the format may say behind its prefix. Most settings need none: at most as many lines as begin with
	// the prefix are the variant's.
	guesses := p.guess(append(slices.Clone(p.known), p.joined(derived)...), headed, usual)
	var best *guess
	var found *variant
	for i := range guesses {
		g := &guesses[i]
		if best != nil && g.worse(best) {
			continue
		}
		v := p.variantOf(g.setting)
		if v == nil {
			continue
		}
		if g.lines = v.taken(headed, usual); g.lines > 0 && (best == nil || !g.worse(best)) {
			best, found = g, v
		}
	}
	return found
}

// A guess is a setting, with the lines that begin as it says at first, and of those that it has been tried with how many it takes.
type guess struct {
	setting string
	place   int // among the settings
	detail  int // number of its escapes
	lines   int
}

// worse reports whether o explains the lines better than g, or as well and comes first.
func (g *guess) worse(o *guess) bool {
	return cmp.Or(cmp.Compare(g.lines, o.lines), cmp.Compare(g.detail, o.detail), cmp.Compare(o.place, g.place)) < 0
}

// guess returns the settings as which some of the lines begin, the best of them first.
func (p *prefixSpec) guess(settings []string, lines [][]byte, usual bool) []guess {
	var out []guess
	for i, setting := range settings {
		g := guess{setting: setting, place: i, detail: detailOf(setting)}
		if fit := p.headed(setting, lines); len(fit) > 0 {
			if head := p.beginningOf(setting, usual); head != nil {
				g.lines = takenBy(head, fit)
			}
		}
		if g.lines > 0 {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b guess) int {
		switch {
		case a.worse(&b):
			return 1
		case b.worse(&a):
			return -1
		}
		return 0
	})
	return out
}

// headed returns those of the lines that hold, in its order, what a setting writes as it stands before what may be missing. Most
// known settings do so in none, and are not compiled.
func (p *prefixSpec) headed(setting string, lines [][]byte) [][]byte {
	parts, err := partsOf(setting)
	if err != nil {
		return nil
	}
	if p.rest != "" {
		if i := slices.IndexFunc(parts, func(part settingPart) bool { return part.escape == p.rest }); i >= 0 {
			parts = parts[:i]
		}
	}
	return slices.DeleteFunc(slices.Clone(lines), func(line []byte) bool {
		ok := true
		for _, part := range parts {
			if _, line, ok = bytes.Cut(line, []byte(part.text)); !ok {
				return true
			}
		}
		return false
	})
}

const (
	maxDerived = 16 // settings that are derived from the lines of a sample
	maxAlike   = 4  // lines of one derived setting that are tried
)

// taken returns how many of the lines v takes.
func (v *variant) taken(lines [][]byte, usual bool) int {
	set := v.match
	if usual {
		set = v.usual.match
	}
	return takenBy(set, lines)
}

// takenBy returns how many of the lines a set takes.
func takenBy(set *grok.Set, lines [][]byte) int {
	n, slots := 0, make([]int32, set.Slots())
	for _, line := range lines {
		if set.Match(line, slots) >= 0 {
			n++
		}
	}
	return n
}

// derive returns the setting that a prefix looks like: signs become escapes, each at most once, all else stands for
// itself. proven reports whether there are signs enough to say that it is a prefix, and not any text with a level in it.
func (p *prefixSpec) derive(head []byte) (setting string, proven bool) {
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
	for _, letters := range p.proof {
		if !strings.ContainsFunc(letters, func(l rune) bool { return used[string(l)] }) {
			return out.String(), false
		}
	}
	return out.String(), true
}

// literal returns the setting that writes text.
func literal(text []byte) string { return strings.ReplaceAll(string(text), "%", "%%") }

// escaped matches a setting that ends in an escape.
var escaped = regexp.MustCompile(`%[A-Za-z]$`)

// joined adds, for each two settings of which one begins as the other, the one whose rest may be missing. A rest that goes on
// in the middle of a word is none: the short one was a name that looked like the end of a prefix.
func (p *prefixSpec) joined(derived []string) []string {
	out := slices.Clone(derived)
	if p.rest == "" {
		return out
	}
	for _, short := range derived {
		for _, long := range derived {
			rest, ok := strings.CutPrefix(long, short)
			if ok && rest != "" && (rest[0] == ' ' || !escaped.MatchString(short)) {
				out = append(out, short+"%"+p.rest+rest)
			}
		}
	}
	return out
}

package rules

import (
	"crypto/sha256"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// A hit is an event that a rule's condition matched, with what the rule needs of it.
type hit struct {
	rule          *compiled
	once          *once // nil: it counts by itself
	teller        int
	repeat        *repeat // nil: it says nothing again
	said          string  // the fields of repeat.by
	time          int64
	order         int64 // the time as which it is judged
	gen           event.GenID
	off           int64
	site, dataset string
	group         string
	groupField    string // the field that group is the value of
	weight        int64
	value         string   // of threshold.distinct
	keys          []string // of once.by, "" where the event has none

	row    event.Row // until the commit's end
	judged bool
	kept   bool  // a window or a once holds it
	tale   *tale // nil until it is asked for, or row goes
}

// A tale is what a finding would say of a hit. It owns its memory.
type tale struct {
	title, text string
	evidence    event.Evidence
	sealed      bool // evidence has its SHA256
	span        [1]event.Span
	also        []event.Evidence // of events that tell of the same occurrence
}

// hit returns what rule r needs of the row.
func (e *Engine) hit(r *compiled, row event.Row) *hit {
	p := row.Page
	h := e.newHit()
	h.rule, h.time, h.gen, h.off, h.site, h.dataset, h.group, h.weight = r, p.Time(row.I), p.Gen, p.Offset(row.I), p.Site, p.Data, "-", 1
	h.once, h.teller = e.teller(r, row.I)
	if h.once != nil {
		for _, names := range h.once.by {
			v, _, _ := names.of(&e.text, row)
			h.keys = append(h.keys, v)
		}
	}
	if h.repeat = e.repeat(r, row.I); h.repeat != nil {
		h.said = h.repeat.key(&e.text, row)
	}
	if r.group == nil {
		h.group, h.groupField = r.groups.expand(&e.text, "", row), groupNames.Replace(r.Group)
	} else if v, name, ok := r.group.of(&e.text, row); ok {
		h.group, h.groupField = cut(v), name
	} else {
		h.groupField = r.group[0].name
	}
	if r.Weight != "" {
		if n, ok := row.Get(r.Weight); ok {
			if n, ok := n.(int64); ok && n > 0 && n < 1e6 {
				h.weight = n
			}
		}
	}
	if len(r.values) > 0 {
		h.value, _, _ = r.values.of(&e.text, row)
	}
	h.row = row
	if h.once != nil { // it takes from the tales of others
		e.tell(h)
	}
	e.fresh = append(e.fresh, h)
	return h
}

// teller returns which once of r the row belongs to, and as which of its tellers.
func (e *Engine) teller(r *compiled, row int) (*once, int) {
	for _, o := range r.once {
		for j, t := range o.tellers {
			if e.cond.Match(t).Has(row) {
				return o, j
			}
		}
	}
	return nil, 0
}

// maxGroup bounds the bytes of a group's value: what is longer is told apart by its beginning.
const maxGroup = 1024

func cut(s string) string {
	if len(s) <= maxGroup {
		return s
	}
	return strings.ToValidUTF8(s[:maxGroup], "") + "…"
}

// groupNames makes the name of a group of several fields: {{user.name}}@{{source.ip}} is user.name@source.ip.
var groupNames = strings.NewReplacer("{{", "", "}}", "")

// tell returns the tale of a hit, whose row is there still or whose tale was told before. Rules that make no findings
// have none.
func (e *Engine) tell(h *hit) *tale {
	if h.tale != nil || h.rule.silent {
		return h.tale
	}
	p, r := h.row.Page, h.rule
	raw := p.Bytes(p.Raw[h.row.I])
	t := &tale{
		title: r.title.expand(&e.text, h.group, h.row), text: r.text.expand(&e.text, h.group, h.row),
		evidence: event.Evidence{Gen: p.Gen, Path: p.Path, Time: h.time, Text: string(raw[:min(len(raw), event.EvidenceText)]), Dataset: p.Data},
	}
	t.evidence.Spans = append(t.span[:0], p.RowSpans(h.row.I)...)
	if len(raw) > event.EvidenceText {
		t.evidence.SHA256, t.sealed = sha256.Sum256(raw), true
	}
	h.tale = t
	return t
}

// endHits tells the tales of hits that outlive the commit, lets go of its pages, and takes the other hits back.
func (e *Engine) endHits() {
	for i, h := range e.fresh {
		e.fresh[i] = nil
		if h.judged && !h.kept && h.once == nil && h.tale == nil {
			e.spare = append(e.spare, h)
			continue
		}
		if !h.judged || h.kept {
			e.tell(h)
		}
		h.row = event.Row{} // also of what a once holds: its page serves other events from now on
	}
	e.fresh = e.fresh[:0]
}

// seal sums the evidence, which most hits never need. What is longer than the text that is kept was summed before.
func (t *tale) seal() {
	if !t.sealed {
		t.evidence.SHA256, t.sealed = sha256.Sum256([]byte(t.evidence.Text)), true
	}
}

// hitsAtOnce is how many hits are allocated together.
const hitsAtOnce = 16

func (e *Engine) newHit() *hit {
	if len(e.spare) == 0 {
		hits := make([]hit, hitsAtOnce)
		for i := range hits {
			e.spare = append(e.spare, &hits[i])
		}
	}
	h := e.spare[len(e.spare)-1]
	e.spare = e.spare[:len(e.spare)-1]
	*h = hit{}
	return h
}

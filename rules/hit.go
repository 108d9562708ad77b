package rules

import (
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// A hit is an event that a rule's condition matched, with what the rule needs of it. It owns its memory.
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
	title, text   string   // of the finding that it may raise
	evidence      event.Evidence
	sealed        bool             // evidence has its SHA256
	also          []event.Evidence // of events that tell of the same occurrence
}

// hit returns what rule r needs of the row.
func (e *Engine) hit(r *compiled, row event.Row) *hit {
	p := row.Page
	h := e.newHit()
	*h = hit{
		rule: r, time: p.Time(row.I), gen: p.Gen, off: p.Offset(row.I),
		site: p.Site, dataset: p.Data, group: "-", weight: 1,
	}
	h.once, h.teller = e.teller(r, row.I)
	if h.once != nil {
		for _, names := range h.once.by {
			v, _, _ := names.of(row)
			h.keys = append(h.keys, v)
		}
	}
	if h.repeat = e.repeat(r, row.I); h.repeat != nil {
		h.said = h.repeat.key(row)
	}
	if r.group == nil {
		h.group, h.groupField = r.groups.expand(&e.text, "", row), groupNames.Replace(r.Group)
	} else if v, name, ok := r.group.of(row); ok {
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
		h.value, _, _ = r.values.of(row)
	}
	if !r.silent {
		h.title, h.text = r.title.expand(&e.text, h.group, row), r.text.expand(&e.text, h.group, row)
		h.takeEvidence(row)
	}
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

// takeEvidence copies what is needed to show and verify the row's event later. Most hits make no finding, so the sum is
// left until one does, unless the text is too long to be kept for it.
func (h *hit) takeEvidence(row event.Row) {
	p := row.Page
	raw := p.Bytes(p.Raw[row.I])
	h.evidence = event.Evidence{
		Gen: p.Gen, Path: p.Path, Spans: slices.Clone(p.RowSpans(row.I)), Time: p.Time(row.I),
		Text: string(raw[:min(len(raw), event.EvidenceText)]), Dataset: p.Data,
	}
	if len(raw) > event.EvidenceText {
		h.evidence.SHA256, h.sealed = sha256.Sum256(raw), true
	}
}

// seal sums the evidence.
func (h *hit) seal() {
	if !h.sealed && !h.rule.silent {
		h.evidence.SHA256, h.sealed = sha256.Sum256([]byte(h.evidence.Text)), true
	}
}

// hitsAtOnce is how many hits are allocated together.
const hitsAtOnce = 16

func (e *Engine) newHit() *hit {
	if len(e.spare) == 0 {
		e.spare = make([]hit, hitsAtOnce)
	}
	h := &e.spare[0]
	e.spare = e.spare[1:]
	return h
}

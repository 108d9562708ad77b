package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

const (
	maxEvidence = 50  // events that a finding keeps as evidence
	maxValue    = 200 // bytes of a field's value in a title
)

// A report is what a finding says beside its members.
type report struct {
	time  int64
	count int64  // 0: that of the members
	said  string // a sentence behind the message
}

// raise adds the finding that members make; the last of them is the crossing event.
func (e *Engine) raise(members []*hit) { e.report(members, report{time: members[len(members)-1].time}) }

// report adds a finding; the last of its members is the crossing event.
func (e *Engine) report(members []*hit, say report) {
	cross := members[len(members)-1]
	h, r, group := cross, cross.rule, cross.group()
	if r.silent {
		return
	}
	title, words := r.title.render(group, cross.words())
	message, _ := r.text.render(group, words)
	f := event.Finding{
		ID: findingID(r.ID, h.from.site, string(group), cross), Rule: r.ID, Title: title, Message: message,
		Severity: r.Severity, Priority: r.priority(), Tags: r.Tags, References: r.Refs, Audience: r.Audience, Runbook: strings.TrimSpace(r.Runbook), Site: h.from.site,
		Group: []event.GroupValue{{Field: r.groupField(cross.field), Value: string(group)}},
		Time:  say.time, First: members[0].time, Last: cross.time,
	}
	if say.said != "" {
		f.Message = strings.TrimLeft(message+" "+say.said, " ")
	}
	rests := 0
	for i := range members {
		if rests++; members[i].claim != nil {
			rests += len(members[i].claim.also)
		}
	}
	f.Evidence = make([]event.Evidence, 0, rests)
	for i := range members {
		m := members[i]
		f.Count += m.weight
		f.First, f.Last = min(f.First, m.time), max(f.Last, m.time)
		f.Evidence = append(f.Evidence, m.evidence())
		if m.claim != nil {
			f.Evidence = append(f.Evidence, m.claim.also...)
		}
	}
	switch {
	case say.count > 0:
		f.Count = say.count
	case len(r.values) > 0:
		f.Count = int64(len(members))
	}
	if more := len(f.Evidence) - maxEvidence; more > 0 { // the first and the last tell most
		f.Evidence = slices.Delete(f.Evidence, maxEvidence/2, maxEvidence/2+more)
	}
	e.out.Findings = append(e.out.Findings, f)
	if e.watch != nil {
		e.watch.found(members, say, f.ID)
	}
}

// findingID makes the same id of the same lines, however often they are read.
func findingID(rule, site, group string, cross *hit) string {
	var room [256]byte
	text := append(strconv.AppendQuote(room[:0], rule), ' ')
	text = append(strconv.AppendQuote(text, site), ' ')
	text = append(strconv.AppendQuote(text, group), ' ')
	text = append(append(text, cross.from.gen.String()...), ' ')
	sum := sha256.Sum256(strconv.AppendInt(text, cross.span.Off, 10))
	return hex.EncodeToString(sum[:8])
}

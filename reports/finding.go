package reports

import (
	"fmt"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// What of the findings stands on paper: the most severe with their lines, more as a list, the rest as a number.
const (
	shownFindings  = 25
	listedFindings = 200
	shownLines     = 5 // of a finding
)

// A finding is an event.Finding as it is shown.
type finding struct {
	event.Finding
	Who         string // its group, "source.ip 127.0.3.10"
	When        string
	From, Until string // first and last, Until empty if they are the same moment
	Lines       []evidence
	More        int // pieces of evidence that are not shown
}

// An evidence is one record that a finding rests on.
type evidence struct {
	Path, When, Bytes, Text, Sum string
	Teller, Cut                  bool
}

func (p *page) findings() {
	for i, f := range p.Daily.Findings {
		for _, e := range f.Evidence {
			if e.Teller {
				p.Tellers++
			}
		}
		switch {
		case i < shownFindings:
			p.Shown = append(p.Shown, p.finding(f))
		case i < listedFindings:
			p.Listed = append(p.Listed, p.finding(f))
		default:
			p.Rest++
		}
	}
}

func (p *page) finding(f event.Finding) finding {
	out := finding{Finding: f, Who: who(f), When: p.moment(f.Time), From: p.moment(f.First)}
	if last := p.moment(f.Last); last != out.From {
		out.Until = last
	}
	for i, e := range f.Evidence {
		if i == shownLines {
			out.More = len(f.Evidence) - shownLines
			break
		}
		out.Lines = append(out.Lines, p.evidence(e))
	}
	return out
}

func (p *page) evidence(e event.Evidence) evidence {
	out := evidence{Path: e.Path, When: p.moment(e.Time), Text: e.Text, Teller: e.Teller, Cut: len(e.Text) >= event.EvidenceText}
	var spans []string
	for _, s := range e.Spans {
		spans = append(spans, number(s.Off)+"–"+number(s.End()))
	}
	out.Bytes = strings.Join(spans, ", ")
	if e.SHA256 != [32]byte{} {
		out.Sum = fmt.Sprintf("%x…", e.SHA256[:8])
	}
	return out
}

// who writes a finding's group: the fields and values that tell it from others of its rule.
func who(f event.Finding) string {
	var terms []string
	for _, g := range f.Group {
		field, _, _ := strings.Cut(g.Field, "|") // "a|b" is a, or b where there is no a
		terms = append(terms, field+" "+g.Value)
	}
	return strings.Join(terms, ", ")
}

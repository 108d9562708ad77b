package console

import (
	"context"
	"encoding/hex"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/saypro/veritail/pipeline/event"
)

// findingPage is one finding: why it fired, what it rests on, what to do.
type findingPage struct {
	findingRow
	Group      []event.GroupValue
	Audience   string
	First      string
	Crossed    string
	Last       string
	Span       string
	Counted    int // evidence lines that count
	Tellers    int // those that tell of a counted occurrence again
	Wide, Slim template.HTML
	Files      []evidenceFile
	Kept       int
	Runbook    []paragraph // what to do, in a few sentences
	Priority   string
	Tags       []tag
	Runbooks   []runbookRow // that tell more
	References []string
	LeftOut    int64 // events that suppressions left out of its rule in the last seven days
	SHA256     string
	Around     string // search for what happened around it
	Review     string // the form that makes a review of it
	Traces     []trace
	TracesURL  string
	About      string // the group, as the title of the traces
	Earlier    []findingRow
	Deadlock   *deadlock
	Verdict    *verdictPart // nil: there are none
	Timeline   string       // address of the session's or transaction's timeline; "" where the group names none
	SameRule   string
	RulePage   string // the rule's own page, or else its findings
	JSON       string
}

// An evidenceFile is the evidence that lies in one generation of a file, in its order.
type evidenceFile struct {
	Path, Gen, Dataset string
	Lines              []evidenceLine
}

// An evidenceLine is one evidence: its place among the counted ones, text and bytes.
type evidenceLine struct {
	N       string // number among the counted ones, "·" for one that only tells
	Fires   bool   // the line at which the rule fired
	Tells   bool
	Text    template.HTML
	Bytes   string
	Title   string
	Around  string
	EventAt string
}

func (s *server) finding(ctx context.Context, r *request) (answer, error) {
	f, err := s.readFinding(ctx, r, chi.URLParam(r.Request, "id"))
	if err != nil {
		return answer{}, err
	}
	r.links.site = f.Site // a finding is shown within its own site
	p := findingPage{
		findingRow: rows(r, []group{{f, 1}})[0], Group: f.Group, Audience: strings.Join(f.Audience, ", "),
		First: clock(f.First, r.now), Crossed: clock(f.Time, r.now), Last: clock(f.Last, r.now),
		Runbook: paragraphs(f.Runbook), Priority: f.Priority, Tags: s.attack.tags(f.Tags),
		Around:   r.search(s.around(f, r.now), f.First-time.Minute.Microseconds(), f.Last+time.Minute.Microseconds()),
		Review:   s.reviewOf(r, "finding", f.ID),
		SameRule: r.to("/findings", "rule", f.Rule), Kept: len(f.Evidence),
	}
	if p.RulePage, err = s.rulePageOf(ctx, r, f.Rule); err != nil {
		return answer{}, err
	}
	books, addresses := s.Runbooks().Of(f.References)
	p.Runbooks, p.References = runbookRows(r, books), references(addresses)
	if f.Last > f.First {
		p.Span = duration(time.Duration(f.Last-f.First) * time.Microsecond)
	}
	p.Wide, p.Slim = occurrences(f, 840), occurrences(f, 342)
	p.Files = evidence(r, f)
	for _, e := range f.Evidence {
		if e.Teller {
			p.Tellers++
		} else {
			p.Counted++
		}
		if e.Time == f.Time && !e.Teller && e.SHA256 != [32]byte{} {
			p.SHA256 = hex.EncodeToString(e.SHA256[:])
		}
	}
	var names []string
	for _, g := range f.Group {
		if g.Value != "-" {
			names = append(names, g.Value)
		}
	}
	p.About = strings.Join(names, ", ")
	if p.Traces, p.TracesURL, err = s.traces(ctx, r, f); err != nil {
		return answer{}, err
	}
	if p.LeftOut, err = s.leftOut(ctx, r, []string{f.Rule}); err != nil {
		return answer{}, err
	}
	p.Timeline = s.timelineOf(r, f)
	if p.Verdict, err = s.verdictOf(ctx, r, f.ID, f.Rule, ""); err != nil {
		return answer{}, err
	}
	if p.Deadlock, err = s.deadlock(ctx, r, f); err != nil {
		return answer{}, err
	}
	earlier, err := s.neighbours(ctx, r, f)
	if err != nil {
		return answer{}, err
	}
	p.Earlier = rows(r, single(earlier))
	return answer{Title: oneLine(p.Title, 80), Body: p}, nil
}

// around is the query for what happened around a finding: its group, or else the file it was found in.
func (s *server) around(f event.Finding, now time.Time) string {
	q := s.groupQuery(f.Group, now)
	if q == "" && len(f.Evidence) > 0 {
		q = is("log.file.path", f.Evidence[0].Path)
	}
	return q
}

// evidence puts the evidence of a finding in the order it was read, by file.
func evidence(r *request, f event.Finding) []evidenceFile {
	var files []evidenceFile
	n := 0
	for _, e := range f.Evidence {
		if len(files) == 0 || files[len(files)-1].Gen != e.Gen.String() {
			files = append(files, evidenceFile{Path: e.Path, Gen: e.Gen.String(), Dataset: e.Dataset})
		}
		l := evidenceLine{N: "·", Tells: e.Teller, Bytes: spans(e.Spans), EventAt: clock(e.Time, r.now)}
		l.Title = l.EventAt + " UTC, SHA-256 " + hex.EncodeToString(e.SHA256[:])
		if !e.Teller {
			n++
			l.N = number(int64(n))
			l.Fires = e.Time == f.Time
		}
		var captures []capture
		for _, g := range f.Group {
			captures = append(captures, captureOf(g.Field, g.Value))
		}
		l.Text = markText(e.Text, captures)
		l.Around = r.search(is("log.file.path", e.Path), e.Time-time.Minute.Microseconds(), e.Time+time.Minute.Microseconds())
		file := &files[len(files)-1]
		file.Lines = append(file.Lines, l)
	}
	return files
}

// spans writes byte ranges: "8,749–8,841", more of them one after the other.
func spans(list []event.Span) string {
	var parts []string
	for i, s := range list {
		if i == 3 && len(list) > 4 {
			parts = append(parts, fmt.Sprintf("and %d more", len(list)-3))
			break
		}
		parts = append(parts, number(s.Off)+"–"+number(s.End()))
	}
	return strings.Join(parts, ", ")
}

// captureOf says how the value of a field is pointed out: who, where or what.
func captureOf(field, value string) capture {
	class := "o"
	switch {
	case strings.HasPrefix(field, "user."):
		class = "a"
	case strings.HasPrefix(field, "source.") || strings.HasPrefix(field, "client.") || field == "host.name":
		class = "s"
	}
	return capture{value, class, field}
}

// A paragraph of a runbook: text, or steps.
type paragraph struct {
	Text  string
	Steps []string
}

// paragraphs splits a runbook at empty lines; lines that begin with a number and a full stop, or a dash, are steps.
func paragraphs(s string) []paragraph {
	var out []paragraph
	open := false // the last paragraph goes on
	for line := range strings.SplitSeq(s, "\n") {
		line = strings.TrimSpace(line)
		step, isStep := stepOf(line)
		last := len(out) - 1
		switch {
		case line == "":
			open = false
			continue
		case isStep && last >= 0 && out[last].Steps != nil:
			out[last].Steps = append(out[last].Steps, step)
		case isStep:
			out = append(out, paragraph{Steps: []string{step}})
		case open && out[last].Steps != nil:
			out[last].Steps[len(out[last].Steps)-1] += " " + line
		case open:
			out[last].Text += " " + line
		default:
			out = append(out, paragraph{Text: line})
		}
		open = true
	}
	return out
}

// stepOf returns what follows the number or dash of a step.
func stepOf(line string) (string, bool) {
	if rest, ok := strings.CutPrefix(line, "- "); ok {
		return rest, true
	}
	digits := strings.IndexFunc(line, func(r rune) bool { return r < '0' || r > '9' })
	if digits > 0 && digits < 3 && strings.HasPrefix(line[digits:], ". ") {
		return line[digits+2:], true
	}
	return "", false
}

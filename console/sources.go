package console

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"slices"
)

// sourcesPage is what the daemon does with each file.
type sourcesPage struct {
	Rows    []sourceRow
	Waiting []sourceRow // files that are not there yet
	Balance balance
	Lead    string
	Broken  []Source
	Blind   []blindSource
	Lost    []Source
	Breach  []Source
	Inputs  []inputRow
	Unread  []unreadSource
	Problem string
}

// An unreadSource is a file with its lines that are not understood.
type unreadSource struct {
	sourceRow
	Shapes []shapeRow
	Rest   string
}

// A shapeRow is lines that are alike: an example, in which what does not fit is underlined.
type shapeRow struct {
	Count int64
	HTML  template.HTML
	Said  string
	Try   string // address of the playground with the example
}

// An inputRow is one input.
type inputRow struct {
	Input
	Class, Word string
	Said        string // what is wrong, if something is
	Spool       string
	Events      string // search for its events
}

// A sourceRow is one file.
type sourceRow struct {
	Source
	Name      string // the path, without its beginning where it is long
	Class     string
	Word      string
	Undecided bool
	Behind    string
	LagText   string
	Events    string // search for its events
	Unparsed  string // search for its unparsed lines
}

// A blindSource is a file of which no line is understood.
type blindSource struct {
	Path, Said string
	Lines      string // search for its lines
	Repair     string // the command that proposes a format
}

func (s *server) sources(_ context.Context, r *request) (answer, error) {
	list := ofSite(r.status.Sources, r.site)
	slices.SortFunc(list, func(a, b Source) int {
		return cmp.Or(cmp.Compare(urgency(a), urgency(b)), cmp.Compare(b.Lines.Read, a.Lines.Read), cmp.Compare(a.Path, b.Path))
	})
	p := sourcesPage{Balance: sum(list, r.site), Problem: r.status.Problem}
	for _, src := range list {
		row := sourceRowOf(r, src)
		if src.State == Waiting {
			p.Waiting = append(p.Waiting, row)
			continue
		}
		p.Rows = append(p.Rows, row)
		if len(src.Shapes) > 0 {
			p.Unread = append(p.Unread, s.unread(r, row))
		}
		if src.broken() {
			p.Broken = append(p.Broken, src)
		}
		if src.Lost > 0 {
			p.Lost = append(p.Lost, src)
		}
		if src.Breach != "" {
			p.Breach = append(p.Breach, src)
		}
		if src.blind() {
			p.Blind = append(p.Blind, blindSource{src.Path, src.says(), r.search(is("log.file.path", src.Path)+" and veritail.unparsed:true", 0, 0), src.Repair})
		}
	}
	if r.site == "" {
		for _, in := range r.status.Inputs {
			p.Inputs = append(p.Inputs, inputRowOf(r, in))
		}
	}
	p.Lead = sourcesLead(p.Balance, len(list)) + inputsLead(p.Inputs)
	return answer{Title: "Sources", Body: p}, nil
}

// unread shows the lines of a file that are not understood, grouped.
func (s *server) unread(r *request, row sourceRow) unreadSource {
	u := unreadSource{sourceRow: row}
	rest := row.Lines.Unparsed
	for _, sh := range row.Source.Shapes {
		rest -= sh.Count
		line := shapeRow{Count: sh.Count, HTML: markStop(sh.Example, sh.Column)}
		if sh.Column > 0 {
			line.Said = fmt.Sprintf("%s stops at column %d", sh.Format, sh.Column)
			if sh.Failed != "" {
				line.Said += ", at " + sh.Failed
			}
		}
		if s.Try != nil {
			line.Try = r.to("/playground", "lines", sh.Example, "format", sh.Format)
		}
		u.Shapes = append(u.Shapes, line)
	}
	if rest > 0 {
		u.Rest = count(rest, "line has another form", "lines have other forms") + ", or came before this run."
	}
	return u
}

// urgency sorts what needs somebody to the top.
func urgency(s Source) int {
	switch {
	case s.broken():
		return 0
	case s.blind():
		return 1
	}
	return 2
}

// says tells of a source that nothing of it is understood, and how near a format came.
func (s Source) says() string {
	t := fmt.Sprintf("read %s, understood 0", number(s.Lines.Read))
	if s.Nearest == "" {
		return t + ": no format matches the beginning of a line"
	}
	t += ": nearest format " + s.Nearest
	if s.Column > 0 {
		t += fmt.Sprintf(", stops at column %d", s.Column)
	}
	return t
}

func sourceRowOf(r *request, s Source) sourceRow {
	row := sourceRow{
		Source: s, Name: tail(s.Path, 36), Undecided: s.Format == "",
		Events: r.search(is("log.file.path", s.Path), 0, 0),
	}
	if s.Lines.Unparsed > 0 {
		row.Unparsed = r.search(is("log.file.path", s.Path)+" and veritail.unparsed:true", 0, 0)
	}
	if s.Behind > 0 {
		row.Behind = size(s.Behind) + " to read"
	}
	row.LagText = "–"
	if s.State == Following {
		row.LagText = lag(s.Lag)
	}
	switch {
	case s.State == Unreadable:
		row.Class, row.Word = "R", "No permission"
	case s.broken():
		row.Class, row.Word = "R", "Read in part"
	case s.blind():
		row.Class, row.Word = "R", "Not understood"
	case s.Lines.Unparsed > 0 && s.Lines.Unparsed*20 > s.Lines.Read:
		row.Class, row.Word = "Y", "Partly understood"
	default:
		row.Class, row.Word = "G", "Following"
	}
	return row
}

func inputRowOf(r *request, in Input) inputRow {
	row := inputRow{Input: in, Class: "G", Word: "Receiving", Events: r.search(is("event.dataset", in.Dataset), 0, 0),
		Spool: size(in.Used) + " of " + size(in.Max)}
	switch {
	case in.Lost > 0:
		row.Class, row.Word = "R", "Messages lost"
		row.Said = count(in.Lost, "message was", "messages were") + " lost."
	case in.Problem != "":
		row.Class, row.Word = "R", "Not taking"
		row.Said = "nothing more is taken."
	case len(in.Notes) > 0:
		row.Class, row.Word = "Y", "In part"
		row.Said = "not all of it arrives as it was sent."
	case in.Received == 0:
		row.Word = "Waiting"
	}
	return row
}

// inputsLead says of how many inputs something is wrong.
func inputsLead(rows []inputRow) string {
	n := int64(0)
	for _, row := range rows {
		if row.Class == "R" {
			n++
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" Of %s messages were lost or are not taken.", count(n, "input", "inputs"))
}

func sourcesLead(b balance, files int) string {
	switch {
	case files == 0:
		return "No file is followed for this site."
	case b.Broken > 0 && b.Blind > 0:
		return fmt.Sprintf("%s cannot be read, of %s no line is understood.", count(int64(b.Broken), "file", "files"), count(int64(b.Blind), "file", "files"))
	case b.Broken > 0:
		return fmt.Sprintf("%s cannot be read; the rest is followed.", count(int64(b.Broken), "file", "files"))
	case b.Blind > 0:
		return fmt.Sprintf("Of %s no line is understood. Every line is kept.", count(int64(b.Blind), "file", "files"))
	}
	return fmt.Sprintf("%s followed, the furthest behind by %s.", count(int64(b.Files), "file", "files"), lag(b.Lag))
}

// size writes a number of bytes, as the command does.
func size(bytes int64) string {
	v, unit := float64(bytes), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, u
	}
	if unit == "B" {
		return number(bytes) + " B"
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}

// tail returns the last n characters of a path, marked where the beginning is missing.
func tail(path string, n int) string {
	r := []rune(visible(path))
	if len(r) <= n {
		return string(r)
	}
	return "…" + string(r[len(r)-n+1:])
}

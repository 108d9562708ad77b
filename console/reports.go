package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/saypro/veritail/reports"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/storage/state"
)

// MakeReport makes a report. It is asked with id, day, period, from, to, site, by and format, as "veritail report" has them,
// and draft for one that is not kept. It returns the document, whose bytes a draft has, and what is not as it was asked for.
// The error is state.ErrRefused for what its reader can mend.
type MakeReport func(ctx context.Context, asked url.Values) (state.Issued, []string, error)

// ReadSchedules returns the reports that are made by themselves, with what became of their last runs.
type ReadSchedules func(context.Context) ([]Scheduled, error)

// A Scheduled is a report that is made by itself.
type Scheduled struct {
	Report, Cron string
	Folder       string
	To           []string
	Next         time.Time
	Last         *state.Run // nil: it has not run yet
}

// A scheduledRow is one of them in the list.
type scheduledRow struct {
	Scheduled
	Name, Due string // the report's, and when it is made next
	When      string // it was made last
	URL       string // of what was made; "" where nothing was
	Class     string
}

// scheduled lists the reports that are made by themselves.
func (s *server) scheduled(ctx context.Context, r *request) ([]scheduledRow, error) {
	if s.Scheduled == nil {
		return nil, nil
	}
	list, err := s.Scheduled(ctx)
	if err != nil {
		return nil, err
	}
	var rows []scheduledRow
	for _, v := range list {
		row := scheduledRow{Scheduled: v, Name: v.Report, Due: v.Next.UTC().Format("2006-01-02 15:04"), Class: "N"}
		if def, _ := reports.Find(s.Reports, v.Report); def != nil {
			row.Name = def.Name
		}
		if v.Last != nil {
			row.When, row.Class = stamp(v.Last.Ended.UnixMicro(), r.now, "15:04"), "G"
			if v.Last.Problem != "" {
				row.Class = "R"
			}
			if v.Last.Document != "" {
				row.URL = r.to("/reports") + "#issued"
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// makeIn bounds the time that making a report may take.
const makeIn = 2 * time.Minute

// issuedPerPage is how many issued reports a page of the list shows.
const issuedPerPage = 50

// reportsPage lists the reports that there are, has the form to make one, and lists those that were issued.
type reportsPage struct {
	Lead    string
	Kinds   []reportKind
	Form    url.Values
	Periods []option
	Formats []formatChoice
	Refused string
	Act     string
	Draft   string
	Site    string
	Issued  []issuedRow
	Runs    []scheduledRow
	Newer   string
	Older   string
}

// A reportKind is a report that there is.
type reportKind struct {
	*reports.Definition
	Current bool   // it is chosen in the form
	URL     string // of a draft about its period so far, or of the list to choose from
}

type formatChoice struct {
	Name    string
	Current bool
}

// An issuedRow is a version of a document that was issued.
type issuedRow struct {
	state.Issued
	Period string
	When   string
	Links  []issuedLink
}

type issuedLink struct {
	Format, URL, SHA256, Short, Size string
}

func (s *server) reports(ctx context.Context, r *request) (answer, error) {
	q := r.URL.Query()
	form := url.Values{"who": {nameOf(r.Request)}, "day": {r.now.Format(time.DateOnly)}, "id": {q.Get("id")}, "issue": {q.Get("issue")}, "finding": {q.Get("finding")}}
	return s.reportsWith(ctx, r, form, "")
}

func (s *server) reportsWith(ctx context.Context, r *request, form url.Values, refused string) (answer, error) {
	p := reportsPage{Form: form, Refused: refused, Act: r.to("/reports"), Draft: "/reports/draft", Site: r.site}
	for i := range s.Reports {
		d := &s.Reports[i]
		k := reportKind{d, form.Get("id") == d.ID, r.to("/reports/draft", "id", d.ID)}
		if d.Period == reports.Incident { // it is about something that has to be chosen
			k.URL = r.to("/issues")
		}
		p.Kinds = append(p.Kinds, k)
	}
	for _, name := range []string{"", string(reports.Day), string(reports.Week), string(reports.Month)} {
		p.Periods = append(p.Periods, option{Name: name, Current: form.Get("period") == name})
	}
	for _, f := range document.Formats() {
		chosen := false
		for _, v := range form["format"] {
			chosen = chosen || v == string(f)
		}
		p.Formats = append(p.Formats, formatChoice{string(f), chosen})
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("from")) // else from the first on
	from = min(max(from, 0), 1<<20)
	list, err := s.Records.IssuedReports(ctx, state.IssuedQuery{Site: &r.site, Limit: issuedPerPage + 1, Offset: from})
	if err != nil {
		return answer{}, err
	}
	if len(list) > issuedPerPage {
		list = list[:issuedPerPage]
		p.Older = r.to("/reports", "from", strconv.Itoa(from+issuedPerPage))
	}
	if from > 0 {
		p.Newer = r.to("/reports", "from", strconv.Itoa(max(from-issuedPerPage, 0)))
	}
	for _, i := range list {
		p.Issued = append(p.Issued, issuedRowOf(r, i))
	}
	if p.Runs, err = s.scheduled(ctx, r); err != nil {
		return answer{}, err
	}
	p.Lead = "No report was issued yet."
	if len(list) > 0 && from == 0 {
		last := list[0]
		p.Lead = fmt.Sprintf("Issued last: %s %s, version %d, by %s.", last.Name, last.Document, last.Version, last.By)
	} else if from > 0 {
		p.Lead = "Earlier reports."
	}
	return answer{Title: "Reports", Body: p}, nil
}

func issuedRowOf(r *request, i state.Issued) issuedRow {
	row := issuedRow{Issued: i, Period: document.Period{From: i.From, To: i.To}.String(), When: stamp(i.Made.UnixMicro(), r.now, "15:04")}
	for _, f := range i.Files {
		at := "/reports/issued/" + url.PathEscape(i.Document) + "/" + strconv.Itoa(i.Version) + "/" + f.Format
		row.Links = append(row.Links, issuedLink{f.Format, at, f.SHA256, f.SHA256[:min(16, len(f.SHA256))], size(f.Bytes)})
	}
	return row
}

// asked is what a form or an address asks of MakeReport.
func askedReport(r *request, form url.Values) url.Values {
	q := url.Values{"site": {r.site}, "format": {strings.Join(form["format"], ",")}}
	for _, key := range []string{"id", "day", "period", "from", "to", "issue", "finding"} {
		q.Set(key, strings.TrimSpace(form.Get(key)))
	}
	return q
}

// issueReport takes the form of a report that is to be issued.
func (s *server) issueReport(ctx context.Context, r *request, form url.Values) (string, error) {
	name, err := named(form)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeIn)
	defer cancel()
	asked := askedReport(r, form)
	asked.Set("by", name)
	if _, _, err := s.Make(ctx, asked); err != nil {
		return "", err
	}
	return r.to("/reports") + "#issued", nil
}

// draft shows a report that is not kept, as a page.
func (s *server) draft(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), makeIn)
	defer cancel()
	req := &request{Request: r, links: links{r.URL.Query().Get("site")}, now: s.Now().UTC(), status: s.Status()}
	asked := askedReport(req, r.URL.Query())
	asked.Set("format", string(document.HTML))
	asked.Set("draft", "true")
	made, _, err := s.Make(ctx, asked)
	switch {
	case errors.Is(err, state.ErrRefused):
		a, again := s.reportsWith(ctx, req, r.URL.Query(), reason(err))
		a.Code = http.StatusUnprocessableEntity
		s.finish(ctx, w, req, "reports", a, again)
	case err != nil:
		s.finish(ctx, w, req, "reports", answer{}, err)
	default:
		s.sendReport(w, document.HTML, "", made.Files[0].Data)
	}
}

// issued sends a report as it was issued.
func (s *server) issued(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), answerIn)
	defer cancel()
	req := &request{Request: r, links: links{r.URL.Query().Get("site")}, now: s.Now().UTC(), status: s.Status()}
	id, err := url.PathUnescape(chi.URLParam(r, "id"))
	version, notNumber := strconv.Atoi(chi.URLParam(r, "version"))
	if err != nil || notNumber != nil || version < 1 {
		s.finish(ctx, w, req, "", answer{}, errNotFound)
		return
	}
	format := chi.URLParam(r, "format")
	of, err := s.Records.IssuedReport(ctx, id, version)
	for _, f := range of.Files {
		if f.Format != format {
			continue
		}
		data, err := s.Records.IssuedBytes(ctx, f.SHA256)
		if err != nil {
			s.finish(ctx, w, req, "", answer{}, err)
			return
		}
		s.sendReport(w, document.Format(format), fmt.Sprintf("%s-v%d.%s", id, version, format), data)
		return
	}
	if err == nil || errors.Is(err, state.ErrNotFound) {
		err = errNotFound
	}
	s.finish(ctx, w, req, "", answer{}, err)
}

// sendReport sends the bytes of a report: a page to be looked at, other formats to be kept under a name.
func (s *server) sendReport(w http.ResponseWriter, f document.Format, name string, data []byte) {
	w.Header().Set("Content-Security-Policy", reportPolicy)
	w.Header().Set("Content-Type", f.MediaType())
	w.Header().Set("Cache-Control", "no-store")
	if f != document.HTML {
		w.Header().Set("Content-Disposition", "attachment; filename*=UTF-8''"+url.PathEscape(name))
	}
	if _, err := w.Write(data); err != nil {
		s.Log.Debug("console: send a report", "err", err)
	}
}

// reviewOf is the address of the form that makes a review of an issue or a finding, "" where there is no such report.
func (s *server) reviewOf(r *request, key, value string) string {
	for i := range s.Reports {
		if s.Make != nil && s.Records != nil && s.Reports[i].Period == reports.Incident {
			return r.to("/reports", "id", s.Reports[i].ID, key, value)
		}
	}
	return ""
}

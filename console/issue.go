package console

import (
	"context"
	"errors"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/issuelog"
	"github.com/saypro/veritail/storage/state"
)

// issuePage is one issue, with the form that changes it. Form holds what stands in the form, Refused why it was not taken.
type issuePage struct {
	issueRow
	Took, Waited string // "" while it is not resolved, or nobody has responded
	Done         string // when it was resolved
	History      []changeRow
	Links        []linkRow
	MoreLinks    int64
	RuleURL      string
	Statuses     []option
	Priorities   []option
	Form         url.Values
	Refused      string
	Act          string
	Rate         string
	Survey       string // address of the one after an incident; "" where there is none
	Stars        []int
	Review       string // address of the form that makes a review of it
}

type changeRow struct {
	state.Change
	When string
}

type linkRow struct {
	state.Link
	URL, When string
}

// maxLinks is how many findings of an issue are shown.
const maxLinks = 20

func (s *server) issue(ctx context.Context, r *request) (answer, error) {
	return s.issueWith(ctx, r, nil, "")
}

// issueWith makes the page of an issue. form is what somebody has written and the log refused; nil: nothing.
func (s *server) issueWith(ctx context.Context, r *request, form url.Values, refused string) (answer, error) {
	id, err := strconv.ParseInt(chi.URLParam(r.Request, "id"), 10, 64)
	if err != nil {
		return answer{}, errNotFound
	}
	i, err := s.Records.Issue(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		return answer{}, errNotFound
	}
	if err != nil {
		return answer{}, err
	}
	r.links.site = i.Site // an issue is shown within its own site
	p := issuePage{issueRow: issueRowOf(r, &i), Form: form, Refused: refused, Act: r.issue(id), Rate: r.to("/issues/" + strconv.FormatInt(id, 10) + "/rating"), Stars: []int{1, 2, 3, 4, 5}, Review: s.reviewOf(r, "issue", strconv.FormatInt(id, 10))}
	if form == nil {
		p.Form = url.Values{"who": {nameOf(r.Request)}, "status": {string(i.Status)}, "priority": {string(i.Priority)}, "assigned": {i.Assigned}, "cause": {i.Cause}, "resolution": {i.Resolution}}
	}
	if !i.Resolved.IsZero() {
		p.Took, p.Done = duration(i.Took()), clock(i.Resolved.UnixMicro(), r.now)
	}
	if !i.Responded.IsZero() {
		p.Waited = duration(max(i.Responded.Sub(i.Reported), 0))
	}
	for _, v := range s.Surveys {
		if v.Occasion == configs.AfterIncident && p.Survey == "" {
			p.Survey = r.to("/surveys/"+url.PathEscape(v.ID), "about", strconv.FormatInt(id, 10))
		}
	}
	if i.Rule != "" {
		p.RuleURL = r.to("/findings", "rule", i.Rule)
	}
	for _, v := range state.Statuses {
		p.Statuses = append(p.Statuses, option{Name: string(v), Current: p.Form.Get("status") == string(v)})
	}
	for _, v := range state.Priorities {
		p.Priorities = append(p.Priorities, option{Name: string(v), Current: p.Form.Get("priority") == string(v)})
	}
	changes, err := s.Records.History(ctx, id)
	if err != nil {
		return answer{}, err
	}
	for _, c := range changes {
		p.History = append(p.History, changeRow{c, clock(c.At.UnixMicro(), r.now)})
	}
	found, err := s.Records.Links(ctx, id, maxLinks)
	if err != nil {
		return answer{}, err
	}
	for _, l := range found {
		p.Links = append(p.Links, linkRow{l, r.finding(l.Finding), clock(l.At.UnixMicro(), r.now)})
	}
	p.MoreLinks = i.Findings - int64(len(found))
	return answer{Title: "Issue " + strconv.FormatInt(id, 10), Body: p}, nil
}

// issueForm returns the number of the issue that a form is about, and the name that it gives.
func issueForm(r *request, form url.Values) (id int64, name string, err error) {
	if id, err = strconv.ParseInt(chi.URLParam(r.Request, "id"), 10, 64); err != nil {
		return 0, "", state.ErrNotFound
	}
	name, err = named(form)
	return id, name, err
}

// changeIssue takes the form of an issue's page.
func (s *server) changeIssue(ctx context.Context, r *request, form url.Values) (string, error) {
	id, name, err := issueForm(r, form)
	if err != nil {
		return "", err
	}
	given := func(key string) *string {
		if !form.Has(key) {
			return nil
		}
		v := form.Get(key)
		return &v
	}
	e := state.Edit{Assigned: given("assigned"), Cause: given("cause"), Resolution: given("resolution"), Comment: form.Get("comment"),
		Priority: (*state.Priority)(given("priority")), Status: (*state.Status)(given("status"))}
	if _, err := s.Records.Change(ctx, id, name, e); err != nil {
		return "", err
	}
	return r.issue(id), nil
}

// rateIssue takes the form by which a resolved issue is rated.
func (s *server) rateIssue(ctx context.Context, r *request, form url.Values) (string, error) {
	id, name, err := issueForm(r, form)
	if err != nil {
		return "", err
	}
	stars, err := strconv.Atoi(form.Get("stars"))
	if err != nil {
		return "", refusal("choose 1 to 5")
	}
	_, err = s.Records.Rate(ctx, id, name, stars, form.Get("note"))
	return r.issue(id), err
}

// rateAgain shows an issue with why its rating was not taken.
func (s *server) rateAgain(ctx context.Context, r *request, _ url.Values, refused string) (answer, error) {
	return s.issueWith(ctx, r, nil, refused)
}

// newIssuePage is the form for an issue that a person reports.
type newIssuePage struct {
	Form       url.Values
	Priorities []option
	Refused    string
	Act        string
	Finding    string // it is about
}

func (s *server) newIssue(ctx context.Context, r *request) (answer, error) {
	q := r.URL.Query()
	form := url.Values{"who": {nameOf(r.Request)}, "priority": {string(state.Medium)}, "finding": {q.Get("finding")}}
	if id := q.Get("finding"); id != "" {
		f, err := s.readFinding(ctx, r, id)
		if err != nil {
			return answer{}, err
		}
		o := issuelog.OccurrenceOf(&f, issuelog.ByGroup)
		form.Set("title", o.Title)
		form.Set("description", o.Message)
		form.Set("category", o.Category)
		form.Set("priority", string(o.Priority))
	}
	return s.newIssueWith(ctx, r, form, "")
}

func (s *server) newIssueWith(_ context.Context, r *request, form url.Values, refused string) (answer, error) {
	p := newIssuePage{Form: form, Refused: refused, Act: r.to("/issues"), Finding: form.Get("finding")}
	for _, v := range state.Priorities {
		p.Priorities = append(p.Priorities, option{Name: string(v), Current: form.Get("priority") == string(v)})
	}
	return answer{Title: "Report an issue", Body: p}, nil
}

// reportIssue takes the form of a new issue.
func (s *server) reportIssue(ctx context.Context, r *request, form url.Values) (string, error) {
	name, err := named(form)
	if err != nil {
		return "", err
	}
	i := state.Issue{Title: form.Get("title"), Description: form.Get("description"), Category: form.Get("category"), Role: form.Get("role"),
		Priority: state.Priority(form.Get("priority")), Reporter: name, Site: r.site}
	var about []state.Occurrence
	if id := form.Get("finding"); id != "" {
		f, err := s.readFinding(ctx, r, id)
		if err != nil {
			return "", err
		}
		i.Rule, i.Site = f.Rule, f.Site
		about = append(about, issuelog.OccurrenceOf(&f, issuelog.ByGroup))
	}
	made, err := s.Records.Report(ctx, i, name, about...)
	if err != nil {
		return "", err
	}
	return r.issue(made.ID), nil
}

// judge takes a verdict on a finding.
func (s *server) judge(ctx context.Context, r *request, form url.Values) (string, error) {
	name, err := named(form)
	if err != nil {
		return "", err
	}
	f, err := s.readFinding(ctx, r, chi.URLParam(r.Request, "id"))
	if err != nil {
		return "", err
	}
	v := state.Verdict{Finding: f.ID, Rule: f.Rule, Judgement: state.Judgement(form.Get("verdict")), Who: name, Note: form.Get("note")}
	if err := s.Records.Judge(ctx, v); err != nil {
		return "", err
	}
	r.links.site = f.Site
	return r.finding(f.ID), nil
}

// A judgeButton is one verdict that a finding can get, with its key.
type judgeButton struct {
	Name    string
	Means   state.Judgement
	Key     string
	Current bool
}

// A verdictPart is the part of a finding's page in which it is judged.
type verdictPart struct {
	state.Verdict
	When     string
	Record   state.Record
	Percent  int
	Options  []judgeButton
	Who      string
	Refused  string
	Act      string
	Issue    int64 // that it belongs to; 0: none
	IssueURL string
}

func (s *server) verdictOf(ctx context.Context, r *request, finding, rule, refused string) (*verdictPart, error) {
	if s.Records == nil {
		return nil, nil
	}
	v, err := s.Records.Verdict(ctx, finding)
	if err != nil {
		return nil, err
	}
	all, err := s.Records.Records(ctx)
	if err != nil {
		return nil, err
	}
	p := &verdictPart{Verdict: v, Record: all[rule], Who: nameOf(r.Request), Refused: refused, Act: r.to("/findings/" + url.PathEscape(finding) + "/verdict"), IssueURL: r.to("/issues/new", "finding", finding)}
	p.Percent = int(100*p.Record.Precision() + 0.5)
	if !v.At.IsZero() {
		p.When = clock(v.At.UnixMicro(), r.now)
	}
	for _, o := range []judgeButton{{"Confirm", state.Confirmed, "c", false}, {"Expected here", state.Expected, "e", false}, {"False alarm", state.FalseAlarm, "f", false}} {
		o.Current = o.Means == v.Judgement
		p.Options = append(p.Options, o)
	}
	if p.Issue, err = s.Records.IssueOf(ctx, finding); err != nil {
		return nil, err
	}
	if p.Issue != 0 {
		p.IssueURL = r.issue(p.Issue)
	}
	return p, nil
}

// judgedAgain shows a finding with why its verdict was not taken.
func (s *server) judgedAgain(ctx context.Context, r *request, _ url.Values, refused string) (answer, error) {
	a, err := s.finding(ctx, r)
	if p, ok := a.Body.(findingPage); ok && p.Verdict != nil {
		p.Verdict.Refused = refused
	}
	return a, err
}

package console

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/saypro/veritail/reports/checks"
	"github.com/saypro/veritail/storage/state"
)

// ReadChecks says how the checks stand now, in their order, by the evidence of a site; "" is this machine.
type ReadChecks func(ctx context.Context, site string) ([]checks.Standing, error)

// checksPage is all checks, below the headings of their lists.
type checksPage struct {
	Lead  string
	Chips []option // by state, with how many
	Lists []checkList
	Reset string // address of all of them; "" where they are shown
}

type checkList struct {
	Name, About string
	Rows        []checkRow
}

// A checkRow is a check in its list.
type checkRow struct {
	checks.Standing
	URL, Class, Why, Until string
}

// checkPage is one check: its evidence, who signed it off, and the form to do so.
type checkPage struct {
	checkRow
	Search  string // address of the events that are its evidence
	All     string
	Told    bool // logs can tell of it
	Unseen  bool // none does
	History []signedRow
	Form    url.Values
	Refused string
	Signed  bool // just now
	Act     string
}

type signedRow struct {
	state.SignOff
	When string
}

// checkStates are those of checks, the worst first, as pages name them.
var checkStates = []checks.State{checks.Overdue, checks.Due, checks.NotMeasured, checks.Done}

var checkClasses = map[checks.State]string{checks.Done: "G", checks.Due: "Y", checks.Overdue: "R", checks.NotMeasured: "N"}

func (r *request) check(id string) string { return r.to("/checks/" + url.PathEscape(id)) }

func (s *server) checks(ctx context.Context, r *request) (answer, error) {
	list, err := s.Checks(ctx, r.site)
	if err != nil {
		return answer{}, err
	}
	only := checks.State(r.URL.Query().Get("state"))
	var p checksPage
	counts := map[checks.State]int{}
	done := map[string][2]int{} // of each list: done, all
	for _, c := range list {
		counts[c.State]++
		n := done[c.List]
		if n[1]++; c.State == checks.Done {
			n[0]++
		}
		done[c.List] = n
		if only != "" && c.State != only {
			continue
		}
		if n := len(p.Lists); n == 0 || p.Lists[n-1].Name != c.List {
			p.Lists = append(p.Lists, checkList{Name: c.List})
		}
		l := &p.Lists[len(p.Lists)-1]
		l.Rows = append(l.Rows, r.checkRow(c))
	}
	for i := range p.Lists {
		n := done[p.Lists[i].Name]
		p.Lists[i].About = fmt.Sprintf("%d of %d done", n[0], n[1])
	}
	for _, st := range checkStates {
		p.Chips = append(p.Chips, option{Name: string(st), URL: r.to("/checks", "state", string(st)), Count: number(int64(counts[st])), Current: st == only})
	}
	if only != "" {
		p.Reset = r.to("/checks")
	}
	p.Lead = checksLead(counts, len(list))
	return answer{Title: "Checks", Body: p}, nil
}

// checksLead says what waits for somebody.
func checksLead(counts map[checks.State]int, all int) string {
	switch {
	case all == 0:
		return "The configuration has no checks."
	case counts[checks.Overdue] > 0:
		return fmt.Sprintf("%s overdue, and %d due.", count(int64(counts[checks.Overdue]), "check is", "checks are"), counts[checks.Due])
	case counts[checks.Due] > 0:
		return fmt.Sprintf("Nothing is overdue; %s due.", count(int64(counts[checks.Due]), "check is", "checks are"))
	}
	return "Nothing is due."
}

func (r *request) checkRow(c checks.Standing) checkRow {
	row := checkRow{Standing: c, URL: r.check(c.ID), Class: checkClasses[c.State], Why: upper(c.Evidence)}
	if !c.Until.IsZero() {
		row.Until = clock(c.Until.UnixMicro(), r.now)
	}
	switch {
	case c.State == checks.NotMeasured:
		row.Why = "Would be measured by: " + c.Evidence
	case c.Signed != nil && (!c.Evidenced() || c.Sign || c.Evidence == c.Missing):
		row.Why = fmt.Sprintf("Signed off by %s: %s", c.Signed.Who, c.Signed.Note)
	case c.Sign && c.Signed == nil:
		row.Why += "; waits for " + c.Role
	case c.Evidence == "":
		row.Why = "Waits for " + c.Role
	}
	return row
}

func (s *server) check(ctx context.Context, r *request) (answer, error) {
	return s.checkWith(ctx, r, url.Values{"who": {nameOf(r.Request)}}, "")
}

// checkWith makes the page of a check. form is what stands in the form, refused why it was not taken.
func (s *server) checkWith(ctx context.Context, r *request, form url.Values, refused string) (answer, error) {
	c, err := s.standing(ctx, r)
	if err != nil {
		return answer{}, err
	}
	history, err := s.Records.SignOffs(ctx, c.ID)
	if err != nil {
		return answer{}, err
	}
	p := checkPage{checkRow: r.checkRow(*c), All: r.to("/checks"), Told: c.Evidenced(), Unseen: c.Evidenced() && c.Evidence == c.Missing, Form: form, Refused: refused, Act: r.check(c.ID), Signed: r.URL.Query().Get("signed") != ""}
	if c.Query != "" {
		p.Search = r.search(c.Query, r.now.Add(-c.Length()-c.Grace).UnixMicro(), r.now.UnixMicro())
	}
	for _, h := range history {
		p.History = append(p.History, signedRow{h, clock(h.At.UnixMicro(), r.now)})
	}
	return answer{Title: c.Title, Body: p}, nil
}

// standing is how the check of the address stands.
func (s *server) standing(ctx context.Context, r *request) (*checks.Standing, error) {
	list, err := s.Checks(ctx, r.site)
	if err != nil {
		return nil, err
	}
	id := chi.URLParam(r.Request, "id")
	for i := range list {
		if list[i].ID == id {
			return &list[i], nil
		}
	}
	return nil, errNotFound
}

// signCheck takes the form that signs a check off.
func (s *server) signCheck(ctx context.Context, r *request, form url.Values) (string, error) {
	c, err := s.standing(ctx, r)
	if err != nil {
		return "", err
	}
	name, err := named(form)
	if err != nil {
		return "", err
	}
	if role := strings.TrimSpace(form.Get("role")); !strings.EqualFold(role, c.Role) {
		return "", refusal(fmt.Sprintf("it is signed off by the role %q", c.Role))
	}
	if err := s.Records.SignCheck(ctx, state.SignOff{Check: c.ID, Who: name, Role: c.Role, Note: strings.TrimSpace(form.Get("note"))}); err != nil {
		return "", err
	}
	return r.to("/checks/"+url.PathEscape(c.ID), "signed", "1"), nil
}

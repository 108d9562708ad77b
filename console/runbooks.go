package console

import (
	"context"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/runbook"
	"github.com/saypro/veritail/storage/state"
)

// maxSearch bounds the words of a search for runbooks, in bytes.
const maxSearch = 1000

// runbooksPage is the list of runbooks, or those that have the words asked for.
type runbooksPage struct {
	Query string
	Site  string
	Rows  []runbookRow
	Reset string // address without words, "" where there are none

	Surveys []surveyRow
}

// A runbookRow is a runbook in a list, with what is worth reading of it first.
type runbookRow struct{ Title, URL, About string }

func (r *request) runbook(id string) string { return r.to("/runbooks/" + url.PathEscape(id)) }

func (s *server) runbooks(_ context.Context, r *request) (answer, error) {
	p := runbooksPage{Query: strings.TrimSpace(r.URL.Query().Get("q")), Site: r.site}
	if p.Query != "" {
		p.Reset = r.to("/runbooks")
		p.Query = p.Query[:min(len(p.Query), maxSearch)]
		for _, h := range s.Runbooks().Search(p.Query) {
			p.Rows = append(p.Rows, runbookRow{h.Title, r.runbook(h.ID), h.Excerpt})
		}
	} else {
		p.Rows, p.Surveys = runbookRows(r, s.Runbooks().All()), s.surveyRows(r)
	}
	return answer{Title: "Help", Body: p}, nil
}

func runbookRows(r *request, books []*runbook.Book) []runbookRow {
	var rows []runbookRow
	for _, b := range books {
		rows = append(rows, runbookRow{b.Title, r.runbook(b.ID), b.Summary})
	}
	return rows
}

// runbookPage is one runbook.
type runbookPage struct {
	ID, Title, File string
	Text            template.HTML
	Site, All       string
	Rules           []ruleRow // that name it
}

func (s *server) runbook(ctx context.Context, r *request) (answer, error) {
	b := s.Runbooks().Find(chi.URLParam(r.Request, "id"))
	if b == nil {
		return answer{}, errNotFound
	}
	text, err := b.HTML(r.runbook)
	if err != nil {
		return answer{}, err
	}
	p := runbookPage{b.ID, b.Title, b.File, text, r.site, r.to("/runbooks"), nil}
	if s.Rules == nil {
		return answer{Title: b.Title, Body: p}, nil
	}
	all, err := s.Rules(ctx)
	if err != nil {
		return answer{}, fmt.Errorf("read the rules: %w", err)
	}
	for i := range all {
		if slices.Contains(all[i].References, configs.RunbookRef+b.ID) {
			p.Rules = append(p.Rules, s.ruleRow(r, &all[i], state.Record{}, 0))
		}
	}
	return answer{Title: b.Title, Body: p}, nil
}

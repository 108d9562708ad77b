package console

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/survey"
	"github.com/saypro/veritail/storage/state"
)

// surveyed is how far back answers are shown: a year.
const surveyed = 366 * 24 * time.Hour

// surveyPage is one survey: its form, and how it was answered.
type surveyPage struct {
	*configs.Survey
	Occasion  string // which one the form is about: a quarter, a version; "" for one that has to be named
	Questions []askedQuestion
	Form      url.Values
	Refused   string
	Thanks    bool
	Act       string
	Results   []resultRow
	Answers   int
}

type askedQuestion struct {
	configs.Question
	Name    string // of its field
	Choices []option
	Value   string
}

// A resultRow is how a role answered a question.
type resultRow struct {
	Text   string // the question, in its first row
	Role   string
	N      int
	Answer string
	Said   []survey.Said // in words, in the first row
}

// surveyRow is a survey in the list on the page of help.
type surveyRow struct{ Title, URL, About string }

func (s *server) surveyRows(r *request) (rows []surveyRow) {
	if s.Records == nil {
		return nil
	}
	for i := range s.Surveys {
		v := &s.Surveys[i]
		rows = append(rows, surveyRow{v.Title, r.survey(v.ID), v.About})
	}
	return rows
}

func (r *request) survey(id string) string { return r.to("/surveys/" + url.PathEscape(id)) }

func (s *server) survey(ctx context.Context, r *request) (answer, error) {
	q := r.URL.Query()
	return s.surveyWith(ctx, r, url.Values{"who": {nameOf(r.Request)}, "about": {q.Get("about")}}, "")
}

// surveyWith makes the page of a survey. form is what stands in the form, refused why it was not taken.
func (s *server) surveyWith(ctx context.Context, r *request, form url.Values, refused string) (answer, error) {
	v, _ := survey.Find(s.Surveys, chi.URLParam(r.Request, "id"))
	if v == nil {
		return answer{}, errNotFound
	}
	p := surveyPage{Survey: v, Occasion: survey.Occasion(v, r.now, s.Version), Form: form, Refused: refused, Act: r.survey(v.ID), Thanks: r.URL.Query().Get("thanks") != ""}
	for _, q := range v.Questions {
		asked := askedQuestion{Question: q, Name: "q-" + q.ID, Value: form.Get("q-" + q.ID)}
		choices := q.Options
		if q.Kind == configs.OnAScale {
			choices = []string{"1", "2", "3", "4", "5"}
		}
		for _, c := range choices {
			asked.Choices = append(asked.Choices, option{Name: c, Current: c == asked.Value})
		}
		p.Questions = append(p.Questions, asked)
	}
	answers, err := s.Records.Answers(ctx, v.ID, r.now.Add(-surveyed))
	if err != nil {
		return answer{}, err
	}
	p.Answers = len(answers)
	p.Results = resultRows(survey.Sum(v, answers))
	return answer{Title: v.Title, Body: p}, nil
}

// resultRows are all answers to each question, and where there are several roles those of each.
func resultRows(r survey.Result) (rows []resultRow) {
	for _, q := range r.Questions {
		if q.All.N == 0 {
			continue
		}
		rows = append(rows, resultRow{q.Text, "all", q.All.N, countText(q, q.All), q.Texts})
		for _, by := range q.ByRole {
			if len(r.Roles) > 1 && by.N > 0 && q.Kind != configs.InWords {
				rows = append(rows, resultRow{"", by.Role, by.N, countText(q, by.Count), nil})
			}
		}
	}
	return rows
}

// countText writes how a question was answered: "4.2 of 5", or "most 3, few 1".
func countText(q survey.QuestionResult, c survey.Count) string {
	if q.Kind == configs.OnAScale {
		return fmt.Sprintf("%.1f of 5", c.Mean)
	}
	var parts []string
	for _, v := range c.Ordered() {
		parts = append(parts, fmt.Sprintf("%s %d", v, c.Values[v]))
	}
	return strings.Join(parts, ", ")
}

// answerSurvey takes the form of a survey.
func (s *server) answerSurvey(ctx context.Context, r *request, form url.Values) (string, error) {
	v, _ := survey.Find(s.Surveys, chi.URLParam(r.Request, "id"))
	if v == nil {
		return "", state.ErrNotFound
	}
	name, err := named(form)
	if err != nil {
		return "", err
	}
	a := state.Answer{Survey: v.ID, About: survey.Occasion(v, r.now, s.Version), Who: name, Role: strings.TrimSpace(form.Get("role")), Values: map[string]string{}}
	if a.About == "" {
		if a.About = strings.TrimSpace(form.Get("about")); a.About == "" {
			return "", refusal("say which incident it is about")
		}
	}
	for i := range v.Questions {
		q := &v.Questions[i]
		given := form.Get("q-" + q.ID)
		if !q.Takes(given) {
			return "", refusal(fmt.Sprintf("%.100q is no answer to %q", given, q.Text))
		}
		a.Values[q.ID] = given
	}
	if err := s.Records.KeepAnswer(ctx, a); err != nil {
		return "", err
	}
	return r.to("/surveys/"+url.PathEscape(v.ID), "thanks", "1"), nil
}

package main

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/survey"
	"github.com/saypro/veritail/storage/state"
)

func surveyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "survey",
		Short: "Ask people: answer short surveys, and see the answers by role",
		Long: `Surveys are short lists of questions (configs/surveys.toml): after an incident, each
quarter, after an update. Answers are counted by role.

Exit status: 0, or 1 for a survey, question or answer that there is not.`,
		Example: `  veritail survey list
  veritail survey answer after-incident -about 12 told=4 clear=5 'better=call me earlier' -role dba
  veritail survey results quarterly`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(surveyListCommand(), surveyAnswerCommand(), surveyResultsCommand())
	return c
}

// surveysOf reads the surveys of the configuration that a daemon's configuration names.
func surveysOf(configFile string) ([]configs.Survey, error) {
	cfg, err := configs.LoadDaemon(configFile)
	if err != nil {
		return nil, err
	}
	return configs.LoadSurveys(configs.FS(cfg.Configs))
}

func findSurvey(configFile, id string) (*configs.Survey, error) {
	all, err := surveysOf(configFile)
	if err != nil {
		return nil, err
	}
	s, near := survey.Find(all, id)
	switch {
	case s != nil:
		return s, nil
	case near != "":
		return nil, userErrorf("there is no survey %q; did you mean %q?", id, near)
	}
	return nil, userErrorf("there is no survey %q; veritail survey list shows them", id)
}

func surveyListCommand() *cobra.Command {
	var f recordsFlags
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the surveys with their questions",
		Example: `  veritail survey list`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := surveysOf(f.config)
			if err != nil {
				return err
			}
			return f.show(cmd.OutOrStdout(), all, func(w *sink, p colours) {
				for i, s := range all {
					if i > 0 {
						w.f("\n")
					}
					w.f("%s  %s  %s\n", p.blue(s.ID), p.bold(printable(s.Title)), p.dim(s.Occasion))
					for _, q := range s.Questions {
						takes := "in words"
						switch q.Kind {
						case configs.OnAScale:
							takes = "1 to 5"
						case configs.OneOf:
							takes = strings.Join(q.Options, " | ")
						}
						w.f("  %s  %s  %s\n", pad(q.ID, 12), printable(q.Text), p.dim(printable(takes)))
					}
				}
			})
		},
	}
	f.add(c, false)
	return c
}

func surveyAnswerCommand() *cobra.Command {
	var f recordsFlags
	var role, about string
	c := &cobra.Command{
		Use:   "answer SURVEY QUESTION=ANSWER...",
		Short: "Answer a survey, or some of its questions",
		Long: `Answer keeps your answers to a survey. Of one person about one occasion the last
answer counts. The occasion of a quarterly survey is this quarter, of one after an
update this version; of one after an incident -about names it.

Exit status: 0, or 1 for a survey, question or answer that there is not.`,
		Example: `  veritail survey answer quarterly useful=4 noise=most -role dba
  veritail survey answer after-incident -about 12 told=2 'better=call me earlier'`,
		Args: wants(2, 0, "a SURVEY and at least one QUESTION=ANSWER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := findSurvey(f.config, args[0])
			if err != nil {
				return err
			}
			a := state.Answer{Survey: s.ID, About: cmp.Or(about, survey.Occasion(s, time.Now().UTC(), version)), Who: f.who(), Role: role, Values: map[string]string{}}
			if a.About == "" {
				return userErrorf("which incident is it about? Name its issue: -about 12")
			}
			for _, arg := range args[1:] {
				if err := answerOne(s, arg, a.Values); err != nil {
					return err
				}
			}
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				if err := db.KeepAnswer(cmd.Context(), a); err != nil {
					return err
				}
				return f.show(cmd.OutOrStdout(), a, func(w *sink, _ colours) {
					w.f("%s about %s: %s kept.\n", printable(s.Title), printable(a.About), count(len(a.Values), "answer"))
				})
			})
		},
	}
	f.add(c, true)
	c.Flags().StringVar(&role, "role", "", "your `role`, by which answers are counted")
	c.Flags().StringVar(&about, "about", "", "which `occasion` it is about, such as the number of an incident's issue")
	return c
}

// answerOne reads QUESTION=ANSWER.
func answerOne(s *configs.Survey, arg string, values map[string]string) error {
	id, value, ok := strings.Cut(arg, "=")
	if !ok {
		return userErrorf("%q is no QUESTION=ANSWER", arg)
	}
	var ids []string
	for i := range s.Questions {
		q := &s.Questions[i]
		ids = append(ids, q.ID)
		if q.ID != id {
			continue
		}
		if !q.Takes(value) {
			want := "1 to 5"
			if q.Kind == configs.OneOf {
				want = strings.Join(q.Options, ", ")
			}
			return userErrorf("%s takes %s, not %q", id, want, value)
		}
		values[id] = value
		return nil
	}
	if near := configs.Nearest(id, ids); near != "" {
		return userErrorf("%s has no question %q; did you mean %q?", s.ID, id, near)
	}
	return userErrorf("%s has no question %q; its questions are %s", s.ID, id, strings.Join(ids, ", "))
}

func surveyResultsCommand() *cobra.Command {
	var f recordsFlags
	var days int
	c := &cobra.Command{
		Use:     "results SURVEY",
		Short:   "Show how a survey was answered, by role",
		Example: "  veritail survey results quarterly\n  veritail survey results after-incident -days 90 -json | jq '.questions[].all.mean'",
		Args:    wants(1, 1, "one SURVEY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if days < 1 || days > 36500 {
				return userErrorf("-days wants 1 to 36500, not %d", days)
			}
			s, err := findSurvey(f.config, args[0])
			if err != nil {
				return err
			}
			return inRecords(cmd.Context(), f.config, func(db *state.DB) error {
				answers, err := db.Answers(cmd.Context(), s.ID, time.Now().AddDate(0, 0, -days))
				if err != nil {
					return err
				}
				r := survey.Sum(s, answers)
				return f.show(cmd.OutOrStdout(), r, func(w *sink, p colours) { printSurvey(w, p, &r) })
			})
		},
	}
	f.add(c, false)
	c.Flags().IntVar(&days, "days", 366, "answers of so many `days`")
	return c
}

func printSurvey(w *sink, p colours, r *survey.Result) {
	w.f("%s  %s\n", p.bold(printable(r.Title)), p.dim(count(r.Answers, "answer")))
	for i := range r.Questions {
		q := &r.Questions[i]
		w.f("\n%s\n", printable(q.Text))
		if q.All.N == 0 {
			w.f("  %s\n", p.dim("not answered"))
			continue
		}
		for _, t := range q.Texts {
			w.f("  %s  %s\n", printable(t.Text), p.dim(printable(t.Role)))
		}
		if q.Kind == configs.InWords {
			continue
		}
		w.f("  %s  %s\n", pad("all", 20), countOf(q.Kind, &q.All))
		for j := range q.ByRole {
			if by := &q.ByRole[j]; len(r.Roles) > 1 && by.N > 0 {
				w.f("  %s  %s\n", pad(printable(by.Role), 20), countOf(q.Kind, &by.Count))
			}
		}
	}
}

// countOf writes how a question was answered.
func countOf(kind string, c *survey.Count) string {
	if kind == configs.OnAScale {
		return fmt.Sprintf("%.1f of 5  (%d)", c.Mean, c.N)
	}
	var parts []string
	for _, v := range c.Ordered() {
		parts = append(parts, fmt.Sprintf("%s %d", printable(v), c.Values[v]))
	}
	return strings.Join(parts, ", ")
}

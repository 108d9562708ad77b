// Package survey counts what people have answered in surveys, by role.
//
// It stands behind the flow, beside the issue log: surveys are data (configs/surveys.toml), answers lie in the records.
package survey

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/storage/state"
)

// NoRole stands for the role of those who have not said theirs.
const NoRole = "not said"

// A Result is how a survey was answered.
type Result struct {
	Survey    string           `json:"survey"`
	Title     string           `json:"title"`
	Answers   int              `json:"answers"`
	Roles     []string         `json:"roles"` // in the order of their names
	Questions []QuestionResult `json:"questions"`
}

// A QuestionResult is how a question was answered: by all, then by each role.
type QuestionResult struct {
	ID     string      `json:"id"`
	Text   string      `json:"text"`
	Kind   string      `json:"kind"`
	All    Count       `json:"all"`
	ByRole []RoleCount `json:"by_role"`
	Texts  []Said      `json:"texts,omitempty"` // of a question that is answered in words
}

// A RoleCount is how those of a role have answered.
type RoleCount struct {
	Role string `json:"role"`
	Count
}

// A Count is how often each answer was given.
type Count struct {
	N      int            `json:"answers"`
	Mean   float64        `json:"mean,omitempty"` // of a scale
	Values map[string]int `json:"values,omitempty"`
}

// Said is an answer in somebody's own words.
type Said struct {
	Role string    `json:"role"`
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// Sum counts the answers to a survey.
func Sum(s *configs.Survey, answers []state.Answer) Result {
	r := Result{Survey: s.ID, Title: s.Title, Answers: len(answers), Roles: []string{}}
	roles := map[string]bool{}
	for _, a := range answers {
		roles[RoleOf(a)] = true
	}
	r.Roles = slices.AppendSeq(r.Roles, maps.Keys(roles))
	slices.Sort(r.Roles)
	for i := range s.Questions {
		q := &s.Questions[i]
		of := QuestionResult{ID: q.ID, Text: q.Text, Kind: q.Kind, All: count(q, answers, "")}
		for _, role := range r.Roles {
			of.ByRole = append(of.ByRole, RoleCount{role, count(q, answers, role)})
		}
		for _, a := range answers {
			if v := a.Values[q.ID]; q.Kind == configs.InWords && v != "" {
				of.Texts = append(of.Texts, Said{RoleOf(a), a.At, v})
			}
		}
		r.Questions = append(r.Questions, of)
	}
	return r
}

// RoleOf is the role of who answered: roles that differ in case only are one.
func RoleOf(a state.Answer) string {
	return cmp.Or(strings.ToLower(strings.Join(strings.Fields(a.Role), " ")), NoRole)
}

// count counts the answers of a role to a question; of all for "". One that the question does not take any more is none.
func count(q *configs.Question, answers []state.Answer, role string) (c Count) {
	sum := 0
	for _, a := range answers {
		v := a.Values[q.ID]
		if v == "" || role != "" && RoleOf(a) != role || !q.Takes(v) {
			continue
		}
		c.N++
		if q.Kind == configs.InWords {
			continue
		}
		if c.Values == nil {
			c.Values = map[string]int{}
		}
		c.Values[v]++
		if n, err := strconv.Atoi(v); err == nil && q.Kind == configs.OnAScale {
			sum += n
		}
	}
	if q.Kind == configs.OnAScale && c.N > 0 {
		c.Mean = float64(sum) / float64(c.N)
	}
	return c
}

// Occasion names the occasion that a survey is about now: the quarter, the version of the program, or "" for an incident that has to be named.
func Occasion(s *configs.Survey, now time.Time, version string) string {
	switch s.Occasion {
	case configs.EachQuarter:
		return fmt.Sprintf("%d-Q%d", now.Year(), (int(now.Month())+2)/3)
	case configs.AfterUpdate:
		return version
	}
	return ""
}

// Find returns a survey by its id, else the id that was nearest.
func Find(all []configs.Survey, id string) (*configs.Survey, string) {
	var ids []string
	for i := range all {
		if all[i].ID == id {
			return &all[i], ""
		}
		ids = append(ids, all[i].ID)
	}
	return nil, configs.Nearest(id, ids)
}

// Ordered returns the answers that were given, the most frequent first.
func (c *Count) Ordered() []string {
	return slices.SortedFunc(maps.Keys(c.Values), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.Values[b], c.Values[a]), strings.Compare(a, b))
	})
}

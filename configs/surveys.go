package configs

import (
	"io/fs"
	"slices"
	"strings"
)

// SurveysFile is where surveys stand in a configuration.
const SurveysFile = "surveys.toml"

// The occasions of surveys.
const (
	AfterIncident = "incident"
	EachQuarter   = "quarter"
	AfterUpdate   = "update"
)

var occasions = []string{AfterIncident, EachQuarter, AfterUpdate}

// The kinds of questions.
const (
	OnAScale = "scale"  // 1 to 5
	OneOf    = "choice" // one of its options
	InWords  = "text"
)

var questionKinds = []string{OnAScale, OneOf, InWords}

// A Survey is a short list of questions.
type Survey struct {
	ID        string     `toml:"id" json:"id"`
	Title     string     `toml:"title" json:"title"`
	About     string     `toml:"about" json:"about"`
	Occasion  string     `toml:"occasion" json:"occasion"`
	Questions []Question `toml:"question" json:"questions"`
}

// A Question is one of a survey.
type Question struct {
	ID      string   `toml:"id" json:"id"`
	Text    string   `toml:"text" json:"text"`
	Kind    string   `toml:"kind" json:"kind"`
	Options []string `toml:"options" json:"options,omitempty"` // of a choice
}

// Takes reports whether a question may be answered so. No answer is one, too.
func (q *Question) Takes(answer string) bool {
	switch {
	case answer == "" || q.Kind == InWords:
		return true
	case q.Kind == OnAScale:
		return len(answer) == 1 && answer[0] >= '1' && answer[0] <= '5'
	}
	return slices.Contains(q.Options, answer)
}

// LoadSurveys reads the surveys of a configuration.
func LoadSurveys(fsys fs.FS) ([]Survey, error) {
	var file struct {
		Survey []Survey `toml:"survey"`
	}
	if err := Decode(fsys, SurveysFile, &file); err != nil {
		return nil, err
	}
	var faults Errors
	seen := map[string]bool{}
	for i := range file.Survey {
		s := &file.Survey[i]
		key := itemPath("survey", i)
		s.check(func(at, format string, args ...any) {
			faults = append(faults, At(fsys, SurveysFile, key+at, format, args...))
		})
		if seen[s.ID] {
			faults = append(faults, At(fsys, SurveysFile, key+".id", "there is a survey %q already", s.ID))
		}
		seen[s.ID] = true
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return file.Survey, nil
}

func (s *Survey) check(fault func(at, format string, args ...any)) {
	oneOf := func(at, key, value string, list []string) {
		if slices.Contains(list, value) {
			return
		}
		hint := ""
		if near := Nearest(value, list); near != "" {
			hint = `; did you mean "` + near + `"?`
		}
		fault(at, "key %q wants one of %s, not %q%s", key, strings.Join(list, ", "), value, hint)
	}
	if !runbookName.MatchString(s.ID) {
		fault(".id", "the id of a survey is of small letters and digits, as after-incident, not %q", s.ID)
	}
	if s.Title == "" {
		fault("", `a survey needs a "title"`)
	}
	oneOf(".occasion", "occasion", s.Occasion, occasions)
	if len(s.Questions) == 0 {
		fault("", "a survey needs a [[survey.question]]")
	}
	seen := map[string]bool{}
	for i, q := range s.Questions {
		at := itemPath(".question", i)
		if !runbookName.MatchString(q.ID) || seen[q.ID] {
			fault(at+".id", "a question needs an id of its own, of small letters and digits, not %q", q.ID)
		}
		seen[q.ID] = true
		if q.Text == "" {
			fault(at, `a question needs a "text"`)
		}
		oneOf(at+".kind", "kind", q.Kind, questionKinds)
		if (q.Kind == OneOf) != (len(q.Options) > 1) {
			fault(at+".options", "a choice has options, two or more; other questions have none")
		}
	}
}

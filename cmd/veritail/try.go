package main

import (
	"errors"
	"strings"

	"github.com/saypro/veritail/console"
	"github.com/saypro/veritail/parsers"
)

// try answers the console's playground.
func (s *setup) try(t console.Trial) ([]console.Tried, error) {
	if t.Expr != "" {
		return s.tryExpression(t)
	}
	var out []console.Tried
	for _, line := range t.Lines {
		e, err := s.set.Explain(t.Format, []byte(line), s.options())
		if err != nil {
			return nil, err
		}
		out = append(out, triedOf(&e))
	}
	return out, nil
}

func triedOf(e *parsers.Explanation) console.Tried {
	var t console.Tried
	at := map[string]int{"": 0} // where fields that formats within may read begin in the line
	for i := range e.Steps {
		st := &e.Steps[i]
		by := patternOf(st.Format, st.Pattern)
		if i == 0 {
			t.By = by
		} else {
			t.Within = append(t.Within, by)
		}
		from, ok := at[st.Field]
		if !ok || !strings.HasPrefix(e.Text[from:], st.Text) {
			continue // the field is not a part of the line as it stands there
		}
		for _, c := range st.Captures {
			at[c.Name] = from + c.From
			t.Captures = append(t.Captures, console.Captured{Name: c.Name, From: from + c.From, To: from + c.To})
		}
	}
	if t.By == "" {
		t.By = e.Format
	}
	if len(e.Stops) > 0 {
		at := e.Stops[0]
		t.Stop = console.Stopped{
			Nearest: patternOf(at.Format, at.Pattern), Grok: at.Grok, Column: at.Column, At: at.Failed, Wanted: at.Wanted,
		}
	}
	return t
}

// maxExpression bounds what a reader may have compiled.
const maxExpression = 4096

// tryExpression tries an expression on whole lines.
func (s *setup) tryExpression(t console.Trial) ([]console.Tried, error) {
	if len(t.Expr) > maxExpression {
		return nil, errors.New("the expression is too long")
	}
	m, err := s.set.Library().CompileAnchored(t.Expr)
	if err != nil {
		return nil, err
	}
	slots := make([]int32, 2*len(m.Captures()))
	var out []console.Tried
	for _, line := range t.Lines {
		var tried console.Tried
		if m.Match([]byte(line), slots) {
			tried.By = "the expression"
			for i, c := range m.Captures() {
				if from, to := int(slots[2*i]), int(slots[2*i+1]); from >= 0 && from < to {
					tried.Captures = append(tried.Captures, console.Captured{Name: c.Field(), From: from, To: to})
				}
			}
		} else {
			at := m.Stop([]byte(line))
			tried.Stop = console.Stopped{Nearest: "the expression", Column: at.Length + 1, At: at.Failed(), Wanted: at.Wanted}
		}
		out = append(out, tried)
	}
	return out, nil
}

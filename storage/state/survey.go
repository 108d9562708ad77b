package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// An Answer is what somebody has said in a survey.
type Answer struct {
	Survey string            `json:"survey"`
	About  string            `json:"about"` // which occasion: a quarter, a version, an issue
	Who    string            `json:"who"`
	Role   string            `json:"role"`
	At     time.Time         `json:"at"`
	Values map[string]string `json:"values"` // by the ids of the questions; none for one that was left out
}

// maxAnswer bounds each text of an answer, in bytes.
const maxAnswer = 4 << 10

// KeepAnswer keeps an answer. Of one person about one occasion the last one counts.
func (d *DB) KeepAnswer(ctx context.Context, a Answer) error {
	given := 0
	for _, v := range a.Values {
		if len(v) > maxAnswer {
			return fmt.Errorf("keep an answer: %w", refusef("a text is longer than %d KiB", maxAnswer>>10))
		}
		if strings.TrimSpace(v) != "" {
			given++
		}
	}
	if given == 0 {
		return fmt.Errorf("keep an answer: %w", refusef("no question was answered"))
	}
	if len(a.Role) > 200 || len(a.About) > 200 || a.Who == "" {
		return fmt.Errorf("keep an answer: %w", refusef("it wants a name, and a role and occasion of at most 200 bytes"))
	}
	err := d.write(ctx, func(tx *sql.Tx) error {
		var old int64
		err := tx.QueryRowContext(ctx, "SELECT id FROM survey_answer WHERE survey = ? AND about = ? AND who = ?", a.Survey, a.About, a.Who).Scan(&old)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		for _, q := range []string{"DELETE FROM survey_value WHERE answer = ?", "DELETE FROM survey_answer WHERE id = ?"} {
			if _, err := tx.ExecContext(ctx, q, old); err != nil {
				return err
			}
		}
		res, err := tx.ExecContext(ctx, "INSERT INTO survey_answer (survey, about, who, role, at) VALUES (?,?,?,?,?)", a.Survey, a.About, a.Who, a.Role, micros(d.now()))
		if err != nil {
			return err
		}
		id, err := res.LastInsertId()
		if err != nil {
			return err
		}
		for question, v := range a.Values {
			if v = strings.TrimSpace(v); v == "" {
				continue
			}
			if _, err := tx.ExecContext(ctx, "INSERT INTO survey_value (answer, question, value) VALUES (?,?,?)", id, question, v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return nil
}

// Answers returns the answers to a survey that were given since a time, oldest first.
func (d *DB) Answers(ctx context.Context, survey string, since time.Time) ([]Answer, error) {
	var out []Answer
	last := int64(-1)
	err := each(ctx, d.sql, func(r *sql.Rows) error {
		var id int64
		var a Answer
		var at sql.NullInt64
		var question, value string
		if err := r.Scan(&id, &a.About, &a.Who, &a.Role, &at, &question, &value); err != nil {
			return err
		}
		if id != last {
			a.Survey, a.At, a.Values = survey, timeOf(at), map[string]string{}
			out, last = append(out, a), id
		}
		out[len(out)-1].Values[question] = value
		return nil
	}, `SELECT a.id, a.about, a.who, a.role, a.at, v.question, v.value FROM survey_answer a JOIN survey_value v ON v.answer = a.id
		WHERE a.survey = ? AND a.at >= ? ORDER BY a.id, v.question`, survey, since.UnixMicro())
	if err != nil {
		return nil, fmt.Errorf("read the answers to %s: %w", survey, err)
	}
	return out, nil
}

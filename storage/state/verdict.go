package state

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// A Judgement is what a person says of a finding.
type Judgement string

// The judgements. Withdrawn takes back the one before.
const (
	Confirmed  Judgement = "confirmed"
	Expected   Judgement = "expected"    // it is as found, and is all right here
	FalseAlarm Judgement = "false alarm" // what the rule says did not happen
	Withdrawn  Judgement = "withdrawn"
)

// Judgements lists those that a finding can have.
var Judgements = []Judgement{Confirmed, Expected, FalseAlarm}

// A Verdict is a judgement with who made it.
type Verdict struct {
	Finding   string    `json:"finding"`
	Rule      string    `json:"rule"`
	Judgement Judgement `json:"verdict"`
	Who       string    `json:"who"`
	At        time.Time `json:"at"`
	Note      string    `json:"note"`
}

// Judge keeps a verdict. The last one of a finding counts; those before it are kept as its history.
func (d *DB) Judge(ctx context.Context, v Verdict) error {
	if v.Judgement != Withdrawn && !slices.Contains(Judgements, v.Judgement) {
		return fmt.Errorf("judge finding %s: %w", v.Finding, refusef("the verdict %q is none of confirmed, expected, false alarm", v.Judgement))
	}
	if len(v.Note) > maxText {
		return fmt.Errorf("judge finding %s: %w", v.Finding, refusef("a text is longer than %d KiB", maxText>>10))
	}
	err := d.write(ctx, func(tx *sql.Tx) error {
		// Two in a microsecond keep their order.
		var last sql.NullInt64
		if err := tx.QueryRowContext(ctx, "SELECT max(at) FROM verdict WHERE finding = ?", v.Finding).Scan(&last); err != nil {
			return err
		}
		at := max(d.now().UnixMicro(), last.Int64+1)
		_, err := tx.ExecContext(ctx, "INSERT INTO verdict (finding, at, rule, verdict, who, note) VALUES (?,?,?,?,?,?)", v.Finding, at, v.Rule, v.Judgement, v.Who, v.Note)
		return err
	})
	if err != nil {
		return fmt.Errorf("judge finding %s: %w", v.Finding, err)
	}
	return nil
}

// Verdict returns the last verdict on a finding; a zero Verdict if there is none, or it was withdrawn.
func (d *DB) Verdict(ctx context.Context, finding string) (Verdict, error) {
	var v Verdict
	var at sql.NullInt64
	err := d.sql.QueryRowContext(ctx, "SELECT finding, rule, verdict, who, at, note FROM verdict WHERE finding = ? ORDER BY at DESC LIMIT 1", finding).
		Scan(&v.Finding, &v.Rule, &v.Judgement, &v.Who, &at, &v.Note)
	v.At = timeOf(at)
	if errors.Is(err, sql.ErrNoRows) || v.Judgement == Withdrawn {
		return Verdict{}, nil
	}
	if err != nil {
		return v, fmt.Errorf("read the verdict on finding %s: %w", finding, err)
	}
	return v, nil
}

// A Record is how the findings of a rule were judged.
type Record struct {
	Rule       string `json:"rule"`
	Confirmed  int    `json:"confirmed"`
	Expected   int    `json:"expected"`
	FalseAlarm int    `json:"false_alarms"`
}

// Judged is how many findings have a verdict.
func (r Record) Judged() int { return r.Confirmed + r.Expected + r.FalseAlarm }

// Precision is the share of judged findings in which the rule was right, of 1: what is expected here did happen. It is
// 1 where none was judged.
func (r Record) Precision() float64 {
	if r.Judged() == 0 {
		return 1
	}
	return float64(r.Confirmed+r.Expected) / float64(r.Judged())
}

// ByPrecision orders records, the least precise first, of equal ones those that were judged more often.
func ByPrecision(a, b Record) int {
	return cmp.Or(cmp.Compare(a.Precision(), b.Precision()), cmp.Compare(b.Judged(), a.Judged()), cmp.Compare(a.Rule, b.Rule))
}

// Records returns how the findings of each rule were judged, by rule.
func (d *DB) Records(ctx context.Context) (map[string]Record, error) {
	out := map[string]Record{}
	err := each(ctx, d.sql, func(r *sql.Rows) error {
		var rule string
		var j Judgement
		var n int
		if err := r.Scan(&rule, &j, &n); err != nil {
			return err
		}
		rec := out[rule]
		rec.Rule = rule
		switch j {
		case Confirmed:
			rec.Confirmed = n
		case Expected:
			rec.Expected = n
		case FalseAlarm:
			rec.FalseAlarm = n
		case Withdrawn:
		}
		out[rule] = rec
		return nil
	}, `SELECT rule, verdict, count(*) FROM verdict v WHERE at = (SELECT max(at) FROM verdict w WHERE w.finding = v.finding) GROUP BY rule, verdict`)
	if err != nil {
		return nil, fmt.Errorf("read how rules were judged: %w", err)
	}
	return out, nil
}

package issuelog

import (
	"context"
	"fmt"
	"time"

	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/state"
)

// A Trend is one line of the log's summary: a value beside that of the period before.
type Trend struct {
	Name      string  `json:"name"`
	Value     float64 `json:"value"` // a number of issues, seconds, percent or a mark of five, as Unit says
	Unit      string  `json:"unit"`  // "", "s", "%", "of 5"
	Known     bool    `json:"known"` // false: there is nothing to take it from
	Previous  float64 `json:"previous"`
	Was       bool    `json:"previous_known"`
	Direction string  `json:"trend"` // Up, Down, No change; "" where one of them is not known
	Notes     string  `json:"notes"`
}

// Texts are the value and the one before as a table has them; took writes how long something took.
func (t Trend) Texts(took func(time.Duration) string) (value, previous string) {
	text := func(v float64, known bool) string {
		switch {
		case !known:
			return "–"
		case t.Unit == "s":
			return took(time.Duration(v * float64(time.Second)))
		case t.Unit == "%":
			return fmt.Sprintf("%.0f %%", v)
		case t.Unit == "of 5":
			return fmt.Sprintf("%.1f of 5", v)
		}
		return kpi.Text(v, 0, "")
	}
	return text(t.Value, t.Known), text(t.Previous, t.Was)
}

// Trends returns the summary of the log of a site at the end of [from, to), beside the same length of time before.
func Trends(ctx context.Context, db *state.DB, site string, from, to time.Time) ([]Trend, error) {
	now, err := db.Summarise(ctx, site, from, to)
	if err != nil {
		return nil, err
	}
	was, err := db.Summarise(ctx, site, from.Add(-to.Sub(from)), from)
	if err != nil {
		return nil, err
	}
	number := func(name string, f func(state.Summary) int, notes string) Trend {
		return trend(name, "", float64(f(now)), true, float64(f(was)), true, notes)
	}
	share := func(s state.Summary) float64 { return 100 * float64(s.FirstContact) / float64(max(s.Resolved, 1)) }
	return []Trend{
		number("Issues logged in all", func(s state.Summary) int { return s.Total }, fmt.Sprintf("%d of them in this period", now.Logged)),
		number("Resolved in the period", func(s state.Summary) int { return s.Resolved }, ""),
		number("Open at its end", func(s state.Summary) int { return s.Open }, "in progress included"),
		trend("Average resolution time", "s", now.Average.Seconds(), now.Known, was.Average.Seconds(), was.Known, "from the report, of all that are resolved"),
		trend("Average time to the first response", "s", now.Response.Seconds(), now.Answered, was.Response.Seconds(), was.Answered, "of all that had one"),
		trend("Resolved at the first contact", "%", share(now), now.Resolved > 0, share(was), was.Resolved > 0, "of those resolved in the period"),
		trend("Satisfaction", "of 5", now.Satisfaction, now.Rated, was.Satisfaction, was.Rated, "mean of all ratings"),
	}, nil
}

func trend(name, unit string, value float64, known bool, previous float64, was bool, notes string) Trend {
	t := Trend{Name: name, Unit: unit, Value: value, Known: known, Previous: previous, Was: was, Notes: notes}
	switch {
	case !known || !was:
	case value > previous:
		t.Direction = "Up"
	case value < previous:
		t.Direction = "Down"
	default:
		t.Direction = "No change"
	}
	return t
}

package checks

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/figures"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/state"
)

// A State is how a check stands.
type State string

// The states, from the best to the worst. What cannot be seen in the logs and was never signed off is not measured.
const (
	Done        State = "done"
	NotMeasured State = "not measured"
	Due         State = "due"
	Overdue     State = "overdue"
)

var rank = map[State]int{Done: 0, NotMeasured: 1, Due: 2, Overdue: 3}

// A Standing is how a check stands at a time, and why.
type Standing struct {
	configs.Check
	State    State          `json:"state"`
	Until    time.Time      `json:"until,omitzero"` // when what was done no longer holds; zero: it was not done, or holds for ever
	Evidence string         `json:"evidence"`       // what the logs say
	Signed   *state.SignOff `json:"signed,omitempty"`
}

// A Request says what checks are evaluated with.
type Request struct {
	Checks     []Check
	Signed     map[string]state.SignOff // the newest of each check
	Site       string                   // "" is this machine
	Now        time.Time
	Prometheus *figures.Prometheus // nil: what is asked of it is not measured
}

// Evaluate returns how the checks of the request stand, in their order. The error is of the store.
func Evaluate(ctx context.Context, r storage.Reader, v access.View, q Request) ([]Standing, error) {
	figs, err := q.figures(ctx, r, v)
	if err != nil {
		return nil, err
	}
	out := make([]Standing, len(q.Checks))
	for i := range q.Checks {
		c := &q.Checks[i]
		s := Standing{Check: c.Check, State: NotMeasured}
		var until time.Time
		switch {
		case c.where != nil:
			last, err := q.last(ctx, r, v, c)
			if err != nil {
				return nil, err
			}
			s.State, until, s.Evidence = q.lasting(c, last), ends(c, last), seen(last)
		case c.def != nil:
			s.State, s.Evidence = met(figs[c.ID])
		}
		if s.State == NotMeasured && c.Evidenced() {
			s.Evidence = c.Missing
		}
		s.Until = until
		q.sign(c, &s)
		out[i] = s
	}
	return out, nil
}

// sign adds what a person has said. Where the logs show nothing, it stands in for them.
func (q *Request) sign(c *Check, s *Standing) {
	signed, ok := q.Signed[c.ID]
	if ok {
		s.Signed = &signed
	}
	said := Due
	if ok {
		said = q.lasting(c, signed.At)
	}
	switch {
	case !c.Evidenced(), s.State == NotMeasured && ok:
		s.State, s.Until = said, ends(c, signed.At)
	case c.Sign && s.State != NotMeasured && rank[said] > rank[s.State]:
		s.State, s.Until = said, ends(c, signed.At)
	}
}

// lasting says how a check stands that was done last at a time.
func (q *Request) lasting(c *Check, at time.Time) State {
	switch until := ends(c, at); {
	case at.IsZero():
		return NotMeasured
	case until.IsZero() || !q.Now.After(until):
		return Done
	case q.Now.After(until.Add(c.Grace)):
		return Overdue
	}
	return Due
}

// ends is when what was done at a time no longer holds.
func ends(c *Check, at time.Time) time.Time {
	if at.IsZero() || c.Length() == 0 {
		return time.Time{}
	}
	return at.Add(c.Length())
}

func seen(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return "last on " + at.UTC().Format("2 Jan 2006 15:04 UTC")
}

// last finds when the newest event of a check's query was, up to now; the zero time for none.
func (q *Request) last(ctx context.Context, r storage.Reader, v access.View, c *Check) (time.Time, error) {
	rows, err := r.Search(ctx, v, query.Search{
		Where: query.And{c.where, query.OfSite(q.Site)}, During: query.Interval{To: q.Now.UnixMicro() + 1}, Limit: 1,
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("look for the evidence of the check %s: %w", c.ID, err)
	}
	if len(rows.Events) == 0 {
		return time.Time{}, nil
	}
	return time.UnixMicro(rows.Events[0].Time).UTC(), nil
}

// figures reads the key figures of the checks, by their ids: those of one period together.
func (q *Request) figures(ctx context.Context, r storage.Reader, v access.View) (map[string]kpi.Figure, error) {
	byPeriod := map[time.Duration][]*Check{}
	for i := range q.Checks {
		if c := &q.Checks[i]; c.def != nil {
			byPeriod[c.Length()] = append(byPeriod[c.Length()], c)
		}
	}
	out := map[string]kpi.Figure{}
	for length, list := range byPeriod {
		// Whole hours, so that the sums are read by the hour.
		to := q.Now.Truncate(time.Hour).Add(time.Hour)
		req := figures.Request{Site: q.Site, Period: query.Interval{From: to.Add(-length).UnixMicro(), To: to.UnixMicro()}, Every: time.Hour, Prometheus: q.Prometheus}
		for _, c := range list {
			req.Defs = append(req.Defs, *c.def)
		}
		figs, err := figures.Read(ctx, r, v, req)
		if err != nil {
			return nil, err
		}
		for i, c := range list {
			out[c.ID] = figs[i]
		}
	}
	return out, nil
}

// met says how a check stands by its key figure: one that misses its target has something due.
func met(f kpi.Figure) (State, string) {
	text := strings.TrimSpace(fmt.Sprintf("%s: %s, target %s", f.Title, f.Actual, f.Target))
	switch f.Status {
	case kpi.NotMeasured:
		return NotMeasured, ""
	case kpi.Green:
		return Done, text
	}
	return Due, text
}

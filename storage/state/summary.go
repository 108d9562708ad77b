package state

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"
)

// A Summary is how the issue log stood at the end of a period.
type Summary struct {
	From, To     time.Time
	Total        int           // logged until To
	Logged       int           // in the period
	Resolved     int           // in the period, and still resolved at its end
	Open         int           // at To, in progress included
	Average      time.Duration // from the report to the resolution, of all that were resolved at To
	Known        bool          // whether one was resolved: else there is no average
	Response     time.Duration // mean time to the first response, of all that had one
	Answered     bool          // whether there was one
	FirstContact int           // of Resolved: those that the first response resolved
	Satisfaction float64       // mean rating, 1 to 5, of all that were rated
	Rated        bool          // whether one was
}

// Summarise returns how the log of a site stood at the end of [from, to). It is made of the history, so a period that
// has passed reads the same for ever.
func (d *DB) Summarise(ctx context.Context, site string, from, to time.Time) (Summary, error) {
	s := Summary{From: from, To: to}
	type state struct {
		reported, responded, resolved time.Time
		reporter                      string
		rating                        int
		touches                       map[int64]bool // times at which a person other than the reporter changed it
	}
	issues := map[int64]*state{}
	err := each(ctx, d.sql, func(r *sql.Rows) error {
		var id int64
		var at sql.NullInt64
		var who, field, value, reporter string
		var reported sql.NullInt64
		if err := r.Scan(&id, &at, &who, &field, &value, &reported, &reporter); err != nil {
			return err
		}
		i := issues[id]
		if i == nil {
			i = &state{reported: timeOf(reported), reporter: reporter, touches: map[int64]bool{}}
			issues[id] = i
		}
		when := timeOf(at)
		if field == rated {
			i.rating, _ = strconv.Atoi(value) // a number, as Rate writes it
			return nil
		}
		if who != i.reporter && who != Program && field != "reported" {
			if i.responded.IsZero() {
				i.responded = when
			}
			i.touches[at.Int64] = true
		}
		if field == "status" {
			i.resolved = time.Time{}
			if value == string(Resolved) {
				i.resolved = when
			}
		}
		return nil
	}, `SELECT c.issue, c.at, c.who, c.field, c.new, i.reported, i.reporter FROM issue_change c JOIN issue i ON i.id = c.issue
		WHERE i.site = ? AND c.at < ? ORDER BY c.at, c.rowid`, site, micros(to))
	if err != nil {
		return s, fmt.Errorf("sum up the issues: %w", err)
	}
	var took, waited time.Duration
	resolved, answered, ratings, stars := 0, 0, 0, 0
	for _, i := range issues {
		s.Total++
		if !i.reported.Before(from) {
			s.Logged++
		}
		if !i.responded.IsZero() {
			answered++
			waited += i.responded.Sub(i.reported)
		}
		if i.rating > 0 {
			ratings, stars = ratings+1, stars+i.rating
		}
		if i.resolved.IsZero() {
			s.Open++
			continue
		}
		resolved++
		took += i.resolved.Sub(i.reported)
		if !i.resolved.Before(from) {
			s.Resolved++
			if len(i.touches) == 1 && i.responded.Equal(i.resolved) {
				s.FirstContact++
			}
		}
	}
	if s.Known = resolved > 0; s.Known {
		s.Average = took / time.Duration(resolved)
	}
	if s.Answered = answered > 0; s.Answered {
		s.Response = waited / time.Duration(answered)
	}
	if s.Rated = ratings > 0; s.Rated {
		s.Satisfaction = float64(stars) / float64(ratings)
	}
	return s, nil
}

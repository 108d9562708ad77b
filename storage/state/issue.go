package state

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Priority says how soon somebody has to see to an issue.
type Priority string

// The priorities, in the site's words.
const (
	High   Priority = "High"   // critical
	Medium Priority = "Medium" // some of what the site does fails
	Low    Priority = "Low"
)

// Priorities lists them, the most urgent first.
var Priorities = []Priority{High, Medium, Low}

// A Status says how far an issue has come.
type Status string

// The statuses.
const (
	Unsolved   Status = "Open"
	InProgress Status = "In progress"
	Resolved   Status = "Resolved"
)

// Statuses lists them in their order.
var Statuses = []Status{Unsolved, InProgress, Resolved}

// An Issue is one entry of the issue log, as it stands now. Times are zero where nothing has happened yet.
type Issue struct {
	ID          int64     `json:"id"`
	Title       string    `json:"title"`
	Description string    `json:"description"`
	Category    string    `json:"category"`
	Priority    Priority  `json:"priority"`
	Status      Status    `json:"status"`
	Reporter    string    `json:"reported_by"`
	Role        string    `json:"role"` // of the reporter
	Reported    time.Time `json:"reported"`
	Responded   time.Time `json:"first_response,omitzero"`
	Assigned    string    `json:"assigned_to"`
	Resolved    time.Time `json:"resolved,omitzero"`
	Resolution  string    `json:"resolution"`
	Cause       string    `json:"root_cause"`
	Reopened    int       `json:"reopened"`         // how often it was opened again
	Rating      int       `json:"rating,omitempty"` // 1 to 5, of how it was resolved; 0: nobody has said
	RatingNote  string    `json:"rating_note,omitempty"`

	Site        string    `json:"site"`
	Rule        string    `json:"rule"`        // whose findings opened it; "" for one that a person reported
	Fingerprint string    `json:"fingerprint"` // by which findings find it; "" likewise
	Findings    int64     `json:"findings"`
	LastFinding time.Time `json:"last_finding,omitzero"`
	Comments    []Change  `json:"comments,omitempty"` // only where one issue is asked for
}

// Took is how long it took from the report until it was resolved; 0 while it is not.
func (i *Issue) Took() time.Duration {
	if i.Resolved.IsZero() {
		return 0
	}
	return i.Resolved.Sub(i.Reported)
}

// A Change is one thing that was changed in an issue. The field "comment" has a text in New and nothing in Old, and
// "reported" is the first of each issue.
type Change struct {
	At    time.Time `json:"at"`
	Who   string    `json:"who"`
	Field string    `json:"field"`
	Old   string    `json:"old"`
	New   string    `json:"new"`
}

// ErrRefused is why a change is not made that would break a rule of the log; its text says which.
var ErrRefused = errors.New("refused")

func refusef(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// maxText bounds each text of an issue, in bytes: it is a note, not an archive.
const maxText = 64 << 10

// Report opens an issue and returns it with its number. Of what is not given, the priority is Medium, the status Open,
// the time now. An issue that comes with a number keeps it, as those of another log that is taken over do. The findings
// that it is about are linked to it, and so will be those of the first one's fingerprint, unless another issue has that.
func (d *DB) Report(ctx context.Context, i Issue, who string, about ...Occurrence) (Issue, error) {
	i.Priority = or(i.Priority, Medium)
	i.Status = or(i.Status, Unsolved)
	if i.Reported.IsZero() {
		i.Reported = d.now()
	}
	if err := i.check(); err != nil {
		return i, fmt.Errorf("report an issue: %w", err)
	}
	err := d.write(ctx, func(tx *sql.Tx) error {
		if len(about) > 0 {
			var known int
			if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM issue WHERE fingerprint = ?", about[0].Fingerprint).Scan(&known); err != nil {
				return err
			}
			if known == 0 {
				i.Fingerprint = about[0].Fingerprint
			}
		}
		var err error
		if i.ID, err = insert(ctx, tx, &i, who); err != nil {
			return err
		}
		for _, o := range about {
			var other int64
			err := tx.QueryRowContext(ctx, "SELECT issue FROM issue_finding WHERE finding = ?", o.Finding).Scan(&other)
			switch {
			case err == nil:
				return refusef("finding %s belongs to issue %d already", o.Finding, other)
			case !errors.Is(err, sql.ErrNoRows):
				return err
			}
			if err := link(ctx, tx, i.ID, o); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return i, fmt.Errorf("report an issue: %w", err)
	}
	return d.Issue(ctx, i.ID)
}

func insert(ctx context.Context, tx *sql.Tx, i *Issue, who string) (int64, error) {
	res, err := tx.ExecContext(ctx, `INSERT INTO issue (id, title, description, category, priority, status, reporter, role, reported, responded,
		assigned, resolved, resolution, cause, reopened, site, rule, fingerprint) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)`,
		sql.NullInt64{Int64: i.ID, Valid: i.ID != 0}, i.Title, i.Description, i.Category, i.Priority, i.Status, i.Reporter, i.Role, micros(i.Reported), micros(i.Responded),
		i.Assigned, micros(i.Resolved), i.Resolution, i.Cause, i.Reopened, i.Site, i.Rule, i.Fingerprint)
	if err != nil {
		return 0, err
	}
	id, err := res.LastInsertId()
	if err != nil {
		return 0, err
	}
	if err := note(ctx, tx, id, Change{At: i.Reported, Who: who, Field: "reported", New: i.Title}); err != nil {
		return 0, err
	}
	if i.Status != Unsolved {
		at := i.Reported
		if !i.Resolved.IsZero() {
			at = i.Resolved
		}
		err = note(ctx, tx, id, Change{At: at, Who: who, Field: "status", Old: string(Unsolved), New: string(i.Status)})
	}
	return id, err
}

func note(ctx context.Context, tx *sql.Tx, issue int64, c Change) error {
	_, err := tx.ExecContext(ctx, "INSERT INTO issue_change (issue, at, who, field, old, new) VALUES (?,?,?,?,?,?)", issue, micros(c.At), c.Who, c.Field, c.Old, c.New)
	return err
}

// check says what is wrong with an issue as it is to be stored.
func (i *Issue) check() error {
	if strings.TrimSpace(i.Title) == "" {
		return refusef("an issue wants a title")
	}
	if !slices.Contains(Priorities, i.Priority) {
		return refusef("the priority %q is none of High, Medium, Low", i.Priority)
	}
	if !slices.Contains(Statuses, i.Status) {
		return refusef("the status %q is none of Open, In progress, Resolved", i.Status)
	}
	if i.Status == Resolved {
		if strings.TrimSpace(i.Cause) == "" || strings.TrimSpace(i.Resolution) == "" {
			return refusef("a resolved issue wants its root cause and what was done")
		}
		if i.Resolved.Before(i.Reported) {
			return refusef("it would be resolved before it was reported")
		}
	}
	for _, text := range []string{i.Title, i.Description, i.Category, i.Reporter, i.Role, i.Assigned, i.Resolution, i.Cause} {
		if len(text) > maxText {
			return refusef("a text is longer than %d KiB", maxText>>10)
		}
	}
	return nil
}

// An Edit is what is to change of an issue: what is nil stays.
type Edit struct {
	Title, Description, Category, Assigned *string
	Priority                               *Priority
	Status                                 *Status
	Resolution, Cause                      *string
	Comment                                string // "": none
}

// Change changes an issue and returns it as it stands then. Who did it, and what stood there before, is kept. An issue
// becomes Resolved only with a root cause and a resolution; one that is opened again keeps them as what was thought.
// The first change by a person other than the reporter is the first response.
func (d *DB) Change(ctx context.Context, id int64, who string, e Edit) (Issue, error) {
	err := d.write(ctx, func(tx *sql.Tx) error { return change(ctx, tx, id, who, d.now(), e) })
	if err != nil {
		return Issue{}, fmt.Errorf("change issue %d: %w", id, err)
	}
	return d.Issue(ctx, id)
}

func change(ctx context.Context, tx *sql.Tx, id int64, who string, at time.Time, e Edit) error {
	i, err := issueOf(ctx, tx, id)
	if err != nil {
		return err
	}
	was := i
	var made []Change
	set := func(field string, to, want *string) {
		if want != nil && *want != *to {
			made = append(made, Change{At: at, Who: who, Field: field, Old: *to, New: *want})
			*to = *want
		}
	}
	set("title", &i.Title, e.Title)
	set("description", &i.Description, e.Description)
	set("category", &i.Category, e.Category)
	set("assigned", &i.Assigned, e.Assigned)
	set("priority", (*string)(&i.Priority), (*string)(e.Priority))
	set("root cause", &i.Cause, e.Cause)
	set("resolution", &i.Resolution, e.Resolution)
	set("status", (*string)(&i.Status), (*string)(e.Status))
	if e.Comment != "" {
		made = append(made, Change{At: at, Who: who, Field: "comment", New: e.Comment})
	}
	if len(e.Comment) > maxText {
		return refusef("a text is longer than %d KiB", maxText>>10)
	}
	if len(made) == 0 {
		return nil
	}
	switch {
	case i.Status == Resolved && was.Status != Resolved:
		i.Resolved = at
	case i.Status != Resolved && was.Status == Resolved:
		i.Resolved, i.Reopened = time.Time{}, i.Reopened+1
	}
	if i.Responded.IsZero() && who != i.Reporter && who != Program {
		i.Responded = at
	}
	if err := i.check(); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE issue SET title=?, description=?, category=?, priority=?, status=?, responded=?, assigned=?, resolved=?, resolution=?, cause=?, reopened=? WHERE id=?`,
		i.Title, i.Description, i.Category, i.Priority, i.Status, micros(i.Responded), i.Assigned, micros(i.Resolved), i.Resolution, i.Cause, i.Reopened, id)
	for _, c := range made {
		err = errors.Join(err, note(ctx, tx, id, c))
	}
	return err
}

// Rate keeps what somebody, mostly the reporter, says of how an issue was resolved: 1 to 5, with a note or none. The last one
// counts; those before it are in the history.
func (d *DB) Rate(ctx context.Context, id int64, who string, stars int, text string) (Issue, error) {
	err := d.write(ctx, func(tx *sql.Tx) error {
		i, err := issueOf(ctx, tx, id)
		switch {
		case err != nil:
			return err
		case i.Status != Resolved:
			return refusef("it is not resolved: there is nothing to rate yet")
		case stars < 1 || stars > 5:
			return refusef("a rating is 1 to 5, not %d", stars)
		case len(text) > maxText:
			return refusef("a text is longer than %d KiB", maxText>>10)
		}
		old := ""
		if i.Rating > 0 {
			old = strconv.Itoa(i.Rating)
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO issue_rating (issue, stars, note) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET stars = ?2, note = ?3", id, stars, text)
		if err == nil {
			err = note(ctx, tx, id, Change{At: d.now(), Who: who, Field: rated, Old: old, New: strconv.Itoa(stars)})
		}
		if err == nil && text != "" && text != i.RatingNote {
			err = note(ctx, tx, id, Change{At: d.now(), Who: who, Field: "comment", New: text})
		}
		return err
	})
	if err != nil {
		return Issue{}, fmt.Errorf("rate issue %d: %w", id, err)
	}
	return d.Issue(ctx, id)
}

// rated is the field of a change that is a rating.
const rated = "rating"

const issueColumns = `i.id, i.title, i.description, i.category, i.priority, i.status, i.reporter, i.role, i.reported, i.responded, i.assigned, i.resolved, i.resolution, i.cause,
	i.reopened, i.site, i.rule, i.fingerprint, (SELECT count(*) FROM issue_finding f WHERE f.issue = i.id), (SELECT max(at) FROM issue_finding f WHERE f.issue = i.id),
	coalesce((SELECT stars FROM issue_rating g WHERE g.issue = i.id), 0), coalesce((SELECT note FROM issue_rating g WHERE g.issue = i.id), '')`

func scanIssue(scan func(...any) error) (i Issue, err error) {
	var reported, responded, resolved, last sql.NullInt64
	err = scan(&i.ID, &i.Title, &i.Description, &i.Category, &i.Priority, &i.Status, &i.Reporter, &i.Role, &reported, &responded, &i.Assigned, &resolved, &i.Resolution, &i.Cause,
		&i.Reopened, &i.Site, &i.Rule, &i.Fingerprint, &i.Findings, &last, &i.Rating, &i.RatingNote)
	i.Reported, i.Responded, i.Resolved, i.LastFinding = timeOf(reported), timeOf(responded), timeOf(resolved), timeOf(last)
	return i, err
}

func issueOf(ctx context.Context, q querier, id int64) (Issue, error) {
	i, err := scanIssue(q.QueryRowContext(ctx, "SELECT "+issueColumns+" FROM issue i WHERE i.id = ?", id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return i, fmt.Errorf("issue %d: %w", id, ErrNotFound)
	}
	return i, err
}

// Issue returns an issue with its comments.
func (d *DB) Issue(ctx context.Context, id int64) (Issue, error) {
	i, err := issueOf(ctx, d.sql, id)
	if err != nil {
		return i, fmt.Errorf("read an issue: %w", err)
	}
	all, err := d.History(ctx, id)
	for _, c := range all {
		if c.Field == "comment" {
			i.Comments = append(i.Comments, c)
		}
	}
	return i, err
}

// History returns the changes of an issue, oldest first.
func (d *DB) History(ctx context.Context, id int64) ([]Change, error) {
	var out []Change
	err := each(ctx, d.sql, func(r *sql.Rows) error {
		var c Change
		var at sql.NullInt64
		err := r.Scan(&at, &c.Who, &c.Field, &c.Old, &c.New)
		c.At = timeOf(at)
		out = append(out, c)
		return err
	}, "SELECT at, who, field, old, new FROM issue_change WHERE issue = ? ORDER BY at, rowid", id)
	if err != nil {
		return nil, fmt.Errorf("read the history of issue %d: %w", id, err)
	}
	return out, nil
}

// An IssueQuery says which issues are wanted; what is empty does not narrow.
type IssueQuery struct {
	Statuses   []Status
	Priorities []Priority
	Assigned   string
	Reporter   string
	Unrated    bool      // only those whose resolution nobody has rated
	Site       *string   // nil: every site; "" is this machine
	Text       string    // stands in title, description, cause or resolution, in any case
	From, To   time.Time // reported within [From, To)
	Limit      int       // 0: all
	Offset     int
}

// Issues returns issues: those that wait for somebody first, of them the most urgent and then the newest, then the
// resolved ones, the last resolved first.
func (d *DB) Issues(ctx context.Context, q IssueQuery) ([]Issue, error) {
	where, args := []string{"1"}, []any(nil)
	add := func(cond string, v ...any) { where, args = append(where, cond), append(args, v...) }
	if len(q.Statuses) > 0 {
		add("i.status IN "+marks(len(q.Statuses)), anys(q.Statuses)...)
	}
	if len(q.Priorities) > 0 {
		add("i.priority IN "+marks(len(q.Priorities)), anys(q.Priorities)...)
	}
	if q.Assigned != "" {
		add("i.assigned = ? COLLATE NOCASE", q.Assigned)
	}
	if q.Reporter != "" {
		add("i.reporter = ? COLLATE NOCASE", q.Reporter)
	}
	if q.Unrated {
		add("NOT EXISTS (SELECT 1 FROM issue_rating g WHERE g.issue = i.id)")
	}
	if q.Site != nil {
		add("i.site = ?", *q.Site)
	}
	if q.Text != "" {
		add("instr(lower(i.title || char(10) || i.description || char(10) || i.cause || char(10) || i.resolution), lower(?)) > 0", q.Text)
	}
	if !q.From.IsZero() {
		add("i.reported >= ?", micros(q.From))
	}
	if !q.To.IsZero() {
		add("i.reported < ?", micros(q.To))
	}
	limit := q.Limit
	if limit == 0 {
		limit = -1
	}
	args = append(args, limit, q.Offset)
	var out []Issue
	err := each(ctx, d.sql, func(r *sql.Rows) error {
		i, err := scanIssue(r.Scan)
		out = append(out, i)
		return err
	}, "SELECT "+issueColumns+" FROM issue i WHERE "+strings.Join(where, " AND ")+`
		ORDER BY i.status = 'Resolved', CASE WHEN i.status = 'Resolved' THEN 0 ELSE instr('HighMediumLow', i.priority) END,
			coalesce(i.resolved, i.reported) DESC, i.id DESC LIMIT ? OFFSET ?`, args...)
	if err != nil {
		return nil, fmt.Errorf("read the issues: %w", err)
	}
	return out, nil
}

func marks(n int) string { return "(?" + strings.Repeat(",?", n-1) + ")" }

func anys[T any](list []T) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = v
	}
	return out
}

func or[T comparable](v, otherwise T) T {
	var none T
	if v == none {
		return otherwise
	}
	return v
}

package console

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// eventsPerPage is how many events a page of the search shows.
const eventsPerPage = 50

// lastNames are the periods that can be asked for by name.
var lastNames = []struct {
	key, name string
	d         time.Duration
}{
	{"15m", "last 15 minutes", 15 * time.Minute}, {"1h", "last hour", time.Hour}, {"6h", "last 6 hours", 6 * time.Hour},
	{"24h", "last 24 hours", 24 * time.Hour}, {"7d", "last 7 days", 7 * 24 * time.Hour}, {"30d", "last 30 days", 30 * 24 * time.Hour},
}

// lasting returns how long the period named key is, and false where there is none.
func lasting(key string) (time.Duration, bool) {
	for _, l := range lastNames {
		if l.key == key {
			return l.d, true
		}
	}
	return 0, false
}

// longest is the longest period that is searched, so that it can be drawn.
const longest = 5 * 365 * 24 * time.Hour

// An ask is what the address of the search says.
type ask struct {
	q, ok          string // the query, and the last one that ran
	query.Question        // q, understood
	last           string // a key of lastNames; "" where from and to say it
	from, to       int64  // µs; 0: open
	after          *query.Cursor
}

func readAsk(r *request) ask {
	v := r.URL.Query()
	a := ask{q: strings.TrimSpace(v.Get("q")), ok: v.Get("ok"), last: v.Get("last"), from: parseMoment(v.Get("from")), to: parseMoment(v.Get("to"))}
	if _, known := lasting(a.last); !known {
		a.last = ""
	}
	if a.last == "" && a.from == 0 && a.to == 0 {
		a.last = "24h"
	}
	if a.last != "" {
		a.from, a.to = 0, 0
	}
	a.after = parseCursor(v.Get("after"))
	return a
}

// during is the interval that is asked for; it is closed on both sides, so that it can be drawn.
func (a ask) during(now time.Time) query.Interval {
	if d, ok := lasting(a.last); ok {
		return query.Since(now, d)
	}
	i := query.Interval{From: a.from, To: a.to}
	if i.To == 0 {
		i.To = max(now.UnixMicro(), a.from) + 1
	}
	if i.From == 0 {
		i.From = i.To - (24 * time.Hour).Microseconds()
	}
	if i.From >= i.To {
		i.To = i.From + 1
	}
	i.From = max(i.From, i.To-longest.Microseconds())
	return i
}

// narrowed returns the query with one more condition, which asks for the same.
func (a ask) narrowed(cond string) string {
	q := both(a.Condition, cond)
	if a.Agg != nil {
		q += " | " + a.Asked
	}
	return q
}

// url returns the address of another query over the same period.
func (a ask) url(r *request, q string) string {
	return r.to("/search", "q", q, "last", a.last, "from", moment(a.from), "to", moment(a.to))
}

func (a ask) urlFor(r *request, last string) string { return r.to("/search", "q", a.q, "last", last) }

// searchPage is the search: what was asked, what is wrong with it, what was found.
type searchPage struct {
	Q, OK    string
	Shown    template.HTML // the query with its words set apart
	Err      *queryError
	Site     string
	Last     string
	From, To string // of an explicit period, for the form
	Period   string
	Periods  []option
	Widen    string // address without an explicit period
	Total    int64
	Per      string
	Wide     template.HTML
	Slim     template.HTML
	Facets   []facet
	Events   []eventRow
	Numbers  *numbers // what is asked for behind a |; nil: the events
	Took     string
	Note     string
	More     string
	First    string
	Unparsed string
	Sources  string
	Stopped  bool // the query is not run
}

// A queryError is what is wrong with a query, where, and what to write instead.
type queryError struct {
	Column      int
	Caret       string // spaces up to the column
	Msg, Repair string
	Ran         string // the query whose results stand below; "" where there is none
}

func (s *server) search(ctx context.Context, r *request) (answer, error) {
	a := readAsk(r)
	p := searchPage{
		Q: a.q, OK: a.q, Site: r.site, Last: a.last, From: moment(a.from), To: moment(a.to),
		Unparsed: a.url(r, "veritail.unparsed:true"), Sources: r.to("/sources"),
	}
	var err error
	if a.Question, err = query.ParseQuestion(a.q, s.Schema, r.now); err != nil {
		var bad *query.Error
		if !errors.As(err, &bad) {
			return answer{}, fmt.Errorf("parse query: %w", err)
		}
		p.Err = explain(a.q, bad)
		p.Shown = paint(a.q, bad.Pos-1)
		// The last query that ran stays, and is named.
		if a.Question, err = query.ParseQuestion(a.ok, s.Schema, r.now); err != nil || a.ok == "" {
			p.OK = ""
			return answer{Title: "Search", Body: s.period(r, a, p)}, nil
		}
		p.OK, p.Err.Ran = a.ok, a.ok
		a.q = a.ok
	} else {
		p.Shown = paint(a.q, -1)
	}
	p = s.period(r, a, p)
	if p.Stopped = r.URL.Query().Get("run") == "no"; p.Stopped {
		return answer{Title: "Search", Body: p}, nil
	}
	if err := s.fill(ctx, r, a, &p); err != nil {
		return answer{}, err
	}
	return answer{Title: "Search", Body: p}, nil
}

// period writes what period is asked for, and which could be.
func (s *server) period(r *request, a ask, p searchPage) searchPage {
	for _, l := range lastNames {
		p.Periods = append(p.Periods, option{Name: l.name, URL: a.urlFor(r, l.key), Current: a.last == l.key})
		if a.last == l.key {
			p.Period = l.name
		}
	}
	if a.last == "" {
		i := a.during(r.now)
		p.Period = between(i.From, i.To, r.now)
		p.Widen = a.urlFor(r, "")
	}
	return p
}

// fill reads what the store has and puts it on the page.
func (s *server) fill(ctx context.Context, r *request, a ask, p *searchPage) error {
	during := a.during(r.now)
	began := time.Now()
	found, err := s.readSearch(ctx, r, a, during)
	if err != nil {
		return err
	}
	p.Took = duration(time.Since(began))
	p.Note, p.Total = found.rows.Note, found.total
	p.Per = duration(found.step)
	p.Wide, p.Slim = histogram(bins(r, a, found, during), found.step, 932), histogram(narrower(r, a, found, during), found.step*narrow, 346)
	p.Facets = found.facets
	if found.uncounted {
		p.Note = joinNotes(p.Note, "not counted by each field: the query takes too long")
	}
	if a.Agg != nil {
		p.Numbers = s.numbers(r, a, found.table)
	}
	for _, e := range found.rows.Events {
		p.Events = append(p.Events, s.eventRow(r, a, e))
	}
	if a.after != nil {
		p.First = a.url(r, a.q)
	}
	if c := found.rows.More; c != nil {
		p.More = r.to("/search", "q", a.q, "last", a.last, "from", moment(a.from), "to", moment(a.to), "after", cursor(*c))
	}
	return nil
}

func joinNotes(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// bins are the bars of the histogram, with the gaps between them.
func bins(r *request, a ask, f found, during query.Interval) []bin {
	step := f.step.Microseconds()
	from := during.From
	if steps, err := (query.Agg{Every: f.step}).Steps(); err == nil && steps != nil { // always: roundStep made it
		from = steps.Begin(from)
	}
	n := int((during.To-from)/step) + 1
	if (during.To-from)%step == 0 {
		n--
	}
	out := make([]bin, max(n, 1))
	for i := range out {
		out[i].From = from + int64(i)*step
		out[i].URL = r.search(a.q, out[i].From, out[i].From+step)
	}
	for _, row := range f.histogram {
		if i := (row.Time - from) / step; i >= 0 && int(i) < len(out) {
			out[i].Count += row.Count
		}
	}
	return out
}

// narrow is how many bars of the wide histogram one of the narrow makes.
const narrow = 2

func narrower(r *request, a ask, f found, during query.Interval) []bin {
	f.step *= narrow
	return bins(r, a, f, during)
}

func mod(a, b int64) int64 { return (a%b + b) % b }

// cursor and parseCursor write a place in the results into addresses.
func cursor(c query.Cursor) string {
	return fmt.Sprintf("%d.%s.%d", c.Time, c.Gen, c.Off)
}

func parseCursor(s string) *query.Cursor {
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return nil
	}
	t, err1 := strconv.ParseInt(parts[0], 10, 64)
	gen, err2 := strconv.ParseUint(parts[1], 16, 64)
	off, err3 := strconv.ParseInt(parts[2], 10, 64)
	if err1 != nil || err2 != nil || err3 != nil {
		return nil
	}
	return &query.Cursor{Time: t, ID: query.ID{Gen: event.GenID(gen), Off: off}}
}

// parseMoment reads a time of an address as µs; 0 where it is none.
func parseMoment(s string) int64 {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMicro()
		}
	}
	return 0
}

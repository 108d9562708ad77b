package console

import (
	"context"
	"fmt"
	"html/template"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/deadlocks"
	"github.com/saypro/veritail/rules/transactions"
)

// timelinePage is what a session did, moment by moment.
type timelinePage struct {
	Site, ID, At string
	Asked        bool // an id was given
	Found        bool
	Lead         string
	When         string
	Picture      template.HTML
	Rows         []timelineRow
	More         bool // there is more than is shown
	IDs          []string
}

// A timelineRow is one moment.
type timelineRow struct {
	Time, Gap, Session, Mark, Class, What, Text, Took, Where, URL string
}

// maxTimelineRows bounds the rows of a page.
const maxTimelineRows = 500

// timeline answers the page of a transaction or session. "at" in the address is a time in µs: until then the id is looked for.
func (s *server) timeline(ctx context.Context, r *request) (answer, error) {
	p := timelinePage{Site: r.site, ID: strings.TrimSpace(r.URL.Query().Get("id")), At: r.URL.Query().Get("at"), IDs: s.Sessions.IDs}
	if p.ID == "" {
		return answer{Title: "Transactions", Body: p}, nil
	}
	p.Asked = true
	until := r.now
	if us, err := strconv.ParseInt(p.At, 10, 64); err == nil && us > 0 {
		until = time.UnixMicro(us).Add(time.Minute)
	}
	reader := deadlocks.Reader{Store: s.Reader, Reports: s.Deadlocks, Sessions: s.Sessions}
	t, err := reader.Timeline(ctx, s.view(r.Request), s.Schema, p.ID, until)
	if err != nil {
		return answer{}, fmt.Errorf("timeline of %s: %w", p.ID, err)
	}
	if t != nil && len(t.Moments) > 0 {
		p.fill(r, t)
	}
	return answer{Title: oneLine("Timeline of "+p.ID, 60), Body: p}, nil
}

func (p *timelinePage) fill(r *request, t *transactions.Timeline) {
	p.Found, p.Lead, p.More = true, t.Sentence(), t.Cut || len(t.Moments) > maxTimelineRows
	p.When = t.From.Format("2 Jan 2006 15:04:05.000") + " to " + t.To.Format("15:04:05.000 UTC")
	p.Picture = template.HTML(t.Picture()) //nolint:gosec // every text in it is escaped
	var before time.Time
	for _, m := range t.Moments[:min(len(t.Moments), maxTimelineRows)] {
		row := timelineRow{
			Time: m.Time.Format("15:04:05.000"), Session: m.Session, What: m.Word(), Text: strings.TrimSpace(m.Code + " " + m.Text),
			Where: m.Path, URL: r.search(is("log.file.path", m.Path), m.Time.Add(-time.Second).UnixMicro(), m.Time.Add(time.Second).UnixMicro()),
		}
		if d := m.Time.Sub(before); !before.IsZero() && d >= time.Millisecond {
			row.Gap = "+" + duration(d)
		}
		if m.Took > 0 {
			row.Took = duration(m.Took)
		}
		before = m.Time
		row.Mark, row.Class = m.Sign(), map[string]string{"✕": "R", "✓": "G"}[m.Sign()]
		if row.Class == "" {
			row.Class = "N"
		}
		p.Rows = append(p.Rows, row)
	}
}

// timelineOf is the address of the timeline of what a finding is about, "" where its group names no session and no transaction.
func (s *server) timelineOf(r *request, f event.Finding) string {
	if s.Sessions == nil {
		return ""
	}
	for _, g := range f.Group {
		for field := range strings.SplitSeq(g.Field, "|") {
			if slices.Contains(s.Sessions.IDs, field) && g.Value != "-" {
				return r.to("/transactions", "id", g.Value, "at", strconv.FormatInt(f.Last, 10))
			}
		}
	}
	return ""
}

package console

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/figures"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query"
)

// overviewData is what the live parts of the overview read of the store.
type overviewData struct {
	figures []kpi.Figure
	days    [][]kpi.Point   // of each, before today
	severe  []event.Finding // critical and high, of the last 24 hours
	newest  []event.Finding
}

// severeLimit bounds the severe findings that the overview reads.
const severeLimit = 200

// figureStep is how fine the rollups are summed that figures are made of.
const figureStep = 5 * time.Minute

func (s *server) readOverview(ctx context.Context, r *request) (d overviewData, err error) {
	if d.figures, err = s.figures(ctx, r); err != nil {
		return d, err
	}
	if d.days, err = s.days(ctx, r); err != nil {
		return d, err
	}
	d.severe, err = s.Reader.Findings(ctx, s.view(r.Request), storage.FindingQuery{
		Severities: []string{"critical", "high"}, Site: &r.site, Limit: severeLimit,
		During: query.Since(r.now, 24*time.Hour),
	})
	if err != nil {
		return d, fmt.Errorf("read severe findings: %w", err)
	}
	d.newest, err = s.Reader.Findings(ctx, s.view(r.Request), storage.FindingQuery{Site: &r.site, Limit: 7})
	if err != nil {
		return d, fmt.Errorf("read newest findings: %w", err)
	}
	return d, nil
}

// figures evaluates the key figures of the site, today against yesterday up to the same time.
func (s *server) figures(ctx context.Context, r *request) ([]kpi.Figure, error) {
	if len(s.KPIs) == 0 {
		return nil, nil
	}
	period, previous := today(r.now, figureStep)
	return figures.Read(ctx, s.Reader, s.view(r.Request), figures.Request{
		Defs: s.KPIs, Site: r.site, Period: period, Previous: previous, Every: figureStep, Prometheus: s.Prometheus,
	})
}

// datasets counts today's events of the site by data set and half hour; the largest seven.
func (s *server) datasets(ctx context.Context, r *request) ([]multiple, error) {
	const half = 30 * time.Minute
	from := midnight(r.now)
	day := query.Interval{From: from.UnixMicro(), To: from.Add(24 * time.Hour).UnixMicro()}
	t, err := s.Reader.Aggregate(ctx, s.view(r.Request), query.Agg{
		Where: query.OfSite(r.site), During: day, By: []string{"event.dataset"}, Every: half, Limit: 100,
	})
	if err != nil {
		return nil, fmt.Errorf("count events by data set: %w", err)
	}
	at := map[string]int{}
	var rows []multiple
	for _, row := range t.Rows {
		i, ok := at[row.Key[0]]
		if !ok {
			i = len(rows)
			at[row.Key[0]] = i
			rows = append(rows, multiple{
				Name: row.Key[0], Counts: make([]int64, 48), URL: r.search(is("event.dataset", row.Key[0]), day.From, 0),
			})
		}
		if bin := (row.Time - day.From) / half.Microseconds(); bin >= 0 && bin < 48 {
			rows[i].Counts[bin] += row.Count
		}
		rows[i].Total += row.Count
	}
	slices.SortFunc(rows, func(a, b multiple) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Name, b.Name))
	})
	return rows[:min(len(rows), 7)], nil
}

// otherSite finds the site with most events today, nil where there is none.
func (s *server) otherSite(ctx context.Context, r *request) (*elsewhere, error) {
	period, _ := today(r.now, figureStep)
	t, err := s.Reader.Aggregate(ctx, s.view(r.Request), query.Agg{During: period, By: []string{"veritail.site"}, Limit: 10})
	if err != nil {
		return nil, fmt.Errorf("count events by site: %w", err)
	}
	var best *elsewhere
	for _, row := range t.Rows {
		if row.Key[0] != r.site && (best == nil || row.Count > best.Events) {
			best = &elsewhere{Site: row.Key[0], URL: links{row.Key[0]}.to("/"), Events: row.Count}
		}
	}
	return best, nil
}

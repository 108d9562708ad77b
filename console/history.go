package console

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/saypro/veritail/reports/figures"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/query"
)

// historyDays is how many days the small charts show, the last one being today.
const historyDays = 14

// historyHolds is how long the figures of past days are taken as read: events that come late for them are rare, and the
// overview asks every few seconds.
const historyHolds = 10 * time.Minute

// maxHistories bounds the sites and views whose past days are kept.
const maxHistories = 64

// A history holds the figures of past days, by site and view.
type history struct {
	mu   sync.Mutex
	kept map[string]past
}

type past struct {
	at     time.Time
	points [][]kpi.Point // of each key figure, by day
}

// days returns each key figure of the days before today, the oldest first.
func (s *server) days(ctx context.Context, r *request) ([][]kpi.Point, error) {
	s.past.mu.Lock()
	defer s.past.mu.Unlock()
	midnight := midnight(r.now)
	key := r.site + "\x00" + midnight.Format(time.DateOnly)
	view := s.view(r.Request)
	if f := view.Filter(); f != nil {
		key += "\x00" + query.String(f)
	}
	if got, ok := s.past.kept[key]; ok && r.now.Sub(got.at) < historyHolds {
		return got.points, nil
	}
	points, err := figures.Days(ctx, s.Reader, view, figures.Request{
		Defs: s.KPIs, Site: r.site, Prometheus: s.Prometheus,
		Period: query.Interval{From: midnight.AddDate(0, 0, 1-historyDays).UnixMicro(), To: midnight.UnixMicro()},
	})
	if err != nil {
		return nil, err
	}
	if s.past.kept == nil || len(s.past.kept) >= maxHistories {
		s.past.kept = map[string]past{}
	}
	s.past.kept[key] = past{r.now, points}
	return points, nil
}

// ofToday is a figure as the last of its days.
func ofToday(f kpi.Figure, now time.Time) kpi.Point {
	p := kpi.Point{Time: midnight(now).UnixMicro(), Value: math.NaN()}
	if f.Measured() {
		p.Value = f.Value
	}
	return p
}

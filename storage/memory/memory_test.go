package memory

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

const minute = int64(time.Minute / time.Microsecond)

func filled(t *testing.T) *Store {
	t.Helper()
	s := New()
	commits := []*event.Commit{
		{Findings: []event.Finding{
			{ID: "a", Rule: "r1", Severity: "high", Audience: []string{"dba"}, Time: 2 * minute},
			{ID: "b", Rule: "r2", Severity: "low", Audience: []string{"security"}, Time: minute},
		}, Rollups: []event.Delta{
			{Series: "rule/r1", Dataset: "d", Minute: minute, N: 2, Sum: 0.5},
			{Series: "rule/r1", Dataset: "d", Minute: 2 * minute, N: 1},
			{Series: "kpi/x/from", Dataset: "d", Minute: minute, N: 7},
			{Series: "rule/r1", Dataset: "d", Minute: minute, N: 9, Site: "demo"},
		}},
		{Findings: []event.Finding{
			{ID: "c", Rule: "r1", Severity: "high", Time: 2 * minute},
			{ID: "d", Rule: "r1", Severity: "high", Time: 3 * minute, Site: "demo"},
		}, Rollups: []event.Delta{{Series: "rule/r1", Dataset: "d", Minute: minute, N: 3, Sum: 1}}},
	}
	for _, c := range commits {
		c.Batch = &event.Batch{}
		if err := s.Commit(context.Background(), c); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func TestFindings(t *testing.T) {
	here := ""
	for _, tc := range []struct {
		name string
		view access.View
		q    storage.FindingQuery
		want []string
	}{
		{"come newest first, of one time the one found last", access.All(), storage.FindingQuery{}, []string{"d", "c", "a", "b"}},
		{"of a rule", access.All(), storage.FindingQuery{Rules: []string{"r2"}}, []string{"b"}},
		{"of a severity", access.All(), storage.FindingQuery{Severities: []string{"low", "critical"}}, []string{"b"}},
		{"for an audience", access.All(), storage.FindingQuery{Audience: "dba"}, []string{"a"}},
		{"of this machine", access.All(), storage.FindingQuery{Site: &here}, []string{"c", "a", "b"}},
		{"of a time", access.All(), storage.FindingQuery{During: query.Interval{From: minute, To: 2 * minute}}, []string{"b"}},
		{"come page by page", access.All(), storage.FindingQuery{Before: "c", Limit: 1}, []string{"a"}},
		{"by id", access.All(), storage.FindingQuery{ID: "c"}, []string{"c"}},
		{"are none for who may see nothing", access.View{}, storage.FindingQuery{}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := filled(t).Findings(context.Background(), tc.view, tc.q)
			if err != nil {
				t.Fatal(err)
			}
			var ids []string
			for _, f := range got {
				ids = append(ids, f.ID)
			}
			if !slices.Equal(ids, tc.want) {
				t.Errorf("got %v, want %v", ids, tc.want)
			}
		})
	}
}

func TestRollups(t *testing.T) {
	cell := func(series string, at, n int64, sum float64) event.Delta {
		return event.Delta{Series: series, Dataset: "d", Minute: at, N: n, Sum: sum}
	}
	for _, tc := range []struct {
		name string
		view access.View
		q    storage.RollupQuery
		want []event.Delta
	}{
		{"add up by minute", access.All(), storage.RollupQuery{Series: []string{"rule/r1"}},
			[]event.Delta{cell("rule/r1", minute, 5, 1.5), cell("rule/r1", 2*minute, 1, 0)}},
		{"add up by longer steps", access.All(), storage.RollupQuery{Series: []string{"rule/r1"}, Every: time.Hour},
			[]event.Delta{cell("rule/r1", 0, 6, 1.5)}},
		{"are found by the beginning of a series", access.All(), storage.RollupQuery{Series: []string{"kpi/*"}},
			[]event.Delta{cell("kpi/x/from", minute, 7, 0)}},
		{"are of a time", access.All(), storage.RollupQuery{Series: []string{"rule/*"}, During: query.Interval{From: 2 * minute}},
			[]event.Delta{cell("rule/r1", 2*minute, 1, 0)}},
		{"are none for who may see nothing", access.View{}, storage.RollupQuery{Series: []string{"*"}}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := filled(t).Rollups(context.Background(), tc.view, tc.q)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

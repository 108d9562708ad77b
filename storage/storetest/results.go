package storetest

import (
	"reflect"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

var findingCases = []testCase{
	{"a finding comes back as it was written", func(f *fixture) {
		l := f.file(7, "sshd")
		c := l.read(append(minutes(0, 2), row{spans: []event.Span{{Off: 100, Len: 5}, {Off: 200, Len: 6}}})...)
		want := finding("a", time.Minute, c.Pages[0])
		want.Site = "berlin"
		c.Findings = []event.Finding{want}
		f.commit(c)
		got, err := f.store.Findings(f.ctx, access.All(), storage.FindingQuery{ID: "a"})
		if err != nil || len(got) != 1 || !reflect.DeepEqual(got[0], want) {
			f.Errorf("it came back as\n%+v (error %v)\nand was written as\n%+v", got, err, want)
		}
	}},
	{"a finding is immutable", func(f *fixture) {
		f.found(finding("a", 0))
		changed := finding("a", time.Hour)
		changed.Message, changed.Count = "changed", 99
		f.found(changed, finding("b", time.Hour))
		got, err := f.store.Findings(f.ctx, access.All(), storage.FindingQuery{ID: "a"})
		if err != nil || len(got) != 1 || got[0].Message != "a message" || got[0].Count != 3 || got[0].Time != start.UnixMicro() {
			f.Errorf("it is %+v, error %v", got, err)
		}
		if ids := f.findings(access.All(), storage.FindingQuery{}); !slices.Equal(ids, []string{"b", "a"}) {
			f.Errorf("found %v, want b and a", ids)
		}
	}},
	{"a finding that stands twice in one commit is one", func(f *fixture) {
		f.found(finding("a", 0), finding("a", 0))
		if ids := f.findings(access.All(), storage.FindingQuery{}); len(ids) != 1 {
			f.Errorf("found %v, want one", ids)
		}
	}},
	{"each part of a query narrows", func(f *fixture) {
		b := finding("b", time.Hour)
		b.Rule, b.Severity, b.Audience, b.Site = "db.deadlock", "low", []string{"dba"}, "berlin"
		f.found(finding("a", 0), b, finding("c", 2*time.Hour))
		here, berlin := "", "berlin"
		for _, tc := range []struct {
			name string
			q    storage.FindingQuery
			want []string
		}{
			{"nothing", storage.FindingQuery{}, []string{"c", "b", "a"}},
			{"rules", storage.FindingQuery{Rules: []string{"db.deadlock", "none"}}, []string{"b"}},
			{"severities", storage.FindingQuery{Severities: []string{"high"}}, []string{"c", "a"}},
			{"audience", storage.FindingQuery{Audience: "dba"}, []string{"b"}},
			{"a part of an audience's name", storage.FindingQuery{Audience: "db"}, []string{}},
			{"this machine", storage.FindingQuery{Site: &here}, []string{"c", "a"}},
			{"another site", storage.FindingQuery{Site: &berlin}, []string{"b"}},
			{"time", storage.FindingQuery{During: query.Interval{From: start.UnixMicro(), To: start.Add(2 * time.Hour).UnixMicro()}}, []string{"b", "a"}},
			{"limit", storage.FindingQuery{Limit: 1}, []string{"c"}},
			{"id", storage.FindingQuery{ID: "a"}, []string{"a"}},
		} {
			if got := f.findings(access.All(), tc.q); !slices.Equal(got, tc.want) {
				f.Errorf("%s: found %v, want %v", tc.name, got, tc.want)
			}
		}
	}},
	{"pages follow each other by the last id", func(f *fixture) {
		var all []event.Finding
		for _, id := range []string{"a", "b", "c", "d", "e"} {
			all = append(all, finding(id, time.Duration(len(all)/2)*time.Minute)) // two of a time
		}
		f.found(all...)
		var got []string
		q := storage.FindingQuery{Limit: 2}
		for {
			page := f.findings(access.All(), q)
			if len(page) == 0 {
				break
			}
			got, q.Before = append(got, page...), page[len(page)-1]
		}
		if !slices.Equal(got, []string{"e", "d", "c", "b", "a"}) {
			f.Errorf("the pages hold %v", got)
		}
	}},
}

// found commits findings.
func (f *fixture) found(list ...event.Finding) {
	f.Helper()
	f.commit(&event.Commit{Batch: new(event.Batch), Findings: list})
}

var rollupCases = []testCase{
	{"deltas of one cell add up, within a commit and over commits", func(f *fixture) {
		d := delta("kpi/requests/n", "nginx", 0, 0, 2, 0.5)
		f.rolled(d, d)
		f.rolled(d)
		f.wantRollups(storage.RollupQuery{}, event.Delta{Series: d.Series, Dataset: "nginx", Minute: d.Minute, N: 6, Sum: 1.5})
	}},
	{"cells differ by series, data set, minute, bucket and site", func(f *fixture) {
		a := delta("s", "d", 0, 0, 1, 0)
		b, c, d, e, site := a, a, a, a, a
		b.Series, c.Dataset, d.Minute, e.Bucket, site.Site = "t", "e", a.Minute+60e6, 3, "berlin"
		f.rolled(a, b, c, d, e, site)
		f.wantRollups(storage.RollupQuery{}, a, e, d, c, b)
		f.wantRollups(storage.RollupQuery{Site: "berlin"}, site)
	}},
	{"series are named, or begin with a name", func(f *fixture) {
		a, b, c := delta("kpi/a/n", "d", 0, 0, 1, 0), delta("kpi/b/n", "d", 0, 0, 1, 0), delta("rule/a", "d", 0, 0, 1, 0)
		star := delta("kpi%", "d", 0, 0, 1, 0)
		f.rolled(a, b, c, star)
		f.wantRollups(storage.RollupQuery{Series: []string{"kpi/a/n", "rule/a"}}, a, c)
		f.wantRollups(storage.RollupQuery{Series: []string{"kpi/*"}}, a, b)
		f.wantRollups(storage.RollupQuery{Series: []string{"kpi%*", "nothing"}}, star)
		f.wantRollups(storage.RollupQuery{Series: []string{"kpi"}})
	}},
	{"minutes add up in longer steps, within an interval", func(f *fixture) {
		var deltas []event.Delta
		for i := range 180 {
			deltas = append(deltas, delta("s", "d", time.Duration(i)*time.Minute, 0, 1, 2))
		}
		f.rolled(deltas...)
		hour := delta("s", "d", time.Hour, 0, 60, 120)
		f.wantRollups(storage.RollupQuery{Every: time.Hour, During: query.Interval{From: hour.Minute, To: hour.Minute + 3600e6}}, hour)
		f.wantRollups(storage.RollupQuery{During: query.Interval{From: hour.Minute, To: hour.Minute + 1}}, delta("s", "d", time.Hour, 0, 1, 2))
	}},
	{"a bucket may be negative, a sum too", func(f *fixture) {
		d := delta("s", "d", 0, -40, 1, -0.25)
		f.rolled(d)
		f.wantRollups(storage.RollupQuery{}, d)
	}},
}

// rolled commits deltas.
func (f *fixture) rolled(list ...event.Delta) {
	f.Helper()
	f.commit(&event.Commit{Batch: new(event.Batch), Rollups: list})
}

func (f *fixture) wantRollups(q storage.RollupQuery, want ...event.Delta) {
	f.Helper()
	if got := f.rollups(access.All(), q); !slices.Equal(got, want) {
		f.Errorf("rollups of %+v are\n%+v\nwant\n%+v", q, got, want)
	}
}

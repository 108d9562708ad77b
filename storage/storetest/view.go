package storetest

import (
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

var viewCases = []testCase{
	{"the zero View sees nothing", func(f *fixture) {
		c := f.file(1, "sshd").read(minutes(0, 3)...)
		c.Findings = []event.Finding{finding("a", 0, c.Pages[0])}
		c.Rollups = []event.Delta{delta("s", "sshd", 0, 0, 1, 0)}
		f.commit(c)
		for name, v := range map[string]access.View{"zero": {}, "narrowed": access.View{}.Where(query.And{})} {
			if got, _ := f.search(v, query.Search{}); len(got) != 0 {
				f.Errorf("%s: found %v", name, got)
			}
			if got, _ := f.search(v, query.Search{IDs: []query.ID{{Gen: 1, Off: 0}}}); len(got) != 0 {
				f.Errorf("%s: found %v by id", name, got)
			}
			if n := f.count(v, ""); n != 0 {
				f.Errorf("%s: counted %d", name, n)
			}
			if t, err := f.store.Aggregate(f.ctx, v, query.Agg{By: []string{"event.dataset"}}); err != nil || len(t.Rows) != 0 {
				f.Errorf("%s: groups %v, error %v", name, t.Rows, err)
			}
			err := f.store.Scan(f.ctx, v, nil, query.Interval{}, func(*event.Page) error { f.Errorf("%s: scanned a page", name); return nil })
			if err != nil {
				f.Errorf("%s: %v", name, err)
			}
			if ids := f.findings(v, storage.FindingQuery{ID: "a"}); len(ids) != 0 {
				f.Errorf("%s: found %v", name, ids)
			}
			if d := f.rollups(v, storage.RollupQuery{}); len(d) != 0 {
				f.Errorf("%s: rollups %v", name, d)
			}
		}
	}},
	{"a narrowed View sees what matches, whatever is asked", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(users("root", "bob", "root")...))
		f.commit(f.file(2, "nginx").read(minutes(time.Hour, 2)...))
		v := access.All().Where(f.parse("event.dataset:sshd"))
		if got, _ := f.search(v, query.Search{}); len(got) != 3 {
			f.Errorf("found %v, want three events", got)
		}
		if got, _ := f.search(v, query.Search{IDs: []query.ID{{Gen: 2, Off: 0}, {Gen: 1, Off: 0}}}); !slices.Equal(got, []int64{0}) {
			f.Errorf("found %v by id, want one", got)
		}
		if n := f.count(v, "user.name:root or event.dataset:nginx"); n != 2 {
			f.Errorf("counted %d, want 2", n)
		}
		if n := f.count(v.Where(f.parse("not user.name:root")), ""); n != 1 {
			f.Errorf("narrowed again it counted %d, want 1", n)
		}
		n := 0
		if err := f.store.Scan(f.ctx, v, nil, query.Interval{}, func(p *event.Page) error { n += p.N; return nil }); err != nil || n != 3 {
			f.Errorf("scanned %d, error %v, want 3", n, err)
		}
	}},
	{"a narrowed View sees a finding if it sees all of its evidence", func(f *fixture) {
		a := f.file(1, "sshd").read(users("root", "root")...)
		b := f.file(2, "nginx").read(minutes(24*time.Hour, 1)...)
		sshd, nginx := a.Pages[0], b.Pages[0]
		c := together(a, b)
		c.Findings = []event.Finding{finding("sshd", 0, sshd), finding("both", time.Minute, sshd, nginx), finding("none", 2*time.Minute)}
		f.commit(c)
		if ids := f.findings(access.All(), storage.FindingQuery{}); len(ids) != 3 {
			f.Errorf("everyone found %v, want three", ids)
		}
		v := access.All().Where(f.parse("event.dataset:sshd"))
		if ids := f.findings(v, storage.FindingQuery{Limit: 1}); !slices.Equal(ids, []string{"sshd"}) {
			f.Errorf("found %v, want the finding of sshd", ids)
		}
		if ids := f.findings(access.All().Where(f.parse("exists(event.dataset)")), storage.FindingQuery{}); !slices.Equal(ids, []string{"both", "sshd"}) {
			f.Errorf("found %v, want both findings that have evidence", ids)
		}
		if ids := f.findings(access.All().Where(f.parse("user.name:bob")), storage.FindingQuery{ID: "sshd"}); len(ids) != 0 {
			f.Errorf("found %v, want none", ids)
		}
	}},
	{"a narrowed View sees the rollups of its data sets, and none if it is narrowed by anything else", func(f *fixture) {
		a, b := delta("s", "sshd", 0, 0, 1, 0), delta("s", "nginx", 0, 0, 1, 0)
		none := delta("s", "", 0, 0, 1, 0)
		f.rolled(a, b, none)
		for text, want := range map[string][]event.Delta{
			"event.dataset:sshd":                     {a},
			"not event.dataset:sshd":                 {none, b},
			"exists(event.dataset)":                  {b, a},
			"not exists(veritail.site)":              {none, b, a},
			"event.dataset:sshd or user.name:root":   nil,
			"event.dataset:sshd not user.name:root":  nil,
			"event.dataset:sshd and no.such.field:*": nil,
		} {
			if got := f.rollups(access.All().Where(f.parse(text)), storage.RollupQuery{}); !slices.Equal(got, want) {
				f.Errorf("%s: rollups %+v, want %+v", text, got, want)
			}
		}
	}},
}

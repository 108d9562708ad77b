package storetest

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

var keepCases = []testCase{
	{"generations come back, renamed ones by their last name", func(f *fixture) {
		a, b := f.file(2, "sshd"), f.file(1<<64-1, "nginx")
		f.commit(together(a.read(minutes(0, 1)...), b.read(minutes(0, 1)...)))
		a.Path += ".1"
		f.commit(a.read(minutes(time.Hour, 1)...))
		got, err := f.store.Generations(f.ctx)
		slices.SortFunc(got, func(x, y event.Generation) int { return strings.Compare(x.Path, y.Path) })
		want := []event.Generation{b.Generation, a.Generation}
		if err != nil || !reflect.DeepEqual(got, want) {
			f.Errorf("the generations are %+v, error %v\nwant %+v", got, err, want)
		}
		t, err := f.store.Aggregate(f.ctx, access.All(), query.Agg{By: []string{"log.file.path"}})
		if err != nil || len(t.Rows) != 3 {
			f.Errorf("%d paths, error %v: events keep the path they were read from", len(t.Rows), err)
		}
	}},
	{"an empty store is sound, has no marks and finds nothing", func(f *fixture) {
		f.sound()
		if m := f.marks(); len(m) != 0 {
			f.Errorf("the marks are %v", m)
		}
		if got, more := f.search(access.All(), query.Search{}); len(got) != 0 || more != nil {
			f.Errorf("found %v", got)
		}
		f.nothingFound()
		f.scan(nil, func(*event.Page) error { f.Error("there is a page"); return nil })
	}},
	{"events, findings and rollups are dropped by age, and the store stays sound", func(f *fixture) {
		l := f.file(1, "sshd")
		const day = 24 * time.Hour
		c := l.read(row{at: -9 * day}, row{at: -8 * day}, row{at: -3 * day}, row{at: -time.Hour}, row{})
		c.Findings = []event.Finding{finding("old", -9*day), finding("new", 0)}
		c.Rollups = []event.Delta{delta("s", "d", -9*day, 0, 1, 0), delta("s", "d", 0, 0, 1, 0)}
		f.commit(again(c))
		r, err := f.store.Expire(f.ctx, storage.Policy{Events: 7 * day, Findings: 7 * day, Rollups: 7 * day, Now: start})
		if err != nil || len(r.Dropped) == 0 {
			f.Errorf("the report is %+v, error %v", r, err)
		}
		dropped := map[string]int64{}
		for _, d := range r.Dropped {
			if dropped[d.What] += d.N; d.Why != "age" || (d.Of == "") == d.Before.IsZero() {
				f.Errorf("what was dropped reads %+v", d)
			}
		}
		if dropped["events"] != 2 || dropped["findings"] != 1 || dropped["rollups"] != 1 {
			f.Errorf("the report is of %v, want 2 events, a finding and a rollup", dropped)
		}
		f.wantCount(3)
		if ids := f.findings(access.All(), storage.FindingQuery{}); !slices.Equal(ids, []string{"new"}) {
			f.Errorf("found %v, want the new finding", ids)
		}
		if d := f.rollups(access.All(), storage.RollupQuery{}); len(d) != 1 {
			f.Errorf("the rollups are %v, want the new one", d)
		}
		f.sound()
		f.commit(again(c)) // repeating still changes nothing
		f.commit(l.read(row{at: -9 * day}, row{at: time.Hour}))
		f.wantCount(5)
		f.sound()
		f.reopen()
		f.sound()
		if m := f.marks()[1]; m.Off != l.mark.Off {
			f.Errorf("the mark stands at %d, want %d", m.Off, l.mark.Off)
		}
	}},
	{"a policy without ages keeps everything", func(f *fixture) {
		c := f.file(1, "sshd").read(row{at: -9999 * time.Hour})
		c.Findings = []event.Finding{finding("old", -9999*time.Hour)}
		f.commit(c)
		if r, err := f.store.Expire(f.ctx, storage.Policy{Now: start}); err != nil || len(r.Dropped) > 0 {
			f.Errorf("the report is %+v, error %v", r, err)
		}
		f.wantCount(1)
	}},
	{"events and bytes are reported", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(minutes(0, 3000)...))
		r, err := f.store.Check(f.ctx)
		if err != nil || r.Events != 3000 || r.Bytes <= 0 {
			f.Errorf("the report is %+v, error %v", r, err)
		}
	}},
	{"a mark that accounts for lines that are not stored is a problem", func(f *fixture) {
		c := f.file(1, "sshd").read(minutes(0, 3)...)
		c.To[0].Lines.Parsed++
		f.commit(c)
		if r, err := f.store.Check(f.ctx); err != nil || len(r.Problems) != 1 {
			f.Errorf("the problems are %v, error %v", r.Problems, err)
		}
	}},
	{"an event that is stored twice is a problem", func(f *fixture) {
		same := []event.Span{{Off: 5, Len: 5}}
		f.commit(f.file(1, "sshd").read(row{spans: same}, row{at: 24 * time.Hour, spans: same}))
		if r, err := f.store.Check(f.ctx); err != nil || len(r.Problems) != 1 {
			f.Errorf("the problems are %v, error %v", r.Problems, err)
		}
	}},
	{"a closed store answers with errors", func(f *fixture) {
		if err := f.store.Close(); err != nil {
			f.Fatal(err)
		}
		if _, err := f.store.Marks(f.ctx); err == nil {
			f.Error("it has marks")
		}
		if _, err := f.store.Commit(f.ctx, f.file(1, "sshd").read(row{})); err == nil {
			f.Error("it takes a commit")
		}
	}},
}

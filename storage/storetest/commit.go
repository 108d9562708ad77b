package storetest

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

var commitCases = []testCase{
	{"an event that was committed is found with its fields", func(f *fixture) {
		l := f.file(7, "sshd")
		f.commit(l.read(row{at: time.Second, text: "Failed password for root", fields: map[string]any{
			"user.name": "root", "process.pid": 42, "event.duration": 1500 * time.Millisecond}}))
		rows, err := f.store.Search(f.ctx, access.All(), query.Search{})
		if err != nil || len(rows.Events) != 1 {
			f.Fatalf("found %d events, error %v", len(rows.Events), err)
		}
		at := start.Add(time.Second)
		want := storage.Event{ID: query.ID{Gen: 7, Off: 0}, Time: at.UnixMicro(), Spans: []event.Span{{Off: 0, Len: 25}}, Lines: 1,
			Fields: map[string]any{"@timestamp": at, "user.name": "root", "process.pid": int64(42),
				"event.duration": 1500 * time.Millisecond, "event.dataset": "sshd", "veritail.format": "sshd.format",
				"log.file.path": "/var/log/sshd.log", "log.offset": int64(0), "event.original": "Failed password for root"}}
		if !reflect.DeepEqual(rows.Events[0], want) {
			f.Errorf("found %+v\n want %+v", rows.Events[0], want)
		}
	}},
	{"the marks move with the events", func(f *fixture) {
		l := f.file(7, "sshd")
		f.commit(l.read(minutes(0, 3)...))
		c := l.read(minutes(time.Hour, 2)...)
		l.mark.Open = []event.Span{{Off: 10, Len: 5}, {Off: 30, Len: 2}}
		c.To[0] = l.mark
		f.commit(c)
		if got := f.marks()[7]; !reflect.DeepEqual(got, l.mark) {
			f.Errorf("the mark is %+v, want %+v", got, l.mark)
		}
	}},
	{"repeating a commit changes nothing", func(f *fixture) {
		l := f.file(7, "sshd")
		c := l.read(minutes(0, 5)...)
		c.Findings = []event.Finding{finding("a", 0, c.Pages[0])}
		c.Rollups = []event.Delta{delta("rule/x", "sshd", 0, 0, 5, 2.5)}
		f.commit(again(c))
		f.commit(again(c))
		f.commit(l.read(minutes(time.Hour, 1)...))
		f.commit(again(c))
		f.wantCount(6)
		if d := f.rollups(access.All(), storage.RollupQuery{}); len(d) != 1 || d[0].N != 5 || d[0].Sum != 2.5 {
			f.Errorf("the rollups are %+v, want 5 and 2.5 once", d)
		}
		f.sound()
	}},
	{"a batch that starts from another mark than the stored one is refused", func(f *fixture) {
		l := f.file(7, "sshd")
		f.commit(l.read(minutes(0, 2)...))
		_ = l.read(minutes(time.Hour, 2)...) // lost on the way
		c := l.read(minutes(2*time.Hour, 2)...)
		c.Findings = []event.Finding{finding("a", 0, c.Pages[0])}
		c.Rollups = []event.Delta{delta("rule/x", "sshd", 0, 0, 5, 0)}
		refused, err := f.store.Commit(f.ctx, c)
		if err != nil || !slices.Equal(refused, storage.Refused{7}) {
			f.Errorf("refused %v, error %v, want generation 7 refused", refused, err)
		}
		f.wantCount(2)
		f.nothingFound()
	}},
	{"the same offset with other open records is another mark", func(f *fixture) {
		l := f.file(7, "sshd")
		first := l.read(minutes(0, 1)...)
		l.mark.Open = []event.Span{{Off: 2, Len: 3}}
		first.To[0] = l.mark
		f.commit(first)
		c := l.read(row{spans: []event.Span{{Off: 2, Len: 3}}}) // ends the record, reads nothing new
		c.To[0].Open = nil
		wrong := again(c)
		wrong.From = []event.Mark{{Gen: 7, Off: l.mark.Off, Open: []event.Span{{Off: 4, Len: 1}}}}
		wrong.To = []event.Mark{{Gen: 7, Off: l.mark.Off + 100}}
		if refused, err := f.store.Commit(f.ctx, wrong); err != nil || len(refused) != 1 {
			f.Errorf("refused %v, error %v, want the generation refused", refused, err)
		}
		f.commit(again(c))
		f.commit(again(c))
		f.wantCount(2)
	}},
	{"of a partly repeated batch the new part is written, without findings and rollups", func(f *fixture) {
		a, b := f.file(1, "sshd"), f.file(2, "nginx")
		first := a.read(minutes(0, 2)...)
		f.commit(again(first))
		c := together(again(first), b.read(minutes(0, 3)...))
		c.Findings = []event.Finding{finding("a", 0, c.Pages[0])}
		c.Rollups = []event.Delta{delta("rule/x", "sshd", 0, 0, 5, 0)}
		f.commit(c)
		f.wantCount(5)
		f.nothingFound()
		f.sound()
	}},
	{"of a partly refused batch the others are written", func(f *fixture) {
		a, b := f.file(1, "sshd"), f.file(2, "nginx")
		_ = a.read(minutes(0, 2)...)
		c := together(a.read(minutes(0, 2)...), b.read(minutes(0, 3)...))
		refused, err := f.store.Commit(f.ctx, c)
		if err != nil || !slices.Equal(refused, storage.Refused{1}) {
			f.Errorf("refused %v, error %v, want generation 1 refused", refused, err)
		}
		f.wantCount(3)
		f.sound()
	}},
	{"a batch that is cancelled leaves nothing, or all of it", func(f *fixture) {
		l := f.file(7, "sshd")
		ctx, cancel := context.WithCancel(f.ctx)
		cancel()
		if _, err := f.store.Commit(ctx, l.read(minutes(0, 5)...)); !errors.Is(err, context.Canceled) {
			f.Errorf("a cancelled commit returns %v", err)
		}
		if off := f.marks()[7].Off; off != 0 && off != l.mark.Off {
			f.Errorf("the mark stands at %d, want 0 or %d", off, l.mark.Off)
		}
		f.sound()
	}},
	{"a page without marks fails and leaves nothing behind", func(f *fixture) {
		a, b := f.file(1, "sshd"), f.file(2, "nginx")
		c := together(a.read(minutes(0, 2)...), b.read(minutes(0, 2)...))
		c.From, c.To = c.From[:1], c.To[:1]
		if _, err := f.store.Commit(f.ctx, c); err == nil {
			f.Error("it is taken")
		}
		f.wantCount(0)
		f.commit(f.file(1, "sshd").read(minutes(0, 2)...))
		f.wantCount(2)
	}},
	{"one batch may hold several days and more than a page", func(f *fixture) {
		l := f.file(7, "sshd")
		rows := minutes(-36*time.Hour, 5000) // over four midnights and three pages
		rows = append(rows, row{at: -200 * 24 * time.Hour}, row{at: 10 * time.Minute}, row{at: -200 * 24 * time.Hour})
		f.commit(l.read(rows...))
		f.wantCount(5003)
		t, err := f.store.Aggregate(f.ctx, access.All(), query.Agg{Every: 24 * time.Hour})
		if err != nil {
			f.Fatal(err)
		}
		var counts []int64
		for _, r := range t.Rows {
			counts = append(counts, r.Count)
		}
		// From 22:00 on the 22nd: two hours, then whole days.
		if want := []int64{2, 120, 1440, 1441, 1440, 560}; !slices.Equal(counts, want) {
			f.Errorf("the days hold %v events, want %v", counts, want)
		}
		f.sound()
	}},
	{"times that cannot be are kept", func(f *fixture) {
		l := f.file(7, "sshd")
		years := []time.Duration{-250, -56, -20, 200}
		var rows []row
		for _, y := range years {
			rows = append(rows, row{at: y * 365 * 24 * time.Hour})
		}
		f.commit(l.read(append(rows, row{noTime: true}, row{})...))
		got, err := f.store.Search(f.ctx, access.All(), query.Search{})
		if err != nil || len(got.Events) != 6 {
			f.Fatalf("found %d events, error %v", len(got.Events), err)
		}
		if !slices.IsSortedFunc(got.Events, func(a, b storage.Event) int { return int(min(max(b.Time-a.Time, -1), 1)) }) {
			f.Error("they are not in order")
		}
		if n := f.count(access.All(), `@timestamp<"2000-01-01"`); n != 2 {
			f.Errorf("%d events before 2000, want 2: an event without a time is not before anything", n)
		}
	}},
	{"an empty batch may carry findings and rollups", func(f *fixture) {
		f.commit(&event.Commit{Batch: new(event.Batch), Findings: []event.Finding{finding("a", 0)},
			Rollups: []event.Delta{delta("rule/x", "", 0, 0, 1, 0)}})
		if ids := f.findings(access.All(), storage.FindingQuery{}); len(ids) != 1 {
			f.Errorf("found %v, want one finding", ids)
		}
	}},
	{"a commit is seen whole or not at all", whole},
}

var reopenCases = []testCase{
	{"everything is there again after closing and opening", func(f *fixture) {
		l := f.file(7, "sshd")
		c := l.read(minutes(0, 5)...)
		c.Findings = []event.Finding{finding("a", 0, c.Pages[0])}
		c.Rollups = []event.Delta{delta("rule/x", "sshd", 0, 0, 5, 0)}
		f.commit(again(c))
		f.reopen()
		f.wantCount(5)
		f.commit(again(c))
		f.commit(l.read(minutes(time.Hour, 1)...))
		f.reopen()
		f.wantCount(6)
		if d := f.rollups(access.All(), storage.RollupQuery{}); len(d) != 1 || d[0].N != 5 {
			f.Errorf("the rollups are %+v, want 5 once", d)
		}
		if ids := f.findings(access.All(), storage.FindingQuery{}); len(ids) != 1 {
			f.Errorf("found %v, want one finding", ids)
		}
		f.sound()
	}},
}

// nothingFound fails if there is a finding or a rollup.
func (f *fixture) nothingFound() {
	f.Helper()
	if ids := f.findings(access.All(), storage.FindingQuery{}); len(ids) > 0 {
		f.Errorf("there are findings: %v", ids)
	}
	if d := f.rollups(access.All(), storage.RollupQuery{}); len(d) > 0 {
		f.Errorf("there are rollups: %v", d)
	}
}

// whole commits batches of 100 events, over two days and generations, while others count them.
func whole(f *fixture) {
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for last := int64(0); ; {
				t, err := f.store.Aggregate(f.ctx, access.All(), query.Agg{})
				if err != nil {
					f.Errorf("count: %v", err)
					return
				}
				n := t.Rows[0].Count
				if n%100 != 0 || n < last {
					f.Errorf("a reader saw %d events after %d", n, last)
					return
				}
				last = n
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	a, b := f.file(1, "sshd"), f.file(2, "nginx")
	for i := range 20 {
		at := time.Duration(i) * time.Minute
		f.commit(together(a.read(minutes(at, 60)...), b.read(minutes(at+24*time.Hour, 40)...)))
	}
	close(done)
	wg.Wait()
	f.wantCount(2000)
}

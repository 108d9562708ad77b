package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

var searchCases = []testCase{
	{"the newest event comes first; of one time the higher generation, then the higher offset", func(f *fixture) {
		a, b := f.file(1, "sshd"), f.file(1<<63+1, "nginx")
		same := []row{{at: time.Hour}, {at: time.Hour}}
		f.commit(together(a.read(append(same, row{at: 2 * time.Hour}, row{at: -time.Hour})...), b.read(same...)))
		rows, err := f.store.Search(f.ctx, access.All(), query.Search{})
		if err != nil {
			f.Fatal(err)
		}
		var got []query.ID
		for _, e := range rows.Events {
			got = append(got, e.ID)
		}
		want := []query.ID{{Gen: 1, Off: 32}, {Gen: b.ID, Off: 16}, {Gen: b.ID, Off: 0}, {Gen: 1, Off: 16}, {Gen: 1, Off: 0}, {Gen: 1, Off: 48}}
		if !slices.Equal(got, want) {
			f.Errorf("found %v\n want %v", got, want)
		}
		if rows.More != nil {
			f.Errorf("the last page has a cursor: %v", rows.More)
		}
	}},
	{"pages follow each other without gaps and repeats while writing goes on", func(f *fixture) {
		l := f.file(1, "sshd")
		rows := minutes(-30*time.Hour, 50) // two days
		for i := range rows {
			rows[i].at -= rows[i].at % (3 * time.Minute) // three events a time
		}
		f.commit(l.read(rows...))
		want, _ := f.search(access.All(), query.Search{})
		if len(want) != 50 {
			f.Fatalf("found %d events, want 50", len(want))
		}
		var got []int64
		q := query.Search{Limit: 7}
		for {
			page, more := f.search(access.All(), q)
			got = append(got, page...)
			if more == nil {
				break
			}
			if len(page) != 7 {
				f.Fatalf("a page that is not the last has %d events, want 7", len(page))
			}
			q.After = more
			f.commit(l.read(minutes(time.Hour, 5)...)) // newer than what is being paged
		}
		if !slices.Equal(got, want) {
			f.Errorf("the pages hold %v\n want %v", got, want)
		}
	}},
	{"what is there when paging begins is seen once while a writer commits newer, older and simultaneous events", func(f *fixture) {
		l, late := f.file(1, "sshd"), f.file(2, "nginx")
		rows := minutes(-30*time.Hour, 120) // two days
		for i := range rows {
			rows[i].at -= rows[i].at % (5 * time.Minute) // five events a time
		}
		f.commit(l.read(rows...))
		there, more := f.search(access.All(), query.Search{Limit: 1000})
		if len(there) != 120 || more != nil {
			f.Fatalf("found %d events, want 120", len(there))
		}
		stop, committed := make(chan struct{}), make(chan struct{}, 1000)
		go func() {
			defer close(committed)
			for at := -31 * time.Hour; ; at += time.Hour / 2 {
				select {
				case <-stop:
					return
				default:
				}
				// In the midst of what is being paged, at its times too, and newer than all of it.
				c := late.read(append(minutes(at-at%(5*time.Minute), 3), minutes(time.Hour, 2)...)...)
				if refused, err := f.store.Commit(f.ctx, c); err != nil || len(refused) > 0 {
					f.Errorf("commit: %v, refused %v", err, refused)
					return
				}
				committed <- struct{}{}
			}
		}()
		seen, all, pages := map[query.ID]bool{}, []int64{}, 0
		for q := (query.Search{Limit: 7}); ; {
			page, err := f.store.Search(f.ctx, access.All(), q)
			if err != nil {
				f.Errorf("search: %v", err)
				break
			}
			for _, e := range page.Events {
				if seen[e.ID] {
					f.Errorf("the event %s-%d comes twice", e.Gen, e.Off)
				}
				seen[e.ID] = true
				if e.Gen == l.ID {
					all = append(all, e.Off)
				}
			}
			if q.After = page.More; q.After == nil {
				break
			}
			if pages++; pages <= 3 {
				<-committed // one more, or it has failed
			}
		}
		close(stop)
		for range committed { // until it has ended
		}
		if !slices.Equal(all, there) {
			f.Errorf("the pages hold %v\n want %v", all, there)
		}
	}},
	{"a read ends with its context, and the store answers on", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(minutes(0, 10)...))
		ctx, cancel := context.WithCancel(f.ctx)
		begun := 0
		err := f.store.Scan(ctx, access.All(), nil, query.Interval{}, func(*event.Page) error {
			begun++
			cancel()
			return ctx.Err()
		})
		if !errors.Is(err, context.Canceled) || begun != 1 {
			f.Errorf("a scan that was cancelled at its first page returns %v after %d pages", err, begun)
		}
		if _, err := f.store.Search(ctx, access.All(), query.Search{}); !errors.Is(err, context.Canceled) {
			f.Errorf("a search in a context that has ended returns %v", err)
		}
		if _, err := f.store.Aggregate(ctx, access.All(), query.Agg{}); !errors.Is(err, context.Canceled) {
			f.Errorf("an aggregation in a context that has ended returns %v", err)
		}
		f.wantCount(10)
	}},
	{"a read that nothing can be looked up for tells how far it is", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(minutes(0, 300)...))
		var told []storage.Progress
		var steps []string
		ctx := storage.WithTrace(f.ctx, storage.Trace{
			Progress: func(p storage.Progress) { told = append(told, p) },
			Step:     func(s string) { steps = append(steps, s) },
		})
		for _, text := range []string{`event.original:/nothing[0-9]*like this/`, ""} {
			steps = nil
			if _, err := f.store.Search(ctx, access.All(), query.Search{Where: f.parse(text)}); err != nil {
				f.Fatal(err)
			}
			if len(steps) == 0 {
				f.Errorf("%q: nothing says how it was answered", text)
			}
		}
		for _, p := range told { // a quick answer may come before any
			if p.Read < 0 || p.Total > 0 && p.Read > p.Total || p.Found > 300 {
				f.Errorf("it tells %+v", p)
			}
		}
	}},
	{"a page that is exactly full has no cursor at the end", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(minutes(0, 10)...))
		if got, more := f.search(access.All(), query.Search{Limit: 10}); len(got) != 10 || more != nil {
			f.Errorf("found %d events and the cursor %v, want 10 and none", len(got), more)
		}
		if got, more := f.search(access.All(), query.Search{Limit: 9}); len(got) != 9 || more == nil {
			f.Errorf("found %d events and the cursor %v, want 9 and one", len(got), more)
		}
	}},
	{"without a limit there are 100", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(minutes(0, 150)...))
		if got, more := f.search(access.All(), query.Search{}); len(got) != 100 || more == nil {
			f.Errorf("found %d events, want 100 and a cursor", len(got))
		}
	}},
	{"an interval holds its beginning and not its end", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(row{at: -1}, row{at: 0}, row{at: time.Minute}, row{at: 24 * time.Hour}))
		during := query.Interval{From: start.UnixMicro(), To: start.Add(time.Minute).UnixMicro()}
		if got, _ := f.search(access.All(), query.Search{During: during}); !slices.Equal(got, []int64{16}) {
			f.Errorf("found %v, want the event at 16", got)
		}
		if got, _ := f.search(access.All(), query.Search{During: query.Interval{From: during.From}}); len(got) != 3 {
			f.Errorf("an interval without an end holds %v, want three events", got)
		}
		if got, _ := f.search(access.All(), query.Search{During: query.Interval{To: during.To}}); len(got) != 2 {
			f.Errorf("an interval without a beginning holds %v, want two events", got)
		}
	}},
	{"events are fetched by their ids", func(f *fixture) {
		a, b := f.file(1, "sshd"), f.file(2, "nginx")
		f.commit(together(a.read(minutes(0, 5)...), b.read(minutes(20*time.Hour, 5)...)))
		ids := []query.ID{{Gen: 2, Off: 0}, {Gen: 1, Off: 16}, {Gen: 1, Off: 32}, {Gen: 9, Off: 0}, {Gen: 2, Off: 5}}
		if got, _ := f.search(access.All(), query.Search{IDs: ids}); !slices.Equal(got, []int64{0, 32, 16}) {
			f.Errorf("found %v, want the events at 0, 32 and 16", got)
		}
		if got, _ := f.search(access.All(), query.Search{IDs: []query.ID{}}); len(got) != 0 {
			f.Errorf("no ids find %v", got)
		}
	}},
	{"a query narrows", func(f *fixture) {
		f.commit(f.file(1, "sshd").read(
			row{text: "Failed password for root", fields: map[string]any{"user.name": "root", "event.outcome": "failure"}},
			row{text: "Accepted password for alice", fields: map[string]any{"user.name": "alice", "event.outcome": "success"}},
			row{text: "Connection closed", extra: `{"labels.team":"dba","x.n":5}`}))
		for text, want := range map[string][]int64{
			"user.name:root":                       {0},
			"not user.name:root":                   {53, 25},
			`"failed PASSWORD"`:                    {0},
			`"password failed"`:                    {},
			"password event.outcome:success":       {25},
			"exists(user.name)":                    {25, 0},
			"labels.team:dba and x.n>=5":           {53},
			"labels.team:* and not labels.team:d*": {},
		} {
			if got, _ := f.search(access.All(), query.Search{Where: f.parse(text)}); !slices.Equal(got, want) {
				f.Errorf("%s finds %v, want %v", text, got, want)
			}
		}
	}},
	{"what a query says cannot reach the store's own language", func(f *fixture) {
		evil := `' OR 1=1; DROP TABLE meta; -- "$1" \ %_`
		f.commit(f.file(1, "sshd").read(row{fields: map[string]any{"user.name": evil}}, row{extra: `{"a'b\"c/~0":"x"}`}, row{}))
		same := func(field string, known event.Field, isKnown bool, s string) query.Expr {
			return &query.Test{Field: field, F: known, Known: isKnown, Kind: event.Keyword, Op: query.Equal, Str: s}
		}
		if got, _ := f.search(access.All(), query.Search{Where: same("user.name", event.FieldUser, true, evil)}); !slices.Equal(got, []int64{0}) {
			f.Errorf("found %v, want the event at 0", got)
		}
		if got, _ := f.search(access.All(), query.Search{Where: same(`a'b"c/~0`, 0, false, "x")}); len(got) != 1 {
			f.Errorf("found %v, want one event", got)
		}
		f.wantCount(3)
	}},
}

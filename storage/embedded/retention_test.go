package embedded

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
)

const aDay = 24 * time.Hour

func TestWhichDaysAreDropped(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	// of says which days there are: those before today by their distance, h for one in a table, s for a sealed one, each of 100 bytes.
	of := func(text string) (days []dayUse) {
		for _, f := range strings.Fields(text) {
			var n int
			var kind string
			if _, err := fmt.Sscanf(f, "%d%s", &n, &kind); err != nil {
				t.Fatal(err)
			}
			at := now.AddDate(0, 0, n)
			d := dayUse{parts: []part{{day: dayNumber(at)}}, inside: 100, drop: storage.Drop{Day: fmt.Sprint(n)}}
			if kind == "s" {
				d.parts[0].id, d.files, d.inside = 1, 90, 10
			}
			days = append(days, d)
		}
		return days
	}
	list := func(days []dayUse) string {
		var out []string
		for _, d := range days {
			out = append(out, d.drop.Day+d.drop.Why)
		}
		return strings.Join(out, " ")
	}
	for _, tc := range []struct {
		name, days string
		p          storage.Policy
		now, soon  string
	}{
		{"nothing without a bound", "-9s -1s 0h", storage.Policy{}, "", ""},
		{"by age when the last moment of the day is too old", "-9s -8h -7h 0h", storage.Policy{Events: 7 * aDay}, "-9age -8age", "-7age"},
		{"by the disk the oldest sealed day first", "-3h -2s -1s 0h", storage.Policy{Disk: 320}, "-2disk", "-1disk"},
		{"and then the oldest that is not sealed", "-3h -2s -1s 0h", storage.Policy{Disk: 150}, "-2disk -1disk -3disk", ""},
		{"today's never", "0h", storage.Policy{Disk: 1}, "", ""},
		{"of the future last, but before today's", "-1h 0h 9h", storage.Policy{Disk: 100}, "-1disk 9disk", ""},
		{"announced from nine tenths on", "-1s 0h", storage.Policy{Disk: 220}, "", "-1disk"},
		{"not before", "-1s 0h", storage.Policy{Disk: 230}, "", ""},
		{"what goes by age makes room", "-9s -1s 0h", storage.Policy{Events: 7 * aDay, Disk: 250}, "-9age", ""},
	} {
		days := of(tc.days)
		tc.p.Now = now
		drop, soon := due(days, int64(100*len(days)), tc.p)
		if got := list(drop); got != tc.now {
			t.Errorf("%s: drops %q, want %q", tc.name, got, tc.now)
		}
		if got := list(soon); got != tc.soon {
			t.Errorf("%s: announces %q, want %q", tc.name, got, tc.soon)
		}
	}
}

func daysDropped(list []storage.Drop) []string {
	var out []string
	for _, d := range list {
		out = append(out, d.Day+" "+d.Why)
	}
	return out
}

// A day is announced, later dropped, and counted, so that the store agrees with itself; the disk's bound frees what it
// takes from sealed days and tables.
func TestDaysAreAnnouncedAndThenDropped(t *testing.T) {
	s := openTest(t, nil, "")
	mark := event.Mark{Gen: killGen}
	commit(t, s, numbered(s.schema, &mark, 20_000)) // of 24 and 25 November
	if _, err := s.Seal(t.Context(), SealPolicy{Now: time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC), Quiet: -time.Since(later)}); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		at                time.Time
		disk              int64
		announced, coming []string
		dropped           int
	}{
		{time.Date(2026, 11, 25, 3, 0, 0, 0, time.UTC), 1 << 40, nil, nil, 0},
		{time.Date(2026, 11, 25, 3, 1, 0, 0, time.UTC), 1000, []string{"2026-11-24 disk"}, []string{"2026-11-24 disk"}, 0},
		{time.Date(2026, 11, 25, 3, 5, 0, 0, time.UTC), 1000, nil, []string{"2026-11-24 disk"}, 0},
		{time.Date(2026, 11, 25, 3, 6, 0, 0, time.UTC), 1 << 40, nil, nil, 0}, // somebody has given more room
		{time.Date(2026, 11, 25, 3, 7, 0, 0, time.UTC), 1000, []string{"2026-11-24 disk"}, []string{"2026-11-24 disk"}, 0},
		{time.Date(2026, 11, 25, 3, 17, 0, 0, time.UTC), 1000, nil, nil, 1},
		{time.Date(2026, 12, 2, 1, 0, 0, 0, time.UTC), 1 << 40, []string{"2026-11-25 age"}, []string{"2026-11-25 age"}, 0},
		{time.Date(2026, 12, 3, 0, 0, 0, 0, time.UTC), 1 << 40, nil, nil, 1},
	} {
		before, err := s.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.Expire(t.Context(), storage.Policy{Events: 7 * aDay, Disk: step.disk, Notice: 10 * time.Minute, Now: step.at})
		if err != nil {
			t.Fatal(err)
		}
		if a, c := daysDropped(r.Announced), daysDropped(r.Coming); !slices.Equal(a, step.announced) || !slices.Equal(c, step.coming) || len(r.Dropped) != step.dropped {
			t.Errorf("%s: announces %q, %q is coming, drops %q; want %q, %q and %d", step.at, a, c, r.Dropped, step.announced, step.coming, step.dropped)
		}
		if step.dropped > 0 && r.Bytes >= before.Bytes {
			t.Errorf("%s: the store takes %d bytes, before %d", step.at, r.Bytes, before.Bytes)
		}
		if c, err := s.Check(t.Context()); err != nil || len(c.Problems) > 0 || c.Events != r.Events {
			t.Errorf("%s: check finds %d events, not %d, and %v, error %v", step.at, c.Events, r.Events, c.Problems, err)
		}
	}
}

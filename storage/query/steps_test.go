package query_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/storage/query"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// The beginnings of steps from a time on, in the zone's own clock.
func TestStepsBegin(t *testing.T) {
	const hour, day = time.Hour, 24 * time.Hour
	tests := []struct {
		name, zone string
		every      time.Duration
		from       string
		want       string
	}{
		{"days of UTC", "UTC", day, "2026-03-28T12:00Z", "03-28 00:00, 03-29 00:00, 03-30 00:00"},
		{"a day of 23 hours", "Europe/Berlin", day, "2026-03-28T12:00Z", "03-28 00:00, 03-29 00:00, 03-30 00:00"},
		{"a day of 25 hours", "Europe/Berlin", day, "2026-10-24T12:00Z", "10-24 00:00, 10-25 00:00, 10-26 00:00"},
		{"parts of 23 hours", "Europe/Berlin", 6 * hour, "2026-03-28T23:30Z", "03-29 00:00, 03-29 07:00, 03-29 13:00, 03-29 19:00, 03-30 00:00"},
		{"parts of 25 hours", "Europe/Berlin", 12 * hour, "2026-10-24T22:30Z", "10-25 00:00, 10-25 11:00, 10-25 23:00, 10-26 00:00"},
		{"an hour that comes twice is two", "Europe/Berlin", hour, "2026-10-24T23:30Z", "10-25 01:00, 10-25 02:00, 10-25 02:00, 10-25 03:00"},
		{"hours of a zone with a half one", "Asia/Kolkata", hour, "2026-11-24T00:00Z", "11-24 05:00, 11-24 06:00"},
		{"clocks that change by half an hour", "Australia/Lord_Howe", day, "2026-04-04T00:00Z", "04-04 00:00, 04-05 00:00, 04-06 00:00"},
		{"weeks begin on Monday", "Europe/Berlin", 7 * day, "2026-10-22T12:00Z", "10-19 00:00, 10-26 00:00, 11-02 00:00"},
		{"a midnight that is skipped", "Africa/Cairo", day, "2024-04-25T12:00Z", "04-25 00:00, 04-26 01:00, 04-27 00:00"},
		{"a midnight that comes twice", "America/Havana", day, "2026-10-31T12:00Z", "10-31 00:00, 11-01 00:00, 11-02 00:00"},
		{"a last hour of a day that comes twice", "Africa/Cairo", day, "2024-10-31T12:00Z", "10-31 00:00, 11-01 00:00, 11-02 00:00"},
		{"a day that was left out", "Pacific/Apia", day, "2011-12-29T12:00Z", "12-29 00:00, 12-31 00:00, 01-01 00:00"},
		{"before 1970", "Europe/Berlin", day, "1945-05-23T12:00Z", "05-23 00:00, 05-24 00:00, 05-25 00:00"},
		{"clocks are taken to change no more", "Europe/Berlin", day, "2300-07-01T12:00Z", "07-01 01:00, 07-02 01:00"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			z := zone(t, tc.zone)
			s, err := query.Agg{Every: tc.every, Zone: z}.Steps()
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse("2006-01-02T15:04Z07:00", tc.from)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for step := s.Begin(at.UnixMicro()); len(got) <= strings.Count(tc.want, ","); step = s.End(step) {
				got = append(got, time.UnixMicro(step).In(z).Format("01-02 15:04"))
			}
			if text := strings.Join(got, ", "); text != tc.want {
				t.Errorf("they begin at %s\nwanted         %s", text, tc.want)
			}
		})
	}
}

// Whatever the zone, the steps of an interval lie one behind the other, contain their times, and are the same from
// wherever they are counted; a step of days begins when the zone's date first shows its day.
func TestStepsOfAnyZone(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana",
		"Pacific/Apia", "Africa/Casablanca", "America/Sao_Paulo", "Asia/Tehran", "Pacific/Chatham", "Antarctica/Troll"}
	first, last := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), time.Date(2190, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	for _, name := range zones {
		z := zone(t, name)
		for _, every := range []time.Duration{time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour, 48 * time.Hour, 7 * 24 * time.Hour} {
			s, err := query.Agg{Every: every, Zone: z}.Steps()
			if err != nil {
				t.Fatal(err)
			}
			runs := s.Runs(first, last)
			for i, r := range runs {
				if i > 0 && r.From != runs[i-1].To || r.From >= r.To {
					t.Fatalf("%s by %s: run %v after %v", name, every, r, runs[max(i-1, 0)])
				}
			}
			if runs[0].From > first || runs[len(runs)-1].To < last {
				t.Errorf("%s by %s: the runs %v leave times out", name, every, runs)
			}
			for range 300 {
				at := first + rand.Int64N(last-first)
				i, _ := slices.BinarySearchFunc(runs, at, func(r query.Run, at int64) int {
					if r.To <= at {
						return -1
					}
					return 1
				})
				begin := runs[i].Begin(at)
				if alone := s.Begin(at); alone != begin || begin > at || s.End(begin) <= at {
					t.Fatalf("%s by %s: %d is in the step from %d, counted by itself in %d to %d", name, every, at, begin, alone, s.End(alone))
				}
				date, before := time.UnixMicro(begin).In(z).Format(time.DateOnly), time.UnixMicro(begin-1).In(z).Format(time.DateOnly)
				if every >= 24*time.Hour && date <= before {
					t.Fatalf("%s by %s: a step begins within %s", name, every, date)
				}
				if same := time.UnixMicro(at).In(z).Format(time.DateOnly) == date; every == 24*time.Hour && !same {
					t.Fatalf("%s: %d is in the step of %s", name, at, date)
				}
			}
		}
	}
}

func TestStepsDivideADay(t *testing.T) {
	for every, want := range map[time.Duration]bool{
		time.Second: true, 5 * time.Minute: true, 8 * time.Hour: true, 24 * time.Hour: true, 72 * time.Hour: true, 30 * 24 * time.Hour: true,
		7 * time.Minute: false, 5 * time.Hour: false, 36 * time.Hour: false, -time.Hour: false, time.Nanosecond: false, 1<<63 - 1: false,
	} {
		if s, err := (query.Agg{Every: every}).Steps(); (err == nil) != want || want == (s == nil) {
			t.Errorf("every %s: %v", every, err)
		}
	}
}

package stamp

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // a machine may have none
)

func location(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// layoutsOfLogs are layouts that shipped formats and others use.
var layoutsOfLogs = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05", "2006-01-02 15:04:05.000", "2006-01-02 15:04:05,999",
	"02/Jan/2006:15:04:05 -0700", "Jan _2 15:04:05", "Jan  2 15:04:05 MST", "Mon Jan _2 15:04:05.000000 2006", "Mon Jan 02 15:04:05 2006",
	"2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -07", "2006-01-02 15:04:05 -07:00", "060102 15:04:05", "060102  3:04:05",
	"Monday, 02-Jan-06 15:04:05 MST", "January 2, 2006 3:04:05 PM", "1/2/2006 3:04:05 pm", "02 Jan 2006 15:04:05.999", "2006/01/02 15:04:05.000000",
	"20060102-150405", "2006-01-02", "15:04:05", "2006-002 15:04:05", "Jan 02 15:04:05.000 Z07", "2006-01-02T15:04", "[02/Jan/2006 03:04:05 PM]",
}

// oracle reads a stamp as Go does, in a zone whose clocks are never changed.
func oracle(layout, stamp string, loc *time.Location) (time.Time, bool) {
	t, err := time.ParseInLocation(layout, stamp, loc)
	return t, err == nil
}

func compare(t *testing.T, text, stamp string, loc *time.Location) {
	t.Helper()
	want, ok := oracle(text, stamp, loc)
	ls := compileLayouts([]string{text})
	c := NewClock(loc, time.Time{})
	v, kept := civil{day: -1}, layoutState{}
	if ls[0].slow {
		return
	}
	got := ls[0].parse([]byte(stamp), &v, 0, 0, -1, &kept)
	if got != ok {
		t.Fatalf("%q as %q: taken %v, by Go %v", stamp, text, got, ok)
	}
	if !ok {
		return
	}
	if v.zone == namedZone {
		if name, offset := want.Zone(); offset == 0 && name != "GMT" { // a name that Go does not know in this zone
			return
		}
	}
	r := c.resolve(&v, true)
	if want = want.Truncate(time.Microsecond); r.Doubt == NoDoubt && r.Time != want.UnixMicro() {
		t.Fatalf("%q as %q in %s: %s, by Go %s", stamp, text, loc, time.UnixMicro(r.Time).UTC(), want.UTC())
	}
}

func TestLayoutsReadWhatGoReads(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	zones := []*time.Location{time.UTC, location(t, "Europe/Berlin"), location(t, "America/New_York"), location(t, "Australia/Lord_Howe"),
		location(t, "Asia/Kolkata"), time.FixedZone("", -5*3600)}
	const noise = "0123456789 :-/.,TZ+APMapmJanuDecMoSunUTCEST_x"
	for range 60_000 {
		loc := zones[r.IntN(len(zones))]
		at := time.Unix(r.Int64N(4e9), r.Int64N(1e9)).In(loc)
		text := layoutsOfLogs[r.IntN(len(layoutsOfLogs))]
		stamp := []byte(at.Format(layoutsOfLogs[r.IntN(len(layoutsOfLogs))]))
		if r.IntN(3) > 0 {
			stamp = []byte(at.Format(text))
		}
		for r.IntN(3) == 0 && len(stamp) > 1 {
			i := r.IntN(len(stamp))
			switch r.IntN(3) {
			case 0:
				stamp[i] = noise[r.IntN(len(noise))]
			case 1:
				stamp = append(stamp[:i], stamp[i+1:]...)
			case 2:
				stamp = append(stamp[:i], append([]byte{noise[r.IntN(len(noise))]}, stamp[i:]...)...)
			}
		}
		if bytes.ContainsAny(stamp, "+") && strings.Contains(text, ".0") || strings.HasPrefix(string(stamp), "+") {
			continue // Go takes a sign inside a number
		}
		compare(t, text, string(stamp), loc)
	}
}

func FuzzLayouts(f *testing.F) {
	at := time.Date(2026, 11, 24, 10, 0, 1, 123456789, time.UTC)
	for i, text := range layoutsOfLogs {
		f.Add(i, at.Format(text))
	}
	f.Fuzz(func(t *testing.T, i int, stamp string) {
		if i < 0 || strings.ContainsAny(stamp, "+-") {
			return // Go takes a sign inside a number
		}
		compare(t, layoutsOfLogs[i%len(layoutsOfLogs)], stamp, time.UTC)
	})
}

// Layouts that begin alike are read once; what the first of them cannot end, the next one does.
func TestLayoutsThatBeginAlike(t *testing.T) {
	layouts := Compile([]string{"2006-01-02 15:04:05 -07", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05 -07:00",
		"2006-01-02 15:04:05 MST", "2006-01-02", "2006/01/02", "2006/01/02 15", "unix", "unix_ms"}, false)
	for stamp, want := range map[string]string{
		"2026-11-24 10:00:00 +01": "2026-11-24 09:00:00", "2026-11-24 10:00:00.5 +0100": "2026-11-24 09:00:00.5", "2026-11-24 10:00:00 +01:30": "2026-11-24 08:30:00",
		"2026-11-24 10:00:00 UTC": "2026-11-24 10:00:00", "2026-11-24 10:00:00 CEST": "2026-11-24 08:00:00", "2026-11-24": "2026-11-24 00:00:00",
		"2026/11/24": "2026-11-24 00:00:00", "2026/11/24 07": "2026-11-24 07:00:00", "1764000000.25": "2025-11-24 16:00:00.25",
		"1.764e9": "2025-11-24 16:00:00", "2026-11-24 10:00:00 x": "", "2026-13-24": "", "2026-02-29": "", "-5": "",
	} {
		c := NewClock(time.UTC, time.Time{})
		r, ok := layouts.Read(&c, []byte(stamp))
		if got := time.UnixMicro(r.Time).UTC().Format("2006-01-02 15:04:05.999999"); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %v, %s; want %s", stamp, ok, got, want)
		}
	}
}

// readAll returns the times that a clock reads from stamps of one layout, and what it assumed.
func readAll(c *Clock, layout string, stamps []string) []string {
	layouts := Compile([]string{layout}, false)
	var out []string
	for i, s := range stamps {
		c.At(int64(i))
		r, ok := layouts.Read(c, []byte(s))
		if ok {
			r = c.Take(r)
		} else {
			r = c.Without()
		}
		out = append(out, strings.TrimSpace(fmt.Sprint(time.UnixMicro(r.Time).UTC().Format("2006-01-02 15:04:05 "), r.Basis, " ", r.Doubt)))
	}
	return out
}

func expect(t *testing.T, got, want []string) {
	t.Helper()
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("stamp %d: %s, want %s", i+1, got[i], want[i])
		}
	}
}

// The clocks of Berlin were put back on 25 October 2026 at 3:00, of New York on 1 November, of Lord Howe by half an hour.
func TestAnHourThatComesTwiceKeepsTheOrder(t *testing.T) {
	c := NewClock(location(t, "Europe/Berlin"), time.Time{})
	expect(t, readAll(&c, "2006-01-02 15:04:05", []string{
		"2026-10-25 01:59:59", "2026-10-25 02:00:00", "2026-10-25 02:59:58", "2026-10-25 02:59:51", "2026-10-25 02:00:01", "2026-10-25 02:00:00",
		"2026-10-25 02:59:00", "2026-10-25 03:00:00",
	}), []string{
		"2026-10-24 23:59:59 zone", "2026-10-25 00:00:00 zone overlap-first", "2026-10-25 00:59:58 zone overlap-first", "2026-10-25 00:59:51 zone overlap-first",
		"2026-10-25 01:00:01 zone overlap-second", "2026-10-25 01:00:00 zone overlap-second", "2026-10-25 01:59:00 zone overlap-second", "2026-10-25 02:00:00 zone",
	})
	c = NewClock(location(t, "Australia/Lord_Howe"), time.Time{})
	expect(t, readAll(&c, "2006-01-02 15:04:05", []string{"2026-04-05 01:45:00", "2026-04-05 01:59:00", "2026-04-05 01:31:00", "2026-04-05 02:00:00"}),
		[]string{"2026-04-04 14:45:00 zone overlap-first", "2026-04-04 14:59:00 zone overlap-first", "2026-04-04 15:01:00 zone overlap-second", "2026-04-04 15:30:00 zone"})
}

func TestAnHourThatComesTwiceIsToldByItsNameAndByTheReceipt(t *testing.T) {
	berlin := location(t, "Europe/Berlin")
	c := NewClock(berlin, time.Time{})
	expect(t, readAll(&c, "2006-01-02 15:04:05 MST", []string{"2026-10-25 02:30:00 CEST", "2026-10-25 02:30:00 CET"}),
		[]string{"2026-10-25 00:30:00", "2026-10-25 01:30:00"})
	quiet := NewClock(berlin, time.Date(2026, 10, 25, 1, 30, 1, 0, time.UTC))
	quiet.Live(quiet.near)
	expect(t, readAll(&quiet, "2006-01-02 15:04:05", []string{"2026-10-25 02:30:00"}), []string{"2026-10-25 01:30:00 zone overlap-second"})
	first := NewClock(berlin, time.Date(2026, 10, 25, 0, 30, 1, 0, time.UTC))
	first.Live(first.near)
	expect(t, readAll(&first, "2006-01-02 15:04:05", []string{"2026-10-25 02:30:00"}), []string{"2026-10-25 00:30:00 zone overlap-first"})
}

func TestAnHourThatNeverCameIsFlagged(t *testing.T) {
	c := NewClock(location(t, "Europe/Berlin"), time.Time{})
	expect(t, readAll(&c, "2006-01-02 15:04:05", []string{"2026-03-29 01:59:59", "2026-03-29 02:30:00", "2026-03-29 03:30:00"}),
		[]string{"2026-03-29 00:59:59 zone", "2026-03-29 01:30:00 zone gap", "2026-03-29 01:30:00 zone"})
}

// Every local hour of twenty years in zones of all kinds, with the cached period and without.
func TestLocalTimesAreThoseOfGo(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Tehran", "Africa/Casablanca", "UTC", "Europe/Moscow", "America/Caracas"} {
		loc := location(t, name)
		z := zone{loc: loc}
		for at := time.Date(2005, 1, 1, 0, 30, 0, 0, time.UTC); at.Year() < 2025; at = at.Add(time.Hour) {
			want := time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), 0, 0, loc)
			got, doubt := z.instant(at.Unix(), 0, time.Time{})
			if doubt == NoDoubt && got != want.Unix() {
				t.Fatalf("%s, local %s: %s, by Go %s", name, at.Format(time.DateTime), time.Unix(got, 0).UTC(), want.UTC())
			}
			if doubt == OverlapFirst {
				if second, _ := z.instant(at.Unix(), (got+1800)*1e6, time.Time{}); second <= got {
					t.Fatalf("%s, local %s: the second reading is %d, the first %d", name, at.Format(time.DateTime), second, got)
				}
			}
		}
	}
}

func TestYearsOfReceivedLines(t *testing.T) {
	for _, tc := range []struct{ received, stamp, want string }{
		{"2027-01-01 00:00:05", "Dec 31 23:59:59", "2026-12-31 23:59:59 zone+receipt"},
		{"2026-12-31 23:59:58", "Jan  1 00:00:01", "2027-01-01 00:00:01 zone+receipt"},
		{"2026-06-01 12:00:00", "Jun  1 11:59:59", "2026-06-01 11:59:59 zone+receipt"},
		{"2026-01-10 00:00:00", "Jun  1 00:00:00", "2026-06-01 00:00:00 zone+receipt ahead"},
		{"2028-03-01 00:00:01", "Feb 29 23:59:59", "2028-02-29 23:59:59 zone+receipt"},
		{"2027-03-01 00:00:01", "Feb 29 23:59:59", "2028-02-29 23:59:59 zone+receipt ahead"},
	} {
		now, err := time.Parse(time.DateTime, tc.received)
		if err != nil {
			t.Fatal(err)
		}
		c := NewClock(time.UTC, now)
		c.Live(c.near)
		expect(t, readAll(&c, "Jan _2 15:04:05", []string{tc.stamp}), []string{tc.want})
	}
}

func TestYearsOfAFileKeepItsOrder(t *testing.T) {
	for _, tc := range []struct{ name, written, stamps, want string }{
		{"over New Year", "2027-01-02", "Dec 30|Dec 31|Jan 1|Dec 31|Jan 2", "2026 2026 2027 2026 2027"},
		{"before the file was written", "2026-03-10", "Mar 11|Mar 12", "2026 2025"},
		{"a leap day in an old file", "2026-11-01", "Feb 28|Feb 29|Mar 1", "2026 2024 2024"},
		{"a step back of a week is disorder", "2026-06-30", "Jun 20|Jun 12|Jun 21", "2026 2026 2026"},
	} {
		written, err := time.Parse(time.DateOnly, tc.written)
		if err != nil {
			t.Fatal(err)
		}
		c := NewClock(time.UTC, written)
		var got []string
		for _, line := range readAll(&c, "Jan 2", strings.Split(tc.stamps, "|")) {
			got = append(got, line[:4])
		}
		if text := strings.Join(got, " "); text != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, text, tc.want)
		}
	}
}

// planOf returns the plan of a file of one stamp "Jan 2" a line, read from the middle or from end to end.
func planOf(text string, written time.Time, seeking bool) yearPlan {
	c := NewClock(time.UTC, written)
	c.layouts = Compile([]string{"Jan 2"}, false)
	c.Reread = func(*Layouts) (io.ReadCloser, func([]byte) []byte, error) {
		stampOf := func(line []byte) []byte { return bytes.TrimRight(line, " x\n") }
		if r := strings.NewReader(text); seeking {
			return struct {
				io.ReadSeeker
				io.Closer
			}{r, io.NopCloser(r)}, stampOf, nil
		} else {
			return io.NopCloser(r), stampOf, nil
		}
	}
	c.lookAhead(c.limit())
	return c.years
}

func TestAFileOfSeveralYearsIsLookedThrough(t *testing.T) {
	written := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	year := func(n int, pad string) string {
		var b strings.Builder
		for day := range n {
			b.WriteString(time.Date(2001, 1, 1+day, 0, 0, 0, 0, time.UTC).Format("Jan 2") + pad + "\n")
		}
		return b.String()
	}
	for _, tc := range []struct {
		name, text string
		want       string
	}{
		{"one year", year(300, ""), "2026"},
		{"to a day that is past in this year", year(340, ""), "2025"},
		{"three years", year(365, "") + year(365, "") + year(100, ""), "2024 2025 2026"},
		{"three long years", strings.Repeat(year(365, strings.Repeat(" ", 9000)+"x"), 3), "2023 2024 2025"},
		{"few lines a year", "Nov 3\nFeb 7\nJul 1\nMar 2\nOct 9\n", "2024 2025 2026"},
		{"a leap day fixes the year", "Dec 30\nFeb 29\nNov 20\nJan 3\n", "2023 2024 2025"},
		{"a machine that starts without a clock makes no year", strings.Repeat("May 1\n", 50) + "Jan 1\nJan 1\nJan 1\n" + strings.Repeat("May 1\n", 50) + "May 2\n", "2026"},
		{"one wrong clock makes no year", strings.Repeat("May 2\n", 50) + "Dec 24\nMay 2\nMay 3\n", "2026"},
		{"a year every few lines", strings.Repeat("Nov 3\nNov 3\nFeb 3\n", 3), "2023 2024 2025 2026"},
		{"nothing", "no stamp\n", ""},
	} {
		for _, seeking := range []bool{true, false} {
			var years []string
			for _, m := range planOf(tc.text, written, seeking).marks {
				years = append(years, fmt.Sprint(m.year))
			}
			if got := strings.Join(years, " "); got != tc.want {
				t.Errorf("%s (from the middle %v): %s, want %s", tc.name, seeking, got, tc.want)
			}
		}
	}
}

// One line from a wrong clock does not put its file in the future; lines that agree do.
func TestAWrongClockDoesNotMoveTheOrder(t *testing.T) {
	day := func(n int) string { return time.Date(2026, 6, 1+n, 0, 0, 0, 0, time.UTC).Format("2006-01-02") }
	for _, tc := range []struct {
		name   string
		near   string
		stamps []string
		want   string // the order at the end
	}{
		{"one far ahead", "2026-07-01", []string{day(0), "2099-01-01", day(0)}, day(0)},
		{"one at the beginning, ahead of the file", "2026-07-01", []string{"2099-01-01", day(0), day(1)}, day(1)},
		{"one at the beginning, of an old file", "2030-07-01", []string{"2029-01-01", day(0), day(1)}, day(1)},
		{"one ahead of an old file", "2030-07-01", []string{day(0), "2029-01-01", day(0), day(1)}, day(1)},
		{"two ahead of the file", "2026-07-01", []string{day(0), "2099-01-01", "2099-01-01", day(1)}, day(1)},
		{"a pause of days", "2026-07-01", []string{day(0), day(5), day(5)}, day(5)},
		{"a sparse log lags by one line", "2026-07-01", []string{day(0), day(5), day(10), day(15)}, day(10)},
		{"a file from the future has an order, too", "2020-01-01", []string{day(0), day(0), day(0), day(0), day(0), day(0), day(0), day(0), day(1)}, day(1)},
	} {
		near, err := time.Parse(time.DateOnly, tc.near)
		if err != nil {
			t.Fatal(err)
		}
		c := NewClock(time.UTC, near)
		readAll(&c, "2006-01-02", tc.stamps)
		if got := time.UnixMicro(c.latest).UTC().Format("2006-01-02"); got != tc.want {
			t.Errorf("%s: the order stands at %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestALineWithoutStampHasTheTimeOfTheLineBefore(t *testing.T) {
	c := NewClock(time.UTC, time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC))
	expect(t, readAll(&c, "2006-01-02", []string{"?", "2026-06-01", "?", "2026-06-20", "?", "2099-01-01", "?"}), []string{
		"2026-07-01 00:00:00 written", "2026-06-01 00:00:00 zone", "2026-06-01 00:00:00 before", "2026-06-20 00:00:00 zone", "2026-06-20 00:00:00 before",
		"2099-01-01 00:00:00 zone ahead", "2026-06-01 00:00:00 before",
	})
}

func BenchmarkStamps(b *testing.B) {
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "02/Jan/2006:15:04:05 -0700", "Jan _2 15:04:05", "2006-01-02 15:04:05.000 MST", "unix"} {
		b.Run(layout, func(b *testing.B) {
			var stamps [1024][]byte
			for i := range stamps {
				at := time.Date(2026, 11, 24, 10, 0, i, 0, time.UTC)
				if stamps[i] = []byte(at.Format(layout)); layout == "unix" {
					stamps[i] = fmt.Append(nil, at.Unix())
				}
			}
			layouts := Compile([]string{layout}, false)
			c := NewClock(location(b, "Europe/Berlin"), time.Now())
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				r, _ := layouts.Read(&c, stamps[i%1024])
				c.Take(r)
			}
		})
	}
}

// A clock that remembers the hour before reads what one that remembers nothing does.
func TestRememberedHoursChangeNothing(t *testing.T) {
	for _, name := range []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu"} {
		loc := location(t, name)
		for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04:05.000000", "02/Jan/2006:15:04:05 -0700", "2006-01-02 15:04:05 MST", "[2006/01/02 15:04:05,999]"} {
			r := rand.New(rand.NewPCG(3, 4))
			layouts := Compile([]string{layout}, false)
			c := NewClock(loc, time.Time{})
			for range 3000 {
				at := time.Date(2026, 3, 28+r.IntN(3), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(1e9), loc)
				for range 1 + r.IntN(4) {
					at = at.Add(time.Duration(r.Int64N(int64(90 * time.Second))))
					stamp := []byte(at.Format(layout))
					if r.IntN(20) == 0 {
						stamp[r.IntN(len(stamp))] = "07:.Z"[r.IntN(5)]
					}
					fresh := NewClock(loc, time.Time{})
					fresh.order = c.order
					want, wantOK := layouts.Read(&fresh, stamp)
					got, ok := layouts.Read(&c, stamp)
					if got != want && ok || ok != wantOK {
						t.Fatalf("%s in %s: %v %v, afresh %v %v", stamp, name, got, ok, want, wantOK)
					}
				}
			}
		}
	}
}

func BenchmarkStampsByGo(b *testing.B) {
	const layout = "02/Jan/2006:15:04:05 -0700"
	for b.Loop() {
		if _, err := time.Parse(layout, "24/Nov/2026:10:00:00 +0000"); err != nil {
			b.Fatal(err)
		}
	}
}

package rules

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

const hoursOfTheSite = `zone = "Europe/Berlin"
days_off = ["2026-11-24", "12-25"]

[hours]
work  = ["mon-fri 07:00-19:00"]
night = ["22:00-06:00"]
`

func TestHoursOfTheSite(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, hours, at string
		want            bool
	}{
		{"a Monday at noon", "work", "2026-11-23T12:00:00+01:00", true},
		{"the zone is that of the site", "work", "2026-11-23T06:30:00Z", true},
		{"before they begin", "work", "2026-11-23T06:59:59+01:00", false},
		{"they are half open", "work", "2026-11-23T19:00:00+01:00", false},
		{"a Sunday", "work", "2026-11-22T12:00:00+01:00", false},
		{"a day off", "work", "2026-11-24T12:00:00+01:00", false},
		{"a day off of every year", "work", "2028-12-25T12:00:00+01:00", false},
		{"in summer", "work", "2026-07-01T07:00:00+02:00", true},
		{"over midnight", "night", "2026-11-23T02:00:00+01:00", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w, err := readHours(fstest.MapFS{HoursFile: {Data: []byte(hoursOfTheSite)}}, tc.hours)
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, tc.at)
			if err != nil {
				t.Fatal(err)
			}
			if got := w.has(at.UnixMicro()); got != tc.want {
				t.Errorf("%s lies in %s: %v", tc.at, tc.hours, got)
			}
		})
	}
}

func TestARuleOutsideOfHoursCountsNothingWithin(t *testing.T) {
	t.Parallel()
	text := strings.Replace(good, "rearm    =", "outside  = \"work\"\nrearm    =", 1)
	text = strings.Replace(text, "[rule.threshold]\ncount  = 2\nwithin = \"1m\"\n", "", 1)
	all, err := Load(fstest.MapFS{"rules/app.toml": {Data: []byte(text)}, HoursFile: {Data: []byte(hoursOfTheSite)}})
	if err != nil {
		t.Fatal(err)
	}
	all[0].Once, all[0].Rearm = nil, 0
	w := newWorld(t, 0, all[0])
	w.now = w.now.Add(1000 * time.Hour)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	l := &log{gen: 1}
	want := 0
	for h := range 7 * 24 { // an event each hour of a week
		l.said = append(l.said, said{float64(h) * 3600, "log.level=error process.name=web"})
		at := base.Add(time.Duration(h) * time.Hour).In(berlin)
		day, off := at.Weekday(), at.Format("2006-01-02") == "2026-11-24"
		if day == time.Saturday || day == time.Sunday || at.Hour() < 7 || at.Hour() >= 19 || off {
			want++
		}
	}
	w.commit(l.whole(t, w.schema))
	if got := len(w.findings); got != want || want == 0 || want == 7*24 {
		t.Errorf("%d findings, want %d of %d events", got, want, 7*24)
	}
}

func TestMistakesInHours(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ old, new, want string }{
		{"work  =", "works =", `outside: hours.toml has no hours "work"; did you mean "works"?`},
		{"mon-fri 07:00-19:00", "mon-fir 07:00-19:00", `hours.toml:5: "mon-fir 07:00-19:00": days are sun, mon, tue, wed, thu, fri, sat`},
		{"Europe/Berlin", "Europa/Berlin", `hours.toml:1: "Europa/Berlin" is no time zone`},
		{"12-25", "25.12.", `hours.toml:2: "25.12." is no day; want one as 2026-12-25, or 12-25 for every year`},
		{"days_off", "day_off", `hours.toml:2: unknown key "day_off"; did you mean "days_off"?`},
	} {
		rule := strings.Replace(good, "rearm    =", "outside  = \"work\"\nrearm    =", 1)
		_, err := Load(fstest.MapFS{"rules/app.toml": {Data: []byte(rule)}, HoursFile: {Data: []byte(strings.Replace(hoursOfTheSite, tc.old, tc.new, 1))}})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
}

package kpi

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

func num(v float64) *float64 { return &v }

// at returns the µs of a time of 23 November 2026, or of the day before with a leading "-".
func at(clock string) int64 {
	day := "2026-11-23T"
	if rest, ok := strings.CutPrefix(clock, "-"); ok {
		day, clock = "2026-11-22T", rest
	}
	t, err := time.Parse(time.RFC3339, day+clock+":00Z")
	if err != nil {
		panic(err)
	}
	return t.UnixMicro()
}

var (
	today     = query.Interval{From: at("00:00"), To: at("00:00") + 86400e6}
	yesterday = query.Interval{From: at("-00:00"), To: at("00:00")}
)

func cellOf(series, clock string, n int64) event.Delta {
	return event.Delta{Series: series, Dataset: "d", Minute: at(clock), N: n}
}

func TestAFigureSaysHowTheNumberStandsToItsTarget(t *testing.T) {
	rate := Definition{ID: "web.errors", Title: "Server errors", Kind: Ratio, Unit: "%", Where: "w", Max: num(1), Yellow: num(2), Decimals: 2,
		Comment: Comment{Green: "fine", Yellow: "look", Red: "act", NotMeasured: "no access log"}}
	logins := Definition{ID: "auth.failed", Kind: Count, Rules: []string{"auth.ssh-failed", "db.login-failed"}, Max: num(50), Yellow: num(100)}
	locks := Definition{ID: "db.deadlocks", Kind: Count, Rules: []string{"db.deadlock"}, Max: num(0), Yellow: num(5)}
	parsed := Definition{ID: "log.parsed", Kind: Ratio, Unit: "%", Where: "w", Lines: true, Min: num(99.99), Yellow: num(99.9), Decimals: 3}
	requests := Definition{ID: "web.requests", Kind: Count}

	type want struct{ status, target, actual, previous, change, detail, comment string }
	for _, tc := range []struct {
		name  string
		def   Definition
		cells []event.Delta
		want  want
	}{
		{"a rate below its target is Green, and says of how many", rate, []event.Delta{
			cellOf("kpi/web.errors/from", "10:00", 12000), cellOf("kpi/web.errors/count", "10:00", 60),
			cellOf("kpi/web.errors/from", "-10:00", 10000), cellOf("kpi/web.errors/count", "-10:00", 100),
		}, want{"Green", "≤ 1.00 %", "0.50 %", "1.00 %", "−0.50 pt", "60 of 12,000", "fine"}},
		{"a rate exactly on its target meets it", rate, []event.Delta{
			cellOf("kpi/web.errors/from", "10:00", 100), cellOf("kpi/web.errors/count", "23:59", 1),
		}, want{"Green", "≤ 1.00 %", "1.00 %", "–", "–", "1 of 100", "fine"}},
		{"a rate just above its target is not rounded onto it", rate, []event.Delta{
			cellOf("kpi/web.errors/from", "10:00", 100000), cellOf("kpi/web.errors/count", "10:00", 1001),
		}, want{"Yellow", "≤ 1.00 %", "1.001 %", "–", "–", "1,001 of 100,000", "look"}},
		{"beyond the tolerance is Red", rate, []event.Delta{
			cellOf("kpi/web.errors/from", "10:00", 100), cellOf("kpi/web.errors/count", "10:00", 7),
		}, want{"Red", "≤ 1.00 %", "7.00 %", "–", "–", "7 of 100", "act"}},
		{"requests without an error are 0.00 %, which is measured", rate, []event.Delta{
			cellOf("kpi/web.errors/from", "10:00", 100),
		}, want{"Green", "≤ 1.00 %", "0.00 %", "–", "–", "0 of 100", "fine"}},
		{"without a source a rate is not measured, never 0", rate, []event.Delta{
			cellOf("kpi/web.errors/from", "-10:00", 100),
		}, want{"not measured", "≤ 1.00 %", "not measured", "0.00 %", "–", "", "no access log"}},
		{"cells outside the period do not count", rate, []event.Delta{
			cellOf("kpi/web.errors/from", "00:00", 10), cellOf("kpi/web.errors/count", "-23:59", 5),
		}, want{"Green", "≤ 1.00 %", "0.00 %", "–", "–", "0 of 10", "fine"}},
		{"a count of rules sums their occurrences, largest named first", logins, []event.Delta{
			cellOf("kpi/auth.failed/from", "10:00", 900),
			cellOf("rule/db.login-failed", "10:00", 40), cellOf("rule/auth.ssh-failed", "11:00", 31), cellOf("rule/auth.other", "11:00", 99),
			cellOf("kpi/auth.failed/from", "-10:00", 5), cellOf("rule/auth.ssh-failed", "-11:00", 38),
		}, want{"Yellow", "≤ 50", "71", "38", "+33", "db.login-failed 40, auth.ssh-failed 31", ""}},
		{"rules that counted nothing leave 0 where their source was seen", logins, []event.Delta{
			cellOf("kpi/auth.failed/from", "10:00", 900),
		}, want{"Green", "≤ 50", "0", "–", "–", "", ""}},
		{"rules that counted something are measured by that", logins, []event.Delta{
			cellOf("rule/auth.ssh-failed", "10:00", 101),
		}, want{"Red", "≤ 50", "101", "–", "–", "auth.ssh-failed 101", ""}},
		{"a target of none is written 0", locks, []event.Delta{
			cellOf("rule/db.deadlock", "10:00", 6), cellOf("rule/db.deadlock", "-10:00", 6),
		}, want{"Red", "0", "6", "6", "same", "db.deadlock 6", ""}},
		{"a share has a lower target", parsed, []event.Delta{
			cellOf("kpi/log.parsed/from", "10:00", 6015932), cellOf("kpi/log.parsed/count", "10:00", 6014684),
		}, want{"Yellow", "≥ 99.990 %", "99.979 %", "–", "–", "6,014,684 of 6,015,932 lines", ""}},
		{"a count without a target has no status", requests, []event.Delta{
			cellOf("kpi/web.requests/from", "10:00", 1200), cellOf("kpi/web.requests/count", "10:00", 1200),
		}, want{"no target", "–", "1,200", "–", "–", "", ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := Evaluate([]Definition{tc.def}, tc.cells, today, yesterday)[0]
			got := want{string(f.Status), f.Target, f.Actual, f.Previous, f.Change, f.Detail, f.Comment}
			if got != tc.want {
				t.Errorf("\n got %+v\nwant %+v", got, tc.want)
			}
			if f.Measured() == math.IsNaN(f.Value) {
				t.Errorf("measured %v with value %v", f.Measured(), f.Value)
			}
		})
	}
}

func TestDurationsAreShownInTheUnitOfTheKPI(t *testing.T) {
	mean := Definition{ID: "web.mean", Kind: Average, Unit: "ms", Field: "event.duration", fieldKind: event.Duration, Max: num(500)}
	p95 := Definition{ID: "web.p95", Kind: Percentile, Percentile: 95, Unit: "ms", Field: "event.duration", fieldKind: event.Duration, Max: num(500), Yellow: num(1000)}
	ds := []event.Delta{
		cellOf("kpi/web.mean/from", "10:00", 4),
		{Series: "kpi/web.mean/count", Minute: at("10:00"), N: 2, Sum: 3e8},
		{Series: "kpi/web.mean/count", Minute: at("10:01"), N: 1, Sum: 3e8},
		cellOf("kpi/web.p95/from", "10:00", 100),
		cellOf("kpi/web.p95/count", "10:00", 100),
		{Series: "kpi/web.p95/hist", Minute: at("10:00"), Bucket: bucket(20e6), N: 94},
		{Series: "kpi/web.p95/hist", Minute: at("11:00"), Bucket: bucket(700e6), N: 6},
	}
	fs := Evaluate([]Definition{mean, p95}, ds, today, query.Interval{})
	if f := fs[0]; f.Actual != "200 ms" || f.Detail != "3 of 4 events tell it" || f.Status != Green {
		t.Errorf("mean: %s, %q, %s", f.Actual, f.Detail, f.Status)
	}
	if f := fs[1]; math.Abs(f.Value-700) > 7 || f.Status != Yellow {
		t.Errorf("p95: %v, %s; want 700 ± 7, Yellow", f.Value, f.Status)
	}

	quiet := Evaluate([]Definition{mean}, []event.Delta{cellOf("kpi/web.mean/from", "10:00", 1204)}, today, yesterday)[0]
	if quiet.Status != NotMeasured || quiet.Detail != "1,204 events, none with event.duration" {
		t.Errorf("events without the field: %s, %q", quiet.Status, quiet.Detail)
	}
}

func TestPointsAreGapsWhereNothingWasMeasured(t *testing.T) {
	rate := Definition{ID: "r", Kind: Ratio, Unit: "%", Where: "w"}
	f := Evaluate([]Definition{rate}, []event.Delta{
		cellOf("kpi/r/from", "01:10", 50), cellOf("kpi/r/from", "01:50", 50), cellOf("kpi/r/count", "01:50", 10),
		cellOf("kpi/r/from", "03:00", 50),
	}, today, yesterday)[0]
	if len(f.Points) != 24 || f.StepSize != time.Hour {
		t.Fatalf("%d points of %s, want 24 of an hour", len(f.Points), f.StepSize)
	}
	for i, p := range f.Points {
		if want := today.From + int64(i)*3600e6; p.Time != want {
			t.Errorf("point %d begins at %d, want %d", i, p.Time, want)
		}
		switch want := map[int]float64{1: 10, 3: 0}; {
		case i != 1 && i != 3 && !math.IsNaN(p.Value):
			t.Errorf("hour %d is %v, want a gap", i, p.Value)
		case (i == 1 || i == 3) && p.Value != want[i]:
			t.Errorf("hour %d is %v, want %v", i, p.Value, want[i])
		}
	}
}

func TestATargetOfACountIsForADay(t *testing.T) {
	d := Definition{ID: "c", Kind: Count, Rules: []string{"r"}, Max: num(10), Yellow: num(20)}
	week := query.Interval{From: today.From, To: today.From + 7*86400e6}
	f := Evaluate([]Definition{d}, []event.Delta{cellOf("rule/r", "10:00", 71)}, week, query.Interval{})[0]
	if f.Status != Yellow || f.Target != "≤ 70" {
		t.Errorf("71 in a week: %s against %s", f.Status, f.Target)
	}
	hour := query.Interval{From: at("10:00"), To: at("11:00")}
	f = Evaluate([]Definition{d}, []event.Delta{cellOf("rule/r", "10:00", 11)}, hour, query.Interval{})[0]
	if f.Status != Yellow || f.Target != "≤ 10" {
		t.Errorf("11 in an hour: %s against %s", f.Status, f.Target)
	}
}

func TestStepsAndAlignment(t *testing.T) {
	for span, want := range map[time.Duration]time.Duration{
		time.Second: time.Minute, time.Hour: time.Minute, 2 * time.Hour: 5 * time.Minute, 6 * time.Hour: 15 * time.Minute,
		12 * time.Hour: time.Hour, 24 * time.Hour: time.Hour, 7 * 24 * time.Hour: 6 * time.Hour, 31 * 24 * time.Hour: 24 * time.Hour,
	} {
		if got := Step(query.Interval{From: 0, To: span.Microseconds()}); got != want {
			t.Errorf("step of %s is %s, want %s", span, got, want)
		}
	}
	got := Align(query.Interval{From: at("10:07") + 1, To: at("11:02") + 5}, 15*time.Minute)
	if got.From != at("10:00") || got.To != at("11:15") {
		t.Errorf("aligned to %d, %d", got.From, got.To)
	}
	if whole := (query.Interval{From: at("10:00"), To: at("11:00")}); Align(whole, time.Hour) != whole {
		t.Error("an aligned interval changed")
	}
}

func TestFiguresAsJSONHaveNoValueWhereNothingWasMeasured(t *testing.T) {
	f := Evaluate([]Definition{{ID: "c", Title: "C", Kind: Count}}, nil, today, yesterday)[0]
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"title":"C","value":null,"unit":"","target":"–","status":"not measured"}`
	if string(b) != want {
		t.Errorf("got %s\nwant %s", b, want)
	}
}

func TestNumbersAsText(t *testing.T) {
	for _, tc := range []struct {
		v        float64
		decimals int
		unit     string
		want     string
	}{
		{0, 0, "", "0"}, {999, 0, "", "999"}, {1000, 0, "", "1,000"}, {6016242, 0, "", "6,016,242"}, {1234.5, 2, "ms", "1,234.50 ms"},
		{-33, 0, "", "−33"}, {-0.001, 2, "pt", "0.00 pt"}, {math.NaN(), 2, "%", "–"}, {-1234567.25, 1, "", "−1,234,567.2"},
	} {
		if got := Text(tc.v, tc.decimals, tc.unit); got != tc.want {
			t.Errorf("Text(%v, %d, %q) = %q, want %q", tc.v, tc.decimals, tc.unit, got, tc.want)
		}
	}
}

package kpi

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// serviceKPIs counts what events with the actions up and down say of the services that messages name.
func serviceKPIs(t *testing.T, more string) ([]Definition, *Stage) {
	t.Helper()
	const body = "title = \"T\"\nfrom = \"event.action:*\"\nup = \"event.action:up\"\ndown = \"event.action:down\"\n"
	defs, err := load(t, "[[kpi]]\nid = \"s.uptime\"\nkind = \"uptime\"\nunit = \"%\"\nmin = 99.9\ndecimals = 3\n"+body+more+
		"[[kpi]]\nid = \"s.downtime\"\nkind = \"downtime\"\nunit = \"min\"\nmax = 30\nyellow = 60\ndecimals = 1\n"+body+more)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewStage(defs)
	if err != nil {
		t.Fatal(err)
	}
	return defs, s
}

// said is one event of a test that says something of a service.
type said struct {
	clock, action, service string
}

func servicePage(offset int64, dataset string, rows []said) *event.Page {
	p := &event.Page{Schema: event.NewSchema(), Arena: &event.Arena{}, Data: dataset, Gen: 7}
	for i, r := range rows {
		p.AddRow(p.Arena.PutString("raw"), 1, []event.Span{{Off: offset + int64(i)*4, Len: 4}})
		day, clock := "2026-11-23T", r.clock
		if rest, ok := strings.CutPrefix(clock, "-"); ok {
			day, clock = "2026-11-22T", rest
		}
		when, err := time.Parse(time.RFC3339Nano, day+clock+"Z")
		if err != nil {
			panic(err)
		}
		p.SetInt(i, event.FieldTime, when.UnixMicro())
		p.SetStr(i, event.FieldAction, p.Arena.PutString(r.action))
		if r.service != "" {
			p.SetStr(i, event.FieldProcess, p.Arena.PutString(r.service))
		}
	}
	p.Complete()
	return p
}

func TestDowntimeIsTheTimeBetweenDownAndUp(t *testing.T) {
	const byName = "group = [\"process.name\"]\n"
	for _, tc := range []struct {
		name, keys                 string
		rows                       []said
		uptime, downtime, services string
	}{
		{"stopped and started again", byName, []said{{"06:00:00", "up", "db"}, {"10:00:00", "down", "db"}, {"10:12:30", "up", "db"}},
			"98.843 %", "12.5 min", "db: 1 outage, longest 12 min 30 s; known for 18 h 0 min"},
		{"it is known to the µs", byName, []said{{"12:00:00", "up", "db"}, {"13:00:00.000001", "down", "db"}, {"13:36:00.000001", "up", "db"}},
			"95.000 %", "36.0 min", "db: 1 outage, longest 36 min 0 s; known for 12 h 0 min"},
		{"an outage of yesterday lasts into today, and is clipped to it", byName, []said{{"-23:00:00", "down", "db"}, {"00:24:00", "up", "db"}},
			"98.333 %", "24.0 min", "db: 1 outage, longest 24 min 0 s; known for 1 d 0 h"},
		{"what is down stays so to the end", byName, []said{{"00:00:00", "up", "db"}, {"23:00:00", "down", "db"}},
			"95.833 %", "60.0 min", "db: 1 outage, longest 1 h 0 min; known for 1 d 0 h"},
		{"said twice it is down once, from the first on", byName, []said{{"00:00:00", "up", "db"}, {"10:00:00", "down", "db"}, {"10:06:00", "down", "db"}, {"10:12:00", "up", "db"}, {"11:00:00", "up", "db"}},
			"99.167 %", "12.0 min", "db: 1 outage, longest 12 min 0 s; known for 1 d 0 h"},
		{"what speaks is up until it says that it is down", byName, []said{{"00:00:00", "other", "db"}, {"12:00:00", "down", "db"}, {"12:36:00", "up", "db"}},
			"97.500 %", "36.0 min", "db: 1 outage, longest 36 min 0 s; known for 1 d 0 h"},
		{"what spoke yesterday and says nothing today is up", byName, []said{{"-12:00:00", "other", "db"}},
			"100.000 %", "0.0 min", "db: no outage; known for 1 d 0 h"},
		{"before it first spoke nothing is known", byName, []said{{"18:00:00", "up", "db"}},
			"100.000 %", "0.0 min", "db: no outage; known for 6 h 0 min"},
		{"of several services the figure is that of the worst", byName, []said{{"00:00:00", "up", "db"}, {"00:00:00", "up", "web"}, {"01:00:00", "down", "web"}, {"01:06:00", "up", "web"}, {"03:00:00", "down", "db"}, {"03:36:00", "up", "db"}},
			"97.500 %", "36.0 min", "db: 1 outage, longest 36 min 0 s; 1 more had some; known for 1 d 0 h"},
		{"restarted within the second, it is up as the file has it last", byName, []said{{"00:00:00", "up", "db"}, {"05:00:00", "down", "db"}, {"05:00:00", "up", "db"}},
			"100.000 %", "0.0 min", "db: no outage; known for 1 d 0 h"},
		{"failed within the second in which it started, it is down", byName, []said{{"00:00:00", "up", "db"}, {"23:24:00", "up", "db"}, {"23:24:00", "down", "db"}},
			"97.500 %", "36.0 min", "db: 1 outage, longest 36 min 0 s; known for 1 d 0 h"},
		{"without a group each data set is a service", "", []said{{"00:00:00", "up", ""}, {"12:00:00", "down", ""}, {"12:06:00", "up", ""}},
			"99.583 %", "6.0 min", "pg: 1 outage, longest 6 min 0 s; known for 1 d 0 h"},
		{"what a probe says is believed for so long", "stale = \"10m\"\n", []said{{"00:00:00", "up", ""}, {"00:05:00", "down", ""}, {"00:10:00", "up", ""}, {"12:00:00", "down", ""}},
			"50.000 %", "15.0 min", "pg: 2 outages, longest 10 min 0 s; known for 30 min 0 s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			defs, s := serviceKPIs(t, tc.keys)
			fs := Evaluate(defs, process(t, s, servicePage(0, "pg", tc.rows)), today, yesterday)
			if fs[0].Actual != tc.uptime || fs[1].Actual != tc.downtime || fs[1].Detail != tc.services {
				t.Errorf("\n got %s, %s, %q\nwant %s, %s, %q", fs[0].Actual, fs[1].Actual, fs[1].Detail, tc.uptime, tc.downtime, tc.services)
			}
		})
	}
}

func TestWithoutAWordOfItAServiceIsNotMeasured(t *testing.T) {
	defs, s := serviceKPIs(t, "")
	for _, f := range Evaluate(defs, process(t, s), today, yesterday) {
		if f.Measured() || f.Actual != "not measured" {
			t.Errorf("%s: %s", f.ID, f.Actual)
		}
	}
}

// A day is told second by second. Where it is cut into commits, and in which order they come, changes nothing.
func TestUptimeIsTheSameHoweverLateEventsCome(t *testing.T) {
	rng := rand.New(rand.NewPCG(17, 1))
	for range 20 {
		defs, s := serviceKPIs(t, "group = [\"process.name\"]\n")
		var all []said
		down := [86400]bool{} // by second, as an observer of "db" would note it
		state, from := "up", 0
		for from < 86400 {
			all = append(all, said{time.Unix(int64(from), 0).UTC().Format("15:04:05"), state, "db"})
			to := min(from+1+rng.IntN(9000), 86400)
			if state == "down" {
				to = min(from+1+rng.IntN(900), 86400)
			}
			for i := from; i < to; i++ {
				down[i] = state == "down"
			}
			if from = to; rng.IntN(4) > 0 {
				state = map[string]string{"up": "down", "down": "up"}[state]
			}
		}
		seconds := 0
		for _, d := range down {
			if d {
				seconds++
			}
		}
		var pages []*event.Page
		for i := 0; i < len(all); {
			n := min(1+rng.IntN(4), len(all)-i)
			pages = append(pages, servicePage(int64(i)*4, "d", all[i:i+n]))
			i += n
		}
		rng.Shuffle(len(pages), func(i, j int) { pages[i], pages[j] = pages[j], pages[i] })
		var cells []event.Delta
		for _, p := range pages {
			cells = append(cells, process(t, s, p)...)
		}
		fs := Evaluate(defs, cells, today, yesterday)
		if want := float64(seconds) / 60; fs[1].Value != want {
			t.Fatalf("down for %v min, want %v; %d events", fs[1].Value, want, len(all))
		}
		if want := 100 * float64(86400-seconds) / 86400; fs[0].Value != want {
			t.Fatalf("up for %v %%, want %v", fs[0].Value, want)
		}
		var sum float64
		for _, p := range Points(&defs[1], cells, today, 15*time.Minute) {
			sum += p.Value
		}
		if diff := sum - fs[1].Value; diff > 1e-9 || diff < -1e-9 {
			t.Errorf("its quarters of an hour add up to %v min of %v", sum, fs[1].Value)
		}
	}
}

func TestMomentsAreAskedForByTheMinuteFromBeforeThePeriodOn(t *testing.T) {
	defs, _ := serviceKPIs(t, "stale = \"5m\"\n")
	if got, want := defs[0].Moments(), []string{"kpi/s.uptime/up/*", "kpi/s.uptime/down/*"}; !slices.Equal(got, want) {
		t.Errorf("moments of %v, want %v", got, want)
	}
	if got := Series(defs[:1]); len(got) > 0 || defs[0].Seen() != "kpi/s.uptime/from/*" {
		t.Errorf("sums %v, seen %s", got, defs[0].Seen())
	}
	if got := defs[0].Lookback(); got != 5*time.Minute {
		t.Errorf("looks back %s; what is believed for 5 minutes says nothing of what follows", got)
	}
	defs[0].Stale = configs.Duration(0)
	if got := defs[0].Lookback(); got != 30*24*time.Hour {
		t.Errorf("looks back %s", got)
	}
}

func TestANameOfAServiceCannotHideInAFigure(t *testing.T) {
	defs, s := serviceKPIs(t, "group = [\"process.name\"]\n")
	f := Evaluate(defs, process(t, s, servicePage(0, "d", []said{{"10:00:00", "down", "a\x1b[2J\u202eb"}})), today, query.Interval{})[1]
	if want := "a·[2J·b: 1 outage, longest 14 h 0 min; known for 14 h 0 min"; f.Detail != want {
		t.Errorf("got %q, want %q", f.Detail, want)
	}
	long := strings.Repeat("x", 5000)
	for _, c := range process(t, s, servicePage(0, "d", []said{{"10:00:00", "down", long}})) {
		if len(c.Series) > 200 {
			t.Errorf("a series of %d bytes", len(c.Series))
		}
	}
}

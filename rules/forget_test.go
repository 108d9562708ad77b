package rules

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// A flood of made-up groups fills no memory, whatever the kind, and that groups were let go is told.
func TestAMillionGroupsStayWithinABoundAndWhatIsForgottenIsTold(t *testing.T) {
	kinds := map[string]Rule{
		"a count": {When: "event.action:*", Threshold: &Threshold{Count: 5, Within: seconds(3600)}},
		"rearm":   {When: "event.action:*", Rearm: seconds(3600)},
		"spike":   {When: "event.action:*", Spike: &Spike{Times: 3, Count: 50}},
	}
	for name, r := range ofEachKind {
		kinds[name] = r
	}
	for name, r := range kinds {
		n := 120_000 // after some ten thousand, of which every third counts, the bound holds or does not
		if name == "a count" && !testing.Short() {
			n = 1_000_000
		}
		r.Group, r.Severity = "user.name", "low"
		if r.Rearm > 0 {
			r.Severity = "high"
		}
		w := newWorld(t, 0, r)
		w.now = w.now.Add(24 * time.Hour)
		w.engine.cfg.Tally = false // a scan counts every group by its name
		before, forgotten := heapBytes(), int64(0)
		for from := 0; from < n; from += event.PageRows {
			p := &event.Page{Schema: w.schema, Arena: &event.Arena{}, Gen: 1, Path: "file1"}
			for i := range event.PageRows {
				row := p.AddRow(p.Arena.PutString("a line of the log, as long as such lines are on the average, or a bit less"), 1, []event.Span{{Off: int64(from+i) * 100, Len: 78}})
				p.SetInt(row, event.FieldTime, micro(float64(from+i)/1e5)) // all within ten seconds
				set(t, p, row, "user.name", fmt.Sprintf("user%d", from+i))
				set(t, p, row, "event.action", []string{"fail", "login", "begin"}[(from+i)%3])
				set(t, p, row, "veritail.repeat", "1")
				set(t, p, row, "source.ip", fmt.Sprintf("10.%d.%d.%d", (from+i)>>16&255, (from+i)>>8&255, (from+i)&255))
			}
			p.Complete()
			w.commit(step{[]*event.Page{p}, []event.Mark{{Gen: 1, Low: p.Time(p.N - 1)}}})
			for _, d := range w.rollups {
				if d.Series == RuleSeries(Forgotten) {
					forgotten += d.N
				}
			}
			w.rollups = nil
			w.findings = keepForgotten(w.findings)
		}
		grown := (heapBytes() - before) >> 20
		told := 0
		for _, f := range w.findings {
			told++
			if !strings.Contains(f.Title, "Rule r forgets groups") || f.Group[0].Value != "r" || len(f.Evidence) != 1 {
				t.Errorf("%s: finding %+v", name, f)
			}
		}
		t.Logf("%s: %d MiB for %d groups; %d were let go", name, grown, n, forgotten)
		if grown > 32 {
			t.Errorf("%s: %d MiB for %d groups", name, grown, n)
		}
		if told != 1 || forgotten < int64(n)/4-maxGroups {
			t.Errorf("%s: %d findings tell of %d groups that were let go", name, told, forgotten)
		}
	}
}

// keepForgotten keeps the findings about groups that were let go.
func keepForgotten(list []event.Finding) (kept []event.Finding) {
	for _, f := range list {
		if f.Rule == Forgotten {
			kept = append(kept, f)
		}
	}
	return kept
}

func heapBytes() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

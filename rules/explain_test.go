package rules

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// decoder returns a Decode for the shipped formats.
func shippedDecode(t *testing.T) (*event.Schema, Decode) {
	t.Helper()
	schema := event.NewSchema()
	set, err := parsers.Open(configs.FS(""), schema)
	if err != nil {
		t.Fatal(err)
	}
	return schema, func(format string, gen event.GenID, lines []byte) (*event.Batch, error) {
		d, err := set.NewDecoder(event.Generation{ID: gen, Path: "test", Format: format}, parsers.Options{Host: "test"})
		if err != nil {
			return nil, err
		}
		b := &event.Batch{}
		d.Decode(b, lines, 0)
		d.Flush(b, time.Now(), true)
		b.From, b.To = []event.Mark{{Gen: gen, Low: math.MinInt64}}, []event.Mark{d.Mark()}
		return b, nil
	}
}

// judge runs a rule alone over the events of one of its tests, explained or not.
func (r *Rule) judge(t *testing.T, n int, schema *event.Schema, decode Decode, explain bool) (map[string]int64, []event.Finding, []Explanation) {
	t.Helper()
	c, err := r.example(n, schema, decode)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	e, err := New([]Rule{*r}, Config{Schema: schema, Tally: true, Now: func() time.Time { return afterAll }})
	if err != nil {
		t.Fatal(err)
	}
	var x *Explaining
	if explain {
		x = e.Explain(func(event.GenID, int64) bool { return true })
	}
	begins := int64(math.MaxInt64)
	for _, p := range c.Pages {
		for _, t := range p.Column(event.FieldTime).Int {
			begins = min(begins, t)
		}
	}
	if until := r.Tests[n].Until; until > 0 {
		c.To = []event.Mark{{Gen: 1, Low: begins + micros(until)}}
	}
	if err := e.Process(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	e.Flush(c)
	if x == nil {
		return e.Tally()[r.ID], c.Findings, nil
	}
	return e.Tally()[r.ID], c.Findings, x.End()
}

// The explanation says of the events of all tests of all shipped rules what the engine does with them: it fires exactly where a finding is
// made, and where none is, every event has a reason. It changes nothing of what is found.
func TestWhatIsExplainedIsWhatTheEngineDoes(t *testing.T) {
	t.Parallel()
	schema, decode := shippedDecode(t)
	list, err := Load(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[Outcome]int{}
	for i := range list {
		r := &list[i]
		for n := range r.Tests {
			name := fmt.Sprintf("%s: %s", r.ID, r.Tests[n].Name)
			tally, findings, _ := r.judge(t, n, schema, decode, false)
			tallied, found, all := r.judge(t, n, schema, decode, true)
			if !maps.Equal(tally, tallied) || len(findings) != len(found) {
				t.Errorf("%s: explained, %v and %d findings are made; else %v and %d", name, tallied, len(found), tally, len(findings))
			}
			ids, fired, counted := map[string]bool{}, map[string]bool{}, int64(0)
			for _, f := range findings {
				ids[f.ID] = true
			}
			for _, x := range all {
				v := x.Rules[0]
				seen[v.Outcome]++
				if v.Why == "" || !slices.Contains(outcomes, v.Outcome) {
					t.Errorf("%s: %s has no reason: %+v", name, x.Event.Text, v)
				}
				if matched := v.Outcome != Unmatched; matched != (v.Held == v.Of) {
					t.Errorf("%s: %s is %s, and %d of %d predicates hold", name, x.Event.Text, v.Outcome, v.Held, v.Of)
				}
				switch v.Outcome {
				case Raised:
					fired[v.Finding] = true
				case Counted:
					counted++
				case Member:
					if v.By == nil || !ids[v.Finding] {
						t.Errorf("%s: %s is a member of %q, by %v", name, x.Event.Text, v.Finding, v.By)
					}
				}
			}
			if !maps.Equal(ids, fired) {
				t.Errorf("%s: findings %v, said to be fired %v", name, ids, fired)
			}
			if r.Severity == "info" && r.Threshold == nil && r.Weight == "" && len(r.Once) == 0 {
				n := int64(0)
				for _, m := range tally {
					n += m
				}
				if n != counted {
					t.Errorf("%s: %d occurrences, %d events said to be counted", name, n, counted)
				}
			}
		}
	}
	t.Log(seen)
	for _, o := range []Outcome{Raised, Counted, Member, Quiet, Waits, Told, Came, Unmatched} {
		if seen[o] == 0 {
			t.Errorf("no test of a shipped rule has an event that is %s", o)
		}
	}
}

// All rules together look at the events of all tests: the parts of a condition hold together where, and only where, the engine says that the
// whole does.
func TestThePartsOfConditionsHoldWhereConditionsDo(t *testing.T) {
	t.Parallel()
	schema, decode := shippedDecode(t)
	list, err := Load(configs.FS(""))
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(list, Config{Schema: schema, Tally: true, Now: func() time.Time { return afterAll }})
	if err != nil {
		t.Fatal(err)
	}
	x := e.Explain(func(event.GenID, int64) bool { return true })
	gen := event.GenID(0)
	for i := range list {
		for n := range list[i].Tests {
			c, err := list[i].example(n, schema, func(format string, _ event.GenID, lines []byte) (*event.Batch, error) {
				gen++
				return decode(format, gen, lines)
			})
			if err != nil {
				t.Fatal(err)
			}
			if len(list[i].Tests[n].Events) == 0 { // those are all of generation 1
				if err := e.Process(context.Background(), c); err != nil {
					t.Fatal(err)
				}
			}
			c.Release()
		}
	}
	all := x.End()
	for _, ev := range all {
		for _, v := range ev.Rules {
			if matched := v.Outcome != Unmatched; matched != (v.Held == v.Of) {
				t.Errorf("%s: %s is %s, and %d of %d predicates hold", v.Rule, ev.Event.Text, v.Outcome, v.Held, v.Of)
			}
		}
	}
	if len(all) < 5*len(list) {
		t.Errorf("%d events", len(all))
	}
}

// why explains the event of a log numbered n, by a rule.
func why(t *testing.T, r Rule, n int, logs ...log) Verdict {
	t.Helper()
	w := newWorld(t, 0, r)
	x := w.engine.Explain(func(gen event.GenID, off int64) bool { return gen == 1 && off == int64(n)*100 })
	w.commit(wholeLogs(t, w, logs)...)
	w.flush()
	all := x.End()
	if len(all) != 1 || len(all[0].Rules) != 1 {
		t.Fatalf("explained: %+v", all)
	}
	return all[0].Rules[0]
}

func TestAnExplanationSaysWhatWasMissing(t *testing.T) {
	t.Parallel()
	fail := "event.action=login event.outcome=failure source.ip=10.0.0.1"
	failure := `event.action:login and event.outcome:failure`
	five := &Threshold{Count: 5, Within: seconds(60)}
	at := func(times ...float64) log {
		var l log
		for _, s := range times {
			l.said = append(l.said, said{s, fail})
		}
		return l
	}
	steps := &Sequence{Within: seconds(60), Unless: "event.action:reset", Steps: []Step{
		{When: "event.outcome:failure", Count: 2}, {When: "event.outcome:success"},
	}}
	did := func(kv ...any) log {
		var l log
		for i := 0; i < len(kv); i += 2 {
			l.said = append(l.said, said{float64(kv[i].(int)), kv[i+1].(string) + " source.ip=10.0.0.1"})
		}
		return l
	}
	for _, tc := range []struct {
		name    string
		rule    Rule
		logs    log
		n       int
		outcome Outcome
		why     string
	}{
		{"the first predicate that does not hold", Rule{When: failure + " and user.name:root"}, did(0, "event.action=login event.outcome=success"), 0,
			Unmatched, "event.outcome:failure does not hold: it is success"},
		{"a field that is not there", Rule{When: failure + " and user.name:root"}, at(0), 0,
			Unmatched, "user.name:root does not hold: the event has nothing there"},
		{"of alternatives the nearest", Rule{When: `(event.action:logout and user.name:root) or (event.action:login and user.name:admin)`}, at(0), 0,
			Unmatched, "user.name:admin does not hold: the event has nothing there"},
		{"a single event", Rule{When: failure}, at(0), 0, Raised, "every condition holds"},
		{"silent since the last", Rule{When: failure, Rearm: seconds(60)}, at(0, 30), 1, Quiet, "silent until there was nothing for 60 s; the last was at 2026-11-23 23:00:00 UTC"},
		{"four of five", Rule{When: failure, Threshold: five}, at(0, 10, 20, 30), 1,
			Waits, "4 of 5 occurrences in 60 s; one more before 2026-11-23 23:01:00 UTC would have fired"},
		{"the window was over by 12 s", Rule{When: failure, Threshold: five}, at(0, 10, 20, 30, 72), 2,
			Waits, "4 of 5 occurrences in 60 s; one more before 2026-11-23 23:01:00 UTC would have fired; there were enough, in a time that is 12 s too long"},
		{"the threshold is met", Rule{When: failure, Threshold: five}, at(0, 10, 20, 30, 40), 4, Raised, "it met the threshold: 5 of 5 occurrences, in 40 s of 60 s"},
		{"a later event met it", Rule{When: failure, Threshold: five}, at(0, 10, 20, 30, 40), 1, Member, "it is one of the occurrences that another event met"},
		{"not armed again", Rule{When: failure, Threshold: five, Rearm: seconds(600)}, at(0, 10, 20, 30, 40, 50), 5,
			Quiet, "the threshold was met at 2026-11-23 23:00:40 UTC, and the rule is silent until there was nothing for 10 min"},
		{"the same value again", Rule{When: failure, Threshold: &Threshold{Count: 2, Distinct: "event.outcome", Within: seconds(60)}}, at(0, 10), 0,
			Waits, "1 of 2 different event.outcome in 60 s"},
		{"a suppression", Rule{When: failure, Suppress: []Suppression{{When: "source.ip:10.0.0.0/8", Reason: "our own scanner"}}}, at(0), 0,
			Suppressed, "our own scanner"},
		{"a step that lacks events", Rule{Sequence: steps}, did(0, "event.outcome=failure", 5, "event.outcome=success"), 0, Waits, "step 1 of 2: 1 of 2 events"},
		{"a sequence that took too long", Rule{Sequence: steps}, did(0, "event.outcome=failure", 1, "event.outcome=failure", 72, "event.outcome=success"), 2,
			Waits, "all steps are there, in a time that is 12 s longer than 60 s"},
		{"a sequence that was cancelled", Rule{Sequence: steps}, did(0, "event.outcome=failure", 1, "event.action=reset", 2, "event.outcome=failure"), 0,
			Cancelled, "an event that meets unless came 1 s later"},
		{"what was expected came", Rule{When: "event.action:begin", Absence: &Absence{Expect: "event.action:end", Within: seconds(60)}},
			did(0, "event.action=begin", 7, "event.action=end"), 0, Came, "what is expected came 7 s later"},
		{"not the first time", Rule{When: failure, First: &First{Within: seconds(3600)}}, at(0, 10), 1, Known, "the same was there at 2026-11-23 23:00:00 UTC, 10 s before"},
		{"too small a share", Rule{When: "event.action:login", Ratio: &Ratio{Of: "event.outcome:failure", Reaches: 0.5, Count: 2, Within: seconds(60)}},
			did(0, "event.action=login", 1, "event.action=login", 2, "event.action=login event.outcome=failure"), 2,
			Waits, "1 of 3 events are 33.3 %. In 60 s 50 % of at least 2 are wanted"},
		{"a value as usual", Rule{When: "event.action:sent", Deviation: &Deviation{Of: "veritail.repeat", Below: 0.5, Within: seconds(3600)}},
			did(0, "event.action=sent veritail.repeat=100", 1, "event.action=sent veritail.repeat=120", 2, "event.action=sent veritail.repeat=90", 3, "event.action=sent veritail.repeat=80"), 3,
			Known, "veritail.repeat is 80, 80.0 % of the usual 100"},
		{"too few values to compare with", Rule{When: "event.action:sent", Deviation: &Deviation{Of: "veritail.repeat", Below: 0.5, Within: seconds(3600)}},
			did(0, "event.action=sent veritail.repeat=100", 1, "event.action=sent veritail.repeat=1"), 1, Waits, "veritail.repeat is 1; 3 values before it say what is usual"},
		{"a number that follows", Rule{When: "event.action:sent", Gap: &Gap{Of: "veritail.repeat", Within: seconds(3600)}},
			did(0, "event.action=sent veritail.repeat=7", 1, "event.action=sent veritail.repeat=8"), 1, Known, "veritail.repeat is 8 after 7"},
		{"a number that was missing", Rule{When: "event.action:sent", Gap: &Gap{Of: "veritail.repeat", Within: seconds(3600)}},
			did(0, "event.action=sent veritail.repeat=7", 1, "event.action=sent veritail.repeat=9", 2, "event.action=sent veritail.repeat=8"), 2, Came, "veritail.repeat is 8, which was missing"},
		{"what was missing came", Rule{When: "event.action:sent", Gap: &Gap{Of: "veritail.repeat", Within: seconds(3600)}},
			did(0, "event.action=sent veritail.repeat=7", 1, "event.action=sent veritail.repeat=9", 2, "event.action=sent veritail.repeat=8"), 1, Came, "what was missing came 1 s later"},
		{"in the hours of the site", Rule{When: failure, Outside: "work", work: &workHours{name: "work", weekly: []weekly{{days: [7]bool{true, true, true, true, true, true, true}, to: 24 * 60}}, zone: time.UTC}}, at(0), 0,
			Suppressed, `lies in the hours "work" of hours.toml, and the rule is about other times`},
		{"said again", Rule{When: failure, Repeat: []Repeat{{From: failure, By: []string{"source.ip"}, Within: seconds(60)}}}, at(0, 10), 1,
			Told, "for the 2nd time, what was said at 2026-11-23 23:00:00 UTC"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			v := why(t, tc.rule, tc.n, tc.logs)
			if v.Outcome != tc.outcome || !strings.Contains(v.Why, tc.why) {
				t.Errorf("%s: %s\nwant %s: …%s…", v.Outcome, v.Why, tc.outcome, tc.why)
			}
		})
	}
}

// A line that steps back by more than what can count with it is judged when it comes, and does not count.
func TestAnExplanationSaysThatAnEventCameTooLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 0, Rule{When: "event.outcome:failure", Threshold: &Threshold{Count: 5, Within: seconds(60)}})
	x := w.engine.Explain(func(_ event.GenID, off int64) bool { return off == 100 })
	l := log{gen: 1, said: []said{{1000, "event.outcome=failure source.ip=10.0.0.1"}, {1, "event.outcome=failure source.ip=10.0.0.1"}}}
	w.commit(step{[]*event.Page{l.pageOf(t, w.schema, 0, 1)}, []event.Mark{{Gen: 1, Low: micro(1001)}}})
	w.commit(step{[]*event.Page{l.pageOf(t, w.schema, 1, 2)}, []event.Mark{{Gen: 1, Low: math.MaxInt64}}})
	v := x.End()[0].Rules[0]
	if v.Outcome != Late || v.Why != "it is 16 min 39 s older than the latest that was judged, and counts no more" {
		t.Errorf("%s: %s", v.Outcome, v.Why)
	}
}

package rules

import (
	"slices"
	"testing"

	"github.com/saypro/veritail/pipeline/event"
)

// A rule that looks at single events waits for no file, and what it finds does not depend on that. One to which other events matter
// waits.
func TestSingleEventsAreJudgedWhenTheyAreRead(t *testing.T) {
	t.Parallel()
	single := Rule{When: "event.action:fail"}
	for name, tc := range map[string]struct {
		rule  Rule
		first int // findings before the others have been waited for
	}{
		"each event is a finding": {single, 2},
		"some count for several":  {Rule{When: "event.action:fail", Weight: "veritail.repeat"}, 2},
		"a quiet group":           {Rule{When: "event.action:fail", Rearm: seconds(0.1)}, 0},
		"several events":          {Rule{When: "event.action:fail", Threshold: &Threshold{Count: 1, Within: seconds(5)}}, 0},
		"what others tell of too": {Rule{When: "event.action:fail", Once: []Once{{From: []Condition{"event.action:fail", "event.action:x"}, Within: seconds(1)}}}, 0},
		"only counted":            {Rule{When: "event.action:fail", Severity: "info"}, 0},
	} {
		found := map[bool][]string{}
		for _, atOnce := range []bool{false, true} {
			w, after := live(t, tc.rule)
			w.engine.cfg.AtOnce = atOnce
			old := &log{gen: 1, said: []said{{-3600, "event.action=fine"}}}
			busy := &log{gen: 2, said: at("10.0.0.1", 0, 0.5)}
			w.commit(old.piece(w, 0), busy.piece(w, 0), busy.piece(w, 1))
			if n := len(w.findings); atOnce && n != tc.first || !atOnce && n != 0 {
				t.Errorf("%s: %d found at once, want %d", name, n, tc.first)
			}
			after(9)
			w.commit()
			found[atOnce] = append(w.found("r"), w.counts())
		}
		if !slices.Equal(found[true], found[false]) {
			t.Errorf("%s: found\n%q, want\n%q", name, found[true], found[false])
		}
	}
}

// What was told at once is forgotten when the rules have judged past it.
func TestWhatWasToldAtOnceIsForgotten(t *testing.T) {
	t.Parallel()
	w, after := live(t, Rule{When: "event.action:fail"})
	w.engine.cfg.AtOnce = true
	l := &log{gen: 1}
	for i := range 1000 {
		l.said = append(l.said, at("10.0.0.1", float64(i)/10)...)
		after(0.1)
		w.commit(step{[]*event.Page{l.pageOf(t, w.schema, i, i+1)}, []event.Mark{{Gen: 1, Low: micro(float64(i) / 10)}}})
	}
	if len(w.findings) != 1000 || len(w.engine.told.of) > 200 {
		t.Errorf("%d findings, %d of them kept in mind", len(w.findings), len(w.engine.told.of))
	}
}

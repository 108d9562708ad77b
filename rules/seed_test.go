package rules

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// A stored is a History of one log.
type stored struct {
	t      testing.TB
	schema *event.Schema
	log    *log
	during query.Interval
	err    error
}

// Scan implements History. It gives what matches one event a page, as a store that keeps files apart may.
func (s *stored) Scan(_ context.Context, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	s.during = during
	m, err := query.Compile(e)
	if err != nil {
		return err
	}
	var bits event.Bits
	for i := range s.log.said {
		p := s.log.pageOf(s.t, s.schema, i, i+1)
		if m.Match(p, &bits); !bits.Has(0) || !during.Contains(p.Time(0)) {
			continue
		}
		if err := f(p); err != nil {
			return err
		}
	}
	return s.err
}

// restart returns a world at the given second that has taken up the log, judged up to a second before.
func restart(t *testing.T, r Rule, l *log, now, judged float64) (*world, *stored) {
	t.Helper()
	w, _ := live(t, r)
	w.now = time.UnixMicro(micro(now))
	h := &stored{t: t, schema: w.schema, log: l}
	mark := int64(0)
	if judged != 0 {
		mark = micro(judged)
	}
	if err := w.engine.Seed(context.Background(), h, mark, w.now); err != nil {
		t.Fatal(err)
	}
	return w, h
}

var fiveInTen = Rule{When: "event.action:fail", Rearm: seconds(600), Threshold: &Threshold{Count: 5, Within: seconds(600)}}

func TestARestartDoesNotForgetHalfABruteForce(t *testing.T) {
	t.Parallel()
	w, h := restart(t, fiveInTen, &log{gen: 1, said: at("10.0.0.1", -5, 10, 20, 30, 40)}, 60, 50)
	if want := micro(50) - 1200e6; h.during.From != want {
		t.Errorf("read from %d, want from %d: window and rearm before what was judged", h.during.From, want)
	}
	w.commit()
	if len(w.findings)+len(w.rollups) != 0 {
		t.Fatalf("seeding raised %d findings and %d rollups of what was judged before", len(w.findings), len(w.rollups))
	}
	next := &log{gen: 2, said: at("10.0.0.1", 60)}
	w.commit(next.piece(w, 0))
	w.now = w.now.Add(3 * time.Second)
	w.commit()
	if len(w.findings) != 0 {
		t.Fatal("the five before the restart had fired, and their source was not quiet since")
	}

	w, _ = restart(t, fiveInTen, &log{gen: 1, said: at("10.0.0.1", 10, 20, 30, 40)}, 60, 50)
	w.commit(next.piece(w, 0))
	w.now = w.now.Add(3 * time.Second)
	w.commit()
	if len(w.findings) != 1 || w.findings[0].Count != 5 || w.findings[0].Evidence[0].Gen != 1 {
		t.Fatalf("findings %+v, want one of the four before and the one after", w.findings)
	}
}

func TestWhatWasStoredAndNotJudgedIsJudgedAfterARestart(t *testing.T) {
	t.Parallel()
	l := &log{gen: 1, said: at("10.0.0.1", 10, 20, 30)}
	w, _ := restart(t, Rule{When: "event.action:fail"}, l, 60, 20)
	w.commit()
	if len(w.findings) != 2 || w.findings[0].Time != micro(20) || w.findings[1].Time != micro(30) {
		t.Errorf("findings %+v, want those of 20 and 30", w.findings)
	}
}

// A file that is followed notes how far the rules have come, and the next start goes on exactly there.
func TestAKillBetweenAnyTwoCommitsCountsEachOnce(t *testing.T) {
	t.Parallel()
	pair := []Once{{From: []Condition{"event.action:fail", "event.action:error"}, By: []string{"user.name"}, Within: seconds(3)}}
	lead := slices.Clone(pair)
	lead[0].Lead = true
	for name, r := range map[string]Rule{
		"each event":         {When: "event.action:fail"},
		"pairs of events":    {When: "event.action:*", Once: pair},
		"leads and the rest": {When: "event.action:*", Once: lead},
		"thresholds":         {When: "event.action:*", Threshold: &Threshold{Count: 3, Within: seconds(10)}, Rearm: seconds(5)},
	} {
		l := &log{gen: 1}
		for i := range 20 {
			l.said = append(l.said, said{float64(i + i/5*7), fmt.Sprintf("event.action=%s user.name=u%d", []string{"fail", "error"}[i%2], i/2)})
		}
		want := killed(t, r, l, len(l.said))
		if len(want) < 4 {
			t.Fatalf("%s: %d findings without a kill", name, len(want))
		}
		for kill := 1; kill < len(l.said); kill++ {
			if got := killed(t, r, l, kill); !slices.Equal(got, want) {
				t.Errorf("%s, killed after %d: found\n%q, want\n%q", name, kill, got, want)
			}
		}
	}
}

// told tells an engine that was made anew what was found at once before, as a daemon does.
func (w *world) told(noted int64) {
	for i := range w.findings {
		if f := &w.findings[i]; f.Time >= noted {
			w.engine.Told(f)
		}
	}
}

// killed gives the events of l each at its time, with a kill and a restart before the one numbered kill, and returns
// what was found by both lives.
func killed(t *testing.T, r Rule, l *log, kill int) []string {
	w, _ := live(t, r)
	w.engine.cfg.AtOnce = true
	judged := int64(0)
	for i := range kill {
		w.now = time.UnixMicro(micro(l.said[i].at))
		s := l.piece(w, i)
		c := &event.Commit{Batch: &event.Batch{Pages: s.pages, From: s.marks, To: s.marks}}
		if err := w.engine.Process(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		if m := c.To[len(c.To)-1]; m.Gen == Progress {
			judged = m.Off
		}
		w.keep(c)
	}
	next, after := live(t, r)
	next.now, next.findings = w.now, w.findings
	next.engine.cfg.AtOnce = true
	next.told(judged)
	h := &stored{t: t, schema: next.schema, log: &log{gen: 1, said: l.said[:kill]}}
	if err := next.engine.Seed(context.Background(), h, judged, next.now); err != nil {
		t.Fatal(err)
	}
	for i := kill; i < len(l.said); i++ {
		next.now = time.UnixMicro(micro(l.said[i].at))
		next.commit(l.piece(next, i))
	}
	after(6)
	next.commit()
	var found []string
	for _, f := range next.findings {
		found = append(found, fmt.Sprint(f.ID, f.Count, f.First-base.UnixMicro(), len(f.Evidence)))
	}
	slices.Sort(found)
	return found
}

func TestASeedThatCannotBeReadSaysSo(t *testing.T) {
	t.Parallel()
	w, _ := live(t, fiveInTen)
	broken := errors.New("no such table")
	h := &stored{t: t, schema: w.schema, log: &log{gen: 1, said: at("10.0.0.1", 0)}, err: broken}
	if err := w.engine.Seed(context.Background(), h, 0, w.now); !errors.Is(err, broken) || !strings.Contains(err.Error(), "windows of the rules") {
		t.Errorf("error %v", err)
	}
}

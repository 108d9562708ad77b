package drill_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/rules/drill"
)

func TestThePlanTakesTheFirstTestOfLinesThatMustFire(t *testing.T) {
	t.Parallel()
	silent := rules.Test{Name: "silent", Format: "json", Lines: "no\n"}
	events := rules.Test{Name: "events", Events: []rules.Event{{"event.action": "a", "times": int64(2), "every": "1m"}}, Expect: rules.Expect{Count: 1}}
	lines := rules.Test{Name: "lines", Format: "json", Lines: "\nyes\n", Inputs: []rules.Input{{Format: "logfmt", Lines: "too"}}, Expect: rules.Expect{Count: 1}}
	for _, tc := range []struct {
		name string
		rule rules.Rule
		want string
	}{
		{"lines, after others", rules.Rule{Tests: []rules.Test{silent, events, lines}}, `lines ["yes\n" "too\n"] skip ""`},
		{"events only", rules.Rule{Tests: []rules.Test{silent, events}}, `events ["2026-11-23T00:00:00Z event.action=a\n2026-11-23T00:01:00Z event.action=a\n"] skip ""`},
		{"no test that must fire", rules.Rule{Tests: []rules.Test{silent}}, ` [] skip "it has no test that must fire"`},
		{"one that waits for others", rules.Rule{Tests: []rules.Test{lines}, Once: []rules.Once{{Within: configs.Duration(time.Hour)}}},
			` [] skip "it waits 1h0m0s for what else tells of the same, longer than a drill"`},
	} {
		plan, err := drill.Plan([]rules.Rule{tc.rule}, event.NewSchema(), "run")
		if err != nil {
			t.Fatal(err)
		}
		p, name, texts := plan[0], "", []string{}
		if p.Test != nil {
			name = p.Test.Name
		}
		for _, f := range p.Files {
			texts = append(texts, string(f.Text))
		}
		if got := fmt.Sprintf("%s %q skip %q", name, texts, p.Skip); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// Where a test gives events, each line of its file is one of them, at its place in the file.
func TestEventsThatAreGivenLieWhereTheirLinesDo(t *testing.T) {
	t.Parallel()
	r := rules.Rule{ID: "r", Tests: []rules.Test{{
		Events: []rules.Event{{"event.action": "begin"}, {"at": "5m", "event.action": "end", "event.reason": "two\nlines"}}, Expect: rules.Expect{Count: 1},
	}}}
	plan, err := drill.Plan([]rules.Rule{r}, event.NewSchema(), "run")
	if err != nil {
		t.Fatal(err)
	}
	f := plan[0].Files[0]
	d := f.Given(event.Generation{ID: 7, Path: "drill.log", Site: plan[0].Site})
	b := &event.Batch{}
	first := bytes.IndexByte(f.Text, '\n') + 1
	d.Decode(b, f.Text[:first], 0)
	d.Decode(b, f.Text[first:], int64(first))
	if len(b.Pages) != 2 || d.Mark().Off != int64(len(f.Text)) || d.Mark().Lines.Parsed != 2 {
		t.Fatalf("%d pages, mark %+v", len(b.Pages), d.Mark())
	}
	p := b.Pages[1]
	if got := fmt.Sprint(p.Gen, p.Path, p.Site, p.Spans[0]); got != fmt.Sprint(event.GenID(7), "drill.log", "drill/run/r", event.Span{Off: int64(first), Len: int32(len(f.Text) - first)}) {
		t.Errorf("the second event is of %s", got)
	}
	if v, _ := p.Row(0).Text(event.FieldAction); v != "end" {
		t.Errorf("event.action %q", v)
	}
}

func TestResultsAreKeptOfTheRulesThatThereAre(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "drill.json")
	if r, err := drill.Load(path); err != nil || r != nil {
		t.Fatalf("of no file: %v, %v", r, err)
	}
	early, late := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	list := []rules.Rule{{ID: "a"}, {ID: "b"}, {ID: "c"}}
	first := drill.Results{{Rule: "gone", Outcome: drill.Silent, At: early}, {Rule: "a", Outcome: drill.Proven, At: early}, {Rule: "b", Outcome: drill.Proven, At: early}}
	all := first.With(drill.Results{{Rule: "b", Outcome: drill.Silent, At: late, Why: "no event came of its lines"}}, list)
	if err := all.Save(path); err != nil {
		t.Fatal(err)
	}
	again, err := drill.Load(path)
	if err != nil || fmt.Sprint(again) != fmt.Sprint(all) {
		t.Errorf("read %v, %v; written %v", again, err, all)
	}
	if got, want := fmt.Sprint(again.Summary(list)), fmt.Sprint(drill.Summary{Rules: 3, Proven: 1, Oldest: early, Silent: []string{"b"}}); got != want {
		t.Errorf("summary %s, want %s", got, want)
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := drill.Load(path); err == nil {
		t.Error("half a file is read without an error")
	}
}

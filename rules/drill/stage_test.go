package drill_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/rules/drill"
)

var begins = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// page has n failures of one source, a second apart.
func page(s *event.Schema, gen event.GenID, site string, n int) *event.Page {
	p := &event.Page{Schema: s, Arena: &event.Arena{}, Gen: gen, Path: fmt.Sprint("file", gen), Site: site}
	for i := range n {
		row := p.AddRow(p.Arena.PutString("failure"), 1, []event.Span{{Off: int64(i) * 10, Len: 8}})
		p.SetInt(row, event.FieldTime, begins.Add(time.Duration(i)*time.Second).UnixMicro())
		p.SetStr(row, event.FieldOutcome, p.Arena.PutString("failure"))
		p.SetStr(row, event.FieldHost, p.Arena.PutString("app01"))
	}
	p.Complete()
	return p
}

// flow is an engine with a rule that wants three, and the stage around it.
func flow(t *testing.T) (*event.Schema, *drill.Stage) {
	t.Helper()
	s := event.NewSchema()
	three := rules.Rule{
		ID: "three", Title: "t", Severity: "high", Audience: []string{"operator"}, Runbook: "r", When: "event.outcome:failure", Group: "host.name",
		Threshold: &rules.Threshold{Count: 3, Within: configs.Duration(time.Minute)},
	}
	e, err := rules.New([]rules.Rule{three}, rules.Config{Schema: s})
	if err != nil {
		t.Fatal(err)
	}
	return s, drill.NewStage(e.Process)
}

func commitOf(pages ...*event.Page) *event.Commit {
	c := &event.Commit{Batch: &event.Batch{Pages: pages}}
	for _, p := range pages {
		c.From, c.To = append(c.From, event.Mark{Gen: p.Gen}), append(c.To, event.Mark{Gen: p.Gen, Off: 100, Low: begins.Add(time.Hour).UnixMicro()})
	}
	return c
}

// foundBy returns the rules of a commit's findings.
func foundBy(c *event.Commit) string {
	var ids []string
	for _, f := range c.Findings {
		ids = append(ids, f.Rule)
	}
	slices.Sort(ids)
	return fmt.Sprint(ids)
}

// Two real failures and three that are played, of the same host: each flow has what is its own, and the third real one makes three of them.
func TestWhatIsPlayedMeetsNothingReal(t *testing.T) {
	t.Parallel()
	s, stage := flow(t)
	ctx := t.Context()
	process := func(c *event.Commit) *event.Commit {
		t.Helper()
		if err := stage.Process(ctx, c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	end, ok := stage.Begin()
	if _, again := stage.Begin(); !ok || again {
		t.Fatalf("a drill begins: %v, and another: %v", ok, again)
	}
	process(commitOf(page(s, 1, "", 2)))

	played := commitOf(page(s, 2, drill.SiteOf("run", "three"), 3))
	done := make(chan error, 1)
	go func() { done <- stage.Play(ctx, played) }()
	var real []*event.Commit
	for err := error(nil); ; time.Sleep(time.Millisecond) {
		real = append(real, process(&event.Commit{Batch: &event.Batch{}}))
		select {
		case err = <-done:
		default:
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if got := foundBy(played); got != "[three]" || len(played.Rollups) == 0 {
		t.Errorf("played: findings %v, %d rollups", got, len(played.Rollups))
	}
	for _, c := range real {
		if len(c.Findings)+len(c.Rollups)+len(c.Pages)+len(c.To) > 0 {
			t.Errorf("the real flow has %d findings, %d rollups, %d pages of what was played", len(c.Findings), len(c.Rollups), len(c.Pages))
		}
	}
	end()
	third := page(s, 3, "", 3)
	if got := foundBy(process(commitOf(third))); got != "[three]" {
		t.Errorf("the real flow found %v, want one of three", got)
	}
	if _, ok := stage.Begin(); !ok {
		t.Error("after the end of a drill another one may begin")
	}
}

// A flow that stands still holds nobody for ever.
func TestPlayingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	s, stage := flow(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if err := stage.Play(ctx, commitOf(page(s, 1, drill.SiteOf("run", "three"), 1))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

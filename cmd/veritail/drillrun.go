package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/rules/drill"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// How long a drill waits for a rule once its last event was judged, besides the time that the rule itself waits; how often the engine has to
// come by in that time, since on a busy machine the clock says little about what it had time for; how long a drill takes at most, and how
// often it looks.
const (
	drillPatience = 20 * time.Second
	drillTurns    = 20
	drillLongest  = 10 * time.Minute
	drillLook     = 200 * time.Millisecond
)

// drillAnswer is what the daemon tells of drills.
type drillAnswer struct {
	Results drill.Results `json:"results"`
	Never   []string      `json:"never,omitempty"` // rules that were not played yet
	Summary drill.Summary `json:"summary"`
	Stored  *storeProof   `json:"stored,omitempty"` // nil where nothing was played now
}

func (d *daemon) drillFile() string { return filepath.Join(d.cfg.State, "drill.json") }

// readDrills takes up what was proven before. Results that cannot be read are no reason not to follow logs.
func (d *daemon) readDrills() {
	r, err := drill.Load(d.drillFile())
	if err != nil {
		slog.Warn("what drills have proven is not known", "error", err)
	}
	d.proven.Store(&r)
}

// drillSummary is what is proven of the rules that are judged, nil if nothing was played yet.
func (d *daemon) drillSummary(list []rules.Rule) *drill.Summary {
	r := d.proven.Load()
	if r == nil || len(*r) == 0 {
		return nil
	}
	s := r.Summary(list)
	return &s
}

// drilled tells the last results.
func (d *daemon) drilled() *drillAnswer {
	r, list := *d.proven.Load(), d.rules()
	a := &drillAnswer{Results: drill.Results{}.With(r, list), Summary: r.Summary(list)}
	for i := range list {
		if !slices.ContainsFunc(a.Results, func(x drill.Result) bool { return x.Rule == list[i].ID }) {
			a.Never = append(a.Never, list[i].ID)
		}
	}
	return a
}

// answerDrill plays ?rule=, or all rules without, and answers with what came of it.
func (d *daemon) answerDrill(w http.ResponseWriter, r *http.Request) {
	a, err := d.drill(r.Context(), r.URL.Query()["rule"])
	var mine *answerError
	switch {
	case errors.As(err, &mine):
		refuse(w, http.StatusBadRequest, mine)
	case err != nil:
		refuse(w, http.StatusInternalServerError, err)
	default:
		answer(w, a)
	}
}

// drill plays the tests of rules, keeps the results, and makes a finding of each rule that stays silent.
func (d *daemon) drill(ctx context.Context, ids []string) (*drillAnswer, error) {
	list := d.rules()
	for _, id := range ids {
		if err := hasRule(list, id); err != nil {
			return nil, &answerError{Message: err.Error()}
		}
	}
	list = askedFor(list, ids...)
	end, ok := d.drills.Begin()
	if !ok {
		return nil, &answerError{Message: "a drill is under way; wait for its end"}
	}
	defer end()
	results, stored, err := d.play(ctx, list)
	if err != nil {
		return nil, fmt.Errorf("play the rules' tests: %w", err)
	}
	all := d.proven.Load().With(results, d.rules())
	d.proven.Store(&all)
	if err := all.Save(d.drillFile()); err != nil {
		return nil, err
	}
	if err := d.announceSilent(ctx, results, stored); err != nil {
		return nil, err
	}
	return &drillAnswer{Results: results, Summary: results.Summary(list), Stored: stored}, nil
}

// A drillRun is a drill that is under way: a flow of its own as far as the engine, and from there to an annex of the store.
type drillRun struct {
	d     *daemon
	plays []drill.Play
	store *drillStore
	files map[string]*drill.File // by path
	begun time.Time
	ready drillMoment // when all files had been read
	done  map[string]drill.Result
}

// A drillMoment is a time, and how often the engine had come by then.
type drillMoment struct {
	at    time.Time
	turns int64
}

func (run *drillRun) now() drillMoment { return drillMoment{time.Now(), run.d.drills.Turns()} }

// waited reports whether a rule had its time to fire: after the last of its events, and after the end of all files, which completes the last
// record of each.
func (run *drillRun) waited(p *drill.Play) bool {
	if run.ready.at.IsZero() {
		return false
	}
	for _, since := range []drillMoment{run.ready, run.store.last(p.Site)} {
		if time.Since(since.at) < drillPatience+2*p.Waits || run.d.drills.Turns()-since.turns < drillTurns {
			return false
		}
	}
	return true
}

// play writes the tests of rules to files and reads these as the daemon reads logs. What comes of them goes to an annex of the store.
func (d *daemon) play(ctx context.Context, list []rules.Rule) (results drill.Results, stored *storeProof, err error) {
	dir := filepath.Join(d.cfg.State, "drill")
	if err := os.RemoveAll(dir); err != nil { // of a drill that was broken off
		return nil, nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	st, err := d.store.Annex(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	run := &drillRun{
		d: d, files: map[string]*drill.File{}, done: map[string]drill.Result{},
	}
	run.store = newDrillStore(st, run.now)
	if run.plays, err = drill.Plan(list, d.setup.schema, time.Now().UTC().Format("20060102T150405")); err != nil {
		return nil, nil, err
	}
	of, _ := d.ofFleet(list)
	for i := range run.plays {
		if slices.ContainsFunc(of, func(r rules.Rule) bool { return r.ID == run.plays[i].Rule.ID }) {
			run.plays[i].Skip = "it is judged over what all hosts have stored in the cluster"
		}
	}
	patterns, err := run.write(dir)
	if err != nil {
		return nil, nil, err
	}
	if len(patterns) > 0 {
		if err := run.flow(ctx, patterns); err != nil {
			return nil, nil, err
		}
		if stored, err = run.store.prove(ctx); err != nil {
			return nil, nil, err
		}
	}
	for i := range run.plays {
		results = append(results, run.done[run.plays[i].Rule.ID])
	}
	return results, stored, nil
}

// write writes the files of the tests, and returns how they are to be read.
func (run *drillRun) write(dir string) (patterns []source.Pattern, err error) {
	run.begun = time.Now()
	for i := range run.plays {
		p := &run.plays[i]
		if p.Skip != "" {
			run.done[p.Rule.ID] = drill.Result{Rule: p.Rule.ID, Outcome: drill.Skipped, At: run.begun.UTC(), Why: p.Skip}
			continue
		}
		for n := range p.Files {
			f := &p.Files[n]
			path, err := filepath.Abs(filepath.Join(dir, fmt.Sprintf("%s-file%c.log", p.Rule.ID, 'a'+n)))
			if err != nil {
				return nil, err
			}
			if err := os.WriteFile(path, f.Text, 0o600); err != nil {
				return nil, err
			}
			run.files[path] = f
			patterns = append(patterns, source.Pattern{Glob: path, Format: f.Format, Site: p.Site})
		}
	}
	return patterns, nil
}

// flow reads the files, and looks for what comes of them, until every rule has its result.
func (run *drillRun) flow(ctx context.Context, patterns []source.Pattern) error {
	r := pipeline.New(pipeline.Config{
		Host: run.d.cfg.Host, Sources: patterns, Decoder: run.decoder, Store: run.store,
		Stages:   []pipeline.Stage{pipeline.StageFunc(run.d.drills.Play)},
		Interval: 100 * time.Millisecond, Idle: drillLook, Poll: 100 * time.Millisecond, Grace: 300 * time.Millisecond, Stop: 2 * time.Second,
	})
	flow, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- r.Run(flow) }()
	err := run.await(ctx, r, ended)
	stop()
	return errors.Join(err, <-ended)
}

// decoder returns the decoder of a test's file. What is played comes from the host that it comes from when check runs it.
func (run *drillRun) decoder(g event.Generation) pipeline.Decoder {
	if given := run.files[g.Path].Given(g); given != nil {
		return given
	}
	dec, err := run.d.setup.set.NewDecoder(g, parsers.Options{Host: testHost, Live: true})
	if err != nil {
		panic(err) // the rules were loaded with tests of these formats, and passed them
	}
	return dec
}

// await looks for results until there is one of each rule, or its time is over.
func (run *drillRun) await(ctx context.Context, r *pipeline.Runner, ended chan error) error {
	tick := time.NewTicker(drillLook)
	defer tick.Stop()
	for len(run.done) < len(run.plays) {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-ended:
			ended <- nil
			return fmt.Errorf("the flow of the drill has ended: %w", err)
		case <-tick.C:
		}
		if time.Since(run.begun) > drillLongest {
			return fmt.Errorf("%d rules have no result after %s: does the daemon's own flow stand still? veritail status tells", len(run.plays)-len(run.done), drillLongest)
		}
		if run.ready.at.IsZero() && allRead(r.Status(), len(run.files)) { // a last record is complete when its file is
			run.ready = run.now()
			for path := range run.files {
				if err := os.Remove(path); err != nil {
					return err
				}
			}
		}
		for i := range run.plays {
			if err := run.look(ctx, &run.plays[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func allRead(list []pipeline.SourceStatus, files int) bool {
	read := 0
	for _, s := range list {
		if s.Account.Read > 0 && s.LagBytes == 0 {
			read++
		}
	}
	return read == files
}

// look takes up the result of a play, if there is one now.
func (run *drillRun) look(ctx context.Context, p *drill.Play) error {
	if _, done := run.done[p.Rule.ID]; done {
		return nil
	}
	res := drill.Result{Rule: p.Rule.ID, Test: p.Test.Name, At: time.Now().UTC()}
	at, stored := run.store.durable(p)
	switch {
	case stored:
		found, err := run.findAgain(ctx, p, &res)
		if err != nil || !found {
			return err
		}
		res.Outcome, res.Took = drill.Proven, at.Sub(run.begun).Seconds()
	case !run.waited(p):
		return nil
	default:
		if err := run.why(ctx, p, &res); err != nil {
			return err
		}
	}
	run.done[p.Rule.ID] = res
	return nil
}

// findAgain asks the store for what the rule made, and reports whether all of it is there: the occurrences, the finding, and the events
// that this rests on.
func (run *drillRun) findAgain(ctx context.Context, p *drill.Play, res *drill.Result) (bool, error) {
	cells, err := run.store.Rollups(ctx, access.All(), storage.RollupQuery{Site: p.Site, Series: []string{rules.RuleSeries(p.Rule.ID)}})
	if err != nil {
		return false, err
	}
	for _, c := range cells {
		res.Count += c.N
	}
	ask := query.Search{Where: ofSite(p.Site), Limit: 1}
	if p.MakesFindings() {
		list, err := run.store.Findings(ctx, access.All(), storage.FindingQuery{Rules: []string{p.Rule.ID}, Site: &p.Site, Limit: 1})
		if err != nil || len(list) == 0 {
			return false, err
		}
		v := list[0].Evidence[0]
		ask = query.Search{IDs: []query.ID{{Gen: v.Gen, Off: v.Spans[0].Off}}, Limit: 1}
	}
	rows, err := run.store.Search(ctx, access.All(), ask)
	return res.Count > 0 && len(rows.Events) > 0, err
}

func ofSite(site string) query.Expr {
	return &query.Test{Field: event.CoreFields()[event.FieldSite].Name, F: event.FieldSite, Known: true, Kind: event.Keyword, Op: query.Equal, Str: site}
}

// why says of a rule that stayed silent what it made of the event that came nearest.
func (run *drillRun) why(ctx context.Context, p *drill.Play, res *drill.Result) error {
	res.Outcome, res.Why = drill.Silent, "no event came of its lines"
	rows, err := run.store.Search(ctx, access.All(), query.Search{Where: ofSite(p.Site), Limit: 50})
	if err != nil {
		return err
	}
	best := -1.0
	for _, ev := range rows.Events {
		e, err := rules.ExplainStored(ctx, []rules.Rule{*p.Rule}, run.d.setup.schema, run.store, ev.ID, ev.Time, time.Now())
		if err != nil {
			return err
		}
		if e == nil || len(e.Rules) == 0 {
			continue
		}
		v := e.Rules[0]
		near := float64(v.Held) / float64(max(v.Of, 1))
		switch {
		case v.Outcome == rules.Suppressed:
			res.Outcome, res.Why = drill.Suppressed, v.Why
			return nil
		case near > best:
			best, res.Why = near, v.Why
		}
	}
	return nil
}

// announceSilent makes a finding of each rule that stayed silent, and of a store that did not give back what it took.
func (d *daemon) announceSilent(ctx context.Context, results drill.Results, stored *storeProof) error {
	c := &event.Commit{Batch: &event.Batch{}}
	for _, r := range results {
		if r.Outcome != drill.Silent {
			continue
		}
		at := r.At.UnixMicro()
		c.Findings = append(c.Findings, event.Finding{
			ID: "drill-silent-" + r.Rule + "-" + r.At.Format("20060102T150405"), Rule: "veritail.drill", Severity: "high", Priority: "high",
			Audience: []string{"operator", "security"}, Title: "Rule " + r.Rule + " stayed silent in a drill",
			Message:    fmt.Sprintf("Its test %q was written to a file, read and judged as logs are, and it did not fire: %s.", r.Test, r.Why),
			References: ownRunbook, Runbook: "What the rule is about would not be found now. veritail check runs its tests without the daemon: if they pass, start the daemon again " +
				"and look at its log; if not, mend the rule or the format. Then veritail drill -rule " + r.Rule + ".",
			Group: []event.GroupValue{{Field: "rule", Value: r.Rule}}, Count: 1, Time: at, First: at, Last: at,
		})
	}
	if stored != nil && stored.Lost != "" {
		now := time.Now()
		at := now.UnixMicro()
		c.Findings = append(c.Findings, event.Finding{
			ID: "drill-store-" + now.UTC().Format("20060102T150405"), Rule: "veritail.drill", Severity: "high", Priority: "high",
			Audience: []string{"operator", "security"}, Title: "The store did not give back what it took in a drill",
			Message: stored.String() + ".", Count: 1, Time: at, First: at, Last: at,
			References: ownRunbook, Runbook: "What is stored now may be lost. veritail repair -check compares the store with itself; look at the disk and at the daemon's log.",
		})
	}
	if len(c.Findings) == 0 {
		return nil
	}
	if _, err := d.announcer.Commit(ctx, c); err != nil {
		return fmt.Errorf("announce which rules stayed silent: %w", err)
	}
	return nil
}

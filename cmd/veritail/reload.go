package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
)

// lookEvery is how often the daemon looks whether the files of its rules have changed. They are read when they have not
// changed since the look before: what is half written is left alone.
const lookEvery = 500 * time.Millisecond

// retryAfter is how long a reload waits that the store failed, not the files.
const retryAfter = 10 * time.Second

// ruleSet is what the daemon judges by.
type ruleSet struct {
	list    []rules.Rule
	changes []rules.Change        // from the shipped ones
	told    *parsers.Transactions // what decoders are told with them
}

// rules returns those that are judged now, or would be where nothing runs. It is safe for concurrent use.
func (d *daemon) rules() []rules.Rule {
	if set := d.judged.Load(); set != nil {
		return set.list
	}
	return d.setup.rules
}

// A reloader lets a daemon judge by other rules while it runs. It belongs to the goroutine of watchRules, but for what is atomic.
type reloader struct {
	hangup  chan os.Signal
	files   watched // as they were when the rules were read last
	ready   atomic.Pointer[handover]
	report  atomic.Pointer[reloadReport]  // of the last one; nil: none yet
	refused atomic.Pointer[refusedReload] // nil: what stands in the files is what is judged
	restart atomic.Pointer[[]string]      // files that are read at a start only, and have changed since; nil: none
	told    string                        // id of the last finding of what was refused
}

// A handover is an engine that is to judge from the next commit on.
type handover struct {
	engine *rules.Engine
	told   *parsers.Transactions
	rules  string // the name by which they are kept
	report rules.Reload
	stood  time.Duration // so long nothing was judged
	done   chan error
}

// A reloadReport says what the last reload of the rules did.
type reloadReport struct {
	At    time.Time `json:"at"`
	Why   string    `json:"why"`
	Stood float64   `json:"stood_seconds"` // so long reading stood still for it
	rules.Reload
}

// A refusedReload is why what stands in the files is not judged.
type refusedReload struct {
	Since   time.Time `json:"since"`
	Problem string    `json:"problem"` // a line for each mistake, with its place
	detail  string
}

// awaitHangup lets SIGHUP ask for a reload, until stop is called. Before, it would end the daemon.
func (d *daemon) awaitHangup() (stop func()) {
	d.reload.hangup = make(chan os.Signal, 1)
	signal.Notify(d.reload.hangup, syscall.SIGHUP)
	return func() { signal.Stop(d.reload.hangup) }
}

// watchRules reads the rules again when their files have changed, and when SIGHUP asks for it, until ctx ends.
func (d *daemon) watchRules(ctx context.Context) error {
	defer d.awaitHangup()()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	r := &d.reload
	started := r.files
	before, retry := r.files, time.Time{}
	for {
		why := ""
		select {
		case <-ctx.Done():
			return nil
		case <-r.hangup:
			why = "SIGHUP"
		case now := <-tick.C:
			files := watch(d.cfg.Configs, r.files.lists)
			if files.same(before) && (!files.same(r.files) || !retry.IsZero() && now.After(retry)) {
				why = "files changed"
			}
			before = files
			d.noteRestart(files.changed(started, readAtStart))
		}
		if why != "" {
			retry = time.Time{}
			err := d.reloadRules(ctx, why)
			if err != nil && !isMistake(err) {
				retry = time.Now().Add(retryAfter)
			}
			d.noteRefused(err)
		}
		if err := d.tellRefused(ctx, time.Now()); err != nil && ctx.Err() == nil {
			slog.Warn("a finding that cannot be stored yet", "error", err)
		}
	}
}

// noteRestart takes up which files have changed that are read at a start only.
func (d *daemon) noteRestart(names []string) {
	if before := d.reload.restart.Load(); before != nil && slices.Equal(*before, names) || before == nil && len(names) == 0 {
		return
	}
	d.reload.restart.Store(&names)
	if len(names) > 0 {
		slog.Warn("changed, and read when the daemon starts only", "files", strings.Join(names, ", "))
	}
}

// isMistake reports whether an error is one of the files.
func isMistake(err error) bool {
	var mine userError
	var faults configs.Errors
	var fault *configs.Error
	return errors.As(err, &mine) || errors.As(err, &faults) || errors.As(err, &fault)
}

// reloadRules reads the rules and judges by them from the next commit on; after an error by those of before.
func (d *daemon) reloadRules(ctx context.Context, why string) error {
	r := &d.reload
	files := watch(d.cfg.Configs, r.files.lists)
	report := &reloadReport{At: time.Now().UTC(), Why: why}
	set, err := d.readRules(&files)
	r.files = files
	if err != nil {
		return err
	}
	fleet, own := d.ofFleet(set.list)
	if _, err := rules.New(fleet, rules.Config{Schema: d.setup.schema}); err != nil {
		return err
	}
	h := &handover{told: set.told, done: make(chan error, 1)}
	if h.engine, err = rules.New(own, rules.Config{Schema: d.setup.schema, Idle: ruleIdle, AtOnce: true}); err != nil {
		return err
	}
	h.rules = d.turns.keep(d.setup.fs, set.list)
	r.ready.Store(h)
	select {
	case err := <-h.done:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	fleetBefore, _ := d.ofFleet(d.rules())
	report.Reload, report.Stood = h.report, h.stood.Seconds()
	report.Add(rules.Compare(fleet, fleetBefore))
	if d.fleet != nil {
		d.fleet.Reload(fleet, h.rules)
	}
	d.judged.Store(set)
	r.report.Store(report)
	report.log()
	return nil
}

// readRules reads and tests the rules below the configuration, with what it says of logs of transactions, and notes the lists that they
// name.
func (d *daemon) readRules(files *watched) (*ruleSet, error) {
	s := setup{fs: d.setup.fs, schema: d.setup.schema, set: d.setup.set, kpis: d.setup.kpis, host: d.setup.host}
	var err error
	if s.rules, err = rules.Load(s.fs); err != nil {
		return nil, err
	}
	if s.told, err = s.set.Transactions(s.fs); err != nil {
		return nil, userError{err}
	}
	err = s.mustPass()
	files.watchLists(d.cfg.Configs, rules.Lists(s.rules))
	if err != nil {
		return nil, err
	}
	changes, err := rules.Changes(s.fs, configs.FS(""))
	if err != nil {
		return nil, err
	}
	return &ruleSet{s.rules, changes, s.told}, nil
}

// judge is the stage of the rules. Between two commits an engine with other rules takes over.
func (d *daemon) judge(ctx context.Context, c *event.Commit) error {
	if h := d.reload.ready.Swap(nil); h != nil {
		begun := time.Now()
		until := d.engine.Judged(begun)
		report, err := h.engine.TakeOver(ctx, d.engine, history{d}, begun)
		if err == nil {
			d.turns.add(h.rules, until) // before anything is stored that they have found
			d.setup.set.Tell(h.told)
			d.engine, h.report, h.stood = h.engine, report, time.Since(begun)
			d.engine.Stood(time.Now())
		}
		h.done <- err
	}
	return d.engine.Process(ctx, c)
}

// noteStart takes up what was changed since the daemon ran last, if anything was.
func (d *daemon) noteStart(at time.Time, changed rules.Reload) {
	report := &reloadReport{At: at.UTC(), Why: "changed while the daemon was stopped", Reload: changed}
	if slices.ContainsFunc(report.parts(), func(p reloadPart) bool { return len(p.list) > 0 }) {
		d.reload.report.Store(report)
		report.log()
	}
}

// noteRefused takes up the outcome of a reload, for those who look.
func (d *daemon) noteRefused(err error) {
	r := &d.reload
	before := r.refused.Load()
	switch {
	case err == nil && before != nil:
		slog.Info("the rules that were refused are mended", "after", time.Since(before.Since).Round(time.Second))
		fallthrough
	case err == nil:
		r.refused.Store(nil)
		return
	case errors.Is(err, context.Canceled):
		return
	}
	now := &refusedReload{Since: time.Now().UTC(), Problem: err.Error(), detail: explain(err)}
	if before != nil {
		now.Since = before.Since
	}
	r.refused.Store(now)
	slog.Error("the rules that have changed are not judged; those of before are\n" + now.detail)
}

// tellRefused makes it a finding, once a day for each mistake, that what stands in the files is not judged.
func (d *daemon) tellRefused(ctx context.Context, now time.Time) error {
	refused := d.reload.refused.Load()
	if refused == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(refused.Problem))
	id := "rules-refused-" + hex.EncodeToString(sum[:4]) + "-" + now.UTC().Format(time.DateOnly)
	if id == d.reload.told {
		return nil
	}
	at := now.UnixMicro()
	f := event.Finding{
		ID: id, Rule: "veritail.rules", Severity: "medium", Priority: "medium", Audience: []string{"operator", "security"},
		Title:      "Rules that were changed are not judged",
		Message:    cutText(refused.detail, maxProblem) + "\nThe rules of before are judged until this is mended.",
		References: ownRunbook, Runbook: "Mend the place; the daemon reads the file again by itself. veritail check, with -configs and the same directory, tells all mistakes.",
		Count: 1, Time: at, First: refused.Since.UnixMicro(), Last: at,
	}
	if _, err := d.announcer.Commit(ctx, &event.Commit{Batch: &event.Batch{}, Findings: []event.Finding{f}}); err != nil {
		return fmt.Errorf("announce that rules are refused: %w", err)
	}
	d.reload.told = id
	return nil
}

// maxProblem bounds the bytes of a problem in a finding.
const maxProblem = 2000

// log writes what the reload did.
func (r *reloadReport) log() {
	args := []any{"why", r.Why, "unchanged", r.Unchanged}
	for _, part := range r.parts() {
		if len(part.list) > 0 {
			args = append(args, part.name, strings.Join(part.ids(), ", "))
		}
	}
	slog.Info("rules reloaded", append(args, "stood", time.Duration(r.Stood*float64(time.Second)).Round(time.Millisecond))...)
}

// A reloadPart is the rules of which the same is to be said.
type reloadPart struct {
	name string
	list []rules.Reloaded
}

func (r *reloadReport) parts() []reloadPart {
	removed := make([]rules.Reloaded, len(r.Removed))
	for i, id := range r.Removed {
		removed[i].ID = id
	}
	return []reloadPart{{"changed", r.Changed}, {"reworded", r.Reworded}, {"new", r.New}, {"removed", removed}}
}

func (p reloadPart) ids() []string {
	ids := make([]string, len(p.list))
	for i := range p.list {
		ids[i] = p.list[i].ID
	}
	return ids
}

// print writes what the last reload did, and what is refused.
func (r *reloadReport) print(w *sink, now time.Time) {
	w.f("       reloaded %s ago, %s: %s\n", span(now.Sub(r.At)), r.Why, r.summary())
	shown := 0
	for _, part := range r.parts() {
		for i := range part.list {
			if shown++; shown > maxReloaded {
				continue
			}
			w.f("         %s %s%s\n", pad(part.name, 8), part.list[i].ID, filledFrom(&part.list[i]))
		}
	}
	if shown > maxReloaded {
		w.f("         and %d more; -json lists all\n", shown-maxReloaded)
	}
}

// maxReloaded bounds the rules of a reload that status lists.
const maxReloaded = 10

func (r *reloadReport) summary() string {
	text := fmt.Sprintf("%d unchanged", r.Unchanged)
	for _, part := range r.parts() {
		if len(part.list) > 0 {
			text += fmt.Sprintf(", %d %s", len(part.list), part.name)
		}
	}
	if r.Stood >= 0.1 {
		text += fmt.Sprintf("; reading stood still for %.1f s", r.Stood)
	}
	return text
}

// filledFrom says in what a rule differs, and what its windows were filled from.
func filledFrom(r *rules.Reloaded) (text string) {
	if len(r.Keys) > 0 {
		text = ": " + strings.Join(r.Keys, ", ")
	}
	if !r.Since.IsZero() {
		text += fmt.Sprintf("; filled from %s events since %s", n(r.Events), r.Since.Format(time.DateTime))
	}
	return text
}

func (r *refusedReload) print(w *sink, p colours, now time.Time) {
	w.f("       %s\n", p.red("◆ changed, and not judged for "+span(now.Sub(r.Since))+"; the rules of before are:"))
	for line := range strings.Lines(r.Problem) {
		w.f("         %s\n", printable(strings.TrimRight(line, "\n")))
	}
}

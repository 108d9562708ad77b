package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
	"github.com/saypro/veritail/pipeline/spool"
	"github.com/saypro/veritail/reports/figures"
	"github.com/saypro/veritail/reports/mail"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/rules/drill"
	"github.com/saypro/veritail/rules/fleet"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/elastic"
	"github.com/saypro/veritail/storage/state"
)

// ruleIdle is how long a silent file holds up the judgement of the others' events.
const ruleIdle = 2 * time.Second

// A daemon is the wired flow: runner, stages, store, and what reads the store.
type daemon struct {
	cfg        *configs.Daemon
	setup      *setup
	judged     atomic.Pointer[ruleSet]
	reload     reloader
	turns      *turns     // added to by the goroutine that judges
	replays    sync.Mutex // held by the one that runs
	store      storage.Store
	patterns   []source.Pattern
	inputs     []*input
	runner     *pipeline.Runner
	engine     *rules.Engine
	web        net.Listener // of the console
	console    http.Handler
	begun      time.Time
	prometheus *figures.Prometheus // nil: there is none
	drills     *drill.Stage        // stands around the engine
	proven     atomic.Pointer[drill.Results]
	followers  followers
	announcer  *announcer
	records    *state.DB     // what people write
	fleet      *fleet.Runner // of the rules about many hosts; nil, like its lease, where this host judges for itself
	lease      *elastic.Lease
	kept       atomic.Pointer[keptReport] // nil until keep has looked once
	full       atomic.Pointer[[]fullDisk] // nil until watchDisks has looked once
	refused    int64                      // lines in quarantine when keep looked last
	disposed   []state.Disposal           // dropped, and not in the records yet
	mail       *mail.Sender               // nil: there is no server
	clockTold  string                     // id of the last finding of clocks that differ; like refused of keep only
	out        io.Writer
}

// openDaemon wires the daemon; nothing runs yet.
func openDaemon(ctx context.Context, cfg *configs.Daemon, out io.Writer) (d *daemon, err error) {
	files := watch(cfg.Configs, nil) // before they are read: what is changed while they are is noticed
	s, err := checkedSetup(cfg.Configs)
	if err != nil {
		return nil, err
	}
	s.host = cfg.Host
	if err := s.mustPass(); err != nil {
		return nil, err
	}
	changes, err := rules.Changes(s.fs, configs.FS(""))
	if err != nil {
		return nil, err
	}
	if err := makeState(cfg); err != nil {
		return nil, err
	}
	if err := removeStale(cfg.Socket); err != nil {
		return nil, err
	}
	d = &daemon{cfg: cfg, setup: s, begun: time.Now(), out: out}
	if d.prometheus, err = newPrometheus(cfg.Prometheus); err != nil {
		return nil, err
	}
	d.judged.Store(&ruleSet{list: s.rules, changes: changes})
	d.reload.files = files
	d.reload.files.watchLists(cfg.Configs, rules.Lists(s.rules))
	if d.store, err = awaitStore(ctx, cfg, s.schema); err != nil {
		return nil, err
	}
	opened := d
	defer func() {
		if err != nil {
			if opened.web != nil {
				err = errors.Join(err, opened.web.Close())
			}
			for _, in := range opened.inputs {
				err = errors.Join(err, in.close())
			}
			if opened.records != nil {
				err = errors.Join(err, opened.records.Close())
			}
			err = errors.Join(err, opened.store.Close())
		}
	}()
	if d.web, err = net.Listen("tcp", cfg.Console.Listen); err != nil {
		return nil, userErrorf("open the console: %w (another veritail may be running; see console.listen in the configuration)", err)
	}
	if d.patterns, err = followed(cfg, s.set); err != nil {
		return nil, err
	}
	if err := d.openInputs(); err != nil {
		return nil, err
	}
	for _, in := range d.inputs {
		d.patterns = append(d.patterns, in.pattern)
	}
	if d.records, err = state.Open(ctx, recordsFile(cfg)); err != nil {
		return nil, err
	}
	if err := d.checkSchedules(); err != nil {
		return nil, err
	}
	if d.mail, err = newSender(cfg, d.records); err != nil {
		return nil, err
	}
	d.announcer = &announcer{Store: d.store, followers: &d.followers, issues: d.issueTaker(), out: out, console: d.address(), path: cfg.Store.Path}
	d.turns = openTurns(cfg.State)
	kept := d.turns.keep(s.fs, s.rules)
	own, err := d.openFleet(ctx, kept)
	if err != nil {
		return nil, err
	}
	figures, engine, err := s.stages(own, rules.Config{Idle: ruleIdle, AtOnce: true})
	if err != nil {
		return nil, err
	}
	d.engine, d.drills = engine, drill.NewStage(d.judge)
	d.readDrills()
	d.runner = pipeline.New(pipeline.Config{
		Host: cfg.Host, Sources: d.patterns, Decoder: d.decoder,
		Stages: []pipeline.Stage{figures, d.drills}, Store: d.announcer, Quarantined: d.quarantined(),
		Ahead: cfg.Store.Kind == configs.OnElasticsearch, MaxLine: int(cfg.MaxLine),
	})
	if err := d.reseed(ctx, kept); err != nil {
		return nil, err
	}
	d.console, err = d.newConsole()
	return d, err
}

// mustPass refuses rules whose own tests fail.
func (s *setup) mustPass() error {
	_, failures, err := s.check()
	if err != nil {
		return err
	}
	if len(failures) > 0 {
		return userErrorf("%d tests of rules fail, the first:\n%s\nRun veritail check for all of them.", len(failures), failures[0])
	}
	return nil
}

// followed returns what the runner follows: the configured sources, then the well-known ones.
func followed(cfg *configs.Daemon, set *parsers.Set) ([]source.Pattern, error) {
	sources := cfg.Sources
	if cfg.WellKnown {
		known, err := configs.WellKnown()
		if err != nil {
			return nil, err
		}
		sources = append(sources[:len(sources):len(sources)], known...)
	}
	var out []source.Pattern
	for _, s := range sources {
		if err := set.Known(s.Format); err != nil {
			return nil, userErrorf("source %s: %w", s.Dataset, err)
		}
		zone, err := s.Location()
		if err != nil {
			return nil, userErrorf("source %s: %w", s.Dataset, err)
		}
		if err := set.CheckPrefix(s.Prefix); err != nil {
			return nil, userErrorf("source %s: log_line_prefix: %w", s.Dataset, err)
		}
		if err := set.CheckLayout(s.Format, s.Layout); err != nil {
			return nil, userErrorf("source %s: log_format: %w", s.Dataset, err)
		}
		format := s.Format
		if format == configs.Auto {
			format = ""
		}
		for _, p := range s.Paths {
			out = append(out, source.Pattern{Glob: p, Exclude: s.Exclude, Dataset: s.Dataset, Format: format, Site: s.Site, Prefix: s.Prefix, Layout: s.Layout, Zone: zone, Silent: time.Duration(s.Silent), Unended: time.Duration(s.Unended)})
		}
	}
	return out, nil
}

// decoder returns a decoder for a generation. followed has checked its format.
func (d *daemon) decoder(g event.Generation) pipeline.Decoder {
	from := d.patternOf(g)
	host := d.cfg.Host
	if from.Senders {
		host = spool.Sender(g.Path)
	}
	opts := parsers.Options{
		Host: host, Zone: from.Zone, Found: from.Format == "" || from.Format != g.Format, Prefix: from.Prefix, Layout: from.Layout, Live: true,
	}
	if source.Is(g, g.Path) { // else it was rotated, and what has its path is another file
		opts.Near = written(g.Path)
		opts.Reread = func() (io.ReadCloser, error) { return reread(g.Path) }
	}
	dec, err := d.setup.set.NewDecoder(g, opts)
	if err != nil { // the format of an earlier configuration is gone: tell it from the content again
		g.Format = ""
		if dec, err = d.setup.set.NewDecoder(g, opts); err != nil {
			panic(err) // detection needs nothing that could be missing
		}
	}
	return dec
}

// patternOf returns the pattern by which a generation is followed: of several that match its path one that names its
// format, and one that says nothing where none is left.
func (d *daemon) patternOf(g event.Generation) source.Pattern {
	found := source.Pattern{Zone: time.Local}
	for _, p := range d.patterns {
		if ok, err := filepath.Match(p.Glob, g.Path); err != nil || !ok {
			continue
		}
		if p.Format != "" && p.Format == g.Format {
			return p
		}
		if found.Glob == "" {
			found = p
		}
	}
	return found
}

// follow runs the pipeline until ctx ends. What the rules still hold back then is judged after the next start.
func (d *daemon) follow(ctx context.Context) error { return d.runner.Run(ctx) }

// serveConsole serves the console until ctx ends.
func (d *daemon) serveConsole(ctx context.Context) error {
	return serve(ctx, d.web, d.console)
}

// address is where the console answers.
func (d *daemon) address() string { return d.web.Addr().String() }

// serve answers requests on l until ctx ends.
func serve(ctx context.Context, l net.Listener, h http.Handler) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	err := srv.Shutdown(stop)
	if errors.Is(err, context.DeadlineExceeded) {
		err = srv.Close()
	}
	<-done
	return err
}

func (d *daemon) close() error {
	err := errors.Join(d.records.Close(), d.store.Close())
	if rm := os.Remove(d.cfg.Socket); rm != nil && !errors.Is(rm, os.ErrNotExist) {
		err = errors.Join(err, rm)
	}
	return err
}

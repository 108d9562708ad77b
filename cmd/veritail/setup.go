package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/pipeline/source"
	"github.com/saypro/veritail/reports"
	"github.com/saypro/veritail/reports/checks"
	"github.com/saypro/veritail/reports/runbook"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/rules/readiness"
	"github.com/saypro/veritail/rules/transactions"
)

// setup is the configuration that most commands need: formats, rules, KPIs.
type setup struct {
	fs        fs.FS
	schema    *event.Schema
	set       *parsers.Set
	rules     []rules.Rule
	kpis      []kpi.Definition
	reports   []reports.Definition
	deadlocks *transactions.Reports
	sessions  *transactions.Sessions
	readiness []readiness.Check
	runbooks  *runbook.Library
	surveys   []configs.Survey
	checks    []checks.Check
	told      *parsers.Transactions // those of a configuration that is tried; nil: those of set
	host      string
	stops     stops
	prefix    string         // how lines of a format with a prefix begin; empty: guessed
	layout    string         // what lines of a format with a layout look like; empty: as the format knows them
	zone      *time.Location // of stamps in finished files that name none; nil: UTC
}

// loadSetup reads the configuration below dir, the shipped one if dir is empty. Of that, which the project's tests have
// compiled, formats are compiled when they are used first.
func loadSetup(dir string) (*setup, error) {
	if dir == "" {
		return setupOf(dir, parsers.Open)
	}
	return checkedSetup(dir)
}

// checkedSetup is loadSetup with every format compiled: mistakes are reported before anything is done.
func checkedSetup(dir string) (*setup, error) { return setupOf(dir, parsers.Load) }

func setupOf(dir string, load func(fs.FS, *event.Schema) (*parsers.Set, error)) (*setup, error) {
	defer debug.SetGCPercent(debug.SetGCPercent(scanGC)) // what is loaded stays
	s := &setup{fs: configs.FS(dir), schema: event.NewSchema()}
	var err error
	if s.host, err = os.Hostname(); err != nil {
		return nil, fmt.Errorf("ask for this machine's name: %w", err)
	}
	if s.set, err = load(s.fs, s.schema); err != nil {
		return nil, userError{err}
	}
	if s.rules, err = rules.Load(s.fs); err != nil {
		return nil, err
	}
	if s.kpis, err = kpi.Load(s.fs, "kpis.toml", s.schema); err != nil {
		return nil, err
	}
	if s.reports, err = reports.Load(s.fs, "reports.toml", s.kpis); err != nil {
		return nil, err
	}
	if s.deadlocks, err = transactions.Load(s.fs); err != nil {
		return nil, err
	}
	if s.readiness, err = readiness.Load(s.fs); err != nil {
		return nil, err
	}
	if s.sessions, err = transactions.LoadSessions(s.fs); err != nil {
		return nil, err
	}
	if s.runbooks, err = runbook.Load(s.fs); err != nil {
		return nil, err
	}
	if s.surveys, err = configs.LoadSurveys(s.fs); err != nil {
		return nil, err
	}
	if s.checks, err = checks.Load(s.fs, s.schema, s.kpis); err != nil {
		return nil, err
	}
	return s, nil
}

// stages returns the stages of the flow, with some of the rules, and the engine among them.
func (s *setup) stages(list []rules.Rule, cfg rules.Config) (*kpi.Stage, *rules.Engine, error) {
	figures, err := kpi.NewStage(s.kpis)
	if err != nil {
		return nil, nil, userError{err}
	}
	cfg.Schema = s.schema
	engine, err := rules.New(list, cfg)
	if err != nil {
		return nil, nil, userError{err}
	}
	return figures, engine, nil
}

// generation returns the generation of a file that a command reads once.
func (s *setup) generation(path, format string) event.Generation {
	return event.Generation{
		ID: event.GenID(xxhash.Sum64String(s.host + "\x00" + path)), Host: s.host, Path: path, Format: format,
	}
}

// decoder returns a decoder for a file that a command reads once.
func (s *setup) decoder(g event.Generation) (*parsers.Decoder, error) {
	opts := s.options()
	opts.Host, opts.Near, opts.Reread = s.host, written(g.Path), func() (io.ReadCloser, error) { return reread(g.Path) }
	d, err := s.set.NewDecoder(g, opts)
	if err != nil {
		return nil, userError{err}
	}
	return d, nil
}

// written returns when a file was written last, the zero time for what is none or not there.
func written(path string) time.Time {
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		return time.Time{}
	}
	return st.ModTime()
}

// reread opens a regular file once more, to look for the years of its stamps.
func reread(path string) (io.ReadCloser, error) {
	if written(path).IsZero() {
		return nil, fmt.Errorf("%s cannot be read twice", path)
	}
	f, err := source.Open(path, nil)
	if err != nil {
		return nil, err
	}
	if !f.Packed() {
		f.Close()
		return os.Open(path)
	}
	return f, nil
}

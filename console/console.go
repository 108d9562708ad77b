// Package console is Veritail's web console: overview, findings, event search and sources, rendered on the server.
//
// It stands behind the store and beside the way a line goes: it reads a storage.Reader and the daemon's status,
// and nothing waits for it. Every page is plain HTML that works without script; a small script of its own renews
// the live parts and gives keys. Whatever comes from a log line is hostile: it is escaped by html/template, and
// control and direction characters are made visible before a page leaves (see text.go).
package console

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports"
	"github.com/saypro/veritail/reports/chart"
	"github.com/saypro/veritail/reports/figures"
	"github.com/saypro/veritail/reports/runbook"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/rules/transactions"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/state"
)

// Config is what a console is made of. Reader, Schema and Status are required.
type Config struct {
	Reader     storage.Reader
	Schema     *event.Schema                // the fields that queries may name
	KPIs       []kpi.Definition             // the key figures of the overview
	Prometheus *figures.Prometheus          // of which some of them are asked; nil: there is none
	Status     func() Status                // what the daemon does now; called for every page, from any goroutine
	Deadlocks  *transactions.Reports        // how deadlocks are read; nil: none is drawn
	Proofs     string                       // the folder of the runs of deadlocks that were run again
	Sessions   *transactions.Sessions       // how their timelines are made; nil: there are none
	Records    *state.DB                    // the issue log and verdicts; nil: there are no pages of them
	Rules      ReadRules                    // those that are judged; nil: there are no pages of them
	Surveys    []configs.Survey             // that people are asked, where there are Records
	Checks     ReadChecks                   // how they stand; nil, or without Records: there are no pages of them
	Runbooks   func() *runbook.Library      // what to do about findings; nil: there is no help
	Try        func(Trial) ([]Tried, error) // tries patterns on lines, one answer a line; nil: there is no playground
	Formats    []string                     // names that a Trial may have
	Metrics    http.Handler                 // answers /metrics; nil: nothing does
	Reports    []reports.Definition         // the reports that there are
	Scheduled  ReadSchedules                // reports that are made by themselves; nil: there are none
	Make       MakeReport                   // makes one; nil, or without Records: there is no page of them
	Site       string                       // the name of this machine as shown under the product's name
	Hosts      []string                     // names the console may be asked by, beside localhost and loopback addresses
	Version    string
	Log        *slog.Logger     // nil: slog.Default
	Now        func() time.Time // nil: time.Now
}

// keep is how long static files may be kept: a year, for their addresses change with them.
const keep = "max-age=31536000, immutable"

// answerIn bounds the time that a page may take to read the store.
const answerIn = 15 * time.Second

type server struct {
	Config
	pages  pages
	assets string // as assetsID returns it
	attack attack
	help   bool // there are runbooks
	past   history
}

// New returns the console's handler. It is safe for concurrent use; between requests it keeps
// the figures of past days for a while, and nothing else.
func New(c Config) (http.Handler, error) {
	if c.Reader == nil || c.Schema == nil || c.Status == nil {
		return nil, errors.New("console: a reader, a schema and a status are required")
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	help := c.Runbooks != nil
	if !help {
		c.Runbooks = func() *runbook.Library { return nil }
	}
	p, err := parsePages()
	if err != nil {
		return nil, err
	}
	id, err := assetsID()
	if err != nil {
		return nil, err
	}
	names, err := readAttack(configs.FS(""))
	if err != nil {
		return nil, fmt.Errorf("console: names of ATT&CK: %w", err)
	}
	s := &server{Config: c, help: help, pages: p, assets: id, attack: names}
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, fmt.Errorf("console: static files: %w", err)
	}

	r := chi.NewRouter()
	r.Use(guard(c.Hosts), middleware.GetHead, setTheme)
	r.NotFound(s.page("", s.notFound))
	r.Get("/", s.page("overview", s.overview))
	r.Get("/findings", s.page("findings", s.findings))
	r.Get("/findings/{id}", s.page("finding", s.finding))
	r.Get("/search", s.searching)
	if c.Sessions != nil {
		r.Get("/transactions", s.page("transactions", s.timeline))
	}
	if c.Records != nil {
		r.Get("/issues", s.page("issues", s.issues))
		r.Get("/issues/new", s.page("issue-new", s.newIssue))
		r.Post("/issues", s.act("issue-new", s.reportIssue, s.newIssueWith))
		r.Get("/issues/{id}", s.page("issue", s.issue))
		r.Post("/issues/{id}", s.act("issue", s.changeIssue, s.issueWith))
		r.Post("/issues/{id}/rating", s.act("issue", s.rateIssue, s.rateAgain))
		r.Get("/surveys/{id}", s.page("survey", s.survey))
		r.Post("/surveys/{id}", s.act("survey", s.answerSurvey, s.surveyWith))
		r.Get("/problem", s.page("problem", s.problem))
		r.Post("/problem", s.act("problem", s.reportProblem, s.problemWith))
		r.Post("/findings/{id}/verdict", s.act("finding", s.judge, s.judgedAgain))
	}
	if c.Checks != nil && c.Records != nil {
		r.Get("/checks", s.page("checks", s.checks))
		r.Get("/checks/{id}", s.page("check", s.check))
		r.Post("/checks/{id}", s.act("check", s.signCheck, s.checkWith))
	}
	if c.Rules != nil {
		r.Get("/rules", s.page("rules", s.rules))
		r.Get("/rules/{id}", s.page("rule", s.rule))
	}
	r.Get("/sources", s.page("sources", s.sources))
	if c.Try != nil {
		r.Get("/playground", s.page("playground", s.playground))
	}
	if help {
		r.Get("/runbooks", s.page("runbooks", s.runbooks))
		r.Get("/runbooks/{id}", s.page("runbook", s.runbook))
	}
	r.Get("/keys", s.page("keys", s.keys))
	r.Get("/live/overview", s.page("live-overview", s.liveOverview))
	r.Get("/live/strip", s.page("live-strip", s.keys))
	r.Handle("/static/*", http.StripPrefix("/static/", cached(http.FileServerFS(static))))
	r.Get("/chart.css", chartCSS)
	if c.Metrics != nil {
		r.Handle("/metrics", c.Metrics)
	}
	if c.Make != nil && c.Records != nil {
		r.Get("/reports", s.page("reports", s.reports))
		r.Post("/reports", s.act("reports", s.issueReport, s.reportsWith))
		r.Get("/reports/draft", s.draft)
		r.Get("/reports/issued/{id}/{version}/{format}", s.issued)
	}
	return r, nil
}

// view is the one place that says what the reader of a page may see. Roles come here.
func (s *server) view(*http.Request) access.View { return access.All() }

// assetsID names what static files and the charts' style sheet hold: it stands in their addresses, so that a browser
// may keep them and a new version is fetched at once.
func assetsID() (string, error) {
	h := fnv.New64a()
	io.WriteString(h, chart.CSS+transactions.CSS) //nolint:errcheck // a hash takes everything
	err := fs.WalkDir(files, "static", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := files.ReadFile(path)
		h.Write(b)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("console: read static files: %w", err)
	}
	return fmt.Sprintf("%x", h.Sum64()), nil
}

// cached lets the browser keep static files.
func cached(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", keep)
		h.ServeHTTP(w, r)
	})
}

func chartCSS(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", keep)
	io.WriteString(w, chart.CSS+transactions.CSS) //nolint:errcheck // the reader has gone
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/rules/drill"
	"github.com/saypro/veritail/storage/query"
)

// statusReport is what a daemon tells of itself over its socket.
type statusReport struct {
	Version string           `json:"version"`
	PID     int              `json:"pid"`
	Started time.Time        `json:"started"`
	Console string           `json:"console"`
	Totals  totalsReport     `json:"totals"`
	Store   *keptReport      `json:"store,omitempty"`
	Fleet   *fleetReport     `json:"fleet,omitempty"`
	Rules   rulesReport      `json:"rules"`
	Inputs  []inputReport    `json:"inputs,omitempty"`
	Disks   []fullDisk       `json:"full_disks,omitempty"`
	Reports []scheduleReport `json:"scheduled_reports,omitempty"`
	Sources []sourceReport   `json:"sources"`
}

// rulesReport is how many rules are judged, and which are not as they were shipped.
type rulesReport struct {
	Judged  int            `json:"judged"`
	Drill   *drill.Summary `json:"drill,omitempty"` // what is proven; nil: nothing was played yet
	Changes []rules.Change `json:"changes,omitempty"`
	Reload  *reloadReport  `json:"reload,omitempty"`       // the last one since the start
	Refused *refusedReload `json:"refused,omitempty"`      // why what stands in the files is not judged
	Restart []string       `json:"need_restart,omitempty"` // files that have changed and are read at a start only
}

type totalsReport struct {
	Read       int64     `json:"read"`
	Parsed     int64     `json:"parsed"`
	Unparsed   int64     `json:"unparsed"`
	Ignored    int64     `json:"ignored"`
	Stored     int64     `json:"stored"`
	Apart      int64     `json:"quarantined"`
	Pending    int64     `json:"pending"`
	LastCommit time.Time `json:"last_commit"`
	StoreError string    `json:"store_error,omitempty"`
}

type sourceReport struct {
	Path     string  `json:"path"`
	Dataset  string  `json:"dataset"`
	Site     string  `json:"site,omitempty"`
	Format   string  `json:"format"`
	State    string  `json:"state"`
	Error    string  `json:"error,omitempty"`
	Repair   string  `json:"repair,omitempty"`
	Read     int64   `json:"read"`
	Parsed   int64   `json:"parsed"`
	Unparsed int64   `json:"unparsed"`
	Ignored  int64   `json:"ignored"`
	Bytes    int64   `json:"bytes"`
	Cut      int64   `json:"cut"` // records that were longer than they may be
	Stored   int64   `json:"stored"`
	Apart    int64   `json:"quarantined"`
	Pending  int64   `json:"pending"`
	LagBytes int64   `json:"lag_bytes"`
	LagFiles int     `json:"lag_files"`
	LagSize  int64   `json:"lag_files_bytes"` // how large those files are
	LagS     float64 `json:"lag_seconds"`
	Lost     int64   `json:"lost_bytes"`
	Breach   string  `json:"breach,omitempty"` // how its account does not add up
	Nearest  string  `json:"nearest,omitempty"`
	Column   int     `json:"column,omitempty"`

	Sample  *event.Sample `json:"sample,omitempty"` // how sure the format is that was found
	Shapes  []shapeReport `json:"shapes,omitempty"` // of the unparsed lines, most frequent first
	Dropped int64         `json:"dropped_shape_lines,omitempty"`
}

// blind reports whether lines were read and none was understood.
func (s *sourceReport) blind() bool { return s.Parsed == 0 && s.Unparsed > 0 }

func (d *daemon) status() statusReport {
	t := d.runner.Totals()
	r := statusReport{
		Version: version, PID: os.Getpid(), Started: d.begun, Console: d.address(),
		Totals: totalsReport{
			Read: t.Account.Read, Parsed: t.Account.Parsed, Unparsed: t.Account.Unparsed, Ignored: t.Account.Ignored,
			Stored: t.Stored, Apart: t.Quarantined, Pending: t.Pending, LastCommit: t.LastCommit,
		},
	}
	r.Store, r.Fleet, r.Rules = d.kept.Load(), d.fleetReport(time.Now()), d.rulesReport()
	if t.StoreErr != nil {
		r.Totals.StoreError = t.StoreErr.Error()
	}
	for _, in := range d.inputs {
		r.Inputs = append(r.Inputs, in.report())
	}
	if full := d.full.Load(); full != nil {
		r.Disks = *full
	}
	var err error
	if r.Reports, err = d.schedules(context.Background(), time.Now()); err != nil {
		slog.Error("read how the schedules stand", "err", err)
	}
	for _, s := range d.runner.Status() {
		r.Sources = append(r.Sources, d.sourceOf(s))
	}
	return r
}

func (d *daemon) rulesReport() rulesReport {
	set := d.judged.Load()
	r := rulesReport{Judged: len(set.list), Drill: d.drillSummary(set.list), Changes: set.changes, Reload: d.reload.report.Load(), Refused: d.reload.refused.Load()}
	if names := d.reload.restart.Load(); names != nil {
		r.Restart = *names
	}
	return r
}

func (d *daemon) sourceOf(s pipeline.SourceStatus) sourceReport {
	r := sourceReport{
		Path: s.Path, Dataset: s.Dataset, Site: s.Site, Format: s.Told.Format, State: s.State,
		Read: s.Account.Read, Parsed: s.Account.Parsed, Unparsed: s.Account.Unparsed, Ignored: s.Account.Ignored,
		Bytes: s.Account.Bytes, Cut: s.Account.Cut, Stored: s.Stored, Apart: s.Quarantined, Pending: s.Pending,
		LagBytes: s.LagBytes, LagFiles: s.LagFiles, LagSize: s.LagSize, LagS: s.Lag.Seconds(), Lost: s.LostBytes, Breach: s.Breach,
		Shapes: d.setup.shapesOf(s.Told), Dropped: s.Told.Dropped,
	}
	if s.Told.Sample.Lines > 0 {
		r.Sample = &s.Told.Sample
	}
	if r.blind() {
		r.Repair = "veritail suggest " + shellQuote(s.Path)
		if len(r.Shapes) > 0 {
			r.Nearest, r.Column = r.Shapes[0].Nearest, r.Shapes[0].Column
		}
	}
	if s.Err != nil {
		r.Error = s.Err.Error()
		if errors.Is(s.Err, os.ErrPermission) {
			r.Repair = repair(s.Path)
		}
	}
	return r
}

// serveSocket answers the commands of this machine on the unix socket until ctx ends.
func (d *daemon) serveSocket(ctx context.Context) error {
	l, err := net.Listen("unix", d.cfg.Socket)
	if err != nil {
		return fmt.Errorf("open the socket: %w", err)
	}
	if err := os.Chmod(d.cfg.Socket, 0o600); err != nil {
		return errors.Join(fmt.Errorf("protect the socket: %w", err), l.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { answer(w, d.status()) })
	mux.HandleFunc("GET /search", answerAsked(d.search))
	mux.HandleFunc("GET /finding", answerAsked(d.finding))
	mux.HandleFunc("GET /deadlock", answerAsked(d.deadlock))
	mux.HandleFunc("GET /timeline", answerAsked(d.timeline))
	mux.HandleFunc("GET /explain", answerAsked(d.explain))
	mux.HandleFunc("GET /doctor", answerAsked(d.doctor))
	mux.HandleFunc("GET /replay", answerAsked(d.replay))
	mux.HandleFunc("GET /follow", d.answerFollow)
	mux.HandleFunc("GET /sql", answerAsked(d.sql))
	mux.HandleFunc("POST /redrive", d.answerRedrive)
	mux.HandleFunc("POST /check", d.answerCheck)
	mux.HandleFunc("GET /report", answerAsked(d.report))
	mux.HandleFunc("GET /checks", answerAsked(d.checklist))
	mux.HandleFunc("POST /archive", d.answerArchive)
	mux.HandleFunc("POST /backup", d.answerBackup)
	mux.HandleFunc("GET /drill", func(w http.ResponseWriter, _ *http.Request) { answer(w, d.drilled()) })
	mux.HandleFunc("POST /drill", d.answerDrill)
	return serve(ctx, l, mux)
}

// removeStale removes a socket that no daemon listens on.
func removeStale(path string) error {
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		conn.Close()
		return userErrorf("another veritail answers on %s; stop it first, or give this one a state directory of its own", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return nil
}

// answerError is the body of an answer that is no success.
type answerError struct {
	Message string `json:"error"`
	Column  int    `json:"column,omitempty"`
	Repair  string `json:"repair,omitempty"`
}

// Error returns what is wrong.
func (e *answerError) Error() string { return e.Message }

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		return // the client has gone
	}
}

func refuse(w http.ResponseWriter, status int, err error) {
	w.WriteHeader(status)
	body := answerError{Message: err.Error()}
	answer(w, body)
}

var errNoDaemon = errors.New("no daemon answers")

// A client asks a running daemon over its socket.
type client struct {
	cfg    *configs.Daemon
	socket string
	http   *http.Client
}

// dial returns a client of the daemon that the configuration describes.
func dial(configFile string) (*client, error) {
	cfg, err := configs.LoadDaemon(configFile)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: 5 * time.Second}
	return &client{cfg, cfg.Socket, &http.Client{
		Timeout: 5 * time.Minute,
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", cfg.Socket)
		}},
	}}, nil
}

// stream is get for an answer that has no end.
func (c *client) stream(ctx context.Context, path string, q url.Values) (io.ReadCloser, error) {
	endless := *c
	endless.http = &http.Client{Transport: c.http.Transport}
	return endless.get(ctx, path, q)
}

// post tells the daemon to do something, however long it takes, and decodes its answer into v.
func (c *client) post(ctx context.Context, path string, q url.Values, v any) error {
	patient := *c
	patient.http = &http.Client{Transport: c.http.Transport}
	body, err := patient.do(ctx, http.MethodPost, path, q)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	return nil
}

// get asks for path and returns the body, which the caller closes.
func (c *client) get(ctx context.Context, path string, q url.Values) (io.ReadCloser, error) {
	return c.do(ctx, http.MethodGet, path, q)
}

func (c *client) do(ctx context.Context, method, path string, q url.Values) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://daemon"+path+"?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	res, err := c.http.Do(req)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return nil, userErrorf("%w on %s; start it with veritail run", errNoDaemon, c.socket)
		}
		return nil, fmt.Errorf("ask the daemon: %w", err)
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	var body answerError
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil {
		return nil, fmt.Errorf("ask the daemon: status %d", res.StatusCode)
	}
	if body.Column > 0 {
		return nil, userError{queryFault(q.Get("q"), body)}
	}
	if res.StatusCode == http.StatusBadRequest {
		return nil, userError{errors.New(body.Message)}
	}
	return nil, errors.New(body.Message)
}

// queryFault shows where in the query the fault is.
func queryFault(text string, f answerError) error {
	e := query.Error{Pos: f.Column, Msg: f.Message, Repair: f.Repair}
	return errors.New("the query is not understood\n" + e.Show(text))
}

// ask decodes the JSON answer to path into v.
func (c *client) ask(ctx context.Context, path string, q url.Values, v any) error {
	body, err := c.get(ctx, path, q)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := json.NewDecoder(body).Decode(v); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	return nil
}

package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/saypro/veritail/reports"
	"github.com/saypro/veritail/reports/document"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/storage/state"
)

// A madeReport is what a daemon answers that was asked for a report: the document in each format.
type madeReport struct {
	Document string       `json:"document"` // its id
	Version  int          `json:"version"`  // 0: a draft, which is not kept
	Name     string       `json:"name"`
	Period   string       `json:"period"`
	Files    []reportFile `json:"files"`
	Notes    []string     `json:"notes,omitempty"` // what is not as it was asked for
}

// A reportFile is a document in one format.
type reportFile struct {
	Format document.Format `json:"format"`
	SHA256 string          `json:"sha256"`
	Data   []byte          `json:"data,omitempty"`
	Path   string          `json:"file,omitempty"` // where it was written
	size   int
}

// report makes the report that is asked for:
//
//	id      of the report; without it the first one
//	day     a day of the period; without it today
//	period  day, week or month; without it the report's own
//	from to instead of these the bounds of any period
//	site    whose; without it this machine's
//	format  html, pdf, …, several with commas; without it those of the report
//	issue   the number of an issue, or
//	finding the id of a finding, that a review is about
//	by      who makes it
//	exact   percentiles of the events themselves
//	draft   it is not kept
func (d *daemon) report(ctx context.Context, asked url.Values) (madeReport, error) {
	def, err := d.setup.report(asked.Get("id"))
	if err != nil {
		return madeReport{}, err
	}
	formats, err := wantedFormats(def, asked.Get("format"))
	if err != nil {
		return madeReport{}, err
	}
	db, done, err := d.openRecords(ctx)
	if err != nil {
		return madeReport{}, err
	}
	defer done()
	req, err := d.reportRequest(ctx, db, def, asked)
	if err != nil {
		return madeReport{}, err
	}
	if req.Lines, err = d.lines(ctx, req.Site); err != nil {
		return madeReport{}, err
	}
	doc, err := reports.Build(ctx, d.store, access.All(), def, req)
	if err != nil {
		return madeReport{}, err
	}
	if asked.Get("draft") == "" {
		return keepReport(ctx, db, doc, formats, req.Site)
	}
	doc.Version = "draft"
	return writtenReport(ctx, doc, 0, formats)
}

// report returns the definition with an id, the first one for "".
func (s *setup) report(id string) (*reports.Definition, error) {
	if id == "" && len(s.reports) > 0 {
		return &s.reports[0], nil
	}
	def, near := reports.Find(s.reports, id)
	if def != nil {
		return def, nil
	}
	if near != "" {
		return nil, &answerError{Message: fmt.Sprintf("there is no report %q; did you mean %q?", id, near)}
	}
	return nil, &answerError{Message: fmt.Sprintf("there is no report %q; veritail report list shows them", id)}
}

func wantedFormats(def *reports.Definition, text string) ([]document.Format, error) {
	if text == "" {
		return def.Formats, nil
	}
	var out []document.Format
	for _, name := range listed(text) {
		f := document.Format(strings.ToLower(name))
		if !f.Known() {
			return nil, &answerError{Message: fmt.Sprintf("there is no format %q; want %s", name, strings.Join(document.FormatNames(), ", "))}
		}
		out = append(out, f)
	}
	return out, nil
}

// wantedPeriod returns the period that is asked for, and of what length it is; "" for any.
func wantedPeriod(def *reports.Definition, asked url.Values, now time.Time) (reports.Length, query.Interval, error) {
	if asked.Get("from") != "" || asked.Get("to") != "" {
		period, err := reports.Between(asked.Get("from"), asked.Get("to"), now)
		return "", period, fault(err)
	}
	length := def.Period
	if l := reports.Length(asked.Get("period")); l != "" {
		if length = l; !l.Known() {
			return "", query.Interval{}, &answerError{Message: fmt.Sprintf("a period is day, week or month, not %q", l)}
		}
	}
	within, err := day(asked.Get("day"), now)
	if err != nil {
		return "", query.Interval{}, fault(err)
	}
	return length, length.During(time.UnixMicro(within.From), now), nil
}

// fault is an error of what was asked, for an answer.
func fault(err error) error {
	if err == nil {
		return nil
	}
	return &answerError{Message: err.Error()}
}

// reportRequest says what a report is to be about.
func (d *daemon) reportRequest(ctx context.Context, db *state.DB, def *reports.Definition, asked url.Values) (reports.Request, error) {
	req := reports.Request{
		Subject: d.cfg.Host, PreparedBy: cmp.Or(asked.Get("by"), "Veritail "+version), Made: time.Now().UTC(),
		Defs: d.setup.kpis, Prometheus: d.prometheus, Events: d.store, Exact: asked.Get("exact") != "",
		Databases: reports.Databases{Schema: d.setup.schema, Sessions: d.setup.sessions, Reports: d.setup.deadlocks}, Records: db, Site: asked.Get("site"),
	}
	if req.Site != "" {
		req.Subject = "site " + req.Site
	}
	if d.web != nil {
		req.Console = "http://" + d.address()
	}
	if def.Period == reports.Incident {
		if err := d.incident(ctx, db, def, asked, &req); err != nil {
			return req, err
		}
	} else {
		length, period, err := wantedPeriod(def, asked, time.Now())
		if err != nil {
			return req, err
		}
		req.ID, req.Period, req.Previous = def.DocumentID(length, period, req.Site), period, length.Before(period)
	}
	req.Occurrences = func(ctx context.Context) (map[string]map[string]int64, error) {
		return d.occurrences(ctx, req.Site, req.Period)
	}
	return req, nil
}

// incident makes a report about an issue, or a finding.
func (d *daemon) incident(ctx context.Context, db *state.DB, def *reports.Definition, asked url.Values, req *reports.Request) error {
	number, finding := int64(0), asked.Get("finding")
	if text := asked.Get("issue"); text != "" {
		var err error
		if number, err = issueNumber(text); err != nil {
			return fault(err)
		}
	}
	if number == 0 && finding == "" {
		return &answerError{Message: fmt.Sprintf("a %s is about an issue or a finding: say which", strings.ToLower(def.Name))}
	}
	e, err := reports.ReadEvent(ctx, d.store, access.All(), db, number, finding, time.Now())
	if errors.Is(err, reports.ErrNoEvent) {
		return fault(err)
	}
	if err != nil {
		return err
	}
	req.ID, req.Subject, req.Site, req.Event = def.EventID(e), e.Title, e.Site, e
	req.Period, req.Previous = e.Period, reports.Length("").Before(e.Period)
	return nil
}

// writtenReport writes a document in formats. Where a PDF cannot be printed the page is written that any browser prints.
func writtenReport(ctx context.Context, doc *document.Document, version int, formats []document.Format) (madeReport, error) {
	m := madeReport{Document: doc.ID, Version: version, Name: doc.Name, Period: doc.Period.String()}
	have := map[document.Format]bool{}
	for _, f := range formats {
		var b bytes.Buffer
		err := doc.Write(ctx, &b, f)
		if errors.Is(err, document.ErrNoBrowser) {
			m.Notes = append(m.Notes, err.Error()+": the HTML page is written instead, which a browser prints the same")
			f, err = document.HTML, doc.WriteHTML(&b)
		}
		if err != nil {
			return m, err
		}
		if !have[f] {
			m.Files = append(m.Files, reportFile{Format: f, SHA256: state.Digest(b.Bytes()), Data: b.Bytes()})
		}
		have[f] = true
	}
	return m, nil
}

// makeReport makes a report for the console.
func (d *daemon) makeReport(ctx context.Context, asked url.Values) (state.Issued, []string, error) {
	made, err := d.report(ctx, asked)
	if fault := (*answerError)(nil); errors.As(err, &fault) {
		return state.Issued{}, nil, fmt.Errorf("%w: %s", state.ErrRefused, fault.Message)
	}
	out := state.Issued{Document: made.Document, Version: made.Version, Name: made.Name}
	for _, f := range made.Files {
		out.Files = append(out.Files, state.IssuedFile{Format: string(f.Format), SHA256: f.SHA256, Bytes: int64(len(f.Data)), Data: f.Data})
	}
	return out, made.Notes, err
}

// openRecords returns the records, nil where no daemon runs and there are none. done has to be called.
func (d *daemon) openRecords(ctx context.Context) (db *state.DB, done func(), err error) {
	if d.records != nil {
		return d.records, func() {}, nil
	}
	db, err = state.Open(ctx, recordsFile(d.cfg))
	if err != nil {
		return nil, nil, err
	}
	return db, func() {
		_ = db.Close() // what was written is durable
		_, _ = embedded.GiveToOwner(recordsFile(d.cfg))
	}, nil
}

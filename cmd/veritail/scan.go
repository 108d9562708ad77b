package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/reports/figures"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/memory"
	"github.com/saypro/veritail/storage/query"
)

// allFindings is a bound that no scan's findings reach.
const allFindings = math.MaxInt32

func scanCommand() *cobra.Command {
	var asJSON bool
	var report string
	var in reading
	c := &cobra.Command{
		Use:   "scan FILE...",
		Short: "Analyse finished logs: findings, counts and key figures",
		Long: `Scan reads finished logs (plain, .gz, .zst, .bz2, or -: standard input) as one stream by
event time, and prints findings, counts and key figures. It needs no daemon and
stores nothing.

Exit status: 0 if anything was understood, with or without findings; 1 if a file
could not be read or no line was understood; 2 for an error of Veritail itself.`,
		Example: `  veritail scan /var/log/auth.log
  veritail scan -report day.html nginx/access.log nginx/error.log
  zcat old.gz | veritail scan -json -`,
		Args: wants(1, 0, "files to read, or - for standard input"),
		RunE: func(cmd *cobra.Command, paths []string) error {
			s, err := in.load()
			if err != nil {
				return err
			}
			r, err := scanFiles(cmd.Context(), s, paths, in.format, cmd.InOrStdin(), cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if report != "" {
				if err := r.writeReport(cmd.Context(), report); err != nil {
					return err
				}
			}
			if asJSON {
				err = r.printJSON(cmd.OutOrStdout())
			} else {
				err = r.printText(cmd.OutOrStdout(), report)
			}
			if err != nil {
				return fmt.Errorf("print the result: %w", err)
			}
			return r.status(cmd.ErrOrStderr())
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object a line; the last is the summary")
	c.Flags().StringVar(&report, "report", "", "also write the report to this HTML `file`")
	in.flags(c)
	return c
}

// scanResult is what a scan found.
type scanResult struct {
	setup    *setup
	files    []pipeline.ScannedFile
	findings []event.Finding
	figures  []kpi.Figure
	counts   map[string]map[string]int64 // rule → group → occurrences
	store    *memory.Store
	period   query.Interval // of the events, to the minute; where no line was understood, of when the files were written
	unparsed query.Interval // of what was not understood
	took     time.Duration
}

// scanGC lets the heap of a scan grow to five times what is alive before garbage is collected: little is alive, and what
// it reads passes quickly.
const scanGC = 400

func scanFiles(ctx context.Context, s *setup, paths []string, format string, stdin io.Reader, stderr io.Writer) (*scanResult, error) {
	begun := time.Now()
	defer debug.SetGCPercent(debug.SetGCPercent(scanGC))
	figures, engine, err := s.stages(s.rules, rules.Config{Tally: true})
	if err != nil {
		return nil, err
	}
	r := &scanResult{setup: s, store: memory.New()}
	var gens []event.Generation
	for _, p := range paths {
		gens = append(gens, s.generation(p, format))
	}
	bar := newProgress(stderr, totalSize(paths))
	defer bar.end()
	scan := pipeline.Scan{
		Decoder: func(g event.Generation) (pipeline.Decoder, error) { return s.decoder(g) },
		Stages:  []pipeline.Stage{figures, engine, pipeline.StageFunc(r.span)},
		Commit:  r.store.Commit,
		Read:    bar.add,
		Stdin:   stdin,
	}
	if r.files, err = scan.Run(ctx, gens); err != nil {
		return nil, err
	}
	if r.period == (query.Interval{}) {
		r.period = r.unparsed
	}
	r.counts = engine.Tally()
	if r.findings, err = r.store.Findings(ctx, access.All(), storage.FindingQuery{Limit: allFindings}); err != nil {
		return nil, err
	}
	if r.figures, err = r.evaluate(ctx); err != nil {
		return nil, err
	}
	r.took = time.Since(begun)
	return r, nil
}

// span widens the period of the scan to the events of a commit.
func (r *scanResult) span(_ context.Context, c *event.Commit) error {
	for _, p := range c.Pages {
		for i := range p.N {
			if p.Unparsed.Has(i) {
				r.unparsed = widen(r.unparsed, p.Time(i))
			} else {
				r.period = widen(r.period, p.Time(i))
			}
		}
	}
	return nil
}

// widen returns i, widened to hold the minute of t.
func widen(i query.Interval, t int64) query.Interval {
	const minute = 60_000_000
	if i.From == 0 || t < i.From {
		i.From = t - t%minute
	}
	if t >= i.To {
		i.To = t - t%minute + minute
	}
	return i
}

func (r *scanResult) evaluate(ctx context.Context) ([]kpi.Figure, error) {
	return figures.Read(ctx, r.store, access.All(), figures.Request{Defs: r.setup.kpis, Period: r.period, Every: kpi.Step(r.period)})
}

// status returns the error that a scan ends with: of a file that could not be read, or when nothing was understood.
func (r *scanResult) status(stderr io.Writer) error {
	var err error
	understood := int64(0)
	for _, f := range r.files {
		understood += f.Account.Parsed
		if f.Err != nil {
			fmt.Fprintf(stderr, "veritail: %v\n", f.Err)
			err = errQuiet
		}
	}
	if err == nil && understood == 0 {
		for _, f := range r.files {
			fmt.Fprintf(stderr, "veritail: %s: read %d, understood 0%s\n", f.Path, f.Account.Read, nearestOf(r.setup.shapesOf(f.Told)))
		}
		err = errQuiet
	}
	return err
}

type jsonEvidence struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Length int32  `json:"length"`
}

type jsonFile struct {
	Path     string `json:"path"`
	Format   string `json:"format"`
	Lines    int64  `json:"lines"`
	Parsed   int64  `json:"parsed"`
	Unparsed int64  `json:"unparsed"`
	Ignored  int64  `json:"ignored"`
	Error    string `json:"error,omitempty"`

	Sample *event.Sample `json:"sample,omitempty"` // how sure the format is that was found
	Shapes []shapeReport `json:"shapes,omitempty"` // of the unparsed lines, most frequent first
}

// printJSON prints the findings, oldest first, and the summary last.
func (r *scanResult) printJSON(w io.Writer) error {
	buf := bufio.NewWriterSize(w, 64<<10)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	for i := len(r.findings) - 1; i >= 0; i-- {
		if err := enc.Encode(findingJSON(&r.findings[i])); err != nil {
			return err
		}
	}
	files := []jsonFile{}
	for _, f := range r.files {
		jf := jsonFile{
			Path: f.Path, Format: f.Told.Format, Lines: f.Account.Read, Parsed: f.Account.Parsed, Unparsed: f.Account.Unparsed,
			Ignored: f.Account.Ignored, Shapes: r.setup.shapesOf(f.Told),
		}
		if f.Told.Sample.Lines > 0 {
			jf.Sample = &f.Told.Sample
		}
		if f.Err != nil {
			jf.Error = f.Err.Error()
		}
		files = append(files, jf)
	}
	figures := map[string]kpi.Figure{}
	for _, f := range r.figures {
		figures[f.ID] = f
	}
	counts := map[string]int64{}
	for rule, groups := range r.counts {
		for _, n := range groups {
			counts[rule] += n
		}
	}
	err := enc.Encode(map[string]any{
		"kind": "summary", "files": files, "counts": counts, "groups": r.counts, "kpis": figures,
	})
	if err != nil {
		return err
	}
	return buf.Flush()
}

// jsonFinding is a finding as scan prints it.
type jsonFinding struct {
	Kind     string            `json:"kind"`
	ID       string            `json:"id"`
	Rule     string            `json:"rule"`
	Severity string            `json:"severity"`
	Priority string            `json:"priority,omitempty"`
	Tags     []string          `json:"tags,omitempty"`
	Title    string            `json:"title"`
	Message  string            `json:"message,omitempty"`
	Group    map[string]string `json:"group"`
	Count    int64             `json:"count"`
	First    string            `json:"first"`
	Last     string            `json:"last"`
	Evidence []jsonEvidence    `json:"evidence"`
}

func findingJSON(f *event.Finding) jsonFinding {
	out := jsonFinding{
		Kind: "finding", ID: f.ID, Rule: f.Rule, Severity: f.Severity, Priority: f.Priority, Tags: f.Tags, Title: f.Title, Message: f.Message,
		Group: map[string]string{}, Count: f.Count, First: rfc3339(f.First), Last: rfc3339(f.Last), Evidence: make([]jsonEvidence, 0, len(f.Evidence)),
	}
	for _, g := range f.Group {
		out.Group[g.Field] = g.Value
	}
	for _, e := range f.Evidence {
		for _, s := range e.Spans {
			out.Evidence = append(out.Evidence, jsonEvidence{e.Path, s.Off, s.Len})
		}
	}
	return out
}

func rfc3339(t int64) string { return time.UnixMicro(t).UTC().Format("2006-01-02T15:04:05.000000Z") }

func totalSize(paths []string) int64 {
	var n int64
	for _, p := range paths {
		if st, err := os.Stat(p); err == nil {
			n += st.Size()
		}
	}
	return n
}

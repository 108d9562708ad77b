package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/embedded"
)

func repairCommand() *cobra.Command {
	var check, asJSON bool
	var copies, configFile string
	c := &cobra.Command{
		Use:   "repair",
		Short: "Read all of the store, and mend one that is damaged",
		Long: `Repair opens the embedded store and reads every block of it. A sound one stays as
it is. Of a damaged one it keeps the files as they are, and then

  cuts a WAL (events.duckdb.wal) where it is damaged: the next start of the daemon
  reads the lines that were behind again from their log files;

  copies what can be read of a damaged database to a new one, and reads the lines
  of the events that are missing again from their log files, rotated ones too;

  begins a new store where nothing can be read: the daemon then reads all log
  files that are there from their beginning. Sealed days are kept with the old one.

What was wrong becomes a finding. The daemon must not run, except for -check,
which only looks: at the rows, counts, marks, ids and files of the store.

Exit status: 0 the store is sound, or was mended and nothing is lost; 1 events are
lost, -check found problems, or another error you can mend; 2 an error of Veritail
or its machine.`,
		Example: `  veritail repair -check
  veritail repair -config /etc/veritail/veritail.toml
  veritail repair -copies /mnt/spare`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var done interface {
				print(io.Writer) error
				well() bool
			}
			var err error
			if check {
				done, err = checkStore(cmd.Context(), configFile)
			} else {
				done, err = repairStore(cmd.Context(), configFile, copies)
			}
			if err != nil {
				return err
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				err = enc.Encode(done)
			} else {
				err = done.print(cmd.OutOrStdout())
			}
			if err != nil {
				return fmt.Errorf("print what was done: %w", err)
			}
			if !done.well() {
				return errQuiet
			}
			return nil
		},
	}
	c.Flags().BoolVar(&check, "check", false, "only look, through the running daemon or without one")
	c.Flags().StringVar(&copies, "copies", "", "`folder` for copies of the damaged files (default: beside the store)")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	c.MarkFlagsMutuallyExclusive("check", "copies")
	if err := c.MarkFlagDirname("copies"); err != nil {
		panic(err) // the flag stands above
	}
	return c
}

// checkedStore is what a check found.
type checkedStore struct {
	Events   int64    `json:"events"`
	Bytes    int64    `json:"bytes"`
	Problems []string `json:"problems"`
}

func (r *checkedStore) well() bool { return len(r.Problems) == 0 }

func (r *checkedStore) print(out io.Writer) error {
	w := &sink{w: out}
	for _, p := range r.Problems {
		w.f("%s\n", printable(p))
	}
	w.f("%s events, %s: %s.\n", n(r.Events), size(r.Bytes), map[bool]string{true: "the store is sound", false: n(int64(len(r.Problems))) + " problems"}[r.well()])
	return w.err
}

// checkStore asks the daemon, or without one its store.
func checkStore(ctx context.Context, configFile string) (*checkedStore, error) {
	c, err := dial(configFile)
	if err != nil {
		return nil, err
	}
	done := &checkedStore{}
	if err := c.post(ctx, "/check", nil, done); !errors.Is(err, errNoDaemon) {
		return done, err
	}
	if !storeThere(c.cfg) {
		return nil, userErrorf("there is no store in %s", c.cfg.Store.Path)
	}
	err = withStore(ctx, c.cfg, func(d *daemon) (err error) {
		done, err = d.check(ctx)
		return err
	})
	return done, err
}

func (d *daemon) check(ctx context.Context) (*checkedStore, error) {
	r, err := d.store.Check(ctx)
	if r.Problems == nil {
		r.Problems = []string{}
	}
	return &checkedStore{r.Events, r.Bytes, r.Problems}, err
}

func (d *daemon) answerCheck(w http.ResponseWriter, r *http.Request) {
	done, err := d.check(r.Context())
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	answer(w, done)
}

// repaired is what a repair has done.
type repaired struct {
	Done   []string     `json:"done"`           // what was done, a sentence each
	Kept   []string     `json:"kept"`           // where the files are as they were
	Again  []string     `json:"again"`          // what the daemon reads again
	Filled int64        `json:"events_back"`    // that were read again from the log files
	Lost   []lostEvents `json:"lost,omitempty"` // that were not
}

type lostEvents struct {
	Day    string `json:"day"`
	Path   string `json:"path"`
	Events int64  `json:"events"`
}

func (r *repaired) well() bool { return len(r.Lost) == 0 }

func (r *repaired) print(out io.Writer) error {
	w, p := &sink{w: out}, palette(out)
	if len(r.Done)+len(r.Again) == 0 {
		w.f("%s The store is sound; nothing was changed.\n", p.green("●"))
		return w.err
	}
	for _, text := range append(r.Done, r.Again...) {
		w.f("%s\n", printable(text))
	}
	if r.Filled > 0 {
		w.f("%s events that were missing were read again from their log files.\n", n(r.Filled))
	}
	for _, l := range r.Lost {
		w.f("%s\n", p.red(fmt.Sprintf("◆ %s events of %s, %s, are lost: their log files are gone, or say something else now.", n(l.Events), l.Path, l.Day)))
	}
	for _, path := range r.Kept {
		w.f("kept  %s\n", path)
	}
	w.f("The store can be used again. Start the daemon; once all is well, remove what was kept.\n")
	return w.err
}

// repairStore repairs the store of a configuration whose daemon does not run.
func repairStore(ctx context.Context, configFile, copies string) (_ *repaired, err error) {
	c, err := dial(configFile)
	if err != nil {
		return nil, err
	}
	if c.cfg.Store.Kind == configs.OnElasticsearch {
		return nil, userErrorf("veritail repair works on the embedded store; %w", errElsewhere)
	}
	if err := c.ask(ctx, "/status", nil, new(statusReport)); !errors.Is(err, errNoDaemon) {
		return nil, userErrorf("the daemon has the store open; stop it first, or use veritail repair -check")
	}
	if !storeThere(c.cfg) {
		return nil, userErrorf("there is no store in %s", c.cfg.Store.Path)
	}
	s, err := loadSetup(c.cfg.Configs)
	if err != nil {
		return nil, err
	}
	if copies == "" {
		copies = c.cfg.Store.Path
	} else if copies, err = filepath.Abs(copies); err != nil {
		return nil, err
	}
	now := time.Now()
	st, r, err := embedded.Repair(ctx, embeddedConfig(c.cfg, s.schema), copies, now)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	done := &repaired{Done: append([]string{}, r.Done...), Kept: append([]string{}, r.Kept...), Again: []string{}}
	for _, f := range st.Doubts() {
		done.Again = append(done.Again, f.Message+" "+f.Runbook)
	}
	if len(r.Holes) > 0 {
		d := &daemon{cfg: c.cfg, setup: s, store: st}
		if err := d.fill(ctx, st, r.Holes, done, now); err != nil {
			return nil, err
		}
	}
	return done, nil
}

// fill reads what is missing again, and stores a finding of what is not to be had.
func (d *daemon) fill(ctx context.Context, st *embedded.Store, holes []embedded.Hole, done *repaired, now time.Time) error {
	left, err := d.readAgain(ctx, st, holes)
	if err != nil {
		return fmt.Errorf("read again what could not be read in the store: %w", err)
	}
	lost := int64(0)
	for _, h := range left {
		lost += h.Events
		done.Lost = append(done.Lost, lostEvents{h.Day, h.Path, h.Events})
	}
	for _, h := range holes {
		done.Filled += h.Events
	}
	if done.Filled -= lost; lost == 0 {
		return nil
	}
	at := now.UnixMicro()
	_, err = st.Commit(ctx, &event.Commit{Batch: &event.Batch{}, Findings: []event.Finding{{
		ID: "store-lost-" + now.UTC().Format("20060102T150405.000"), Rule: "veritail.store", Severity: "high", Audience: []string{"operator", "security"},
		Title:      "Events were lost with a damaged store",
		Message:    fmt.Sprintf("%s events could not be read in the damaged store, and their log files are gone. Findings and figures still tell of them.", n(lost)),
		References: ownRunbook, Runbook: "Bring the log files back from a backup, if there is one: veritail scan reads them.",
		Count: lost, Time: at, First: at, Last: at,
	}}})
	return err
}

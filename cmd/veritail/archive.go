package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/archive"
)

func archiveCommand() *cobra.Command {
	var a archiveAsk
	var asJSON bool
	var configFile string
	c := &cobra.Command{
		Use:   "archive DIRECTORY",
		Short: "Copy days of events to a directory with a manifest, check them, and bring them back",
		Long: `Archive copies the days that have ended into a directory: Parquet files, and
manifest.json with the rows, bytes, SHA-256, times and log files of each. Days
that are not sealed yet are sealed first. A day that is in the directory already
is replaced if the store has all of its events, and else nothing is done.

With -restore the days of an archive become searchable again, after every file
has been compared with the manifest; if one differs, nothing is restored and the
differences are named. They stay for as long as events are kept (retention.events),
counted from then on. With -check the files are compared and nothing else is done.

The running daemon does the work; without one the command opens the store itself.

Exit status: 0 done; 1 an archive that is refused, or another error you can mend;
2 an error of Veritail or its machine.`,
		Example: `  veritail archive /srv/archive/veritail
  veritail archive -from 2026-11-01 -to 2026-11-30 -json /srv/archive/november
  veritail archive -check /srv/archive/november
  veritail archive -restore -from 2026-11-24 -to 2026-11-24 /srv/archive/november`,
		Args:              wants(1, 1, "one DIRECTORY"),
		ValidArgsFunction: directories,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.fill(args[0]); err != nil {
				return err
			}
			done, err := a.run(cmd.Context(), configFile)
			if err != nil {
				return err
			}
			if done.Files == nil {
				done.Files = []archive.File{}
			}
			if asJSON {
				enc := json.NewEncoder(cmd.OutOrStdout())
				enc.SetIndent("", "  ")
				err = enc.Encode(done)
			} else {
				err = done.print(cmd.OutOrStdout(), a)
			}
			if err != nil {
				return fmt.Errorf("print what was done: %w", err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&a.from, "from", "", "the first `day`, as 2026-11-24")
	c.Flags().StringVar(&a.to, "to", "", "the last `day`")
	c.Flags().BoolVar(&a.restore, "restore", false, "bring the days back into the store")
	c.Flags().BoolVar(&a.check, "check", false, "only compare the files with the manifest")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	c.MarkFlagsMutuallyExclusive("restore", "check")
	return c
}

// directories lets a shell complete names of directories.
func directories(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// archiveAsk is what is to be done.
type archiveAsk struct {
	dir, from, to  string
	restore, check bool
}

// archived is what was done.
type archived struct {
	Directory string         `json:"directory"`
	Files     []archive.File `json:"files"`
	Had       []archive.File `json:"already_there,omitempty"` // whose events the store had
}

func (a *archiveAsk) fill(dir string) error {
	for _, day := range []string{a.from, a.to} {
		if _, err := time.Parse(time.DateOnly, day); err != nil && day != "" {
			return userErrorf("-from and -to want days such as 2026-11-24, not %q", day)
		}
	}
	var err error
	a.dir, err = filepath.Abs(dir) // the daemon was started elsewhere
	return err
}

func (a *archiveAsk) run(ctx context.Context, configFile string) (*archived, error) {
	if a.check {
		done, err := a.checked()
		return done, mendable(err)
	}
	c, err := dial(configFile)
	if err != nil {
		return nil, err
	}
	done := &archived{}
	err = c.post(ctx, "/archive", a.values(), done)
	if !errors.Is(err, errNoDaemon) {
		return done, err
	}
	if !storeThere(c.cfg) && !a.restore {
		return nil, err
	}
	if err := makeState(c.cfg); err != nil {
		return nil, err
	}
	err = withStore(ctx, c.cfg, func(d *daemon) (err error) {
		done, err = d.archive(ctx, *a)
		return err
	})
	return done, mendable(err)
}

// mendable marks errors that are of an archive or a backup, or of the place for one, not of Veritail.
func mendable(err error) error {
	if errors.As(err, new(archive.Problems)) {
		return userError{err}
	}
	for _, target := range []error{errElsewhere, storage.ErrFull, syscall.ENOSPC, fs.ErrExist, fs.ErrNotExist, fs.ErrPermission} {
		if errors.Is(err, target) {
			return userError{err}
		}
	}
	return err
}

func (a *archiveAsk) values() url.Values {
	v := url.Values{"dir": {a.dir}, "from": {a.from}, "to": {a.to}}
	if a.restore {
		v.Set("restore", "1")
	}
	return v
}

func (a *archiveAsk) checked() (*archived, error) {
	m, err := archive.Read(a.dir)
	if err != nil {
		return nil, err
	}
	done := &archived{Directory: a.dir, Files: m.Between(a.from, a.to)}
	problems, err := archive.Check(a.dir, done.Files)
	if err == nil && len(problems) > 0 {
		err = problems
	}
	return done, err
}

func (d *daemon) answerArchive(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	done, err := d.archive(r.Context(), archiveAsk{dir: q.Get("dir"), from: q.Get("from"), to: q.Get("to"), restore: q.Has("restore")})
	switch {
	case errors.As(mendable(err), new(userError)):
		refuse(w, http.StatusBadRequest, err)
	case err != nil:
		refuse(w, http.StatusInternalServerError, err)
	default:
		answer(w, done)
	}
}

func (d *daemon) archive(ctx context.Context, a archiveAsk) (*archived, error) {
	st, err := d.embedded("archive")
	if err != nil {
		return nil, err
	}
	done := &archived{Directory: a.dir}
	if a.restore {
		r, err := st.Restore(ctx, a.dir, a.from, a.to, time.Now())
		done.Files, done.Had = r.Files, r.Had
		return done, err
	}
	done.Files, err = st.Archive(ctx, a.dir, a.from, a.to, time.Now())
	return done, err
}

func (done *archived) print(out io.Writer, a archiveAsk) error {
	w := &sink{w: out}
	g := grid{heads: []string{"day", "events", "size", "file"}, right: []bool{false, true, true, false}}
	events, bytes := int64(0), int64(0)
	for _, f := range done.Files {
		g.rows = append(g.rows, []string{f.Day, n(f.Rows), size(f.Bytes), f.Name})
		events, bytes = events+f.Rows, bytes+f.Bytes
	}
	if len(g.rows) > 0 {
		g.print(w, palette(out))
	}
	what := "archived in " + done.Directory
	switch {
	case a.restore:
		what = "can be searched again"
	case a.check:
		what = "are as the manifest says"
	}
	w.f("%s events in %d files, %s, %s.\n", n(events), len(done.Files), size(bytes), what)
	if len(done.Had) > 0 {
		w.f("%d files were left out: the store has their events.\n", len(done.Had))
	}
	return w.err
}

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
	"time"

	"github.com/spf13/cobra"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/storage/backup"
	"github.com/saypro/veritail/storage/embedded"
)

func backupCommand() *cobra.Command {
	var check, asJSON bool
	var configFile string
	c := &cobra.Command{
		Use:   "backup DIRECTORY",
		Short: "Copy the whole store while the daemon runs, or check such a copy",
		Long: `Backup copies the embedded store - events, findings, figures and how far each file
was read - and the records that people write, the issue log and verdicts, into a new
directory, with a manifest of the files' SHA-256. The daemon goes on meanwhile; the
copy is the store as it stood at one commit. A directory of that name is whole: until
then its name ends in .part.

A sealed day that was damaged in the store is left out and named: the rest is backed
up all the same, the manifest says what it lacks, it is a finding, and the exit
status is 1.

With -check the files are compared with the manifest and nothing else is done.
veritail restore makes a store of a backup again; veritail archive keeps single days.

Exit status: 0 done; 1 a backup that lacks a day or differs from its manifest, or an
error you can mend; 2 an error of Veritail or its machine.`,
		Example: `  veritail backup /srv/backup/veritail-$(date +%F)
  veritail backup -check /srv/backup/veritail-2026-11-24
  veritail backup -json /srv/backup/now | jq .events`,
		Args:              wants(1, 1, "one DIRECTORY"),
		ValidArgsFunction: directories,
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := runBackup(cmd.Context(), configFile, args[0], check, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			done := "copied to " + args[0] + ". veritail restore makes a store of it again."
			if check {
				done = "are as the manifest says."
			}
			if err := printBackup(cmd.OutOrStdout(), m, asJSON, done); err != nil || check {
				return err
			}
			return lacking(m)
		},
	}
	c.Flags().BoolVar(&check, "check", false, "only compare the files with the manifest")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON: the manifest")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	return c
}

func restoreCommand() *cobra.Command {
	var asJSON bool
	var configFile string
	c := &cobra.Command{
		Use:   "restore DIRECTORY",
		Short: "Make a store of a backup again",
		Long: `Restore copies a backup to where the configuration has its store. Every file is
compared with the manifest, and the store with itself, before it takes that place,
which may be a mount point. The daemon must not run, and no store may be there: move
what is in the directory away first. Days that the backup lacks are a finding. The
records come back where there are none; those that are there stay.

Run by root, the store is given to the owner of its directory, or of the one above
it where it has none yet: that should be the user that the daemon runs as.

The daemon then goes on where the backup stood, and reads what came after it from
the logs, rotated ones too.

Exit status: 0 done; 1 a backup that is refused, or another error you can mend;
2 an error of Veritail or its machine.`,
		Example: `  systemctl stop veritail
  mv /var/lib/veritail/store /var/lib/veritail/store.old
  veritail restore /srv/backup/veritail-2026-11-24
  systemctl start veritail`,
		Args:              wants(1, 1, "one DIRECTORY"),
		ValidArgsFunction: directories,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := runRestore(cmd.Context(), configFile, args[0], cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				return printManifest(cmd.OutOrStdout(), r)
			}
			done := "restored. The daemon can be started."
			if r.Owner != "" {
				done = "restored, for " + r.Owner + ", to whom the directory belongs. The daemon can be started."
			}
			return printBackup(cmd.OutOrStdout(), r.Manifest, false, done)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON: the manifest")
	c.Flags().StringVar(&configFile, "config", "", "configuration `file` of the daemon")
	return c
}

// errBackupElsewhere is why there is nothing to back up.
var errBackupElsewhere = userErrorf("%w, which has its own snapshots: see its snapshot and restore API", errElsewhere)

// runBackup asks the daemon, or without one its store.
func runBackup(ctx context.Context, configFile, dir string, check bool, stderr io.Writer) (*backup.Manifest, error) {
	if check {
		m, err := backup.Read(dir)
		if err != nil {
			return nil, mendable(err)
		}
		found, err := m.Check(ctx, dir)
		if err == nil && len(found) > 0 {
			err = found
		}
		return m, mendable(err)
	}
	c, err := dial(configFile)
	if err != nil {
		return nil, err
	}
	if c.cfg.Store.Kind == configs.OnElasticsearch {
		return nil, errBackupElsewhere
	}
	if dir, err = filepath.Abs(dir); err != nil { // the daemon was started elsewhere
		return nil, err
	}
	defer watchCopy(stderr, dir+backup.Suffix, sizeBelow(c.cfg.Store.Path))()
	m := new(backup.Manifest)
	err = c.post(ctx, "/backup", url.Values{"dir": {dir}}, m)
	if !errors.Is(err, errNoDaemon) {
		return m, err
	}
	if !storeThere(c.cfg) {
		return nil, err
	}
	err = withStore(ctx, c.cfg, func(d *daemon) (err error) {
		m, err = d.backup(ctx, dir)
		return err
	})
	return m, mendable(err)
}

func (d *daemon) backup(ctx context.Context, dir string) (*backup.Manifest, error) {
	st, err := d.embedded("backup")
	if err != nil {
		return nil, err
	}
	records, done, err := d.recordsCopy(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return st.Backup(ctx, dir, version, time.Now(), records...)
}

func (d *daemon) answerBackup(w http.ResponseWriter, r *http.Request) {
	m, err := d.backup(r.Context(), r.URL.Query().Get("dir"))
	switch {
	case errors.As(mendable(err), new(userError)):
		refuse(w, http.StatusBadRequest, err)
	case err != nil:
		refuse(w, http.StatusInternalServerError, err)
	default:
		answer(w, m)
	}
}

func runRestore(ctx context.Context, configFile, dir string, stderr io.Writer) (r embedded.RestoredBackup, err error) {
	c, err := dial(configFile)
	if err != nil {
		return r, err
	}
	if c.cfg.Store.Kind == configs.OnElasticsearch {
		return r, errBackupElsewhere
	}
	if _, err := c.do(ctx, http.MethodGet, "/status", nil); !errors.Is(err, errNoDaemon) {
		return r, userErrorf("the daemon is running; stop it first")
	}
	defer watchCopy(stderr, filepath.Dir(storeFile(c.cfg)), sizeBelow(dir))()
	if r, err = embedded.RestoreBackup(ctx, dir, storeFile(c.cfg)); err == nil {
		err = restoreRecords(ctx, c.cfg, r.Manifest, dir, stderr)
	}
	return r, mendable(err)
}

// watchCopy draws how much of a directory has been written, by whomever, until it is told to end.
func watchCopy(stderr io.Writer, dir string, total int64) (end func()) {
	bar := newProgress(stderr, total)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(200 * time.Millisecond):
				bar.add(sizeBelow(dir) - bar.done)
			}
		}
	}()
	return func() {
		stop()
		<-ended
		bar.end()
	}
}

// sizeBelow returns the size of the files below a directory, of those that can be seen.
func sizeBelow(dir string) (n int64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				n += info.Size()
			}
		}
		return nil
	})
	return n
}

// lacking is the error of a backup that could not have all of the store.
func lacking(m *backup.Manifest) error {
	switch len(m.Lacks) {
	case 0:
		return nil
	case 1:
		return userErrorf("a sealed day is damaged in the store, and not in the backup")
	default:
		return userErrorf("%d sealed files are damaged in the store, and not in the backup", len(m.Lacks))
	}
}

func printBackup(out io.Writer, m *backup.Manifest, asJSON bool, done string) error {
	if asJSON {
		return printManifest(out, m)
	}
	w := &sink{w: out}
	days := ""
	if len(m.Days) > 0 {
		first, last := m.Days[0].Day, m.Days[len(m.Days)-1].Day
		if days = " of " + first; last != first {
			days += " to " + last
		}
	}
	w.f("%s events%s in %d files, %s, %s\n", n(m.Events), days, len(m.Files), size(m.Bytes()), done)
	for _, l := range m.Lacks {
		w.f("It lacks %s events of %s: %s was damaged when it was made: %s.\n", n(l.Events), l.Day.Day, l.Name, l.Why)
	}
	if w.err != nil {
		return fmt.Errorf("print what was done: %w", w.err)
	}
	return nil
}

// printManifest prints a manifest, or what has one, as JSON.
func printManifest(out io.Writer, m any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return fmt.Errorf("print what was done: %w", err)
	}
	return nil
}

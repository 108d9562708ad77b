package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/issuelog"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/backup"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/state"
)

// recordsName is the database of what people write, in the state directory and in backups.
const recordsName = "records.db"

func recordsFile(cfg *configs.Daemon) string { return filepath.Join(cfg.State, recordsName) }

// issueTaker returns what takes the daemon's findings up as issues.
func (d *daemon) issueTaker() *issuelog.Taker {
	var own storage.Results = d.store
	if d.cfg.Store.Kind == configs.OnElasticsearch {
		own = nil // others store their findings there too
	}
	return issuelog.NewTaker(d.records, d.cfg.Issues.From, d.issueOf, own)
}

// issueOf is which findings of a rule are of one issue. Findings of the program itself have no rule in the list.
func (d *daemon) issueOf(rule string) string {
	for _, r := range d.judged.Load().list {
		if r.ID == rule && r.Issue != "" {
			return r.Issue
		}
	}
	return issuelog.ByGroup
}

// person is the name of who runs the command, also where sudo does for them.
func person() string {
	if os.Getuid() == 0 {
		if name := os.Getenv("SUDO_USER"); name != "" {
			return name
		}
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return "unknown"
}

// recordsCopy returns a copy of the records for a backup, none if there are none. done has to be called.
func (d *daemon) recordsCopy(ctx context.Context) (copied []backup.Source, done func(), err error) {
	db, path := d.records, recordsFile(d.cfg)
	if db == nil { // no daemon runs
		if !there(path) {
			return nil, func() {}, nil
		}
		if db, err = state.Open(ctx, path); err != nil {
			return nil, nil, err
		}
		defer func() { err = errors.Join(err, db.Close()) }()
	}
	f, err := os.CreateTemp(d.cfg.State, "records.*.tmp")
	if err != nil {
		return nil, nil, fmt.Errorf("copy the records: %w", err)
	}
	done = func() {
		_ = f.Close() // it was read only
		_ = os.Remove(f.Name())
	}
	if err = db.Snapshot(ctx, f.Name()); err != nil {
		done()
		return nil, nil, err
	}
	st, err := f.Stat()
	if err != nil {
		done()
		return nil, nil, fmt.Errorf("copy the records: %w", err)
	}
	return []backup.Source{{File: backup.File{Name: recordsName, Bytes: st.Size()}, From: f}}, done, nil
}

// restoreRecords brings the records of a backup back where there are none. Those that are there are what people have
// written since, and stay.
func restoreRecords(ctx context.Context, cfg *configs.Daemon, m *backup.Manifest, dir string, stderr io.Writer) error {
	if there(recordsFile(cfg)) {
		fmt.Fprintf(stderr, "The records in %s stay as they are; those of the backup are %s.\n", recordsFile(cfg), filepath.Join(dir, recordsName))
		return nil
	}
	found, err := m.CopyFile(ctx, dir, cfg.State, recordsName)
	if err != nil || !found {
		return err
	}
	_, err = embedded.GiveToOwner(recordsFile(cfg))
	return err
}

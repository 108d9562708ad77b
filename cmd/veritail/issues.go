package main

import (
	"os"
	"os/user"
	"path/filepath"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/reports/issuelog"
	"github.com/saypro/veritail/storage"
)

// recordsFile is the database of what people write.
func recordsFile(cfg *configs.Daemon) string { return filepath.Join(cfg.State, "records.db") }

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

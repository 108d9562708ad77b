package configs

import "io/fs"

// A Journal says whether the systemd journal is followed, and which.
type Journal struct {
	Follow    string `toml:"follow"`    // JournalAuto, JournalYes or JournalNo
	Directory string `toml:"directory"` // of journal files; empty: this machine's
	Spool     Size   `toml:"spool"`     // that it may take on disk
	Dataset   string `toml:"dataset"`
}

// JournalName is the name of the journal among what is spooled. No Syslog may have it.
const JournalName = "journal"

// What Follow of a Journal may say.
const (
	JournalAuto = "auto" // where the machine has one, and no files that syslog writes the same messages to; with WellKnown only
	JournalYes  = "yes"
	JournalNo   = "no"
)

func (j *Journal) check(fsys fs.FS, name string) Errors {
	var faults Errors
	fault := func(key, format string, args ...any) {
		faults = append(faults, At(fsys, name, "journal."+key, format, args...))
	}
	switch j.Follow {
	case JournalAuto, JournalYes, JournalNo:
	default:
		fault("follow", "key \"follow\" wants \"auto\", \"yes\" or \"no\", not %q", j.Follow)
	}
	if j.Spool < minSpool {
		fault("spool", "key \"spool\" wants at least %s, not %s", Size(minSpool), j.Spool)
	}
	if !datasetName.MatchString(j.Dataset) {
		fault("dataset", "key \"dataset\" wants letters, digits, _ and - in parts joined by dots, not %q", j.Dataset)
	}
	return faults
}

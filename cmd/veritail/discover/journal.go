package discover

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// JournalFiles are globs of the files in which systemd-journald keeps the journal of a machine.
var JournalFiles = []string{"/var/log/journal/*/*.journal", "/run/log/journal/*/*.journal"}

// journalGroup may read the journal of a machine.
const journalGroup = "systemd-journal"

// A Journal is a systemd journal.
type Journal struct {
	Directory string  `json:"directory"` // of its files
	Files     int     `json:"files"`
	Bytes     int64   `json:"bytes"`
	Readable  bool    `json:"readable"`
	Program   bool    `json:"journalctl"`        // there is a journalctl to read it with
	Instead   string  `json:"instead,omitempty"` // the file in which the same messages are, which is followed in its place
	Repair    *Repair `json:"repair,omitempty"`
}

// journal looks for the journal.
func (l *looker) journal() {
	j := &Journal{Readable: true}
	for _, glob := range JournalFiles {
		paths, _ := filepath.Glob(l.on(glob)) // it is well formed
		for _, path := range paths {
			if st, err := os.Stat(path); err == nil {
				j.Files++
				j.Bytes += st.Size()
			}
			if j.Directory == "" {
				j.Directory = filepath.Dir(filepath.Dir(path))
			}
			if matchesAny([]string{"system*.journal"}, filepath.Base(path)) && unreadable(path) != "" {
				j.Readable = false
			}
		}
	}
	if j.Files == 0 {
		return
	}
	_, err := exec.LookPath("journalctl")
	j.Program = err == nil
	for _, s := range append(slices.Clone(l.found.Known), l.found.Sources...) {
		if (s.Dataset == "system.syslog" || s.Dataset == "system.auth") && j.Instead == "" {
			j.Instead = s.Files[0].Path
		}
	}
	if !j.Readable && j.Instead == "" {
		j.Repair = &Repair{Group: journalGroup, For: []string{j.Directory}}
	}
	l.found.Journal = j
}

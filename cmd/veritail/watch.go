package main

import (
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/rules"
)

// watched is how the files of a configuration stood at one moment. Their content is not looked at: one that was written has
// another time, and mostly another size; one that was put in another's place is another file.
type watched struct {
	files map[string]fs.FileInfo // by their names in the configuration
	lists []string               // files of values that rules name, beside those that belong to it anyway
}

// maxWatched bounds the files that are looked at.
const maxWatched = 10000

// The folders of a configuration whose files are read again while the daemon runs, and those that it reads at its start. What stands
// at its top is read at the start, but for the hours and the logs of transactions.
var (
	folders      = []string{"rules", rules.Local}
	startFolders = []string{"formats", "patterns", "deadlocks"}
)

// watch looks at the files of the configuration in dir; none is of the shipped one.
func watch(dir string, lists []string) watched {
	w := watched{map[string]fs.FileInfo{}, lists}
	if dir == "" {
		return w
	}
	for _, folder := range slices.Concat(folders, startFolders) {
		w.folder(dir, folder)
	}
	top, err := filepath.Glob(filepath.Join(dir, "*.toml"))
	if err != nil {
		top = nil // the name of the directory is a bad pattern: what stands there is read at the start only
	}
	for _, name := range top {
		w.add(dir, filepath.Base(name))
	}
	w.watchLists(dir, lists)
	return w
}

// folder adds the TOML files below a folder, and those of patterns.
func (w watched) folder(dir, folder string) {
	err := fs.WalkDir(os.DirFS(dir), folder, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil && name == folder: // it is not there: the shipped ones hold
			return fs.SkipDir
		case err != nil || e.IsDir():
			return nil // what cannot be read is told when the rules are
		case len(w.files) >= maxWatched:
			return fs.SkipAll
		case path.Ext(name) == ".toml" || folder == "patterns":
			w.add(dir, name)
		}
		return nil
	})
	if err != nil {
		slog.Debug("looking at the configuration", "error", err)
	}
}

// watchLists adds files of values.
func (w *watched) watchLists(dir string, lists []string) {
	w.lists = lists
	if dir != "" {
		for _, name := range lists {
			w.add(dir, name)
		}
	}
}

// add adds a file, or what a link leads to.
func (w watched) add(dir, name string) {
	if st, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err == nil && !st.IsDir() {
		w.files[name] = st
	}
}

// same reports whether all files that are read while the daemon runs are as they were.
func (w watched) same(was watched) bool {
	return len(w.changed(was, func(name string) bool { return !readAtStart(name) })) == 0
}

// changed returns the names, among those that which holds for, of files that are not as they were, or were not there, or are
// gone.
func (w watched) changed(was watched, which func(name string) bool) (names []string) {
	for name, st := range w.files {
		old := was.files[name]
		if which(name) && (old == nil || !old.ModTime().Equal(st.ModTime()) || old.Size() != st.Size() || !os.SameFile(old, st)) {
			names = append(names, name)
		}
	}
	for name := range maps.Keys(was.files) {
		if which(name) && w.files[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// readAtStart reports whether a file is read only when the daemon starts.
func readAtStart(name string) bool {
	top, _, below := strings.Cut(name, "/")
	if name == rules.HoursFile || name == configs.TransactionsFile {
		return false
	}
	return !below && path.Ext(name) == ".toml" || slices.Contains(startFolders, top)
}

package configs

import (
	"path/filepath"
	"regexp"
)

// A Discovery says where to look for the logs of a machine, as discovery.toml has it. Paths are globs, as path/filepath.Match
// has them.
type Discovery struct {
	Folders  []string          `toml:"folders"`  // looked through with what is below
	Logs     []string          `toml:"logs"`     // names that a log may have
	Ignore   []string          `toml:"ignore"`   // names that no log has that grows
	Skip     []string          `toml:"skip"`     // folders not to look into
	Passing  []string          `toml:"passing"`  // folders, no globs, whose files come and go: no program's log is looked for there
	Sources  []Source          `toml:"source"`   // the first of a data set that has files holds
	Settings []Setting         `toml:"setting"`  // of servers
	Datasets map[string]string `toml:"datasets"` // by the name of a format
}

// A Setting finds the paths of logs in the configurations of a server.
type Setting struct {
	Files   []string          `toml:"files"`
	Match   string            `toml:"match"`   // expression of a line; its first group is a path
	Replace map[string]string `toml:"replace"` // of texts in the path

	Line *regexp.Regexp `toml:"-"` // Match, compiled
}

// LoadDiscovery reads discovery.toml as it is shipped.
func LoadDiscovery() (*Discovery, error) {
	d := &Discovery{}
	fsys, name := FS(""), "discovery.toml"
	if err := Decode(fsys, name, d); err != nil {
		return nil, err
	}
	var faults Errors
	globs := func(key string, list []string) {
		for i, g := range list {
			if _, err := filepath.Match(g, ""); err != nil || g == "" {
				faults = append(faults, At(fsys, name, itemPath(key, i), "%q is no path or glob", g))
			}
		}
	}
	globs("folders", d.Folders)
	globs("logs", d.Logs)
	globs("ignore", d.Ignore)
	globs("skip", d.Skip)
	for i := range d.Sources {
		faults = append(faults, d.Sources[i].check(fsys, name, itemPath("source", i))...)
	}
	for i := range d.Settings {
		s, key := &d.Settings[i], itemPath("setting", i)
		globs(key+".files", s.Files)
		var err error
		if s.Line, err = regexp.Compile(s.Match); err != nil {
			faults = append(faults, At(fsys, name, key+".match", "%v", err))
		} else if s.Line.NumSubexp() < 1 {
			faults = append(faults, At(fsys, name, key+".match", "it needs a group that is the path"))
		}
	}
	for format, dataset := range d.Datasets {
		if !datasetName.MatchString(dataset) {
			faults = append(faults, At(fsys, name, "datasets", "%q of %q is no name of a data set", dataset, format))
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return d, nil
}

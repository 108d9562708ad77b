package configs

import (
	"path/filepath"
	"regexp"
	"slices"
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
	Servers  []Server          `toml:"server"`   // that say what the lines of their logs look like
	Datasets map[string]string `toml:"datasets"` // by the name of a format
}

// A Setting finds the paths of logs in the configurations of a server.
type Setting struct {
	Files   []string          `toml:"files"`
	Match   string            `toml:"match"`   // expression of a line; its first group is a path
	Replace map[string]string `toml:"replace"` // of texts in the path

	Line *regexp.Regexp `toml:"-"` // Match, compiled
}

// The syntaxes of settings.
const (
	Blocks = "blocks" // directives end at a semicolon or with the brace of a block; Server.Define is followed by name and text
	Lines  = "lines"  // they end with their line; Server.Define is followed by text and name
)

// A Server says in its settings what the lines of its logs look like.
type Server struct {
	Format  string            `toml:"format"` // which reads such settings
	Files   []string          `toml:"files"`  // where its settings begin
	Syntax  string            `toml:"syntax"` // Blocks or Lines
	Base    string            `toml:"base"`   // directive with the folder that paths are below; without one it is that of the file
	Include []string          `toml:"include"`
	Define  string            `toml:"define"` // directive that gives a layout a name
	Use     string            `toml:"use"`    // directive of a log: its path, and the name of a layout
	Usual   []string          `toml:"usual"`  // layouts that the format knows
	Replace map[string]string `toml:"replace"`
}

// IsUsual reports whether the format reads lines of this layout without being told.
func (s *Server) IsUsual(text string) bool { return slices.Contains(s.Usual, text) }

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
	for i := range d.Servers {
		s, key := &d.Servers[i], itemPath("server", i)
		globs(key+".files", s.Files)
		if s.Syntax != Blocks && s.Syntax != Lines {
			faults = append(faults, At(fsys, name, key+".syntax", "there are the syntaxes %q and %q", Blocks, Lines))
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

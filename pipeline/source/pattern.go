package source

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Pattern names files to follow and says what they are.
type Pattern struct {
	Glob    string   // a path, or a pattern as path/filepath.Glob takes it
	Exclude []string // patterns of paths that Glob matches and that are not meant
	Dataset string
	Format  string         // empty: to be detected
	Site    string         // empty: this machine
	Prefix  string         // how lines begin, for formats with a prefix; empty: to be guessed
	Layout  string         // what lines look like, for formats with a layout; empty: as these know them
	Zone    *time.Location // of time stamps that name none
	Silent  time.Duration  // without a line for so long it is silent; 0: as is learnt
	Unended time.Duration  // a last line without an ending is taken when nothing has come for so long; 0: when its ending comes
	Senders bool           // the files are named after who sent their lines
	Spool   bool           // the files are the daemon's own: all that is there is to be read, and what goes has been
}

// excludes reports whether path is one that the pattern does not mean.
func (p *Pattern) excludes(path string) bool {
	return slices.ContainsFunc(p.Exclude, func(glob string) bool { ok, _ := filepath.Match(glob, path); return ok })
}

// absolute returns the patterns as absolute ones.
func absolute(globs []string) ([]string, error) {
	var out []string
	for _, g := range globs {
		abs, err := filepath.Abs(g)
		if err == nil {
			_, err = filepath.Match(abs, "")
		}
		if err != nil {
			return nil, fmt.Errorf("excluded %q: %w", g, err)
		}
		out = append(out, abs)
	}
	return out, nil
}

func isGlob(s string) bool { return strings.ContainsAny(s, `*?[\`) }

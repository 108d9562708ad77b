// Package configs holds the shipped configuration: formats, grok patterns, rules, runbooks, KPIs and the daemon's sample
// file. They are data that operators read and change; the binary carries a copy, so that it runs without them.
//
// It also reads such files: Decode is strict and its errors name file, line and the nearest valid key. The package
// imports nothing of the project.
package configs

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

//go:embed rules.schema.json
var ruleSchema []byte

// RuleSchema returns the JSON schema of rule files, for editors.
func RuleSchema() []byte { return ruleSchema }

//go:embed *.toml *.txt deadlocks formats patterns rules runbooks
var shipped embed.FS

// FS returns the configuration under dir, or the shipped one if dir is empty. What dir has nothing of, a folder or a file at
// its top, is the shipped one's: a directory may hold a site's own rules only. Errors of Decode name its files with dir in front,
// those of the shipped one with "configs".
func FS(dir string) fs.FS {
	own := tree{shipped, "configs"}
	if dir == "" {
		return own
	}
	return layers{directory(dir), own}
}

func directory(dir string) tree { return tree{os.DirFS(dir), filepath.ToSlash(dir)} }

// A tree is a file system that knows where it is rooted.
type tree struct {
	fs.FS
	root string
}

// Display returns the path under which a reader finds the file name.
func (t tree) Display(name string) string { return path.Join(t.root, name) }

// layers are two trees of which the upper hides what stands at the top of the lower under the same name.
type layers struct{ upper, lower tree }

// of returns the tree that has a file.
func (l layers) of(name string) tree {
	top, _, _ := strings.Cut(name, "/")
	if _, err := fs.Stat(l.upper, top); !errors.Is(err, fs.ErrNotExist) {
		return l.upper
	}
	if _, err := fs.Stat(l.upper, "."); err != nil { // it is not there at all
		return l.upper
	}
	return l.lower
}

// Open implements fs.FS.
func (l layers) Open(name string) (fs.File, error) { return l.of(name).Open(name) }

// Display returns the path under which a reader finds the file name.
func (l layers) Display(name string) string { return l.of(name).Display(name) }

// Together reports whether two files of a configuration are of one directory: the shipped one, or the one that hides some of
// its files. A shipped file may name what a site's own file no longer has.
func Together(fsys fs.FS, a, b string) bool {
	return path.Dir(display(fsys, a)) == path.Dir(display(fsys, b))
}

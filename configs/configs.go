// Package configs holds the shipped configuration: formats, grok patterns, rules, KPIs and the daemon's sample
// file. They are data that operators read and change; the binary carries a copy, so that it runs without them.
//
// It also reads such files: Decode is strict and its errors name file, line and the nearest valid key. The package
// imports nothing of the project.
package configs

import (
	"embed"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

//go:embed *.toml deadlocks formats patterns rules
var shipped embed.FS

// FS returns the configuration under dir, or the shipped one if dir is empty. Errors of Decode name its files with
// dir in front, those of the shipped one with "configs".
func FS(dir string) fs.FS {
	if dir == "" {
		return tree{shipped, "configs"}
	}
	return tree{os.DirFS(dir), filepath.ToSlash(dir)}
}

// A tree is a file system that knows where it is rooted.
type tree struct {
	fs.FS
	root string
}

// Display returns the path under which a reader finds the file name.
func (t tree) Display(name string) string { return path.Join(t.root, name) }

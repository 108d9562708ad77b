package source

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/saypro/veritail/pipeline/event"
)

// A Place is the state of one followed path, or of a pattern that matches nothing.
type Place struct {
	Pattern Pattern
	Path    string
	Err     error         // why it cannot be read; fs.ErrNotExist while it is waited for
	Here    event.GenID   // the generation that has the name, 0 if none
	Gens    []event.GenID // all that are known of it, oldest first
}

// Places returns the state of every followed path, sorted by path.
func (x *Finder) Places() []Place {
	x.mu.Lock()
	defer x.mu.Unlock()
	var all []Place
	matched := map[string]bool{}
	for _, p := range x.ordered() {
		matched[p.pattern.Glob] = true
		s := Place{Pattern: p.pattern, Path: p.path, Err: p.err}
		if s.Err == nil {
			s.Err = p.bad
		}
		if p.here != nil {
			s.Here = p.here.gen.ID
		}
		for _, l := range p.lives {
			s.Gens = append(s.Gens, l.gen.ID)
		}
		all = append(all, s)
	}
	for _, pat := range x.patterns {
		if !matched[pat.Glob] && !pat.Spool {
			all = append(all, Place{Pattern: pat, Path: pat.Glob, Err: whyEmpty(pat.Glob)})
		}
	}
	return all
}

// whyEmpty says why a pattern matches nothing: a directory that cannot be read, or files that are not there yet.
func whyEmpty(glob string) error {
	dir := filepath.Dir(glob)
	for isGlob(dir) {
		dir = filepath.Dir(dir)
	}
	if _, err := os.ReadDir(dir); err != nil {
		return err
	}
	return &os.PathError{Op: "find", Path: glob, Err: fs.ErrNotExist}
}

// Known returns the generation whose own file is at path, and that file's size; false if it is of none that is known.
func (x *Finder) Known(path string) (gen event.GenID, size int64, ok bool) {
	fs, err := factsAt(path)
	if err != nil {
		return 0, 0, false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	l := x.known(fs)
	if l == nil {
		return 0, 0, false
	}
	return l.gen.ID, fs.size, true
}

// forget lets go of a place whose files are gone and read.
func (x *Finder) forget(p *place) {
	if slices.ContainsFunc(p.lives, func(l *life) bool { return l.file != nil }) || anyLeft(p.path) {
		return
	}
	delete(x.places, p.path)
	for _, l := range p.lives {
		delete(x.lives, l.gen.ID)
		if at := (inode{l.gen.Device, l.gen.Inode}); x.inodes[at] == l {
			delete(x.inodes, at)
		}
	}
}

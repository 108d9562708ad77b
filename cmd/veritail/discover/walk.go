package discover

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/saypro/veritail/pipeline/source"
)

// An inode is a file, whatever it is called.
type inode struct{ dev, ino uint64 }

func idOf(st fs.FileInfo) (id inode, uid, gid uint32) {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return inode{uint64(s.Dev), s.Ino}, s.Uid, s.Gid
	}
	return inode{}, 0, 0
}

// wellKnown looks for the files that the daemon follows by itself.
func (l *looker) wellKnown() {
	for i := range l.WellKnown {
		for _, glob := range l.WellKnown[i].Paths {
			l.glob(glob, func(f *File) {
				if f.known < 0 && f.place < 0 {
					f.known = i
				}
			})
		}
	}
}

// places looks for the files of sources that are taken as they stand.
func (l *looker) places() {
	for i := range l.Where.Sources {
		for _, glob := range l.Where.Sources[i].Paths {
			l.glob(glob, func(f *File) {
				if f.known < 0 && f.place < 0 {
					f.place = i
				}
			})
		}
	}
}

// glob considers the files of a glob, or notes which folder keeps it from being known whether there are any.
func (l *looker) glob(glob string, found func(*File)) {
	paths, err := filepath.Glob(l.on(glob))
	if err != nil {
		return // the configuration was checked
	}
	if len(paths) == 0 {
		l.hidden(glob)
	}
	for _, path := range paths {
		if l.entries++; l.over() {
			return
		}
		if f := l.consider(path, ""); f != nil {
			found(f)
		}
	}
}

// hidden notes the folder of a glob's beginning that cannot be looked into.
func (l *looker) hidden(glob string) {
	at := "/"
	for rest := strings.TrimPrefix(filepath.Dir(glob), "/"); ; {
		name, more, _ := strings.Cut(rest, "/")
		if name == "" || strings.ContainsAny(name, `*?[\`) {
			break
		}
		next := filepath.Join(at, name)
		_, err := os.Stat(l.on(next))
		if errors.Is(err, fs.ErrPermission) {
			l.shutAt(at, glob)
		}
		if err != nil {
			return
		}
		at, rest = next, more
	}
	if f, err := os.Open(l.on(at)); errors.Is(err, fs.ErrPermission) {
		l.shutAt(at, glob)
	} else if err == nil {
		f.Close()
	}
}

// shutAt notes once that a folder of the machine cannot be looked into.
func (l *looker) shutAt(folder, want string) {
	path := l.on(folder)
	st, err := os.Stat(path)
	if err != nil || l.shut[path] {
		return
	}
	l.shut[path] = true
	_, _, gid := idOf(st)
	l.found.Shut = append(l.found.Shut, Shut{path, l.on(want), st.Mode(), gid})
}

// consider takes in the file at path, where it is a regular file under a name that can be written, and returns it. A link is
// followed where nobody but root or this user has made it, to what may be a log.
func (l *looker) consider(path, from string) *File {
	st, err := os.Lstat(path)
	if err != nil {
		return nil
	}
	link := st.Mode()&fs.ModeSymlink != 0
	if link {
		if _, uid, _ := idOf(st); uid != 0 && uid != uint32(os.Getuid()) {
			return nil
		}
		target, err := filepath.EvalSymlinks(path)
		if err != nil || !strings.HasPrefix(target, l.Root+"/") || !l.mayBeLog(target) {
			return nil
		}
		if st, err = os.Stat(target); err != nil {
			return nil
		}
	}
	if !st.Mode().IsRegular() {
		return nil
	}
	if !utf8.ValidString(path) {
		l.found.unnamable++
		return nil
	}
	id, _, gid := idOf(st)
	if f := l.byID[id]; f != nil {
		if f.From == "" {
			f.From = from
		}
		if path != f.Path && !slices.Contains(f.aliases, path) {
			f.aliases = append(f.aliases, path)
			if f.link && !link && f.known < 0 && f.place < 0 {
				f.aliases[len(f.aliases)-1], f.Path, f.link = f.Path, path, false
			}
		}
		return f
	}
	f := &File{Path: path, Size: st.Size(), Written: st.ModTime(), From: from, id: id, link: link, mode: st.Mode(), gid: gid, known: -1, place: -1}
	f.Problem = unreadable(path)
	l.byID[id] = f
	l.files = append(l.files, f)
	l.progress(path)
	return f
}

// unreadable returns why the file at path cannot be read, "" if it can.
func unreadable(path string) string {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err == nil {
		f.Close()
		return ""
	}
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// walk looks through the folders, links to folders last: a file keeps its own path.
func (l *looker) walk() {
	var links []string
	for _, glob := range l.Where.Folders {
		paths, err := filepath.Glob(l.on(glob))
		if err != nil {
			continue // the configuration was checked
		}
		if len(paths) == 0 {
			l.hidden(glob + "/*")
		}
		for _, path := range paths {
			links = append(links, l.folder(path, path, 0)...)
		}
	}
	for i := 0; i < len(links) && i < maxLinks; i++ {
		l.folder(links[i], links[i], 1)
	}
}

// maxLinks bounds the links to folders that are followed.
const maxLinks = 1000

// folder looks through a folder and those below it, and returns the links to folders among them.
func (l *looker) folder(path, top string, depth int) (links []string) {
	st, err := os.Stat(path)
	if err != nil || !st.IsDir() || l.over() || matchesAny(l.Where.Skip, l.under(path)) {
		return nil
	}
	id, _, _ := idOf(st)
	if l.folders[id] {
		return nil
	}
	l.folders[id] = true
	l.found.Looked.Folders++
	dir, err := os.Open(path)
	if errors.Is(err, fs.ErrPermission) {
		l.shutAt(l.under(path), l.under(path)+"/*")
		return nil
	}
	if err != nil {
		return nil
	}
	entries, _ := dir.ReadDir(l.Limits.Entries - l.entries + 1) // what there is of a folder that fails half-way
	dir.Close()
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	l.entries += len(entries)
	for _, e := range entries {
		at := filepath.Join(path, e.Name())
		switch {
		case l.over():
			return links
		case e.IsDir():
			if depth < l.Limits.Depth {
				links = append(links, l.folder(at, top, depth+1)...)
			}
		case e.Type()&fs.ModeSymlink != 0 && isFolder(at):
			if info, err := e.Info(); err == nil {
				if _, uid, _ := idOf(info); uid == 0 || uid == uint32(os.Getuid()) {
					links = append(links, at)
				}
			}
		case l.mayBeLog(at):
			l.consider(at, "")
		}
	}
	if len(entries) > 0 && st.Mode().Perm()&0o111 != 0 {
		if _, err := os.Lstat(filepath.Join(path, entries[0].Name())); errors.Is(err, fs.ErrPermission) { // it can be listed, no more
			l.shutAt(l.under(path), l.under(path)+"/*")
		}
	}
	return links
}

func isFolder(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}

// mayBeLog reports whether the name of a file is one that a log may have.
func (l *looker) mayBeLog(path string) bool {
	name := filepath.Base(path)
	if matchesAny(l.Where.Ignore, name) {
		return false
	}
	return strings.HasPrefix(l.under(path), "/var/log/") || matchesAny(l.Where.Logs, name)
}

func matchesAny(globs []string, name string) bool {
	return slices.ContainsFunc(globs, func(g string) bool { ok, _ := filepath.Match(g, name); return ok })
}

// settings looks for logs that the configurations of servers name.
func (l *looker) settings() {
	for i := range l.Where.Settings {
		s := &l.Where.Settings[i]
		for _, glob := range s.Files {
			paths, _ := filepath.Glob(l.on(glob)) // it was checked
			for _, path := range paths {
				if l.entries++; l.over() {
					return
				}
				for n, line := range linesOf(path) {
					m := s.Line.FindStringSubmatch(line)
					if m == nil {
						continue
					}
					log := m[1]
					for from, to := range s.Replace {
						log = strings.ReplaceAll(log, from, to)
					}
					if !filepath.IsAbs(log) {
						log = filepath.Join(filepath.Dir(l.under(path)), log)
					}
					l.named(log, "named in "+path+":"+strconv.Itoa(n+1))
				}
			}
		}
	}
}

// named considers what a setting names: a log, or a folder of logs.
func (l *looker) named(path, from string) {
	st, err := os.Stat(l.on(path))
	switch {
	case err != nil:
		if errors.Is(err, fs.ErrPermission) {
			l.hidden(path)
		}
	case st.IsDir():
		l.folder(l.on(path), l.on(path), l.Limits.Depth)
	default:
		l.consider(l.on(path), from)
	}
}

// maxSetting bounds what is read of a configuration of a server.
const maxSetting = 1 << 20

func linesOf(path string) (lines []string) {
	f, err := source.Open(path, nil)
	if err != nil {
		return nil
	}
	defer f.Close()
	s := bufio.NewScanner(io.LimitReader(f, maxSetting))
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return lines
}

// dropRotated forgets what rotation has put aside: it is followed with the file that it was.
func (l *looker) dropRotated() {
	paths := map[string]bool{}
	for _, f := range l.files {
		paths[f.Path] = true
	}
	l.files = slices.DeleteFunc(l.files, func(f *File) bool {
		return source.RotatedOf(f.Path, func(path string) bool { return paths[path] })
	})
}

package discover

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Bounds of what is looked at of running programs.
const (
	maxPrograms = 5_000
	maxOpen     = 2_000 // files of one
)

// programs looks for logs among the files that running programs write. Those of other users are seen by root only.
func (l *looker) programs() {
	if l.Proc == "" {
		return
	}
	dir, err := os.Open(l.Proc)
	if err != nil {
		return
	}
	names, _ := dir.Readdirnames(maxPrograms)
	dir.Close()
	own := commOf(filepath.Join(l.Proc, "self"))
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		if l.over() {
			return
		}
		program := filepath.Join(l.Proc, name)
		comm := commOf(program)
		if pid == os.Getpid() || comm == own || comm == "veritail" {
			continue
		}
		l.program(program, fmt.Sprintf("open in %s (pid %d)", comm, pid))
	}
}

func commOf(program string) string {
	text, err := os.ReadFile(filepath.Join(program, "comm"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// program considers the files that one writes, where they are called here as they are there: a container has other paths.
func (l *looker) program(program, from string) {
	dir, err := os.Open(filepath.Join(program, "fd"))
	if err != nil {
		return // it is another user's, or gone
	}
	fds, _ := dir.Readdirnames(maxOpen)
	dir.Close()
	if len(fds) > 0 {
		l.found.Looked.Programs++
	}
	for _, fd := range fds {
		path, err := os.Readlink(filepath.Join(program, "fd", fd))
		if err != nil || !filepath.IsAbs(path) || matchesAny(l.Where.Ignore, filepath.Base(path)) || !matchesAny(l.Where.Logs, filepath.Base(path)) {
			continue
		}
		if l.passing(path) || !writes(filepath.Join(program, "fdinfo", fd)) {
			continue
		}
		there, err := os.Stat(filepath.Join(program, "fd", fd))
		if err != nil {
			continue
		}
		if here, err := os.Stat(path); err == nil && os.SameFile(here, there) {
			l.consider(path, from)
		}
	}
}

// writes reports whether an open file is open for writing.
func writes(fdinfo string) bool {
	text, err := os.ReadFile(fdinfo)
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(text), "flags:")
	word, _, _ := strings.Cut(strings.TrimSpace(rest), "\n")
	flags, err := strconv.ParseUint(strings.TrimSpace(word), 8, 64)
	return err == nil && flags&3 != 0
}

// passing reports whether a path is below a folder whose files come and go.
func (l *looker) passing(path string) bool {
	return slices.ContainsFunc(l.Where.Passing, func(folder string) bool { return strings.HasPrefix(path, folder+"/") })
}

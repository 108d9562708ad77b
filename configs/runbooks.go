package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// RunbookRef is what a rule's references begin with that name a runbook: "runbook:lock-waits".
const RunbookRef = "runbook:"

// The folders of runbooks. One in the site's own folder replaces the shipped one of the same name.
const (
	runbooksFolder    = "runbooks"
	ownRunbooksFolder = "local/runbooks"
)

// maxRunbook bounds the bytes of a runbook.
const maxRunbook = 256 << 10

// A Runbook says in Markdown what findings mean, how to see whether they are real, and what to do.
type Runbook struct {
	ID    string // the name of its file, without .md
	Title string // its first line, a heading
	Text  string // Markdown, as it stands in the file
	File  string // as a reader of the configuration finds it
}

var runbookName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Runbooks reads the runbooks of a configuration, in the order of their names.
func Runbooks(fsys fs.FS) ([]Runbook, error) {
	files, err := runbookFiles(fsys)
	if err != nil {
		return nil, err
	}
	var all []Runbook
	var faults Errors
	for _, id := range sortedNames(files) {
		b, err := readRunbook(fsys, id, files[id])
		var fault *Error
		switch {
		case errors.As(err, &fault):
			faults = append(faults, fault)
		case err != nil:
			return nil, err
		default:
			all = append(all, b)
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return all, nil
}

// RunbookIDs returns the names of the runbooks of a configuration, in order, without reading them.
func RunbookIDs(fsys fs.FS) ([]string, error) {
	files, err := runbookFiles(fsys)
	if err != nil {
		return nil, err
	}
	return sortedNames(files), nil
}

func sortedNames(files map[string]string) []string {
	names := make([]string, 0, len(files))
	for id := range files {
		names = append(names, id)
	}
	slices.Sort(names)
	return names
}

// runbookFiles returns the files of runbooks by their ids.
func runbookFiles(fsys fs.FS) (map[string]string, error) {
	files := map[string]string{}
	for _, folder := range []string{runbooksFolder, ownRunbooksFolder} {
		entries, err := fs.ReadDir(fsys, folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the runbooks in %s: %w", folder, err)
		}
		for _, e := range entries {
			if id, ok := strings.CutSuffix(e.Name(), ".md"); ok && !e.IsDir() {
				files[id] = path.Join(folder, e.Name())
			}
		}
	}
	return files, nil
}

func readRunbook(fsys fs.FS, id, name string) (Runbook, error) {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return Runbook{}, fmt.Errorf("read runbook %s: %w", display(fsys, name), err)
	}
	fault := func(line int, format string, args ...any) error {
		return &Error{File: display(fsys, name), Line: line, Column: min(line, 1), Msg: fmt.Sprintf(format, args...)}
	}
	switch {
	case !runbookName.MatchString(id):
		return Runbook{}, fault(0, "the name of a runbook is of small letters and digits, as lock-waits.md")
	case len(data) > maxRunbook:
		return Runbook{}, fault(0, "a runbook has at most %d KiB", maxRunbook>>10)
	case !utf8.Valid(data):
		return Runbook{}, fault(0, "it is not UTF-8")
	}
	text := strings.TrimPrefix(strings.ReplaceAll(string(data), "\r\n", "\n"), "\ufeff")
	first, _, _ := strings.Cut(text, "\n")
	title, ok := strings.CutPrefix(first, "# ")
	if title = strings.TrimSpace(title); !ok || title == "" {
		return Runbook{}, fault(1, "the first line of a runbook is its title: # Sessions wait for locks")
	}
	return Runbook{ID: id, Title: title, Text: text, File: display(fsys, name)}, nil
}

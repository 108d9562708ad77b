package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/cmd/veritail/discover"
)

// foundText prints what `veritail init` has found for a person.
type foundText struct {
	sink
	p    colours
	now  time.Time
	rows []listRow // of the list at hand
}

// mostRows is how many rows of a list are printed.
const mostRows = 50

// topFiles is how many files of a source are told.
const topFiles = 7

// tellFound prints what was found, what hinders, and what to do next.
func tellFound(w io.Writer, found *discover.Found, in *initFlags) error {
	t := &foundText{sink: sink{w: w}, p: palette(w), now: time.Now()}
	t.looked(found)
	if len(found.Known)+len(found.Sources) == 0 && found.Journal == nil {
		t.f("\n%s was found.\n", t.p.bold("No log"))
	}
	for i := range found.Known {
		t.files(&found.Known[i])
	}
	t.journal(found)
	t.list("Followed without being named")
	to := "Written to " + in.out
	if in.dryRun {
		to = "To be written"
	}
	t.sources(found, to, discover.Understood, discover.Empty, discover.Unread, discover.Closed)
	t.sources(found, "No format takes", discover.Odd)
	t.closed(found)
	for i, note := range found.Notes {
		if i == 0 {
			t.f("\n%s\n", t.p.bold("Left out"))
		}
		t.f("  %s %s\n", t.p.yellow("▲"), printable(note))
	}
	t.next(found, in)
	return t.err
}

func (t *foundText) looked(found *discover.Found) {
	where := "this machine"
	if found.Root != "" {
		where = printable(found.Root)
	}
	text := fmt.Sprintf("%s in %s", count(found.Looked.Files, "log"), count(found.Looked.Folders, "folder"))
	if n := found.Looked.Programs; n > 0 {
		text += " and the files of " + count(n, "program")
	}
	t.f("%s %s, %.1f s\n", t.p.bold("Looked at "+where+":"), text, found.Took().Seconds())
}

// files prints the files of a source, one a row.
func (t *foundText) files(s *discover.Source) {
	for i, f := range s.Files {
		if i == topFiles {
			t.row("  ", count(len(s.Files)-i, "more file"), s.Dataset, "")
			break
		}
		sign := t.p.green("● ")
		if f.Problem != "" {
			sign = t.p.red("✕ ")
		}
		t.row(sign, f.Path, s.Dataset, f.Told()+t.age(f))
	}
}

// A listRow is a row of a list, with commands below it. Its texts are foreign.
type listRow struct {
	sign, path, dataset, told string
	below                     []string
}

func (t *foundText) row(sign, path, dataset, told string, below ...string) {
	t.rows = append(t.rows, listRow{sign, printable(path), dataset, printable(told), below})
}

// widest bounds the columns of a list; what is longer goes over its column.
const (
	widestPath    = 56
	widestDataset = 24
)

// list prints the rows that were collected, under a title.
func (t *foundText) list(title string) {
	if len(t.rows) == 0 {
		return
	}
	path, dataset := 0, 0
	for _, r := range t.rows {
		if n := len([]rune(r.path)); n <= widestPath {
			path = max(path, n)
		}
		if n := len(r.dataset); n <= widestDataset {
			dataset = max(dataset, n)
		}
	}
	t.f("\n%s\n", t.p.bold(title))
	for i, r := range t.rows {
		if i == mostRows {
			t.f("    %s\n", t.p.dim(n(int64(len(t.rows)-i))+" more"))
			break
		}
		t.f("  %s%s\n", r.sign, strings.TrimRight(fmt.Sprintf("%-*s  %-*s  %s", path, r.path, dataset, r.dataset, r.told), " "))
		for _, text := range r.below {
			t.f("      %s\n", text)
		}
	}
	t.rows = nil
}

// age says when a file was written last, where that is long ago.
func (t *foundText) age(f *discover.File) string {
	if d := t.now.Sub(f.Written); d > 48*time.Hour {
		return fmt.Sprintf(", quiet for %d d", d/(24*time.Hour))
	}
	return ""
}

func (t *foundText) journal(found *discover.Found) {
	j := found.Journal
	switch {
	case j == nil:
	case j.Instead != "":
		t.row(t.p.yellow("○ "), "the systemd journal", "", "not followed: "+j.Instead+" has the same")
	case !j.Program:
		t.row(t.p.red("✕ "), "the systemd journal", "system.journal", "there is no journalctl to read it with")
	case !j.Readable:
		t.row(t.p.red("✕ "), "the systemd journal", "system.journal", "permission denied")
	default:
		t.row(t.p.green("● "), "the systemd journal", "system.journal", size(j.Bytes))
	}
}

// sources prints those of some kinds.
func (t *foundText) sources(found *discover.Found, title string, kinds ...discover.Kind) {
	for i := range found.Sources {
		if s := &found.Sources[i]; slices.Contains(kinds, s.Kind) {
			t.source(s)
		}
	}
	t.list(title)
}

func (t *foundText) source(s *discover.Source) {
	f := s.Files[0]
	told := f.Told() + t.age(f)
	for _, o := range s.Files {
		if o.Sample != nil {
			told = o.Told() + t.age(f)
			break
		}
	}
	if len(s.Files) > 1 {
		told = count(len(s.Files), "file") + ", " + told
	}
	sign, below := t.p.green("● "), []string(nil)
	switch s.Kind {
	case discover.Odd:
		sign = t.p.yellow("▲ ")
	case discover.Closed:
		sign = t.p.red("✕ ")
	}
	if s.Prefix != "" {
		below = append(below, t.p.dim("log_line_prefix, guessed: ")+printable("'"+s.Prefix+"'"))
	}
	if path := s.Example(); path != "" && s.Share() < 100 {
		below = append(below, t.p.blue(printable("veritail suggest "+discover.Quote(path))))
	}
	for i, path := range s.Paths[1:] {
		if i == 0 {
			t.row(sign, s.Paths[0], s.Dataset, told)
		}
		t.row("  ", path, "", "")
	}
	if len(s.Paths) > 1 {
		t.rows[len(t.rows)-1].below = below
		return
	}
	t.row(sign, s.Paths[0], s.Dataset, told, below...)
}

// closed prints what may not be read, by the command that would allow it.
func (t *foundText) closed(found *discover.Found) {
	if len(found.Repairs) == 0 {
		return
	}
	t.f("\n%s\n", t.p.bold("Cannot read, as "+printable(found.User)))
	groups := false
	for _, r := range found.Repairs {
		for i, path := range r.For {
			if i == topFiles {
				t.f("    %s\n", t.p.dim(fmt.Sprintf("%d more", len(r.For)-i)))
				break
			}
			if r.Want != "" && filepath.Dir(r.Want) != path {
				path += ": logs may be in " + filepath.Dir(r.Want)
			}
			t.f("  %s %s\n", t.p.red("✕"), printable(path))
		}
		t.f("      %s\n", t.p.blue(printable(r.Command)))
		groups = groups || r.Group != ""
	}
	if groups {
		t.f("  %s\n", t.p.dim("A group holds from the next login on."))
	}
	if _, err := exec.LookPath("setfacl"); err != nil {
		t.f("  %s\n", t.p.dim("setfacl comes with the package acl."))
	}
}

// next prints the two commands to run next.
func (t *foundText) next(found *discover.Found, in *initFlags) {
	program := "veritail"
	if os.Args[0] != "" && strings.Contains(os.Args[0], "/") {
		program = discover.Quote(os.Args[0])
	}
	follow := [2]string{"run -config " + discover.Quote(in.out), "follow them"}
	steps := [][2]string{follow, {"status -config " + discover.Quote(in.out), "see what is read and understood of them"}}
	if in.dryRun {
		write := "init -o " + discover.Quote(in.out)
		if found.Root != "" {
			write += " -root " + discover.Quote(found.Root)
		}
		steps = [][2]string{{write, "write it"}, follow}
	}
	width := max(len(steps[0][0]), len(steps[1][0])) + len(program) + 1
	t.f("\n%s\n", t.p.bold("Next"))
	for _, s := range steps {
		t.f("  %s   %s\n", t.p.blue(fmt.Sprintf("%-*s", width, program+" "+s[0])), s[1])
	}
}

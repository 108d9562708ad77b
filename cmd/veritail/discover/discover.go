// Package discover finds the logs of a machine for `veritail init`: it looks through the folders in which logs usually are, the
// settings of servers and the files that running programs write, tells the formats of what it finds from samples, puts files that
// belong together into sources, and says what cannot be read and which command would allow it.
//
// It only reads, and bounds what it reads. What it finds goes one way: look (files) → tell (samples) → group (sources) → the
// configuration's text.
package discover

import (
	"context"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// A Config says where to look, and with what.
type Config struct {
	Root      string // where the file system of the machine is mounted; empty: this machine's own
	Proc      string // folder of running programs; empty: they are not looked at
	User      string // whose rights are missing, in commands
	WellKnown []configs.Source
	Where     *configs.Discovery
	Formats   *parsers.Set
	Limits    Limits
	Progress  func(files int, at string) // may be nil; called often
}

// Limits bound the work.
type Limits struct {
	Entries int           // of folders
	Depth   int           // of folders below those that are named
	Samples int           // files that are read
	Time    time.Duration // after which nothing new is begun
}

// Usual are the limits for a machine.
var Usual = Limits{Entries: 100_000, Depth: 6, Samples: 1_000, Time: 30 * time.Second}

// A File is a log.
type File struct {
	Path    string    `json:"path"`
	Size    int64     `json:"bytes"`
	Written time.Time `json:"written"`
	From    string    `json:"from,omitempty"` // what named it: "open in nginx (pid 7)"; empty: it was in a folder
	Problem string    `json:"problem,omitempty"`
	Sample  *Sample   `json:"sample,omitempty"` // nil: it was not read

	id      inode
	link    bool
	mode    fs.FileMode
	gid     uint32
	aliases []string // other paths of it
	binary  bool
	layout  *Layout // that a server's settings name, if its lines need it
	dataset string  // of the well-known list, of a log that is written all the same
	known   int     // index in WellKnown; -1: none has it
	place   int     // the same in Where.Sources
}

// A Sample is what some lines of a file say about it.
type Sample struct {
	Format     string       `json:"format,omitempty"` // empty: no format takes its lines
	Prefix     string       `json:"log_line_prefix,omitempty"`
	Layout     string       `json:"log_format,omitempty"`
	Sure       event.Sample `json:"sure"`
	Lines      int64        `json:"lines"`      // that were looked at
	Understood int64        `json:"understood"` // of them
	Rotated    bool         `json:"rotated,omitempty"`
	Alone      bool         `json:"alone"` // the format understands as many as all formats together
}

// Share returns how many of a hundred lines are understood.
func (s *Sample) Share() int {
	if s == nil || s.Lines == 0 {
		return 0
	}
	return int(s.Understood * 100 / s.Lines)
}

// A Source is files that belong together.
type Source struct {
	Dataset string   `json:"dataset"`
	Paths   []string `json:"paths"` // globs
	Exclude []string `json:"exclude,omitempty"`
	Format  string   `json:"format"` // configs.Auto where it is not sure, or none takes the lines
	Prefix  string   `json:"log_line_prefix,omitempty"`
	Layout  string   `json:"log_format,omitempty"`
	Kind    Kind     `json:"kind"`
	Files   []*File  `json:"files"`

	whence string // where Layout stands
}

// A Kind is how it stands with a source.
type Kind string

// The kinds of sources.
const (
	Understood Kind = "understood"
	Empty      Kind = "empty"  // nothing to tell a format from yet
	Closed     Kind = "closed" // it may not be read yet
	Unread     Kind = "unread" // it was not looked at
	Odd        Kind = "odd"    // no format takes its lines
)

// A Shut is a folder that cannot be looked into.
type Shut struct {
	Folder string `json:"folder"`
	Want   string `json:"want"` // what is looked for below it, a glob

	mode fs.FileMode
	gid  uint32
}

// A Found is what there is.
type Found struct {
	User      string    `json:"user"`
	Root      string    `json:"root,omitempty"`
	Known     []Source  `json:"well_known"` // that the daemon follows without being told
	Sources   []Source  `json:"sources"`
	Shut      []Shut    `json:"shut,omitempty"`
	Repairs   []Repair  `json:"repairs,omitempty"`
	Journal   *Journal  `json:"journal,omitempty"`
	Looked    Looked    `json:"looked"`
	Notes     []string  `json:"notes,omitempty"` // what was left out
	Began     time.Time `json:"began"`
	unnamable int       // files whose names are not UTF-8
	binary    int       // that are no text
}

// Looked counts what was looked at.
type Looked struct {
	Files    int   `json:"files"`
	Folders  int   `json:"folders"`
	Programs int   `json:"programs"`
	Samples  int   `json:"samples"`
	Millis   int64 `json:"ms"`
}

// Look finds the logs. It fails only when ctx ends; what it could not do is in the Notes.
func Look(ctx context.Context, cfg Config) (*Found, error) {
	now := time.Now()
	l := &looker{Config: cfg, ctx: ctx, end: now.Add(cfg.Limits.Time), byID: map[inode]*File{}, folders: map[inode]bool{}, shut: map[string]bool{}}
	l.found.User, l.found.Root, l.found.Began = cfg.User, cfg.Root, now
	l.wellKnown()
	l.places()
	l.settings()
	l.programs()
	l.walk()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	l.dropRotated()
	l.layouts()
	l.group()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	l.journal()
	l.repairs()
	l.notes()
	l.found.Looked.Files, l.found.Looked.Millis = len(l.files), time.Since(now).Milliseconds()
	return &l.found, nil
}

// A looker is a look that goes on.
type looker struct {
	Config
	ctx     context.Context
	end     time.Time
	files   []*File
	byID    map[inode]*File
	folders map[inode]bool
	shut    map[string]bool
	entries int
	left    string // why something was left out; empty: nothing was
	found   Found
}

// over reports whether nothing new is to be begun.
func (l *looker) over() bool {
	switch {
	case l.ctx.Err() != nil:
	case l.entries > l.Limits.Entries:
		l.left = "there are more than " + number(l.Limits.Entries) + " files in the folders; the rest was not looked at"
	case time.Now().After(l.end):
		l.left = "looking took longer than " + l.Limits.Time.String() + "; the rest was not looked at"
	default:
		return false
	}
	return true
}

func (l *looker) notes() {
	if l.left != "" {
		l.found.Notes = append(l.found.Notes, l.left)
	}
	if l.found.Looked.Samples >= l.Limits.Samples {
		l.found.Notes = append(l.found.Notes, "lines of "+plural(l.Limits.Samples, "file")+" were looked at, not of the others")
	}
	if n := l.found.unnamable; n > 0 {
		l.found.Notes = append(l.found.Notes, plural(n, "file")+" whose name is not UTF-8 cannot stand in a configuration")
	}
	if n := l.found.binary; n > 0 {
		l.found.Notes = append(l.found.Notes, "what holds no text: "+plural(n, "file"))
	}
}

// on returns where the path of the machine is mounted, under returns its path on the machine again.
func (l *looker) on(path string) string { return l.Root + path }

func (l *looker) under(path string) string { return strings.TrimPrefix(path, l.Root) }

func (l *looker) progress(at string) {
	if l.Progress != nil {
		l.Progress(len(l.files), at)
	}
}

// newest sorts files by when they were written, newest first.
func newest(files []*File) []*File {
	files = slices.Clone(files)
	slices.SortStableFunc(files, func(a, b *File) int { return b.Written.Compare(a.Written) })
	return files
}

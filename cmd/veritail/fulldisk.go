package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/saypro/veritail/pipeline/event"
)

// A file system of logs or of a spool is full with less than fullBelow bytes free, or no inode, and has room again with twice as many.
const (
	disksEvery = 5 * time.Second
	fullBelow  = 1 << 20
)

// A fullDisk is a file system with no room left, which logs are written to, or spools.
type fullDisk struct {
	Logs  []string  `json:"logs,omitempty"`  // directories of followed logs
	Spool []string  `json:"spool,omitempty"` // names of inputs
	Free  int64     `json:"free_bytes"`
	Files bool      `json:"no_inode,omitempty"` // it is full of files
	Since time.Time `json:"since"`
	told  bool
}

// An fsid is a file system of this machine.
type fsid syscall.Fsid

// watchDisks makes it a finding, until ctx ends, that programs cannot write their logs, or that a spool cannot be written. The store
// watches its own.
func (d *daemon) watchDisks(ctx context.Context) error {
	tick := time.NewTicker(disksEvery)
	defer tick.Stop()
	full := map[fsid]*fullDisk{}
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		now := time.Now()
		full = fullDisks(d.writtenTo(), full, now)
		shown := make([]fullDisk, 0, len(full))
		for _, f := range full {
			if !f.told {
				if _, err := d.announcer.Commit(ctx, &event.Commit{Batch: &event.Batch{}, Findings: []event.Finding{f.finding(now)}}); err != nil {
					slog.Debug("a finding that cannot be stored yet", "error", err)
				} else {
					f.told = true
				}
			}
			shown = append(shown, *f)
		}
		slices.SortFunc(shown, func(a, b fullDisk) int { return strings.Compare(a.where(), b.where()) })
		d.full.Store(&shown)
	}
}

// A writtenDir is a directory that something must be able to write to.
type writtenDir struct{ dir, spool string } // spool: the input whose spool it is, "" for logs

func (d *daemon) writtenTo() (all []writtenDir) {
	seen := map[string]bool{}
	for _, in := range d.inputs {
		dir, err := filepath.Abs(filepath.Dir(in.pattern.Glob))
		if err != nil {
			continue // this process has no directory any more
		}
		seen[dir] = true
		all = append(all, writtenDir{dir, in.name})
	}
	for _, s := range d.runner.Status() {
		if dir := filepath.Dir(s.Path); !seen[dir] {
			seen[dir] = true
			all = append(all, writtenDir{dir: dir})
		}
	}
	return all
}

// fullDisks returns which file systems of these directories are full; before are those that were.
func fullDisks(dirs []writtenDir, before map[fsid]*fullDisk, now time.Time) map[fsid]*fullDisk {
	full := map[fsid]*fullDisk{}
	for _, w := range dirs {
		var st syscall.Statfs_t
		const readOnly = 1 // nobody writes there
		if err := syscall.Statfs(w.dir, &st); err != nil || st.Flags&readOnly != 0 || st.Blocks == 0 {
			continue // a directory that is not there yet, or a file system that does not say
		}
		id, free := fsid(st.Fsid), int64(st.Bavail)*int64(st.Bsize)
		was := before[id]
		noInode := st.Files > 0 && st.Ffree == 0
		if !noInode && free >= fullBelow && (was == nil || free >= 2*fullBelow) {
			continue
		}
		f := full[id]
		if f == nil {
			f = &fullDisk{Free: free, Files: noInode, Since: now}
			if was != nil {
				f.Since, f.told = was.Since, was.told
			}
			full[id] = f
		}
		if w.spool != "" {
			f.Spool = append(f.Spool, w.spool)
		} else {
			f.Logs = append(f.Logs, w.dir)
		}
	}
	return full
}

// where names the file system by what is on it.
func (f *fullDisk) where() string {
	if len(f.Logs) == 0 {
		return "the spool of " + strings.Join(f.Spool, ", ")
	}
	if more := len(f.Logs) - 1; more > 0 {
		return fmt.Sprintf("%s and %d more", f.Logs[0], more)
	}
	return f.Logs[0]
}

// left says what it still has.
func (f *fullDisk) left() string {
	if f.Files {
		return "it takes no more files"
	}
	return size(f.Free) + " are free"
}

// effect says what it keeps from going on.
func (f *fullDisk) effect() string {
	var all []string
	if len(f.Spool) > 0 {
		all = append(all, "senders over TCP and writers of pipes wait, and datagrams are lost")
	}
	if len(f.Logs) > 0 {
		all = append(all, "programs cannot write their logs there, and what they do not write nobody can read")
	}
	return strings.Join(all, "; ")
}

func (f *fullDisk) finding(now time.Time) event.Finding {
	out := event.Finding{
		ID: fmt.Sprintf("disk-full-%016x-%s", xxhash.Sum64String(f.where()), f.Since.UTC().Format("20060102T150405")), Rule: "veritail.disk", Severity: "high",
		Audience: []string{"operator", "security"}, Count: 1, Time: now.UnixMicro(), First: f.Since.UnixMicro(), Last: now.UnixMicro(),
		Title:      "The disk of logs is full",
		Message:    fmt.Sprintf("The file system of %s is full, %s: %s.", f.where(), f.left(), f.effect()),
		References: ownRunbook, Runbook: "Free space: df -h and df -i tell which file system, du -xh | sort -h | tail what takes it. Rotation that copies or compresses needs space too. " +
			"Everything goes on by itself when there is room.",
	}
	if len(f.Spool) > 0 {
		out.Title = "The disk of a spool is full"
	}
	return out
}

func (f *fullDisk) print(w *sink, p colours) {
	w.f("%s   %s\n", p.bold("Disk"), p.red(fmt.Sprintf("◆ the file system of %s is full, %s", printable(f.where()), f.left())))
	w.f("       %s\n", f.effect())
}

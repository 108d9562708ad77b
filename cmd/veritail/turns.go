package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/saypro/veritail/rules"
)

// maxTurns bounds the turns that are kept, and turnsMatter is how long before a start one has ended that still matters to it.
const (
	maxTurns    = 8
	turnsMatter = 24 * time.Hour
)

// A turn is a time in which the daemon judged by the same rules.
type turn struct {
	Rules string `json:"rules"` // the SHA-256 of what rules.Pack makes of their files
	From  int64  `json:"from"`  // the time (µs) of the events from which on it has judged by them
}

// turns are those so far, the oldest first: those after a start take over from those before it. They and the rules of each are
// kept in a folder of the daemon's state. What cannot be kept is told in the log: the next start then takes rules that have changed to
// have judged before.
type turns struct {
	dir  string
	list []turn
}

// openTurns reads what a daemon before this one has kept.
func openTurns(state string) *turns {
	t := &turns{dir: filepath.Join(state, "rules")}
	text, err := os.ReadFile(t.file())
	if errors.Is(err, fs.ErrNotExist) {
		return t
	}
	if err == nil {
		err = json.Unmarshal(text, &t.list)
	}
	if err != nil {
		slog.Warn("which rules were judged before is not known", "error", err)
		t.list = nil
	}
	return t
}

func (t *turns) file() string            { return filepath.Join(t.dir, "judged.json") }
func (t *turns) pack(name string) string { return filepath.Join(t.dir, name+".zip") }

// keep keeps rules, which are compiled, and returns their name; "" if they cannot be kept.
func (t *turns) keep(fsys fs.FS, list []rules.Rule) (name string) {
	packed, err := rules.Pack(fsys, list)
	if err == nil {
		sum := sha256.Sum256(packed)
		name = hex.EncodeToString(sum[:])
		if _, gone := os.Stat(t.pack(name)); gone != nil {
			err = replaceFile(t.pack(name), packed)
		}
	}
	if err != nil {
		slog.Warn("the rules cannot be kept for the next start", "error", err)
		return ""
	}
	return name
}

// add begins a turn of rules that keep has named: they judge the events from a time (µs) on.
func (t *turns) add(name string, from int64) {
	if len(t.list) > 0 && !t.changed(name) {
		return
	}
	t.list = append(t.list, turn{name, from})
	t.list = slices.Clone(t.list[max(len(t.list)-maxTurns, 0):])
	if err := t.write(); err != nil {
		slog.Warn("which rules are judged cannot be kept for the next start", "error", err)
	}
}

// write writes the turns, and removes the rules of none.
func (t *turns) write() error {
	text, err := json.MarshalIndent(t.list, "", "  ")
	if err != nil {
		return err
	}
	if err := replaceFile(t.file(), append(text, '\n')); err != nil {
		return err
	}
	packs, err := filepath.Glob(t.pack("*"))
	if err != nil {
		return err
	}
	for _, path := range packs {
		if !slices.ContainsFunc(t.list, func(of turn) bool { return t.pack(of.Rules) == path }) {
			err = errors.Join(err, os.Remove(path))
		}
	}
	return err
}

// rules returns the rules of a turn, as they were.
func (t *turns) rules(name string) ([]rules.Rule, error) {
	packed, err := os.ReadFile(t.pack(name))
	if err != nil {
		return nil, err
	}
	files, err := rules.Unpack(packed)
	if err != nil {
		return nil, err
	}
	return rules.Load(files)
}

// before returns the turns that matter to a start with rules that keep has named, where events were judged up to a time (µs): those with
// other rules, and until when (µs) each has judged.
func (t *turns) before(name string, judged int64) (list []turn, until []int64) {
	for i, of := range t.list {
		end := judged
		if i+1 < len(t.list) {
			end = min(t.list[i+1].From, judged)
		} else if of.Rules == name {
			break // it goes on
		}
		if end >= judged-turnsMatter.Microseconds() {
			list, until = append(list, of), append(until, end)
		}
	}
	return list, until
}

// changed reports whether other rules judged last than those that keep has named.
func (t *turns) changed(name string) bool {
	return len(t.list) > 0 && t.list[len(t.list)-1].Rules != name
}

// replaceFile puts a file in its place at once, with the folder that it is in.
func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

package transactions

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/saypro/veritail/configs"
)

// A report says how one server writes of a deadlock: a file of configs/deadlocks.
type report struct {
	Title    string            `toml:"title"`    // the server, as people call it
	Unproven bool              `toml:"unproven"` // written after documentation, not against the server
	Has      map[string]string `toml:"has"`      // events with these values hold a report: "a|b" either, "*" any
	Text     []string          `toml:"text"`     // the fields that hold it, read one after the other; each begins a section of its name
	End      string            `toml:"end"`      // an expression: a report without such a line is cut
	Victim   string            `toml:"victim"`   // the field that names the session that was rolled back; without it, a line does
	Indent   string            `toml:"indent"`   // an expression: what stands in front of lines and is none of the report
	First    bool              `toml:"first"`    // where neither does, it is the first session that waits
	Event    map[string]string `toml:"event"`    // what the event tells of that session: capture = field
	Database string            `toml:"database"` // the field that names the database
	Note     string            `toml:"note"`     // a sentence: what such a report never tells, and where it is told
	Longest  int               `toml:"longest"`  // bytes that the server keeps of a statement; 0: all
	Lines    []line            `toml:"line"`

	end, indent *regexp.Regexp
	path        string
}

// A line is one kind of line of a report. The first that takes a line counts.
type line struct {
	Match []string `toml:"match"` // regular expressions of the whole line; the captures are those of slots
	In    []string `toml:"in"`    // only in these sections; empty: in all
	To    string   `toml:"to"`    // then the section is this one
	Lock  string   `toml:"lock"`  // what it tells of a lock: one of the words below
	Known bool     `toml:"known"` // only where the session was named before and ran nothing yet: statements may hold such lines
	Own   bool     `toml:"own"`   // it is about the session that writes the report, the victim
	Rest  string   `toml:"rest"`  // the slot that takes the lines that follow and that no other line takes: statement or batch

	match []*regexp.Regexp
}

// What a line may tell of a lock.
const (
	lockWaits    = "waits"    // the session, or the one that `of` names, waits for it; `holder` is who holds it
	lockHolds    = "holds"    // the session, or the one that `of` names, holds it
	lockMore     = "more"     // more of the lock of the line before
	lockResource = "resource" // what the lines that follow hold and want
	lockOwner    = "owner"    // `of` holds that
	lockWaiter   = "waiter"   // `of` waits for that
	lockPair     = "pair"     // `holder` holds it and `waiter` waits for it
	lockWanted   = "wanted"   // more of what the session wants; of the victim, where the line names none
)

var lockWords = []string{"", lockWaits, lockHolds, lockMore, lockResource, lockOwner, lockWaiter, lockPair, lockWanted}

// slots are the captures that a line may have.
var slots = []string{
	"session", "name", "transaction", "user", "host", "application", "isolation", "state", "active", "statement", "batch", "database", "victim",
	"of", "mode", "on", "table", "index", "row", "key", "resource",
	"holder", "holder_transaction", "holder_mode", "waiter", "waiter_mode",
}

// Reports are the reports of all servers. They are not changed, and safe for concurrent use.
type Reports struct{ list []*report }

// Load reads the deadlock reports of deadlocks/*.toml below fsys. An error is of a file, its line and what is wrong
// there. A configuration without that folder has none.
func Load(fsys fs.FS) (*Reports, error) {
	names, err := fs.Glob(fsys, "deadlocks/*.toml")
	if err != nil {
		return nil, fmt.Errorf("list deadlock reports: %w", err)
	}
	slices.Sort(names)
	r := &Reports{}
	for _, name := range names {
		one := &report{path: name}
		if err := configs.Decode(fsys, name, one); err != nil {
			return nil, err
		}
		var faults configs.Errors
		one.compile(func(key, format string, args ...any) {
			faults = append(faults, configs.At(fsys, name, key, "%s", fmt.Sprintf(format, args...)))
		})
		if len(faults) > 0 {
			return nil, faults
		}
		r.list = append(r.list, one)
	}
	return r, nil
}

func (r *report) compile(fail func(key, format string, args ...any)) {
	if r.Title == "" {
		fail("title", "missing: the server, as people call it")
	}
	if len(r.Text) == 0 {
		fail("text", "missing: the fields that hold the report")
	}
	if len(r.Has) == 0 {
		fail("has", "missing: which events hold a report")
	}
	if len(r.Lines) == 0 {
		fail("line", "missing: what the lines of the report tell")
	}
	var err error
	if r.end, err = whole(r.End); err != nil {
		fail("end", "%v", err)
	}
	if r.Indent != "" {
		if r.indent, err = regexp.Compile("^(?:" + r.Indent + ")"); err != nil {
			fail("indent", "%v", err)
		}
	}
	for name := range r.Event {
		if !slices.Contains(slots, name) {
			fail("event."+name, "is no capture; there are %s", strings.Join(slots, ", "))
		}
	}
	for i := range r.Lines {
		r.Lines[i].compile(fmt.Sprintf("line[%d]", i), fail)
	}
}

func (l *line) compile(key string, fail func(key, format string, args ...any)) {
	if !slices.Contains(lockWords, l.Lock) {
		fail(key+".lock", "%q is none of %s", l.Lock, strings.Join(lockWords[1:], ", "))
	}
	if l.Rest != "" && l.Rest != "statement" && l.Rest != "batch" {
		fail(key+".rest", "%q is neither statement nor batch", l.Rest)
	}
	if len(l.Match) == 0 {
		fail(key+".match", "missing")
	}
	for _, expr := range l.Match {
		re, err := whole(expr)
		if err != nil {
			fail(key+".match", "%v", err)
			continue
		}
		for _, name := range re.SubexpNames() {
			if name != "" && !slices.Contains(slots, name) {
				fail(key+".match", "the capture %q is none of %s", name, strings.Join(slots, ", "))
			}
		}
		l.match = append(l.match, re)
	}
}

// whole compiles an expression that has to match all of a line; nil for none.
func whole(expr string) (*regexp.Regexp, error) {
	if expr == "" {
		return nil, nil
	}
	re, err := regexp.Compile("^(?:" + expr + ")$")
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return re, nil
}

// takes returns the captures of text by name if the line takes it.
func (l *line) takes(section, text string) (map[string]string, bool) {
	if len(l.In) > 0 && !slices.Contains(l.In, section) {
		return nil, false
	}
	for _, re := range l.match {
		m := re.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		caps := map[string]string{}
		for i, name := range re.SubexpNames() {
			if name != "" && m[i] != "" {
				caps[name] = m[i]
			}
		}
		return caps, true
	}
	return nil, false
}

// Holds reports whether an event has the values: of each field one of several ("a|b"), one that begins so ("a*"), or any ("*").
func Holds(has map[string]string, fields map[string]any) bool {
	for name, want := range has {
		got := text(fields, name)
		if got == "" || want != "*" && !slices.ContainsFunc(strings.Split(want, "|"), func(w string) bool {
			head, begins := strings.CutSuffix(w, "*")
			return w == got || begins && strings.HasPrefix(got, head)
		}) {
			return false
		}
	}
	return true
}

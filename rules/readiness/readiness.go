// Package readiness judges by the lines that are there whether things can appear in a log at all: deadlocks, lock waits, failed
// logins. A switch that is off hides them, and their absence then means nothing.
//
// What is looked for is data, in configs/readiness.toml. A missing line is no proof: "off" is said only where something was seen that
// does not come without it, else it cannot be told.
package readiness

import (
	"fmt"
	"io/fs"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/rules/transactions"
)

// A Check is one thing that a switch may hide.
type Check struct {
	System string              `toml:"system" json:"system"` // whose switch it is: "PostgreSQL"
	What   string              `toml:"what" json:"what"`     // what it shows: "lock waits"
	Of     map[string]string   `toml:"of" json:"-"`          // events by which the system is known to be there
	On     []map[string]string `toml:"on" json:"-"`          // events that come only where it is on
	Off    []map[string]string `toml:"off" json:"-"`         // events that, where it is on, do not come without one of On
	In     map[string]string   `toml:"in" json:"-"`          // events of the log in which it would stand: where none was read, nothing is off; empty: those of Of
	Hides  string              `toml:"hides" json:"hides"`   // what cannot appear while it is off
	Set    string              `toml:"set" json:"set"`       // what to change
}

// Load reads readiness.toml of fsys. A configuration without it has no checks.
func Load(fsys fs.FS) ([]Check, error) {
	const name = "readiness.toml"
	var file struct {
		Check []Check `toml:"check"`
	}
	if _, err := fs.Stat(fsys, name); err != nil {
		return nil, nil //nolint:nilerr // it need not be there
	}
	if err := configs.Decode(fsys, name, &file); err != nil {
		return nil, err
	}
	var faults configs.Errors
	for i, c := range file.Check {
		for key, missing := range map[string]bool{"system": c.System == "", "what": c.What == "", "of": len(c.Of) == 0, "on": len(c.On) == 0, "set": c.Set == ""} {
			if missing {
				faults = append(faults, configs.At(fsys, name, fmt.Sprintf("check[%d]", i), "%s: missing", key))
			}
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return file.Check, nil
}

// A Verdict says whether something can appear.
type Verdict string

// The verdicts.
const (
	On      Verdict = "on"      // a line was seen that only comes so
	Off     Verdict = "off"     // something was seen that does not come without such a line
	Unknown Verdict = "unknown" // neither: the switch may be off, or nothing has happened
	Absent  Verdict = "absent"  // no log of the system was seen
)

// A Result is a check as it was judged.
type Result struct {
	Check
	Verdict Verdict `json:"verdict"`
	Of      int64   `json:"events"` // of the system
	Shown   int64   `json:"shown"`  // by which it is on
	Against int64   `json:"against"`
	Read    bool    `json:"read"`           // the log in which it would stand was among those that were read
	First   *Line   `json:"line,omitempty"` // the first of those by which it was judged
}

// A Line is where an event stands.
type Line struct {
	Time   time.Time `json:"time"`
	Path   string    `json:"file"`
	Offset int64     `json:"offset"`
}

// A Judge looks at events, in any order. It is of one goroutine.
type Judge struct {
	results []Result
	off     []*Line
	Events  int64
}

// NewJudge returns one that has seen nothing.
func NewJudge(checks []Check) *Judge {
	j := &Judge{results: make([]Result, len(checks)), off: make([]*Line, len(checks))}
	for i, c := range checks {
		j.results[i].Check = c
	}
	return j
}

// Add looks at an event.
func (j *Judge) Add(e *transactions.Event) {
	j.Events++
	for i := range j.results {
		r := &j.results[i]
		if transactions.Holds(r.Check.Of, e.Fields) {
			r.Of++
		}
		if in := r.In; len(in) == 0 && transactions.Holds(r.Check.Of, e.Fields) || len(in) > 0 && transactions.Holds(in, e.Fields) {
			r.Read = true
		}
		if oneOf(r.On, e.Fields) {
			r.Shown++
			keep(&r.First, e)
		} else if oneOf(r.Check.Off, e.Fields) {
			r.Against++
			keep(&j.off[i], e)
		}
	}
}

func keep(l **Line, e *transactions.Event) {
	if *l == nil {
		*l = &Line{time.UnixMicro(e.Time).UTC(), e.Path, e.Offset}
	}
}

func oneOf(list []map[string]string, fields map[string]any) bool {
	for _, has := range list {
		if transactions.Holds(has, fields) {
			return true
		}
	}
	return false
}

// Results returns the checks as they are judged now.
func (j *Judge) Results() []Result {
	out := make([]Result, len(j.results))
	copy(out, j.results)
	for i := range out {
		r := &out[i]
		switch {
		case r.Shown > 0:
			r.Verdict = On
		case r.Against > 0 && r.Read:
			r.Verdict, r.First = Off, j.off[i]
		case r.Of == 0 && r.Against == 0:
			r.Verdict = Absent
		default:
			r.Verdict = Unknown
		}
	}
	return out
}

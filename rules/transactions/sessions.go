package transactions

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/saypro/veritail/configs"
)

// What an event does to its session.
const (
	stepConnects = "connects" // the session begins: what was open under its key is forgotten
	stepLogin    = "login"    // it has said who it is
	stepLeaves   = "leaves"   // it ends in order
	stepLost     = "lost"     // it ends in disorder
	stepWaits    = "waits"    // it waits for a lock, for some time already
	stepAcquires = "acquires" // it has got the lock
	stepFails    = "fails"    // a statement, and with it the transaction, is refused
	stepRuns     = "runs"     // a statement begins, or nothing says whether it has ended
	stepRan      = "ran"      // a statement has ended; it may have been told when it began
	stepStops    = "stops"    // the server does: all its sessions end
)

var stepWords = []string{stepConnects, stepLogin, stepLeaves, stepLost, stepWaits, stepAcquires, stepFails, stepRuns, stepRan, stepStops}

// Sessions says what keeps sessions of databases apart and what events do to them: configs/sessions.toml. It is not changed, and
// safe for concurrent use.
type Sessions struct {
	IDs   []string      `toml:"ids"`     // fields by which people ask for a session or a transaction
	Links []string      `toml:"links"`   // fields that events of several programs share, of one request
	Retry []string      `toml:"retry"`   // codes of errors after which a program should try again
	Kinds []sessionKind `toml:"session"` //
	Steps []stepKind    `toml:"step"`    // the first that an event has the values of counts
	Tells []tellKind    `toml:"tell"`    // of what programs tell beside sessions: the first counts
}

// A tellKind says what a program's event tells of a transaction of the business.
type tellKind struct {
	Has  map[string]string `toml:"has"`
	Of   string            `toml:"of"`   // the field of its id
	Is   string            `toml:"is"`   // the field of the state it is in; "a|b": the first that is there
	Word string            `toml:"word"` // what stands there where it is in none
	Text []string          `toml:"text"` // fields, each perhaps behind a word: "from veritail.transaction.account"
}

type sessionKind struct {
	Has         map[string]string `toml:"has"`         // events of sessions of this kind
	By          []string          `toml:"by"`          // the fields that tell one from another; the last one is its name
	Transaction []string          `toml:"transaction"` // the fields that may name its transaction
}

type stepKind struct {
	Has   map[string]string `toml:"has"`
	Is    string            `toml:"is"`
	For   string            `toml:"for"`   // the field that has the lock's mode
	On    string            `toml:"on"`    // and what it is on
	After string            `toml:"after"` // and how long it had waited
}

// LoadSessions reads sessions.toml of fsys. A configuration without it has none.
func LoadSessions(fsys fs.FS) (*Sessions, error) {
	const name = "sessions.toml"
	s := &Sessions{}
	if _, err := fs.Stat(fsys, name); err != nil {
		return s, nil //nolint:nilerr // it need not be there
	}
	if err := configs.Decode(fsys, name, s); err != nil {
		return nil, err
	}
	var faults configs.Errors
	for i, k := range s.Kinds {
		if len(k.By) == 0 || len(k.Has) == 0 {
			faults = append(faults, configs.At(fsys, name, fmt.Sprintf("session[%d]", i), "a session wants has and by"))
		}
	}
	for i, k := range s.Steps {
		if !slices.Contains(stepWords, k.Is) {
			faults = append(faults, configs.At(fsys, name, fmt.Sprintf("step[%d].is", i), "%q is none of %s", k.Is, strings.Join(stepWords, ", ")))
		}
	}
	if len(faults) > 0 {
		return nil, faults
	}
	return s, nil
}

// Does returns what events have that do something to their session: "connects", "runs" and the other words of sessions.toml.
// Values are as Holds reads them. An event that has all of one of first does something else, whatever it has of these.
func (s *Sessions) Does(is string) (has, first []map[string]string) {
	for i := range s.Steps {
		if s.Steps[i].Is == is {
			has = append(has, s.Steps[i].Has)
		}
	}
	for i := range s.Steps {
		if s.Steps[i].Is == is {
			break
		}
		if slices.ContainsFunc(has, func(h map[string]string) bool { return !apart(h, s.Steps[i].Has) }) {
			first = append(first, s.Steps[i].Has)
		}
	}
	return has, first
}

// apart reports whether no event can have all of both: a field with one of some values in a, and with one of others in b.
func apart(a, b map[string]string) bool {
	for field, want := range a {
		other, ok := b[field]
		if !ok || strings.Contains(want, "*") || strings.Contains(other, "*") {
			continue
		}
		if words := strings.Split(other, "|"); !slices.ContainsFunc(strings.Split(want, "|"), func(w string) bool { return slices.Contains(words, w) }) {
			return true
		}
	}
	return false
}

// After returns the fields that say how long a session had waited when that happened to it.
func (s *Sessions) After(is string) []string {
	var out []string
	for i := range s.Steps {
		if f := s.Steps[i].After; s.Steps[i].Is == is && f != "" && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// key returns by which the event's session is known, its name, and false for one that is of none.
func (s *Sessions) key(e *Event) (key, name string, kind *sessionKind) {
	for i := range s.Kinds {
		k := &s.Kinds[i]
		if !Holds(k.Has, e.Fields) {
			continue
		}
		var parts []string
		for _, f := range k.By {
			v := text(e.Fields, f)
			if v == "" {
				return "", "", nil
			}
			parts = append(parts, v)
		}
		return strings.Join(parts, "\x00"), parts[len(parts)-1], k
	}
	return "", "", nil
}

// step returns what the event does to its session, nil for nothing.
func (s *Sessions) step(e *Event) *stepKind {
	for i := range s.Steps {
		if Holds(s.Steps[i].Has, e.Fields) {
			return &s.Steps[i]
		}
	}
	return nil
}

// tell returns what the event tells of a transaction of the business, nil for nothing.
func (s *Sessions) tell(e *Event) *tellKind {
	for i := range s.Tells {
		if Holds(s.Tells[i].Has, e.Fields) {
			return &s.Tells[i]
		}
	}
	return nil
}

// text returns what the event says, of what it has.
func (k *tellKind) text(e *Event) string {
	var words []string
	for _, part := range k.Text {
		word, field := "", part
		if i := strings.LastIndexByte(part, ' '); i >= 0 {
			word, field = part[:i+1], part[i+1:]
		}
		if v := firstText(e, field); v != "" {
			words = append(words, word+v)
		}
	}
	return strings.Join(words, " ")
}

// firstText returns the text of the first of the fields "a|b" that the event has.
func firstText(e *Event, fields string) string {
	for f := range strings.SplitSeq(fields, "|") {
		if v := text(e.Fields, f); v != "" {
			return v
		}
	}
	return ""
}

// Is reports whether one of the event's ids is id.
func (s *Sessions) Is(e *Event, id string) bool {
	for _, f := range s.IDs {
		if text(e.Fields, f) == id {
			return true
		}
	}
	return false
}

// linksOf are what the event shares with others of its request.
func (s *Sessions) linksOf(e *Event) []string {
	var out []string
	for _, f := range s.Links {
		if v := text(e.Fields, f); v != "" {
			out = append(out, f+"\x00"+v)
		}
	}
	return out
}

// Package transactions makes pictures of what databases tell of their transactions: a deadlock's report becomes a graph of
// sessions that wait for each other.
//
// It stands beside the flow: commands and the console hand it events that are stored or were just read, and nothing waits
// for it. How a server writes its report is data, in configs/deadlocks/*.toml; what is made of it is here. A report is
// what somebody else wrote: statements in it may hold anything, also lines that look like those of the report.
// Whatever the log does not tell is empty, and shown as NotLogged; nothing is made up in its place.
package transactions

import (
	"fmt"
	"strings"
	"time"
)

// NotLogged stands where the log does not tell something.
const NotLogged = "not logged"

// An Event is an event that may tell of a deadlock. Fields are by name, with values as event.Row.Value returns them.
type Event struct {
	Time   int64 // µs
	Path   string
	Offset int64
	Bytes  int64
	Fields map[string]any
}

// A Deadlock is what one report tells. It is not changed once it is made.
type Deadlock struct {
	Server   string    `json:"server"`         // as people call it: "PostgreSQL"
	Unproven bool      `json:"unproven"`       // the report was read after the server's documentation, never against the server
	Time     time.Time `json:"time"`           // UTC
	Database string    `json:"database"`       // "" where it is not logged
	Host     string    `json:"host,omitempty"` // whose log it is
	Sessions []Session `json:"sessions"`
	Waits    []Wait    `json:"waits"`
	Cycle    []int     `json:"cycle"`            // sessions, each of which waits for the next and the last for the first; the victim first. Empty where the report tells of none
	Cut      bool      `json:"cut"`              // the report goes on where the log was cut
	Doubts   []string  `json:"doubts,omitempty"` // what in the report contradicts itself, or is not told by any of its kind; one sentence each
	Path     string    `json:"file"`
	Offset   int64     `json:"offset"`
	Bytes    int64     `json:"bytes"` // of the event's lines
}

// A Session is one that takes part. Empty texts were not logged.
type Session struct {
	Name         string `json:"name"`        // its process or thread at the server, by which people look for it
	Transaction  string `json:"transaction"` // the server's number of it
	User         string `json:"user"`
	Host         string `json:"host"`
	Application  string `json:"application"`
	Isolation    string `json:"isolation"`
	State        string `json:"state"`           // what it did, in the server's words
	Active       string `json:"active"`          // how long the transaction had run, in the server's words
	Statement    string `json:"statement"`       // what it ran when it waited
	Batch        string `json:"batch,omitempty"` // what had been sent, where the report tells both
	StatementCut bool   `json:"statement_cut"`   // the server keeps no more of a statement than that
	Victim       bool   `json:"victim"`          // it was rolled back
	Holds        []Lock `json:"holds"`           // as far as the report tells
	Wants        []Lock `json:"wants"`           //
	Key          string `json:"key"`             // by which the report names it
}

// A Lock is one that is held or wanted.
type Lock struct {
	Mode     string   `json:"mode"`
	On       string   `json:"on,omitempty"` // what is locked, in the server's words, where it is no row or table
	Table    string   `json:"table,omitempty"`
	Index    string   `json:"index,omitempty"`
	Rows     []string `json:"rows,omitempty"`     // places of the rows in the server's words: a tuple, a heap number
	Key      string   `json:"key,omitempty"`      // of the first row in the index, as far as its bytes say it
	Resource string   `json:"resource,omitempty"` // what the report tells them apart by
}

// A Wait is one session waiting for another.
type Wait struct {
	From     int  `json:"from"`
	To       int  `json:"to"`
	Lock     Lock `json:"lock"`
	Inferred bool `json:"inferred"` // the report does not say who holds the lock; no other can
}

// Label names the session: 18956, or where its process is not logged "transaction 766".
func (s *Session) Label() string {
	switch {
	case s.Name != "":
		return s.Name
	case s.Transaction != "":
		return "transaction " + s.Transaction
	}
	return "session " + s.Key
}

// Who is the user and the client as app@10.0.0.7, "" where neither is logged.
func (s *Session) Who() string {
	switch {
	case s.User != "" && s.Host != "":
		return s.User + "@" + s.Host
	case s.User != "":
		return s.User
	}
	return s.Host
}

// Object is what is locked: "accounts PRIMARY key 31", "tuple (0,51) of accounts", "transaction 757", or NotLogged.
func (l *Lock) Object() string {
	var parts []string
	if l.Table != "" {
		parts = append(parts, shortName(l.Table))
	}
	if l.Index != "" {
		parts = append(parts, l.Index)
	}
	switch {
	case l.Key != "":
		parts = append(parts, "key "+l.Key)
	case len(l.Rows) > 0:
		parts = append(parts, "row "+l.Rows[0])
	}
	if n := len(l.Rows); n > 1 {
		parts = append(parts, fmt.Sprintf("and %d more", n-1))
	}
	if len(parts) == 0 {
		if l.On == "" {
			return NotLogged
		}
		return l.On
	}
	return strings.Join(parts, " ")
}

// Text is mode and object: "X on accounts PRIMARY key 31".
func (l *Lock) Text() string {
	mode := l.Mode
	if mode == "" {
		mode = "mode " + NotLogged
	}
	text := mode + " on " + l.Object()
	if l.On != "" && l.On != l.Object() {
		text = mode + " on " + l.On + ", " + l.Object()
	}
	return text
}

// Sentence tells who waits for whom: "18956 waits for 18958, which waits for 18956".
func (d *Deadlock) Sentence() string {
	if len(d.Cycle) == 0 {
		return fmt.Sprintf("The report tells of %s and of no cycle", plural(len(d.Sessions), "session", "sessions"))
	}
	var b strings.Builder
	b.WriteString(d.Sessions[d.Cycle[0]].Label())
	for i := range d.Cycle {
		if i == 0 {
			b.WriteString(" waits for ")
		} else {
			b.WriteString(", which waits for ")
		}
		b.WriteString(d.Sessions[d.Cycle[(i+1)%len(d.Cycle)]].Label())
	}
	return b.String()
}

// wait returns the wait of session from for session to, nil where there is none.
func (d *Deadlock) wait(from, to int) *Wait {
	for i := range d.Waits {
		if d.Waits[i].From == from && d.Waits[i].To == to {
			return &d.Waits[i]
		}
	}
	return nil
}

// Beside are the sessions that the report names and that are not in the cycle.
func (d *Deadlock) Beside() []int {
	in := map[int]bool{}
	for _, i := range d.Cycle {
		in[i] = true
	}
	var out []int
	for i := range d.Sessions {
		if !in[i] {
			out = append(out, i)
		}
	}
	return out
}

// shortName leaves the schema away: shop.dbo.accounts is accounts.
func shortName(table string) string { return table[strings.LastIndexByte(table, '.')+1:] }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Fuller reports whether d tells more than o: it is not cut, has a cycle, names more sessions.
func (d *Deadlock) Fuller(o *Deadlock) bool {
	if d.Cut != o.Cut {
		return o.Cut
	}
	if (len(d.Cycle) > 0) != (len(o.Cycle) > 0) {
		return len(d.Cycle) > 0
	}
	return len(d.Sessions) > len(o.Sessions)
}

// Same reports whether two reports are of one deadlock: InnoDB's monitor prints the latest again and again.
func (d *Deadlock) Same(o *Deadlock) bool {
	if d.Server != o.Server || !d.Time.Equal(o.Time) || len(d.Sessions) != len(o.Sessions) {
		return false
	}
	for i := range d.Sessions {
		if d.Sessions[i].Name != o.Sessions[i].Name || d.Sessions[i].Transaction != o.Sessions[i].Transaction {
			return false
		}
	}
	return true
}

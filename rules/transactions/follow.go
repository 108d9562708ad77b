package transactions

import (
	"strings"
	"time"
)

// An End is how a transaction ended.
type End string

// The ends. What was sent in one text with its COMMIT is committed where no error of the session follows.
const (
	Open       End = "open"        // it has begun, and nothing tells that it ended
	Committed  End = "committed"   //
	RolledBack End = "rolled back" // by its session
	Failed     End = "failed"      // an error ended it, and its session rolled it back or left
	Vanished   End = "vanished"    // its session ended, or the server did, while it was open
	Prepared   End = "prepared"    // for a commit in two phases, which has not come
)

// A Transaction is one of a session, as far as the log tells.
type Transaction struct {
	Session  string    `json:"session"`            // its process or thread
	Host     string    `json:"host,omitempty"`     //
	User     string    `json:"user,omitempty"`     //
	Client   string    `json:"client,omitempty"`   //
	Database string    `json:"database,omitempty"` //
	ID       string    `json:"id,omitempty"`       // the server's number of it
	Begun    time.Time `json:"begun"`              //
	Ended    time.Time `json:"ended"`              // of an open one the last that was told
	End      End       `json:"end"`                //
	Inferred bool      `json:"inferred"`           // the end is not told, it follows from what is
	Why      string    `json:"why,omitempty"`      // of one that failed or vanished
	Steps    []Moment  `json:"steps"`              //

	key string
	gid string // of a prepared one
}

// A Moment is something that happened in a session.
type Moment struct {
	Time     time.Time     `json:"time"`
	Session  string        `json:"session"` // or what the program is called that tells it
	What     string        `json:"what"`    // one of the words of What…
	Text     string        `json:"text"`    // in few words
	Code     string        `json:"code,omitempty"`
	Of       string        `json:"of,omitempty"`       // the id of a transaction of the business
	State    string        `json:"state,omitempty"`    // that it is in, as its program calls it
	Outcome  string        `json:"outcome,omitempty"`  // what the state means: success, failure, unknown
	Took     time.Duration `json:"took,omitempty"`     // of a statement, or of waiting
	Inferred bool          `json:"inferred,omitempty"` // no line tells it: it follows from another
	Path     string        `json:"file"`
	Offset   int64         `json:"offset"`
}

// What a moment is.
const (
	WhatConnects = "connects"
	WhatBegins   = "begins"
	WhatRuns     = "runs"
	WhatWaits    = "waits"
	WhatGets     = "gets the lock"
	WhatFails    = "fails"
	WhatCommits  = "commits"
	WhatPrepares = "prepares"
	WhatRolls    = "rolls back"
	WhatLeaves   = "leaves"
	WhatVanishes = "is lost"
	WhatTells    = "tells" // another program
)

// maxOpen bounds the sessions that a Follower remembers, maxSteps what it keeps of one.
const (
	maxOpen  = 100_000
	maxSteps = 1000
)

// A Follower follows the sessions of databases event by event, in the order of time. It is of one goroutine.
type Follower struct {
	sessions *Sessions
	open     map[string]*followed
	prepared map[string]*Transaction
	Moment   func(key string, m Moment) // told of everything in a session; nil: nobody is
	Ended    func(*Transaction)         // told of each transaction that ended
	Dropped  int                        // sessions that were forgotten because there were too many
}

// A followed is a session that has not ended.
type followed struct {
	name, user, client, host, database string
	tx                                 *Transaction
	commit                             *Moment // was sent with the beginning: it has happened when the next line is no error
	teller                             string  // the file that tells its statements: a server may write several
	last                               string  // the statement that was told last
	lastAt                             time.Time
}

// NewFollower returns one that knows no session yet.
func NewFollower(s *Sessions) *Follower {
	return &Follower{sessions: s, open: map[string]*followed{}, prepared: map[string]*Transaction{}}
}

// Add takes the next event.
func (f *Follower) Add(e *Event) {
	step := f.sessions.step(e)
	if step != nil && step.Is == stepStops {
		f.stop(e)
		return
	}
	key, name, kind := f.sessions.key(e)
	if kind == nil || step == nil {
		return
	}
	s := f.open[key]
	if step.Is == stepConnects && s != nil { // the key is used again
		f.end(key, s, e, "its session is gone: the server uses its number again")
		s = nil
	}
	if s == nil {
		if len(f.open) >= maxOpen {
			f.Dropped++
			return
		}
		s = &followed{name: name}
		f.open[key] = s
	}
	f.who(s, e)
	f.step(key, s, kind, step, e)
}

// who takes what the event tells of the session.
func (f *Follower) who(s *followed, e *Event) {
	for _, v := range []struct {
		to    *string
		field string
	}{{&s.user, "user.name"}, {&s.client, "source.ip"}, {&s.host, "host.name"}, {&s.database, "db.namespace"}} {
		if t := text(e.Fields, v.field); t != "" && t != "unknown" {
			*v.to = t
		}
	}
}

// at makes a moment of the event.
func (s *followed) at(e *Event, what, words string) Moment {
	return Moment{Time: time.UnixMicro(e.Time).UTC(), Session: s.name, What: what, Text: words, Path: e.Path, Offset: e.Offset}
}

// note tells of a moment, and keeps it with the open transaction.
func (f *Follower) note(key string, s *followed, m Moment) {
	if s.tx != nil && len(s.tx.Steps) < maxSteps {
		s.tx.Steps = append(s.tx.Steps, m)
	}
	if f.Moment != nil {
		f.Moment(key, m)
	}
}

func (f *Follower) step(key string, s *followed, kind *sessionKind, step *stepKind, e *Event) {
	at := time.UnixMicro(e.Time).UTC()
	switch step.Is {
	case stepFails, stepLost, stepWaits, stepAcquires, stepRan:
	default:
		f.settle(key, s, at)
	}
	switch step.Is {
	case stepConnects, stepLogin:
		if step.Is == stepConnects {
			f.note(key, s, s.at(e, WhatConnects, "from "+orNotLogged(s.client)))
		}
	case stepLeaves:
		f.note(key, s, s.at(e, WhatLeaves, ""))
		f.end(key, s, e, "its session left")
	case stepLost:
		m := s.at(e, WhatVanishes, text(e.Fields, "message"))
		m.Code = text(e.Fields, "db.response.status_code")
		f.note(key, s, m)
		f.end(key, s, e, m.Text)
	case stepWaits, stepAcquires:
		f.waits(key, s, step, e)
	case stepFails:
		f.fails(key, s, e)
	case stepRuns:
		f.runs(key, s, e, time.Duration(0))
	case stepRan:
		took, _ := e.Fields["event.duration"].(time.Duration)
		if sql := text(e.Fields, "db.query.text"); sql != s.last || time.UnixMicro(e.Time).Sub(s.lastAt) > took+time.Second {
			f.runs(key, s, e, took)
		}
		f.settle(key, s, at) // all of the text has ended, and without an error
		s.last = ""
	}
	if s.tx != nil {
		for _, field := range kind.Transaction {
			if id := text(e.Fields, field); id != "" && id != "0" && s.tx.ID == "" {
				s.tx.ID = id
			}
		}
		s.tx.Ended = at
	}
}

// waits notes a lock that is waited for. Where the log tells it late it was since when, which no line says.
func (f *Follower) waits(key string, s *followed, step *stepKind, e *Event) {
	what := strings.TrimSpace(text(e.Fields, step.For) + " on " + text(e.Fields, step.On))
	took, _ := e.Fields[step.After].(time.Duration)
	m := s.at(e, WhatWaits, what)
	m.Took = took
	if step.Is == stepAcquires {
		m.What = WhatGets
	}
	f.note(key, s, m)
}

// fails notes an error. It ends the transaction, which its session has yet to leave.
func (f *Follower) fails(key string, s *followed, e *Event) {
	m := s.at(e, WhatFails, text(e.Fields, "message"))
	if reason := text(e.Fields, "event.reason"); m.Text == "" {
		m.Text = reason
	}
	m.Code = text(e.Fields, "db.response.status_code")
	f.note(key, s, m)
	if s.tx == nil {
		return
	}
	s.tx.Why = strings.TrimSpace(m.Code + " " + m.Text)
	if s.commit != nil { // all that was sent at once ends with the error
		f.finish(s, Failed, m.Time, true)
	}
}

// runs notes the statements of a text, and what they do to the transaction.
func (f *Follower) runs(key string, s *followed, e *Event, took time.Duration) {
	if s.teller == "" {
		s.teller = e.Path
	}
	if s.teller != e.Path {
		return
	}
	sql := text(e.Fields, "db.query.text")
	s.last, s.lastAt = sql, time.UnixMicro(e.Time).UTC()
	list := Statements(sql)
	begun := false
	for i, st := range list {
		m := s.at(e, WhatRuns, st.Text)
		m.Time = m.Time.Add(-took) // a statement that is told when it has ended began before
		m.Inferred = i > 0         // of several in one text only the first begins when it is told
		if i == len(list)-1 {
			m.Took = took
		}
		switch kind := control(st); kind {
		case "begin":
			if s.tx == nil {
				s.tx = &Transaction{Session: s.name, Host: s.host, User: s.user, Client: s.client, Database: s.database, Begun: m.Time, Ended: m.Time, End: Open, key: key}
				begun = true
			}
			m.What = WhatBegins
			f.note(key, s, m)
		case "commit", "rollback", "prepare":
			f.ends(key, s, m, kind, st, begun)
		default:
			if kind == "savepoint" && s.tx != nil {
				s.tx.Why = "" // what failed behind it is undone
			}
			f.note(key, s, m)
		}
	}
}

// ends notes the end of a transaction. What was sent in one text with its beginning may yet fail.
func (f *Follower) ends(key string, s *followed, m Moment, kind string, st Statement, sameText bool) {
	m.What = map[string]string{"commit": WhatCommits, "rollback": WhatRolls, "prepare": WhatPrepares}[kind]
	if gid, ok := preparedName(st); ok && kind != "prepare" { // COMMIT PREPARED 'x', of any session
		f.note(key, s, m)
		if tx := f.prepared[gid]; tx != nil {
			delete(f.prepared, gid)
			tx.Ended = m.Time
			tx.End = map[string]End{"commit": Committed, "rollback": RolledBack}[kind]
			tx.Steps = append(tx.Steps, m)
			f.tell(tx)
		}
		return
	}
	if sameText && kind == "commit" && s.tx != nil {
		m.Inferred = true
		s.commit = &m
		return
	}
	f.note(key, s, m)
	switch {
	case s.tx == nil:
	case kind == "prepare":
		gid, _ := preparedName(st)
		s.tx.End, s.tx.gid = Prepared, gid
		f.prepared[gid] = s.tx
		s.tx = nil
	case kind == "commit" && s.tx.Why != "": // the server answers ROLLBACK
		f.finish(s, Failed, m.Time, false)
	case kind == "commit":
		f.finish(s, Committed, m.Time, false)
	case s.tx.Why != "":
		f.finish(s, Failed, m.Time, false)
	default:
		f.finish(s, RolledBack, m.Time, false)
	}
}

// settle ends a transaction that was sent with its COMMIT: at that time something else follows, which is no error of it.
func (f *Follower) settle(key string, s *followed, at time.Time) {
	if s.commit != nil {
		m := *s.commit
		m.Time = at
		f.note(key, s, m)
		f.finish(s, Committed, at, true)
	}
}

func (f *Follower) finish(s *followed, end End, at time.Time, inferred bool) {
	tx := s.tx
	s.tx, s.commit = nil, nil
	tx.End, tx.Ended, tx.Inferred = end, at, inferred
	f.tell(tx)
}

func (f *Follower) tell(tx *Transaction) {
	if f.Ended != nil {
		f.Ended(tx)
	}
}

// end forgets a session; a transaction that is open vanished with it, or failed before.
func (f *Follower) end(key string, s *followed, e *Event, why string) {
	if s.tx != nil {
		end := Vanished
		if s.tx.Why != "" {
			end = Failed
		} else {
			s.tx.Why = why
		}
		f.finish(s, end, time.UnixMicro(e.Time).UTC(), true)
	}
	delete(f.open, key)
}

// stop ends all sessions of the host that the server ran on.
func (f *Follower) stop(e *Event) {
	host := text(e.Fields, "host.name")
	for key, s := range f.open {
		if s.host == host || host == "" {
			f.end(key, s, e, "the server stopped")
		}
	}
}

// Close ends the following: it returns the transactions that are open still, or prepared.
func (f *Follower) Close() []*Transaction {
	var out []*Transaction
	for key, s := range f.open {
		f.settle(key, s, s.lastAt)
		if s.tx != nil {
			out = append(out, s.tx)
		}
	}
	for _, tx := range f.prepared {
		out = append(out, tx)
	}
	return out
}

// control says what a statement does to its transaction: begin, commit, rollback, savepoint (back to one), prepare or "".
func control(s Statement) string {
	words := strings.Fields(strings.ToLower(s.Text))
	if len(words) == 0 {
		return ""
	}
	if isToSavepoint(words) {
		return "savepoint"
	}
	second := ""
	if len(words) > 1 {
		second = words[1]
	}
	switch words[0] {
	case "begin":
		return "begin"
	case "start":
		if second == "transaction" {
			return "begin"
		}
	case "commit", "end":
		return "commit"
	case "rollback", "abort":
		return "rollback"
	case "prepare":
		if second == "transaction" {
			return "prepare"
		}
	}
	return ""
}

// isToSavepoint reports whether a statement is ROLLBACK [WORK] TO …, which leaves the transaction open.
func isToSavepoint(words []string) bool {
	return words[0] == "rollback" && (len(words) > 1 && words[1] == "to" || len(words) > 2 && words[2] == "to")
}

// preparedName is the name in PREPARE TRANSACTION 'x', COMMIT PREPARED 'x' and ROLLBACK PREPARED 'x'.
func preparedName(s Statement) (string, bool) {
	t := lex(s.Text)
	if len(t) == 3 && t[2].kind == literal && (strings.EqualFold(t[1].text, "prepared") || strings.EqualFold(t[1].text, "transaction")) {
		return t[2].text, true
	}
	return "", false
}

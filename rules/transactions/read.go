package transactions

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// What of a report is looked at, however long somebody makes it.
const (
	maxSessions = 100
	maxLocks    = 1000
	maxRows     = 100 // of one lock
	maxText     = 64 << 10
)

// Read returns the deadlock that the event tells of, and false where it holds no report: a driver's exception, say.
func (r *Reports) Read(e Event) (*Deadlock, bool) {
	if r == nil {
		return nil, false
	}
	for _, one := range r.list {
		if Holds(one.Has, e.Fields) {
			if d := one.read(e); len(d.Sessions) > 0 {
				return d, true
			}
		}
	}
	return nil, false
}

// A fact is that a session holds a lock or waits for one.
type fact struct {
	session int    // -1: the one that of names
	of      string // key or transaction
	waits   bool
	holder  string // key of the session that holds it; "": not told
	lock    Lock
}

// A reading is one report being read.
type reading struct {
	*report
	d        *Deadlock
	byKey    map[string]int
	current  int // session that the lines are about; -1: none
	section  string
	facts    []fact
	resource Lock
	wanted   []fact // more of what sessions want; session -1 is the victim
	victims  []string
	writer   Session // what is told of the session that writes the report
	rest     *string // takes the lines that no line takes
	ended    bool
}

func (r *report) read(e Event) *Deadlock {
	d := &Deadlock{
		Server: r.Title, Unproven: r.Unproven, Time: time.UnixMicro(e.Time).UTC(), Path: e.Path, Offset: e.Offset, Bytes: e.Bytes,
		Database: text(e.Fields, r.Database), Host: text(e.Fields, "host.name"), Cut: text(e.Fields, "veritail.cut") == "true",
	}
	g := &reading{report: r, d: d, byKey: map[string]int{}, current: -1}
	for _, field := range r.Text {
		g.section, g.rest = field, nil
		for line := range strings.Lines(text(e.Fields, field)) {
			g.line(g.bare(line))
		}
	}
	if r.end != nil && !g.ended {
		d.Cut = true
	}
	g.own()
	g.victim(e)
	g.wants()
	g.finish()
	g.graph()
	return d
}

// text returns a field of an event as text, "" where it has none.
func text(fields map[string]any, name string) string {
	v, ok := fields[name]
	if !ok || name == "" {
		return ""
	}
	return event.Format(v)
}

func (g *reading) line(s string) {
	if g.end != nil && g.end.MatchString(s) {
		g.ended = true
	}
	for i := range g.Lines {
		l := &g.Lines[i]
		caps, ok := l.takes(g.section, s)
		if !ok {
			continue
		}
		if l.Known && !g.known(caps["session"]) {
			if i, ok := g.byKey[caps["session"]]; ok {
				g.d.doubt("a statement holds a line that looks like one of the report; where the statement of %s begins and ends is not certain", g.d.Sessions[i].Label())
			}
			continue
		}
		g.take(l, caps)
		return
	}
	if g.rest != nil && len(*g.rest) < maxText {
		*g.rest += "\n" + s
	}
}

// bare is a line without its ending and what stands in front of it.
func (r *report) bare(line string) string {
	line = strings.TrimRight(line, "\r\n")
	if r.indent != nil {
		line = line[len(r.indent.FindString(line)):]
	}
	return line
}

// known reports whether a session was named before and no statement of it was told yet.
func (g *reading) known(key string) bool {
	i, ok := g.byKey[key]
	return ok && g.d.Sessions[i].Statement == ""
}

// session returns the session of a key, a new one if there is none; -1 beyond the bound.
func (g *reading) session(key string) int {
	i, ok := g.byKey[key]
	if !ok {
		if i = len(g.d.Sessions); i == maxSessions {
			return -1
		}
		g.d.Sessions = append(g.d.Sessions, Session{Key: key, Holds: []Lock{}, Wants: []Lock{}})
		g.byKey[key] = i
	}
	return i
}

func (g *reading) take(l *line, caps map[string]string) {
	g.rest = nil
	if key, ok := caps["session"]; ok {
		g.current = g.session(key)
	}
	if l.To != "" {
		g.section = l.To
	}
	if key, ok := caps["victim"]; ok {
		g.victims = append(g.victims, key)
	}
	if name, ok := caps["database"]; ok && g.d.Database == "" {
		g.d.Database = name
	}
	s := &g.writer
	if !l.Own && g.current >= 0 {
		s = &g.d.Sessions[g.current]
	}
	if l.Own || g.current >= 0 {
		for name, v := range caps {
			if p := s.slot(name); p != nil && *p == "" {
				*p = v
			}
		}
		if p := s.slot(l.Rest); p != nil && (*p == "" || caps[l.Rest] != "") {
			g.rest = p
		}
	}
	g.lock(l.Lock, caps)
}

// slot returns where what is called name is kept of a session, nil for what is not.
func (s *Session) slot(name string) *string {
	switch name {
	case "name":
		return &s.Name
	case "transaction":
		return &s.Transaction
	case "user":
		return &s.User
	case "host":
		return &s.Host
	case "application":
		return &s.Application
	case "isolation":
		return &s.Isolation
	case "state":
		return &s.State
	case "active":
		return &s.Active
	case "statement":
		return &s.Statement
	case "batch":
		return &s.Batch
	}
	return nil
}

// lockOf is the lock that captures tell of.
func lockOf(caps map[string]string) Lock {
	l := Lock{Mode: caps["mode"], On: caps["on"], Table: strings.NewReplacer("`", "", `"`, "").Replace(caps["table"]), Index: caps["index"], Resource: caps["resource"]}
	if row, ok := caps["row"]; ok {
		l.Rows = []string{row}
	}
	if key, ok := caps["key"]; ok {
		l.Key = keyText(key)
	}
	return l
}

func (g *reading) lock(word string, caps map[string]string) {
	switch word {
	case lockWaits, lockHolds:
		f := fact{session: g.current, of: caps["of"], waits: word == lockWaits, holder: caps["holder"], lock: lockOf(caps)}
		if f.of != "" {
			f.session = -1
		}
		g.add(f)
	case lockMore:
		if n := len(g.facts); n > 0 {
			g.facts[n-1].lock.add(lockOf(caps))
		}
	case lockWanted:
		f := fact{session: -1, lock: lockOf(caps)}
		if caps["session"] != "" {
			f.session = g.current
		}
		if len(g.wanted) < maxSessions {
			g.wanted = append(g.wanted, f)
		}
	case lockResource:
		g.resource = lockOf(caps)
	case lockOwner, lockWaiter:
		lock := g.resource
		lock.Mode = caps["mode"]
		g.add(fact{session: -1, of: caps["of"], waits: word == lockWaiter, lock: lock})
	case lockPair:
		lock := lockOf(caps)
		lock.Mode = caps["holder_mode"]
		g.add(fact{session: g.session(caps["holder"]), lock: lock})
		lock.Mode = caps["waiter_mode"]
		g.add(fact{session: g.session(caps["waiter"]), waits: true, holder: caps["holder"], lock: lock})
	}
	if holder, ok := caps["holder"]; ok {
		if i := g.session(holder); i >= 0 && g.d.Sessions[i].Transaction == "" {
			g.d.Sessions[i].Transaction = caps["holder_transaction"]
		}
	}
}

func (g *reading) add(f fact) {
	if len(g.facts) < maxLocks {
		g.facts = append(g.facts, f)
	}
}

// add takes from o what l does not have.
func (l *Lock) add(o Lock) {
	for _, s := range []struct {
		to   *string
		from string
	}{{&l.Mode, o.Mode}, {&l.On, o.On}, {&l.Table, o.Table}, {&l.Index, o.Index}} {
		if *s.to == "" {
			*s.to = s.from
		}
	}
	if len(l.Rows) < 2 && l.Key == "" { // the key is of the first row
		l.Key = o.Key
	}
	if len(l.Rows) < maxRows {
		l.Rows = append(l.Rows, o.Rows...)
	}
}

// victim marks the sessions that were rolled back, and takes what the event tells of the one it is of.
func (g *reading) victim(e Event) {
	of := -1
	if key := text(e.Fields, g.Victim); key != "" {
		if i, ok := g.byKey[key]; ok {
			of = i
		}
	}
	if of < 0 && g.writer.Statement != "" {
		of = g.silent()
	}
	if of < 0 && g.First && len(g.victims) == 0 && len(g.facts) > 0 {
		of = g.facts[0].session
	}
	if of >= 0 {
		s := &g.d.Sessions[of]
		s.Victim = true
		if s.Statement == "" {
			s.Statement = g.writer.Statement
		}
		for name, field := range g.Event {
			if p := s.slot(name); p != nil && *p == "" {
				*p = text(e.Fields, field)
			}
		}
	}
	for _, key := range g.victims {
		if i, ok := g.byKey[key]; ok {
			g.d.Sessions[i].Victim = true
		}
	}
}

// silent returns the one session of which no statement was told, -1 if there are more or none.
func (g *reading) silent() int {
	found := -1
	for i := range g.d.Sessions {
		if g.d.Sessions[i].Statement == "" {
			if found >= 0 {
				return -1
			}
			found = i
		}
	}
	return found
}

// wants adds what later lines told of wanted locks to the first one that their session waits for.
func (g *reading) wants() {
	for i := range g.wanted {
		w := &g.wanted[i]
		if w.session < 0 {
			w.session = slices.IndexFunc(g.d.Sessions, func(s Session) bool { return s.Victim })
		}
		at := slices.IndexFunc(g.facts, func(f fact) bool { return f.waits && f.session == w.session && f.session >= 0 })
		if at >= 0 {
			g.facts[at].lock.add(w.lock)
		}
	}
}

// finish tidies what was read of each session.
func (g *reading) finish() {
	for i := range g.d.Sessions {
		s := &g.d.Sessions[i]
		s.Statement, s.Batch = strings.TrimSpace(s.Statement), strings.TrimSpace(s.Batch)
		if s.Statement == "" {
			s.Statement = s.Batch
		}
		if s.Batch == s.Statement {
			s.Batch = ""
		}
		s.StatementCut = g.Longest > 0 && len(s.Statement) >= g.Longest
	}
}

// keyText reads the key of a row: a number or a text as InnoDB keeps it, written in hexadecimal ("80000003" is 3), or
// else what is written.
func keyText(s string) string {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) == 0 || len(s) < 2 {
		return s
	}
	if !slices.ContainsFunc(b, func(c byte) bool { return c < ' ' || c > '~' }) {
		return "'" + strings.TrimRight(string(b), " ") + "'"
	}
	if len(b) > 8 {
		return "0x" + s
	}
	var n uint64
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	if b[0]&0x80 == 0 { // without a sign, or below zero; numbers without a sign are by far more
		return strconv.FormatUint(n, 10)
	}
	return strconv.FormatUint(n&^(0x80<<(8*(len(b)-1))), 10)
}

package transactions

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Timeline is what the logs tell of a transaction or a session, and of those it met.
type Timeline struct {
	ID           string         `json:"id"`
	Moments      []Moment       `json:"moments"`      // in order
	Transactions []*Transaction `json:"transactions"` // in the order of their beginnings
	Lanes        []string       `json:"lanes"`        // the sessions, the one asked for first, then the programs that tell of it
	From         time.Time      `json:"from"`
	To           time.Time      `json:"to"`
	Cut          bool           `json:"cut"` // there was more than is kept
}

// The bounds of a timeline, and how near an exception of a driver has to lie to be of the same failure.
const (
	maxEvents  = 200_000
	maxMoments = 5000
	maxLanes   = 50
	sameWithin = 2 * time.Second
)

// A TimelineSearch collects the events of one timeline. All events are shown to Look first, in the order of time, then again to Take. It
// is of one goroutine.
type TimelineSearch struct {
	sessions *Sessions
	reports  *Reports
	id       string
	keys     []string // of sessions, the one asked for first
	links    map[string]bool
	found    bool
	events   []Event // that Take kept
	follower *Follower
	t        *Timeline
	own      map[string]bool // keys of sessions whose moments are of the id itself
	told     []Moment        // what other programs tell of errors: each may be of one of the sessions'
}

// NewTimelineSearch returns a search for what is known by id: one of the fields that sessions.toml lists.
func NewTimelineSearch(s *Sessions, r *Reports, id string) *TimelineSearch {
	q := &TimelineSearch{sessions: s, reports: r, id: id, links: map[string]bool{}, own: map[string]bool{}, t: &Timeline{ID: id}}
	q.follower = NewFollower(s)
	q.follower.Moment = q.moment
	q.follower.Ended = func(tx *Transaction) { q.t.Transactions = append(q.t.Transactions, tx) }
	return q
}

// Look is shown an event for the first time: it finds the sessions, and those that they met.
func (q *TimelineSearch) Look(e *Event) {
	if !q.sessions.Is(e, q.id) {
		return
	}
	q.found = true
	for _, l := range q.sessions.linksOf(e) {
		q.links[l] = true
	}
	key, name, kind := q.sessions.key(e)
	if kind == nil {
		return
	}
	q.add(key)
	q.own[key] = true
	for _, other := range q.met(e) {
		if other != name {
			q.add(strings.TrimSuffix(key, name) + other)
		}
	}
}

// Found reports whether Look has seen the id.
func (q *TimelineSearch) Found() bool { return q.found }

func (q *TimelineSearch) add(key string) {
	if !slices.Contains(q.keys, key) && len(q.keys) < maxLanes {
		q.keys = append(q.keys, key)
	}
}

// holder is what stands in PostgreSQL's DETAIL of a wait, in any language: the processes that hold the lock.
var holder = regexp.MustCompile(`^[^0-9]*([0-9]+(?:, [0-9]+)*)`)

// met are the names of the sessions that an event says its session met: those of a deadlock, the holders of a lock.
func (q *TimelineSearch) met(e *Event) []string {
	if d, ok := q.reports.Read(*e); ok {
		var names []string
		for _, s := range d.Sessions {
			names = append(names, s.Name)
		}
		return names
	}
	if step := q.sessions.step(e); step != nil && step.Is == stepWaits {
		if m := holder.FindStringSubmatch(text(e.Fields, "postgresql.log.detail")); m != nil {
			return strings.Split(m[1], ", ")
		}
	}
	return nil
}

// Take is shown an event again, in any order: it keeps what is of the sessions, and what other programs may tell of them.
func (q *TimelineSearch) Take(e *Event) {
	key, _, kind := q.sessions.key(e)
	step := q.sessions.step(e)
	stops := step != nil && step.Is == stepStops
	if !stops && kind != nil && !slices.Contains(q.keys, key) || !stops && kind == nil && !q.linked(e) && !isException(e) {
		return
	}
	if len(q.events) == maxEvents {
		q.t.Cut = true
		return
	}
	q.events = append(q.events, *e)
}

// isException reports whether another program tells of a database's error.
func isException(e *Event) bool {
	return text(e.Fields, "event.outcome") == "failure" && text(e.Fields, "db.response.status_code") != ""
}

// follow looks at the events in their order.
func (q *TimelineSearch) follow() {
	slices.SortStableFunc(q.events, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Offset, b.Offset))
	})
	for i := range q.events {
		e := &q.events[i]
		step := q.sessions.step(e)
		_, _, kind := q.sessions.key(e)
		switch {
		case step != nil && step.Is == stepStops || kind != nil:
			q.follower.Add(e)
		case q.linked(e):
			q.keep(q.tells(e))
		default:
			q.told = append(q.told, q.tells(e))
		}
	}
}

// linked reports whether the event is of the same request.
func (q *TimelineSearch) linked(e *Event) bool {
	if q.sessions.Is(e, q.id) {
		return true
	}
	for _, l := range q.sessions.linksOf(e) {
		if q.links[l] {
			return true
		}
	}
	return false
}

// tells is a moment of another program.
func (q *TimelineSearch) tells(e *Event) Moment {
	m := Moment{Time: time.UnixMicro(e.Time).UTC(), What: WhatTells, Path: e.Path, Offset: e.Offset, Code: text(e.Fields, "db.response.status_code")}
	for _, f := range []string{"service.name", "log.logger", "event.dataset"} {
		if m.Session == "" {
			m.Session = text(e.Fields, f)
		}
	}
	if k := q.sessions.tell(e); k != nil {
		m.Of, m.State, m.Outcome = firstText(e, k.Of), cmp.Or(firstText(e, k.Is), k.Word), text(e.Fields, "event.outcome")
		m.Text = k.text(e)
	} else {
		m.Text = firstText(e, "message|error.message|url.original|event.action")
	}
	if d, ok := e.Fields["event.duration"].(time.Duration); ok {
		m.Took = d
	}
	return m
}

func (q *TimelineSearch) moment(_ string, m Moment) { q.keep(m) }

func (q *TimelineSearch) keep(m Moment) {
	if len(q.t.Moments) >= maxMoments {
		q.t.Cut = true
		return
	}
	q.t.Moments = append(q.t.Moments, m)
}

// Timeline returns what was found. Where the id is that of a transaction, it is the time of that one.
func (q *TimelineSearch) Timeline() *Timeline {
	t := q.t
	q.follow()
	t.Transactions = append(t.Transactions, q.follower.Close()...)
	q.join()
	slices.SortStableFunc(t.Transactions, func(a, b *Transaction) int { return a.Begun.Compare(b.Begun) })
	slices.SortStableFunc(t.Moments, func(a, b Moment) int { return a.Time.Compare(b.Time) })
	q.narrow()
	for _, key := range q.keys {
		name := key[strings.LastIndexByte(key, 0)+1:]
		if slices.ContainsFunc(t.Moments, func(m Moment) bool { return m.Session == name && m.What != WhatTells }) {
			t.Lanes = append(t.Lanes, name)
		}
	}
	for _, m := range t.Moments {
		if !slices.Contains(t.Lanes, m.Session) && len(t.Lanes) < maxLanes {
			t.Lanes = append(t.Lanes, m.Session)
		}
	}
	if n := len(t.Moments); n > 0 {
		t.From, t.To = t.Moments[0].Time, t.Moments[n-1].Time
	}
	return t
}

// join gives each error of a session the nearest exception that tells of it: the same code within two seconds.
func (q *TimelineSearch) join() {
	taken := map[int]bool{}
	for _, m := range slices.Clone(q.t.Moments) {
		known := slices.ContainsFunc(q.t.Moments, func(o Moment) bool {
			return o.What == WhatTells && o.Code == m.Code && o.Time.Sub(m.Time).Abs() <= sameWithin
		})
		if m.What != WhatFails || m.Code == "" || known {
			continue
		}
		best, near := -1, sameWithin+1
		for i := range q.told {
			c := &q.told[i]
			if d := c.Time.Sub(m.Time).Abs(); !taken[i] && c.Code == m.Code && d < near {
				best, near = i, d
			}
		}
		if best >= 0 {
			taken[best] = true
			c := q.told[best]
			c.Inferred = true
			q.keep(c)
		}
	}
}

// narrow leaves the transaction that the id names, and what the others did meanwhile.
func (q *TimelineSearch) narrow() {
	t := q.t
	i := slices.IndexFunc(t.Transactions, func(tx *Transaction) bool { return tx.ID == q.id })
	if i < 0 {
		q.meanwhile()
		return
	}
	tx := t.Transactions[i]
	t.within(tx.Begun, tx.Ended)
}

// meanwhile leaves of the other sessions what they did while the one that was asked for was there.
func (q *TimelineSearch) meanwhile() {
	own := map[string]bool{}
	for key := range q.own {
		own[key[strings.LastIndexByte(key, 0)+1:]] = true
	}
	if len(own) == 0 || len(own) == len(q.keys) {
		return
	}
	var from, to time.Time
	for _, m := range q.t.Moments {
		if own[m.Session] {
			if from.IsZero() {
				from = m.Time
			}
			to = m.Time
		}
	}
	if !from.IsZero() {
		q.t.within(from, to)
	}
}

// within leaves what lies between two times, and a little around: who waited goes on when the other ends.
func (t *Timeline) within(from, to time.Time) {
	from, to = from.Add(-sameWithin), to.Add(sameWithin)
	t.Moments = slices.DeleteFunc(t.Moments, func(m Moment) bool { return m.Time.Before(from) || m.Time.After(to) })
	t.Transactions = slices.DeleteFunc(t.Transactions, func(tx *Transaction) bool { return tx.Ended.Before(from) || tx.Begun.After(to) })
}

// Ends counts the transactions by how they ended.
func (t *Timeline) Ends() map[End]int {
	n := map[End]int{}
	for _, tx := range t.Transactions {
		n[tx.End]++
	}
	return n
}

// Sentence sums the transactions up: "2 committed, 1 failed".
func (t *Timeline) Sentence() string {
	var parts []string
	n := t.Ends()
	for _, end := range []End{Committed, RolledBack, Failed, Vanished, Prepared, Open} {
		if n[end] > 0 {
			parts = append(parts, strconv.Itoa(n[end])+" "+string(end))
		}
	}
	if len(parts) == 0 {
		return cmp.Or(t.life(), "no transaction was told to begin")
	}
	return plural(len(t.Transactions), "transaction", "transactions") + ": " + strings.Join(parts, ", ")
}

// maxLife bounds the states of a sentence.
const maxLife = 12

// life tells in which states a transaction of the business was: "pending, then completed", or of how many transactions the moments are;
// "" where nothing tells of one.
func (t *Timeline) life() string {
	ids, outcome, states := map[string]bool{}, "", []string(nil)
	for _, m := range t.Moments {
		if m.Of != "" {
			ids[m.Of], outcome = true, m.Outcome
			states = append(states, m.State)
		}
	}
	switch more := len(states) - maxLife; {
	case len(ids) == 0:
		return ""
	case len(ids) > 1:
		return plural(len(ids), "transaction", "transactions") + " of the business"
	case more > 0:
		states = append(states[:maxLife:maxLife], fmt.Sprintf("%d more", more))
	}
	life := strings.Join(states, ", then ")
	if outcome == "unknown" {
		life += "; no end was told"
	}
	return life
}

// Word is what a moment is called: the state that a program tells, or what happened.
func (m *Moment) Word() string { return cmp.Or(m.State, m.What) }

// Sign is the mark of a moment: ✓ of what was committed or completed, ✕ of what failed or was lost, ○ of what no line tells.
func (m *Moment) Sign() string {
	switch {
	case m.What == WhatFails || m.What == WhatVanishes || m.State != "" && m.Outcome == "failure":
		return "✕"
	case m.Inferred:
		return "○"
	case m.What == WhatCommits || m.State != "" && m.Outcome == "success":
		return "✓"
	}
	return "●"
}

// A Value is a value that a field has to have; "a|b" is either, "*" any.
type Value struct{ Field, Text string }

// Wanted are the values by which a store finds what Take keeps, and some more: each list is of values that an event has all of.
func (q *TimelineSearch) Wanted() [][]Value {
	var out [][]Value
	for _, kind := range q.sessions.Kinds {
		for _, key := range q.keys {
			parts := strings.Split(key, "\x00")
			if len(parts) == len(kind.By) {
				out = append(out, []Value{{kind.By[len(parts)-1], parts[len(parts)-1]}})
			}
		}
	}
	for l := range q.links {
		field, v, _ := strings.Cut(l, "\x00")
		out = append(out, []Value{{field, v}})
	}
	for _, f := range q.sessions.IDs {
		out = append(out, []Value{{f, q.id}})
	}
	for _, s := range q.sessions.Steps {
		if s.Is == stepStops {
			var all []Value
			for field, v := range s.Has {
				all = append(all, Value{field, v})
			}
			out = append(out, all)
		}
	}
	return append(out, []Value{{"event.outcome", "failure"}, {"db.response.status_code", "*"}})
}

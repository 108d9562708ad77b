package transactions

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// A Workload is what the logs of databases tell of a period, in figures.
type Workload struct {
	From, To     time.Time
	Events       int64
	Ends         map[End]int   // transactions by how they ended
	Unended      []Transaction // those that did not, and those that vanished or were left prepared, at most maxUnended
	Failures     []Failure     // by code, the most frequent first
	Retried      int           // that succeeded after failed ones were tried again …
	Tries        map[int]int   // … by how many had failed
	Final        int           // failed ones that should have been tried again, and were not, or failed for good
	Queries      []Query       // by total time, then by count
	Lost         int64         // statements that are in no query: there were too many different ones
	By           map[string][]Share
	Waits        Share   // for locks
	Locks        []Share // by what was waited for
	Checkpoints  int64
	TooFrequent  int64
	Autovacuum   []Share // by table
	TempFiles    Share   // Size is their bytes
	Temp         []Share // by query
	Connections  int64
	LetIn        int64 // of those: they had a right to be there
	MostAtOnce   int
	SessionTime  time.Duration // of those whose beginning and end were told
	SessionsSeen int64
}

// A Failure is an error of databases, each counted once: what the server wrote and the exception of a driver that tells of it are one.
type Failure struct {
	Code, Text  string
	Count       int // occurrences
	ByServer    int // told by the server
	ByPrograms  int // told by programs
	TwiceSeen   int // told by both
	server, app []int64
}

// A Query is statements that differ in values only.
type Query struct {
	Text    string
	Count   int64
	Timed   int64 // of how many the time is told
	Total   time.Duration
	Max     time.Duration
	Example string // the slowest
}

// A Share is how much of something falls to a name.
type Share struct {
	Name  string
	Count int64
	Total time.Duration
	Max   time.Duration
	Size  int64
}

// The bounds of a workload.
const (
	maxQueries  = 20_000
	maxNames    = 5_000
	maxUnended  = 200
	maxFailures = 100_000
	retryWithin = time.Minute
)

// A WorkloadCounter makes a Workload of events; those of one file come in its order. It is of one goroutine.
type WorkloadCounter struct {
	sessions *Sessions
	follower *Follower
	w        *Workload
	queries  map[string]*Query
	by       map[string]map[string]*Share
	failures map[string]*Failure
	last     map[string]string   // the statement that a session began last
	failed   map[string][]failed // by what was done and for whom
	began    map[string]time.Time
}

// A failed is a transaction that should be tried again.
type failed struct {
	session string
	at      time.Time
}

// NewWorkloadCounter returns a counter that has seen nothing.
func NewWorkloadCounter(s *Sessions) *WorkloadCounter {
	c := &WorkloadCounter{
		sessions: s, follower: NewFollower(s), w: &Workload{Ends: map[End]int{}, Tries: map[int]int{}, By: map[string][]Share{}},
		queries: map[string]*Query{}, by: map[string]map[string]*Share{}, failures: map[string]*Failure{},
		last: map[string]string{}, failed: map[string][]failed{}, began: map[string]time.Time{},
	}
	c.follower.Ended = c.ended
	return c
}

// Add takes an event.
func (c *WorkloadCounter) Add(e *Event) {
	step := c.sessions.step(e)
	key, _, kind := c.sessions.key(e)
	action := text(e.Fields, "event.action")
	if kind == nil {
		if isException(e) {
			c.fails(e, false)
		}
		return
	}
	at := time.UnixMicro(e.Time).UTC()
	if c.w.From.IsZero() || at.Before(c.w.From) {
		c.w.From = at
	}
	if at.After(c.w.To) {
		c.w.To = at
	}
	c.w.Events++
	c.follower.Add(e)
	c.maintenance(action, e)
	if step == nil {
		return
	}
	switch step.Is {
	case stepConnects:
		c.w.Connections++
		c.began[key] = at
		c.w.MostAtOnce = max(c.w.MostAtOnce, len(c.began))
	case stepLogin:
		c.w.LetIn++
	case stepLeaves, stepLost:
		if since, ok := c.began[key]; ok {
			c.w.SessionTime += at.Sub(since)
			c.w.SessionsSeen++
		}
		delete(c.began, key)
		delete(c.last, key)
	case stepRuns:
		took, _ := e.Fields["event.duration"].(time.Duration)
		c.query(e, true, took)
		if len(c.last) < maxOpen {
			c.last[key] = text(e.Fields, "db.query.text")
		}
	case stepRan:
		took, _ := e.Fields["event.duration"].(time.Duration)
		c.query(e, c.last[key] != text(e.Fields, "db.query.text"), took)
		delete(c.last, key)
	case stepAcquires:
		c.waited(step, e)
	case stepFails:
		c.fails(e, true)
		if text(e.Fields, "event.category") == "authentication" { // it was not let in, and nothing tells that it left
			delete(c.began, key)
		}
	}
}

// query counts a statement; one that was counted when it began gets its time.
func (c *WorkloadCounter) query(e *Event, fresh bool, took time.Duration) {
	sql := text(e.Fields, "db.query.text")
	if sql == "" {
		return
	}
	norm := Normalise(sql)
	q := c.queries[norm]
	if q == nil {
		if len(c.queries) >= maxQueries {
			c.w.Lost++
			return
		}
		q = &Query{Text: norm}
		c.queries[norm] = q
	}
	if fresh {
		q.Count++
	}
	if took > 0 {
		q.Timed++
		q.Total += took
		if took > q.Max {
			q.Max, q.Example = took, shown(sql, 1000)
		}
	}
	for _, f := range []string{"user.name", "db.namespace", "source.ip", "postgresql.log.application_name"} {
		if v := text(e.Fields, f); v != "" {
			s := c.share(f, v)
			if s == nil {
				continue
			}
			if fresh {
				s.Count++
			}
			s.Total += took
			s.Max = max(s.Max, took)
		}
	}
}

// share returns the share of a name, nil where there are too many.
func (c *WorkloadCounter) share(of, name string) *Share {
	m := c.by[of]
	if m == nil {
		m = map[string]*Share{}
		c.by[of] = m
	}
	s := m[name]
	if s == nil && len(m) < maxNames {
		s = &Share{Name: name}
		m[name] = s
	}
	return s
}

func (s *Share) add(took time.Duration, size int64) {
	if s != nil {
		s.Count++
		s.Total += took
		s.Max = max(s.Max, took)
		s.Size += size
	}
}

func (c *WorkloadCounter) waited(step *stepKind, e *Event) {
	took, _ := e.Fields[step.After].(time.Duration)
	c.w.Waits.add(took, 0)
	c.share("locks", Normalise(text(e.Fields, "db.query.text"))).add(took, 0)
}

// maintenance counts what the server does beside.
func (c *WorkloadCounter) maintenance(action string, e *Event) {
	switch action {
	case "checkpoint_completed":
		c.w.Checkpoints++
	case "checkpoints_too_frequent":
		c.w.TooFrequent++
	case "autovacuum_completed", "autoanalyze_completed":
		c.share("autovacuum", text(e.Fields, "db.collection.name")).add(0, 0)
	case "temporary_file":
		size, _ := e.Fields["file.size"].(int64)
		c.w.TempFiles.add(0, size)
		c.share("temp", Normalise(text(e.Fields, "db.query.text"))).add(0, size)
	}
}

// fails notes an error, of the server or of a program that tells of one.
func (c *WorkloadCounter) fails(e *Event, server bool) {
	code := text(e.Fields, "db.response.status_code")
	f := c.failures[code]
	if f == nil {
		if len(c.failures) >= maxNames {
			return
		}
		f = &Failure{Code: code, Text: strings.ReplaceAll(text(e.Fields, "event.action"), "_", " ")}
		c.failures[code] = f
	}
	switch {
	case server && len(f.server) < maxFailures:
		f.server = append(f.server, e.Time)
	case !server && len(f.app) < maxFailures:
		f.app = append(f.app, e.Time)
	}
}

// ended counts a transaction, and whether it was one that had failed before.
func (c *WorkloadCounter) ended(tx *Transaction) {
	c.w.Ends[tx.End]++
	switch tx.End {
	case Vanished, Prepared, Open:
		if len(c.w.Unended) < maxUnended {
			c.w.Unended = append(c.w.Unended, *tx)
		}
	case Failed:
		code, _, _ := strings.Cut(tx.Why, " ")
		if slices.Contains(c.sessions.Retry, code) {
			k := tx.work()
			c.failed[k] = append(c.failed[k], failed{tx.key, tx.Ended})
			c.w.Final++
		}
	case Committed:
		k := tx.work()
		list, n := c.failed[k], 0
		if list, n = tried(list, tx); n > 0 {
			c.failed[k] = list
			c.w.Retried++
			c.w.Tries[n]++
			c.w.Final -= n
		}
	}
}

// tried takes those off a list of failed transactions that one which succeeded had tried again, and returns how many: those of its
// session, each within a minute of the next; or the last one of another, if the program has connected anew.
func tried(list []failed, tx *Transaction) (rest []failed, n int) {
	until := tx.Ended
	for i := len(list) - 1; i >= 0; i-- {
		switch f := list[i]; {
		case until.Sub(f.at) > retryWithin:
			return list, n
		case f.session == tx.key:
			until = f.at
			list = slices.Delete(list, i, i+1)
			n++
		}
	}
	if last := len(list) - 1; n == 0 && last >= 0 {
		return list[:last], 1
	}
	return list, n
}

// work is what a transaction did and for whom, but for its values: two of the same are taken for one that is tried again.
func (tx *Transaction) work() string {
	parts := []string{tx.Host, tx.User, tx.Client, tx.Database}
	for _, m := range tx.Steps {
		if m.What == WhatRuns {
			parts = append(parts, m.Text)
			break // a failed one did not come further, it may be
		}
	}
	return strings.Join(parts, "\x00")
}

// Workload returns what was counted.
func (c *WorkloadCounter) Workload() *Workload {
	for _, tx := range c.follower.Close() {
		c.ended(tx)
	}
	w := c.w
	for _, f := range c.failures {
		f.once()
		w.Failures = append(w.Failures, *f)
	}
	slices.SortFunc(w.Failures, func(a, b Failure) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code)) })
	for _, q := range c.queries {
		w.Queries = append(w.Queries, *q)
	}
	slices.SortFunc(w.Queries, func(a, b Query) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text))
	})
	for of, m := range c.by {
		list := make([]Share, 0, len(m))
		for _, s := range m {
			list = append(list, *s)
		}
		slices.SortFunc(list, func(a, b Share) int {
			return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
		})
		w.By[of] = list
	}
	w.Locks, w.Autovacuum, w.Temp = w.By["locks"], w.By["autovacuum"], w.By["temp"]
	slices.SortStableFunc(w.Temp, func(a, b Share) int { return cmp.Compare(b.Size, a.Size) })
	return w
}

// once matches what the server and what programs told of the same: each exception with one error of the server within two seconds.
func (f *Failure) once() {
	slices.Sort(f.server)
	slices.Sort(f.app)
	f.ByServer, f.ByPrograms = len(f.server), len(f.app)
	for i, j := 0, 0; i < len(f.server) && j < len(f.app); {
		d := f.app[j] - f.server[i]
		switch {
		case d < -sameWithin.Microseconds():
			j++
		case d > sameWithin.Microseconds():
			i++
		default:
			f.TwiceSeen++
			i++
			j++
		}
	}
	f.Count = f.ByServer + f.ByPrograms - f.TwiceSeen
}

package transactions

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Pattern is deadlocks that are alike: of one server and database, between the same statements but for their values.
type Pattern struct {
	Deadlocks []*Deadlock
	What      string // "two updates of accounts in opposite order"
}

// Patterns puts deadlocks that are alike together, the most frequent pattern first, then the one that came first.
func Patterns(list []*Deadlock) []Pattern {
	at := map[string]int{}
	var out []Pattern
	for _, d := range list {
		key := d.signature()
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key] = i
			out = append(out, Pattern{What: d.What()})
		}
		out[i].Deadlocks = append(out[i].Deadlocks, d)
	}
	slices.SortStableFunc(out, func(a, b Pattern) int { return cmp.Compare(len(b.Deadlocks), len(a.Deadlocks)) })
	return out
}

// Sentence is the pattern in one: "Six times: two updates of accounts in opposite order".
func (p *Pattern) Sentence() string { return times(len(p.Deadlocks)) + ": " + p.What }

// Alike reports whether two deadlocks are of one pattern.
func (d *Deadlock) Alike(o *Deadlock) bool { return d.signature() == o.signature() }

func (d *Deadlock) signature() string {
	parts := make([]string, len(d.Sessions))
	for i := range d.Sessions {
		parts[i] = strings.ToLower(Normalise(d.Sessions[i].Statement))
	}
	slices.Sort(parts)
	return d.Server + "\x00" + d.Database + "\x00" + strings.Join(parts, "\x00") + "\x00" + d.What()
}

// What says which statements were in each other's way, and how: "two updates of accounts in opposite order".
func (d *Deadlock) What() string {
	who := d.Cycle
	if len(who) == 0 {
		for i := range d.Sessions {
			who = append(who, i)
		}
	}
	var kinds []string
	count := map[string]int{}
	for _, i := range who {
		kind := d.wanted(i).kind()
		if count[kind] == 0 {
			kinds = append(kinds, kind)
		}
		count[kind]++
	}
	slices.Sort(kinds)
	var parts []string
	for _, kind := range kinds {
		one, rest, _ := strings.Cut(kind, " ")
		if n := count[kind]; n == 1 {
			parts = append(parts, article(one)+" "+kind)
		} else {
			parts = append(parts, number(n)+" "+one+"s "+rest)
		}
	}
	if len(parts) > 1 {
		parts = []string{strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1]}
	}
	return strings.Join(parts, "") + d.how(len(who))
}

// how says in which way the sessions of the cycle are in each other's way.
func (d *Deadlock) how(n int) string {
	switch {
	case len(d.Cycle) == 0:
		return ""
	case d.Upgrade():
		return " that share a lock and each want it alone"
	case n > 2 && d.distinct():
		return ", each in its own order"
	case n > 2:
		return " that wait for each other in a ring"
	case d.distinct():
		return " in opposite order"
	}
	return ", each waiting for the other"
}

// wanted is the statement with which session i waits: of several the last one that locks, of the table it waits for
// where that is told.
func (d *Deadlock) wanted(i int) Statement {
	list := Statements(d.Sessions[i].Statement)
	table := ""
	for _, l := range d.Sessions[i].Wants {
		if l.Table != "" {
			table = shortName(l.Table)
		}
	}
	var found Statement
	for _, s := range list {
		if s.Locks && (!found.Locks || table == "" || strings.EqualFold(s.Table, table)) {
			found = s
		}
	}
	if !found.Locks && len(list) > 0 {
		return list[len(list)-1]
	}
	return found
}

// kind is what a statement does to which table, as a noun: "update of accounts".
func (s Statement) kind() string {
	noun := map[string]string{"update": "update of ", "delete": "delete from ", "insert": "insert into ", "replace": "replace into ", "merge": "merge into ", "lock": "lock of ", "truncate": "truncate of ", "alter": "change of ", "drop": "drop of "}[s.Verb]
	switch {
	case s.Text == "":
		return "session whose statement is " + NotLogged
	case s.Verb == "select" && s.Locks && s.Table != "":
		return "locking read of " + s.Table
	case s.Verb == "select" && s.Table != "":
		return "read of " + s.Table
	case noun != "" && s.Table != "":
		return noun + s.Table
	}
	return "statement (" + strings.ToUpper(s.Verb) + ")"
}

// Upgrade reports whether all sessions of the cycle wait for the very same thing: they share a lock on it.
func (d *Deadlock) Upgrade() bool {
	var first *Lock
	for i, from := range d.Cycle {
		w := d.wait(from, d.Cycle[(i+1)%len(d.Cycle)])
		switch {
		case w == nil || w.Lock.Resource == "":
			return false
		case first == nil:
			first = &w.Lock
		case !first.same(&w.Lock):
			return false
		}
	}
	return first != nil
}

// distinct reports whether it is told that the sessions of the cycle wait for different things: by the locks, or by what
// their statements ask for.
func (d *Deadlock) distinct() bool {
	locks, asked := map[string]bool{}, map[string]bool{}
	for i, from := range d.Cycle {
		if w := d.wait(from, d.Cycle[(i+1)%len(d.Cycle)]); w != nil && w.Lock.Resource != "" {
			locks[fmt.Sprint(w.Lock.Resource, w.Lock.Index, w.Lock.Rows)] = true
		}
		if s := d.wanted(from); s.Locks && s.Where != "" {
			asked[strings.ToLower(s.Table+" "+s.Where)] = true
		}
	}
	n := len(d.Cycle)
	return n > 1 && (len(locks) == n || len(asked) == n)
}

func article(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "an"
	}
	return "a"
}

var numbers = []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}

func number(n int) string {
	if n < len(numbers) {
		return numbers[n]
	}
	return fmt.Sprint(n)
}

// times says how often, as a sentence begins.
func times(n int) string {
	switch n {
	case 1:
		return "Once"
	case 2:
		return "Twice"
	}
	s := number(n)
	return strings.ToUpper(s[:1]) + s[1:] + " times"
}

package reproduce

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/saypro/veritail/rules/transactions"
)

// A resource is what a step locks: a table, and the rows it asks for.
type resource struct{ table, rows string }

func resourceOf(s transactions.Statement) resource {
	where := s.Condition()
	if s.Verb == "insert" || s.Verb == "replace" {
		where = s.Where
	}
	return resource{strings.ToLower(s.Table), where}
}

// String names it: "accounts id=2".
func (r resource) String() string { return strings.TrimSpace(r.table + " " + r.rows) }

// compare orders resources by table, then by the numbers and words of what is asked for: 9 is before 10.
func (r resource) compare(o resource) int {
	if c := cmp.Compare(r.table, o.table); c != 0 {
		return c
	}
	a, b := pieces(r.rows), pieces(o.rows)
	for i := range min(len(a), len(b)) {
		x, errX := strconv.ParseFloat(a[i], 64)
		y, errY := strconv.ParseFloat(b[i], 64)
		c := cmp.Compare(a[i], b[i])
		if errX == nil && errY == nil {
			c = cmp.Compare(x, y)
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// pieces splits a text into runs of digits and of other characters.
func pieces(s string) []string {
	var out []string
	digit := func(c byte) bool { return c >= '0' && c <= '9' }
	for begin, i := 0, 1; i <= len(s); i++ {
		if i == len(s) || digit(s[i]) != digit(s[i-1]) {
			out = append(out, s[begin:i])
			begin = i
		}
	}
	return out
}

// An Order is sessions whose locks are taken in another way, and what that is.
type Order struct {
	What     string   `json:"what"` // "Every transaction locks accounts id=2 before accounts id=3"
	Sessions [][]Step `json:"sessions"`
}

// orders proposes ways to lock, the one that changes least first.
func (c *Case) orders() []Order {
	all := c.resources()
	names := make([]string, len(all))
	for i, r := range all {
		names[i] = r.String()
	}
	var out []Order
	if len(all) > 1 {
		sorted := Order{What: "Every transaction locks in one order: " + strings.Join(names, ", then ")}
		for _, steps := range c.Sessions {
			own := slices.Clone(steps)
			slices.SortStableFunc(own, func(a, b Step) int { return a.on.compare(b.on) })
			sorted.Sessions = append(sorted.Sessions, own)
		}
		out = append(out, sorted)
	}
	// What is not a row to be there cannot be locked before.
	first := Order{What: "Every transaction locks all that it will need first, and alone: " + strings.Join(names, ", then ")}
	for _, steps := range c.Sessions {
		own := slices.Clone(steps)
		slices.SortStableFunc(own, func(a, b Step) int { return a.on.compare(b.on) })
		var locks []Step
		for _, s := range own {
			if sql, ok := c.alone(s); ok && !slices.ContainsFunc(locks, func(l Step) bool { return l.SQL == sql }) {
				locks = append(locks, Step{SQL: sql, on: s.on})
			}
		}
		rest := slices.DeleteFunc(slices.Clone(steps), func(s Step) bool { return s.Held })
		first.Sessions = append(first.Sessions, append(locks, rest...))
	}
	return append(out, first)
}

// alone is the statement that locks what a step locks for no other to share, and false where there is none.
func (c *Case) alone(s Step) (string, bool) {
	list := transactions.Locking(s.SQL)
	if len(list) != 1 {
		return "", false
	}
	switch list[0].Verb {
	case "update", "delete", "select":
		step, err := c.hold(list[0], false)
		return step.SQL, err == nil
	}
	return "", false
}

// resources are what the steps lock, in order.
func (c *Case) resources() []resource {
	var all []resource
	for _, steps := range c.Sessions {
		for _, s := range steps {
			if !slices.Contains(all, s.on) {
				all = append(all, s.on)
			}
		}
	}
	slices.SortFunc(all, resource.compare)
	return all
}

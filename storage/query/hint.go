package query

import (
	"strings"

	"github.com/saypro/veritail/pipeline/event"
)

// Unknown returns the tests of fields that the schema did not know when the query was parsed, in the order of the
// query. They are no errors, for an event may bring the field in its JSON object, but they may be slips: see
// Nearest.
func Unknown(e Expr) []*Test {
	var unknown []*Test
	var walk func(Expr)
	walk = func(e Expr) {
		switch e := e.(type) {
		case And:
			for _, x := range e {
				walk(x)
			}
		case Or:
			for _, x := range e {
				walk(x)
			}
		case Not:
			walk(e.X)
		case *Test:
			if !e.Known {
				unknown = append(unknown, e)
			}
		}
	}
	walk(e)
	return unknown
}

// Nearest returns the field of the schema that name is most likely a slip for: one that has it as a part or as the
// beginning of one (user, status), or that differs from it by at most two letters; "" where there is none.
func Nearest(name string, schema *event.Schema) string {
	if len(name) < 3 || len(name) > 100 {
		return ""
	}
	name = strings.ToLower(name)
	best, nearest := min(3, len(name)/2), ""
	for _, d := range schema.Fields() {
		full := strings.ToLower(d.Name)
		dist := distance(name, full)
		if strings.Contains("."+full, "."+name) {
			dist = 1
		}
		if dist < best {
			best, nearest = dist, d.Name
		}
	}
	return nearest
}

// distance returns how many letters must be inserted, left out, changed or swapped with their neighbour to turn a
// into b.
func distance(a, b string) int {
	two, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], two[j-2]+1)
			}
		}
		two, prev, row = prev, row, two
	}
	return prev[len(b)]
}

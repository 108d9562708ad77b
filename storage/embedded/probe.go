package embedded

import (
	"fmt"
	"slices"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded/tokens"
	"github.com/saypro/veritail/storage/query"
)

// need is what the filter of a run has to have for one of its events to match: all of the hashes, what each of all
// needs, and what one of any needs. A nil *need is no condition.
type need struct {
	hashes []uint64
	all    []*need
	any    []*need
}

// needOf returns what the words of a view and a query need.
func needOf(v access.View, where query.Expr) *need {
	return needOfExpr(query.And{orAll(v.Filter()), orAll(where)})
}

func orAll(e query.Expr) query.Expr {
	if e == nil {
		return query.And{}
	}
	return e
}

func needOfExpr(e query.Expr) *need {
	switch e := e.(type) {
	case query.And:
		n := new(need)
		for _, x := range e {
			if of := needOfExpr(x); of != nil {
				n.all = append(n.all, of)
			}
		}
		if len(n.all) == 0 {
			return nil
		}
		return n
	case query.Or:
		n := new(need)
		for _, x := range e {
			of := needOfExpr(x)
			if of == nil {
				return nil
			}
			n.any = append(n.any, of)
		}
		if len(n.any) == 0 {
			return nil
		}
		return n
	case *query.Test:
		if !isText(e) || e.Op != query.Equal {
			return nil
		}
		if hashes := tokens.Phrase(nil, e.Tokens, e.Prefix); len(hashes) > 0 {
			return &need{hashes: hashes}
		}
	}
	return nil
}

// isText reports whether a test looks into the texts whose words the filters hold.
func isText(t *query.Test) bool {
	return t.Known && (t.F == event.FieldMessage || t.F == event.FieldOriginal)
}

// looksIntoTexts reports whether a query tests texts at all, so that answering it without filters takes long.
func looksIntoTexts(e query.Expr) bool {
	switch e := e.(type) {
	case query.And:
		return slices.ContainsFunc(e, looksIntoTexts)
	case query.Or:
		return slices.ContainsFunc(e, looksIntoTexts)
	case query.Not:
		return looksIntoTexts(e.X)
	case *query.Test:
		return isText(e) && e.Op != query.Exists
	}
	return false
}

// may reports whether the filter of a run has what is needed; filter returns one part of it.
func (n *need) may(filter func(shard int) tokens.Filter) bool {
	for _, h := range n.hashes {
		if !filter(tokens.Shard(h)).May(h) {
			return false
		}
	}
	for _, x := range n.all {
		if !x.may(filter) {
			return false
		}
	}
	return len(n.any) == 0 || slices.ContainsFunc(n.any, func(x *need) bool { return x.may(filter) })
}

// shards returns the parts of a filter that may looks at, in order.
func (n *need) shards() []int {
	var seen [tokens.Shards]bool
	var walk func(*need)
	walk = func(n *need) {
		for _, h := range n.hashes {
			seen[tokens.Shard(h)] = true
		}
		for _, x := range append(slices.Clone(n.all), n.any...) {
			walk(x)
		}
	}
	walk(n)
	var list []int
	for i, s := range seen {
		if s {
			list = append(list, i)
		}
	}
	return list
}

// probed is what the runs of some parts say before their events are read.
type probed struct {
	list   []stretch // that may hold matching events
	timely int64     // rows of the runs that may hold events of the interval
	left   int64     // rows of those of them that may hold the words: all in list
}

func (f *probed) add(s stretch) {
	f.list, f.left = append(f.list, s), f.left+s.n
}

// candidates returns the runs of parts that may hold events of an interval which match; n may be nil.
func candidates(c *conn, parts []part, n *need, during query.Interval) (probed, error) {
	var found probed
	for i, p := range parts {
		covered := p.rows
		if p.id == 0 { // the newest rows of a day's table have no run yet
			err := one(c, `SELECT coalesce(max("first" + n), 0) FROM `+p.runs(), func(c []cells) { covered = c[0].i64(0) })
			if err != nil {
				return found, fmt.Errorf("read the runs of %s: %w", p.events(), err)
			}
		}
		if covered < p.rows {
			found.timely += p.rows - covered
			found.add(stretch{i, covered, p.rows - covered, anyTime, eitherText})
		}
		if err := found.runs(c, i, p, n, during); err != nil {
			return found, fmt.Errorf("read the runs of %s: %w", p.events(), err)
		}
	}
	return found, nil
}

// runs adds the runs of p, which is part i.
func (f *probed) runs(c *conn, i int, p part, n *need, during query.Interval) error {
	cols, at := []string{`"first"`, "n", "t_from", "t_to", "bare"}, make(map[int]int)
	if n != nil {
		for _, s := range n.shards() {
			at[s] = len(cols)
			cols = append(cols, shardColumn(s))
		}
	}
	var a args
	conds := []string{"TRUE"}
	if during.From != 0 {
		conds = append(conds, "t_to >= "+a.add(during.From))
	}
	if during.To != 0 {
		conds = append(conds, "t_from < "+a.add(during.To))
	}
	r, err := c.query("SELECT "+strings.Join(cols, ", ")+" FROM "+p.runs()+" WHERE "+strings.Join(conds, " AND "), a.values...)
	if err != nil {
		return err
	}
	return r.each(func(c []cells, row int) error {
		rows := int64(c[1].i32(row))
		f.timely += rows
		if n == nil || n.may(func(shard int) tokens.Filter { return c[at[shard]].bytes(row) }) {
			text := eitherText
			if c[4].has(row) {
				switch int64(c[4].i32(row)) {
				case 0:
					text = messageText
				case rows:
					text = originalText
				}
			}
			f.add(stretch{i, c[0].i64(row), rows, times{c[2].i64(row), c[3].i64(row)}, text})
		}
		return nil
	})
}

// source is the events of parts that lie in an interval and of which some may match, as a subquery; "" if none may. Parts of
// which the filters leave little are read in stretches.
func source(c *conn, parts []part, n *need, during query.Interval) (string, error) {
	if n == nil {
		c.gauge.step("the query looks up no words: all of these events were looked at")
		return eventsIn(parts, during), nil
	}
	may, err := candidates(c, parts, n, during)
	if err != nil {
		return "", err
	}
	rows := make([]int64, len(parts))
	var list []stretch
	for _, x := range may.list {
		rows[x.part] += x.n
		list = append(list, x)
	}
	var whole []part
	for i, p := range parts {
		if 4*rows[i] > p.rows {
			whole = append(whole, p)
		}
	}
	list = slices.DeleteFunc(list, func(s stretch) bool { return 4*rows[s.part] > parts[s.part].rows })
	var selects []string
	if len(whole) > 0 {
		selects = append(selects, eventsIn(whole, during))
	}
	read := rowsOf(whole)
	for _, s := range joined(list, 0, maxStretches) {
		p := parts[s.part]
		read += s.n
		selects = append(selects, fmt.Sprintf("SELECT %s FROM %s WHERE %s AND %s", selectAll, p.numbered(), s.where(p), timely(during)))
	}
	c.gauge.step("the times leave %s of %s events, the words' filters %s; %s were looked at", thousands(may.timely), thousands(rowsOf(parts)), thousands(may.left), thousands(read))
	return strings.Join(selects, " UNION ALL "), nil
}

// one runs a query that gives one row.
func one(c *conn, sql string, f func([]cells), args ...any) error {
	r, err := c.query(sql, args...)
	if err != nil {
		return err
	}
	return r.each(func(c []cells, i int) error { f(c); return nil })
}

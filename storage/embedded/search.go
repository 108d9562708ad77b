package embedded

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

const defaultLimit = 100

// Search returns matching events, newest first. It goes from day to day, newest first, and stops when it has
// enough. Within a day it reads the runs with the newest events first, and of them those whose filters may have the
// words that are looked for; a query that names no whole word has to look at every event, and the Rows' note says so.
func (s *Store) Search(ctx context.Context, v access.View, q query.Search) (storage.Rows, error) {
	var rows storage.Rows
	if v.None() || q.IDs != nil && len(q.IDs) == 0 {
		return rows, nil
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	err := s.read(ctx, func(c *conn) error {
		// One more than wanted tells whether there is another page.
		f := finder{c: c, schema: s.schema, v: v, q: q, limit: limit + 1, need: needOf(v, q.Where)}
		hits, err := f.search()
		if err != nil {
			return err
		}
		rows.Note = f.note()
		rows.Events, err = s.fetch(c, hits)
		return err
	})
	if err != nil {
		return storage.Rows{}, fmt.Errorf("search the events: %w", err)
	}
	if len(rows.Events) > limit {
		rows.Events = rows.Events[:limit]
		last := rows.Events[limit-1]
		rows.More = &query.Cursor{Time: last.Time, ID: last.ID}
	}
	return rows, nil
}

// hit is an event that a search has found: its place in the order, and where it lies.
type hit struct {
	time int64
	id   query.ID
	part part
	row  int64
	sure bool // else the event may have been found by a loose test
	texts
}

// texts are those of an event that a search has read to find it.
type texts struct {
	known             textOf
	original, message []byte // nil: the event has none, if it is known
}

// newestFirst orders hits as a search returns them.
func newestFirst(a, b hit) int {
	return -cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.id.Gen, b.id.Gen), cmp.Compare(a.id.Off, b.id.Off))
}

// finder is one search.
type finder struct {
	c      *conn
	schema *event.Schema
	v      access.View
	q      query.Search
	limit  int
	need   *need

	read    int64          // rows that were looked at
	matcher *query.Matcher // of events that a loose test has found; nil until there is one
}

func (f *finder) search() ([]hit, error) {
	during := query.Narrow(f.q.During, f.q.Where)
	if after := f.q.After; after != nil && (during.To == 0 || during.To > after.Time+1) && after.Time+1 != 0 {
		during.To = after.Time + 1
	}
	var gens []uint64
	for _, id := range f.q.IDs {
		gens = append(gens, uint64(id.Gen))
	}
	slices.Sort(gens)
	parts, err := partsOf(f.c, during, slices.Compact(gens)...)
	if err != nil {
		return nil, err
	}
	if err := tellDays(f.c, parts, during); err != nil {
		return nil, err
	}
	g := &f.c.gauge
	g.total.Store(rowsOf(parts))
	var hits []hit
	days := byDay(parts)
	for i, day := range slices.Backward(days) {
		found, err := f.day(day, during, f.limit-len(hits))
		if err != nil {
			return nil, err
		}
		hits = append(hits, found...)
		g.found.Store(int64(len(hits)))
		if len(hits) == f.limit {
			if i > 0 {
				g.step("%s before were not looked at: there were enough events", plural(i, "day"))
			}
			break
		}
		parts = parts[:len(parts)-len(day)]
		g.done.Store(g.total.Load() - rowsOf(parts)) // what filters have left out too
	}
	return hits, nil
}

// firstRows is how many rows of a day a search reads at first, stepRows how many times as many in each further step,
// and steps how many of them there are before it reads what is left. Up to fewRows it reads at once.
const (
	firstRows = 2 * runRows
	fewRows   = 8 * runRows
	stepRows  = 4
	steps     = 3
)

// day returns up to limit events of a day.
func (f *finder) day(parts []part, during query.Interval, limit int) ([]hit, error) {
	if f.q.IDs != nil {
		all := make([]stretch, len(parts))
		for i, p := range parts {
			all[i] = stretch{i, 0, p.rows, anyTime, eitherText}
		}
		return f.stretches(nil, parts, all, limit)
	}
	probed, err := candidates(f.c, parts, f.need, during)
	if err != nil {
		return nil, err
	}
	left, before := probed.list, f.read
	slices.SortFunc(left, func(a, b stretch) int {
		return cmp.Or(-cmp.Compare(a.to, b.to), cmp.Compare(a.part, b.part), -cmp.Compare(a.first, b.first))
	})
	var hits []hit
	want := int64(firstRows)
	if probed.left <= fewRows {
		want = fewRows
	}
	for step := 0; len(left) > 0; step++ {
		if len(hits) == limit && hits[limit-1].time > left[0].to {
			break // what is left is older
		}
		var now []stretch
		for rows := int64(0); len(left) > 0 && (rows < want || step == steps); left = left[1:] {
			now, rows = append(now, left[0]), rows+left[0].n
		}
		if hits, err = f.stretches(hits, parts, now, limit); err != nil {
			return nil, err
		}
		want *= stepRows
	}
	f.tellDay(parts, probed, f.read-before, len(hits))
	return hits, nil
}

// maxStretches bounds the stretches that are read apart in one step: reading what lies between costs less than many
// small reads. A statement reads maxUnion of them.
const (
	maxStretches = 64
	maxUnion     = 32
)

// stretches returns the newest of hits and of what matches in the given stretches, in order, up to limit.
func (f *finder) stretches(hits []hit, parts []part, list []stretch, limit int) ([]hit, error) {
	list = joined(list, 0, maxStretches)
	for chunk := range slices.Chunk(list, maxUnion) {
		found, err := f.union(parts, chunk, limit)
		if err != nil {
			return nil, err
		}
		hits = append(hits, found...)
		slices.SortFunc(hits, newestFirst)
		// A stretch may have been read with another one before.
		hits = slices.CompactFunc(hits, func(a, b hit) bool { return a.id == b.id && a.row == b.row && a.part.id == b.part.id })
		hits = hits[:min(len(hits), limit)]
	}
	return hits, nil
}

// union returns up to limit events of some stretches, the newest. Those that a loose test has found are looked at again;
// when some of them do not match, what is older is asked for.
func (f *finder) union(parts []part, list []stretch, limit int) ([]hit, error) {
	var hits []hit
	rows := int64(0)
	for _, s := range list {
		rows += s.n
	}
	f.read += rows
	defer f.c.gauge.run(rows)()
	for after := f.q.After; ; {
		found, err := f.ask(parts, list, after, limit)
		if err != nil {
			return nil, err
		}
		more := len(found) == limit
		if more {
			last := found[limit-1]
			after = &query.Cursor{Time: last.time, ID: last.id}
		}
		found, err = f.verified(found)
		if err != nil {
			return nil, err
		}
		if hits = append(hits, found...); !more || len(hits) >= limit {
			return hits, nil
		}
	}
}

// ask runs the statement of union: the newest events of some stretches that come after a place in the order.
func (f *finder) ask(parts []part, list []stretch, after *query.Cursor, limit int) ([]hit, error) {
	a := args{loose: true}
	forms := make(map[textOf]form)
	selects := make([]string, len(list))
	for i, s := range list {
		if _, ok := forms[s.text]; !ok {
			var err error
			if forms[s.text], err = f.form(&a, s.text, after); err != nil {
				return nil, err
			}
		}
		p, form := parts[s.part], forms[s.text]
		selects[i] = fmt.Sprintf("SELECT time, gen, off, %s AS row, %d AS part, %s FROM %s WHERE %s AND %s",
			p.row(), s.part, form.columns, p.numbered(), s.where(p), form.where)
	}
	r, err := f.c.query(strings.Join(selects, " UNION ALL ")+" ORDER BY time DESC, gen DESC, off DESC LIMIT "+a.add(limit), a.values...)
	if err != nil {
		return nil, err
	}
	var hits []hit
	err = r.each(func(c []cells, i int) error {
		hits = append(hits, hit{c[0].i64(i), query.ID{Gen: event.GenID(c[1].u64(i)), Off: c[2].i64(i)}, parts[c[4].i32(i)], c[3].i64(i), c[5].bool(i),
			texts{textOf(c[6].i32(i)), bytes.Clone(c[7].bytes(i)), bytes.Clone(c[8].bytes(i))}})
		return nil
	})
	return hits, err
}

// form is what the statement of union asks of events that have some texts.
type form struct{ where, columns string }

// form makes that of events with the given texts. The texts that it tests come with the event: unpacking them takes the
// better part of a search, so they are not to be read again.
func (f *finder) form(a *args, text textOf, after *query.Cursor) (form, error) {
	a.text, a.read, a.loosed = text, 0, nil
	cond, err := where(a, f.v, f.q.Where, f.q.During)
	if err != nil {
		return form{}, err
	}
	if after != nil {
		t, g, o := a.add(after.Time), a.add(uint64(after.Gen)), a.add(after.Off)
		cond += fmt.Sprintf(" AND time <= %s AND (time < %[1]s OR gen < %s OR gen = %[2]s AND off < %s)", t, g, o)
	}
	if f.q.IDs != nil {
		cond += " AND " + anyOf(a, f.q.IDs)
	}
	sure := "TRUE"
	for _, text := range a.loosed { // a text that is ASCII is tested as it should be
		sure += fmt.Sprintf(" AND strlen(%s) = length(%[1]s)", text)
	}
	columns := fmt.Sprintf("%s AS sure, %d AS known", sure, a.read)
	for _, text := range []textOf{originalText, messageText} {
		if a.read&text != 0 {
			columns += ", " + text.expression()
		} else {
			columns += ", NULL::VARCHAR AS " + text.expression()
		}
	}
	return form{cond, columns}, nil
}

// verified returns the hits that really match.
func (f *finder) verified(hits []hit) ([]hit, error) {
	unsure := slices.DeleteFunc(slices.Clone(hits), func(h hit) bool { return h.sure })
	if len(unsure) == 0 {
		return hits, nil
	}
	if f.matcher == nil {
		var err error
		if f.matcher, err = query.Compile(query.And{orAll(f.v.Filter()), orAll(f.q.Where)}); err != nil {
			return nil, err
		}
	}
	matching := make(map[query.ID]bool)
	err := readHits(f.c, f.schema, unsure, func(p *event.Page) error {
		var bits event.Bits
		f.matcher.Match(p, &bits)
		for i := range p.N {
			if bits.Has(i) {
				matching[query.ID{Gen: p.Gen, Off: p.Offset(i)}] = true
			}
		}
		return nil
	})
	return slices.DeleteFunc(hits, func(h hit) bool { return !h.sure && !matching[h.id] }), err
}

// manyRows is from how many rows on a search says that it has looked at each.
const manyRows = 100_000

func (f *finder) note() string {
	if f.need != nil || f.read < manyRows || f.q.Where == nil || !looksIntoTexts(f.q.Where) {
		return ""
	}
	return fmt.Sprintf("looked at %d events one by one: the query names no whole word to look up", f.read)
}

// anyOf is the condition that an event is one of ids.
func anyOf(a *args, ids []query.ID) string {
	offsets := make(map[event.GenID][]string)
	for _, id := range ids {
		offsets[id.Gen] = append(offsets[id.Gen], a.add(id.Off))
	}
	conds := make([]string, 0, len(offsets))
	for gen, offs := range offsets {
		conds = append(conds, fmt.Sprintf("gen = %s AND off IN (%s)", a.add(uint64(gen)), strings.Join(offs, ", ")))
	}
	return "(" + strings.Join(conds, " OR ") + ")"
}

// fetch returns the events of hits, in their order.
func (s *Store) fetch(c *conn, hits []hit) ([]storage.Event, error) {
	if len(hits) == 0 {
		return nil, nil
	}
	events := make([]storage.Event, 0, len(hits))
	err := readHits(c, s.schema, hits, func(p *event.Page) error {
		for i := range p.N {
			events = append(events, storage.EventOf(p, i))
		}
		return nil
	})
	slices.SortFunc(events, func(a, b storage.Event) int {
		return newestFirst(hit{time: a.Time, id: a.ID}, hit{time: b.Time, id: b.ID})
	})
	return events, err
}

// lookupRows is how many rows a join hands to the scan of its other side.
const lookupRows = vectorSize

// readHits calls f with pages of the events of hits, in any order. The rows of a part are looked up by a join, of which
// the scan takes over the row numbers if they are at most lookupRows.
func readHits(c *conn, schema *event.Schema, hits []hit, f func(*event.Page) error) error {
	var parts []part
	in := make(map[part][]hit)
	for _, h := range hits {
		if in[h.part] == nil {
			parts = append(parts, h.part)
		}
		in[h.part] = append(in[h.part], h)
	}
	collect := newPages(schema, f)
	for _, p := range parts {
		slices.SortFunc(in[p], func(a, b hit) int { return cmp.Compare(a.row, b.row) })
		for chunk := range slices.Chunk(in[p], lookupRows) {
			if err := lookUp(c, p, chunk, collect); err != nil {
				return err
			}
		}
	}
	return collect.flush()
}

// lookUp adds the events of hits of a part to pages, without reading again texts that are known of all of them.
func lookUp(c *conn, p part, hits []hit, to *pages) error {
	var list []byte
	known := eitherText
	found := make(map[int64]texts, len(hits))
	for _, h := range hits {
		list = append(strconv.AppendInt(list, h.row, 10), ',')
		known &= h.known
		found[h.row] = h.texts
	}
	columns := make([]string, len(eventColumns), len(eventColumns)+1)
	for i, col := range eventColumns {
		if columns[i] = col.name; i == colOriginal && known&originalText != 0 || i == colMessage && known&messageText != 0 {
			columns[i] = "NULL::VARCHAR"
		}
	}
	r, err := c.query(fmt.Sprintf("SELECT %s, %s FROM %s WHERE %[2]s IN (SELECT unnest([%[4]s]))",
		strings.Join(columns, ", "), p.row(), p.numbered(), list[:len(list)-1]))
	if err != nil {
		return err
	}
	return r.each(func(c []cells, i int) error {
		return to.addKnowing(c, i, found[c[len(eventColumns)].i64(i)])
	})
}

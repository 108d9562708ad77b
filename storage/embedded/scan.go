package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// Scan calls f with the matching events, oldest first, in pages of one generation each; where generations alternate
// the pages are short. It sorts some hours at a time, so its memory does not grow with the interval. A call of the
// store from within f would wait for ever if Close is called meanwhile.
func (s *Store) Scan(ctx context.Context, v access.View, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	if v.None() {
		return nil
	}
	err := s.read(ctx, func(c *conn) error {
		parts, err := partsOf(c, query.Narrow(during, e))
		if err != nil {
			return err
		}
		pages := newPages(s.schema, f)
		for _, day := range byDay(parts) {
			if err := scanDay(c, day, v, e, during, pages); err != nil {
				return err
			}
		}
		return pages.flush()
	})
	if err != nil {
		return fmt.Errorf("scan the events: %w", err)
	}
	return nil
}

// sortRows is about how many rows Scan sorts at once.
const sortRows = 1 << 17

// hours is a run of hours, first to last, whose events are sorted together.
type hours struct {
	first, last int32
	rows        int64
}

// scanDay hands over the events of a day.
func scanDay(c *conn, day []part, v access.View, e query.Expr, during query.Interval, pages *pages) error {
	from, err := source(c, day, needOf(v, e), during)
	if err != nil || from == "" {
		return err
	}
	var a args
	cond, err := where(&a, v, e, query.Interval{}) // from has them of the interval
	if err != nil {
		return err
	}
	// Events without a time have no hour and the time 0.
	const hour = "coalesce(hour, 0)"
	r, err := c.query(fmt.Sprintf("SELECT %s AS h, count(*) FROM (%s) WHERE %s GROUP BY h ORDER BY h", hour, from, cond), a.values...)
	if err != nil {
		return err
	}
	var runs []hours
	err = r.each(func(c []cells, i int) error {
		h, n := c[0].i32(i), c[1].i64(i)
		if last := len(runs) - 1; last >= 0 && runs[last].rows+n <= sortRows {
			runs[last].last, runs[last].rows = h, runs[last].rows+n
			return nil
		}
		runs = append(runs, hours{h, h, n})
		return nil
	})
	if err != nil {
		return err
	}
	n := len(a.values)
	sql := fmt.Sprintf("SELECT %s FROM (%s) WHERE %s BETWEEN %s AND %s AND %s ORDER BY time, gen, off",
		selectAll, from, hour, a.add(nil), a.add(nil), cond)
	for _, run := range runs {
		a.values[n], a.values[n+1] = run.first, run.last
		r, err := c.query(sql, a.values...)
		if err != nil {
			return err
		}
		if err := r.each(pages.add); err != nil {
			return err
		}
	}
	return nil
}

// pages makes pages of rows that hold selectAll, and hands each to f when it is full or the next row belongs to
// another.
type pages struct {
	schema *event.Schema
	f      func(*event.Page) error
	page   event.Page
	arena  event.Arena
	spans  []event.Span
}

func newPages(schema *event.Schema, f func(*event.Page) error) *pages {
	return &pages{schema: schema, f: f}
}

// flush hands over the page that is being filled.
func (p *pages) flush() error {
	if p.page.N == 0 {
		return nil
	}
	p.page.Complete()
	err := p.f(&p.page)
	p.page.Reset()
	p.arena.Buf = p.arena.Buf[:0]
	return err
}

// maxPageArena ends a page early when its lines are long.
const maxPageArena = 16 << 20

// add appends row i of a chunk.
func (p *pages) add(c []cells, i int) error { return p.addKnowing(c, i, texts{}) }

// addKnowing appends row i of a chunk, with the texts that are known of it.
func (p *pages) addKnowing(c []cells, i int, known texts) error {
	original, message := c[colOriginal].bytes(i), c[colMessage].bytes(i)
	if known.known&originalText != 0 {
		original = known.original
	}
	if known.known&messageText != 0 {
		message = known.message
	}
	if pg := &p.page; pg.N > 0 && (pg.N == event.PageRows || len(p.arena.Buf) > maxPageArena ||
		pg.Gen != event.GenID(c[colGen].u64(i)) || pg.Data != string(c[colDataset].bytes(i)) ||
		pg.Site != string(c[colSite].bytes(i)) || pg.Format != string(c[colFormat].bytes(i)) ||
		pg.Path != string(c[colPath].bytes(i))) {
		if err := p.flush(); err != nil {
			return err
		}
	}
	pg := &p.page
	if pg.N == 0 {
		pg.Schema, pg.Arena, pg.Gen = p.schema, &p.arena, event.GenID(c[colGen].u64(i))
		pg.Data, pg.Site = c[colDataset].str(i), c[colSite].str(i)
		pg.Format, pg.Path = c[colFormat].str(i), c[colPath].str(i)
	}
	p.spans = append(p.spans[:0], event.Span{Off: c[colOff].i64(i), Len: c[colLen].i32(i)})
	p.spans = unpackSpans(p.spans, c[colSpans].bytes(i))
	row := pg.AddRow(p.arena.Put(original), c[colLines].i32(i), p.spans)
	if c[colUnparsed].bool(i) {
		pg.Unparsed.Set(row)
	}
	if c[colCut].bool(i) {
		pg.CutRows.Set(row)
	}
	if c[colHour].has(i) {
		pg.SetInt(row, event.FieldTime, c[colTime].i64(i))
	}
	p.core(c, i, row)
	if message != nil {
		pg.SetStr(row, event.FieldMessage, p.arena.Put(message))
	}
	return p.rest(c, i, row)
}

func (p *pages) core(c []cells, i, row int) {
	pg, col := &p.page, colCore
	for _, cc := range coreColumns {
		if v := c[col]; v.has(i) && cc.field != event.FieldMessage {
			switch event.CoreFields()[cc.field].Kind {
			case event.Keyword, event.Text:
				pg.SetStr(row, cc.field, p.arena.Put(v.bytes(i)))
			case event.Address:
				pg.SetIP(row, cc.field, event.IP{Hi: v.u64(i), Lo: c[col+1].u64(i)})
			default:
				pg.SetInt(row, cc.field, v.i64(i))
			}
		}
		col += len(cc.names)
	}
}

// rest sets the fields that lie in JSON. One that the schema no longer knows goes to the row's extra object.
func (p *pages) rest(c []cells, i, row int) error {
	extra := c[colExtra].bytes(i)
	if fields := c[colFields].bytes(i); fields != nil {
		var values map[string]json.RawMessage
		if err := json.Unmarshal(fields, &values); err != nil {
			return p.damaged(row, "fields", err)
		}
		for name, raw := range values {
			if f, ok := p.schema.Lookup(name); ok && p.set(row, f, raw) {
				delete(values, name)
			}
		}
		if len(values) > 0 {
			if len(extra) > 0 {
				if err := json.Unmarshal(extra, &values); err != nil {
					return p.damaged(row, "extra fields", err)
				}
			}
			var err error
			if extra, err = json.Marshal(values); err != nil {
				return p.damaged(row, "fields", err)
			}
		}
	}
	if len(extra) > 0 {
		p.page.Extra[row] = p.arena.Put(extra)
	}
	return nil
}

func (p *pages) damaged(row int, what string, err error) error {
	return fmt.Errorf("read the %s of event %s-%d: %w", what, p.page.Gen, p.page.Offset(row), err)
}

// set gives a field the value that fieldsJSON wrote, and reports whether it is one of the field's kind.
func (p *pages) set(row int, f event.Field, raw json.RawMessage) bool {
	if f < event.StoredColumns {
		return false
	}
	kind := p.schema.Def(f).Kind
	switch kind {
	case event.Keyword, event.Text, event.Address:
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return false
		}
		if kind == event.Address {
			ip, err := parseHexIP(s)
			if err != nil {
				return false
			}
			p.page.SetIP(row, f, ip)
			return true
		}
		p.page.SetStr(row, f, p.arena.PutString(s))
	case event.Float:
		v, err := strconv.ParseFloat(string(bytes.Trim(raw, `"`)), 64)
		if err != nil {
			return false
		}
		p.page.SetFloat(row, f, v)
	default:
		v, err := strconv.ParseInt(string(raw), 10, 64)
		if err != nil {
			return false
		}
		p.page.SetInt(row, f, v)
	}
	return true
}

func parseHexIP(s string) (event.IP, error) {
	if len(s) != 32 || strings.Trim(s, hexDigits) != "" {
		return event.IP{}, fmt.Errorf("%q is no address", s)
	}
	hi, err := strconv.ParseUint(s[:16], 16, 64)
	if err != nil {
		return event.IP{}, err
	}
	lo, err := strconv.ParseUint(s[16:], 16, 64)
	return event.IP{Hi: hi, Lo: lo}, err
}

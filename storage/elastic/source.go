package elastic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// pages makes pages of documents' sources, and hands each to f when it is full or the next event belongs to another.
type pages struct {
	schema *event.Schema
	f      func(*event.Page) error
	page   event.Page
	arena  event.Arena
	fields map[string]event.Field // by name as the sources write it, in quotation marks; -1 where there is none
	row    source
}

// A source is the parts of a document, as they are written.
type source struct {
	time, off            int64
	len, lines           int32
	gen                  event.GenID
	timed, unparsed, cut bool
	spans                []event.Span
	original, json       []byte // in quotation marks
	other                []byte // an object
	path, data           []byte // without quotation marks
	format, site         []byte
	columns              []columnValue
	rest                 []nameValue
}

type columnValue struct {
	field event.Field
	value []byte
}

type nameValue struct{ name, value []byte }

func newPages(schema *event.Schema, f func(*event.Page) error) *pages {
	return &pages{schema: schema, f: f, fields: make(map[string]event.Field)}
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

// add appends the event of a document's source.
func (p *pages) add(raw []byte) error {
	if err := p.read(raw); err != nil {
		return fmt.Errorf("read a stored event: %w", err)
	}
	r, pg := &p.row, &p.page
	if pg.N > 0 && (pg.N == event.PageRows || len(p.arena.Buf) > maxPageArena || pg.Gen != r.gen || pg.Data != string(r.data) ||
		pg.Site != string(r.site) || pg.Format != string(r.format) || pg.Path != string(r.path)) {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if pg.N == 0 {
		pg.Schema, pg.Arena, pg.Gen = p.schema, &p.arena, r.gen
		pg.Data, pg.Site, pg.Format, pg.Path = string(r.data), string(r.site), string(r.format), string(r.path)
	}
	i := pg.AddRow(p.text(r.original), r.lines, r.spans)
	if r.timed {
		pg.SetInt(i, event.FieldTime, r.time)
	}
	if r.unparsed {
		pg.Unparsed.Set(i)
	}
	if r.cut {
		pg.CutRows.Set(i)
	}
	for _, c := range r.columns {
		if !p.set(i, c) {
			r.rest = append(r.rest, nameValue{event.AppendJSONString(nil, p.schema.Def(c.field).Name), c.value})
		}
	}
	return p.extra(i)
}

// text puts a JSON string into the arena.
func (p *pages) text(quoted []byte) event.Str {
	at := uint32(len(p.arena.Buf))
	p.arena.Buf, _ = query.Unquote(p.arena.Buf, quoted) // what is none adds nothing
	return event.Str{Off: at, Len: uint32(len(p.arena.Buf)) - at}
}

// set gives the row a value, and reports whether it is one of the field's kind.
func (p *pages) set(i int, c columnValue) bool {
	switch kind := p.schema.Def(c.field).Kind; kind {
	case event.Keyword, event.Text:
		if c.value[0] != '"' {
			return false
		}
		p.page.SetStr(i, c.field, p.text(c.value))
	case event.Float:
		v, err := strconv.ParseFloat(string(bytes.Trim(c.value, `"`)), 64)
		if err != nil {
			return false
		}
		p.page.SetFloat(i, c.field, v)
	case event.Address:
		a, err := netip.ParseAddr(string(bytes.Trim(c.value, `"`)))
		if err != nil {
			return false
		}
		p.page.SetIP(i, c.field, event.IPFrom(a))
	case event.Bool:
		if v := string(c.value); v != "true" && v != "false" && v != "1" && v != "0" {
			return false
		} else if v == "true" || v == "1" {
			p.page.SetInt(i, c.field, 1)
		} else {
			p.page.SetInt(i, c.field, 0)
		}
	default:
		v, err := strconv.ParseInt(string(c.value), 10, 64)
		if err != nil {
			return false
		}
		p.page.SetInt(i, c.field, v)
	}
	return true
}

// extra sets the row's JSON object: what the event brought, and fields that the schema no longer knows.
func (p *pages) extra(i int) error {
	r := &p.row
	if len(r.rest) == 0 {
		if r.json != nil {
			p.page.Extra[i] = p.text(r.json)
		}
		return nil
	}
	var brought []byte
	if r.json != nil {
		brought, _ = query.Unquote(nil, r.json)
	}
	members := make(map[string]json.RawMessage)
	for _, x := range r.rest {
		members[string(unquoted(x.name))] = bytes.Clone(x.value)
	}
	query.Members(brought, func(key, value []byte) bool {
		members[string(unquoted(key))] = value
		return true
	})
	object, err := json.Marshal(members)
	if err != nil {
		return fmt.Errorf("read the fields of event %s: %w", eventID(r.gen, r.off), err)
	}
	p.page.Extra[i] = p.arena.Put(object)
	return nil
}

func unquoted(quoted []byte) []byte {
	s, _ := query.Unquote(nil, quoted)
	return s
}

// The names that sources write, in quotation marks.
const (
	srcTime     = `"` + fTime + `"`
	srcGen      = `"` + fGen + `"`
	srcLen      = `"` + fLen + `"`
	srcLines    = `"` + fLines + `"`
	srcSpans    = `"` + fSpans + `"`
	srcCut      = `"` + fCut + `"`
	srcJSON     = `"` + fJSON + `"`
	srcOther    = `"` + fOther + `"`
	srcMicros   = `"` + fMicros
	srcOwn      = `"veritail.store.`
	srcDate     = `"@timestamp"`
	srcOffset   = `"log.offset"`
	srcOriginal = `"event.original"`
	srcUnparsed = `"veritail.unparsed"`
	srcDataset  = `"event.dataset"`
	srcSite     = `"veritail.site"`
	srcFormat   = `"veritail.format"`
	srcPath     = `"log.file.path"`
)

// read takes a source apart.
func (p *pages) read(raw []byte) error {
	r := &p.row
	*r = source{spans: r.spans[:0], columns: r.columns[:0], rest: r.rest[:0],
		path: r.path[:0], data: r.data[:0], format: r.format[:0], site: r.site[:0]}
	var errs error
	number := func(value []byte, bits int) int64 {
		v, err := strconv.ParseInt(string(value), 10, bits)
		errs = errors.Join(errs, err)
		return v
	}
	var further []int64
	query.Members(raw, func(key, value []byte) bool {
		switch string(key) {
		case srcTime:
			r.time = number(value, 64)
		case srcGen:
			gen, err := strconv.ParseUint(string(bytes.Trim(value, `"`)), 16, 64)
			errs = errors.Join(errs, err)
			r.gen = event.GenID(gen)
		case srcOffset:
			r.off = number(value, 64)
		case srcLen:
			r.len = int32(number(value, 32))
		case srcLines:
			r.lines = int32(number(value, 32))
		case srcSpans:
			errs = errors.Join(errs, json.Unmarshal(value, &further))
		case srcDate:
			r.timed = true
		case srcCut:
			r.cut = true
		case srcUnparsed:
			r.unparsed = true
		case srcOriginal:
			r.original = value
		case srcJSON:
			r.json = value
		case srcOther:
			r.other = value
		case srcDataset:
			r.data, _ = query.Unquote(r.data, value)
		case srcSite:
			r.site, _ = query.Unquote(r.site, value)
		case srcFormat:
			r.format, _ = query.Unquote(r.format, value)
		case srcPath:
			r.path, _ = query.Unquote(r.path, value)
		default:
			p.field(key, value)
		}
		return true
	})
	if r.original == nil || len(further)%2 != 0 {
		errs = errors.Join(errs, errors.New("it lacks what every event has"))
	}
	r.spans = append(r.spans, event.Span{Off: r.off, Len: r.len})
	for i := 0; i+1 < len(further); i += 2 {
		r.spans = append(r.spans, event.Span{Off: further[i], Len: int32(further[i+1])})
	}
	query.Members(r.other, func(key, value []byte) bool {
		p.column(key, value)
		return true
	})
	return errs
}

// field takes a member of the source that is no part of every event.
func (p *pages) field(key, value []byte) {
	name := string(key)
	if strings.HasPrefix(name, srcOwn) {
		if micros, ok := strings.CutPrefix(name, srcMicros); ok {
			p.column([]byte(`"`+micros), value)
		}
		return
	}
	if f := p.lookup(key); f >= 0 && p.schema.Def(f).Kind == event.Time {
		return // it is there in µs too
	}
	p.column(key, value)
}

func (p *pages) column(key, value []byte) {
	if f := p.lookup(key); f >= 0 {
		p.row.columns = append(p.row.columns, columnValue{f, value})
	} else {
		p.row.rest = append(p.row.rest, nameValue{key, value})
	}
}

// lookup returns the field that a source names, or -1.
func (p *pages) lookup(key []byte) event.Field {
	f, ok := p.fields[string(key)]
	if !ok {
		f, ok = p.schema.Lookup(string(unquoted(key)))
		if !ok {
			f = -1
		}
		p.fields[string(key)] = f
	}
	return f
}

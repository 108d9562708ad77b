package parsers

import (
	"sync"
	"sync/atomic"

	"github.com/saypro/veritail/parsers/stamp"
	"github.com/saypro/veritail/pipeline/event"
)

// pagePool keeps pages, and what the arenas of batches hold once for all rows, between batches.
type pagePool struct{ pages, texts sync.Pool }

// An openPage is a page that a decoder is filling.
type openPage struct {
	page  *event.Page
	texts *texts
	plans []plan // by pattern.n
}

// texts are what the arena of a batch holds once for all rows.
type texts struct {
	arena  *event.Arena
	consts []event.Str // by constant.id
	known  []bool      // which of consts are there
	basis  [stamp.Bases]event.Str
	doubts [stamp.Doubts]event.Str
	host   event.Str
}

// of returns the text of a constant.
func (t *texts) of(c *constant) event.Str {
	if more := c.id + 1 - len(t.known); more > 0 { // a format may have been compiled since
		t.consts, t.known = append(t.consts, make([]event.Str, more)...), append(t.known, make([]bool, more)...)
	}
	if !t.known[c.id] {
		t.consts[c.id], t.known[c.id] = t.arena.PutString(c.str), true
	}
	return t.consts[c.id]
}

// once puts text into the arena unless *at says that it is there.
func (t *texts) once(at *event.Str, text string) event.Str {
	if at.Len == 0 {
		*at = t.arena.PutString(text)
	}
	return *at
}

// A plan says what a page does with the captures of a pattern. It holds in few bytes what each line needs of assigns, of the
// page's columns and of the schema.
type plan struct {
	of    *pattern
	steps []step
}

// A step is what is done with one capture.
type step struct {
	column *event.Column // that it goes to, once it was asked for
	to     int32         // the temporary or the field
	slot   uint16        // of where it begins; the next one is of where it ends
	way    way
	keeps  bool
}

// plan returns what the page does with the captures of p.
func (op *openPage) plan(p *pattern) []step {
	if p.n >= len(op.plans) {
		op.plans = append(op.plans, make([]plan, p.n+1-len(op.plans))...)
	}
	pl := &op.plans[p.n]
	if pl.of != p {
		pl.of, pl.steps = p, pl.steps[:0]
		for i := range p.assigns {
			a := &p.assigns[i]
			st := step{to: int32(a.field), slot: uint16(2 * a.slot), way: a.way, keeps: a.keeps}
			switch a.way {
			case asTemporary:
				st.to = int32(a.temp)
			case asAddress:
				st.to = int32(a.ip)
			}
			pl.steps = append(pl.steps, st)
		}
	}
	return pl.steps
}

func (p *pagePool) page(s *Set) *openPage {
	if op, ok := p.pages.Get().(*openPage); ok {
		return op
	}
	return &openPage{page: &event.Page{Schema: s.Schema}}
}

func (p *pagePool) put(op *openPage) {
	op.page.Reset()
	op.page.Arena, op.texts = nil, nil
	for i := range op.plans {
		op.plans[i].of = nil
	}
	p.pages.Put(op)
}

func (p *pagePool) textsOf(arena *event.Arena) *texts {
	t, ok := p.texts.Get().(*texts)
	if !ok {
		t = &texts{}
	}
	t.arena = arena
	return t
}

func (p *pagePool) putTexts(t *texts) {
	clear(t.known)
	*t = texts{consts: t.consts, known: t.known}
	p.texts.Put(t)
}

var batchSeq atomic.Uint64

// attach makes b the batch that events go to. Pages begun in another batch, or in b before it was emptied, are no
// longer the decoder's.
func (d *Decoder) attach(b *event.Batch) {
	if b.Seq == 0 {
		b.Seq = batchSeq.Add(1)
	}
	if b.Seq != d.seq {
		d.seq, d.batch, d.texts = b.Seq, b, nil
		clear(d.pages)
	}
}

// pageFor returns the page that takes the next event of format f (nil: unparsed).
func (d *Decoder) pageFor(f *format) *openPage {
	id := 0
	if f != nil {
		id = f.id
	}
	op := d.pages[id]
	if op != nil && op.page.N < event.PageRows {
		return op
	}
	if op != nil {
		op.page.Complete()
	}
	pool := &d.set.pool
	if d.texts == nil {
		t := pool.textsOf(d.batch.Arena())
		d.batch.OnRelease(func() { pool.putTexts(t) })
		d.texts = t
	}
	op = pool.page(d.set)
	op.texts = d.texts
	pg := op.page
	pg.Arena, pg.Gen, pg.Path, pg.Site = d.texts.arena, d.gen.ID, d.gen.Path, d.gen.Site
	pg.Format, pg.Data = "", d.gen.Dataset
	if f != nil {
		pg.Format = f.name
		if pg.Data == "" {
			pg.Data = f.dataset
		}
		for i := range f.defaults {
			pg.SetDefault(f.defaults[i].field, d.texts.of(&f.defaults[i]))
		}
		if d.opts.Host != "" {
			pg.SetDefault(event.FieldHost, d.texts.once(&d.texts.host, d.opts.Host))
		}
	}
	d.pages[id] = op
	d.batch.Pages = append(d.batch.Pages, pg)
	d.batch.OnRelease(func() { pool.put(op) })
	return op
}

// completePages makes the pages that were filled ready for the stages.
func (d *Decoder) completePages() {
	for _, op := range d.pages {
		if op != nil {
			op.page.Complete()
		}
	}
}

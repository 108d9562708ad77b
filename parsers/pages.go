package parsers

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/saypro/veritail/parsers/stamp"
	"github.com/saypro/veritail/pipeline/event"
)

// pagePool keeps pages and their arenas between batches.
type pagePool struct{ pool sync.Pool }

// keepArena bounds the arena that a pooled page keeps: one batch of huge lines shall not hold memory for ever.
const keepArena = 8 << 20

// An openPage is a page that a decoder is filling, with what its arena holds once for all rows.
type openPage struct {
	page   *event.Page
	plans  []plan // by pattern.n
	consts pageConsts
	basis  [stamp.Bases]event.Str
	doubts [stamp.Doubts]event.Str
}

// A plan holds the columns that the captures of a pattern go to, each once it was asked for.
type plan struct {
	of   *pattern
	cols []*event.Column
}

// plan returns the columns of p's captures.
func (op *openPage) plan(p *pattern) []*event.Column {
	if p.n >= len(op.plans) {
		op.plans = append(op.plans, make([]plan, p.n+1-len(op.plans))...)
	}
	pl := &op.plans[p.n]
	if pl.of != p {
		pl.of, pl.cols = p, slices.Grow(pl.cols[:0], len(p.assigns))[:len(p.assigns)]
		clear(pl.cols)
	}
	return pl.cols
}

func (p *pagePool) get(s *Set) *openPage {
	if op, ok := p.pool.Get().(*openPage); ok {
		return op
	}
	pg := &event.Page{Schema: s.Schema, Arena: &event.Arena{}}
	return &openPage{page: pg, consts: pageConsts{make([]event.Str, s.consts), make([]bool, s.consts)}}
}

func (p *pagePool) put(op *openPage) {
	op.page.Reset()
	if cap(op.page.Arena.Buf) > keepArena {
		op.page.Arena.Buf = nil
	}
	op.page.Arena.Buf = op.page.Arena.Buf[:0]
	clear(op.consts.known)
	for i := range op.plans {
		op.plans[i].of = nil
	}
	*op = openPage{page: op.page, plans: op.plans, consts: op.consts}
	p.pool.Put(op)
}

var batchSeq atomic.Uint64

// attach makes b the batch that events go to. Pages begun in another batch, or in b before it was emptied, are no
// longer the decoder's.
func (d *Decoder) attach(b *event.Batch) {
	if b.Seq == 0 {
		b.Seq = batchSeq.Add(1)
	}
	if b.Seq != d.seq {
		d.seq, d.batch = b.Seq, b
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
	op = pool.get(d.set)
	pg := op.page
	pg.Gen, pg.Path, pg.Site = d.gen.ID, d.gen.Path, d.gen.Site
	pg.Format, pg.Data = "", d.gen.Dataset
	if f != nil {
		pg.Format = f.name
		if pg.Data == "" {
			pg.Data = f.dataset
		}
		for i := range f.defaults {
			pg.SetDefault(f.defaults[i].field, pg.Arena.PutString(f.defaults[i].str))
		}
		if d.opts.Host != "" {
			pg.SetDefault(event.FieldHost, pg.Arena.PutString(d.opts.Host))
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

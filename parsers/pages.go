package parsers

import (
	"sync"
	"sync/atomic"

	"github.com/saypro/veritail/pipeline/event"
)

// pagePool keeps pages and their arenas between batches.
type pagePool struct{ pool sync.Pool }

// keepArena bounds the arena that a pooled page keeps: one batch of huge lines shall not hold memory for ever.
const keepArena = 8 << 20

func (p *pagePool) get(s *event.Schema) *event.Page {
	if pg, ok := p.pool.Get().(*event.Page); ok {
		return pg
	}
	return &event.Page{Schema: s, Arena: &event.Arena{}}
}

func (p *pagePool) put(pg *event.Page) {
	pg.Reset()
	if cap(pg.Arena.Buf) > keepArena {
		pg.Arena.Buf = nil
	}
	pg.Arena.Buf = pg.Arena.Buf[:0]
	p.pool.Put(pg)
}

var batchSeq atomic.Uint64

// openPage is a page that a decoder is filling, with the constants its arena holds.
type openPage struct {
	page   *event.Page
	consts pageConsts
	host   event.Str // the decoder's host name in the arena, once it is there
	basis  [len(basisTexts)]event.Str
	doubts [len(doubtTexts)]event.Str
}

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
	if op := d.pages[f]; op != nil && op.page.N < event.PageRows {
		return op
	}
	if op := d.pages[f]; op != nil {
		op.page.Complete()
	}
	pg := d.set.pool.get(d.set.Schema)
	pg.Gen, pg.Path, pg.Site = d.gen.ID, d.gen.Path, d.gen.Site
	pg.Format, pg.Data = "", d.gen.Dataset
	if f != nil {
		pg.Format = f.name
		if pg.Data == "" {
			pg.Data = f.dataset
		}
	}
	op := &openPage{page: pg, consts: pageConsts{make([]event.Str, d.set.consts), make([]bool, d.set.consts)}}
	d.pages[f] = op
	d.batch.Pages = append(d.batch.Pages, pg)
	pool := &d.set.pool
	d.batch.OnRelease(func() { pool.put(pg) })
	return op
}

// completePages makes the pages that were filled ready for the stages.
func (d *Decoder) completePages() {
	for _, op := range d.pages {
		op.page.Complete()
	}
}

package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
)

// The bytes of a bulk request, before it is compressed, and how it grows: by a quarter with each answer that comes within
// quick, up to the most, and by half down with each that says "too much" or does not come in time.
const (
	leastBulk = 256 << 10
	firstBulk = 2 << 20
	mostBulk  = 12 << 20
	quick     = 2 * time.Second
)

// A bulker sends documents, several requests at the same time. How many, and how large, follows from what the cluster
// says to them.
type bulker struct {
	client   *client
	patience time.Duration
	free     chan *parcel // that wait for use; there are as many as workers

	mu      sync.Mutex
	size    int
	workers int // that may send now, 1 to cap(free)
	busy    int
	turn    *sync.Cond // busy or workers changed
}

// A parcel is a chunk with the memory that sending it takes.
type parcel struct {
	chunk
	zipped bytes.Buffer
	zip    *gzip.Writer
}

func newBulker(c *client, workers int, patience time.Duration) *bulker {
	b := &bulker{client: c, patience: patience, size: firstBulk, workers: max(1, workers/2), free: make(chan *parcel, workers)}
	b.turn = sync.NewCond(&b.mu)
	for range workers {
		zip, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed) // the level is one
		b.free <- &parcel{zip: zip}
	}
	return b
}

// A refusal is a document that the cluster will not take, whatever happens.
type refusal struct {
	op
	lines  []byte // what was sent: the action and the document, a line each
	reason string
}

// A delivery is one run of a bulker over documents that belong together.
type delivery struct {
	b    *bulker
	ctx  context.Context
	stop context.CancelCauseFunc
	wg   sync.WaitGroup
	p    *parcel // being filled; nil before the first document

	expected int // documents; 0: any number
	docs     int // that came
	bytes    int // in the parcels that were sent

	final bool // a document that does not fit its index's mapping is refused

	mu      sync.Mutex
	refused []refusal
	stale   map[string]bool // indices that are not as they were prepared
}

// deliver begins a delivery. Unless it is final, it ends with errStale where an index is not as it was prepared.
func (b *bulker) deliver(ctx context.Context, final bool) *delivery {
	ctx, stop := context.WithCancelCause(ctx)
	return &delivery{b: b, ctx: ctx, stop: stop, final: final}
}

var errStale = errors.New("an index was dropped or replaced meanwhile")

// chunk returns where the next document is to be written, nil once the delivery has failed.
func (d *delivery) chunk() *chunk {
	if d.p != nil && len(d.p.buf) >= d.limit() {
		d.flush()
	}
	d.docs++
	if d.p == nil {
		select {
		case d.p = <-d.b.free:
		case <-d.ctx.Done():
			return nil
		}
		d.p.reset()
	}
	return &d.p.chunk
}

// limit is how large a parcel becomes: as the cluster likes it, but towards the end smaller and smaller, so that the
// workers have something to do until then, and end together.
func (d *delivery) limit() int {
	if d.expected == 0 {
		return d.b.limit()
	}
	each := (d.bytes + len(d.p.buf)) / d.docs
	left := max(d.expected-d.docs, 0) * each
	return min(d.b.limit(), max((len(d.p.buf)+left)/cap(d.b.free), leastBulk))
}

// flush sends what has been written.
func (d *delivery) flush() {
	p := d.p
	d.p = nil
	if p == nil {
		return
	}
	d.bytes += len(p.buf)
	if len(p.ops) == 0 || !d.b.enter(d.ctx) {
		d.b.free <- p
		return
	}
	d.wg.Go(func() {
		defer func() { d.b.leave(); d.b.free <- p }()
		if err := d.send(p); err != nil {
			d.stop(err)
		}
	})
}

// finish waits for all answers. It returns the documents that were refused, or why not all of the others are stored.
func (d *delivery) finish() ([]refusal, error) {
	d.flush()
	d.wg.Wait()
	err := context.Cause(d.ctx)
	d.stop(nil)
	return d.refused, err
}

func (b *bulker) limit() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size
}

// enter waits until another request may be sent. It returns false when ctx ends.
func (b *bulker) enter(ctx context.Context) bool {
	defer context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.turn.Broadcast()
	})()
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.busy >= b.workers && ctx.Err() == nil {
		b.turn.Wait()
	}
	if ctx.Err() != nil {
		return false
	}
	b.busy++
	return true
}

func (b *bulker) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy--
	b.turn.Broadcast()
}

// adapt learns from an answer: whether the cluster had too much, and how long it took.
func (b *bulker) adapt(tooMuch bool, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case tooMuch:
		b.size, b.workers = max(b.size/2, leastBulk), max(b.workers/2, 1)
	case took > 2*quick:
		b.size = max(b.size*3/4, leastBulk)
	case took < quick:
		b.size, b.workers = min(b.size+b.size/4, mostBulk), min(b.workers+1, cap(b.free))
	}
	b.turn.Broadcast()
}

// send sends a parcel until each of its documents is stored or refused.
func (d *delivery) send(p *parcel) error {
	deadline := time.Now().Add(d.b.patience)
	for attempt := 1; ; attempt++ {
		again, err := d.request(p)
		if err == nil && again == nil {
			return nil
		}
		if err != nil && !passing(err) || time.Now().After(deadline) {
			return errors.Join(err, again)
		}
		if err := sleep(d.ctx, backoff(attempt)); err != nil {
			return err
		}
	}
}

// request makes one request. What it leaves in the parcel is to be sent again, and again says why.
func (d *delivery) request(p *parcel) (again, err error) {
	p.zipped.Reset()
	p.zip.Reset(&p.zipped)
	if _, err := p.zip.Write(p.buf); err != nil {
		return nil, fmt.Errorf("compress a bulk request: %w", err)
	}
	if err := p.zip.Close(); err != nil {
		return nil, fmt.Errorf("compress a bulk request: %w", err)
	}
	began := time.Now()
	var items []bulkItem
	header := http.Header{"Content-Type": {"application/x-ndjson"}, "Content-Encoding": {"gzip"}}
	err = d.b.client.send(d.ctx, http.MethodPost, "/_bulk?filter_path=errors,items.*.status,items.*.error", p.zipped.Bytes(), header, func(r io.Reader) error {
		items, err = readItems(r)
		return err
	})
	if statusOf(err) == http.StatusRequestEntityTooLarge {
		return d.halve(p, err)
	}
	tooMuch := statusOf(err) == http.StatusTooManyRequests || statusOf(err) == http.StatusServiceUnavailable || errors.As(err, new(noAnswer))
	if err == nil && items != nil {
		again, err = d.judge(p, items)
		tooMuch = statusOf(again) == http.StatusTooManyRequests
	}
	d.b.adapt(tooMuch, time.Since(began))
	return again, err
}

// A bulkItem is what became of one document.
type bulkItem struct {
	Status int
	Error  json.RawMessage
}

// readItems reads the answer to a bulk request: nil where all is well.
func readItems(r io.Reader) ([]bulkItem, error) {
	body, err := io.ReadAll(r)
	if err != nil || bytes.HasPrefix(body, []byte(`{"errors":false`)) {
		return nil, err
	}
	var answer struct {
		Items []map[string]bulkItem
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	items := make([]bulkItem, 0, len(answer.Items))
	for _, i := range answer.Items {
		for _, item := range i { // one, named by its action
			items = append(items, item)
		}
	}
	return items, nil
}

// judge takes out of the parcel what is stored or refused. What stays is to be sent again, for the reason returned.
func (d *delivery) judge(p *parcel, items []bulkItem) (again, err error) {
	if len(items) != len(p.ops) {
		return nil, fmt.Errorf("a bulk request of %d documents was answered for %d", len(p.ops), len(items))
	}
	var left chunk
	for i, item := range items {
		switch {
		case item.Status < 300, item.Status == http.StatusConflict: // it is stored already
			continue
		case item.Status == http.StatusNotFound && item.Error == nil: // what was to be deleted is not there
			continue
		}
		e := &answerError{status: item.Status}
		e.kind, e.reason = reasonOf(item.Error, http.StatusText(item.Status))
		switch {
		case e.kind == "index_not_found_exception" || !d.final && e.kind == "strict_dynamic_mapping_exception":
			d.note(p.ops[i].index)
			return nil, fmt.Errorf("write to %s: %w: %w", p.ops[i].index, errStale, e)
		case passing(e) || e.kind == "cluster_block_exception":
			again = fmt.Errorf("write to %s: %w", p.ops[i].index, e)
			o := p.ops[i]
			o.from = len(left.buf)
			left.buf = append(left.buf, p.lines(i)...)
			left.ops = append(left.ops, o)
		case p.ops[i].must:
			return nil, fmt.Errorf("write to %s: %w", p.ops[i].index, e)
		default:
			d.refuse(p, i, e.Error())
		}
	}
	p.buf, p.ops = append(p.buf[:0], left.buf...), append(p.ops[:0], left.ops...)
	return again, nil
}

func (d *delivery) note(index string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stale == nil {
		d.stale = make(map[string]bool)
	}
	d.stale[index] = true
}

func (d *delivery) refuse(p *parcel, i int, reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refused = append(d.refused, refusal{op: p.ops[i], lines: bytes.Clone(p.lines(i)), reason: reason})
}

// halve sends a parcel that is too large for the cluster in two. A single document that is too large is refused.
func (d *delivery) halve(p *parcel, err error) (again, _ error) {
	if len(p.ops) == 1 && p.ops[0].must {
		return nil, err
	}
	if len(p.ops) == 1 {
		d.refuse(p, 0, err.Error())
		p.reset()
		return nil, nil
	}
	d.b.adapt(true, 0)
	n := len(p.ops) / 2
	second := parcel{zip: p.zip, chunk: chunk{buf: bytes.Clone(p.buf[p.ops[n].from:])}}
	for _, o := range p.ops[n:] {
		o.from -= p.ops[n].from
		second.ops = append(second.ops, o)
	}
	p.buf, p.ops = p.buf[:p.ops[n].from], p.ops[:n]
	if err := d.send(p); err != nil {
		return nil, err
	}
	p.chunk = second.chunk
	return nil, d.send(p)
}

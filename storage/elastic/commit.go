package elastic

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
)

// Commit writes c, as storage.Writer describes. Documents that the cluster refuses for what they are go to the
// quarantine and count as written. While the cluster cannot take anything it tries again for a while, then returns an
// error.
func (s *Store) Commit(ctx context.Context, c *event.Commit) (storage.Refused, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := errors.Join(s.writable(), ctx.Err()); err != nil {
		return nil, err
	}
	if s.marks == nil {
		if err := s.load(ctx); err != nil {
			return nil, err
		}
	}
	p, err := storage.PlanCommit(c, s.marks)
	if err != nil {
		return nil, err
	}
	rows := 0
	if c.Batch != nil {
		rows = c.Rows()
	}
	if err := s.commit(ctx, c, p); err != nil {
		s.marks = nil
		return nil, fmt.Errorf("commit %d events (outcome unknown: read the marks again): %w", rows, err)
	}
	return p.Refused, nil
}

// commit writes what the plan says.
func (s *Store) commit(ctx context.Context, c *event.Commit, p storage.Plan) error {
	var gens []event.Generation
	if c.Batch != nil {
		gens = c.Gens
	}
	deltas, findings := []event.Delta(nil), []event.Finding(nil)
	if p.Whole {
		deltas, findings = sums(c.Rollups), c.Findings
	}
	if len(p.Marks)+len(gens)+len(deltas)+len(findings) == 0 {
		return nil
	}
	batch, err := s.number(ctx, fingerprint(c))
	if err != nil {
		return err
	}
	touched := map[string]bool{s.names.state(): true}
	now := s.cfg.now()
	err = s.deliver(ctx, func(d *delivery) error {
		d.expected = len(findings) + len(deltas) + len(gens)
		if c.Batch != nil {
			d.expected += c.Rows()
		}
		err := s.events(d, c, p, batch, now, touched)
		if err == nil {
			err = s.findings(d, findings, batch, touched)
		}
		if err == nil {
			err = s.deltas(d, deltas, batch, now, touched)
		}
		if err == nil {
			err = s.stateDocs(d, gens)
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.seal(ctx, batch, p.Marks, slices.Collect(maps.Keys(touched)))
}

// deliver delivers what write writes, and sets aside what the cluster refuses. Where an index is not as it was prepared,
// write is called once more.
func (s *Store) deliver(ctx context.Context, write func(*delivery) error) error {
	for final := false; ; final = true {
		d := s.bulk.deliver(ctx, final)
		if err := write(d); err != nil {
			d.stop(err)
		}
		refused, err := d.finish()
		if err == nil {
			err = s.setAside(ctx, refused)
		}
		if err == nil || final || !errors.Is(err, errStale) {
			return err
		}
		for name := range d.stale {
			s.forget(name)
		}
	}
}

// number returns the number of a commit: a new one, or the one it had when it was tried before.
func (s *Store) number(ctx context.Context, print string) (int64, error) {
	if s.doubt.print != print {
		if err := s.dropDoubt(ctx); err != nil {
			return 0, err
		}
	}
	if s.doubt.batch == 0 {
		s.last = max(s.last, s.head.Batch) + 1
		s.doubt = doubt{s.last, print}
	}
	return s.doubt.batch, nil
}

// dropDoubt gives up a commit that was begun and does not stand, if there is one: what was written of it does not count.
func (s *Store) dropDoubt(ctx context.Context) error {
	if s.doubt.batch == 0 {
		return nil
	}
	void := [2]int64{s.doubt.batch, s.doubt.batch}
	if err := s.removeVoid(ctx, [][2]int64{void}); err != nil {
		return fmt.Errorf("remove what a failed commit left: %w", err)
	}
	s.head.Void = append(slices.Clone(s.head.Void), void)
	s.doubt = doubt{}
	return nil
}

// fingerprint tells a commit from others that the same writer makes.
func fingerprint(c *event.Commit) string {
	h := sha256.New()
	e := json.NewEncoder(h)
	if c.Batch != nil {
		_ = e.Encode([]any{c.From, c.To, c.Rows()}) // numbers, written to a hash
	}
	_ = e.Encode([]any{c.Findings, len(c.Rollups)})
	for _, d := range c.Rollups {
		fmt.Fprintf(h, "%q %q %q %d %d %d %x\n", d.Site, d.Series, d.Dataset, d.Minute, d.Bucket, d.N, d.Sum)
	}
	return string(h.Sum(nil))
}

// seal makes the commit stand.
func (s *Store) seal(ctx context.Context, batch int64, marks []event.Mark, touched []string) error {
	h := s.head
	h.Batch, h.Marks = batch, nil
	for _, m := range marks {
		m.Low = 0
		m.Open = slices.Clone(m.Open)
		h.Marks = append(h.Marks, m)
	}
	place, err := s.putHead(ctx, h, s.place)
	if err != nil {
		return err
	}
	s.head, s.place, s.doubt = h, place, doubt{}
	for _, m := range h.Marks {
		s.marks[m.Gen] = m
	}
	s.stand(h, touched...)
	return nil
}

// A stretch is rows of one page that go to one index.
type stretch struct {
	page     *event.Page
	from, to int
	index    string
}

// events writes the events of the generations that are to be written.
func (s *Store) events(d *delivery, c *event.Commit, p storage.Plan, batch int64, now time.Time, touched map[string]bool) error {
	if c.Batch == nil {
		return nil
	}
	var stretches []stretch
	for _, page := range c.Pages {
		if p.Write[page.Gen] {
			stretches = append(stretches, s.stretches(page, now)...)
		}
	}
	return s.write(d, stretches, batch, touched)
}

func (s *Store) write(d *delivery, stretches []stretch, batch int64, touched map[string]bool) error {
	if err := s.prepareAll(d.ctx, stretches); err != nil {
		return err
	}
	for _, x := range stretches {
		touched[x.index] = true
		target := s.index(x.index)
		s.enc.begin(x.page, batch)
		for i := x.from; i < x.to; i++ {
			c := d.chunk()
			if c == nil {
				return context.Cause(d.ctx)
			}
			s.enc.row(c, x.page, i, target)
		}
	}
	return nil
}

func (s *Store) stretches(p *event.Page, now time.Time) []stretch {
	var list []stretch
	for from := 0; from < p.N; {
		name, to := s.names.eventIndex(p.Data, p.Time(from), now), from+1
		day := floorDay(p.Time(from))
		for to < p.N && (floorDay(p.Time(to)) == day || s.names.eventIndex(p.Data, p.Time(to), now) == name) {
			to++
		}
		list = append(list, stretch{p, from, to, name})
		from = to
	}
	return list
}

func floorDay(t int64) int64 {
	d := t / day.Microseconds()
	if t%day.Microseconds() < 0 {
		d--
	}
	return d
}

// prepareAll makes the indices of the stretches, with the fields that their pages have, at once.
func (s *Store) prepareAll(ctx context.Context, list []stretch) error {
	fields := make(map[string]map[event.Field]bool)
	alias := make(map[string]string)
	for _, x := range list {
		if fields[x.index] == nil {
			fields[x.index] = make(map[event.Field]bool)
			alias[x.index] = s.names.dataset(x.page.Data)
		}
		for _, f := range x.page.Columns() {
			fields[x.index][f] = true
		}
	}
	var wg sync.WaitGroup
	errs := make(chan error, len(fields))
	for name, set := range fields {
		wg.Go(func() {
			if err := s.prepare(ctx, s.index(name), alias[name], slices.Sorted(maps.Keys(set))); err != nil {
				errs <- fmt.Errorf("prepare the index %s: %w", name, err)
			}
		})
	}
	wg.Wait()
	close(errs)
	return <-errs
}

// findings writes findings; one that is stored already stays as it is.
func (s *Store) findings(d *delivery, list []event.Finding, batch int64, touched map[string]bool) error {
	if len(list) == 0 {
		return nil
	}
	if err := s.ensure(d.ctx, s.index(s.names.findings())); err != nil {
		return err
	}
	touched[s.names.findings()] = true
	for i := range list {
		f := &list[i]
		body, err := storage.FindingBody(*f)
		if err != nil {
			return fmt.Errorf("write finding %s: %w", f.ID, err)
		}
		doc := dsl{
			fWriter: s.cfg.Writer, fBatch: batch, "@timestamp": json.RawMessage(appendTime(nil, f.Time)), fTime: f.Time, "id": f.ID,
			"rule": f.Rule, "severity": f.Severity, "audience": f.Audience, fieldSite: f.Site, "title": f.Title,
			"message": f.Message, "count": f.Count, "body": json.RawMessage(body),
		}
		if err := create(d, s.names.findings(), f.ID, doc); err != nil {
			return fmt.Errorf("write finding %s: %w", f.ID, err)
		}
	}
	return nil
}

// create writes a document that is made once.
func create(d *delivery, index, id string, doc dsl) error {
	raw, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	c := d.chunk()
	if c == nil {
		return context.Cause(d.ctx)
	}
	c.begin(op{index: index}, id)
	c.buf = append(append(c.buf, raw...), '\n')
	return nil
}

// put writes a document in the place of what has its id. The cluster must take it.
func put(d *delivery, index, id string, doc any) error {
	raw, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	c := d.chunk()
	if c == nil {
		return context.Cause(d.ctx)
	}
	c.ops = append(c.ops, op{from: len(c.buf), index: index, must: true})
	c.buf = append(c.buf, `{"index":{"_index":`...)
	c.buf = event.AppendJSONString(c.buf, index)
	c.buf = append(c.buf, `,"_id":`...)
	c.buf = event.AppendJSONString(c.buf, id)
	c.buf = append(append(append(c.buf, "}}\n"...), raw...), '\n')
	return nil
}

// sums adds up the deltas of each cell, in the order in which the cells come.
func sums(list []event.Delta) []event.Delta {
	var out []event.Delta
	at := make(map[event.Delta]int, len(list))
	for _, d := range list {
		cell := d
		cell.N, cell.Sum = 0, 0
		i, ok := at[cell]
		if !ok {
			i = len(out)
			at[cell] = i
			out = append(out, cell)
		}
		out[i].N += d.N
		out[i].Sum += d.Sum
	}
	return out
}

// deltas writes deltas, each as a document whose id is its place in the commit.
func (s *Store) deltas(d *delivery, list []event.Delta, batch int64, now time.Time, touched map[string]bool) error {
	for i, x := range list {
		name := s.names.rollupIndex(x.Minute, now)
		if !touched[name] {
			if err := s.ensure(d.ctx, s.index(name)); err != nil {
				return err
			}
			touched[name] = true
		}
		doc := dsl{
			fWriter: s.cfg.Writer, fBatch: batch, "@timestamp": json.RawMessage(appendTime(nil, x.Minute)), "series": x.Series,
			"minute": x.Minute, "bucket": x.Bucket, "n": x.N, "sum": x.Sum,
		}
		if x.Site != "" {
			doc[fieldSite] = x.Site
		}
		if x.Dataset != "" {
			doc[fieldDataset] = x.Dataset
		}
		if err := create(d, name, s.cfg.Writer+"-"+strconv.FormatInt(batch, 16)+"-"+strconv.Itoa(i), doc); err != nil {
			return fmt.Errorf("write a rollup of %s: %w", x.Series, err)
		}
	}
	return nil
}

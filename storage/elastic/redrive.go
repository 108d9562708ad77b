package elastic

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
)

// mostReasons bounds the reasons that Redrive tells.
const mostReasons = 5

// Redrive writes the documents of the quarantine once more: events as they would be written now, others as they were. The
// events are a commit of their own, so that whoever follows the commits sees them.
func (s *Store) Redrive(ctx context.Context) (storage.Redriven, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	var r storage.Redriven
	if err := s.writable(); err != nil {
		return r, err
	}
	docs := make(map[string]refusedDoc)
	collect := func(d refusedDoc) error {
		docs[d.ID] = d
		return nil
	}
	if err := s.readLocal(collect); err != nil {
		return r, err
	}
	if err := s.eachRefused(ctx, []string{"*"}, collect); err != nil {
		return r, err
	}
	if len(docs) == 0 {
		return r, nil
	}
	for _, d := range docs {
		s.forget(d.Index) // somebody may have replaced it
	}
	refused, err := s.recommit(ctx, docs)
	if err != nil {
		return r, fmt.Errorf("write the documents of the quarantine again: %w", err)
	}
	var left []refusedDoc
	for _, id := range slices.Sorted(maps.Keys(docs)) {
		reason, ok := refused[id]
		if !ok {
			r.Stored++
			continue
		}
		d := docs[id]
		d.Reason = reason
		left = append(left, d)
		r.Refused++
		if len(r.Reasons) < mostReasons && !slices.Contains(r.Reasons, reason) {
			r.Reasons = append(r.Reasons, reason)
		}
	}
	return r, s.leave(ctx, docs, left)
}

// recommit writes documents in a commit that moves no mark, and returns why some of them were refused, by record.
func (s *Store) recommit(ctx context.Context, docs map[string]refusedDoc) (map[string]string, error) {
	if s.marks == nil {
		if err := s.load(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.dropDoubt(ctx); err != nil {
		return nil, err
	}
	s.last = max(s.last, s.head.Batch) + 1
	touched := make(map[string]bool)
	refused, err := s.again(ctx, docs, s.last, touched)
	if err == nil && len(refused) < len(docs) {
		err = s.seal(ctx, s.last, s.head.Marks, slices.Collect(maps.Keys(touched)))
	}
	if err != nil {
		s.marks = nil
	}
	return refused, err
}

// again writes documents under a number and returns why some of them were refused, by record.
func (s *Store) again(ctx context.Context, docs map[string]refusedDoc, batch int64, touched map[string]bool) (map[string]string, error) {
	refused := make(map[string]string)
	byAction := make(map[string]string) // records by what was to be done
	d := s.bulk.deliver(ctx, true)
	for id, doc := range docs {
		if err := s.sendAgain(d, id, doc, batch, touched, byAction); err != nil {
			if statusOf(err) == 0 && !errors.Is(err, errUnreadable) {
				d.stop(err)
				break
			}
			refused[id] = err.Error()
		}
	}
	list, err := d.finish()
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		refused[byAction[actionOf(r)]] = r.reason
	}
	return refused, nil
}

var errUnreadable = errors.New("it cannot be read as an event")

func actionOf(r refusal) string { return r.index + "\x00" + eventID(r.gen, r.off) }

// sendAgain writes one document.
func (s *Store) sendAgain(d *delivery, id string, doc refusedDoc, batch int64, touched map[string]bool, byAction map[string]string) error {
	if doc.Gen == "" {
		c := d.chunk()
		if c == nil {
			return context.Cause(d.ctx)
		}
		o := op{from: len(c.buf), index: doc.Index, off: int64(len(byAction)) + 1}
		byAction[o.index+"\x00"+eventID(0, o.off)] = id
		c.ops = append(c.ops, o)
		c.buf = append(append(c.buf, doc.Action...), '\n')
		c.buf = append(append(c.buf, doc.Document...), '\n')
		touched[doc.Index] = true
		return nil
	}
	pages := newPages(s.cfg.Schema, func(p *event.Page) error {
		for _, x := range s.stretches(p, s.cfg.now()) {
			if err := s.prepareAll(d.ctx, []stretch{x}); err != nil {
				return err
			}
			s.enc.begin(p, batch)
			c := d.chunk()
			if c == nil {
				return context.Cause(d.ctx)
			}
			touched[x.index] = true
			byAction[x.index+"\x00"+eventID(p.Gen, p.Offset(0))] = id
			s.enc.row(c, p, 0, s.index(x.index))
		}
		return nil
	})
	if err := pages.add([]byte(doc.Document)); err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return pages.flush()
}

// leave takes out of the quarantine what is stored.
func (s *Store) leave(ctx context.Context, docs map[string]refusedDoc, left []refusedDoc) error {
	stays := make(map[string]bool)
	for _, d := range left {
		stays[d.ID] = true
	}
	d := s.bulk.deliver(ctx, true)
	for id := range docs {
		if stays[id] {
			continue
		}
		c := d.chunk()
		if c == nil {
			break
		}
		c.delete(s.names.quarantine(), id)
	}
	if _, err := d.finish(); err != nil {
		return fmt.Errorf("take what is stored out of the quarantine: %w", err)
	}
	s.touch(s.names.quarantine())
	if err := s.replaceLocal(left); err != nil {
		return err
	}
	s.seen.Lock()
	defer s.seen.Unlock()
	for id := range docs {
		if !stays[id] {
			delete(s.apart, id)
		}
	}
	return nil
}

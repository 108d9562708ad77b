package elastic

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/saypro/veritail/pipeline/event"
)

// Import writes events that another store has kept so far: those of the pages that each hands to add, all of them or, after
// an error, none. They belong to no mark; the marks come with a commit when all events are there. An event that is stored
// already stays as it is.
func (s *Store) Import(ctx context.Context, each func(add func(*event.Page) error) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := errors.Join(s.writable(), ctx.Err()); err != nil {
		return err
	}
	if s.marks == nil {
		if err := s.load(ctx); err != nil {
			return err
		}
	}
	if err := s.importAll(ctx, each); err != nil {
		s.marks = nil
		return fmt.Errorf("copy events to Elasticsearch: %w", err)
	}
	return nil
}

func (s *Store) importAll(ctx context.Context, each func(add func(*event.Page) error) error) error {
	batch, err := s.number(ctx, rand.Text())
	if err != nil {
		return err
	}
	touched := map[string]bool{s.names.state(): true}
	now := s.cfg.now()
	d := s.bulk.deliver(ctx, true)
	err = each(func(p *event.Page) error {
		return s.write(d, s.stretches(p, now), batch, touched)
	})
	if err == nil {
		err = s.stateDocs(d, nil)
	}
	if err != nil {
		d.stop(err)
	}
	refused, err := d.finish()
	if err == nil {
		err = s.setAside(ctx, refused)
	}
	if err != nil {
		return err
	}
	var names []string
	for name := range touched {
		names = append(names, name)
	}
	return s.seal(ctx, batch, nil, names)
}

// Missing notes how many lines of each generation its mark accounts for that were dropped before the events were imported.
// It replaces what was noted before.
func (s *Store) Missing(ctx context.Context, lines map[event.GenID]int64) error {
	d := dropped{Index: "another store", Lines: make(map[string]int64)}
	for gen, n := range lines {
		d.Lines[gen.String()] = n
	}
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	id := "dropped-" + s.cfg.Writer + "-before"
	err = s.client.call(ctx, http.MethodPut, "/"+s.names.state()+"/_doc/"+escapePath(id), stateDoc{Kind: "dropped", Writer: s.cfg.Writer, Body: body}, nil)
	if err != nil {
		return fmt.Errorf("note what was dropped before: %w", err)
	}
	s.touch(s.names.state())
	return nil
}

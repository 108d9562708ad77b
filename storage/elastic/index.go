package elastic

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/saypro/veritail/pipeline/event"
)

// An index is what the store knows of an index that it writes events to.
type index struct {
	name  string
	mu    sync.Mutex
	types map[string]string    // of the fields by their names; nil until it is known to be there
	other map[event.Field]bool // fields that it cannot hold: their values go where nobody searches them
}

// index returns the index of that name.
func (s *Store) index(name string) *index {
	s.indexing.Lock()
	defer s.indexing.Unlock()
	x := s.indices[name]
	if x == nil {
		x = &index{name: name, other: make(map[event.Field]bool)}
		s.indices[name] = x
	}
	return x
}

// forget makes the store look again for an index that may be gone.
func (s *Store) forget(name string) {
	s.indexing.Lock()
	defer s.indexing.Unlock()
	delete(s.indices, name)
}

// prepare makes the index if it is not there, and maps the fields in it. alias is its data set's.
func (s *Store) prepare(ctx context.Context, x *index, alias string, fields []event.Field) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	missing := dsl{}
	var add []event.Field
	for _, f := range fields {
		d := s.cfg.Schema.Def(f)
		if x.other[f] || x.types[d.Name] == kindMapping[d.Kind]["type"] {
			continue
		}
		if x.types[d.Name] != "" || s.unmappable(f) {
			x.other[f] = true
			continue
		}
		add = append(add, f)
		maps.Copy(missing, mappingOf(d))
	}
	if x.types == nil {
		if err := s.create(ctx, x, alias, missing); err != nil {
			return err
		}
	} else if len(missing) > 0 {
		err := s.client.call(ctx, http.MethodPut, "/"+x.name+"/_mapping", dsl{"properties": missing}, nil)
		if statusOf(err) == http.StatusNotFound { // it was dropped meanwhile
			x.types = nil
			err = s.create(ctx, x, alias, missing)
		}
		if err == nil {
			s.know(x, missing)
			return nil
		}
		if statusOf(err) != http.StatusBadRequest {
			return fmt.Errorf("map new fields: %w", err)
		}
	}
	return s.mapEach(ctx, x, add)
}

// ensure makes an index that is not of events, if it is not there.
func (s *Store) ensure(ctx context.Context, x *index) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.types != nil {
		return nil
	}
	var body any // nothing: a template has it
	if properties := s.ownIndices()[x.name]; properties != nil {
		body = dsl{"settings": s.settings(), "mappings": dsl{"dynamic": "strict", "properties": properties}}
	}
	if err := s.client.call(ctx, http.MethodPut, "/"+x.name, body, nil); err != nil && !isThere(err) {
		return fmt.Errorf("create the index %s: %w", x.name, err)
	}
	x.types = make(map[string]string)
	return nil
}

// know notes what has been mapped.
func (s *Store) know(x *index, properties dsl) {
	for name, m := range properties {
		x.types[name], _ = m.(dsl)["type"].(string)
	}
}

// mapEach maps those of the fields that are not there yet one by one: one that clashes with what is there must not keep
// out the others.
func (s *Store) mapEach(ctx context.Context, x *index, fields []event.Field) error {
	for _, f := range fields {
		d := s.cfg.Schema.Def(f)
		if x.types[d.Name] == kindMapping[d.Kind]["type"] {
			continue
		}
		properties := mappingOf(d)
		err := s.client.call(ctx, http.MethodPut, "/"+x.name+"/_mapping", dsl{"properties": properties}, nil)
		switch {
		case err == nil:
			s.know(x, properties)
		case statusOf(err) == http.StatusBadRequest:
			x.other[f] = true
		default:
			return fmt.Errorf("map the field %s: %w", d.Name, err)
		}
	}
	return nil
}

// create makes an index, or reads the mapping of one that is there.
func (s *Store) create(ctx context.Context, x *index, alias string, properties dsl) error {
	err := s.client.call(ctx, http.MethodPut, "/"+x.name, dsl{"aliases": dsl{alias: dsl{}}, "mappings": dsl{"properties": properties}}, nil)
	if err == nil {
		x.types = make(map[string]string)
		s.know(x, coreMapping())
		s.know(x, properties)
		return nil
	}
	if statusOf(err) != http.StatusBadRequest {
		return fmt.Errorf("create an index: %w", err)
	}
	// It is there, or the mapping is not possible: mapEach finds out why.
	types, got := s.readMapping(ctx, x.name)
	if statusOf(got) == http.StatusNotFound {
		if err = s.client.call(ctx, http.MethodPut, "/"+x.name, dsl{"aliases": dsl{alias: dsl{}}}, nil); err != nil {
			return fmt.Errorf("create an index: %w", err)
		}
		types, got = s.readMapping(ctx, x.name)
	}
	if got != nil {
		return fmt.Errorf("read an index's mapping: %w", got)
	}
	x.types = types
	return nil
}

// A property is a field or an object in a mapping.
type property struct {
	Type       string
	Properties map[string]property
}

func (s *Store) readMapping(ctx context.Context, name string) (map[string]string, error) {
	var answer map[string]struct{ Mappings property }
	if err := s.client.call(ctx, http.MethodGet, "/"+name+"/_mapping", nil, &answer); err != nil {
		return nil, err
	}
	types := make(map[string]string)
	var walk func(prefix string, p property)
	walk = func(prefix string, p property) {
		for name, sub := range p.Properties {
			types[prefix+name] = sub.Type
			if sub.Type == "" {
				types[prefix+name] = "object"
			}
			walk(prefix+name+".", sub)
		}
	}
	for _, m := range answer {
		walk("", m.Mappings)
	}
	return types, nil
}

// mappingOf is what has to be mapped for a field.
func mappingOf(d event.FieldDef) dsl {
	m := dsl{d.Name: kindMapping[d.Kind]}
	switch d.Kind {
	case event.Text:
		m[fTokens+d.Name] = tokens
	case event.Time:
		m[fMicros+d.Name] = long
	}
	return m
}

// unmappable reports whether no index can hold a field under its name: because of the name, or because another field's
// name continues it with a dot.
func (s *Store) unmappable(f event.Field) bool {
	name := s.cfg.Schema.Def(f).Name
	return !mappable(name) || slices.ContainsFunc(s.cfg.Schema.Fields(), func(d event.FieldDef) bool {
		return strings.HasPrefix(d.Name, name+".")
	})
}

package parsers

import (
	"errors"
	"fmt"

	"github.com/saypro/veritail/pipeline/event"
)

// A compose puts fields together that a log writes apart: a request's path and its query become the target.
type compose struct {
	to   event.Field
	from []event.Field
	by   []byte // stands between them
}

func (s *Set) compileCompose(f *format, ff *formatFile) error {
	for i, cf := range ff.Compose {
		c := compose{by: []byte(cf.By)}
		if len(cf.From) < 2 {
			return fmt.Errorf("compose %d: %w", i+1, errors.New("from: name the fields that it is put together from, two or more"))
		}
		var err error
		if c.to, err = s.textField(cf.To); err != nil {
			return fmt.Errorf("compose %d: to: %w", i+1, err)
		}
		for _, name := range cf.From {
			field, known := s.Schema.Lookup(name)
			if !known {
				return fmt.Errorf("compose %d: from: %w", i+1, s.unknownField(name))
			}
			if field == c.to {
				return fmt.Errorf("compose %d: from: %q is what it sets", i+1, name)
			}
			if _, err := s.textField(name); err != nil {
				return fmt.Errorf("compose %d: from: %w", i+1, err)
			}
			c.from = append(c.from, field)
		}
		f.compose = append(f.compose, c)
	}
	return nil
}

// compose sets the field of c if the row has not got it and has the first of those that it is put together from. Of
// these the ones that are missing are left out.
func (w *rowWriter) compose(c *compose) {
	if w.known(c.to) {
		return
	}
	whole, ok := w.text(c.from[0])
	if !ok {
		return
	}
	arena, copied := w.page.Arena, false
	for _, field := range c.from[1:] {
		part, ok := w.text(field)
		if !ok {
			continue
		}
		if !copied {
			whole, copied = arena.Put(w.page.Bytes(whole)), true
		}
		arena.Buf = append(append(arena.Buf, c.by...), w.page.Bytes(part)...)
		whole.Len = uint32(len(arena.Buf)) - whole.Off
	}
	w.page.SetStr(w.row, c.to, whole)
}

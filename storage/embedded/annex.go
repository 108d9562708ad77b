package embedded

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/saypro/veritail/storage"
)

// annexSchema is the schema of the database file in which an annex has its tables.
const annexSchema = "annex"

// Annex implements storage.Annexer: the annex is a schema of its own in the same database file. Its commits are transactions
// of the same handle, in the same WAL, and wait for the same lock.
func (s *Store) Annex(ctx context.Context) (storage.Annex, error) {
	if s.within != nil {
		return nil, errors.New("an annex has no annex")
	}
	a := &Store{cfg: s.cfg, schema: s.schema, within: s}
	a.cfg.walDue = math.MaxInt64 // what is within a file is not what checkpoints it
	err := s.write(ctx, func(*writer) error {
		if s.annex != nil {
			return errors.New("it has one already")
		}
		w, err := s.openAnnex(a.cfg)
		if err == nil {
			a.w, s.annex = w, a
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make an annex of the store %s: %w", s.cfg.Path, err)
	}
	return a, nil
}

// openAnnex makes the tables of an annex, and returns its writer.
func (s *Store) openAnnex(cfg Config) (*writer, error) {
	c, err := s.db.connect()
	if err != nil {
		return nil, err
	}
	w := &writer{c: c, app: newAppender(), small: new(stage), runRows: cfg.runRows, walDue: cfg.walDue}
	err = w.atomically(func() error {
		for _, sql := range []string{dropAnnex, "CREATE SCHEMA " + annexSchema, useAnnex} {
			if err := c.exec(sql); err != nil {
				return err
			}
		}
		return w.create()
	})
	if err == nil {
		err = w.load()
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

const (
	dropAnnex = "DROP SCHEMA IF EXISTS " + annexSchema + " CASCADE"
	useAnnex  = "USE " + annexSchema
)

// closeAnnex ends an annex and removes it from the file. A store that has been closed or opened again has none any more.
func (s *Store) closeAnnex(a *Store) error {
	return s.write(context.Background(), func(w *writer) error {
		if s.annex != a {
			return nil
		}
		s.endAnnex()
		if err := w.c.exec(dropAnnex); err != nil {
			return fmt.Errorf("remove the annex of the store %s: %w", s.cfg.Path, err)
		}
		return nil
	})
}

// endAnnex closes the connection of an annex, if there is one. The caller holds writing.
func (s *Store) endAnnex() {
	if s.annex != nil {
		s.annex.w.close()
		s.annex.w, s.annex = nil, nil
	}
}

// writeAnnex is write for an annex.
func (s *Store) writeAnnex(ctx context.Context, f func(*writer) error) error {
	return s.within.write(ctx, func(*writer) error {
		if s.w == nil {
			return errClosed
		}
		return f(s.w)
	})
}

// readAnnex is read for an annex.
func (s *Store) readAnnex(ctx context.Context, f func(*conn) error) error {
	return s.within.read(ctx, func(c *conn) error {
		if err := c.exec(useAnnex); err != nil {
			return fmt.Errorf("read the annex: %w", err)
		}
		return f(c)
	})
}

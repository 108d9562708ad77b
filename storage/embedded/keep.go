package embedded

import (
	"context"
	"fmt"

	"github.com/saypro/veritail/pipeline/event"
)

// Marks returns the stored mark of each generation, ordered by generation.
func (s *Store) Marks(ctx context.Context) ([]event.Mark, error) {
	var marks []event.Mark
	err := s.read(ctx, func(c *conn) (err error) {
		marks, err = readMarks(c)
		return err
	})
	return marks, err
}

// Generations returns every generation the store knows, ordered by id.
func (s *Store) Generations(ctx context.Context) ([]event.Generation, error) {
	var gens []event.Generation
	err := s.read(ctx, func(c *conn) (err error) {
		gens, err = readGenerations(c)
		return err
	})
	return gens, err
}

func readGenerations(c *conn) ([]event.Generation, error) {
	r, err := c.query(`SELECT id, host, path, dataset, format, site, device, inode, birth, head, head_len FROM generations ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("read the generations: %w", err)
	}
	var gens []event.Generation
	err = r.each(func(c []cells, i int) error {
		gens = append(gens, event.Generation{ID: event.GenID(c[0].u64(i)), Host: c[1].str(i), Path: c[2].str(i),
			Dataset: c[3].str(i), Format: c[4].str(i), Site: c[5].str(i), Device: c[6].u64(i), Inode: c[7].u64(i),
			Birth: c[8].i64(i), Head: c[9].u64(i), HeadLen: c[10].i32(i)})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the generations: %w", err)
	}
	return gens, nil
}

// Doubts returns the findings of what was wrong when the database was opened last. They are stored already.
func (s *Store) Doubts() []event.Finding {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.w == nil {
		return nil
	}
	return s.w.doubts
}

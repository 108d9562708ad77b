package elastic

import (
	"context"
	"errors"
)

// setAside keeps the documents that the cluster refused.
func (s *Store) setAside(_ context.Context, refused []refusal, _ int64) error {
	if len(refused) > 0 {
		return errors.New(refused[0].reason)
	}
	return nil
}

func (s *Store) quarantinedLines(context.Context, map[string]int64) error { return nil }

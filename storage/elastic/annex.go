package elastic

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"time"

	"github.com/saypro/veritail/storage"
)

// Annex implements storage.Annexer: the annex is indices of its own in the same cluster, made and written with the same rights.
// There are five of them, whatever is written: an index for each data set and day would be a burden on the cluster.
func (s *Store) Annex(ctx context.Context) (storage.Annex, error) {
	if err := s.writable(); err != nil {
		return nil, err
	}
	if s.cfg.annex {
		return nil, errors.New("an annex has no annex")
	}
	if !s.annexed.CompareAndSwap(false, true) {
		return nil, errors.New("the store has an annex already")
	}
	a, err := s.openAnnex(ctx)
	if err != nil {
		s.annexed.Store(false)
		return nil, fmt.Errorf("make an annex of the store %s: %w", s.cfg.Prefix, err)
	}
	return &annex{a, s}, nil
}

func (s *Store) openAnnex(ctx context.Context) (*Store, error) {
	if err := s.removeAnnex(ctx); err != nil {
		return nil, err
	}
	cfg := s.cfg
	cfg.Prefix, cfg.annex, cfg.Own, cfg.Quarantine = s.annexPrefix(), true, true, ""
	return Open(ctx, cfg)
}

// annexPrefix begins the names of the writer's annex: hosts that share a cluster do not share it.
func (s *Store) annexPrefix() string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s.cfg.Writer)) // writes to a hash do not fail
	return fmt.Sprintf("%s-annex-%016x", s.cfg.Prefix, h.Sum64())
}

// removeAnnex removes the writer's annex, if there is one.
func (s *Store) removeAnnex(ctx context.Context) error {
	n := names{prefix: s.annexPrefix(), annex: true}
	all := strings.Join([]string{n.eventIndex("", 0, time.Time{}), n.rollupIndex(0, time.Time{}), n.findings(), n.state(), n.quarantine()}, ",")
	if err := s.client.call(ctx, http.MethodDelete, "/"+all+"?ignore_unavailable=true", nil, nil); err != nil {
		return fmt.Errorf("remove the annex's indices: %w", err)
	}
	for _, name := range []string{n.events(), n.rollups()} {
		if err := s.client.call(ctx, http.MethodDelete, "/_index_template/"+name, nil, nil); err != nil && statusOf(err) != http.StatusNotFound {
			return fmt.Errorf("remove the annex's templates: %w", err)
		}
	}
	return nil
}

// An annex is a store within another one.
type annex struct {
	*Store
	of *Store
}

// Close removes the annex.
func (a *annex) Close() error {
	if a.alive() != nil {
		return nil
	}
	err := errors.Join(a.Store.Close(), a.of.removeAnnex(context.Background()))
	a.of.annexed.Store(false)
	return err
}

package console_test

import (
	"context"
	"errors"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// brokenStore answers nothing, as a store does whose disk has gone.
type brokenStore struct{ storage.Reader }

var errGone = errors.New("IO Error: could not read block 42: <b>no such device</b>")

func (brokenStore) Findings(context.Context, access.View, storage.FindingQuery) ([]event.Finding, error) {
	return nil, errGone
}

func (brokenStore) Rollups(context.Context, access.View, storage.RollupQuery) ([]event.Delta, error) {
	return nil, errGone
}

func (brokenStore) Search(context.Context, access.View, query.Search) (storage.Rows, error) {
	return storage.Rows{}, errGone
}

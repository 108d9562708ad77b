package main

import (
	"context"
	"fmt"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// history gives the rules the events of the store again.
type history struct{ d *daemon }

// Scan implements rules.History.
func (h history) Scan(ctx context.Context, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	return h.d.store.Scan(ctx, access.All(), e, during, f)
}

// reseed lets the rules take up the events of the last minutes, from where they had judged.
func (d *daemon) reseed(ctx context.Context) error {
	marks, err := d.store.Marks(ctx)
	if err != nil {
		return fmt.Errorf("ask the store how far the rules have come: %w", err)
	}
	judged := int64(0)
	for _, m := range marks {
		if m.Gen == rules.Progress {
			judged = m.Off
		}
	}
	return d.engine.Seed(ctx, history{d}, judged, time.Now())
}

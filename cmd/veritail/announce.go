package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
)

// An announcer is the store. Once a commit is durable it prints its findings and tells followers of its events.
type announcer struct {
	storage.Store
	followers *followers // may be nil
	out       io.Writer
	console   string
}

// Commit implements pipeline.Store.
func (a *announcer) Commit(ctx context.Context, c *event.Commit) ([]event.GenID, error) {
	refused, err := a.Store.Commit(ctx, c)
	if err != nil || len(refused) > 0 {
		return refused, err
	}
	if a.followers != nil {
		a.followers.tell(c)
	}
	p := palette(a.out)
	for i := range c.Findings {
		f := &c.Findings[i]
		fmt.Fprintf(a.out, "  %s  %-8s  %s%s  %s\n", time.UnixMicro(f.Time).UTC().Format("15:04:05"), f.Severity,
			p.bold(f.Title), siteNote(f.Site), p.blue("http://"+a.console+"/findings/"+f.ID))
	}
	return nil, nil
}

func siteNote(site string) string {
	if site == "" {
		return ""
	}
	return " (" + site + ")"
}

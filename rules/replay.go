package rules

import (
	"context"
	"fmt"
	"io/fs"
	"slices"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/query"
)

// Replay judges stored events of an interval as an engine that followed them would have, and calls out with what it made of them, a page
// after the other: c has findings and rollups, and no events. The windows are filled from the events before. The engine is
// new, and is not used afterwards.
func (e *Engine) Replay(ctx context.Context, h History, during query.Interval, out func(c *event.Commit, p *event.Page) error) error {
	now := e.cfg.Now()
	if during.From > 0 {
		if err := e.Seed(ctx, before{h, during.From}, during.From, now); err != nil {
			return err
		}
	}
	c := &event.Commit{Batch: &event.Batch{}}
	err := h.Scan(ctx, e.interesting(e.rules), during, func(p *event.Page) error {
		e.begin(c)
		e.page(p, now)
		e.advance(p.Time(p.N - 1))
		e.endMatches()
		err := out(c, p)
		c.Findings, c.Rollups = c.Findings[:0], c.Rollups[:0]
		return err
	})
	if err != nil {
		return fmt.Errorf("judge the stored events again: %w", err)
	}
	e.latest = max(e.latest, during.To) // until then what is absent is missed
	e.Flush(c)
	return out(c, nil)
}

// before is what a History has of before a time.
type before struct {
	History
	until int64
}

// Scan implements History.
func (b before) Scan(ctx context.Context, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	if during.To == 0 || during.To > b.until {
		during.To = b.until
	}
	if during.From >= during.To {
		return nil
	}
	return b.History.Scan(ctx, e, during, f)
}

// LoadDraft reads the rules of fsys as Load does, and a rule file that is not among them as if it were in the folder local: a rule of
// the draft with the id of another changes that one. It returns all rules, and the ids of the draft's. name is what the draft is called in
// errors.
func LoadDraft(fsys fs.FS, name string, draft []byte) (all []Rule, ids []string, err error) {
	l, err := read(withDraft{fsys, draft, name})
	if err != nil {
		return nil, nil, err
	}
	l.read(draftFile, true)
	for id, r := range l.rules {
		if r.File == draftFile {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	if all, err = l.end(); err != nil {
		return nil, nil, err
	}
	if len(ids) == 0 {
		return nil, nil, configs.Errors{{File: name, Msg: "there is no [[rule]] in it"}}
	}
	return slices.DeleteFunc(all, func(r Rule) bool { return r.off() }), ids, nil
}

// draftFile is where a draft stands in a configuration.
const draftFile = Local + "/draft of a replay"

// withDraft is a configuration with a draft in it, which no list of a folder shows.
type withDraft struct {
	fs.FS
	text []byte
	name string
}

// ReadFile implements fs.ReadFileFS.
func (d withDraft) ReadFile(name string) ([]byte, error) {
	if name == draftFile {
		return d.text, nil
	}
	return fs.ReadFile(d.FS, name)
}

// Display returns the path under which a reader finds the file name.
func (d withDraft) Display(name string) string {
	if name == draftFile {
		return d.name
	}
	if s, ok := d.FS.(interface{ Display(string) string }); ok {
		return s.Display(name)
	}
	return name
}

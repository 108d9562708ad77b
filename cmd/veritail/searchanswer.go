package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/embedded"
	"github.com/saypro/veritail/storage/query"
)

// found is the answer to a search: events, or a table of numbers.
type found struct {
	Events  []map[string]any `json:"events"`
	More    bool             `json:"more,omitempty"` // there are further events
	Table   *foundTable      `json:"table,omitempty"`
	Note    string           `json:"note,omitempty"`
	Unknown []unknownField   `json:"unknown,omitempty"`
	Query   string           `json:"query"` // as it was understood
	How     []string         `json:"how,omitempty"`
	Took    int64            `json:"took_ns"`
}

// An unknownField is one that no format has.
type unknownField struct {
	Field   string `json:"field"`
	Nearest string `json:"nearest,omitempty"`
}

// A foundTable is what a query asks for behind its |.
type foundTable struct {
	Every  bool         `json:"every"` // rows have times
	By     []string     `json:"by"`
	Values []foundValue `json:"values"`
	Rows   []foundRow   `json:"rows"`
}

// A foundValue names a column of numbers.
type foundValue struct {
	Name string `json:"name"`
	Kind string `json:"kind"` // of what was measured: "duration" is in ns
}

type foundRow struct {
	Time   string     `json:"time,omitempty"` // RFC 3339, in the zone whose days are counted
	Key    []string   `json:"key"`
	Count  int64      `json:"count"`
	Values []*float64 `json:"values"` // null where no event has the field
}

// parse reads ?q=. An error is an *answerError.
func (d *daemon) parse(ask url.Values) (query.Question, error) {
	q, err := query.ParseQuestion(ask.Get("q"), d.setup.schema, time.Now())
	var fault *query.Error
	if errors.As(err, &fault) {
		err = &answerError{fault.Msg, fault.Pos, fault.Repair}
	}
	return q, err
}

// search answers ?q=, with at most ?limit= events. An *answerError is of what was asked.
func (d *daemon) search(ctx context.Context, ask url.Values) (*found, error) {
	limit, err := strconv.Atoi(ask.Get("limit"))
	if err != nil || limit < 1 || limit > maxSearch {
		return nil, &answerError{Message: fmt.Sprintf("limit wants a number from 1 to %d", maxSearch)}
	}
	begun := time.Now()
	q, err := d.parse(ask)
	if err != nil {
		return nil, err
	}
	a := &found{Query: q.String()}
	trace := storage.TraceOf(ctx)
	trace.Step = func(step string) { a.How = append(a.How, step) }
	ctx = storage.WithTrace(ctx, trace)
	for _, t := range query.Unknown(q.Where) {
		a.Unknown = append(a.Unknown, unknownField{t.Field, query.Nearest(t.Field, d.setup.schema)})
	}
	if q.Agg != nil {
		err = d.table(ctx, a, q.Agg)
	} else {
		err = d.events(ctx, a, query.Search{Where: q.Where, Limit: limit})
	}
	a.Took = time.Since(begun).Nanoseconds()
	return a, err
}

func (d *daemon) events(ctx context.Context, a *found, q query.Search) error {
	rows, err := d.store.Search(ctx, access.All(), q)
	if err != nil {
		return err
	}
	a.More, a.Note = rows.More != nil, rows.Note
	a.Events = make([]map[string]any, 0, len(rows.Events))
	for i := range rows.Events {
		a.Events = append(a.Events, fieldsOf(rows.Events[i]))
	}
	return nil
}

func (d *daemon) table(ctx context.Context, a *found, q *query.Agg) error {
	t, err := d.store.Aggregate(ctx, access.All(), *q)
	if err != nil {
		return err
	}
	a.Table = &foundTable{Every: q.Every != 0, By: t.By, Rows: make([]foundRow, 0, len(t.Rows))}
	for _, m := range q.Values {
		a.Table.Values = append(a.Table.Values, foundValue{m.String(), d.measured(m)})
	}
	for _, r := range t.Rows {
		row := foundRow{Key: r.Key, Count: r.Count, Values: numbers(r.Values)}
		if q.Every != 0 {
			row.Time = time.UnixMicro(r.Time).In(q.Zone).Format("2006-01-02T15:04:05.000000Z07:00")
		}
		a.Table.Rows = append(a.Table.Rows, row)
	}
	return nil
}

// measured returns the kind of a measure's numbers.
func (d *daemon) measured(m query.Measure) string {
	f, known := d.setup.schema.Lookup(m.Field)
	if !known || m.Fn == "distinct" {
		return ""
	}
	return d.setup.schema.Def(f).Kind.String()
}

func numbers(values []float64) []*float64 {
	out := make([]*float64, len(values))
	for i := range values {
		if v := values[i]; !math.IsNaN(v) {
			out[i] = &v
		}
	}
	return out
}

// withStore runs f on the store of a daemon that does not run.
func withStore(ctx context.Context, cfg *configs.Daemon, f func(*daemon) error) (err error) {
	s, err := loadSetup(cfg.Configs)
	if err != nil {
		return err
	}
	st, err := openStore(ctx, cfg, s.schema, true)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, st.Close())
		if cfg.Store.Kind != configs.OnElasticsearch {
			_, giving := embedded.GiveToOwner(storeFile(cfg)) // opening has made files
			err = errors.Join(err, giving)
		}
	}()
	return f(&daemon{cfg: cfg, setup: s, store: st})
}

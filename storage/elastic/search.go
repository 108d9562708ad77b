package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// A searchAnswer is what Elasticsearch answers to a search.
type searchAnswer struct {
	TimedOut bool                        `json:"timed_out"`
	Shards   struct{ Total, Failed int } `json:"_shards"`
	Hits     struct {
		Total struct{ Value int64 }
		Hits  []hit
	}
	Aggregations map[string]aggregation
}

type hit struct {
	Index  string          `json:"_index"`
	ID     string          `json:"_id"`
	Source json.RawMessage `json:"_source"`
	Sort   []json.RawMessage
}

const (
	defaultLimit = 100
	mostHits     = 2000 // of one request
)

// newestFirst and oldestFirst are the orders of events.
var newestFirst, oldestFirst = eventOrder("desc"), eventOrder("asc")

func eventOrder(o string) []any { return []any{dsl{fTime: o}, dsl{fGen: o}, dsl{fieldOffset: o}} }

var fieldOffset = event.CoreFields()[event.FieldOffset].Name

// Search returns matching events, newest first.
func (s *Store) Search(ctx context.Context, v access.View, q query.Search) (storage.Rows, error) {
	if v.None() || q.IDs != nil && len(q.IDs) == 0 {
		return storage.Rows{}, s.alive()
	}
	limit := q.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	var rows storage.Rows
	err := s.attempt(ctx, func(c compiler, snap snapshot) error {
		w, err := s.where(c, v, q.Where, q.During, snap)
		if err != nil {
			return err
		}
		rows, err = s.searchRows(ctx, w, q, limit)
		return err
	})
	if err != nil {
		return storage.Rows{}, fmt.Errorf("search the events: %w", err)
	}
	return rows, nil
}

// attempt answers a read, and once more with a looser condition where the cluster refuses the first.
func (s *Store) attempt(ctx context.Context, read func(compiler, snapshot) error) error {
	snap, err := s.begin(ctx)
	if err != nil {
		return err
	}
	c, err := s.compiler(ctx, snap)
	if err != nil {
		return err
	}
	err = read(c, snap)
	if statusOf(err) == http.StatusBadRequest {
		c.loose = true
		if again := read(c, snap); again == nil || statusOf(again) != http.StatusBadRequest {
			return again
		}
	}
	return err
}

// searchRows collects a page of events.
func (s *Store) searchRows(ctx context.Context, w where, q query.Search, limit int) (storage.Rows, error) {
	var rows storage.Rows
	h := s.hits(w, newestFirst)
	if q.IDs != nil {
		ids := make([]string, len(q.IDs))
		for i, id := range q.IDs {
			ids[i] = eventID(id.Gen, id.Off)
		}
		h.query = filter(dsl{"ids": dsl{"values": ids}}, h.query)
	}
	if q.After != nil {
		h.after = []any{q.After.Time, q.After.Gen.String(), q.After.Off}
	}
	read, full := 0, errors.New("there are enough")
	seen := new(reading)
	if w.matcher == nil {
		alone(ctx)
	} else {
		var err error
		if seen, err = s.follow(ctx, w); err != nil {
			return rows, err
		}
	}
	pages := newPages(s.cfg.Schema, func(p *event.Page) error {
		var bits event.Bits
		if w.matcher != nil {
			w.matcher.Match(p, &bits)
		}
		read += p.N
		for i := range p.N {
			if w.matcher == nil || bits.Has(i) {
				rows.Events = append(rows.Events, storage.EventOf(p, i))
			}
		}
		seen.Found = int64(len(rows.Events))
		seen.add(p.N)
		if len(rows.Events) > limit {
			return full
		}
		return nil
	})
	h.size = limit + 1 // one more tells whether there is another page
	for more := true; more; {
		var err error
		if more, err = h.next(ctx, pages.add); err == nil {
			err = pages.flush()
		}
		if err != nil && !errors.Is(err, full) {
			return rows, err
		} else if err != nil {
			break
		}
		h.size = mostHits
	}
	if len(rows.Events) > limit {
		rows.Events = rows.Events[:limit]
		last := rows.Events[limit-1]
		rows.More = &query.Cursor{Time: last.Time, ID: last.ID}
	}
	if w.matcher != nil {
		rows.Note = readNote(read)
	}
	return rows, nil
}

// readNote says that the index did not know the answer.
func readNote(n int) string {
	return fmt.Sprintf("the index cannot answer this alone: %d events were read", n)
}

// hits goes through what a condition finds, in an order, some documents at a time.
type hits struct {
	s     *Store
	query dsl
	order []any
	after []any // where the last page ended
	size  int   // of the next page, about
	small int   // that many documents in a page, if they are large
}

func (s *Store) hits(w where, order []any) *hits {
	return &hits{s: s, query: w.upper, order: order, size: mostHits, small: mostHits}
}

// maxPageBytes is about how much one page of hits may be.
const maxPageBytes = 16 << 20

// next hands the sources of the next page to f, and returns whether there may be another.
func (h *hits) next(ctx context.Context, f func(source []byte) error) (bool, error) {
	size := min(h.size, h.small, mostHits)
	body := dsl{"size": size, "query": h.query, "sort": h.order, "track_total_hits": false}
	if h.after != nil {
		body["search_after"] = h.after
	}
	var answer searchAnswer
	if err := h.s.search(ctx, h.s.names.events(), body, &answer); err != nil {
		return false, err
	}
	found, bytes := answer.Hits.Hits, 0
	for i := range found {
		bytes += len(found[i].Source)
		if err := f(found[i].Source); err != nil {
			return false, err
		}
	}
	if len(found) < size {
		return false, nil
	}
	h.small = max(1, min(mostHits, maxPageBytes/(bytes/len(found)+1)))
	h.after = nil
	for _, v := range found[len(found)-1].Sort {
		h.after = append(h.after, v)
	}
	return true, nil
}

// Scan calls f with the matching events, oldest first, in pages of one generation each.
func (s *Store) Scan(ctx context.Context, v access.View, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	if v.None() {
		return s.alive()
	}
	return s.scanAmong(ctx, always, v, e, during, f)
}

// scanAmong is Scan among those events for which a condition on fields of the store's own holds.
func (s *Store) scanAmong(ctx context.Context, among dsl, v access.View, e query.Expr, during query.Interval, f func(*event.Page) error) error {
	begun := false
	err := s.attempt(ctx, func(c compiler, snap snapshot) error {
		w, err := s.where(c, v, e, during, snap)
		if err != nil {
			return err
		}
		w.upper = filter(among, w.upper)
		err = s.scan(ctx, w, func(p *event.Page) error { begun = true; return f(p) })
		if begun && err != nil { // f has had pages: no second attempt
			return hideStatus{err}
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("scan the events: %w", err)
	}
	return nil
}

// hideStatus is an error that no longer tells which answer it was.
type hideStatus struct{ error }

func (h hideStatus) Is(target error) bool { return errors.Is(h.error, target) }

// scan hands over the pages of the events that w holds for.
func (s *Store) scan(ctx context.Context, w where, f func(*event.Page) error) error {
	pages := newPages(s.cfg.Schema, f)
	add := pages.add
	if w.matcher != nil {
		add = matching(w.matcher, s.cfg.Schema, add)
	}
	seen, err := s.follow(ctx, w)
	if err != nil {
		return err
	}
	read := 0 // of the page
	hand := add
	add = func(source []byte) error { read++; return hand(source) }
	h := s.hits(w, oldestFirst)
	for {
		more, err := h.next(ctx, add)
		if err != nil {
			return err
		}
		seen.add(read)
		read = 0
		if !more {
			return pages.flush()
		}
	}
}

// matching hands on those sources that are of matching events.
func matching(m *query.Matcher, schema *event.Schema, add func([]byte) error) func([]byte) error {
	var matches bool
	one := newPages(schema, func(p *event.Page) error {
		var bits event.Bits
		m.Match(p, &bits)
		matches = bits.Has(0)
		return nil
	})
	return func(source []byte) error {
		if err := errors.Join(one.add(source), one.flush()); err != nil || !matches {
			return err
		}
		return add(source)
	}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/bits"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/query"
)

// followers are those who want events as they are stored. They never make the flow wait: what one does not take in time
// is counted and left out.
type followers struct {
	mu   sync.Mutex
	list map[*follower]struct{}
}

// A follower is told of the events that match its query.
type follower struct {
	match  *query.Matcher
	events chan map[string]any
	missed atomic.Int64
}

// followAhead is how many events wait for a slow follower.
const followAhead = 10000

// add makes a follower of what matches e; remove ends it.
func (f *followers) add(e query.Expr) (*follower, error) {
	m, err := query.Compile(e)
	if err != nil {
		return nil, err
	}
	one := &follower{match: m, events: make(chan map[string]any, followAhead)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.list == nil {
		f.list = map[*follower]struct{}{}
	}
	f.list[one] = struct{}{}
	return one, nil
}

func (f *followers) remove(one *follower) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.list, one)
}

// tell hands the events of a commit that is stored to whoever wants them.
func (f *followers) tell(c *event.Commit) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.Batch == nil {
		return
	}
	for one := range f.list {
		for _, p := range c.Pages {
			one.page(p)
		}
	}
}

func (f *follower) page(p *event.Page) {
	var rows event.Bits
	f.match.Match(p, &rows)
	for w, word := range rows {
		for ; word != 0; word &= word - 1 {
			if len(f.events) == cap(f.events) {
				f.missed.Add(1)
				continue
			}
			f.events <- fieldsOf(storage.EventOf(p, w*64+bits.TrailingZeros64(word))) // nobody else sends
		}
	}
}

// fieldsOf returns the fields of an event with its id among them.
func fieldsOf(e storage.Event) map[string]any {
	e.Fields["event.id"] = fmt.Sprintf("%s-%d", e.Gen, e.Off)
	return e.Fields
}

// answerFollow sends the newest ?limit= events that match ?q=, oldest first, then further ones as they are stored, one
// JSON object a line, until the client goes. An object with the member "missed" says how many were left out.
func (d *daemon) answerFollow(w http.ResponseWriter, r *http.Request) {
	one, a, err := d.startFollowing(r.Context(), r.URL.Query())
	var fault *answerError
	switch {
	case errors.As(err, &fault):
		w.WriteHeader(http.StatusBadRequest)
		answer(w, fault)
		return
	case err != nil:
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	defer d.followers.remove(one)
	enc, flush := json.NewEncoder(w), http.NewResponseController(w).Flush
	enc.SetEscapeHTML(false)
	if enc.Encode(a) != nil || flush() != nil {
		return // the client has gone
	}
	shown := map[any]bool{} // of those that were stored between add and the search
	for _, e := range a.Events {
		shown[e["event.id"]] = true
	}
	for {
		select {
		case <-r.Context().Done():
			return
		case e := <-one.events:
			if shown[e["event.id"]] {
				continue
			}
			if enc.Encode(e) != nil {
				return
			}
			if len(one.events) > 0 {
				continue
			}
			if n := one.missed.Swap(0); n > 0 && enc.Encode(map[string]int64{"missed": n}) != nil {
				return
			}
			if flush() != nil {
				return
			}
		}
	}
}

// startFollowing returns a follower and the newest events, oldest first.
func (d *daemon) startFollowing(ctx context.Context, ask url.Values) (*follower, *found, error) {
	q, err := d.parse(ask)
	if err != nil {
		return nil, nil, err
	}
	if q.Agg != nil {
		return nil, nil, &answerError{Message: "-f goes on with events; it has no numbers: leave out what stands behind the |"}
	}
	one, err := d.followers.add(q.Where)
	if err != nil {
		return nil, nil, err
	}
	a, err := d.search(ctx, ask)
	if err != nil {
		d.followers.remove(one)
		return nil, nil, err
	}
	slices.Reverse(a.Events)
	return one, a, nil
}

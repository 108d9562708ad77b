package elastic

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/saypro/veritail/pipeline/event"
)

// A head is where a writer stands: the one document whose change makes a commit stand, all of it at once. It changes only
// if nobody else has changed it (if_seq_no), so two daemons cannot write under one name.
//
// Commits are numbered. The upper half of a number is the epoch, one more with each opening. What was written under a
// number that no head has had does not count: such numbers are void.
type head struct {
	Owner string       `json:"owner"` // which opening wrote it: two that open at once would else take the same epoch for theirs
	Epoch int64        `json:"epoch"`
	Batch int64        `json:"batch"` // of the last commit
	Void  [][2]int64   `json:"void"`  // ranges of void numbers, ends included, of this epoch and the one before
	Marks []event.Mark `json:"marks"` // that the last commit moved; the marks' own documents may not have them yet
}

const epochShift = 32

// placed is a document with what a conditional change of it has to name.
type placed struct {
	seqNo, term int64
}

// stateDoc is a document of the state index.
type stateDoc struct {
	Kind   string          `json:"kind"` // "head", "mark", "generation" or "dropped"
	Writer string          `json:"veritail.store.writer"`
	Gen    string          `json:"veritail.store.gen,omitempty"`
	Body   json.RawMessage `json:"body"`
}

func (s *Store) headID() string { return "head-" + s.cfg.Writer }

// readHead reads the head as it stands, and false where there is none.
func (s *Store) readHead(ctx context.Context) (h head, at placed, found bool, err error) {
	var answer struct {
		Found  bool
		SeqNo  int64    `json:"_seq_no"`
		Term   int64    `json:"_primary_term"`
		Source stateDoc `json:"_source"`
	}
	err = patiently(ctx, func() error { // another daemon may have made the index just now
		return s.client.call(ctx, http.MethodGet, "/"+s.names.state()+"/_doc/"+escapePath(s.headID()), nil, &answer)
	})
	if statusOf(err) == http.StatusNotFound {
		return h, at, false, nil
	}
	if err == nil {
		err = json.Unmarshal(answer.Source.Body, &h)
	}
	if err != nil {
		return h, at, false, fmt.Errorf("read where %s stands: %w", s.cfg.Writer, err)
	}
	return h, placed{answer.SeqNo, answer.Term}, true, nil
}

// errOther is the error of a writer under whose name another one writes.
var errOther = errors.New("another daemon writes to this cluster under the same name")

// putHead replaces the head, which must stand as it was placed; a zero placed makes the first.
func (s *Store) putHead(ctx context.Context, h head, at placed) (placed, error) {
	body, err := json.Marshal(h)
	if err != nil {
		return at, fmt.Errorf("write where %s stands: %w", s.cfg.Writer, err)
	}
	condition := url.Values{"op_type": {"create"}}
	if at != (placed{}) {
		condition = url.Values{"if_seq_no": {strconv.FormatInt(at.seqNo, 10)}, "if_primary_term": {strconv.FormatInt(at.term, 10)}}
	}
	var answer struct {
		SeqNo int64 `json:"_seq_no"`
		Term  int64 `json:"_primary_term"`
	}
	err = s.client.call(ctx, http.MethodPut, "/"+s.names.state()+"/_doc/"+escapePath(s.headID())+"?"+condition.Encode(),
		stateDoc{Kind: "head", Writer: s.cfg.Writer, Body: body}, &answer)
	if statusOf(err) == http.StatusConflict {
		// A request whose answer was lost has been repeated, if the head is the one that was to be written.
		if now, place, _, err := s.readHead(ctx); err == nil && now.Owner == h.Owner && now.Batch == h.Batch {
			return place, nil
		}
		return at, fmt.Errorf("%w: %s", errOther, s.cfg.Writer)
	}
	if err != nil {
		return at, fmt.Errorf("write where %s stands: %w", s.cfg.Writer, err)
	}
	return placed{answer.SeqNo, answer.Term}, nil
}

// takeOver makes this store the only writer under its name: what was left of a commit that did not come to stand is
// removed, and a new epoch begins.
func (s *Store) takeOver(ctx context.Context) error {
	h, at, _, err := s.readHead(ctx)
	if err != nil {
		return err
	}
	void := append(h.Void, [2]int64{h.Batch + 1, (h.Epoch + 1) << epochShift})
	if h.Epoch > 0 {
		if err := s.removeVoid(ctx, void); err != nil {
			return fmt.Errorf("remove what an interrupted commit left: %w", err)
		}
	}
	h.Void = void[len(void)-1:]
	h.Owner = rand.Text()
	h.Epoch++
	h.Batch = h.Epoch << epochShift
	if s.place, err = s.putHead(ctx, h, at); err != nil {
		return err
	}
	s.head = h
	s.stand(h)
	return nil
}

// load reads the marks. The store must still be the only writer.
func (s *Store) load(ctx context.Context) error {
	h, at, found, err := s.readHead(ctx)
	if err != nil {
		return err
	}
	if !s.cfg.ReadOnly && (!found || h.Owner != s.head.Owner) {
		return fmt.Errorf("%w: %s", errOther, s.cfg.Writer)
	}
	marks := make(map[event.GenID]event.Mark)
	if err := s.refresh(ctx, s.names.state()); err != nil {
		return err
	}
	err = s.eachState(ctx, "mark", func(body json.RawMessage) error {
		var m event.Mark
		err := json.Unmarshal(body, &m)
		marks[m.Gen] = m
		return err
	})
	if err != nil {
		return fmt.Errorf("read the marks: %w", err)
	}
	for _, m := range h.Marks {
		marks[m.Gen] = m
	}
	s.head, s.place, s.marks = h, at, marks
	if s.doubt.batch == h.Batch { // it stands after all
		s.doubt = doubt{}
	}
	if s.doubt.batch == 0 {
		s.stand(h)
	}
	return nil
}

// eachState calls f with the bodies of the writer's documents of one kind, ordered by generation.
func (s *Store) eachState(ctx context.Context, kind string, f func(json.RawMessage) error) error {
	query := filter(term("kind", kind), term(fWriter, s.cfg.Writer))
	return s.stateSearch(ctx, query, fGen, []string{"body"}, func(d stateDoc) error { return f(d.Body) })
}

// stateSearch calls f with the wanted fields of all documents of the state index that a query finds, ordered by a field.
func (s *Store) stateSearch(ctx context.Context, query dsl, by string, wanted []string, f func(stateDoc) error) error {
	const together = 2000
	body := dsl{"size": together, "_source": wanted, "sort": []any{dsl{by: "asc"}}, "query": query}
	for {
		var page struct {
			Hits struct {
				Hits []struct {
					Source stateDoc `json:"_source"`
					Sort   []any
				}
			}
		}
		err := patiently(ctx, func() error {
			return s.client.call(ctx, http.MethodPost, "/"+s.names.state()+"/_search?"+whole, body, &page)
		})
		if err != nil {
			return err
		}
		for _, hit := range page.Hits.Hits {
			if err := f(hit.Source); err != nil {
				return err
			}
			body["search_after"] = hit.Sort
		}
		if len(page.Hits.Hits) < together {
			return nil
		}
	}
}

// stateDocs are the documents that a commit writes beside the head: generations, and the marks of the commit before.
func (s *Store) stateDocs(d *delivery, gens []event.Generation) error {
	state := func(id string, doc stateDoc, body any) error {
		var err error
		if doc.Body, err = json.Marshal(body); err != nil {
			return err
		}
		doc.Writer = s.cfg.Writer
		return put(d, s.names.state(), id, doc)
	}
	for _, g := range lastOf(gens) {
		if err := state("generation-"+g.ID.String(), stateDoc{Kind: "generation", Gen: g.ID.String()}, g); err != nil {
			return err
		}
	}
	for _, m := range s.head.Marks { // some marks are of no file, and every writer has one of that name
		if err := state("mark-"+s.cfg.Writer+"-"+m.Gen.String(), stateDoc{Kind: "mark", Gen: m.Gen.String()}, m); err != nil {
			return err
		}
	}
	return nil
}

// lastOf leaves of generations that stand twice the last.
func lastOf(gens []event.Generation) []event.Generation {
	var last []event.Generation
	for _, g := range gens {
		if i := slices.IndexFunc(last, func(x event.Generation) bool { return x.ID == g.ID }); i >= 0 {
			last[i] = g
		} else {
			last = append(last, g)
		}
	}
	return last
}

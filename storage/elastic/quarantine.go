package elastic

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/saypro/veritail/pipeline/event"
)

// A refused document is one that the cluster refused for what it is. It is kept in the quarantine's index, so that it can
// be looked at where the others are, and in a local file, since the cluster may refuse it there too.
type refusedDoc struct {
	ID       string    `json:"id"` // of this record
	Writer   string    `json:"veritail.store.writer"`
	Gen      string    `json:"veritail.store.gen,omitempty"` // of an event
	Lines    int64     `json:"veritail.store.lines"`         // of an event, else 0
	At       time.Time `json:"@timestamp"`
	Index    string    `json:"index"`
	Reason   string    `json:"reason"`
	Action   string    `json:"action"`   // what was to be done
	Document string    `json:"document"` // with what
}

func (s *Store) quarantineProperties() dsl {
	return dsl{"id": keyword, fWriter: keyword, fGen: keyword, fLines: dsl{"type": "long"}, "@timestamp": date, "index": keyword,
		"reason": text, "action": kept, "document": kept}
}

// setAside keeps the documents that the cluster refused. It is called before a commit stands, and again when the commit is
// repeated.
func (s *Store) setAside(ctx context.Context, refused []refusal) error {
	if len(refused) == 0 {
		return nil
	}
	docs := make([]refusedDoc, len(refused))
	for i, r := range refused {
		docs[i] = s.docOf(r)
	}
	if err := s.keepDocs(ctx, docs); err != nil {
		return fmt.Errorf("keep %d documents that were refused (%s): %w", len(refused), refused[0].reason, err)
	}
	s.seen.Lock()
	defer s.seen.Unlock()
	for _, d := range docs {
		s.apart[d.ID] = apart{genOf(d.Gen), d.Lines}
	}
	return nil
}

// apart is what is remembered of a refused document.
type apart struct {
	gen   event.GenID
	lines int64
}

func (s *Store) docOf(r refusal) refusedDoc {
	action, document, _ := bytes.Cut(bytes.TrimSuffix(r.lines, []byte("\n")), []byte("\n"))
	d := refusedDoc{
		Writer: s.cfg.Writer, At: s.cfg.now().UTC(), Index: r.index, Reason: r.reason, Action: string(action), Document: string(document),
		ID: fmt.Sprintf("%x", sha256.Sum256(append([]byte(s.cfg.Writer+"\n"), action...))),
	}
	if r.event {
		d.Gen, d.Lines = r.gen.String(), int64(r.op.lines)
	}
	return d
}

func genOf(hex string) event.GenID {
	g, _ := strconv.ParseUint(hex, 16, 64) // docOf wrote it, or it is none
	return event.GenID(g)
}

// keepDocs writes records to the index and to the file. One of the two is enough.
func (s *Store) keepDocs(ctx context.Context, docs []refusedDoc) error {
	local := s.appendLocal(docs)
	d := s.bulk.deliver(ctx, true)
	err := s.ensure(ctx, s.index(s.names.quarantine()))
	for i := 0; i < len(docs) && err == nil; i++ {
		err = put(d, s.names.quarantine(), docs[i].ID, docs[i])
	}
	if err != nil {
		d.stop(err)
	}
	_, err = d.finish()
	s.touch(s.names.quarantine())
	if err != nil && local == nil && s.cfg.Quarantine != "" && statusOf(err) != 0 {
		return nil
	}
	return errors.Join(err, local)
}

// localFile is where the quarantine lies on this machine.
func (s *Store) localFile() string { return filepath.Join(s.cfg.Quarantine, s.cfg.Prefix+".ndjson") }

func (s *Store) appendLocal(docs []refusedDoc) error {
	if s.cfg.Quarantine == "" {
		return nil
	}
	if err := os.MkdirAll(s.cfg.Quarantine, 0o700); err != nil {
		return fmt.Errorf("make the quarantine's directory: %w", err)
	}
	f, err := os.OpenFile(s.localFile(), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the quarantine: %w", err)
	}
	return errors.Join(writeDocs(f, docs), f.Close())
}

func writeDocs(f *os.File, docs []refusedDoc) error {
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	for _, d := range docs {
		if err := enc.Encode(d); err != nil {
			return fmt.Errorf("write to the quarantine: %w", err)
		}
	}
	if err := errors.Join(w.Flush(), f.Sync()); err != nil {
		return fmt.Errorf("write to the quarantine: %w", err)
	}
	return nil
}

// readLocal calls f with the records of the local file. A line that was cut by a crash is not one.
func (s *Store) readLocal(f func(refusedDoc) error) error {
	if s.cfg.Quarantine == "" {
		return nil
	}
	file, err := os.Open(s.localFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open the quarantine: %w", err)
	}
	defer file.Close()
	r := bufio.NewReader(file)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the quarantine: %w", err)
		}
		var d refusedDoc
		if json.Unmarshal(line, &d) == nil {
			if err := f(d); err != nil {
				return err
			}
		}
	}
}

// replaceLocal leaves some records in the local file.
func (s *Store) replaceLocal(docs []refusedDoc) error {
	if s.cfg.Quarantine == "" {
		return nil
	}
	if len(docs) == 0 {
		if err := os.Remove(s.localFile()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("empty the quarantine: %w", err)
		}
		return nil
	}
	f, err := os.CreateTemp(s.cfg.Quarantine, "replace-")
	if err != nil {
		return fmt.Errorf("replace the quarantine: %w", err)
	}
	if err := errors.Join(writeDocs(f, docs), f.Close()); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return os.Rename(f.Name(), s.localFile())
}

// loadQuarantine reads which documents are kept apart.
func (s *Store) loadQuarantine(ctx context.Context) error {
	all := make(map[string]apart)
	err := s.eachRefused(ctx, []string{"id", fGen, fLines}, func(d refusedDoc) error {
		all[d.ID] = apart{genOf(d.Gen), d.Lines}
		return nil
	})
	if err == nil {
		err = s.readLocal(func(d refusedDoc) error {
			all[d.ID] = apart{genOf(d.Gen), d.Lines}
			return nil
		})
	}
	s.seen.Lock()
	defer s.seen.Unlock()
	s.apart = all
	return err
}

// eachRefused calls f with this writer's records in the quarantine's index.
func (s *Store) eachRefused(ctx context.Context, fields []string, f func(refusedDoc) error) error {
	if err := s.refresh(ctx, s.names.quarantine()); err != nil {
		return err
	}
	body := dsl{"size": 200, "_source": fields, "query": filter(term(fWriter, s.cfg.Writer)), "sort": []any{dsl{"id": "asc"}}}
	for {
		var answer searchAnswer
		if err := s.search(ctx, s.names.quarantine(), body, &answer); err != nil {
			return fmt.Errorf("read the quarantine: %w", err)
		}
		for _, h := range answer.Hits.Hits {
			var d refusedDoc
			if err := json.Unmarshal(h.Source, &d); err != nil {
				return fmt.Errorf("read the quarantine: %w", err)
			}
			if err := f(d); err != nil {
				return err
			}
			body["search_after"] = h.Sort
		}
		if len(answer.Hits.Hits) < 200 {
			return nil
		}
	}
}

// Quarantined returns how many lines of each generation the cluster has refused.
func (s *Store) Quarantined() map[event.GenID]int64 {
	s.seen.Lock()
	defer s.seen.Unlock()
	lines := make(map[event.GenID]int64)
	for _, a := range s.apart {
		if a.lines > 0 {
			lines[a.gen] += a.lines
		}
	}
	return lines
}

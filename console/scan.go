package console

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/saypro/veritail/storage"
)

// A search that takes longer than soon is told of while it goes on: the page comes piece by piece, first what is asked,
// then how far it is every tellEvery, then the answer. Each piece hides the one before it by its style, so no script is
// needed. Who leaves the page ends the search: the connection closes, and with it the context.
const (
	soon      = 700 * time.Millisecond
	tellEvery = 500 * time.Millisecond
	searchIn  = 10 * time.Minute
)

// scanning is what a search does now.
type scanning struct {
	mu    sync.Mutex
	doing string
	p     storage.Progress
}

// does says what is read from now on; nil says it to nobody.
func (s *scanning) does(what string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doing, s.p = what, storage.Progress{}
}

func (s *scanning) tell(p storage.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p = p
}

// A scanLine is how far a search is.
type scanLine struct {
	Doing string
	Known bool // it is known how many events there are
	Share int64
	storage.Progress
	For string // how long it has taken
}

func (s *scanning) line(since time.Duration) scanLine {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := scanLine{Doing: s.doing, Known: s.p.Total > 0, Progress: s.p, For: duration(since.Truncate(time.Second / 10))}
	if l.Known {
		l.Share = 100 * s.p.Read / s.p.Total
	}
	return l
}

// A scanPage is what stands above the lines.
type scanPage struct {
	searchPage
	Stop string // address of the same query, not run
}

// searching answers the search.
func (s *server) searching(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), searchIn)
	defer cancel()
	req := &request{Request: r, links: links{r.URL.Query().Get("site")}, now: s.Now().UTC(), status: s.Status(), scan: new(scanning)}
	ctx = storage.WithTrace(ctx, storage.Trace{Progress: req.scan.tell})
	type found struct {
		answer
		err error
	}
	begun, done := time.Now(), make(chan found, 1)
	go func() {
		a, err := s.search(ctx, req)
		done <- found{a, err}
	}()
	select {
	case f := <-done:
		s.finish(ctx, w, req, "search", f.answer, f.err)
		return
	case <-time.After(soon):
	}
	piece := s.pieces(ctx, w, req)
	a := readAsk(req)
	p := scanPage{searchPage{Q: a.q, Shown: paint(a.q, -1)}, a.url(req, a.q) + "&run=no"}
	ok := piece("scan-begins", answer{Title: "Search", Body: s.scanPage(req, a, p)}) && piece("scan-line", answer{Body: req.scan.line(time.Since(begun))})
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		select {
		case f := <-done:
			switch {
			case r.Context().Err() != nil: // the reader has gone
			case f.err != nil:
				s.Log.Error("console: page", "path", r.URL.Path, "err", f.err)
				piece("scan-failed", s.failed(req, f.err))
			default:
				piece("scan-ends", f.answer)
			}
			return
		case <-tick.C:
			if ok = ok && piece("scan-line", answer{Body: req.scan.line(time.Since(begun))}); !ok {
				cancel()
			}
		}
	}
}

// scanPage adds the period to p.
func (s *server) scanPage(r *request, a ask, p scanPage) scanPage {
	p.searchPage = s.period(r, a, p.searchPage)
	return p
}

// pieces begins a page that comes piece by piece, and returns what sends one; it reports false when nothing more can be
// sent.
func (s *server) pieces(ctx context.Context, w http.ResponseWriter, r *request) func(name string, a answer) bool {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	flush := http.NewResponseController(w).Flush
	return func(name string, a answer) bool {
		var b bytes.Buffer
		data := a.Body
		if name != "scan-line" {
			data = s.frame(ctx, r, "search", a)
		}
		err := s.pages["search"].ExecuteTemplate(&b, name, data)
		if err == nil {
			_, err = w.Write(visibleBytes(b.Bytes()))
		}
		if err == nil {
			err = flush()
		}
		if err != nil {
			s.Log.Debug("console: send", "path", r.URL.Path, "err", fmt.Errorf("%s: %w", name, err))
		}
		return err == nil
	}
}

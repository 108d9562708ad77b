package console

import (
	"context"
	"errors"
	"net/http"
)

// errNotFound says that what a page was asked for is not in the store.
var errNotFound = errors.New("not found")

// notFound answers an address that leads nowhere.
func (s *server) notFound(_ context.Context, r *request) (answer, error) {
	return answer{Code: http.StatusNotFound, Title: "Not found", Body: missing{r.URL.Path, r.to("/"), r.to("/findings"), r.to("/search")}}, nil
}

type missing struct{ Path, Home, Findings, Search string }

type failure struct {
	Asked, Answer, At string
	Slow              bool // it did not answer in time
	Again, Sources    string
}

// failed answers when the store does not: what happened, what is safe, what was asked and answered.
func (s *server) failed(r *request, err error) answer {
	return answer{Code: http.StatusServiceUnavailable, Title: "The store did not answer", Body: failure{
		Asked: r.URL.RequestURI(), Answer: err.Error(), At: r.now.Format("15:04:05"),
		Slow:  errors.Is(err, context.DeadlineExceeded),
		Again: r.URL.RequestURI(), Sources: r.to("/sources"),
	}}
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/saypro/veritail/storage"
)

// asked is a line of the answer to a question that may take long. Lines of progress come as long as it is answered, then
// one that holds the answer, or what went wrong after the first line.
type asked struct {
	Progress *storage.Progress `json:"progress,omitempty"`
	Answer   json.RawMessage   `json:"answer,omitempty"`
	Failed   *answerError      `json:"failed,omitempty"`
	Mine     bool              `json:"mine,omitempty"` // the failure is of what was asked
}

// answerAsked answers with what ask returns, an object, and before it lines of progress. The question ends when the
// client goes.
func answerAsked[T any](ask func(context.Context, url.Values) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		enc, flush := json.NewEncoder(w), http.NewResponseController(w).Flush
		begun := false
		ctx := storage.WithTrace(r.Context(), storage.Trace{Progress: func(p storage.Progress) {
			if begun = true; enc.Encode(asked{Progress: &p}) == nil {
				_ = flush() // a client that has gone ends the context
			}
		}})
		a, err := ask(ctx, r.URL.Query())
		var fault *answerError
		mine := errors.As(err, &fault)
		switch {
		case err == nil:
			line, err := json.Marshal(a)
			if err != nil {
				refuse(w, http.StatusInternalServerError, fmt.Errorf("write the answer: %w", err))
				return
			}
			_ = enc.Encode(asked{Answer: line}) // or the client has gone
		case begun && mine:
			_ = enc.Encode(asked{Failed: fault, Mine: true})
		case begun:
			_ = enc.Encode(asked{Failed: &answerError{Message: err.Error()}})
		case mine:
			w.WriteHeader(http.StatusBadRequest)
			answer(w, fault)
		default:
			refuse(w, http.StatusInternalServerError, err)
		}
	}
}

// question asks the daemon for path and decodes the answer into v; where there is no daemon, here answers, with its
// store. tell is told of progress.
func (c *client) question(ctx context.Context, path string, q url.Values, v any, tell func(storage.Progress), here func(context.Context, *daemon) error) error {
	err := c.askLong(ctx, path, q, v, tell)
	if errors.Is(err, errNoDaemon) && storeThere(c.cfg) {
		ctx := storage.WithTrace(ctx, storage.Trace{Progress: tell})
		err = withStore(ctx, c.cfg, func(d *daemon) error { return here(ctx, d) })
		var fault *answerError
		if errors.As(err, &fault) {
			err = faultOf(q, *fault)
		}
	}
	if err != nil && ctx.Err() != nil {
		return errStopped
	}
	return err
}

// errStopped is what is left of a question that was stopped with Ctrl-C.
var errStopped = userError{errors.New("stopped: the query was cancelled, nothing was printed")}

func (c *client) askLong(ctx context.Context, path string, q url.Values, v any, tell func(storage.Progress)) error {
	body, err := c.stream(ctx, path, q)
	if err != nil {
		return err
	}
	defer body.Close()
	dec := json.NewDecoder(body)
	for {
		var line asked
		err := dec.Decode(&line)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return errors.New("the daemon has stopped before it answered")
		case err != nil:
			return fmt.Errorf("read the daemon's answer: %w", err)
		case line.Progress != nil:
			tell(*line.Progress)
		case line.Failed != nil && line.Mine:
			return faultOf(q, *line.Failed)
		case line.Failed != nil:
			return line.Failed
		default:
			if err := json.Unmarshal(line.Answer, v); err != nil {
				return fmt.Errorf("read the daemon's answer: %w", err)
			}
			return nil
		}
	}
}

// faultOf is the error for what is wrong with a question, shown at its place where that is known.
func faultOf(q url.Values, f answerError) error {
	if f.Column > 0 {
		return userError{queryFault(q.Get("q"), f)}
	}
	return userError{errors.New(f.Message)}
}

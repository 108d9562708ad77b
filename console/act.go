package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/saypro/veritail/storage/state"
)

// maxForm bounds what a form may send, in bytes.
const maxForm = 1 << 20

// act serves a form: do makes the change and returns the page to go to. What the log refuses is shown on the page that
// again makes, with what was written in the form. The name that the form gives is kept for the next one.
func (s *server) act(name string, do func(context.Context, *request, url.Values) (string, error), again func(context.Context, *request, url.Values, string) (answer, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), answerIn)
		defer cancel()
		req := &request{Request: r, links: links{r.URL.Query().Get("site")}, now: s.Now().UTC(), status: s.Status()}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			http.Error(w, "This form could not be read.", http.StatusBadRequest)
			return
		}
		keepName(w, who(r.PostForm))
		to, err := do(ctx, req, r.PostForm)
		switch {
		case err == nil:
			http.Redirect(w, r, to, http.StatusSeeOther)
		case errors.Is(err, state.ErrNotFound), errors.Is(err, errNotFound):
			s.finish(ctx, w, req, "", answer{}, errNotFound)
		case errors.Is(err, state.ErrRefused):
			a, err := again(ctx, req, r.PostForm, reason(err))
			if a.Code == 0 {
				a.Code = http.StatusUnprocessableEntity
			}
			s.finish(ctx, w, req, name, a, err)
		default:
			s.finish(ctx, w, req, name, answer{}, err)
		}
	}
}

// reason is what the log says against a change.
func reason(err error) string {
	_, text, _ := strings.Cut(err.Error(), state.ErrRefused.Error()+": ")
	return upper(text) + "."
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// who is the name that a form gives.
func who(form url.Values) string { return strings.TrimSpace(form.Get("who")) }

// named is that name, which a change wants. There is no sign-in yet, so it is what the reader writes.
func named(form url.Values) (string, error) {
	name := who(form)
	if name == "" {
		return "", refusal("write your name, so that others know who did it")
	}
	if len(name) > 100 {
		return "", refusal("your name is longer than 100 bytes")
	}
	return name, nil
}

// refusal is an error like those of the log.
func refusal(text string) error { return fmt.Errorf("%w: %s", state.ErrRefused, text) }

// keepName keeps the reader's name in a cookie.
func keepName(w http.ResponseWriter, name string) {
	if name != "" && len(name) <= 100 {
		http.SetCookie(w, &http.Cookie{Name: "who", Value: url.QueryEscape(name), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: int((365 * 24 * time.Hour).Seconds())})
	}
}

// nameOf is the name that the reader gave last.
func nameOf(r *http.Request) string {
	c, err := r.Cookie("who")
	if err != nil {
		return ""
	}
	name, err := url.QueryUnescape(c.Value)
	if err != nil {
		return ""
	}
	return name
}

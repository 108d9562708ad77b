package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/embedded"
)

// endless is a statement that goes on for many minutes.
const endless = "SELECT count(*) FROM range(20000000000) t(i) WHERE sin(i) > 2"

// A question that takes long tells its progress over the socket, and ends in the daemon when its client goes; the daemon
// answers on.
func TestQuestionsEndWithTheirClient(t *testing.T) {
	schema := event.NewSchema()
	st, err := embedded.Open(t.Context(), embedded.Config{Path: filepath.Join(t.TempDir(), "events"), Schema: schema})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	d := &daemon{cfg: &configs.Daemon{}, setup: &setup{schema: schema}, store: st}
	ended := make(chan error, 10) // more than there are questions
	s := httptest.NewServer(answerAsked(func(ctx context.Context, ask url.Values) (*selected, error) {
		a, err := d.sql(ctx, ask)
		ended <- err
		return a, err
	}))
	defer s.Close()
	c := &client{cfg: d.cfg, http: &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", s.Listener.Addr().String())
	}}}}
	question := func(ctx context.Context, statement string, tell func(storage.Progress)) (*selected, error) {
		a := &selected{}
		return a, c.question(ctx, "/sql", url.Values{"q": {statement}, "limit": {"10"}}, a, tell, nil)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var told []storage.Progress
	begun := time.Now()
	_, err = question(ctx, endless, func(p storage.Progress) {
		told = append(told, p)
		cancel()
	})
	if !errors.Is(err, errStopped) || len(told) != 1 {
		t.Errorf("it returns %v, told %+v", err, told)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("in the daemon it ends with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("%s after it began the statement still runs in the daemon", time.Since(begun))
	}
	a, err := question(t.Context(), "SELECT 42", func(storage.Progress) {})
	if err != nil || len(a.Rows) != 1 || *a.Rows[0][0] != "42" {
		t.Errorf("afterwards the daemon answers %+v, error %v", a.Rows, err)
	}
	// What fails after the first line of progress is told in the last one.
	late, err := question(t.Context(), "SELECT CASE WHEN i = 29999999 THEN error('late') ELSE 1 END FROM range(30000000) t(i) WHERE sin(i) > 2 OR i = 29999999", func(storage.Progress) {})
	if err == nil || len(late.Rows) > 0 {
		t.Errorf("an error at the end gives %+v, error %v", late.Rows, err)
	}
}

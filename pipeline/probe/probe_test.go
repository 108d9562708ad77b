package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// lines is a spool that keeps lines in memory, or takes none.
type lines struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	full    error
	refused int64
}

func (l *lines) Append(_ string, b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.full != nil {
		return 0, l.full
	}
	return l.buf.Write(b)
}

func (l *lines) Refuse(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused += n
}

// asked returns the result of one try.
func asked(t *testing.T, cfg Config) result {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = 10 * time.Second
	}
	l := &lines{}
	cfg.Spool, cfg.Name = l, "p"
	p := New(cfg)
	p.write(p.ask(context.Background()))
	t.Log(l.buf.String())
	var r result
	if err := json.Unmarshal(l.buf.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if s := p.Status(); s.Asked != 1 || s.Down != (r.Outcome == "failure") || s.Reason != r.Reason {
		t.Errorf("status %+v of %+v", s, r)
	}
	return r
}

func shop(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/moved":
		http.Redirect(w, r, "/", http.StatusFound)
	case "/slow":
		w.(http.Flusher).Flush()
		select {
		case <-r.Context().Done():
		case <-time.After(5 * time.Second):
		}
	case "/broken":
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		time.Sleep(20 * time.Millisecond)
		_, _ = w.Write(bytes.Repeat([]byte("x"), 100_000))
	}
}

func TestAPageIsReadToItsEnd(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(shop))
	defer srv.Close()
	r := asked(t, Config{URL: srv.URL})
	if r.Outcome != "success" || r.Status != 200 || r.Bytes != 100_000 || r.Kind != "http" || r.Address != "127.0.0.1" {
		t.Errorf("%+v", r)
	}
	if r.First < int64(20*time.Millisecond) || r.Duration < r.First+r.Connect || r.Connect <= 0 {
		t.Errorf("first byte after %d ns, all in %d ns, connected in %d ns", r.First, r.Duration, r.Connect)
	}
	if r := asked(t, Config{URL: srv.URL + "/moved"}); r.Outcome != "success" || r.Bytes != 100_000 {
		t.Errorf("a page that moved: %+v", r)
	}
}

func TestAPageThatDoesNotAnswerAsItShouldIsDown(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(shop))
	defer srv.Close()
	for _, tc := range []struct {
		path   string
		status []int
		reason string
	}{{"/broken", nil, "it answered 503"}, {"/broken", []int{503}, ""}, {"/", []int{204}, "it answered 200"}, {"/slow", nil, "timeout"}} {
		r := asked(t, Config{URL: srv.URL + tc.path, Status: tc.status, Timeout: 300 * time.Millisecond})
		if r.Reason != tc.reason || (r.Outcome == "failure") != (tc.reason != "") {
			t.Errorf("%s: %s, %q, want %q", tc.path, r.Outcome, r.Reason, tc.reason)
		}
	}
}

func TestACertificateHasToBeTrusted(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(shop))
	defer srv.Close()
	srv.Config.ErrorLog = nil
	if r := asked(t, Config{URL: srv.URL}); r.Outcome != "failure" || !strings.HasPrefix(r.Reason, "certificate: ") {
		t.Errorf("%+v", r)
	}
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	r := asked(t, Config{URL: srv.URL, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}})
	if r.Outcome != "success" || r.Handshake <= 0 || r.Expires == nil || !r.Expires.Equal(srv.Certificate().NotAfter) {
		t.Errorf("%+v", r)
	}
}

func TestAConnectionIsMade(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if r := asked(t, Config{Address: address}); r.Outcome != "success" || r.Connect <= 0 || r.Connect > r.Duration || r.Kind != "tcp" || r.Target != address {
		t.Errorf("%+v", r)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if r := asked(t, Config{Address: address}); r.Outcome != "failure" || r.Reason != "connection refused" {
		t.Errorf("nobody listens: %+v", r)
	}
}

func TestNoSecretOfAnAddressIsWritten(t *testing.T) {
	for _, url := range []string{"http://user:hunter2@127.0.0.1:1/", "http://user:hunter2@nowhere.invalid/"} {
		r := asked(t, Config{URL: url, Timeout: 2 * time.Second})
		if text := r.Target + r.Reason; strings.Contains(text, "hunter2") || r.Outcome != "failure" {
			t.Errorf("%s: %s, %s", r.Outcome, r.Target, r.Reason)
		}
	}
}

func TestItAsksUntilItIsToldToEnd(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	l := &lines{}
	p := New(Config{Name: "p", URL: srv.URL, Every: 5 * time.Millisecond, Timeout: time.Second, Spool: l})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	for p.Status().Asked < 5 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := int64(bytes.Count(l.buf.Bytes(), []byte("\n"))); n != p.Status().Asked || p.Status().Failed != 0 {
		t.Errorf("%d lines of %d times, %d failed", n, p.Status().Asked, p.Status().Failed)
	}
}

func TestWhatTheSpoolDoesNotTakeIsCounted(t *testing.T) {
	l := &lines{full: errors.New("the spool is full")}
	p := New(Config{Name: "p", Address: "127.0.0.1:1", Timeout: time.Second, Spool: l})
	p.write(p.ask(context.Background()))
	if l.refused != 1 || p.Status().Unwritten == nil {
		t.Errorf("refused %d, %v", l.refused, p.Status().Unwritten)
	}
}

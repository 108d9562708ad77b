package figures

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules/kpi"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/memory"
	"github.com/saypro/veritail/storage/query"
	"github.com/saypro/veritail/tools/need"
)

// prometheus starts a genuine one that scrapes text every second, and returns its address once it has.
func prometheus(t *testing.T, text string) string {
	t.Helper()
	program := need.Program(t, "prometheus")
	exporter := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, text)
	}))
	t.Cleanup(exporter.Close)
	dir := t.TempDir()
	conf := "global: {scrape_interval: 200ms}\nscrape_configs:\n- job_name: test\n  static_configs:\n  - targets: [" + strings.TrimPrefix(exporter.URL, "http://") + "]\n"
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address="+address, "--log.level=error")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // it was killed
	})
	p := NewPrometheus("http://"+address, "", nil, time.Second)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got, err := p.ask(context.Background(), "count(sessions)", lately()); err == nil && len(got) > 0 {
			return "http://" + address
		}
	}
	t.Fatal("Prometheus scrapes nothing")
	return ""
}

// lately is an interval whose first minute has ended just now.
func lately() query.Interval {
	now := time.Now().UnixMicro()
	return query.Interval{From: now - 60e6, To: now + 60e6}
}

const scraped = "sessions{db=\"shop\"} 40\nsessions{db=\"stock\"} 23.5\nbroken NaN\n"

const promKPIs = `[[kpi]]
id = "db.sessions"
title = "Database connections"
kind = "promql"
query = "sum(sessions)"
max = 100
yellow = 120
decimals = 1
comment = { not_measured = "Name a Prometheus" }
[[kpi]]
id = "db.several"
title = "Several series"
kind = "promql"
query = "sessions"
[[kpi]]
id = "db.wrong"
title = "No query"
kind = "promql"
query = "sum("
[[kpi]]
id = "db.none"
title = "No series"
kind = "promql"
query = "there_is_none"
[[kpi]]
id = "db.scaled"
title = "Of a share"
kind = "promql"
unit = "%"
query = 'sessions{db="stock"} / 100'
scale = 100
of = "max"
`

func TestFiguresAreAskedOfAGenuinePrometheus(t *testing.T) {
	address := prometheus(t, scraped)
	target, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	// Behind TLS, and only for who has the token, as a site may have it.
	proxy := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		httputil.NewSingleHostReverseProxy(target).ServeHTTP(w, r)
	}))
	defer proxy.Close()
	proxy.Config.ErrorLog = log.New(io.Discard, "", 0) // clients that do not trust it
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(proxy.Certificate())
	secure := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}

	defs, err := kpi.Load(fstest.MapFS{"kpis.toml": {Data: []byte(promKPIs)}}, "kpis.toml", event.NewSchema())
	if err != nil {
		t.Fatal(err)
	}
	read := func(p *Prometheus) []kpi.Figure {
		fs, err := Read(context.Background(), memory.New(), access.All(), Request{Defs: defs, Period: lately(), Prometheus: p})
		if err != nil {
			t.Fatal(err)
		}
		return fs
	}
	fs := read(NewPrometheus(proxy.URL, token, secure, 5*time.Second))
	if f := fs[0]; f.Actual != "63.5" || f.Status != kpi.Green || f.Detail != "average of 1 value that Prometheus answered" {
		t.Errorf("%s, %s, %q, %q", f.Actual, f.Status, f.Detail, f.Comment)
	}
	if f := fs[4]; f.Actual != "24 %" || f.Value != 23.5 {
		t.Errorf("%s, %v", f.Actual, f.Value)
	}
	for i, want := range map[int]string{1: "the query has 2 series; make one", 2: "it answered 400: 1:5: parse error", 3: ""} {
		if f := fs[i]; f.Measured() || !strings.Contains(f.Comment, want) {
			t.Errorf("%s: %s, %q; want %q", f.Title, f.Actual, f.Comment, want)
		}
	}

	for name, p := range map[string]*Prometheus{
		"without the token":       NewPrometheus(proxy.URL, "", secure, 5*time.Second),
		"without the authority":   NewPrometheus(proxy.URL, token, nil, 5*time.Second),
		"where there is none":     NewPrometheus("http://127.0.0.1:1", "", nil, 5*time.Second),
		"with a token that's not": NewPrometheus(proxy.URL, token+"x", secure, 5*time.Second),
	} {
		if f := read(p)[0]; f.Measured() || f.Comment == "" || f.Comment == "Name a Prometheus" {
			t.Errorf("%s: %s, %q", name, f.Actual, f.Comment)
		} else {
			t.Logf("%s: %s", name, f.Comment)
		}
	}
	if f := read(nil)[0]; f.Measured() || f.Comment != "Name a Prometheus" {
		t.Errorf("%s, %q", f.Actual, f.Comment)
	}
}

func TestASlowPrometheusIsAskedOnceInAWhile(t *testing.T) {
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		_ = r.ParseForm() // until the body is read nobody notices that the client has gone
		<-r.Context().Done()
	}))
	defer srv.Close()
	p := NewPrometheus(srv.URL, "", nil, 50*time.Millisecond)
	during := lately()
	for range 3 {
		if _, err := p.Samples(context.Background(), "up", during); err == nil {
			t.Error("it does not answer")
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestAnAnswerThatIsNoneIsAnError(t *testing.T) {
	for _, body := range []string{"", "<html>", `{"status":"success","data":{"resultType":"vector","result":[]}}`,
		`{"status":"error","error":"out of memory"}`, `{"status":"success","data":{"resultType":"matrix","result":[{"values":[["x","1"]]}]}}`,
		`{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"x"]]}]}}`} {
		if got, err := samplesOf(200, []byte(body), time.Minute); err == nil {
			t.Errorf("%s: %v", body, got)
		}
	}
}

func TestAtMostADayIsAskedByTheMinute(t *testing.T) {
	var step string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		step = r.FormValue("step")
		fmt.Fprint(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
	}))
	defer srv.Close()
	p := NewPrometheus(srv.URL, "", nil, time.Second)
	for days, want := range map[int64]string{1: "60", 2: "120", 7: "480", 365: "30720"} {
		to := day(-1).To
		if _, err := p.Samples(context.Background(), "up", query.Interval{From: to - days*86400e6, To: to}); err != nil || step != want {
			t.Errorf("%d days by %s s, want %s; %v", days, step, want, err)
		}
	}
}

package elastic

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/query"
)

// proxy returns a server before the node. A request that first answers goes no further.
func proxy(t *testing.T, first func(http.ResponseWriter, *http.Request) bool) *httptest.Server {
	node, err := url.Parse(cluster(t))
	if err != nil {
		t.Fatal(err)
	}
	behind := httputil.NewSingleHostReverseProxy(node)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !first(w, r) {
			behind.ServeHTTP(w, r)
		}
	}))
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(srv.Close)
	return srv
}

// refuse answers as Elasticsearch does.
func refuse(w http.ResponseWriter, status int, kind, reason string) {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"status": status, "error": map[string]any{"type": kind, "reason": reason}}) // the client has gone
}

const secretKey = "VnVhQ2ZHY0JDZGJrUW0tZTVhT3g6dWkybHAyYXhUTm1zeWFrdzl0dk5udw=="

func TestTLSAndAuthentication(t *testing.T) {
	var logged bytes.Buffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&logged, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	srv := proxy(t, func(w http.ResponseWriter, r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		if strings.EqualFold(scheme, "ApiKey") && key == secretKey || user == "veritail" && password == "pass:word" {
			return false
		}
		refuse(w, http.StatusUnauthorized, "security_exception", "missing authentication credentials for REST request [/]")
		return true
	})
	srv.StartTLS()
	cert := srv.Certificate()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	print := fmt.Sprintf("%x", sha256.Sum256(cert.Raw))
	other := strings.Repeat("00", 32)
	for _, tc := range []struct {
		name, want string // want is part of the error, "" for none
		cfg        Config
	}{
		{"an API key and the authority", "", Config{APIKey: secretKey, CACert: ca}},
		{"a user and the fingerprint", "", Config{Username: "veritail", Password: "pass:word", Fingerprint: print}},
		{"an unknown authority", "certificate", Config{APIKey: secretKey}},
		{"a fingerprint of another", "fingerprint", Config{APIKey: secretKey, Fingerprint: other}},
		{"a wrong password", "neither user and password nor API key are taken", Config{Username: "veritail", Password: "pass-word-2", CACert: ca}},
		{"no key", "neither user and password nor API key are taken", Config{CACert: ca}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := testConfig(t, t.TempDir(), nil)
			cfg.Addresses, cfg.APIKey, cfg.CACert = []string{srv.URL}, tc.cfg.APIKey, tc.cfg.CACert
			cfg.Username, cfg.Password, cfg.Fingerprint = tc.cfg.Username, tc.cfg.Password, tc.cfg.Fingerprint
			s, err := Open(t.Context(), cfg)
			if err == nil {
				commit(t, s, batchOf(page(s.cfg.Schema, 1, 1)))
			}
			if (err != nil) != (tc.want != "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("opening it returns %v, want %q", err, tc.want)
			}
			if all := fmt.Sprint(err) + logged.String(); strings.Contains(all, secretKey) || strings.Contains(all, "pass") && strings.Contains(all, "word-2") {
				t.Errorf("a secret is told: %s", all)
			}
		})
	}
}

func TestAFileThatIsNotThereIsNoClusterThatIsAway(t *testing.T) {
	if _, err := os.Open(filepath.Join(t.TempDir(), "ca.pem")); err == nil || Away(err) {
		t.Errorf("Away(%v)", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	answer := ""
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if strings.Contains(answer, `"number"`) {
			w.Header().Set("X-Elastic-Product", "Elasticsearch")
		}
		_, _ = io.WriteString(w, answer) // the client has gone
	}))
	t.Cleanup(srv.Close)
	untrusted := httptest.NewTLSServer(srv.Config.Handler)
	t.Cleanup(untrusted.Close)
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0) // the handshakes that fail
	for _, tc := range []struct {
		name, address, answer, want string
		away                        bool
	}{
		{"an old cluster", srv.URL, `{"version":{"number":"7.17.28"}}`, "this cluster is of version 7.17.28; Elasticsearch 8.0 or newer is needed", false},
		{"what is no Elasticsearch", srv.URL, `<html>`, "not Elasticsearch", false},
		{"a cluster that is away", "http://127.0.0.1:1", "", "no node of [elasticsearch] addresses answers; do they run, and can they be reached from here? GET /: dial tcp 127.0.0.1:1: connect: connection refused", true},
		{"what is no TLS", strings.Replace(srv.URL, "http:", "https:", 1), `<html>`, "does not look like a TLS handshake", false},
		{"a certificate that is not trusted", untrusted.URL, `{}`, "certificate", false},
		{"an address with a password", "http://u:secret@127.0.0.1:1", "", "give user and password by their own keys", false},
		{"an address of another kind", "ftp://127.0.0.1", "", "wants the form https://host:9200", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer = tc.answer
			_, err := Open(t.Context(), Config{Addresses: []string{tc.address}, Writer: "w"})
			if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("opening it returns %v, want %q", err, tc.want)
			}
			if Away(err) != tc.away {
				t.Errorf("Away(%v) = %v", err, !tc.away)
			}
		})
	}
}

// A cluster that has too much to do gets less at once, later; a node that is away is left out.
func TestBusyCluster(t *testing.T) {
	var bulks, largest atomic.Int64
	srv := proxy(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/_bulk" {
			return false
		}
		largest.Store(max(largest.Load(), r.ContentLength))
		switch bulks.Add(1) {
		case 1:
			refuse(w, http.StatusTooManyRequests, "es_rejected_execution_exception", "rejected execution")
		case 2:
			refuse(w, http.StatusServiceUnavailable, "cluster_block_exception", "no master")
		case 3: // taken in part
			rejectAll(t, w, r)
		default:
			return false
		}
		return true
	})
	srv.Start()
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	cfg.Addresses = []string{"http://127.0.0.1:1", srv.URL}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, batchOf(page(cfg.Schema, 1, 100)))
	if got := count(t, s); got != 100 || bulks.Load() < 4 {
		t.Errorf("after %d bulk requests there are %d events, want 100", bulks.Load(), got)
	}
	if s.bulk.limit() >= firstBulk {
		t.Errorf("requests have still %d bytes", s.bulk.limit())
	}
}

// A cluster that takes longer for a large request than it is waited for gets smaller ones, until it answers in time.
func TestSlowCluster(t *testing.T) {
	const most = 400_000
	srv := proxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.ContentLength <= most {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not look whether the client is there
		<-r.Context().Done()
		return true
	})
	srv.Start()
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	cfg.Addresses, cfg.Timeout, cfg.Patience = []string{srv.URL}, time.Second, time.Second
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	text := make([]byte, 1000)
	p := &event.Page{Schema: cfg.Schema, Arena: &event.Arena{}, Gen: 9, Data: "one"}
	for i := range 2000 {
		for j := range text {
			text[j] = byte('0' + r.IntN(75))
		}
		p.AddRow(p.Arena.PutString(string(text)), 1, []event.Span{{Off: int64(1000 * i), Len: 1000}})
	}
	p.Complete()
	tries := 1
	for _, err = s.Commit(t.Context(), batchOf(p)); err != nil && tries < 10; tries++ {
		_, err = s.Commit(t.Context(), batchOf(p))
	}
	if got := count(t, s); err != nil || got != 2000 {
		t.Errorf("after %d tries there are %d events, want 2000: %v", tries, got, err)
	}
	t.Logf("%d tries", tries)
}

// A query that is cancelled closes its connection, by which Elasticsearch ends the search; the store answers on.
func TestCancelledQueryEndsInTheCluster(t *testing.T) {
	var hold atomic.Bool
	held, left := make(chan struct{}, 1), make(chan struct{}, 1)
	srv := proxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if !hold.Load() || !strings.HasSuffix(r.URL.Path, "/_search") {
			return false
		}
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not look whether the client is there
		held <- struct{}{}
		select {
		case <-r.Context().Done():
			left <- struct{}{}
		case <-time.After(20 * time.Second):
		}
		return true
	})
	srv.Start()
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	cfg.Addresses = []string{srv.URL}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, batchOf(page(cfg.Schema, 1, 100)))
	for name, read := range map[string]func(context.Context) error{
		"search":    func(ctx context.Context) error { _, err := s.Search(ctx, access.All(), query.Search{}); return err },
		"aggregate": func(ctx context.Context) error { _, err := s.Aggregate(ctx, access.All(), query.Agg{}); return err },
	} {
		hold.Store(true)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- read(ctx) }()
		<-held
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: it ends with %v", name, err)
		}
		select {
		case <-left:
		case <-time.After(5 * time.Second):
			t.Errorf("%s: the connection stays open", name)
		}
		hold.Store(false)
		if got := count(t, s); got != 100 {
			t.Errorf("%s: afterwards there are %d events, want 100", name, got)
		}
	}
}

// A search that a node is at work on is cancelled in its list of tasks as soon as its client has gone, and ends.
func TestCancelledQueryEndsAsTaskOfTheNode(t *testing.T) {
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	for gen := range event.GenID(10) {
		p := page(cfg.Schema, gen+1, 2048)
		for i := range p.N {
			p.SetStr(i, event.FieldUser, p.Arena.PutString(fmt.Sprintf("user-%d-%d", gen, i)))
		}
		commit(t, s, batchOf(p))
	}
	q := query.Agg{By: []string{"user.name"}} // 20 pages of groups, of which each takes the node some tenths of a second
	for range 8 {
		q.Values = append(q.Values, query.Measure{Fn: "p99", Field: "log.offset"})
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { _, err := s.Aggregate(ctx, access.All(), q); ended <- err }()
	running := func() bool { return len(tasks(t, s)) > 0 }
	await(t, "the node is at work on the query", running)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	at := time.Now()
	await(t, "no task of it goes on", func() bool {
		for _, cancelled := range tasks(t, s) {
			if !cancelled {
				return false
			}
		}
		return true
	})
	if took := time.Since(at); took > 5*time.Second { // it was some milliseconds
		t.Errorf("the node goes on for %s", took)
	}
	await(t, "there is no task of it", func() bool { return !running() })
	time.Sleep(300 * time.Millisecond)
	if running() {
		t.Error("another task of it has begun")
	}
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("after 30 s it does not hold that %s", what)
		}
	}
}

// tasks returns the searches of the store's events in the node's list, and whether they are cancelled.
func tasks(t *testing.T, s *Store) map[string]bool {
	t.Helper()
	var answer struct {
		Tasks map[string]struct {
			Description string
			Cancelled   bool
		}
	}
	if err := s.client.call(t.Context(), http.MethodGet, "/_tasks?detailed&group_by=parents&actions=indices:data/read/search*", nil, &answer); err != nil {
		t.Fatal(err)
	}
	found := make(map[string]bool)
	for id, task := range answer.Tasks {
		if strings.Contains(task.Description, s.names.events()) {
			found[id] = task.Cancelled
		}
	}
	return found
}

// rejectAll answers a bulk request with 429 for each of its documents.
func rejectAll(t *testing.T, w http.ResponseWriter, r *http.Request) {
	zipped, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Error(err)
		return
	}
	body, err := io.ReadAll(zipped)
	if err != nil {
		t.Error(err)
	}
	item := `{"create":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue is full"}}}`
	items := strings.Repeat(","+item, bytes.Count(body, []byte("\n"))/2)
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	fmt.Fprintf(w, `{"errors":true,"items":[%s]}`, items[1:])
}

// Requests that are too large for a cluster, or for what stands before it, are made smaller; a single event that is too
// large is kept in the local quarantine.
func TestTooLargeRequests(t *testing.T) {
	const most = 20_000
	srv := proxy(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.ContentLength <= most {
			return false
		}
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return true
	})
	srv.Start()
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	cfg.Addresses, cfg.Quarantine = []string{srv.URL}, filepath.Join(t.TempDir(), "q")
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 1))
	noise := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + r.IntN(75))
		}
		return string(b)
	}
	p := &event.Page{Schema: cfg.Schema, Arena: &event.Arena{}, Gen: 9, Data: "one"}
	for i := range 50 {
		size := 500
		if i == 20 {
			size = 40_000
		}
		p.AddRow(p.Arena.PutString(noise(size)), 1, []event.Span{{Off: int64(100_000 * i), Len: int32(size)}})
	}
	p.Complete()
	commit(t, s, batchOf(p))
	if got := count(t, s); got != 49 || s.Quarantined()[9] != 1 {
		t.Errorf("there are %d events and %d lines in quarantine, want 49 and 1", got, s.Quarantined()[9])
	}
	cfg.Addresses = []string{cluster(t)}
	if s, err = Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Redrive(t.Context()); err != nil || r.Stored != 1 {
		t.Errorf("where requests may be larger the redrive says %+v, error %v", r, err)
	}
	if got := count(t, s); got != 50 {
		t.Errorf("there are %d events, want 50", got)
	}
}

// What somebody has to mend is told with what to do.
func TestAnswersOfferARepair(t *testing.T) {
	for _, tc := range []struct {
		e    answerError
		want string
	}{
		{answerError{401, "security_exception", "unable to authenticate"}, "unable to authenticate; look at the user and password, or the API key, of [elasticsearch]"},
		{answerError{403, "security_exception", "action is unauthorized"}, "action is unauthorized; this user or API key needs a privilege: docs/elasticsearch.md names them all"},
		{answerError{403, "cluster_block_exception", "blocked by: [FORBIDDEN/8/index write (api)];"}, "[FORBIDDEN/8/index write (api)]; somebody has made it read-only: take the block away in the settings of the index"},
		{answerError{503, "cluster_block_exception", "blocked by: [SERVICE_UNAVAILABLE/2/no master];"}, "no master]; the cluster takes the block away by itself when its nodes have found each other"},
		{answerError{503, "", "Service Unavailable"}, "Elasticsearch answers 503 Service Unavailable"},
	} {
		if got := tc.e.Error(); !strings.HasSuffix(got, tc.want) {
			t.Errorf("%q does not end with %q", got, tc.want)
		}
	}
}

// An index that the cluster has made read-only, as it does when a disk is full, keeps the commit waiting, then failing;
// nothing is lost and nothing is in quarantine.
func TestReadOnlyIndex(t *testing.T) {
	cfg := testConfig(t, t.TempDir(), event.NewSchema())
	cfg.Patience = time.Second
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, batchOf(page(cfg.Schema, 1, 10)))
	block := func(on any) {
		t.Helper()
		path := "/" + s.names.events() + "/_settings"
		if err := s.client.call(t.Context(), http.MethodPut, path, dsl{"index.blocks.read_only_allow_delete": on}, nil); err != nil {
			t.Fatal(err)
		}
	}
	block(true)
	next := batchOf(page(cfg.Schema, 2, 10))
	if _, err := s.Commit(t.Context(), next); err == nil || !strings.Contains(err.Error(), "read-only-allow-delete block]; free disk on the nodes, and the cluster takes the block away by itself") {
		t.Errorf("the commit returns %v", err)
	}
	if marks, err := s.Marks(t.Context()); err != nil || len(marks) != 1 {
		t.Errorf("the marks are %v, error %v", marks, err)
	}
	block(nil)
	commit(t, s, next)
	if got := count(t, s); got != 20 || len(s.Quarantined()) > 0 {
		t.Errorf("there are %d events, want 20, and %v in quarantine", got, s.Quarantined())
	}
}

func count(t *testing.T, s *Store) int64 {
	t.Helper()
	table, err := s.Aggregate(context.Background(), access.All(), query.Agg{})
	if err != nil {
		t.Fatal(err)
	}
	return table.Rows[0].Count
}

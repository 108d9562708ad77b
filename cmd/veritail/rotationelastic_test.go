package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saypro/veritail/tools/elasticsearch"
)

// A trouble is what a cluster is to who writes to it.
type trouble int

const (
	fine       trouble = iota
	busy               // answers bulk requests with 429
	rejecting          // takes the first half of a bulk request, and answers 429 for each document of the other
	masterless         // answers everything with 503
	readOnly           // has made all indices read-only, as it does at the flood stage of its disks
	cutting            // ends each connection
	hanging            // takes requests and gives no answer
	forgetful          // does what it is asked to and ends the connection
	killed             // kill -9 of the node, and a new one over its data
)

// A cluster is a genuine node that the cells of a matrix share, behind a proxy that makes trouble.
type cluster struct {
	node *elasticsearch.Node
	home string // empty: others use the node as well, and it is not killed
	url  string // of the proxy

	mu    sync.Mutex
	is    trouble
	until chan struct{} // closed when the trouble is over
}

func newCluster(t *testing.T, all bool) *cluster {
	c := &cluster{until: make(chan struct{})}
	node := ""
	if all {
		elasticsearch.Needed(t)
		c.home = t.TempDir()
		c.start(t, 0)
		t.Cleanup(func() { c.node.Kill() })
		node = c.node.URL
	} else {
		node = elasticsearch.ForTest(t)
	}
	u, err := url.Parse(node)
	must(t, err)
	behind := httputil.NewSingleHostReverseProxy(u)
	behind.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { cut(w) }
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		is, until := c.is, c.until
		c.mu.Unlock()
		bulk := r.URL.Path == "/_bulk"
		switch {
		case is == busy && bulk:
			refused(w, http.StatusTooManyRequests, "es_rejected_execution_exception", "rejected execution")
		case is == rejecting && bulk:
			half(w, r, behind)
		case is == masterless:
			refused(w, http.StatusServiceUnavailable, "cluster_block_exception", "blocked by: [SERVICE_UNAVAILABLE/2/no master];")
		case is == cutting:
			cut(w)
		case is == hanging:
			_, _ = io.Copy(io.Discard, r.Body) // else it is not told when the client goes
			select {
			case <-r.Context().Done():
			case <-until:
			}
			cut(w)
		case is == forgetful:
			behind.ServeHTTP(httptest.NewRecorder(), r)
			cut(w)
		default:
			behind.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(srv.Close)
	c.url = srv.URL
	return c
}

func (c *cluster) start(t *testing.T, port int) {
	var err error
	c.node, err = elasticsearch.Start(t.Context(), elasticsearch.Options{Dir: c.home, Port: port})
	must(t, err)
}

// be changes what the cluster is, for the indices of a prefix.
func (c *cluster) be(t *testing.T, is trouble, prefix string) {
	c.mu.Lock()
	was, over := c.is, c.until
	c.is, c.until = is, make(chan struct{})
	c.mu.Unlock()
	close(over)
	if is == readOnly || was == readOnly {
		c.ask(t, http.MethodPut, "/"+prefix+"-*/_settings?expand_wildcards=all", fmt.Sprintf(`{"index.blocks.read_only_allow_delete":%s}`, map[bool]string{true: "true", false: "null"}[is == readOnly]))
	}
	if is == killed {
		u, err := url.Parse(c.node.URL)
		must(t, err)
		port, err := strconv.Atoi(u.Port())
		must(t, err)
		c.node.Kill()
		c.start(t, port)
	}
}

// ask asks the node, past the proxy.
func (c *cluster) ask(t *testing.T, method, path, body string) []byte {
	t.Helper()
	at := ""
	if c.node != nil {
		at = c.node.URL
	} else {
		at = elasticsearch.ForTest(t)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		req, err := http.NewRequestWithContext(t.Context(), method, at+path, strings.NewReader(body))
		must(t, err)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		must(t, err)
		text, err := io.ReadAll(resp.Body)
		must(t, err)
		must(t, resp.Body.Close())
		switch {
		case resp.StatusCode == http.StatusTooManyRequests && time.Now().Before(end): // it has its memory full of what the daemon sent
		case resp.StatusCode >= 300 && resp.StatusCode != http.StatusNotFound:
			t.Fatalf("%s %s: %s %s", method, path, resp.Status, text)
		default:
			return text
		}
	}
}

// cut ends a connection without an answer.
func cut(w http.ResponseWriter) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = conn.Close() // it is meant to fail
	}
}

func refused(w http.ResponseWriter, status int, kind, reason string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"error":{"type":%q,"reason":%q},"status":%d}`, kind, reason, status) // the client may have gone
}

// half gives a node the first half of a bulk request.
func half(w http.ResponseWriter, r *http.Request, node http.Handler) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			cut(w)
			return
		}
		body = z
		r.Header.Del("Content-Encoding")
	}
	text, err := io.ReadAll(body)
	lines := bytes.SplitAfter(text, []byte("\n"))
	all := len(lines) / 2 // an action and a document each
	take := (all + 1) / 2
	text = bytes.Join(lines[:2*take], nil)
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	r.Header.Set("Content-Length", strconv.Itoa(len(text)))
	r.Header.Del("Accept-Encoding")
	r.URL.RawQuery = "" // the whole answer
	rec := httptest.NewRecorder()
	node.ServeHTTP(rec, r)
	var answer struct {
		Took   int               `json:"took"`
		Errors bool              `json:"errors"`
		Items  []json.RawMessage `json:"items"`
	}
	if err != nil || rec.Code != http.StatusOK || json.Unmarshal(rec.Body.Bytes(), &answer) != nil {
		cut(w)
		return
	}
	for i := take; i < all; i++ {
		verb := "create"
		if bytes.HasPrefix(lines[2*i], []byte(`{"index"`)) {
			verb = "index"
		}
		answer.Errors = true
		answer.Items = append(answer.Items, json.RawMessage(`{"`+verb+`":{"status":429,"error":{"type":"es_rejected_execution_exception","reason":"queue is full"}}}`))
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	_ = json.NewEncoder(w).Encode(answer) // the client may have gone
}

// depot is a cluster that is one of some troubles now and then.
func (c *cluster) depot(name, prefix string, of ...trouble) depot {
	conf := fmt.Sprintf("[store]\nkind = \"elasticsearch\"\n[elasticsearch]\naddresses = [%q]\nprefix = %q\nreplicas = 0\ntimeout = \"5s\"\n", c.url, prefix)
	befall := func(t *testing.T, stop <-chan struct{}) {
		rnd := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 5))
		defer c.be(t, fine, prefix)
		for i := rnd.IntN(len(of)); ; i++ {
			for _, is := range []trouble{fine, of[i%len(of)]} {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(100+rnd.IntN(900)) * time.Millisecond):
				}
				c.be(t, is, prefix)
			}
		}
	}
	last := -1
	look := func(t *testing.T, s stream) (holding, bool) {
		c.ask(t, http.MethodPost, "/"+prefix+"-events/_refresh", "")
		var now struct{ Count int }
		must(t, json.Unmarshal(c.ask(t, http.MethodGet, "/"+prefix+"-events/_count", ""), &now))
		if now.Count != last { // it grows
			last = now.Count
			return holding{}, false
		}
		return c.read(t, prefix, s), true
	}
	return depot{name, conf, befall, look}
}

// read reads the original lines of all events of a prefix.
func (c *cluster) read(t *testing.T, prefix string, s stream) holding {
	const most = 10_000
	var pit struct{ ID string }
	must(t, json.Unmarshal(c.ask(t, http.MethodPost, "/"+prefix+"-events/_pit?keep_alive=1m", ""), &pit))
	f, seen, after := holding{}, map[int]bool{}, ""
	for {
		var page struct {
			Hits struct {
				Hits []struct {
					Source map[string]string `json:"_source"`
					Sort   json.RawMessage
				}
			}
		}
		query := fmt.Sprintf(`{"size":%d,"_source":["event.original"],"track_total_hits":false,"sort":["_shard_doc"],"pit":{"id":%q,"keep_alive":"1m"}%s}`, most, pit.ID, after)
		must(t, json.Unmarshal(c.ask(t, http.MethodPost, "/_search", query), &page))
		for _, h := range page.Hits.Hits {
			text := h.Source["event.original"]
			m := s.text.FindStringSubmatch(text)
			if m == nil || strings.Count(text, "\n")+1 != s.lines {
				f.parts++
				continue
			}
			i, err := strconv.Atoi(m[1])
			must(t, err)
			f.whole++
			seen[i-s.first] = true
		}
		if len(page.Hits.Hits) < most {
			break
		}
		after = `,"search_after":` + string(page.Hits.Hits[most-1].Sort)
	}
	f.different = len(seen)
	f.missing = func(n int) (lost []int) {
		for i := range n {
			if !seen[i] {
				lost = append(lost, i)
			}
		}
		return lost
	}
	c.ask(t, http.MethodDelete, "/_pit", fmt.Sprintf(`{"id":%q}`, pit.ID))
	return f
}

// Torture with Elasticsearch: the same, where the cluster refuses or is away again and again. VERITAIL_TORTURE takes each cell; without
// it each trouble but the node's death has one.
func TestTortureRotationMatrixOfElasticsearch(t *testing.T) {
	if testing.Short() {
		t.Skip("nodes take a while")
	}
	t.Parallel()
	all, total := os.Getenv("VERITAIL_TORTURE"), 3*time.Second
	if all != "" {
		d, err := time.ParseDuration(all)
		must(t, err)
		total = max(d/12, total)
	}
	c := newCluster(t, all != "")
	away := []trouble{cutting, hanging, forgetful}
	if all != "" {
		away = append(away, killed)
	}
	bin := program(t)
	var m matrix
	for i, r := range rotators {
		for k, s := range streams {
			for j, troubles := range [][]trouble{{busy, rejecting, masterless, readOnly}, away} {
				if all == "" && (i != 2*j || k != j) {
					continue
				}
				name, p := []string{"Elasticsearch refusing", "Elasticsearch absent"}[j], []pace{fast, slow}[(i+j+k)%2]
				if all == "" {
					p = slow
				}
				t.Run(r.name+"/"+s.name+"/"+name, func(t *testing.T) {
					prefix := fmt.Sprintf("torture-%d-%d-%d-%d", time.Now().UnixNano(), i, k, j)
					m.cell(t, bin, t.TempDir(), r, s, p, c.depot(name, prefix, troubles...), total)
					for _, index := range []string{"events", "rollups", "findings", "state", "quarantine"} { // the next cells have the node for themselves
						for name := range c.indices(t, prefix+"-"+index) {
							c.ask(t, http.MethodDelete, "/"+name, "")
						}
					}
				})
			}
		}
	}
	m.tell(t)
}

// indices returns the indices whose names begin so.
func (c *cluster) indices(t *testing.T, begin string) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	must(t, json.Unmarshal(c.ask(t, http.MethodGet, "/"+begin+"*/_alias", ""), &all))
	return all
}

package main

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/saypro/veritail/storage/elastic"
	"github.com/saypro/veritail/tools/elasticsearch"
)

// elasticLines is the length of the log that goes into Elasticsearch, which takes its time.
const elasticLines = 300_000

// BenchmarkElasticsearch is `veritail run` over an access log, from the file into a node of Elasticsearch on the same
// machine, until all is durable; then what a loader reaches that has nothing to do but to compress the same bulk requests
// and to send them, as many at the same time. Bounds: the daemon's processor time is at most a fifth of the node's, its
// throughput at least 95 % of the loader's.
func BenchmarkElasticsearch(b *testing.B) {
	elasticsearch.Needed(b)
	s, err := loadSetup("")
	if err != nil {
		b.Fatal(err)
	}
	node, err := elasticsearch.Start(b.Context(), elasticsearch.Options{Heap: "1g", Long: true})
	if err != nil {
		b.Fatal(err)
	}
	defer node.Kill()
	pin(b, node)
	path, _ := accessLog(b, elasticLines)
	rec := record(b, node.URL)
	into := func(url, prefix string) (took time.Duration) {
		store, err := elastic.Open(b.Context(), elastic.Config{Addresses: []string{url}, Prefix: prefix, Writer: "bench", Schema: s.schema})
		if err != nil {
			b.Fatal(err)
		}
		at := time.Now()
		runOnce(b, s, path, elasticLines, store)
		took = time.Since(at)
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
		return took
	}
	into(rec.url, "recorded")
	into(node.URL, "warm")
	rec.send(b, node.URL, "warm-bare")
	var daemon, bare time.Duration
	var ours, theirs, alone time.Duration // processor time: of this process, of the node for it, of the node for the loader
	rounds := 0
	for b.Loop() {
		rounds++
		run := func() {
			cpu, _ := usage(b)
			nodes := nodeCPU(b, node)
			daemon += into(node.URL, fmt.Sprintf("daemon-%d", rounds))
			after, _ := usage(b)
			ours, theirs = ours+after-cpu, theirs+nodeCPU(b, node)-nodes
		}
		load := func() {
			nodes := nodeCPU(b, node)
			bare += rec.send(b, node.URL, fmt.Sprintf("bare-%d", rounds))
			alone += nodeCPU(b, node) - nodes
		}
		if rounds%2 == 1 { // the node becomes faster for quite a while
			run()
			load()
		} else {
			load()
			run()
		}
	}
	b.ReportMetric(float64(rounds)*elasticLines/daemon.Seconds(), "lines/s")
	b.ReportMetric(float64(rounds)*elasticLines/bare.Seconds(), "bare-lines/s")
	b.ReportMetric(bare.Seconds()/daemon.Seconds()*100, "%-of-bare")
	b.ReportMetric(ours.Seconds()/theirs.Seconds()*100, "%-of-node-cpu")
	b.ReportMetric(float64(rounds)*elasticLines/ours.Seconds(), "lines/cpu-s")
	b.ReportMetric(alone.Seconds()/theirs.Seconds()*100, "%-node-cpu-of-bare")
	b.ReportMetric(0, "ns/op")
}

// pin gives the node all processors but one, and that one to this process: VERITAIL_BENCH_PIN=1 wants it. A cluster is not on
// the machine of the daemons.
func pin(b *testing.B, n *elasticsearch.Node) {
	last := runtime.NumCPU() - 1
	if os.Getenv("VERITAIL_BENCH_PIN") == "" || last == 0 {
		return
	}
	for pid, cpus := range map[int]string{n.PID(): fmt.Sprintf("0-%d", last-1), os.Getpid(): strconv.Itoa(last)} {
		if out, err := exec.Command("taskset", "-a", "-c", "-p", cpus, strconv.Itoa(pid)).CombinedOutput(); err != nil {
			b.Skipf("taskset: %v %s", err, out)
		}
	}
}

// nodeCPU is the processor time that a node has used.
func nodeCPU(b *testing.B, n *elasticsearch.Node) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.PID()))
	if err != nil {
		b.Skip(err) // no Linux
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	ticks := int64(0)
	for _, f := range fields[11:13] { // utime and stime, in hundredths of a second (proc(5))
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

// recorded are the requests that a store made.
type recorded struct {
	url string // of the proxy that records them

	mu    sync.Mutex
	made  []making // that make templates and indices, in their order
	bulks [][]byte // uncompressed
}

type making struct {
	path string
	body []byte
}

func record(b *testing.B, node string) *recorded {
	u, err := url.Parse(node)
	if err != nil {
		b.Fatal(err)
	}
	rec, behind := &recorded{}, httputil.NewSingleHostReverseProxy(u)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			b.Error(err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec.mu.Lock()
		switch {
		case r.URL.Path == "/_bulk":
			rec.bulks = append(rec.bulks, unzip(b, body))
		case r.Method == http.MethodPut && !strings.Contains(r.URL.Path, "/_doc/"):
			rec.made = append(rec.made, making{r.URL.RequestURI(), body})
		}
		rec.mu.Unlock()
		behind.ServeHTTP(w, r)
	}))
	b.Cleanup(srv.Close)
	rec.url = srv.URL
	return rec
}

func unzip(b *testing.B, body []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return nil
	}
	text, err := io.ReadAll(z)
	if err != nil {
		b.Error(err)
	}
	return text
}

// send makes the recorded requests under another prefix, and returns how long the bulk requests took.
func (r *recorded) send(b *testing.B, node, prefix string) time.Duration {
	rename := func(text []byte) []byte { return bytes.ReplaceAll(text, []byte("recorded-"), []byte(prefix+"-")) }
	for _, m := range r.made {
		ask(b, http.MethodPut, node+string(rename([]byte(m.path))), rename(m.body), "")
	}
	texts := make(chan []byte, len(r.bulks))
	for _, text := range r.bulks {
		texts <- rename(text)
	}
	close(texts)
	at := time.Now()
	var workers sync.WaitGroup
	for range 4 { // elastic.Config.Workers
		workers.Go(func() {
			for text := range texts {
				ask(b, http.MethodPost, node+"/_bulk?filter_path=errors", zip(b, text), "gzip")
			}
		})
	}
	workers.Wait()
	return time.Since(at)
}

func zip(b *testing.B, text []byte) []byte {
	var buf bytes.Buffer
	z, _ := gzip.NewWriterLevel(&buf, gzip.BestSpeed) // the level is one
	_, err := z.Write(text)
	if err := errors.Join(err, z.Close()); err != nil {
		b.Error(err)
	}
	return buf.Bytes()
}

// ask makes a request of a node, which must succeed. An encoding is that of a bulk request.
func ask(t testing.TB, method, url string, body []byte, encoding string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	if encoding != "" {
		req.Header.Set("Content-Type", "application/x-ndjson")
		req.Header.Set("Content-Encoding", encoding)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Error(err)
		return
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode >= 300 || bytes.Contains(text, []byte(`"errors":true`)) {
		t.Errorf("%s %s: %s %v %.300s", method, url, res.Status, err, text)
	}
}

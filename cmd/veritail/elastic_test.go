package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage/elastic"
	"github.com/saypro/veritail/tools/elasticsearch"
)

const elasticConf = `state = "state"
wellknown = false
host = "h"
[console]
listen = "127.0.0.1:0"
[store]
kind = "elasticsearch"
[elasticsearch]
addresses = [%q]
replicas = 0
timeout = "5s"
[[source]]
paths = ["a.log"]
dataset = "a"
[[source]]
paths = ["b.log"]
dataset = "b"
`

// While a log grows and is rotated, the Elasticsearch node is killed and started again, and so is the daemon, at random:
// each line is stored once, and each failed login counted once. What the node refuses is kept apart and redriven.
func TestDaemonAndNodeAreKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("nodes take a while")
	}
	elasticsearch.Needed(t)
	t.Parallel()
	rounds := 2
	if os.Getenv("TORTURE") != "" {
		rounds = 20
	}
	home := t.TempDir()
	node, err := elasticsearch.Start(t.Context(), elasticsearch.Options{Dir: home})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { node.Kill() }()
	u, err := url.Parse(node.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		t.Fatal(err)
	}
	bin, dir := program(t), t.TempDir()
	for name, text := range map[string]string{"v.toml": fmt.Sprintf(elasticConf, node.URL), "a.log": numbered(0)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	daemon := start(t, bin, dir)
	awaitStored(t, bin, dir, 1)
	written := make(chan int, 1)
	go func() { written <- writeLines(ctx, t, dir, rand.New(rand.NewPCG(seed, 2))) }()
	for range rounds {
		time.Sleep(time.Duration(300+r.IntN(2000)) * time.Millisecond)
		node.Kill()
		if r.IntN(2) == 0 {
			if err := daemon.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := daemon.Wait(); err == nil {
				t.Fatal("the daemon ended by itself")
			}
		}
		if daemon.ProcessState != nil {
			daemon = start(t, bin, dir) // it waits for the node
		}
		if node, err = elasticsearch.Start(t.Context(), elasticsearch.Options{Dir: home, Port: port}); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	n := <-written
	awaitStored(t, bin, dir, n)
	out, err := command(bin, dir, "search", "-json", "-limit", "10000", "-config", "v.toml", "*").Output()
	if err != nil {
		t.Fatal(err)
	}
	check(t, string(out), n)
	awaitCounted(t, n, func() int64 {
		store, err := elastic.Open(t.Context(), elastic.Config{Addresses: []string{node.URL}, Writer: "h", ReadOnly: true, Schema: event.NewSchema()})
		if err != nil {
			t.Fatal(err)
		}
		return countedLogins(t, store)
	})
	refusedAndRedriven(t, node.URL, bin, dir)
	drilledInACluster(t, node.URL, bin, dir)
	if err := daemon.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := daemon.Wait(); err != nil {
		t.Fatalf("a stop that was asked for: %v", err)
	}
}

// drilledInACluster plays rules of some data sets: what is drilled goes to indices of its own, all of it comes back, and none of these is left. The rules
// about all hosts are not this daemon's alone.
func drilledInACluster(t *testing.T, node, bin, dir string) {
	t.Helper()
	count := func() string {
		t.Helper()
		out, err := command(bin, dir, "search", "-json", "-config", "v.toml", "* | count by veritail.site").Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	before := count()
	args := []string{"drill", "-config", "v.toml"}
	for _, rule := range []string{"db.deadlock", "auth.bruteforce", "web.path-traversal", "audit.daemon-stopped", "backup.failed", "auth.bruteforce-spread"} {
		args = append(args, "-rule", rule)
	}
	out, err := command(bin, dir, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("drill: %v\n%s", err, out)
	}
	for _, want := range []string{
		`(?m)^  ✓ db\.deadlock +proven end to end`, `(?m)^  – auth\.bruteforce-spread +not played: it is judged over what all hosts have stored in the cluster$`,
		`(?m)^The store took [0-9]{2,} events and [0-9]+ findings of them, gave each back as it was, and keeps none\.$`,
	} {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("a drill says\n%s\nand not %s", out, want)
		}
	}
	if strings.Contains(string(out), "✕") {
		t.Errorf("rules stayed silent:\n%s", out)
	}
	if after := count(); after != before {
		t.Errorf("of sites there were %s, and are %s", before, after)
	}
	resp, err := http.Get(node + "/_cat/indices/*annex*?h=index")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if left, err := io.ReadAll(resp.Body); err != nil || len(left) > 0 {
		t.Errorf("the cluster still has %s, error %v", left, err)
	}
}

// A daemon that starts while its cluster is away waits for it, and ends when it is told to.
func TestDaemonWaitsForItsCluster(t *testing.T) {
	t.Parallel()
	bin, dir := program(t), t.TempDir()
	closed := httptest.NewServer(nil)
	closed.Close()
	if err := os.WriteFile(filepath.Join(dir, "v.toml"), fmt.Appendf(nil, elasticConf, closed.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := command(bin, dir, "run", "-config", "v.toml")
	told, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(told).ReadString('\n')
	if err != nil || !strings.Contains(line, "the store is away: waiting for it") || !strings.Contains(line, "do they run") {
		t.Errorf("it says %q, %v", line, err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("told to end, it ends with %v", err)
	}
}

// A port that another program has is no cluster that is away: nothing is waited for.
func TestADaemonWhosePortIsTakenEnds(t *testing.T) {
	t.Parallel()
	taken := httptest.NewServer(nil)
	defer taken.Close()
	dir := doubtSite(t, "state")
	path := filepath.Join(dir, "v.toml")
	conf, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(conf, []byte("127.0.0.1:0"), []byte(taken.Listener.Addr().String()), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := exitsWith(t, exitUser, program(t), dir, "run"); !strings.Contains(out, "open the console: ") || !strings.Contains(out, "another veritail may be running") {
		t.Errorf("it says %s", out)
	}
}

// refusedAndRedriven lets the daemon write to an index that takes none of its documents, and then to a better one.
func refusedAndRedriven(t *testing.T, node, bin, dir string) {
	index := node + "/veritail-events-b-" + time.Now().UTC().Format("2006.01.02")
	ask(t, http.MethodPut, index, []byte(`{"mappings":{"properties":{"veritail.store.len":{"type":"ip"}}}}`), "")
	if err := os.WriteFile(filepath.Join(dir, "b.log"), []byte(numbered(0)+numbered(1)), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) string {
		out, err := command(bin, dir, append(args, "-config", "v.toml")...).CombinedOutput()
		if err != nil && len(out) == 0 {
			t.Fatalf("veritail %q: %v", args, err)
		}
		return string(out)
	}
	awaitText(t, "quarantined 2", func() string { return run("status") })
	if out := run("redrive"); !strings.HasPrefix(out, "0 stored, 2 refused again.") || !strings.Contains(out, "veritail.store.len") {
		t.Errorf("with the cause still there, redrive says\n%s", out)
	}
	ask(t, http.MethodDelete, index, nil, "")
	if out := run("redrive"); out != "2 stored, 0 refused again.\n" {
		t.Errorf("without the cause, redrive says\n%s", out)
	}
	if out := run("search", "event.dataset:b | count"); !strings.Contains(out, "2") {
		t.Errorf("a search finds\n%s", out)
	}
	if out := run("status"); strings.Contains(out, "quarantined") {
		t.Errorf("the status is\n%s", out)
	}
}

// awaitText waits until what is asked for says a text.
func awaitText(t *testing.T, want string, ask func() string) {
	t.Helper()
	last := ""
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if last = ask(); strings.Contains(last, want) {
			return
		}
	}
	t.Fatalf("it does not say %q, but\n%s", want, last)
}

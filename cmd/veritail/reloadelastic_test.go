package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/tools/elasticsearch"
)

// The threshold of the fleet's rule is lowered on every host, while the daemons run and while they are stopped. The one that has the
// lease takes up from the cluster what two hosts failed at before, and tells it when one fails again, unless it was told.
func TestTheFleetsRulesAreReloaded(t *testing.T) {
	if testing.Short() {
		t.Skip("a node takes a while")
	}
	t.Parallel()
	node := elasticsearch.ForTest(t)
	bin, prefix := program(t), fmt.Sprintf("reload-%d", time.Now().UnixNano())
	hosts := []*host{newHost(t, bin, "one", node, prefix), newHost(t, bin, "two", node, prefix), newHost(t, bin, "three", node, prefix)}
	awaitHolder(t, hosts, time.Time{})
	fail := func(h *host, ip string) {
		h.say(t, fmt.Sprintf("%s %s failure %s", time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), h.name, ip))
	}
	change := func(h *host, count int) {
		path := filepath.Join(h.dir, "conf/local/spread.toml")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		text := fmt.Sprintf("[[rule]]\nid = \"app.spread\"\nthreshold = { count = %d, distinct = \"host.name\", within = \"10m\" }\n", count)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	changed := func(h *host, since time.Time) {
		awaitStatus(t, bin, h.dir, func(r *statusReport) bool {
			return r.Rules.Reload != nil && r.Rules.Reload.At.After(since) && len(r.Rules.Reload.Changed) == 1 && r.Rules.Reload.Changed[0].ID == "app.spread" && r.Rules.Refused == nil
		})
	}
	found := func(want ...string) {
		t.Helper()
		found := spread(t, node, prefix)
		for end := time.Now().Add(patience); len(found) < len(want) && time.Now().Before(end); found = spread(t, node, prefix) {
			time.Sleep(500 * time.Millisecond)
		}
		if !slices.EqualFunc(found, want, strings.HasPrefix) {
			t.Fatalf("found %q, want %q", found, want)
		}
	}
	for _, count := range []int{4, 3} {
		since := time.Now()
		for _, h := range hosts {
			change(h, count)
		}
		for _, h := range hosts {
			changed(h, since)
		}
		if count == 4 {
			for _, h := range hosts[:2] {
				fail(h, "10.0.0.8")
				fail(h, "10.0.0.9")
			}
			awaitJudged(t, hosts, time.Now())
			found()
		}
	}
	fail(hosts[2], "10.0.0.9")
	found("10.0.0.9 fails on many hosts: 3 from ")

	since := time.Now()
	for _, h := range hosts {
		send(t, h.daemon, os.Interrupt)
		if err := h.daemon.Wait(); err != nil {
			t.Errorf("a stop that was asked for: %v", err)
		}
		change(h, 2)
		h.daemon = start(t, bin, h.dir)
	}
	for _, h := range hosts {
		changed(h, since)
	}
	awaitHolder(t, hosts, since)
	fail(hosts[0], "10.0.0.8")
	fail(hosts[0], "10.0.0.9")
	found("10.0.0.8 fails on many hosts: 2 from ", "10.0.0.9 fails on many hosts: 3 from ")
	awaitJudged(t, hosts, time.Now())
	found("10.0.0.8 fails on many hosts: 2 from ", "10.0.0.9 fails on many hosts: 3 from ")
	for _, h := range hosts {
		h.kill(t)
	}
}

// awaitJudged waits until the fleet's rules have judged what was before a time, with nothing wrong on any host.
func awaitJudged(t *testing.T, hosts []*host, until time.Time) {
	t.Helper()
	for _, h := range hosts {
		var r fleetReport
		for end := time.Now().Add(patience); !r.Judged.After(until) || r.Problem != ""; time.Sleep(200 * time.Millisecond) {
			if r = h.fleet(); time.Now().After(end) {
				t.Fatalf("%s: the fleet's rules are %+v", h.name, r)
			}
		}
	}
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/saypro/veritail/tools/elasticsearch"
)

// The threshold of the fleet's rule is lowered on every host while the daemons run. The one that has the lease takes up from the cluster
// what two hosts failed at before; so does each host with a rule of its own.
func TestTheFleetsRulesAreReloaded(t *testing.T) {
	if testing.Short() {
		t.Skip("a node takes a while")
	}
	node := elasticsearch.ForTest(t)
	t.Parallel()
	bin, prefix := program(t), fmt.Sprintf("reload-%d", time.Now().UnixNano())
	hosts := []*host{newHost(t, bin, "one", node, prefix), newHost(t, bin, "two", node, prefix), newHost(t, bin, "three", node, prefix)}
	awaitHolder(t, hosts, time.Time{})
	fail := func(h *host) {
		h.say(t, fmt.Sprintf("%s %s failure 10.0.0.9", time.Now().UTC().Format("2006-01-02T15:04:05.000000Z"), h.name))
	}
	change := func(count int) {
		for _, h := range hosts {
			path := filepath.Join(h.dir, "conf/local/spread.toml")
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprintf("[[rule]]\nid = \"app.spread\"\nthreshold = { count = %d, distinct = \"host.name\", within = \"10m\" }\n", count)
			since := time.Now()
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			awaitStatus(t, bin, h.dir, func(r *statusReport) bool {
				return r.Rules.Reload != nil && r.Rules.Reload.At.After(since) && len(r.Rules.Reload.Changed) == 1 && r.Rules.Reload.Changed[0].ID == "app.spread" && r.Rules.Refused == nil
			})
		}
	}
	change(4)
	fail(hosts[0])
	fail(hosts[1])
	time.Sleep(20 * time.Second) // until they are judged
	if found := spread(t, node, prefix); len(found) != 0 {
		t.Fatalf("found %q of two hosts, where four are wanted", found)
	}
	change(3)
	fail(hosts[2])
	var found []string
	for end := time.Now().Add(time.Minute); len(found) == 0 && time.Now().Before(end); time.Sleep(time.Second) {
		found = spread(t, node, prefix)
	}
	if len(found) != 1 || !strings.HasPrefix(found[0], "10.0.0.9 fails on many hosts: 3 from ") {
		t.Errorf("found %q, want one of three hosts", found)
	}
	for _, h := range hosts {
		if r := h.fleet(); r.Problem != "" {
			t.Errorf("%s: %s", h.name, r.Problem)
		}
		h.kill(t)
	}
}

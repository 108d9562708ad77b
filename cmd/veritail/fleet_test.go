package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/access"
	"github.com/saypro/veritail/storage/elastic"
	"github.com/saypro/veritail/tools/elasticsearch"
)

const fleetConf = `state = "state"
configs = "conf"
wellknown = false
host = %q
[console]
listen = "127.0.0.1:0"
[store]
kind = "elasticsearch"
[elasticsearch]
addresses = [%q]
prefix = %q
replicas = 0
timeout = "5s"
[[source]]
paths = ["*.log"]
dataset = "a"
format = "app"
`

// fleetRules are a rule about many hosts, and one about each.
const fleetRules = `
[[rule]]
id = "app.spread"
title = "{{source.ip}} fails on many hosts"
severity = "high"
scope = "fleet"
audience = ["security"]
when = 'event.outcome:failure'
group = "source.ip"
rearm = "20s"
runbook = "Look."
[rule.threshold]
count = 3
distinct = "host.name"
within = "15s"
[[rule.test]]
name = "three hosts"
format = "app"
lines = """
2026-11-23T23:00:00Z a failure 10.0.0.1
2026-11-23T23:00:01Z b failure 10.0.0.1
2026-11-23T23:00:02Z c failure 10.0.0.1
"""
expect = { count = 1 }
[[rule.test]]
name = "two hosts"
format = "app"
lines = """
2026-11-23T23:00:00Z a failure 10.0.0.1
2026-11-23T23:00:01Z b failure 10.0.0.1
"""
expect = { count = 0 }
`

const fleetFormat = `title = "an application"
dataset = "app"
[[pattern]]
grok = '''(?<_time>\S+) (?<host.name>\S+) (?<event.outcome>\S+) (?<source.ip>\S+)'''
[time]
from = "_time"
layouts = ["2006-01-02T15:04:05Z07:00"]
`

// A host is a daemon of a fleet, with its log.
type host struct {
	name, bin, dir string
	daemon         *exec.Cmd
	stopped        bool
}

func newHost(t *testing.T, bin, name, node, prefix string) *host {
	h := &host{name: name, bin: bin, dir: t.TempDir()}
	for name, text := range map[string]string{
		"v.toml": fmt.Sprintf(fleetConf, name, node, prefix), "conf/formats/app.toml": fleetFormat, "conf/rules/app.toml": fleetRules,
		"conf/kpis.toml": "", "conf/patterns/base": "W \\w+\n", name + ".log": "",
	} {
		path := filepath.Join(h.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	h.daemon = start(t, bin, h.dir)
	return h
}

func (h *host) say(t *testing.T, line string) {
	f, err := os.OpenFile(filepath.Join(h.dir, h.name+".log"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := f.WriteString(line + "\n"); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func (h *host) kill(t *testing.T) {
	if err := h.daemon.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := h.daemon.Wait(); err == nil {
		t.Fatal("the daemon ended by itself")
	}
}

// fleetOf asks a host's daemon how the fleet's rules are run.
func (h *host) fleet() (r fleetReport) {
	out, err := command(h.bin, h.dir, "status", "-json", "-config", "v.toml").Output()
	var all statusReport
	if (err == nil || len(out) > 0) && json.Unmarshal(out, &all) == nil && all.Fleet != nil {
		return *all.Fleet
	}
	return r
}

// Three hosts' daemons write to one cluster, and the one that runs the rules about all of them is killed, stopped for a
// while, or asked to end, again and again. What is found in the end is what one daemon finds that reads all lines and is
// left alone: nothing twice, nothing not at all. Another daemon runs the rules within half a minute of a kill.
func TestTheOneThatRunsTheFleetsRulesIsKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("a node and many take-overs take a while")
	}
	t.Parallel()
	node := elasticsearch.ForTest(t)
	rounds := 3
	if os.Getenv("TORTURE") != "" {
		rounds = 20
	}
	bin, prefix := program(t), fmt.Sprintf("fleet-%d", time.Now().UnixNano())
	var hosts []*host
	for _, name := range []string{"one", "two", "three"} {
		hosts = append(hosts, newHost(t, bin, name, node, prefix))
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	holder := awaitHolder(t, hosts, time.Time{})
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	written := make(chan []string, 1)
	go func() { written <- attack(ctx, t, hosts, rand.New(rand.NewPCG(seed, 2))) }()
	longest := time.Duration(0)
	for round := range rounds {
		time.Sleep(time.Duration(2000+r.IntN(6000)) * time.Millisecond)
		began := time.Now()
		switch round % 3 {
		case 0:
			holder.kill(t)
		case 1: // it goes on once another has taken over, and must not believe that it still has it
			send(t, holder.daemon, syscall.SIGSTOP)
			holder.stopped = true
		case 2:
			holder.kill(t)
			time.Sleep(time.Duration(r.IntN(2000)) * time.Millisecond)
			holder.daemon = start(t, bin, holder.dir)
		}
		next := awaitHolder(t, hosts, began)
		took := time.Since(began)
		longest = max(longest, took)
		t.Logf("%s was taken over by %s after %s", holder.name, next.name, took.Round(time.Millisecond))
		if took > 30*time.Second {
			t.Errorf("the take-over took %s", took)
		}
		switch {
		case holder.stopped:
			send(t, holder.daemon, syscall.SIGCONT)
			holder.stopped = false
		case holder.daemon.ProcessState != nil:
			holder.daemon = start(t, bin, holder.dir)
		}
		holder = next
	}
	stop()
	lines := <-written
	t.Logf("%d lines, %d take-overs, the longest after %s", len(lines), rounds, longest)
	wantSpread(t, bin, node, prefix, lines)
	for _, h := range hosts {
		send(t, h.daemon, os.Interrupt)
		if err := h.daemon.Wait(); err != nil {
			t.Errorf("a stop that was asked for: %v", err)
		}
	}
}

// Everything stands still for a while, the node too, as on a machine that is out of memory; one host has stored nothing
// for some seconds before, the one that runs the rules does not survive, nor does the one that runs them next. What is found in the end is what one daemon
// finds in all lines: those that were not stored yet are waited for.
func TestEverythingStandsStill(t *testing.T) {
	if testing.Short() {
		t.Skip("a node and standing still take a while")
	}
	elasticsearch.Needed(t)
	t.Parallel()
	rounds, still := 1, 25*time.Second
	if os.Getenv("TORTURE") != "" {
		rounds, still = 4, 4*time.Minute
	}
	node, err := elasticsearch.Start(t.Context(), elasticsearch.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer node.Kill()
	bin := program(t)
	var hosts []*host
	for _, name := range []string{"one", "two", "three"} {
		hosts = append(hosts, newHost(t, bin, name, node.URL, "fleet"))
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var lines []string
	since := time.Time{}
	for range rounds {
		holder := awaitHolder(t, hosts, since)
		var others []*host
		for _, h := range hosts {
			if h != holder {
				others = append(others, h)
			}
		}
		lines = append(lines, attackFor(t, 4*time.Second, hosts, r)...)
		last := others[r.IntN(2)]
		send(t, last.daemon, syscall.SIGSTOP)
		lines = append(lines, attackFor(t, 6*time.Second, hosts, r)...)
		since = time.Now()
		holder.kill(t)
		sendNode(t, node, syscall.SIGSTOP)
		for _, h := range others {
			send(t, h.daemon, syscall.SIGSTOP)
		}
		time.Sleep(still)
		sendNode(t, node, syscall.SIGCONT)
		for _, h := range others {
			if h != last {
				send(t, h.daemon, syscall.SIGCONT)
			}
		}
		holder.daemon, last.stopped = start(t, bin, holder.dir), true
		holder = awaitHolder(t, hosts, since)
		lines = append(lines, attackFor(t, 3*time.Second, hosts, r)...)
		since = time.Now()
		holder.kill(t)
		holder.daemon = start(t, bin, holder.dir)
		awaitHolder(t, hosts, since)
		lines = append(lines, attackFor(t, 2*time.Second, hosts, r)...)
		send(t, last.daemon, syscall.SIGCONT)
		last.stopped = false
	}
	wantSpread(t, bin, node.URL, "fleet", lines)
	for _, h := range hosts {
		send(t, h.daemon, os.Interrupt)
		if err := h.daemon.Wait(); err != nil {
			t.Errorf("a stop that was asked for: %v", err)
		}
	}
}

// wantSpread waits until what the fleet's rules have found is what one daemon finds in all lines that is left alone.
func wantSpread(t *testing.T, bin, node, prefix string, lines []string) {
	t.Helper()
	want := undisturbed(t, bin, lines)
	if len(want) < 5 {
		t.Fatalf("there are %d findings: the test would show nothing", len(want))
	}
	var got []string
	for end := time.Now().Add(patience); len(got) < len(want) && time.Now().Before(end); got = spread(t, node, prefix) {
		time.Sleep(500 * time.Millisecond)
	}
	time.Sleep(5 * time.Second)
	got = spread(t, node, prefix)
	for what, list := range map[string][]string{"missing": without(want, got), "too many": without(got, want)} {
		if len(list) > 0 {
			t.Errorf("of what one daemon finds that is left alone, %d of %d are %s:\n%s", len(list), len(want), what, strings.Join(list, "\n"))
		}
	}
	if len(got) != len(want) {
		t.Errorf("there are %d findings, want %d", len(got), len(want))
	}
}

// without returns what of list is not in other.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(other, s) })
}

// attackFor is attack for a time.
func attackFor(t *testing.T, d time.Duration, hosts []*host, r *rand.Rand) []string {
	ctx, stop := context.WithTimeout(t.Context(), d)
	defer stop()
	return attack(ctx, t, hosts, r)
}

// attack lets one source after another fail once on each of the hosts, or of two of them, until ctx ends, and returns what
// was written.
func attack(ctx context.Context, t *testing.T, hosts []*host, r *rand.Rand) (all []string) {
	for n := r.IntN(1 << 16); ctx.Err() == nil; n++ {
		on := r.Perm(len(hosts))
		if r.IntN(3) == 0 {
			on = on[1:]
		}
		for _, i := range on {
			line := fmt.Sprintf("%s %s failure 10.%d.%d.%d", time.Now().UTC().Format("2006-01-02T15:04:05.000000Z07:00"), hosts[i].name, n>>16, n>>8&255, n&255)
			hosts[i].say(t, line)
			all = append(all, line)
			time.Sleep(time.Duration(r.IntN(150)) * time.Millisecond)
		}
	}
	return all
}

func send(t *testing.T, daemon *exec.Cmd, s os.Signal) {
	t.Helper()
	if err := daemon.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

func sendNode(t *testing.T, node *elasticsearch.Node, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(node.PID(), s); err != nil {
		t.Fatal(err)
	}
}

// undisturbed returns what a scan finds in lines: by source and time.
func undisturbed(t *testing.T, bin string, lines []string) (found []string) {
	dir := t.TempDir()
	for name, text := range map[string]string{"all.log": strings.Join(lines, "\n") + "\n", "conf/formats/app.toml": fleetFormat, "conf/rules/app.toml": fleetRules,
		"conf/kpis.toml": "", "conf/patterns/base": "W \\w+\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := command(bin, dir, "scan", "-json", "-configs", "conf", "-format", "app", "all.log").Output()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		var f struct {
			Rule, Title string
			Count       int64
			First, Last time.Time
		}
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if f.Rule == "app.spread" {
			found = append(found, spreadText(f.Title, f.Count, f.First, f.Last))
		}
	}
	slices.Sort(found)
	return found
}

// spread returns what the fleet's rules have found in a cluster, each document.
func spread(t *testing.T, node, prefix string) (found []string) {
	store, err := elastic.Open(t.Context(), elastic.Config{Addresses: []string{node}, Prefix: prefix, Writer: "reader", ReadOnly: true, Schema: event.NewSchema()})
	if err != nil {
		t.Fatal(err)
	}
	list, err := store.Findings(t.Context(), access.All(), storage.FindingQuery{Rules: []string{"app.spread"}, Limit: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		found = append(found, spreadText(f.Title, f.Count, time.UnixMicro(f.First), time.UnixMicro(f.Last)))
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

// spreadText tells findings apart by the times of their lines, which are of a microsecond.
func spreadText(title string, count int64, first, last time.Time) string {
	return fmt.Sprint(title, ": ", count, " from ", first.UTC(), " to ", last.UTC())
}

// awaitHolder waits until a daemon runs the fleet's rules that did not before a time, and returns its host.
func awaitHolder(t *testing.T, hosts []*host, since time.Time) *host {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		for _, h := range hosts {
			if h.stopped || h.daemon.ProcessState != nil {
				continue
			}
			if r := h.fleet(); r.Host == h.name && r.Since.After(since) {
				return h
			}
		}
	}
	t.Fatal("no daemon runs the fleet's rules")
	return nil
}

func TestStatusOfTheFleet(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	at := func(ago time.Duration) int64 { return now.Add(-ago).UnixMicro() }
	for _, tc := range []struct {
		name string
		st   storage.LeaseState
		err  error
		want string
	}{
		{"all is well", storage.LeaseState{Holder: "one", Judged: at(12 * time.Second), Quiet: 2 * time.Second}, nil, ""},
		{"nothing has been judged yet", storage.LeaseState{Holder: "one"}, nil, ""},
		{"it was given back just now", storage.LeaseState{Quiet: 3 * time.Second, Judged: at(15 * time.Second)}, nil, ""},
		{"nobody runs them", storage.LeaseState{Quiet: 40 * time.Second}, nil, "no daemon has run them for 40 s"},
		{"the holder is gone", storage.LeaseState{Holder: "one", Quiet: 90 * time.Second}, nil, "nothing was heard for 1 min 30 s of one, which ran them"},
		{"they are behind", storage.LeaseState{Holder: "one", Judged: at(3 * time.Minute)}, nil, "they are 3 min 0 s behind: a host is catching up, or they are too slow"},
		{"the cluster is away", storage.LeaseState{Holder: "one", Judged: at(time.Hour)}, errors.New("connection refused"), "connection refused"},
	} {
		if got := fleetProblem(tc.st, tc.err, now); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/saypro/veritail/pipeline/event"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/rules/fleet"
	"github.com/saypro/veritail/storage/elastic"
	"github.com/saypro/veritail/tools/elasticsearch"
)

// stamped is a line of a host's log, at its time.
func stamped(at time.Time, host string, ip netip.Addr) string {
	return fmt.Sprintf("%s %s failure %s", at.UTC().Format("2006-01-02T15:04:05.000000Z07:00"), host, ip)
}

func sourceNumber(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)}) }

// The clock of one host is an hour ahead at first, then right, that of another right, then an hour behind, and each of them meets the
// same sources as the hosts whose clocks are right; the daemon that runs the fleet's rules is killed in the midst. What is
// found in the end is what one daemon finds in all lines by the times that they have.
func TestHostsWhoseClocksAreWrong(t *testing.T) {
	if testing.Short() {
		t.Skip("a node and four daemons take a while")
	}
	t.Parallel()
	node := elasticsearch.ForTest(t)
	bin, prefix := program(t), fmt.Sprintf("clocks-%d", time.Now().UnixNano())
	var hosts []*host
	for _, name := range []string{"one", "two", "three", "four", "five"} {
		hosts = append(hosts, newHost(t, bin, name, node, prefix))
	}
	holder := awaitHolder(t, hosts, time.Time{})
	ahead, behind := hosts[3], hosts[4]
	var lines []string
	say := func(h *host, n int, off time.Duration) {
		line := stamped(time.Now().Add(off), h.name, sourceNumber(n))
		h.say(t, line)
		lines = append(lines, line)
		time.Sleep(70 * time.Millisecond)
	}
	n := 0
	attackAll := func(until time.Duration, aheadBy, behindBy time.Duration) {
		for end := time.Now().Add(until); time.Now().Before(end); n++ {
			say(ahead, n, aheadBy)
			for _, h := range hosts[:2] {
				say(h, n, 0)
			}
			say(behind, n, behindBy)
			say(hosts[2], n, 0)
			say(ahead, n, aheadBy) // after the finding
		}
	}
	attackAll(6*time.Second, time.Hour, 0)
	attackAll(3*time.Second, 0, 0) // it was put back
	since := time.Now()
	holder.kill(t)
	attackAll(6*time.Second, 0, -time.Hour)
	holder.daemon = start(t, bin, holder.dir)
	awaitHolder(t, hosts, since)
	attackAll(6*time.Second, time.Hour, 0)
	wantSpread(t, bin, node, prefix, lines)
	for _, h := range hosts {
		send(t, h.daemon, os.Interrupt)
		if err := h.daemon.Wait(); err != nil {
			t.Errorf("a stop that was asked for: %v", err)
		}
	}
}

// A jumping cluster is one whose clock is ahead of what it should be.
type jumping struct {
	*elastic.Lease
	ahead *atomic.Int64 // ns
}

// Time returns the cluster's time.
func (j jumping) Time(ctx context.Context) (time.Time, error) {
	at, err := j.Lease.Time(ctx)
	return at.Add(time.Duration(j.ahead.Load())), err
}

// The clock by which the fleet's rules go jumps an hour ahead, back, and an hour behind, and each time another daemon takes
// over, while sources fail slowly on one host after the other. What is found is what one daemon finds in all lines.
func TestTheFleetsClockJumps(t *testing.T) {
	if testing.Short() {
		t.Skip("a node and jumps take a while")
	}
	t.Parallel()
	node := elasticsearch.ForTest(t)
	bin, prefix, conf := program(t), fmt.Sprintf("jumps-%d", time.Now().UnixNano()), t.TempDir()
	for name, text := range map[string]string{"formats/app.toml": fleetFormat, "rules/app.toml": fleetRules, "kpis.toml": "", "patterns/base": "W \\w+\n"} {
		path := filepath.Join(conf, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := loadSetup(conf)
	if err != nil {
		t.Fatal(err)
	}
	of, _ := rules.OfScope(s.rules)
	var hosts []*clockHost
	ctx, stop := context.WithCancel(t.Context())
	var writing sync.WaitGroup
	for i, name := range []string{"one", "two", "three"} {
		h := &clockHost{t: t, name: name, schema: s.schema, mark: event.Mark{Gen: event.GenID(i + 1)}}
		if h.store, err = elastic.Open(t.Context(), elastic.Config{Addresses: []string{node}, Prefix: prefix, Writer: name, Schema: s.schema}); err != nil {
			t.Fatal(err)
		}
		hosts = append(hosts, h)
		writing.Go(func() { h.write(ctx) })
	}
	var ahead atomic.Int64
	run := func(h *clockHost) (end func()) {
		lease, err := h.store.Lease(t.Context(), h.name)
		if err != nil {
			t.Fatal(err)
		}
		running, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		r := fleet.New(fleet.Config{Cluster: jumping{lease, &ahead}, Rules: of, Set: "these", Schema: s.schema})
		go func() {
			defer close(done)
			_ = r.Run(running) // it returns nil
		}()
		return func() { cancel(); <-done }
	}
	attacking, stopAttack := context.WithCancel(t.Context())
	attacked := make(chan []string, 1)
	first := run(hosts[0])
	time.Sleep(3 * time.Second) // it has the lease
	go func() { attacked <- attackSlowly(attacking, hosts) }()
	for i, step := range []struct {
		at    time.Duration // the clock then
		known time.Duration // and until it is known
	}{{0, 4 * time.Second}, {time.Hour, 11 * time.Second}, {time.Hour, 5 * time.Second}, {0, 5 * time.Second}, {-time.Hour, 5 * time.Second}} {
		ahead.Store(int64(step.at))
		if i > 1 { // another takes over, which looks at the clock
			next := run(hosts[i%3])
			first()
			first = next
		}
		time.Sleep(step.known)
	}
	stopAttack()
	lines := <-attacked
	time.Sleep(time.Second) // all is stored
	ahead.Store(0)
	wantSpread(t, bin, node, prefix, lines)
	first()
	stop()
	writing.Wait()
	for _, h := range hosts {
		if err := h.store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// attackSlowly lets sources fail on one host after the other, many sources at once, each for some seconds, and returns the lines.
func attackSlowly(ctx context.Context, hosts []*clockHost) (lines []string) {
	type turn struct{ source, host int }
	var later [][]turn // by tick
	r := rand.New(rand.NewPCG(1, 2))
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return lines
		case <-time.After(300 * time.Millisecond):
		}
		for len(later) < 20 {
			later = append(later, nil)
		}
		at := 0
		for _, host := range r.Perm(3) {
			later[at] = append(later[at], turn{n, host})
			at += 4 + r.IntN(5) // 1.2 to 2.4 s
		}
		for _, x := range later[0] {
			lines = append(lines, hosts[x.host].say(sourceNumber(x.source)))
		}
		later = later[1:]
	}
}

// A clockHost stores its lines in a cluster twice a second.
type clockHost struct {
	t      *testing.T
	name   string
	schema *event.Schema
	store  *elastic.Store

	mu   sync.Mutex
	page *event.Page // guarded by mu, like mark
	mark event.Mark
}

func (h *clockHost) say(ip netip.Addr) (line string) {
	at := time.Now()
	line = stamped(at, h.name, ip)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.page == nil {
		h.page = &event.Page{Schema: h.schema, Arena: new(event.Arena), Gen: h.mark.Gen, Data: "app", Format: "app", Path: "/var/log/app.log"}
	}
	p := h.page
	row := p.AddRow(p.Arena.PutString(line), 1, []event.Span{{Off: h.mark.Off, Len: int32(len(line) + 1)}})
	h.mark.Off += int64(len(line) + 1)
	h.mark.Lines.Read++
	h.mark.Lines.Parsed++
	p.SetInt(row, event.FieldTime, at.UnixMicro())
	p.SetStr(row, event.FieldHost, p.Arena.PutString(h.name))
	p.SetStr(row, event.FieldOutcome, p.Arena.PutString("failure"))
	p.SetIP(row, event.FieldSourceIP, event.IPFrom(ip))
	return line
}

func (h *clockHost) write(ctx context.Context) {
	from := h.mark
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(500 * time.Millisecond):
		}
		h.mu.Lock()
		p, to := h.page, h.mark
		h.page = nil
		h.mu.Unlock()
		if p == nil {
			continue
		}
		p.Complete()
		c := &event.Commit{Batch: &event.Batch{Pages: []*event.Page{p}, From: []event.Mark{from}, To: []event.Mark{to}}}
		if _, err := h.store.Commit(context.WithoutCancel(ctx), c); err != nil {
			h.t.Errorf("%s: %v", h.name, err)
			return
		}
		from = to
	}
}

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// runningDaemon starts the command in a directory with a configuration of these sources and waits until it has stored n lines. What it
// prints is given to out.
func runningDaemon(b *testing.B, dir, sources string, n int64, out io.Writer) (bin string, cmd *exec.Cmd) {
	b.Helper()
	bin = program(b)
	conf := "state = \"state\"\nwellknown = false\nhost = \"h\"\n[console]\nlisten = \"127.0.0.1:0\"\n" + sources
	if err := os.WriteFile(filepath.Join(dir, "v.toml"), []byte(conf), 0o600); err != nil {
		b.Fatal(err)
	}
	cmd = command(bin, dir, "run", "-config", "v.toml")
	cmd.Stdout, cmd.Stderr = out, os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err == nil {
			err = cmd.Wait()
			if err != nil {
				b.Errorf("a stop that was asked for: %v", err)
			}
		}
	})
	var r statusReport
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		text, _ := command(bin, dir, "status", "-json", "-config", "v.toml").Output()
		if json.Unmarshal(text, &r) == nil && r.Totals.Stored >= n {
			return bin, cmd
		}
	}
	b.Fatalf("%d lines are to be stored: %+v", n, r.Totals)
	return "", nil
}

// taken returns the CPU time that a process has used, and its resident memory in bytes (proc(5)).
func taken(b *testing.B, pid int) (cpu time.Duration, rss int64) {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	f := strings.Fields(rest)
	at := func(i int) int64 {
		v, err := strconv.ParseInt(f[i], 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return v
	}
	const ticks = 100 // a second, on every Linux
	return time.Duration(at(11)+at(12)) * time.Second / ticks, at(21) * int64(os.Getpagesize())
}

// BenchmarkIdle measures what the daemon takes while 200 files that it follows are quiet.
func BenchmarkIdle(b *testing.B) {
	const files, watched = 200, 30 * time.Second
	dir := b.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "logs"), 0o755); err != nil {
		b.Fatal(err)
	}
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, "logs", fmt.Sprintf("app%d.log", i)), []byte(numbered(i)), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	_, cmd := runningDaemon(b, dir, "[[source]]\npaths = [\"logs/*.log\"]\ndataset = \"a\"\n", files, io.Discard)
	for b.Loop() {
		time.Sleep(10 * time.Second)
		before, _ := taken(b, cmd.Process.Pid)
		time.Sleep(watched)
		after, rss := taken(b, cmd.Process.Pid)
		b.ReportMetric(100*float64(after-before)/float64(watched), "%-of-a-core")
		b.ReportMetric(float64(rss)/(1<<20), "rss-MiB")
		b.ReportMetric(0, "ns/op")
	}
}

// BenchmarkLatency measures, while 10,000 lines come a second, how long after it was written a line is found by who follows a search,
// and a finding of a rule of single events is printed.
func BenchmarkLatency(b *testing.B) {
	const rate, written, every = 10_000, 20 * time.Second, 7 // a finding every 70 ms, so that the 99th percentile is not the worst
	dir := b.TempDir()
	for _, name := range []string{"access.log", "auth.log"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	printed, out := io.Pipe()
	defer out.Close()
	bin, cmd := runningDaemon(b, dir, "[[source]]\npaths = [\"access.log\"]\ndataset = \"web\"\n[[source]]\npaths = [\"auth.log\"]\ndataset = \"auth\"\n", 0, out)
	follow := command(bin, dir, "search", "-f", "-json", "-config", "v.toml", `url.path:/^\/marker/`)
	found, err := follow.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := follow.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() { follow.Process.Kill(); follow.Wait() }()
	lines, findings := arrivals(found, `/marker(\d+)`), arrivals(printed, `acct(\d+)`)
	time.Sleep(2 * time.Second)
	access, auth := appender(b, filepath.Join(dir, "access.log")), appender(b, filepath.Join(dir, "auth.log"))
	for b.Loop() {
		sent := map[int]time.Time{}
		tick := time.NewTicker(10 * time.Millisecond)
		begin := time.Now()
		for i := 0; time.Since(begin) < written; i++ {
			<-tick.C
			at := time.Now().UTC()
			var text strings.Builder
			for k := range rate / 100 {
				path := fmt.Sprintf("/shop/item/%d", k)
				if i%10 == 0 && k == 50 {
					path = fmt.Sprintf("/marker%d", i)
				}
				fmt.Fprintf(&text, "10.1.2.%d - - [%s] \"GET %s HTTP/1.1\" 200 512 \"-\" \"Mozilla/5.0\"\n", k, at.Format("02/Jan/2006:15:04:05 -0700"), path)
			}
			sent[i] = time.Now()
			access(text.String())
			if i%every == 0 {
				auth(fmt.Sprintf("%s app01 useradd[4242]: new user: name=acct%d, UID=1001, GID=1001, home=/home/a, shell=/bin/sh, from=none\n", at.Format("2006-01-02T15:04:05.000000Z07:00"), i))
			}
		}
		tick.Stop()
		time.Sleep(5 * time.Second)
		report := func(what string, came map[int]time.Time, every int) {
			var all []time.Duration
			for i, at := range sent {
				if got, ok := came[i]; i%every == 0 && ok {
					all = append(all, got.Sub(at))
				} else if i%every == 0 {
					b.Errorf("%s %d never came", what, i)
				}
			}
			if len(all) == 0 {
				b.Fatalf("no %s came", what)
			}
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)/2].Milliseconds()), what+"-p50-ms")
			b.ReportMetric(float64(all[len(all)*99/100].Milliseconds()), what+"-p99-ms")
		}
		report("line", lines(), 10)
		report("finding", findings(), every)
		_, rss := taken(b, cmd.Process.Pid)
		b.ReportMetric(float64(rss)/(1<<20), "rss-MiB")
		b.ReportMetric(0, "ns/op")
	}
}

func appender(b *testing.B, path string) func(text string) {
	b.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { f.Close() })
	return func(text string) {
		if _, err := f.WriteString(text); err != nil {
			b.Fatal(err)
		}
	}
}

// arrivals notes when numbers come in the lines of r, until that ends; the returned function gives what came first so far.
func arrivals(r io.Reader, number string) func() map[int]time.Time {
	var mu sync.Mutex
	came, re := map[int]time.Time{}, regexp.MustCompile(number)
	go func() {
		for s := bufio.NewScanner(r); s.Scan(); {
			m := re.FindStringSubmatch(s.Text())
			if m == nil {
				continue
			}
			i, err := strconv.Atoi(m[1])
			mu.Lock()
			if err == nil && came[i].IsZero() {
				came[i] = time.Now()
			}
			mu.Unlock()
		}
	}()
	return func() map[int]time.Time {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(came)
	}
}

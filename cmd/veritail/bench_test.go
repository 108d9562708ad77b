package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/pipeline"
	"github.com/saypro/veritail/pipeline/source"
	"github.com/saypro/veritail/rules"
	"github.com/saypro/veritail/storage"
	"github.com/saypro/veritail/storage/elastic"
	"github.com/saypro/veritail/storage/embedded"
)

// benchLines is the length of the log that the benchmarks of whole commands read.
const benchLines = 1_200_000

// accessLog writes an nginx access log of n lines and returns its path and size.
func accessLog(b *testing.B, n int) (string, int64) {
	b.Helper()
	r := rand.New(rand.NewPCG(3, 3))
	path := filepath.Join(b.TempDir(), "access.log")
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	out := bufio.NewWriter(f)
	at := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for i := range n {
		status := []int{200, 200, 200, 304, 404, 500}[r.IntN(6)]
		fmt.Fprintf(out, `%d.%d.%d.%d - - [%s] "GET /shop/item/%d?ref=%d HTTP/1.1" %d %d "https://example.org/p/%d" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"`+"\n",
			11+r.IntN(190), r.IntN(256), r.IntN(256), 1+r.IntN(250), at.Add(time.Duration(i)*time.Second/20).Format("02/Jan/2006:15:04:05 -0700"),
			1+r.IntN(5000), i%90, status, 100+r.IntN(40000), i%100)
	}
	if err := errors.Join(out.Flush(), f.Close()); err != nil {
		b.Fatal(err)
	}
	return path, sizeOf(b, path)
}

// usage returns the CPU time of this process so far and its peak of resident memory in bytes.
func usage(b *testing.B) (time.Duration, int64) {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Maxrss << 10
}

// report adds what a run over lines cost to the benchmark's line.
func report(b *testing.B, lines int, cpu time.Duration) {
	_, rss := usage(b)
	b.ReportMetric(float64(lines)/cpu.Seconds(), "lines/cpu-s")
	b.ReportMetric(float64(rss)/(1<<20), "peak-MiB")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkScan is `veritail scan` of an access log: parsing, KPIs, rules.
func BenchmarkScan(b *testing.B) {
	path, size := accessLog(b, benchLines)
	s, err := loadSetup("")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	before, _ := usage(b)
	for b.Loop() {
		if _, err := scanFiles(context.Background(), s, []string{path}, configs.Auto, nil, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	after, _ := usage(b)
	report(b, b.N*benchLines, after-before)
}

// startLines is the length of a log that is short.
const startLines = 2000

// BenchmarkStart is what beginning costs: the whole program `veritail scan`, on a log that is short.
func BenchmarkStart(b *testing.B) {
	bin := program(b)
	access, _ := accessLog(b, startLines)
	for _, tc := range []struct {
		name string
		log  []byte
	}{{"nginx", read(b, access)}, {"auth", days(b, authDay, startLines)}, {"postgresql", days(b, postgresDay, startLines)}} {
		b.Run(tc.name, func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "start.log")
			if err := os.WriteFile(path, tc.log, 0o600); err != nil {
				b.Fatal(err)
			}
			least, most := time.Hour, int64(0)
			for b.Loop() {
				cmd := exec.Command(bin, "scan", "-json", path)
				if out, err := cmd.CombinedOutput(); err != nil {
					b.Fatalf("%v\n%s", err, out)
				}
				least = min(least, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
				most = max(most, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss<<10)
			}
			b.ReportMetric(float64(least.Microseconds())/1e3, "cpu-ms")
			b.ReportMetric(float64(most)/(1<<20), "peak-MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// BenchmarkRun is `veritail run` over the same log, from the file into the embedded store, until all is durable.
func BenchmarkRun(b *testing.B) {
	path, size := accessLog(b, benchLines)
	s, err := loadSetup("")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	before, _ := usage(b)
	var onDisk int64
	var took time.Duration
	for b.Loop() {
		db := filepath.Join(b.TempDir(), fmt.Sprintf("events-%d.duckdb", time.Now().UnixNano()))
		store, err := embedded.Open(context.Background(), embedded.Config{Path: db, Schema: s.schema})
		if err != nil {
			b.Fatal(err)
		}
		at := time.Now()
		runOnce(b, s, path, benchLines, store)
		took += time.Since(at)
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
		onDisk = sizeOf(b, db) + sizeOf(b, db+".wal")
	}
	after, _ := usage(b)
	report(b, b.N*benchLines, after-before)
	b.ReportMetric(float64(b.N)*benchLines/took.Seconds(), "lines/s")
	b.ReportMetric(float64(onDisk)/benchLines, "B/event")
	b.ReportMetric(float64(size)/benchLines, "B/line")
}

// runOnce follows path until all its lines are stored.
func runOnce(b testing.TB, s *setup, path string, lines int64, store storage.Store) {
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Minute)
	defer stop()
	figures, engine, err := s.stages(s.rules, rules.Config{Idle: ruleIdle, AtOnce: true})
	if err != nil {
		b.Fatal(err)
	}
	d := &daemon{cfg: &configs.Daemon{Host: "bench"}, setup: s}
	_, elsewhere := store.(*elastic.Store)
	runner := pipeline.New(pipeline.Config{
		Host: "bench", Ahead: elsewhere, Sources: []source.Pattern{{Glob: path, Dataset: "nginx.access"}},
		Decoder: d.decoder, Stages: []pipeline.Stage{figures, engine}, Store: &announcer{Store: store, out: io.Discard},
	})
	done := make(chan error, 1)
	go func() { done <- runner.Run(ctx) }()
	for at := runner.Totals(); at.Stored+at.Account.Ignored < lines; at = runner.Totals() {
		select {
		case err := <-done:
			b.Fatalf("the run ended early: %v", err)
		case <-time.After(5 * time.Millisecond):
		}
	}
	stop()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

func sizeOf(b *testing.B, path string) int64 {
	st, err := os.Stat(path)
	if os.IsNotExist(err) {
		return 0
	}
	if err != nil {
		b.Fatal(err)
	}
	return st.Size()
}

// BenchmarkReplay is `veritail replay -all` over the same log in the embedded store.
func BenchmarkReplay(b *testing.B) {
	path, _ := accessLog(b, benchLines)
	s, err := loadSetup("")
	if err != nil {
		b.Fatal(err)
	}
	store, err := embedded.Open(b.Context(), embedded.Config{Path: filepath.Join(b.TempDir(), "events.duckdb"), Schema: s.schema})
	if err != nil {
		b.Fatal(err)
	}
	runOnce(b, s, path, benchLines, store)
	d := &daemon{setup: s, store: store}
	judged := int64(0)
	for b.Loop() {
		now, _, err := d.judgeAgain(b.Context(), &replayRequest{all: true, budget: noiseBudget})
		if err != nil {
			b.Fatal(err)
		}
		judged += now.events
	}
	b.ReportMetric(float64(b.N)*benchLines/b.Elapsed().Seconds(), "stored/s")
	b.ReportMetric(float64(judged)/b.Elapsed().Seconds(), "judged/s")
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}
}

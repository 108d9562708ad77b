package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/saypro/veritail/tools/need"
)

// peerLines is about how many lines each program of BenchmarkPeers reads: so many that starting counts little, of any of them.
const peerLines = 1_000_000

// BenchmarkPeers reads the same log with `veritail scan` and with the program that people use for that kind of log, as commands,
// and compares the lines that each reads in a second of CPU time. Each prints its summary; Veritail's time includes its KPIs and all
// its rules.
func BenchmarkPeers(b *testing.B) {
	our := program(b)
	for _, tc := range []struct {
		program, format string
		log             func(*testing.B) []byte
		args            func(path string) []string
	}{
		{"goaccess", "nginx.access", func(b *testing.B) []byte {
			path, _ := accessLog(b, peerLines)
			return read(b, path)
		}, func(path string) []string {
			return []string{path, "--log-format=COMBINED", "--no-progress", "--no-global-config", "-o", filepath.Join(filepath.Dir(path), "report.json")}
		}},
		{"fail2ban-regex", "syslog.rfc3164", func(b *testing.B) []byte {
			return days(b, authDay, peerLines)
		}, func(path string) []string { return []string{path, "sshd"} }},
		{"pgbadger", "postgresql.stderr", func(b *testing.B) []byte {
			return days(b, postgresDay, peerLines)
		}, func(path string) []string {
			return []string{"-q", "-f", "stderr", "-p", "%m [%p] %q%u@%d ", "-o", filepath.Join(filepath.Dir(path), "report.html"), path}
		}},
	} {
		b.Run(tc.program, func(b *testing.B) {
			their := need.Program(b, tc.program)
			text := tc.log(b)
			lines := bytes.Count(text, []byte("\n"))
			path := filepath.Join(b.TempDir(), "peer.log")
			if err := os.WriteFile(path, text, 0o600); err != nil {
				b.Fatal(err)
			}
			theirs, ours := childTime(b, exec.Command(their, tc.args(path)...)), time.Duration(0)
			for b.Loop() {
				ours += childTime(b, exec.Command(our, "scan", path))
			}
			ours /= time.Duration(b.N)
			b.ReportMetric(float64(lines)/ours.Seconds(), "lines/cpu-s")
			b.ReportMetric(float64(lines)/theirs.Seconds(), tc.program+"-lines/cpu-s")
			b.ReportMetric(theirs.Seconds()/ours.Seconds(), "times-as-fast")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func read(b testing.TB, path string) []byte {
	b.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// A oneDay is a log of one day, which stands in each line that has a stamp.
type oneDay struct{ file, date, layout string }

var (
	authDay     = oneDay{"linux-auth/auth.log", "Nov 23 ", "Jan _2 "}
	postgresDay = oneDay{"postgres-stderr/postgresql.log", "2026-11-23 ", "2006-01-02 "}
)

// days repeats a day for as many days as that many lines take.
func days(b *testing.B, of oneDay, n int) []byte {
	b.Helper()
	text := read(b, "../../testdata/site/"+of.file)
	var out bytes.Buffer
	for i, lines := 0, 0; lines < n; i++ {
		date := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i%320).Format(of.layout)
		out.Write(bytes.ReplaceAll(text, []byte(of.date), []byte(date)))
		lines += bytes.Count(text, []byte("\n"))
	}
	return out.Bytes()
}

// childTime runs a command and returns the CPU time that it and its children used.
func childTime(b *testing.B, cmd *exec.Cmd) time.Duration {
	b.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.Discard, &out
	if err := cmd.Run(); err != nil {
		b.Fatal(fmt.Errorf("run %s: %w: %s", cmd.Path, err, out.String()))
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

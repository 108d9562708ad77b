package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/saypro/veritail/configs"
	"github.com/saypro/veritail/tools/need"
)

// peerLines is about how many lines each program of BenchmarkPeers reads.
const peerLines = 300_000

// BenchmarkPeers reads the same log with `veritail scan` and with the program that people use for that kind of log, and
// compares the lines that each reads in a second of CPU time. Veritail's time includes its KPIs and all its rules.
func BenchmarkPeers(b *testing.B) {
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
			return days(b, "linux-auth/auth.log", "Nov 23 ", "Jan _2 ")
		}, func(path string) []string { return []string{path, "sshd"} }},
		{"pgbadger", "postgresql.stderr", func(b *testing.B) []byte {
			return days(b, "postgres-stderr/postgresql.log", "2026-11-23 ", "2006-01-02 ")
		}, func(path string) []string {
			return []string{"-q", "-f", "stderr", "-p", "%m [%p] %q%u@%d ", "-o", filepath.Join(filepath.Dir(path), "report.html"), path}
		}},
	} {
		b.Run(tc.program, func(b *testing.B) {
			program := need.Program(b, tc.program)
			text := tc.log(b)
			lines := bytes.Count(text, []byte("\n"))
			path := filepath.Join(b.TempDir(), "peer.log")
			if err := os.WriteFile(path, text, 0o600); err != nil {
				b.Fatal(err)
			}
			s, err := loadSetup("")
			if err != nil {
				b.Fatal(err)
			}
			theirs := childTime(b, exec.Command(program, tc.args(path)...))
			before, _ := usage(b)
			for b.Loop() {
				if _, err := scanFiles(context.Background(), s, []string{path}, configs.Auto, nil, io.Discard); err != nil {
					b.Fatal(err)
				}
			}
			after, _ := usage(b)
			ours := (after - before) / time.Duration(b.N)
			b.ReportMetric(float64(lines)/ours.Seconds(), "lines/cpu-s")
			b.ReportMetric(float64(lines)/theirs.Seconds(), tc.program+"-lines/cpu-s")
			b.ReportMetric(theirs.Seconds()/ours.Seconds(), "times-as-fast")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func read(b *testing.B, path string) []byte {
	b.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// days repeats a log of one day, which stands in each line that has a stamp, for as many days as peerLines take.
func days(b *testing.B, name, day, layout string) []byte {
	b.Helper()
	text := read(b, "../../testdata/site/"+name)
	var out bytes.Buffer
	for i, lines := 0, 0; lines < peerLines; i++ {
		date := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i%320).Format(layout)
		out.Write(bytes.ReplaceAll(text, []byte(day), []byte(date)))
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

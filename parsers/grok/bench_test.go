package grok_test

import (
	"bytes"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/saypro/veritail/parsers/grok"
)

// cpu returns the CPU time of the process, which other work on the machine disturbs less than the clock.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkExpressions measures matching with all captures, lines split beforehand, on real logs.
func BenchmarkExpressions(b *testing.B) {
	for _, tc := range []struct{ name, expr, file string }{
		{"COMBINEDAPACHELOG", `%{COMBINEDAPACHELOG}`, "elastic-examples/apache_logs.log"},
		{"COMMONAPACHELOG", `%{COMMONAPACHELOG}`, "elastic-examples/apache_logs.log"},
		{"SYSLOGBASE", `%{SYSLOGBASE} %{GREEDYDATA:text}`, "site/linux-auth/auth.log"},
	} {
		text, err := os.ReadFile("../../testdata/" + tc.file)
		if err != nil {
			b.Fatal(err)
		}
		lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
		b.Run(tc.name, func(b *testing.B) {
			s, err := library(b).CompileSet([]string{tc.expr}, grok.Prefix)
			if err != nil {
				b.Fatal(err)
			}
			slots := make([]int32, s.Slots())
			for _, line := range lines {
				if s.Match(line, slots) < 0 {
					b.Fatalf("no match in %s", line)
				}
			}
			b.ReportAllocs()
			from := cpu()
			for b.Loop() {
				for _, line := range lines {
					s.Match(line, slots)
				}
			}
			used := cpu() - from
			n := float64(b.N) * float64(len(lines))
			b.ReportMetric(n/used.Seconds(), "lines/s")
			b.ReportMetric(float64(used.Nanoseconds())/n, "ns/line")
			b.ReportMetric(0, "ns/op")
		})
	}
}

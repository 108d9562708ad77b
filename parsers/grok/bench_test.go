package grok_test

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	vjeantet "github.com/vjeantet/grok"

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

// BenchmarkExpressions measures matching with all captures, lines split beforehand, on real logs: on the automaton, and in
// the same run on Go's regexp with the expression expanded, and on vjeantet/grok.
func BenchmarkExpressions(b *testing.B) {
	for _, tc := range []struct{ expr, file string }{
		{`%{COMBINEDAPACHELOG}`, "elastic-examples/apache_logs.log"},
		{`%{COMMONAPACHELOG}`, "elastic-examples/apache_logs.log"},
		{`%{SYSLOGBASE} %{GREEDYDATA:text}`, "site/linux-auth/auth.log"},
		{`%{HOSTNAME:client} \S+ \S+ \[%{DATA:time}\] "%{WORD:verb} %{NOTSPACE:request} HTTP/%{DATA:version}" %{INT:status} %{NOTSPACE:bytes} %{GREEDYDATA:rest}`,
			"elastic-examples/apache_logs.log"},
	} {
		text, err := os.ReadFile("../../testdata/" + tc.file)
		if err != nil {
			b.Fatal(err)
		}
		lines := bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
		name, _, _ := strings.Cut(strings.Trim(tc.expr, "%{"), "}")
		b.Run(name+"/automaton", func(b *testing.B) {
			s, err := library(b).CompileSet([]string{tc.expr}, grok.Prefix)
			if err != nil {
				b.Fatal(err)
			}
			slots := make([]int32, s.Slots())
			each(b, lines, func(line []byte) bool { return s.Match(line, slots) == 0 })
			b.ReportMetric(float64(s.Size())/1024, "KiB")
		})
		b.Run(name+"/regexp", func(b *testing.B) {
			m, err := library(b).CompilePrefix(tc.expr)
			if err != nil {
				b.Fatal(err)
			}
			expanded := grok.RegexpText(m)
			if expanded == "" {
				b.Skip("the expression has look-around, which Go's regexp lacks")
			}
			re := regexp.MustCompile(expanded)
			each(b, lines, func(line []byte) bool { return re.FindSubmatchIndex(line) != nil })
		})
		b.Run(name+"/vjeantet", func(b *testing.B) {
			ref, err := vjeantet.NewWithConfig(&vjeantet.Config{NamedCapturesOnly: true, RemoveEmptyValues: true})
			if err != nil {
				b.Fatal(err)
			}
			each(b, lines, func(line []byte) bool {
				fields, err := ref.Parse(tc.expr, string(line))
				return err == nil && len(fields) > 0
			})
		})
	}
}

// each measures match on all lines, which all have to match.
func each(b *testing.B, lines [][]byte, match func([]byte) bool) {
	b.Helper()
	for _, line := range lines {
		if !match(line) {
			b.Fatalf("no match in %s", line)
		}
	}
	b.ReportAllocs()
	from := cpu()
	for b.Loop() {
		for _, line := range lines {
			match(line)
		}
	}
	used := cpu() - from
	n := float64(b.N) * float64(len(lines))
	b.ReportMetric(n/used.Seconds(), "lines/s")
	b.ReportMetric(float64(used.Nanoseconds())/n, "ns/line")
	b.ReportMetric(0, "ns/op")
}

package parsers_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/vjeantet/grok"

	"github.com/saypro/veritail/pipeline/event"
)

// logOf names for each format a longer real log than its sample, where there is one.
var logOf = map[string]string{
	"apache.access": "apache/access.log", "apache.error": "apache/error.log", "nginx.access": "nginx/access.log.1", "nginx.error": "nginx/error.log",
	"syslog.rfc3164": "linux-auth/auth.log", "syslog.iso": "linux-auth/auth-iso.log", "syslog.rfc5424": "linux-auth/auth-rfc5424.log",
	"postgresql.stderr": "postgres-stderr/postgresql.log", "backup": "postgres-stderr/backup.log",
}

func benchText(b *testing.B, format string) []byte {
	b.Helper()
	name, ok := logOf[format]
	if !ok {
		return sample(b, format)
	}
	text, err := os.ReadFile("../testdata/site/" + name)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

func perLine(b *testing.B, lines int) {
	n := float64(b.N) * float64(lines)
	b.ReportMetric(n/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/n, "ns/line")
	b.ReportMetric(0, "ns/op") // a pass over the log says nothing
}

// BenchmarkFormats measures the whole decoder on one core: lines to events, joined and with all their fields.
func BenchmarkFormats(b *testing.B) {
	for _, format := range shipped(b).Formats() {
		b.Run(format, func(b *testing.B) {
			text := benchText(b, format)
			d := decoder(b, shipped(b), format, "x.log")
			off := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				var batch event.Batch
				d.Decode(&batch, text, off)
				off += int64(len(text))
				batch.Release()
			}
			perLine(b, bytes.Count(text, []byte("\n")))
		})
	}
}

// grokOf gives each format of grok lines an expression of its envelope that Veritail and vjeantet/grok take alike.
var grokOf = map[string]string{
	"apache.access":     `^%{COMBINEDAPACHELOG}$`,
	"apache.error":      `^\[%{HTTPDERROR_DATE:time}\] \[%{WORD:module}:%{LOGLEVEL:level}\] \[pid %{POSINT:pid}:tid %{POSINT:tid}\] %{GREEDYDATA:text}$`,
	"backup":            `^%{TIMESTAMP_ISO8601:time} backup\[%{DATA:job}\]: %{GREEDYDATA:text}$`,
	"nginx.access":      `^%{COMBINEDAPACHELOG}$`,
	"nginx.error":       `^(?P<time>%{YEAR}/%{MONTHNUM}/%{MONTHDAY} %{TIME}) \[%{WORD:level}\] %{POSINT:pid}#%{POSINT:tid}: %{GREEDYDATA:text}$`,
	"postgresql.stderr": `^(?P<time>%{YEAR}-%{MONTHNUM}-%{MONTHDAY} %{TIME}) %{WORD:zone} \[%{POSINT:pid}\] %{NOTSPACE:who} %{WORD:level}:  %{GREEDYDATA:text}$`,
	"syslog.iso":        `^%{TIMESTAMP_ISO8601:time} %{SYSLOGHOST:host} %{SYSLOGPROG}: %{GREEDYDATA:text}$`,
	"syslog.rfc3164":    `^%{SYSLOGBASE} %{GREEDYDATA:text}$`,
	"syslog.rfc5424":    `^<%{NONNEGINT:pri}>1 %{TIMESTAMP_ISO8601:time} %{NOTSPACE:host} %{NOTSPACE:app} %{NOTSPACE:pid} - -  ?%{GREEDYDATA:text}$`,
}

// BenchmarkGrok measures matching alone, with all captures, against vjeantet/grok on the same lines in the same run.
func BenchmarkGrok(b *testing.B) {
	ref, err := grok.NewWithConfig(&grok.Config{NamedCapturesOnly: true, RemoveEmptyValues: true})
	if err != nil {
		b.Fatal(err)
	}
	for _, format := range shipped(b).Formats() {
		expr, ok := grokOf[format]
		if !ok {
			continue // no grok
		}
		m, err := shipped(b).Library().Compile(expr)
		if err != nil {
			b.Fatal(err)
		}
		slots := make([]int32, 2*len(m.Captures()))
		lines := strings.Split(strings.TrimSuffix(string(benchText(b, format)), "\n"), "\n")
		matched := 0
		for _, line := range lines {
			if m.Match([]byte(line), slots) {
				matched++
			}
		}
		if matched < len(lines)/2 {
			b.Fatalf("%s: the expression takes %d of %d lines", format, matched, len(lines))
		}
		b.Run(format+"/veritail", func(b *testing.B) {
			raw := make([][]byte, len(lines))
			for i, line := range lines {
				raw[i] = []byte(line)
			}
			for b.Loop() {
				for _, line := range raw {
					m.Match(line, slots)
				}
			}
			perLine(b, len(lines))
		})
		b.Run(format+"/vjeantet", func(b *testing.B) {
			for b.Loop() {
				for _, line := range lines {
					if _, err := ref.Parse(expr, line); err != nil {
						b.Fatal(err)
					}
				}
			}
			perLine(b, len(lines))
		})
	}
}

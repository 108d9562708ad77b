package parsers_test

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vjeantet/grok"

	"github.com/saypro/veritail/parsers"
	"github.com/saypro/veritail/pipeline/event"
)

// logOf names for each format a longer real log than its sample, where there is one.
var logOf = map[string]string{
	"apache.access": "apache/access.log", "apache.error": "apache/error.log", "nginx.access": "nginx/access.log.1", "nginx.error": "nginx/error.log",
	"syslog.rfc3164": "linux-auth/auth.log", "syslog.iso": "linux-auth/auth-iso.log", "syslog.rfc5424": "linux-auth/auth-rfc5424.log",
	"postgresql.stderr": "postgres-stderr/postgresql.log", "backup": "postgres-stderr/backup.log",
	"mysql.error": "mariadb/error.log", "mysql.general": "mariadb/general.log", "mariadb.audit": "mariadb/server_audit.log", "mariadb.sql-errors": "mariadb/sql_errors.log",
}

func benchText(b *testing.B, format string) []byte {
	b.Helper()
	name, ok := logOf[format]
	if !ok {
		return long(sample(b, format))
	}
	text, err := os.ReadFile("../testdata/site/" + name)
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// long repeats a short log: what a batch costs shall not count for a few lines.
func long(text []byte) []byte {
	if text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	return bytes.Repeat(text, 1+(256<<10)/len(text))
}

// perLine runs pass, which reads text once, and reports what a line of it costs in CPU time.
func perLine(b *testing.B, text []byte, pass func()) {
	pass() // automata are built, and memory is taken, once
	b.ReportAllocs()
	before := cpu()
	for b.Loop() {
		pass()
	}
	took := cpu() - before
	n := float64(b.N) * float64(bytes.Count(text, []byte("\n")))
	b.ReportMetric(float64(b.N)*float64(len(text))/1e6/took.Seconds(), "MB/s")
	b.ReportMetric(n/took.Seconds(), "lines/s")
	b.ReportMetric(float64(took.Nanoseconds())/n, "ns/line")
	b.ReportMetric(0, "ns/op") // a pass over the log says nothing
}

// cpu returns the CPU time of the process, which other work on the machine disturbs less than the clock.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkFormats measures the whole decoder on one core: lines to events, joined and with all their fields.
func BenchmarkFormats(b *testing.B) {
	for _, format := range shipped(b).Formats() {
		b.Run(format, func(b *testing.B) {
			text := benchText(b, format)
			decodeAll(b, decoder(b, shipped(b), format, "x.log"), text)
		})
	}
}

func decodeAll(b *testing.B, d *parsers.Decoder, text []byte) {
	off := int64(0)
	perLine(b, text, func() {
		var batch event.Batch
		d.Decode(&batch, readTo(&batch, text), off)
		off += int64(len(text))
		batch.Release()
	})
}

// BenchmarkLayouts measures the same of access logs whose layout is given.
func BenchmarkLayouts(b *testing.B) {
	for _, name := range []string{"nginx-pipes", "nginx-json", "nginx-kv", "apache-dated", "apache-tabs", "apache-jsonish"} {
		b.Run(name, func(b *testing.B) {
			setting, err := os.ReadFile("../testdata/layouts/" + name + ".conf")
			if err != nil {
				b.Fatal(err)
			}
			text, err := os.ReadFile("../testdata/layouts/" + name + ".log")
			if err != nil {
				b.Fatal(err)
			}
			decodeAll(b, laidOut(b, shipped(b), "auto", string(setting)), bytes.Repeat(text, 1+(256<<10)/len(text)))
		})
	}
}

// BenchmarkJoining measures each way to put the lines of records together, with patterns that cost little.
func BenchmarkJoining(b *testing.B) {
	for _, s := range scripts {
		b.Run(s.name, func(b *testing.B) {
			var text []byte
			for len(text) < 256<<10 {
				text = append(text, s.record...)
			}
			decodeAll(b, decoder(b, s.load(b), "app", "x.log"), text)
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
		text := benchText(b, format)
		lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
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
			perLine(b, text, func() {
				for _, line := range raw {
					m.Match(line, slots)
				}
			})
		})
		b.Run(format+"/vjeantet", func(b *testing.B) {
			perLine(b, text, func() {
				for _, line := range lines {
					if _, err := ref.Parse(expr, line); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}
